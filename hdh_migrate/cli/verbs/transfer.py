"""`transfer`: what inventory froze, sealed and sent."""

from __future__ import annotations

from hdh_migrate.cli.command import (
    AsJson,
    Batches,
    LogTo,
    MetricsFile,
    NoProgress,
    Plan,
    StateDir,
    Task,
    Verbose,
    verb,
)
from hdh_migrate.cli.steps import Reason, TakeOver, perform_steps, why
from hdh_migrate.errors import Exit
from hdh_migrate.results.moves import Steps


@verb(
    examples=(
        "transfer plan.yaml",
        "transfer plan.yaml --batch pilot --no-progress",
    ),
    exits=(
        Exit.OK,
        Exit.REFUSED,
        Exit.FINDINGS,
        Exit.VERIFICATION_FAILED,
        Exit.DRIFTED,
        Exit.STOPPED,
        Exit.AUTH,
        Exit.DAMAGED,
        Exit.LOCKED,
        Exit.INTERRUPTED,
    ),
    result=Steps,
)
def transfer(
    plan: Plan,
    *,
    batch: Batches = None,
    take_over: TakeOver = False,
    reason: Reason = None,
    metrics_file: MetricsFile = None,
    log_file: LogTo = None,
    as_json: AsJson = False,
    state_dir: StateDir = None,
    no_progress: NoProgress = False,
    verbose: Verbose = 0,
) -> None:
    """Encrypt and send what inventory listed (and make the inventory when there is none)."""
    task = Task(as_json=as_json, verbose=verbose, progress=not no_progress, log_file=log_file)
    steps = ("inventory", "transfer")
    task.run(
        lambda: perform_steps(
            task,
            plan,
            state_dir,
            steps,
            batch or (),
            taking_over=why(reason, take_over=take_over),
            metrics_file=metrics_file,
        )
    )
