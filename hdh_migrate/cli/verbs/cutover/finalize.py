"""`cutover finalize`: the point of no return."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import WORKING, Batch, Plan
from hdh_migrate.errors import Exit
from hdh_migrate.results.switches import CutoverFact

if TYPE_CHECKING:
    from hdh_migrate.session.desk import Desk


@verb(
    examples=(
        "cutover finalize plan.yaml --batch pilot",
        'cutover finalize plan.yaml --batch pilot --reason "window shortened by the DPO"',
    ),
    exits=(
        Exit.REFUSED, Exit.VERIFICATION_FAILED, Exit.STOPPED, Exit.APPROVAL_MISSING, Exit.AUTH,
        Exit.DAMAGED, Exit.LOCKED,
    ),
    result=CutoverFact,
    options=WORKING,
)  # fmt: skip
def finalize(
    task: Task,
    plan: Plan,
    *,
    batch: Batch,
    reason: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Why before its window ends; the journal keeps it."),
    ] = None,
    as_it_is: Annotated[
        bool,
        typer.Option(
            "--as-it-is",
            help="Though objects at the target were changed or are gone, or the source was"
            " written to; needs --reason.",
        ),
    ] = False,
) -> None:
    """THE POINT OF NO RETURN: from then on there is no rollback. Needs approvals of its own."""
    from hdh_migrate.session.verbs import cutover as session

    def act(desk: Desk) -> CutoverFact:
        return session.finalize(desk, batch, reason, as_it_is=as_it_is)

    result = task.at_desk(plan, act)
    task.out.say(f"*** batch {batch} IS FINAL: rollback is refused from now on ***")
    task.out.result(result, f"batch {batch}: {result['stage']} at {result['times']['finalized']}")
