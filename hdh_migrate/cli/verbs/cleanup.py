"""`cleanup`: stale multipart uploads of this plan's own."""

from __future__ import annotations

from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import ASKING, Plan
from hdh_migrate.cli.typed import typed_names
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.results.hosts import Cleaned


@verb(
    examples=(
        "cleanup plan.yaml --older-than 7d --execute",
        "cleanup plan.yaml --others pmsi",
    ),
    exits=(Exit.REFUSED, Exit.STOPPED, Exit.AUTH, Exit.LOCKED),
    result=Cleaned,
    options=ASKING,
)
def cleanup(
    task: Task,
    plan: Plan,
    *,
    older_than: Annotated[
        str,
        typer.Option("--older-than", metavar="AGE", help="Such as 90m, 24h or 7d."),
    ] = "24h",
    execute: Annotated[
        bool, typer.Option("--execute", help="Abort them; without it they are only counted.")
    ] = False,
    others: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="This dataset's, too, that the ledger did not begin."),
    ] = None,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="With --others: why; the journal keeps it.")
    ] = None,
    confirm: Annotated[
        str | None, typer.Option(metavar="NAME", help="The dataset again; else it is asked for.")
    ] = None,
) -> Exit:
    """Abort stale multipart uploads of this plan's own; a dry run by default.

    Those that this ledger did not begin are counted. They may be a consumer's, or our own from
    before the ledger was put back: learn whose they are before you end them by --others.
    """
    from hdh_migrate.session.verbs.cleanup import OthersWish, lines
    from hdh_migrate.session.verbs.cleanup import cleanup as clean

    seconds = _seconds(older_than)
    if others is None and (reason is not None or confirm is not None):
        raise UsageError("--reason and --confirm go with --others NAME")
    wish = None
    if others is not None:
        asked = execute and confirm is None
        typed = _asked(task) if asked else confirm
        wish = OthersWish(dataset=others, reason=reason, typed=typed)
    desk = task.desk(plan, task.progress())
    code, result = clean(desk, older_than=seconds, execute=execute, others=wish)
    head = [] if execute else ["dry run: nothing was aborted; --execute does it"]
    document: Cleaned = {"dry_run": not execute, "datasets": result, "exit": int(code)}
    task.out.result(document, "\n".join([*head, *lines(result, execute=execute)]))
    return code


def _asked(task: Task) -> str:
    (name,) = typed_names(
        task, ["dataset"],
        asking="what somebody may be sending is ended; type the dataset's name",
        nobody="nobody typed the name of the dataset, so nothing was aborted",
        hint="type it, or give it by --confirm NAME",
    )  # fmt: skip
    return name


def _seconds(age: str) -> float:
    """Return an age in seconds.

    Raises:
        UsageError: it is not a number with s, m, h or d after it.
    """
    number, unit = age[:-1], age[-1:]
    if not number.isdecimal() or len(number) > 6 or unit not in _UNITS:
        raise UsageError("--older-than takes an age such as 90m, 24h or 7d")
    return int(number) * _UNITS[unit]


_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
