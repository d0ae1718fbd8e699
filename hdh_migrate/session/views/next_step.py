"""What to do next, as commands to be copied: from where a run stands, and from nothing else.

One command for each thing that waits for somebody, the most pressing first. What goes on by itself
waits for nobody. Commands say PLAN, and NAME, FILE or TEXT for what only people know.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hdh_migrate.clocks import seconds_of
from hdh_migrate.codes import Severity, exit_of
from hdh_migrate.errors import Exit
from hdh_migrate.results.looks import BatchStatus, NextStep, Status
from hdh_migrate.session.views.verdict import has_work

_MOST: Final = 4
"""Commands that are told: whoever did them looks again."""

_REFUSED: Final = frozenset((Exit.REFUSED, Exit.AUTH, Exit.LOCKED))

_BY_CUTOVER: Final = {
    "not started": ("cutover start", "all of it is verified"),
    "preparing": ("cutover start", "its cutover was begun"),
    "switching": ("cutover start", "only the pointer knows whether it was switched"),
    "switched": ("cutover start", "the smoke tests have not passed yet"),
    "rolling back": ("cutover rollback", "the way back was begun"),
    "decommission under way": ("decommission", "the deletion at the source was begun"),
    "decommission requested": ("decommission", "see what the source still shows: --observe"),
}
"""The verb that goes on from a stage, and why; of the others nothing presses."""


_APPROVED_NEXT: Final = {
    "not started": "cutover",
    "preparing": "cutover",
    "rolled back": "cutover",
    "fallback window": "finalize",
    "finalized": "decommission",
    "decommission under way": "decommission",
    "decommission requested": "decommission",
}
"""What is approved next at a stage; at the others nothing is."""


def next_steps(status: Status, *, reported: bool = False) -> list[NextStep]:
    """Return what somebody is to do now, the most pressing first; nothing when nothing waits.

    `reported`: runs write their own reports at their end, so nobody need ask for one.
    """
    if status["run"]["alive"] or status["course"]["waiting"] is not None:
        return []
    by_command = dict[str, NextStep]()  # what holds up several batches is said once
    for one in _steps(status, reported=reported):
        by_command.setdefault(one["command"], one)
    return list(by_command.values())[:_MOST]


def _steps(status: Status, *, reported: bool) -> Iterator[NextStep]:
    run = status["run"]
    if run["exit"] == Exit.DAMAGED:
        yield _step("ledger check PLAN", "the last run ended with damage")
        return
    if status["course"]["paused"] is not None:
        yield _step("resume PLAN", "runs are paused")
    if status["plan_changed"]:
        yield _step("plan diff PLAN", "the plan was changed since the last run")
    if status.get("open"):
        return  # what was begun for good names its own command, and holds everything else up
    refused = run["exit"] is not None and Exit(run["exit"]) in _REFUSED
    if refused and not run["over"]:
        yield _step("preflight PLAN", "the last run was refused: mend what it names, then run")
    elif work := [batch["batch"] for batch in status["batches"] if has_work(batch)]:
        window = status["course"]["window"]
        closed = window is not None and not window["open"]
        yield _step(
            "run PLAN --wait" if closed else "run PLAN", f"work is left in {', '.join(work)}"
        )
    if any(_weighs(found["code"], found["severity"]) for found in status["findings"]):
        yield _step("errors PLAN", "findings are open: what is safe, and which verb mends each")
    for batch in status["batches"]:
        yield from _of_cutover(batch, status["at"])
    through = bool(status["batches"]) and all(map(_is_through, status["batches"]))
    if through and not reported:
        yield _step("report PLAN --out DIR", "all of it is verified, and nothing is to be switched")


def _of_cutover(batch: BatchStatus, at: str) -> Iterator[NextStep]:
    cutover, name = batch["cutover"], batch["batch"]
    if cutover is None or batch["state"] != "done":
        return
    if cutover["held"] is not None:
        yield _step("hold PLAN --release", f"every switch is held {cutover['held']}")
        return
    waits, until = cutover["waits"], cutover["window_until"]
    if waits is not None and waits["why"] in {"approval", "terms"}:
        stage = "terms"
        if waits["why"] == "approval":
            lacks = bool(waits["told"]) and all(map(_of_freeze, waits["told"]))
            stage = "freeze" if lacks else _APPROVED_NEXT.get(cutover["stage"], "STAGE")
        yield _step(f"approve PLAN --batch {name} --stage {stage} --key FILE",
                    f"batch {name} waits: {'; '.join(waits['told']) or waits['why']}")  # fmt: skip
        return
    if cutover["stage"] == "fallback window" and until is not None:
        over = seconds_of(at) >= seconds_of(until)
        when = "its fallback window is over" if over else f"once its window is over ({until})"
        yield _step(f"cutover finalize PLAN --batch {name}", f"batch {name}: {when}")
    elif cutover["stage"] in _BY_CUTOVER:
        verb, why = _BY_CUTOVER[cutover["stage"]]
        yield _step(f"{verb} PLAN --batch {name}", f"batch {name}: {why}")


def _of_freeze(told: str) -> bool:
    """Return whether a line of what a start waits for is about who states that writers stopped."""
    return told.startswith("freeze")


def _is_through(batch: BatchStatus) -> bool:
    return batch["state"] == "done" and batch["cutover"] is None


def _weighs(code: str, severity: str) -> bool:
    return exit_of(code, Severity(severity)) is not Exit.OK


def _step(command: str, why: str) -> NextStep:
    return {"command": f"hdh-migrate {command}", "why": why}
