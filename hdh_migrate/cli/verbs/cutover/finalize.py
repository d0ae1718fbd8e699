"""`cutover finalize`: the point of no return."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hdh_migrate.cli.command import AsJson, Batch, NoProgress, Plan, StateDir, Task, Verbose, verb
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
        Exit.OK,
        Exit.USAGE,
        Exit.REFUSED,
        Exit.VERIFICATION_FAILED,
        Exit.STOPPED,
        Exit.APPROVAL_MISSING,
        Exit.AUTH,
        Exit.DAMAGED,
        Exit.LOCKED,
    ),
    result=CutoverFact,
)
def finalize(
    plan: Plan,
    *,
    batch: Batch,
    reason: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Why before the fallback window ends; journalled."),
    ] = None,
    as_it_is: Annotated[
        bool,
        typer.Option(
            "--as-it-is",
            help="Though objects at the target were changed or are gone; needs --reason.",
        ),
    ] = False,
    as_json: AsJson = False,
    state_dir: StateDir = None,
    no_progress: NoProgress = False,
    verbose: Verbose = 0,
) -> None:
    """THE POINT OF NO RETURN: from then on there is no rollback. Needs approvals of its own."""
    task = Task(as_json=as_json, verbose=verbose, progress=not no_progress)

    def body() -> None:
        from hdh_migrate.session.verbs import cutover as session

        def act(desk: Desk) -> CutoverFact:
            return session.finalize(desk, batch, reason, as_it_is=as_it_is)

        result = task.at_desk(plan, state_dir, act)
        task.out.say(f"*** batch {batch} IS FINAL: rollback is refused from now on ***")
        task.out.result(
            result, f"batch {batch}: {result['stage']} at {result['times']['finalized']}"
        )

    task.run(body)
