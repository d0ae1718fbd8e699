"""Going back is never held up: the pointer first, whatever else cannot be read or trusted."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from hdh_migrate.clocks import Judge
from hdh_migrate.errors import MigrateError
from hdh_migrate.events.cutover import (
    CutoverBegun,
    CutoverSwitched,
    CutoverSwitching,
    PointerDescription,
    Track,
)
from hdh_migrate.evidence.signatures.signing import new_report_key
from hdh_migrate.fixity import text_digest
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy import openings
from hdh_migrate.session.policy.bound_ledger import held_ledger
from hdh_migrate.session.verbs import cutover
from hdh_migrate.wiring.targets import Network
from tests.support.quiet import Notes, WallClock
from tests.unit.session.test_gate import GOOD, PLAN, UNSEALED

OLD, NEW = "https://old.example/pmsi", "s3://hds-all/"
CUTOVER: dict[str, Any] = {
    "waivers": {"keys": ["keys/dpo.pub"]},
    "approvals": {"keys": ["keys/dpo.pub"]},
    "batches": [
        {
            "name": "all",
            "datasets": ["all"],
            "pointer": {"kind": "file", "path": "pointer.json", "key": "url", "value": NEW},
        }
    ],
    "freeze": {"kind": "statement"},
    "cutovers": [
        {
            "batch": "all",
            "smoke": {
                "credential": {"kind": "access-key", "id": "env:C_ID", "secret": "env:C_SEC"}
            },
        }
    ],
}


@pytest.fixture
def switched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A batch whose pointer was switched, on a target that is attested, its clock right."""
    monkeypatch.setenv("T_ID", "an id")
    monkeypatch.setenv("T_SECRET", "a secret")
    (tmp_path / "keys").mkdir()
    (tmp_path / "waivers").mkdir()
    (tmp_path / "data").mkdir()
    new_report_key(tmp_path / "keys", "dpo", None)
    (tmp_path / "attestation.yaml").write_text(yaml.safe_dump(GOOD))
    (tmp_path / "pointer.json").write_text(json.dumps({"url": NEW}))
    text = PLAN.partition("seal:")[0] + UNSEALED + yaml.safe_dump(CUTOVER)
    (tmp_path / "plan.yaml").write_text(text)
    desk = opened(tmp_path)
    with held_ledger(desk, Judge(desk.clock)) as ledger:
        said = {"batch": "all", "track": Track.CUTOVER}
        values = {"old_sha256": text_digest(OLD), "new_sha256": text_digest(NEW)}
        ledger.set_meta("cutover-old:cutover:all", OLD)
        for event in (
            CutoverBegun(**said, **values, pointer=PointerDescription(kind="file", guard="checked"),
                         rehearsing=False, user="ops"),
            CutoverSwitching(**said, **values, strangers=0, root="0" * 64, terms=None,
                             guard="checked", approvals=(), approved_stage="cutover"),
            CutoverSwitched(**said, late=False, found=False, guard="checked"),
        ):  # fmt: skip
            ledger.event(event)
        ledger.commit()
    return desk


def opened(folder: Path) -> Desk:
    desk = Desk.open(folder / "plan.yaml", None, Notes(), threading.Event())
    return replace(desk, clock=WallClock("2026-11-24T12:00:00.000Z"), network=Network(resolve=away))


def away(host: str) -> list[str]:
    raise AssertionError(f"{host} was asked for before the pointer went back")


def restored(desk: Desk) -> str:
    """Roll back and return why the rest could not be done."""
    with pytest.raises(MigrateError) as error:
        cutover.rollback(desk, "all")
    assert json.loads((desk.loaded.base / "pointer.json").read_text()) == {"url": OLD}
    assert "the pointer has its old value, but" in (error.value.hint or "")
    return str(error.value)


def test_a_key_for_waivers_that_cannot_be_read_holds_no_rollback_up(switched: Desk) -> None:
    (switched.loaded.base / "attestation.yaml").unlink()
    (switched.loaded.base / "keys" / "dpo.pub").unlink()
    desk = replace(switched, network=Network(resolve=lambda _: ["51.159.1.1"]))
    assert "dpo.pub" in restored(desk)


def test_a_target_that_is_not_attested_holds_no_rollback_up(switched: Desk) -> None:
    (switched.loaded.base / "attestation.yaml").unlink()
    desk = replace(switched, network=Network(resolve=lambda _: ["51.159.1.1"]))
    assert "the target may not be asked" in restored(desk)


def test_a_clock_that_is_behind_the_journal_holds_no_rollback_up(switched: Desk) -> None:
    behind = WallClock("2026-11-20T12:00:00.000Z")
    desk = replace(switched, clock=behind, network=Network(resolve=lambda _: ["51.159.1.1"]))
    assert "behind its last event" in restored(desk)


def test_a_credential_that_is_gone_holds_no_rollback_up(
    switched: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("T_SECRET")
    assert "T_SECRET" in restored(switched)


def test_openings_that_do_not_check_hold_no_rollback_up(switched: Desk) -> None:
    switched.ledger_path.with_name(openings.FILE).write_text("{}\n")
    assert openings.FILE in restored(switched)
