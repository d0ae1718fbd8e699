"""`verify`: what was sent, read back."""

from __future__ import annotations

from hdh_migrate.cli.command import AsJson, Batches, NoProgress, Plan, StateDir, Task, Verbose, verb
from hdh_migrate.cli.steps import perform_steps
from hdh_migrate.errors import Exit
from hdh_migrate.results.moves import Steps


@verb(
    examples=(
        "verify plan.yaml",
        "verify plan.yaml --batch pilot --json",
    ),
    exits=(
        Exit.OK,
        Exit.REFUSED,
        Exit.FINDINGS,
        Exit.VERIFICATION_FAILED,
        Exit.STOPPED,
        Exit.AUTH,
        Exit.DAMAGED,
        Exit.LOCKED,
        Exit.INTERRUPTED,
    ),
    result=Steps,
)
def verify(
    plan: Plan,
    *,
    batch: Batches = None,
    as_json: AsJson = False,
    state_dir: StateDir = None,
    no_progress: NoProgress = False,
    verbose: Verbose = 0,
) -> None:
    """Read back what was sent and compare it with what was read from the source."""
    task = Task(as_json=as_json, verbose=verbose, progress=not no_progress)
    task.run(lambda: perform_steps(task, plan, state_dir, ("verify",), batch or ()))
