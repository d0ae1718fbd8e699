"""`status`: where a run stands."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hdh_migrate.cli import board, watch_screen
from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import AT_PLAN, Batches, MetricsFile, Plan, ShowNames
from hdh_migrate.errors import Exit, MigrateError, Refused, UsageError
from hdh_migrate.results.looks import Status

if TYPE_CHECKING:
    from hdh_migrate.cli.live import Screen
    from hdh_migrate.session.desk import Desk

WATCH_SECONDS = 2.0
"""Between two looks."""


@verb(
    examples=(
        "status plan.yaml --watch",
        "status plan.yaml --check --batch pilot",
    ),
    exits=(
        Exit.REFUSED, Exit.FINDINGS, Exit.VERIFICATION_FAILED, Exit.DRIFTED, Exit.STOPPED,
        Exit.AUTH, Exit.DAMAGED,
    ),
    result=Status,
    options=AT_PLAN,
)  # fmt: skip
def status(
    task: Task,
    plan: Plan,
    *,
    batch: Batches = None,
    check: Annotated[
        bool, typer.Option("--check", help="For a monitor: few lines, and an exit code that says.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every two seconds.")] = False,
    show_names: ShowNames = False,
    metrics_file: MetricsFile = None,
) -> Exit:
    """Show who works, what is verified, waits, failed, and how long it takes; also during a run."""
    if check and watch:
        raise UsageError("--check looks once, --watch again and again: give one of them")
    if watch and metrics_file is not None:
        raise UsageError("--metrics-file is written once: give it without --watch")
    look = StatusView(task, plan, batch or (), show_names=show_names, left=not watch)
    if metrics_file is not None:
        look.measure(metrics_file)
    if watch:
        watch_on(task, look, None if task.out.as_json else _screen())
        return Exit.OK
    result = look()
    if check:
        look.ask_outside(result)
    lines = board.verdict_lines(result) if check else board.report(result)
    task.out.result(result, board.joined(lines))
    return Exit(result["check"]["exit"]) if check else Exit.OK


def _screen() -> Screen | None:
    if not sys.stdout.isatty():
        return None
    from hdh_migrate.cli.live import Screen

    return Screen()


class StatusView:
    """Computes the status anew each time; reads the plan again when its file has changed."""

    def __init__(
        self,
        task: Task,
        plan: Path,
        batches: Sequence[str],
        *,
        show_names: bool,
        left: bool = False,
    ) -> None:
        self._task, self._plan = task, plan
        self._batches, self._names, self._left = batches, show_names, left
        self._read = self._stamp()
        self._desk = self._opened()
        self._seen: Path | None = None
        """The ledger that was looked at last."""
        self.notes: list[str] = []
        """Why the plan as it was read before still counts."""

    def __call__(self) -> Status:
        """Return where the run stands now."""
        from hdh_migrate.session.views.status import status as look

        if (stamp := self._stamp()) != self._read:
            self._read = stamp
            try:
                self._desk, self.notes = self._opened(), []
            except MigrateError:
                self.notes = ["the plan's file was changed and is refused; this is the one before"]
        path = self._desk.ledger_path
        try:
            found = look(self._desk, self._batches, show_names=self._names, left=self._left)
        except UsageError as error:
            if self._seen != path or path.exists():
                raise
            raise Refused(
                f"{path}: the ledger that was watched is not there any more",
                hint="a disk that holds it may be away, or somebody moved it; give the same"
                " command again once it is back",
            ) from error
        self._seen = path
        return found

    def ask_outside(self, found: Status) -> None:
        """Ask what no ledger shows: whether it is an older copy, and whether pointers moved."""
        from hdh_migrate.session.verbs.led_elsewhere import led_elsewhere
        from hdh_migrate.session.verbs.older_copy import older_copy

        lines = led_elsewhere(self._desk, self._batches)
        if (line := older_copy(self._desk)) is not None:
            lines.append(line)
        if lines:
            check = found["check"]
            check["exit"] = check["exit"] or int(Exit.FINDINGS)
            check["why"] = [*check["why"], *lines]

    def measure(self, file: Path) -> None:
        """Write the numbers for Prometheus, of all batches."""
        from hdh_migrate.session.verbs.measuring import write_metrics

        write_metrics(self._desk, file)

    def _opened(self) -> Desk:
        from hdh_migrate.session.policy.report_files import last_bundle

        desk, out = self._task.desk(self._plan, dry=True), self._task.out
        out.given = out.given.of_bundle(last_bundle(desk.ledger_path))
        return desk

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            seen = self._plan.stat()
        except OSError:
            return None
        return seen.st_ino, seen.st_mtime_ns, seen.st_size


def watch_on(task: Task, look: StatusView, screen: Screen | None = None) -> None:
    """Show the status until stopped or stdout is closed; without a terminal, line by line."""
    task.leaves_at_once = True
    status = look()
    if screen is not None and screen.usable:
        with screen:
            status = _draw(task, look, screen, status)
        task.out.result(status, board.joined(board.headlines(status)))
        return
    while True:  # each time all of it: somebody may keep it
        task.out.result(status, board.joined([*board.report(status), *look.notes, ""]))
        if task.out.lost is not None or task.stop.wait(WATCH_SECONDS):
            return
        status = look()


def _draw(task: Task, look: StatusView, screen: Screen, status: Status) -> Status:
    """Draw one screen after another; return what the last one showed."""
    while True:
        foot = f"as of {status['at'][:19]}Z, again every {WATCH_SECONDS:.0f} s, Ctrl-C ends"
        lines = [*look.notes, foot][:1]
        try:
            screen.show(
                partial(watch_screen.screen, status, foot=lines[0], pasted=task.out.given.in_text)
            )
        except OSError:  # the terminal is gone, and with it whoever looked
            return status
        if task.stop.wait(WATCH_SECONDS):
            return status
        status = look()
