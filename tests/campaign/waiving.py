"""Those who sign waivers: their files lie beside the plan, and the session's own code reads them.

Beside it stands a second count, made without that code: what was signed, when, and until when.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from hdh_migrate.clocks import Judge, Moment, seconds_of
from hdh_migrate.codes import Severity
from hdh_migrate.events.waivers import WaiversCounted
from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import OpenFinding
from hdh_migrate.pipeline.excused import Waived, Waivers
from hdh_migrate.plan.loader import LoadedPlan
from hdh_migrate.session.policy import waivers
from hdh_migrate.session.policy.excuses import excuses, kept_excuses
from tests.campaign.desks import shared_plan
from tests.campaign.setting import Setting
from tests.campaign.signers import DPO

LASTING = 400
DAYS = (1, 40, LASTING)
"""How long waivers last."""


@dataclass(slots=True)
class RememberedWaiver:
    """One waiver as an outsider remembers it."""

    code: str
    made_at: str
    until: str
    digest: str
    """Of what was signed."""


class Waiving:
    """Signs waivers as `waive` does, and says what counts as verbs read it."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self.signed: list[RememberedWaiver] = []
        self._asked = (0, "")
        """When waivers were last read: the step, and the day as it was judged."""

    def sign(self, *, days: int | None = None, signer: Signer = DPO) -> None:
        """Let somebody sign for what is open and not waived, for some days, or so many."""
        setting = self._setting
        ledger = setting.world.open()
        try:
            now = self._now(ledger)
            waived = excuses(self._plan(), ledger, now)
            held = {one["code"] for one in _open(ledger) if not waived(one)}
        finally:
            ledger.close()
        days = days or setting.aside.choice(DAYS)
        until = f"{datetime.fromisoformat(now.last_day) + timedelta(days=days):%Y-%m-%d}"
        for code in sorted(held):
            path, _ = waivers.make(
                self._plan(), signer, what=waivers.finding(code), reason="known", until=until,
                now=now, by="dpo",
            )  # fmt: skip
            who = "somebody without that right tries to" if signer is not DPO else "people:"
            setting.life.tell(f"{who} waive {code} until {until}")
            if signer is DPO:
                signed = base64.b64decode(json.loads(path.read_bytes())["payload"])
                digest = hashlib.sha256(signed).hexdigest()
                self.signed.append(RememberedWaiver(code, now.earliest, until, digest))

    def counting(self, ledger: SqliteLedger, judge: Judge) -> Waivers:
        """Return what reads the waivers that count, for a verb that works."""

        def read() -> Waived:
            found = kept_excuses(self._plan(), ledger, judge)
            self._asked = (self._setting.script.step, judge.now().last_day)
            return found

        return read

    def lacks(self, ledger: SqliteLedger, batch: str, *, journalled: bool = True) -> list[str]:
        """Return the codes of a batch's open findings that nobody waived, as an outsider knows.

        What the journal does not have as it was signed counts for nothing where it must be
        `journalled`. The day is that on which waivers were last read, if that was since the source
        was last listed.
        """
        step, today = self._asked
        if step <= max(self._setting.script.last.get("recount", 0), self._setting.began):
            today = self._now(ledger).last_day
        told = {
            hashlib.sha256(base64.b64decode(str(one["payload"]))).hexdigest()
            for _, event in ledger.events(WaiversCounted)
            for one in event.signed
        }
        counting = [one for one in self.signed if one.digest in told or not journalled]
        return sorted(
            found["code"]
            for found in _open(ledger)
            if found["batch"] == batch and not any(_covers(one, found, today) for one in counting)
        )

    def _now(self, ledger: SqliteLedger) -> Moment:
        return self._setting.world.context(ledger).judge.now()

    def _plan(self) -> LoadedPlan:
        return shared_plan(self._setting)


def _covers(one: RememberedWaiver, found: OpenFinding, today: str) -> bool:
    known = seconds_of(one.made_at) >= seconds_of(found["at"])
    return one.code == found["code"] and known and one.until >= today


def _open(ledger: SqliteLedger) -> list[OpenFinding]:
    return list(ledger.findings(severity=Severity.FINDING))
