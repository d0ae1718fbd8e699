"""`run`: inventory, transfer, verify and report."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.output import amount_text
from hdh_migrate.cli.parameters import MOVING, Batches, MetricsFile, Plan
from hdh_migrate.cli.steps import (
    Reason,
    Refresh,
    TakeOver,
    add_asked,
    asked_text,
    attending,
    perform_steps,
    say_next,
    states_text,
    why,
)
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.model import Step
from hdh_migrate.results.moves import AskedSteps, BatchForecast, DryRun, FullRun
from hdh_migrate.results.proofs import ReportFact
from hdh_migrate.session.asked import AskedRun
from hdh_migrate.telemetry import counted, duration_text, size_text

if TYPE_CHECKING:
    from hdh_migrate.session.desk import Desk


class Until(StrEnum):
    """The last step of a run."""

    INVENTORY = "inventory"
    TRANSFER = "transfer"
    VERIFY = "verify"
    REPORT = "report"


@verb(
    examples=(
        "run plan.yaml --dry-run",
        "run plan.yaml --batch pilot --refresh --out evidence-2026-11",
    ),
    exits=(
        Exit.REFUSED, Exit.FINDINGS, Exit.VERIFICATION_FAILED, Exit.DRIFTED, Exit.STOPPED,
        Exit.AUTH, Exit.DAMAGED, Exit.LOCKED, Exit.INTERRUPTED,
    ),
    result=AskedSteps | FullRun | DryRun,
    options=MOVING,
)  # fmt: skip
def run(
    task: Task,
    plan: Plan,
    *,
    until: Annotated[Until, typer.Option(metavar="STEP", help="The last step.")] = Until.REPORT,
    batch: Batches = None,
    refresh: Refresh = False,
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed",
            help="Try failed objects again, those too that a waiver lets go.",
        ),
    ] = False,
    code: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="With --retry-failed: only those with this code."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen; change nothing, keep nothing.")
    ] = False,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait", help="Wait for windows, days of batches and `resume`; go on by itself."
        ),
    ] = False,
    take_over: TakeOver = False,
    reason: Reason = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where the report goes.")
    ] = None,
    metrics_file: MetricsFile = None,
) -> Exit:
    """Inventory, transfer, verify and report; run it again after any stop and it goes on.

    Failed objects are tried again by every run, but for those whose findings somebody has waived.
    """
    batches = batch or ()
    again = tuple(code or ()) if retry_failed else None
    given = why(reason, take_over=take_over)
    if code and not retry_failed:
        raise UsageError("--code goes with --retry-failed")
    if again is not None and until is Until.INVENTORY:
        raise UsageError(
            "--retry-failed sends objects, and --until inventory does not: leave one out"
        )
    if dry_run:
        if refresh or retry_failed or wait or metrics_file is not None:
            hint = (
                '"inventory PLAN --refresh" lists the source again and moves nothing'
                if refresh
                else None
            )
            raise UsageError("--dry-run is about a plain run: give it alone", hint=hint)
        return _dry_run(task, plan, batches)
    steps = tuple(Step)
    if until is not Until.REPORT:
        steps = steps[: steps.index(Step(str(until))) + 1]
    asked = AskedRun(
        steps=steps, batches=tuple(batches), refresh=refresh, again=again, taking_over=given
    )
    if until is not Until.REPORT:
        if out is not None:
            raise UsageError(
                f"--out is where the report goes, and --until {until} writes none: leave one out"
            )
        return perform_steps(task, plan, asked, metrics_file=metrics_file, waits=wait)
    return _whole(task, plan, asked, out, metrics_file=metrics_file, waits=wait)


def _whole(
    task: Task,
    plan: Path,
    asked: AskedRun,
    out: Path | None,
    *,
    metrics_file: Path | None,
    waits: bool,
) -> Exit:
    from hdh_migrate.session.verbs.backup import Backups
    from hdh_migrate.session.verbs.reported import report_at_end
    from hdh_migrate.session.verbs.run import Performed, perform_with
    from hdh_migrate.session.verbs.waiting import through
    from hdh_migrate.session.views import shelf
    from hdh_migrate.session.views.last_run import recording_on

    progress = task.progress()

    def opened() -> Desk:
        desk = task.desk(plan, progress)
        if out is not None:
            shelf.earlier_bundle(out, desk.loaded.plan.migration)
            shelf.try_place(out)
        return desk

    def act(desk: Desk) -> tuple[Desk, Performed, ReportFact, bool, Exit]:
        try:
            done = perform_with(desk, asked, reported=True, known=[] if out is None else [out])
        finally:
            progress.close()
        with recording_on(desk, done.code) as kept:
            report, written = report_at_end(desk, out)
            copies = Backups(desk)
            copies.take()
            kept.code = copies.judged(done.code)
        return desk, done, report, written, kept.code

    desk, done, report, written, code = through(
        opened, act, waits=waits, early=lambda result: result[1].early,
        attending=attending(metrics_file),
    )  # fmt: skip
    full: FullRun = {
        "exit": int(code),
        "datasets": done.datasets,
        "plan_digest": desk.loaded.digest,
        "report": report,
        "report_written": written,
    }
    add_asked(full, done, asked)
    lines = [*asked_text(full), states_text(done.datasets)]
    task.out.result(
        full,
        "\n".join(lines)
        + f"\nreport: {report['folder']}"
        + ("" if written else " (of an earlier run: there is nothing to add)")
        + ("" if report["signed"] else " (draft, not evidence: the plan names no report.signer)"),
    )
    say_next(task.out, done)
    return code


def _dry_run(task: Task, plan: Path, batches: Sequence[str]) -> Exit:
    from hdh_migrate.session.verbs.dry_run import forecast

    dry = task.at_desk(plan, lambda desk: forecast(desk, batches), dry=True)
    task.out.result(dry, "\n".join(_forecast_lines(dry)))
    return Exit(dry["exit"])


def _forecast_lines(dry: DryRun) -> list[str]:
    known = "of what earlier runs left" if dry["ledger"] else "of a first run: no ledger is here"
    lines = [f"dry run {known}; nothing was written on either side, no state is kept"]
    for number, batch in enumerate(dry["batches"], 1):
        lines += [
            (
                f"{number}. batch {batch['batch']}: would be {batch['would']}"
                if batch["would"] != "nothing to do"
                else f"{number}. batch {batch['batch']}: nothing to do"
            ),
            *(f"  {line}" for line in batch["why"]),
            *_left_lines(batch),
            *(f"  note: {note}" for note in batch["notes"]),
        ]
    ends = Exit(dry["exit"])
    lines.append(f"the run would end with {int(ends)} ({ends.meaning}), as this dry run does")
    # What a batch was said to be refused for is not said twice, but for what it is.
    before = {line for batch in dry["batches"] for line in batch["why"]}
    whys = [why for place, why in enumerate(dry["why"]) if place == 0 or why not in before]
    return [*lines, *(f"  for {why}" for why in whys)]


def _left_lines(batch: BatchForecast) -> list[str]:
    sent, verified, pace = batch["sent"], batch["verified"], batch["assumed"]
    source, target = batch["requests"]["source"], batch["requests"]["target"]
    low, high = map(duration_text, (batch["seconds"]["low"], batch["seconds"]["high"]))
    lines = [
        (
            f"  to send {amount_text(batch)},"
            f" {counted(batch['parts'], 'part')}, stored as {size_text(batch['stored_bytes'])};"
            f" to read back besides {sent['objects']} ({size_text(sent['bytes'])});"
            f" verified {verified['objects']} ({size_text(verified['bytes'])})"
        ),
        (
            f"  excluded {batch['excluded']}, cannot be moved {batch['refused']}, failed before"
            f" {batch['again']}, already at the target {batch['occupied']}, of which somebody"
            f" else's {batch['conflicts']}"
        ),
    ]
    for one in batch["datasets"]:
        for left in one.get("left_behind", ()):
            reason = "" if left["reason"] is None else f": {left['reason']}"
            lines.append(
                f"  {one['dataset']}: {left['rule']} ({left['asks']}) leaves behind"
                f" {amount_text(left)}{reason}"
            )
    if batch["arrived_bytes"]:
        lines.append(f"  parts that have arrived: {size_text(batch['arrived_bytes'])}")
    if not batch["objects"] and not sent["objects"]:
        return lines
    how = "measured in earlier runs" if pace["measured"] else "assumed for the low end"
    return [
        *lines,
        "  source requests: " + ", ".join(f"{n} {kind}" for kind, n in source.items()),
        "  target requests: " + ", ".join(f"{n} {kind}" for kind, n in target.items()),
        (
            f"  time: {low} to {high}, at {size_text(pace['bytes_per_second'])}/s and"
            f" {pace['objects_per_second']} objects/s each way, {how}"
        ),
    ]
