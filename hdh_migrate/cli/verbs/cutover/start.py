"""`cutover start`: gates, freeze proof, final delta, switch, smoke tests."""

from __future__ import annotations

from hdh_migrate.cli.command import AsJson, Batch, NoProgress, Plan, StateDir, Task, Verbose, verb
from hdh_migrate.errors import Exit
from hdh_migrate.results.switches import CutoverFact


@verb(
    examples=(
        "cutover start plan.yaml --batch pilot",
        "cutover start plan.yaml --batch pilot --json --no-progress",
    ),
    exits=(
        Exit.OK,
        Exit.REFUSED,
        Exit.FINDINGS,
        Exit.VERIFICATION_FAILED,
        Exit.DRIFTED,
        Exit.STOPPED,
        Exit.APPROVAL_MISSING,
        Exit.AUTH,
        Exit.DAMAGED,
        Exit.LOCKED,
        Exit.INTERRUPTED,
    ),
    result=CutoverFact,
)
def start(
    plan: Plan,
    *,
    batch: Batch,
    as_json: AsJson = False,
    state_dir: StateDir = None,
    no_progress: NoProgress = False,
    verbose: Verbose = 0,
) -> None:
    """Check, prove the freeze, move the rest, switch, test; start again and it goes on."""
    task = Task(as_json=as_json, verbose=verbose, progress=not no_progress)

    def body() -> None:
        from hdh_migrate.session.verbs import cutover as session

        done = task.at_desk(plan, state_dir, lambda desk: session.start(desk, batch))
        final = done["times"].get("finalized")
        until = f"since {final}" if final else f"until {done['window_until']}"
        back = f"hdh-migrate cutover rollback {plan} --batch {batch}"
        task.out.result(
            done,
            f"batch {batch}: {done['stage']}, {until}\n"
            f"pointer ({done['pointer']['kind']}, guard {done['pointer']['guard']}) is switched; "
            f"way back: {'none' if final else back}",
        )

    task.run(body)
