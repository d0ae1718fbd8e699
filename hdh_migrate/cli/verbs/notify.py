"""`notify`: tell those whom the plan names, now."""

from __future__ import annotations

from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import ASKING, Plan
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.results.notices import Notified


@verb(
    examples=(
        "notify plan.yaml --test",
        "notify plan.yaml --json",
    ),
    exits=(Exit.REFUSED, Exit.FINDINGS),
    result=Notified,
    options=ASKING,
)
def notify(
    task: Task,
    plan: Plan,
    *,
    test: Annotated[
        bool, typer.Option("--test", help="Send each a trial document, and nothing else.")
    ] = False,
) -> Exit:
    """Send the notices that are due to every channel that the plan names; or a test notice.

    A run does so by itself; a timer lets them know, between runs, that one was killed or that a
    credential is about to end. Exit 4: somebody did not take a document; it is sent again, or was
    given up after `keep_trying`.
    """
    from hdh_migrate.session.verbs import notifying

    desk = task.desk(plan)
    if not desk.loaded.plan.notify:
        raise UsageError(
            "the plan names no channel for notices",
            hint="add `notify` to it: hdh-migrate docs monitoring",
        )
    result = notifying.trial(desk) if test else notifying.notify(desk)
    task.out.result(result, "\n".join(_lines(result)))
    return Exit(result["exit"])


def _lines(notified: Notified) -> list[str]:
    lines = []
    for one in notified["channels"]:
        what = "trial" if notified["test"] else "new or waiting"
        line = f"{one['name']}: {what}: {one['sent']} taken"
        if one["waiting"]:
            line += f", {one['waiting']} wait"
        if one["given_up"]:
            line += f", {one['given_up']} given up"
        lines.append(line + ("" if one["why"] is None else f"; {one['why']}"))
    return lines
