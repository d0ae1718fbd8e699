"""What a monitor learns of a migration: one exit code, and a line for each reason.

Of several codes the first in `GRAVEST` counts: what is damaged, then what is locked out, then what
is wrong at the target, then that nobody works, then what is to be looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from hdh_migrate.clocks import seconds_of
from hdh_migrate.codes import Severity, exit_of
from hdh_migrate.errors import Exit
from hdh_migrate.model import Grouped
from hdh_migrate.results.courses import CourseStatus
from hdh_migrate.results.looks import BatchStatus, MonitorVerdict, Status, Work
from hdh_migrate.session.views.ages import clock_behind
from hdh_migrate.session.views.at_work import was_killed

MEANINGS: Final = {
    Exit.DAMAGED: "the ledger is damaged, or the last run ended so",
    Exit.AUTH: "the last run ended because a credential was refused, or lacks a right",
    Exit.VERIFICATION_FAILED: "the target does not hold what was sent, or did not let it be read:"
    " an open finding says so",
    Exit.DRIFTED: "the source changed: an open finding says so",
    Exit.STOPPED: "work is left that a run would do now, and no run is under way or waiting (not"
    " reported while every window is closed). Or the last run did not finish because a disk or"
    " the target was full, a store did not answer, or the machine was out of memory, threads or"
    " files",
    Exit.FINDINGS: "attention: other open findings, a cutover that waits, a last run that was"
    " refused, a plan that was changed, a pause, a hold, an older copy in the ledger's place, a"
    " pointer that somebody set since its cutover, or that cannot be read, a run without progress"
    " for two hours, a clock behind the journal's last event",
    Exit.OK: "fine: nothing is left, or a run is under way, and nothing needs attention",
}
"""The exit codes of `status --check` in the table for operators."""

GRAVEST: Final = tuple(code for code in MEANINGS if code is not Exit.OK)

SILENT_SECONDS: Final = 2 * 3600.0
"""After so long without a word in its ledger a run is looked at; listing alone can take long."""

_RESUMABLE: Final = (Exit.OK, Exit.FINDINGS, Exit.STOPPED, Exit.INTERRUPTED)
_STANDING: Final = (Exit.AUTH, Exit.DAMAGED)


def verdict(status: Status, causes: Sequence[Grouped]) -> MonitorVerdict:
    """Return the exit code of `status --check` and why, the gravest first; 0: nothing to do."""
    found = [
        *_of_the_clock(status["run"], status["at"]),
        *_of_the_run(status["run"], status["at"]),
        *_of_the_plan(status),
        *_of_a_pause(status["course"]),
        *_of_open_work(status),
        *_of_a_hold(status["held"]),
        *_of_findings(causes),
        *(reason for batch in status["batches"] for reason in _of_cutover(batch)),
        *_idle(status),
    ]
    found.sort(key=lambda reason: GRAVEST.index(reason[0]))
    return {
        "exit": int(found[0][0]) if found else 0,
        "why": [why for _, why in found],
    }


Reasons = Iterator[tuple[Exit, str]]


def _of_the_clock(work: Work, now: str) -> Reasons:
    if (why := clock_behind(work, now)) is not None:
        yield Exit.FINDINGS, why


def _of_the_run(work: Work, now: str) -> Reasons:
    if work["alive"]:
        last = work["last_word"]
        if last is not None and seconds_of(now) - seconds_of(last) > SILENT_SECONDS:
            yield Exit.FINDINGS, f"the ledger is held, and nothing was written to it since {last}"
        return
    if work["troubled"] and work["exit"] == Exit.STOPPED:
        yield Exit.STOPPED, f"the last run did not come to its end: {work['why']}"
    if work["exit"] is None or work["exit"] in _RESUMABLE or work["over"]:
        return
    ended = Exit(work["exit"])
    why = f"the last run ended with {int(ended)}: {work['why'] or ended.meaning}"
    yield (ended if ended in _STANDING else Exit.FINDINGS), why


def _of_the_plan(status: Status) -> Reasons:
    if status["plan_changed"]:
        yield Exit.FINDINGS, "the plan differs from the one this run was started with"
    if status["behind"] is not None:
        yield Exit.FINDINGS, f"the ledger here is not the newest: {status['behind']}"


def _of_open_work(status: Status) -> Reasons:
    """Return what was begun, holds up everything else, and is not going on."""
    if not status["run"]["alive"]:
        for line in status.get("open", ()):
            yield Exit.FINDINGS, line


def _of_a_pause(course: CourseStatus) -> Reasons:
    paused = course["paused"]
    if paused is not None:
        yield Exit.FINDINGS, f"runs are paused by {paused['user']} since {paused['since']}"


def _of_a_hold(held: str | None) -> Reasons:
    """Return that somebody holds what cannot be taken back, a cutover being planned or not."""
    if held is not None:
        yield Exit.FINDINGS, f"nothing that cannot be taken back goes on: held {held}"


def _of_findings(causes: Sequence[Grouped]) -> Reasons:
    for cause in causes:
        code = exit_of(cause.code, Severity(cause.severity))
        if code is not Exit.OK:
            where = "run" if cause.dataset is None else f"dataset {cause.dataset}"
            why = f"{cause.many} x {cause.code} ({where}): {cause.detail}"
            yield (Exit.FINDINGS if code is Exit.REFUSED else code), why


def _of_cutover(batch: BatchStatus) -> Reasons:
    cutover = batch["cutover"]
    if cutover is not None and cutover["waits"] is not None:
        waits = cutover["waits"]
        yield (
            Exit.FINDINGS,
            f"cutover of {batch['batch']} stopped at {waits['at']}: {waits['why']}",
        )


def _idle(status: Status) -> Reasons:
    """Return that nobody is at work though a run would have something to move, and might.

    Who waits for a window goes on by himself, and outside of one no run would move anything.
    """
    course = status["course"]
    closed = course["window"] is not None and not course["window"]["open"]
    if status["run"]["alive"] or course["waiting"] is not None or closed:
        return
    names = [batch["batch"] for batch in status["batches"] if has_work(batch)]
    if names:
        how = "the last run was killed" if was_killed(status["run"]) else "no run is under way"
        yield Exit.STOPPED, f"work is left in {', '.join(names)}, and {how}"


def has_work(batch: BatchStatus) -> bool:
    """Return whether a run would move or list something of a batch now."""
    if batch["waits"]:
        return False
    return bool(batch["amounts"]["waiting"]["objects"]) or not batch["steps"]["inventory"]["done"]
