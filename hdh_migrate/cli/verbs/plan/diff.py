"""`plan diff`: what of a plan was changed since it was bound, and which verb can do it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import AT_PLAN, Plan
from hdh_migrate.errors import Exit
from hdh_migrate.results.plans import PlanDiff

if TYPE_CHECKING:
    from hdh_migrate.results.plans import PlanChange


@verb(
    examples=("plan diff plan.yaml", "plan diff plan.yaml --json"),
    exits=(Exit.REFUSED, Exit.DAMAGED),
    result=PlanDiff,
    options=AT_PLAN,
)
def diff(task: Task, plan: Plan) -> Exit:
    """Show how a plan differs from what is bound: what, how or who; which batch, which verb.

    Exit 0: the next run takes every change; 3: some are of batches that have begun.
    """
    from hdh_migrate.session.views.plan_diff import plan_diff

    result = plan_diff(task.desk(plan, dry=True))
    task.out.result(result, _text(result))
    return Exit.OK if result["allowed"] else Exit.REFUSED


def _text(diff: PlanDiff) -> str:
    bound = ", ".join(f"{one['batch']} (revision {one['revision']})" for one in diff["bound"])
    lines = [f"bound: {bound or 'no batch'}; free: {', '.join(diff['free']) or 'no batch'}"]
    if not diff["changes"]:
        return "\n".join([*lines, "the plan is as it is bound"])
    return "\n".join([*lines, *map(_line, diff["changes"])])


def _line(change: PlanChange) -> str:
    text = f"{change['field_class']:<4}  {change['field']}: {change['change']}"
    if change["bound_by"]:
        return f"{text}\n      bound by batch {', '.join(change['bound_by'])}: {change['verb']}"
    if change["consent"]:
        who = ", ".join(change["consent"])
        more = ", and so for each" if len(change["consent"]) > 1 else ""
        return f"{text}\n      by consent alone, for batch {who}: {change['verb']}{more}"
    return f"{text}\n      free: {change['verb'] or 'the next run takes it, and journals it'}"
