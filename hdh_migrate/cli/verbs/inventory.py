"""`inventory`: what there is to move."""

from __future__ import annotations

from hdh_migrate.cli.command import AsJson, Batches, NoProgress, Plan, StateDir, Task, Verbose, verb
from hdh_migrate.cli.steps import Refresh, perform_steps
from hdh_migrate.errors import Exit
from hdh_migrate.results.moves import AskedSteps


@verb(
    examples=(
        "inventory plan.yaml",
        "inventory plan.yaml --batch pilot --refresh",
    ),
    exits=(
        Exit.OK,
        Exit.REFUSED,
        Exit.FINDINGS,
        Exit.STOPPED,
        Exit.AUTH,
        Exit.DAMAGED,
        Exit.LOCKED,
        Exit.INTERRUPTED,
    ),
    result=AskedSteps,
)
def inventory(
    plan: Plan,
    *,
    batch: Batches = None,
    refresh: Refresh = False,
    as_json: AsJson = False,
    state_dir: StateDir = None,
    no_progress: NoProgress = False,
    verbose: Verbose = 0,
) -> None:
    """List what there is to move and freeze it; nothing is moved.

    With --refresh what was frozen before is listed again: what is new or changed waits for the next
    run, and of what is gone the target keeps what it has.
    """
    task = Task(as_json=as_json, verbose=verbose, progress=not no_progress)
    task.run(
        lambda: perform_steps(task, plan, state_dir, ("inventory",), batch or (), refresh=refresh)
    )
