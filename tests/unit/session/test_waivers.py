"""Which findings a waiver covers: those that were known when it was made, to the millisecond."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from hdh_migrate.clocks import Judge, Moment
from hdh_migrate.evidence.signing import load_signer, new_report_key
from hdh_migrate.session import cutover, waivers
from hdh_migrate.session.desk import Desk
from tests.support.quiet import Notes, WallClock
from tests.unit.session.test_gate import PLAN, UNSEALED


@pytest.mark.parametrize(
    ("made_at", "found_at", "covered"),
    [
        ("2026-11-24T12:00:00Z", "2026-11-24T12:00:00.500Z", False),
        ("2026-11-24T12:00:00.500Z", "2026-11-24T12:00:00.500Z", True),
        ("2026-11-24T12:00:00.6Z", "2026-11-24T12:00:00.500Z", True),
        ("2026-11-24T12:30:00+01:00", "2026-11-24T12:00:00.000Z", False),
        ("2026-11-24T12:30:00-01:00", "2026-11-24T12:00:00.000Z", False),  # no moment in UTC
    ],
)
def test_a_waiver_covers_what_was_known_when_it_was_made(
    tmp_path: Path, made_at: str, found_at: str, *, covered: bool
) -> None:
    (tmp_path / "keys").mkdir()
    private, _ = new_report_key(tmp_path / "keys", "dpo", None)
    text = PLAN.partition("seal:")[0] + UNSEALED
    (tmp_path / "plan.yaml").write_text(f"{text}waivers: {{keys: [keys/dpo.pub]}}\n")
    desk = Desk.open(tmp_path / "plan.yaml", None, Notes(), threading.Event())
    desk = replace(desk, clock=WallClock("2026-11-24T13:30:00.000Z"))
    waivers.make(
        desk.loaded, load_signer(private, None), what="finding.vanished", reason="known",
        until="2026-11-30", now=Moment.at(made_at), by="dpo",
    )  # fmt: skip
    waived = cutover._waivers(desk, Judge(desk.clock))
    assert waived({"code": "vanished", "at": found_at}) is covered
    assert not waived({"code": "drifted", "at": found_at})
