"""`inventory`: what there is to move."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import MOVING, Batches, MetricsFile, Plan
from hdh_migrate.cli.steps import Refresh, perform_steps
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.model import Step
from hdh_migrate.results.moves import AskedSteps, ReportCompared
from hdh_migrate.session.asked import AskedRun
from hdh_migrate.telemetry import counted


@verb(
    examples=(
        "inventory plan.yaml --batch pilot --refresh",
        "inventory plan.yaml --compare 2026/11/26/09-00-00/emc2",
    ),
    exits=(
        Exit.REFUSED, Exit.FINDINGS, Exit.VERIFICATION_FAILED, Exit.STOPPED, Exit.AUTH,
        Exit.DAMAGED, Exit.LOCKED, Exit.INTERRUPTED,
    ),
    result=AskedSteps | ReportCompared,
    options=MOVING,
)  # fmt: skip
def inventory(
    task: Task,
    plan: Plan,
    *,
    batch: Batches = None,
    refresh: Refresh = False,
    compare: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="List nothing: compare what is frozen with a report that the source wrote.",
        ),
    ] = None,
    metrics_file: MetricsFile = None,
) -> Exit | None:
    """List what there is to move and freeze the list; nothing is moved.

    With --refresh what was frozen before is listed again: what is new or changed waits for the next
    run, and of what is gone the target keeps what it has. With --compare what is frozen is held
    against an Azure Blob Inventory report, as a third count; what differs is a finding.
    """
    if compare is None:
        asked = AskedRun(steps=(Step.INVENTORY,), batches=tuple(batch or ()), refresh=refresh)
        return perform_steps(task, plan, asked, metrics_file=metrics_file)
    if refresh:
        raise UsageError("--compare lists nothing: give --refresh in a command of its own")
    if metrics_file is not None:
        raise UsageError("--compare lists nothing: status --metrics-file has the numbers")
    from hdh_migrate.session.verbs.third_count import third_count

    result = third_count(task.desk(plan), compare, list(batch or ()))
    task.out.result(result, "\n".join(_lines(result)))
    return Exit(result["exit"])


def _lines(compared: ReportCompared) -> list[str]:
    lines = [f"a report of the source, begun at {compared['taken_at']}, beside the inventory"]
    for one in compared["datasets"]:
        lines.append(
            f"dataset {one['dataset']}: {counted(one['reported']['objects'], 'object')} reported,"
            f" {counted(one['same'], 'is', 'are')} the same; {one['newer']} changed since"
        )
        if one["differences"]:
            lines.append(
                f"  {counted(one['differences'], 'differs', 'differ')}:"
                f" {one['report_only']} in the report only,"
                f" {one['inventory_only']} in the inventory only, {one['unlike']} of another size"
                f" or version, {one['twice']} told twice [report-differs]"
            )
    return lines
