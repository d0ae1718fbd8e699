"""Before anything is sent: does the target hold attempts of this migration that the ledger lacks?

If so, the ledger is an old copy, or a new one made after another was lost, and would overwrite
objects that were verified since. Only the objects that would be sent first are checked here,
because a newer copy continued from the same point. For every other object the worker that sends it
finds out, and the run ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from hdh_migrate.errors import LedgerBehind
from hdh_migrate.events.adoption import Adopting, AdoptionEnded
from hdh_migrate.model import DatasetRow, Entry, Stored
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.tags import Tag, later_epoch, mark_of
from hdh_migrate.ports.ledger import Ledger

ASKED = 64
"""Objects that are asked for when the target is looked at for the first time."""

ASKED_ALL = 10_000
"""The same where only asking shows it, or after somebody has taken over."""

ASKED_AGAIN = 2
"""Small ones and large ones that are asked for whenever a run begins to send."""

ASKERS = 8


def demand_known(ctx: Context, dataset: DatasetRow, entries: Iterable[Entry]) -> None:
    """Demand that the target holds no attempt at these objects that the ledger does not know.

    Raises:
        LedgerBehind: it does.
    """
    route = ctx.route(dataset)

    def look(entry: Entry) -> Stored | None:
        key = route.target_key(entry.obj.key)
        return ctx.retry(lambda: ctx.reader.head(route.target.bucket, key))

    asked = list(entries)
    with ThreadPoolExecutor(ASKERS) as pool:
        unknown = sum(
            stored is not None and not knows(ctx, entry.id, entry.attempt, stored)
            for entry, stored in zip(asked, pool.map(look, asked), strict=True)
        )
    if unknown:
        raise LedgerBehind(
            f"dataset {dataset.name}: the target holds objects of this migration that this ledger"
            f" does not know ({unknown} of {len(asked)} that were asked for)"
        )


def demand_adopted(ctx: Context, batch: str) -> None:
    """Refuse a batch whose adoption is unfinished: the rest of it would be sent again.

    Raises:
        LedgerBehind: one was.
    """
    if adoption_of(ctx.ledger, batch).under_way:
        raise LedgerBehind(f"batch {batch}: what was moved already is not adopted to its end")


class Adoption(NamedTuple):
    """The last adoption of a batch: its number, 0 for none, and whether it has not ended."""

    number: int
    under_way: bool


def adoption_of(ledger: Ledger, batch: str) -> Adoption:
    """Return where the last adoption of a batch stands."""
    begun = [event.number for _, event in ledger.events(Adopting) if event.batch == batch]
    ended = {event.number for _, event in ledger.events(AdoptionEnded) if event.batch == batch}
    last = max(begun, default=0)
    return Adoption(last, last not in {0, *ended})


def waiting(ctx: Context, dataset: DatasetRow) -> list[Entry]:
    """Return the objects that would be sent first and that were never tried."""
    first = [
        entry
        for kind in ("small", "big")
        for entry in ctx.ledger.todo(kind, dataset.id, ASKED_AGAIN)
    ]
    return [entry for entry in first if entry.attempt == 0]


def knows(ctx: Context, number: int, attempt: int, stored: Stored) -> bool:
    """Return whether a ledger with this many attempts at an object can have written what is there.

    True also for an object that is not of this migration: it is somebody else's.

    Raises:
        Fenced: it is of a later epoch than ours.
    """
    tag = Tag.of(stored)
    if tag is None:
        return True  # a conflict, if it comes to that
    if tag.ledger == ctx.run_tag:
        if tag.entry == number and tag.epoch > ctx.fence.epoch:
            raise later_epoch(tag.epoch, ctx.fence.epoch)
        return tag.entry != number or tag.attempt <= attempt
    return tag.ledger in ctx.adopted or mark_of(tag.ledger) not in ctx.marks
