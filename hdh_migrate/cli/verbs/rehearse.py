"""`rehearse`: the whole cutover on a canary pointer, and back."""

from __future__ import annotations

from typing import Any

from hdh_migrate.cli.command import AsJson, Batch, NoProgress, Plan, StateDir, Task, Verbose, verb
from hdh_migrate.errors import Exit


@verb(
    examples=(
        "rehearse plan.yaml --batch pilot",
        "rehearse plan.yaml --batch pilot --json",
    ),
    exits=(
        Exit.OK,
        Exit.USAGE,
        Exit.REFUSED,
        Exit.VERIFICATION_FAILED,
        Exit.DRIFTED,
        Exit.STOPPED,
        Exit.AUTH,
        Exit.DAMAGED,
        Exit.LOCKED,
    ),
)
def rehearse(
    plan: Plan,
    *,
    batch: Batch,
    as_json: AsJson = False,
    state_dir: StateDir = None,
    no_progress: NoProgress = False,
    verbose: Verbose = 0,
) -> None:
    """Play the whole cutover on the canary pointer and back; the source is only read."""
    task = Task(as_json=as_json, verbose=verbose, progress=not no_progress)

    def body() -> Exit:
        from hdh_migrate.session import cutover as session

        told = task.at_desk(plan, state_dir, lambda desk: session.rehearse(desk, batch))
        task.out.result(told, "\n".join(_rehearsed(told)))
        return Exit.OK if told["ok"] else Exit.VERIFICATION_FAILED

    task.run(body)


def _rehearsed(told: dict[str, Any]) -> list[str]:
    lines = [f"batch {told['batch']}: {'rehearsed' if told['ok'] else 'THE REHEARSAL FAILED'}"]
    if told["failed"]:
        lines.append(told["failed"])
    for what, same in told["same"].items():
        lines.append(f"  {what}: {'the same' if same else 'DIFFERENT'} before and after")
    found = told["a_start_would_find"]
    moves = ", ".join(f"{count} {what}" for what, count in found["to_move"].items())
    lines.append(f"  a start would find: {moves} at the source")
    lines += [f"  a start would find: {line}" for line in found["approvals"]]
    return lines
