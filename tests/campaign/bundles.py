"""Reports of a life: signed bundles, written by the session's own code, as auditors take them.

Both verifiers must take each of them, and what it tells must be what an outsider knows who saw
everything, and saw the journal after every process.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

from hdh_migrate.errors import EvidenceDamaged
from hdh_migrate.evidence.check import check_bundle
from hdh_migrate.pipeline.decommission.erasing import GONE
from hdh_migrate.pipeline.projections.standing import CutoverStage
from hdh_migrate.session.verbs.report import write_report
from tests.campaign.desks import desk_of
from tests.campaign.life import Broken
from tests.campaign.packs import is_pack
from tests.campaign.setting import AT_TARGET, NOT_SWITCHED, OTHER, Setting
from tests.campaign.signers import OPERATOR
from tests.support import second_verifier
from tests.support.cutover import BATCH, NEW, OLD

MATCH = "match"
DELETED = frozenset({CutoverStage.REQUESTED, CutoverStage.OBSERVED})
"""Stages in which all of a batch was deleted at the source."""


class Bundles:
    """Writes reports, and audits each as soon as it is there."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self.written: list[Path] = []
        """Folders of those that both verifiers took."""

    def write(self) -> Path:
        """Write a report of all that the ledger of the machine that acts knows; return its folder.

        Raises:
            Broken: a verifier does not take it, or it tells what is not so.
        """
        folder = self._setting.folder / "reports" / str(self._setting.script.step)
        try:
            write_report(desk_of(self._setting), folder)
        except EvidenceDamaged as error:
            raise Broken(f"a report cannot be written: {error}") from error
        with self._setting.script.undisturbed():
            self._audit(folder)
        self.written.append(folder)
        return folder

    def demand_whole(self, folder: Path, keys: Collection[str]) -> None:
        """Demand that a report proves these objects of the source."""
        told = {one["key"] for one in _lines(folder, "manifest") if one["verdict"] == MATCH}
        if lacks := set(keys) - told:
            raise Broken(f"a report without trouble does not prove {min(lacks)}")

    def _audit(self, folder: Path) -> None:
        key = OPERATOR.verifier
        if problems := check_bundle(folder, [key]):
            raise Broken(f"the verifier does not take a report: {problems[0]}")
        trusted = {key.fingerprint: (key.public, None)}
        if problems := second_verifier.verify(folder, trusted, 1):
            raise Broken(f"the second verifier does not take a report: {problems[0]}")
        self._demand_proved(folder)
        self._demand_findings(folder)
        self._demand_journal(folder)
        self._demand_cutover(folder)

    def _demand_proved(self, folder: Path) -> None:
        """Demand that each object that is called a match is one, to the bytes of its version."""
        setting = self._setting
        for line in _lines(folder, "manifest"):
            key, version = line["key"], line["source_version"]
            erased = setting.dataset_of(key).name in setting.host.erased
            if line["verdict"] != MATCH or is_pack(key) or erased:
                continue
            known = setting.bytes.get((key, version), ())
            if line["sha256"] not in {hashlib.sha256(one).hexdigest() for one in known}:
                raise Broken(f"a report calls {key} a match with bytes that it never had")
            if key not in setting.harmed and not setting.holds(key, version):
                raise Broken(f"a report calls {key} a match and it is none")

    def _demand_findings(self, folder: Path) -> None:
        """Demand that every open finding is told, and no other one."""
        told = Counter((one["code"], one["key"]) for one in _lines(folder, "findings"))
        if told != Counter(self._setting.world.findings()):
            raise Broken("a report tells other findings than are open")

    def _demand_journal(self, folder: Path) -> None:
        """Demand that every event is told that was there after the last process."""
        told = [bytes.fromhex(one["digest"]) for one in _lines(folder, "journal")]
        known = self._setting.host.journal
        if told[: len(known)] != known:
            raise Broken("a report leaves out an event of the journal")

    def _demand_cutover(self, folder: Path) -> None:
        """Demand that it tells where consumers are led, and each deletion at the source."""
        setting, told = self._setting, CutoverStage.NONE
        outcomes = Counter[str]()
        for one in _predicate(folder)["cutovers"]:
            if one["batch"] == BATCH and one["track"] == "cutover":
                told, outcomes = (
                    CutoverStage(one["stage"]),
                    Counter(one["decommission"]["outcomes"]),
                )
        if len(setting.hosts) > 1 or setting.switched_by not in (None, setting.host):
            return  # another machine may have done it
        gone = outcomes["deleted"] + outcomes["missing"] + outcomes[GONE]
        if told in DELETED and gone < len(setting.erased):
            raise Broken(f"a report tells {gone} deletions, there were {len(setting.erased)}")
        if setting.erased and told not in {*DELETED, CutoverStage.ERASING}:
            raise Broken(f"a report tells {told}, and objects were deleted")
        places = {NEW} if told in AT_TARGET else {OLD, OTHER} if told in NOT_SWITCHED else None
        if places and not setting.pointer_touched and setting.pointer.value not in places:
            raise Broken(f"a report tells {told}, and the pointer does not")


def _lines(folder: Path, name: str) -> list[dict[str, Any]]:
    text = (folder / f"{name}.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def _predicate(folder: Path) -> dict[str, Any]:
    statement = json.loads((folder / "statement.json").read_bytes())
    found: dict[str, Any] = json.loads(base64.b64decode(statement["payload"]))["predicate"]
    return found
