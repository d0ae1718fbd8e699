"""`amend`: change what a batch is that has begun; without --execute only what it would mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.output import visible
from hdh_migrate.cli.parameters import AT_PLAN, Batch, Plan, ShowNames
from hdh_migrate.errors import Exit
from hdh_migrate.results.plans import Amendment

if TYPE_CHECKING:
    from hdh_migrate.results.plans import AmendedDataset


@verb(
    examples=(
        'amend plan.yaml --batch pilot --reason "scratch files, ref. 21"',
        'amend plan.yaml --batch pilot --reason "scratch files, ref. 21" --execute',
    ),
    exits=(Exit.REFUSED, Exit.STOPPED, Exit.DAMAGED, Exit.LOCKED),
    result=Amendment,
    options=AT_PLAN,
)
def amend(
    task: Task,
    plan: Plan,
    *,
    batch: Batch,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; the journal keeps it.")],
    execute: Annotated[
        bool, typer.Option("--execute", help="Do it; without it nothing is changed.")
    ] = False,
    show_names: ShowNames = False,
) -> None:
    """Apply a changed plan to a batch that has begun: a new revision, shown before.

    Rules may be added and taken back, datasets and recipients added. Places, format, suffix and
    level never change. What was moved stays; approvals given before are void.
    """
    from hdh_migrate.session.verbs import amend as amending

    desk = task.desk(plan, dry=not execute)
    result = amending.amend(desk, batch, reason, execute=execute, show_names=show_names)
    task.out.result(result, "\n".join(_text(result)))


def _text(new: Amendment) -> Iterator[str]:
    batch = new["batch"]
    if not new["changes"]:
        yield f"batch {batch} is what the plan says (revision {new['revision']}): nothing to amend"
    else:
        done = "amended" if new["executed"] else "would be amended"
        yield f"batch {batch} {done}:"
        yield from (f"  {line}" for line in new["changes"])
        for row in new["datasets"]:
            yield from (f"{row['dataset']}: {line}" for line in _meaning(row))
        if new["recipients_added"]:
            yield (
                f"for {', '.join(new['recipients_added'])} only what was not moved is sealed; what"
                " was stays sealed for the earlier recipients alone"
            )
        for one in new.get("objects", ()):
            yield f"  {one['dataset']}  {one['id']}  {one['becomes']}  {visible(one['key'])}"
        if new["executed"]:
            yield f"revision {new['revision']}; approvals of the one before are void"
        else:
            yield "nothing was changed: --execute does it"
    yield from (f"still refused: {line}" for line in new["refused"])


def _meaning(row: AmendedDataset) -> Iterator[str]:
    if row["added"]:
        yield "added; the next run lists it"
    if row["listed_anew"]:
        yield "its inventory was not closed, and begins anew"
    for count, what in (
        (row["excluded"], "not moved yet: excluded from now on"),
        (row["at_target"], "of these: the target may hold something of an earlier attempt"),
        (row["moved_before"], "moved before the rule: kept"),
        (row["taken_back"], "excluded until now: to be moved"),
        (row["released"], "refused for a name like another's: looked at again"),
        (row["sealed_before"], "sealed for the earlier recipients: kept so"),
        (row["begun_anew"], "on their way: sent from their first byte"),
    ):
        if count:
            yield f"{count} {what}"
