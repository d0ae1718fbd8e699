"""`rehearse`: the whole cutover on a canary pointer, and back."""

from __future__ import annotations

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import WORKING, Batch, Plan
from hdh_migrate.errors import Exit
from hdh_migrate.results.switches import Rehearsed


@verb(
    examples=(
        "rehearse plan.yaml --batch pilot",
        "rehearse plan.yaml --batch pilot --json",
    ),
    exits=(
        Exit.REFUSED, Exit.VERIFICATION_FAILED, Exit.DRIFTED, Exit.STOPPED, Exit.AUTH, Exit.DAMAGED,
        Exit.LOCKED,
    ),
    result=Rehearsed,
    options=WORKING,
)  # fmt: skip
def rehearse(
    task: Task,
    plan: Plan,
    *,
    batch: Batch,
) -> Exit:
    """Try the whole cutover on the canary, a pointer that nobody follows; only reads the source."""
    from hdh_migrate.session.verbs import cutover as session

    result = task.at_desk(plan, lambda desk: session.rehearse(desk, batch))
    task.out.result(result, "\n".join(_rehearsed(result)))
    return Exit.OK if result["ok"] else Exit.VERIFICATION_FAILED


def _rehearsed(rehearsed: Rehearsed) -> list[str]:
    lines = [
        f"batch {rehearsed['batch']}: {'rehearsed' if rehearsed['ok'] else 'THE REHEARSAL FAILED'}"
    ]
    if rehearsed["failed"]:
        lines.append(rehearsed["failed"])
    same = rehearsed["same"]
    for what, kept in (
        ("pointer", same["pointer"]), ("source", same["source"]), ("target", same["target"]),
    ):  # fmt: skip
        lines.append(f"  {what}: {'the same' if kept else 'DIFFERENT'} before and after")
    found = rehearsed["a_start_would_find"]
    to_move = found["to_move"]
    lines.append(
        f"  a start would find: {to_move['new']} new, {to_move['changed']} changed,"
        f" {to_move['vanished']} vanished at the source"
    )
    lines += [f"  a start would find: {line}" for line in found["approvals"]]
    return lines
