"""`cutover start`: gates, freeze proof, final delta, switch, smoke tests."""

from __future__ import annotations

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import WORKING, Batch, Plan
from hdh_migrate.errors import Exit
from hdh_migrate.results.switches import CutoverFact


@verb(
    examples=(
        "cutover start plan.yaml --batch pilot",
        "cutover start plan.yaml --batch pilot --json --no-progress",
    ),
    exits=(
        Exit.REFUSED, Exit.FINDINGS, Exit.VERIFICATION_FAILED, Exit.DRIFTED, Exit.STOPPED,
        Exit.APPROVAL_MISSING, Exit.AUTH, Exit.DAMAGED, Exit.LOCKED, Exit.INTERRUPTED,
    ),
    result=CutoverFact,
    options=WORKING,
)  # fmt: skip
def start(
    task: Task,
    plan: Plan,
    *,
    batch: Batch,
) -> None:
    """Check, prove the freeze, move the rest, switch, test; start again and it goes on."""
    from hdh_migrate.session.verbs import cutover as session

    done = task.at_desk(plan, lambda desk: session.start(desk, batch))
    final = done["times"].get("finalized")
    until = f"since {final}" if final else f"until {done['window_until']}"
    back = f"hdh-migrate cutover rollback {plan} --batch {batch}"
    task.out.result(
        done,
        f"batch {batch}: {done['stage']}, {until}\n"
        f"pointer ({done['pointer']['kind']}) is switched; "
        f"way back: {'none' if final else back}",
    )
