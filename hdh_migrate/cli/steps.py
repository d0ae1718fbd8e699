"""Carry out steps of a plan and report on them: shared by inventory, transfer, verify and run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from hdh_migrate.cli.command import Task
from hdh_migrate.cli.output import Output
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.results import Amount
from hdh_migrate.results.moves import AskedSteps, DatasetStates, RefreshFound, RefreshPass
from hdh_migrate.session.asked import AskedRun
from hdh_migrate.telemetry import counted, size_text

if TYPE_CHECKING:
    from hdh_migrate.session.desk import Desk
    from hdh_migrate.session.verbs.attended import Audience
    from hdh_migrate.session.verbs.run import Performed

_PASSES_SHOWN = 3

T = TypeVar("T")

Refresh = Annotated[
    bool,
    typer.Option("--refresh", help="List again what was listed before: new, changed, gone."),
]


TakeOver = Annotated[
    bool,
    typer.Option(
        "--take-over", help="Write although another ledger, or another copy, holds the target."
    ),
]
Reason = Annotated[
    str | None,
    typer.Option("--reason", metavar="TEXT", help="With --take-over: why; the journal keeps it."),
]
REASON_MAX = 500


def why(reason: str | None, *, take_over: bool) -> str | None:
    """Return why somebody takes over; None: nobody does.

    Raises:
        UsageError: one of the two is given without the other.
    """
    if take_over and (reason is None or not reason.strip() or len(reason) > REASON_MAX):
        raise UsageError(f"--take-over needs a --reason of up to {REASON_MAX} characters")
    if reason is not None and not take_over:
        raise UsageError("--reason goes with --take-over")
    return reason


def perform_steps(
    task: Task,
    plan: Path,
    asked: AskedRun,
    *,
    metrics_file: Path | None = None,
    waits: bool = False,
) -> Exit:
    """Carry out what is asked for and print where each dataset stands.

    Who `waits` goes on by itself when a window opens, a pause ends, or a batch's day has come.
    """
    from hdh_migrate.session.verbs.run import perform_with
    from hdh_migrate.session.verbs.waiting import through

    def act(desk: Desk) -> tuple[Performed, str]:
        try:
            done = perform_with(desk, asked)
        finally:
            progress.close()
        return done, desk.loaded.digest

    progress = task.progress()
    done, digest = through(
        lambda: task.desk(plan, progress), act,
        waits=waits, early=lambda done: done[0].early, attending=attending(metrics_file),
    )  # fmt: skip
    result: AskedSteps = {"exit": int(done.code), "datasets": done.datasets, "plan_digest": digest}
    add_asked(result, done, asked)
    task.out.result(result, "\n".join([*asked_text(result), states_text(done.datasets)]))
    say_next(task.out, done)
    return done.code


def say_next(out: Output, done: Performed) -> None:
    """Say which verb tells more of what a run ends with, or does what is left."""
    code = done.code
    if code not in {Exit.FINDINGS, Exit.VERIFICATION_FAILED, Exit.DRIFTED}:
        return
    ends = f"note: ends with {int(code)} ({code.meaning})"
    if done.open:
        out.say(
            f'{ends}: "hdh-migrate errors PLAN" says what is open, what is safe, and which verb'
            " mends it"
        )
    elif done.behind:
        out.say(f'{ends}: "hdh-migrate run PLAN" goes through every step that is left')


def attend(act: Callable[[Desk], T], metrics_file: Path | None) -> Callable[[Desk], T]:
    """Return what acts at a desk while others look on."""

    def attended_act(desk: Desk) -> T:
        with attending(metrics_file)(desk):
            return act(desk)

    return attended_act


def attending(metrics_file: Path | None) -> Callable[[Desk], AbstractContextManager[None]]:
    """Return what lets others look on at a desk, for as long as it is open."""

    def watched(desk: Desk) -> AbstractContextManager[None]:
        from hdh_migrate.session.verbs.attended import attended

        return attended(desk, audience_of(desk, metrics_file))

    return watched


def audience_of(desk: Desk, metrics_file: Path | None) -> Audience:
    """Return whom a command tells besides the one who started it."""
    from hdh_migrate.cli.log_file import LoggedProgress
    from hdh_migrate.session.verbs.attended import Audience

    progress = desk.progress
    happened = progress.happened if isinstance(progress, LoggedProgress) else None
    return Audience(metrics_file=metrics_file, happened=happened)


def add_asked(result: AskedSteps, done: Performed, asked: AskedRun) -> None:
    """Add to a result what it has besides, because it was asked for."""
    if asked.refresh:
        result["refreshes"] = done.refreshes
    if asked.again is not None:
        result["retried"] = done.retried


def asked_text(asked: AskedSteps) -> list[str]:
    """Return a line for each batch that was listed again, and one for what was tried again."""
    lines = [line for one in asked.get("refreshes", ()) for line in _refresh_lines(one)]
    if "refreshes" in asked and not lines:
        lines.append(
            "no batch was listed again: only those are that were listed before and are not cut over"
        )
    if (retried := asked.get("retried")) is not None:
        codes = ", ".join(f"{count} {code}" for code, count in sorted(retried.items()))
        what = f"{counted(sum(retried.values()), 'failed object')} tried again ({codes})"
        lines.append(what if retried else "no failed object was there to try again")
    return lines


def _refresh_lines(done: RefreshPass) -> Iterator[str]:
    yield (
        f"{done['batch']}: pass {done['number']}, {_amount_text(done['listed'])} at the source:"
        f" {_found_text(done)}"
    )
    for earlier in done["before"][-_PASSES_SHOWN:]:
        ended = f", {earlier['ended']}" if earlier["ended"] is not None else " (stopped)"
        yield f"  pass {earlier['number']}{ended}: {_found_text(earlier)}"


def _found_text(counts: RefreshFound) -> str:
    left = counts["left"]["objects"]
    kinds: tuple[Literal["new", "changed", "vanished"], ...] = ("new", "changed", "vanished")
    found = ", ".join(f"{counts[kind]['objects']} {kind}{_size(counts[kind])}" for kind in kinds)
    return found + (f", of which {left} had not been moved" if left else "")


def _amount_text(amount: Amount) -> str:
    return f"{counted(amount['objects'], 'object')}{_size(amount)}"


def _size(amount: Amount) -> str:
    return f" ({size_text(amount['bytes'])})" if amount["objects"] else ""


def states_text(datasets: Sequence[DatasetStates]) -> str:
    """Return objects and bytes by state, a line for each dataset."""
    lines = []
    for row in datasets:
        states = ", ".join(
            f"{count['objects']} {name} ({size_text(count['bytes'])})"
            for name, count in row["states"].items()
        )
        lines.append(f"{row['batch']} / {row['dataset']}: {states or 'no object'}")
    return "\n".join(lines)
