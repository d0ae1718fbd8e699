"""`hold`: nobody switches for now."""

from __future__ import annotations

from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import AT_PLAN, Plan
from hdh_migrate.errors import Exit
from hdh_migrate.results.switches import Held


@verb(
    examples=(
        'hold plan.yaml --reason "ward 3 still writes"',
        "hold plan.yaml --release",
    ),
    exits=(Exit.REFUSED, Exit.STOPPED, Exit.LOCKED),
    result=Held,
    options=AT_PLAN,
)
def hold(
    task: Task,
    plan: Plan,
    *,
    release: Annotated[bool, typer.Option("--release", help="Let go instead.")] = False,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Told to who starts.")] = "",
) -> None:
    """Stop every switch and deletion of this plan, also one under way; or let them go on."""
    from hdh_migrate.session.verbs import hold as holding

    desk = task.desk(plan)
    if release:
        was = holding.release(desk)
        text = f"let go; it was held {was}" if was else "nobody held it"
        let_go: Held = {"held": None, "was": was}
        task.out.result(let_go, text)
    else:
        held = holding.hold(desk, reason)
        result: Held = {"held": held}
        task.out.result(result, f"held {held}")
