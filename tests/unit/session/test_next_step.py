"""What `status` says is to be done next, from where a run stands."""

from __future__ import annotations

from typing import Any

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.results.looks import BatchStatus
from hdh_migrate.session.views.next_step import next_steps
from tests.support.standing import BUSY, FREE, IDLE, NOW, batch, standing

LEFT = batch("all", "begun", verified=1, waiting=2)
CLOSED: Any = {**FREE, "window": {"zone": "UTC", "open": False, "closes": None, "opens": None}}
PAUSED: Any = {**FREE, "paused": {"user": "ops@here", "since": NOW, "reason": None}}
WAITED_FOR: Any = {**FREE, "waiting": {"pid": 1, "host": "h", "since": None}}


def ended(code: Exit) -> Any:
    return {**IDLE, "exit": int(code)}


def found(code: str, severity: str = "finding") -> Any:
    return {"code": code, "severity": severity, "dataset": "d", "detail": "it", "count": 3}


def at(stage: str, **more: Any) -> BatchStatus:
    told: Any = {"stage": stage, "since": None, "waits": None, "held": None, "window_until": None}
    told |= more
    return {**batch("all", verified=3), "cutover": told}


APPROVAL = {"at": NOW, "why": "approval", "told": ["1 more approval is needed"]}
UNSTATED = {**APPROVAL, "told": ["freeze: 1 more approval is needed", "freeze: not counted: x"]}
BOTH = {**APPROVAL, "told": [*APPROVAL["told"], *UNSTATED["told"]]}


@pytest.mark.parametrize(
    ("status", "commands"),
    [
        (standing(LEFT), ["run PLAN"]),
        (standing(LEFT, work=ended(Exit.INTERRUPTED)), ["run PLAN"]),
        (standing(LEFT, course=CLOSED), ["run PLAN --wait"]),
        (standing(LEFT, work=BUSY), []),
        (standing(LEFT, course=WAITED_FOR), []),
        (standing(LEFT, course=PAUSED), ["resume PLAN", "run PLAN"]),
        (standing(LEFT, work=ended(Exit.AUTH)), ["preflight PLAN"]),
        (standing(LEFT, work=ended(Exit.REFUSED)), ["preflight PLAN"]),
        (standing(LEFT, work=ended(Exit.DAMAGED)), ["ledger check PLAN"]),
        (standing(LEFT, plan_changed=True), ["plan diff PLAN", "run PLAN"]),
        (standing(LEFT, findings=[found("denied")]), ["run PLAN", "errors PLAN"]),
        (standing(batch("all"), findings=[found("vanished-kept", "note")]),
         ["report PLAN --out DIR"]),
        (standing(batch("all", verified=3)), ["report PLAN --out DIR"]),
        (standing(batch("b", "held back", "needs a", held_back=3)), []),
        (standing(LEFT, open=["erase of d goes on with: erase PLAN"]), []),
        (standing(at("not started")), ["cutover start PLAN --batch all"]),
        (standing(at("preparing", waits=APPROVAL)),
         ["approve PLAN --batch all --stage cutover --key FILE"]),
        (standing(at("preparing", waits=UNSTATED)),
         ["approve PLAN --batch all --stage freeze --key FILE"]),
        (standing(at("preparing", waits=BOTH)),
         ["approve PLAN --batch all --stage cutover --key FILE"]),
        (standing(at("rolled back", waits=APPROVAL)),
         ["approve PLAN --batch all --stage cutover --key FILE"]),
        (standing(at("fallback window", waits=APPROVAL)),
         ["approve PLAN --batch all --stage finalize --key FILE"]),
        (standing(at("finalized", waits=APPROVAL)),
         ["approve PLAN --batch all --stage decommission --key FILE"]),
        (standing(at("not started", held="by ops"), at("preparing", held="by ops")),
         ["hold PLAN --release"]),
        (standing(at("not started", held="by ops")), ["hold PLAN --release"]),
        (standing(at("rolling back")), ["cutover rollback PLAN --batch all"]),
        (standing(at("fallback window", window_until="2026-11-27T10:00:00Z")),
         ["cutover finalize PLAN --batch all"]),
        (standing(at("finalized")), []),
        (standing(at("decommission under way")), ["decommission PLAN --batch all"]),
    ],
)  # fmt: skip
def test_what_waits_for_somebody_is_told_as_a_command(status: Any, commands: list[str]) -> None:
    assert [one["command"] for one in next_steps(status)] == [f"hdh-migrate {x}" for x in commands]


def test_a_report_that_runs_write_by_themselves_is_not_asked_for() -> None:
    status: Any = standing(batch("all", verified=3))
    assert next_steps(status, reported=True) == []
    assert next_steps(status) != []


@pytest.mark.parametrize(
    ("until", "why"),
    [
        ("2026-11-26T09:00:00Z", "batch all: its fallback window is over"),
        ("2026-11-27T09:00:00Z", "batch all: once its window is over (2026-11-27T09:00:00Z)"),
    ],
)
def test_a_switched_batch_is_told_when_it_may_be_final(until: str, why: str) -> None:
    (one,) = next_steps(standing(at("fallback window", window_until=until)))
    assert one["why"] == why
