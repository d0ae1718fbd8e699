"""`fence`: who writes at the target."""

from __future__ import annotations

from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import ASKING, Plan
from hdh_migrate.cli.steps import Reason, TakeOver, why
from hdh_migrate.errors import Exit, Fenced, UsageError
from hdh_migrate.results.hosts import Fence, Fences


@verb(
    examples=(
        "fence plan.yaml",
        'fence plan.yaml --take-over --reason "the other machine burned"',
    ),
    exits=(Exit.REFUSED, Exit.STOPPED, Exit.AUTH, Exit.DAMAGED, Exit.LOCKED),
    result=Fences,
    options=ASKING,
)  # fmt: skip
def fence(
    task: Task,
    plan: Plan,
    *,
    take_over: TakeOver = False,
    reason: Reason = None,
    release: Annotated[
        bool, typer.Option("--release", help="Say that this ledger is done writing.")
    ] = False,
) -> Exit:
    """Show which ledger writes in each target bucket; take that over, or let go of it.

    One ledger alone writes: each run says so in an object under .hdh-migrate-fence/ of each bucket.
    Another copy of the ledger is refused (11) until somebody says that the first is gone for good.
    """
    from hdh_migrate.session.verbs import fence as verbs

    given = why(reason, take_over=take_over)
    if release and take_over:
        raise UsageError("--release and --take-over are given alone; nothing was touched")
    desk = task.desk(plan, task.progress())
    if given is not None:
        result = verbs.take_over(desk, given)
    else:
        result = verbs.release(desk) if release else verbs.show(desk)
    task.out.result(result, "\n".join(map(_line, result["fences"])))
    if given is None and not release and result["exit"] != Exit.OK:
        task.out.say(f"hint: {Fenced.default_hint}")
    return Exit(result["exit"])


def _line(one: Fence) -> str:
    if one["against"] is not None:
        return one["against"]
    if one["state"] is None:
        return f"bucket {one['bucket']}: nobody has written here yet"
    return (
        f"bucket {one['bucket']}: {'this ledger' if one['ours'] else 'another ledger'},"
        f" {one['state']}, host {one['host']}, pid {one['pid']}, since {one['since']},"
        f" epoch {one['epoch']}"
    )
