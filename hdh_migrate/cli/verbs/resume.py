"""`resume`: paused runs may go on."""

from __future__ import annotations

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.hours import heard_by
from hdh_migrate.cli.parameters import AT_PLAN, Plan
from hdh_migrate.errors import Exit
from hdh_migrate.results.courses import InstructionGiven


@verb(
    examples=("resume plan.yaml", "resume plan.yaml --json"),
    exits=(Exit.REFUSED, Exit.STOPPED, Exit.DAMAGED, Exit.LOCKED),
    result=InstructionGiven,
    options=AT_PLAN,
)
def resume(task: Task, plan: Plan) -> None:
    """Let a paused run go on within two seconds, or the next one begin."""
    from hdh_migrate.model import InstructionKind
    from hdh_migrate.session.verbs.instruct import demand_heard, instruct

    desk = task.desk(plan)
    result = instruct(desk, InstructionKind.RESUME)
    demand_heard(desk, result)
    task.out.result(result, _text(result))


def _text(given: InstructionGiven) -> str:
    if given["said"] is None:
        return "nobody had paused it"
    who = heard_by(given)
    if who is None:
        return "runs may go on; none is under way, and none waits: the next one may begin"
    return f"{who} goes on as soon as windows and dates of batches let it"
