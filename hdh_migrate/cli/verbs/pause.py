"""`pause`: runs begin nothing more for now."""

from __future__ import annotations

from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.hours import heard_by
from hdh_migrate.cli.parameters import AT_PLAN, Plan
from hdh_migrate.errors import Exit
from hdh_migrate.results.courses import InstructionGiven


@verb(
    examples=(
        "pause plan.yaml",
        'pause plan.yaml --reason "the line is needed for a transfer of scans"',
    ),
    exits=(Exit.REFUSED, Exit.STOPPED, Exit.DAMAGED, Exit.LOCKED),
    result=InstructionGiven,
    options=AT_PLAN,
)
def pause(
    task: Task,
    plan: Plan,
    *,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why; the journal keeps it.")
    ] = None,
) -> None:
    """Pause the run under way or that waits, within two seconds, or the next one; see `resume`.

    What the run has begun it may finish for two seconds; then it gives the ledger back and waits.
    Without a run under way, the next one ends at once with exit 7, unless it has --wait.
    """
    from hdh_migrate.model import InstructionKind
    from hdh_migrate.session.verbs.instruct import demand_heard, instruct

    desk = task.desk(plan)
    result = instruct(desk, InstructionKind.PAUSE, reason=reason)
    demand_heard(desk, result)
    who = heard_by(result)
    heard = "no run is under way: the next one does not begin"
    if who is not None:
        heard = f"{who} begins nothing more"
    task.out.result(result, f'paused: {heard}; "hdh-migrate resume PLAN" lets it go on')
