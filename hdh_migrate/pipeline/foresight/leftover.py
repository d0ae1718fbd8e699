"""What is left to do of one dataset, by the rows of a ledger that wait: others are not walked."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field
from functools import partial

from hdh_migrate.frozen import mutable
from hdh_migrate.model import SEGMENT, Arrived, DatasetRow, Entry, State, Stored, Tally, Waiting
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.cutting import SEALED_OVERHEAD
from hdh_migrate.pipeline.excused import excused
from hdh_migrate.pipeline.inventory.relooking import Decide, found_anew
from hdh_migrate.pipeline.tags import Tag
from hdh_migrate.pipeline.transfer.known import ASKED, ASKED_ALL, knows
from hdh_migrate.pipeline.transfer.known import waiting as sent_first
from hdh_migrate.ports.ledger import Ledger

ASKED_ONE_BY_ONE = 1_000
"""So many objects that wait are asked for at the target each; for more it is listed."""

NO_PARTS = Arrived(0, 0, 0)

ASKERS = 8
"""Requests at once."""


@mutable
class Leftover:
    """One dataset as a run would find it."""

    row: DatasetRow
    sealed: bool
    """Whether an earlier run has closed its inventory."""
    send: Tally = field(default_factory=Tally)
    prove: Tally = field(default_factory=Tally)
    """What was sent and waits to be read back."""
    verified: Tally = field(default_factory=Tally)
    excluded: int = 0
    refused: int = 0
    """What cannot be moved as planned, and keeps its batch from being moved."""
    lost: int = 0
    """What is no plain object, or is let go by a waiver: it stays as it is."""
    let_go: int = 0
    """Those of them that a waiver lets go."""
    again: set[int] = field(default_factory=set)
    """Failed objects that are tried again, among those to send."""
    mended: set[int] = field(default_factory=set)
    """Objects that were no plain ones, and are now, among those to send."""
    parts: int = 0
    large: int = 0
    stored: int = 0
    tagged: int = 0
    arrived: Arrived = NO_PARTS
    """Parts of large objects that the target has."""
    occupied: int = 0
    """Keys of what is to be sent that are taken at the target."""
    conflicts: int = 0
    """Those that somebody else has taken."""
    unknown: int = 0
    """Those that this migration has taken with a ledger that knows more: a run is refused."""
    existing: int = 0
    looked_at: int = 0
    """Objects that the source is asked about again."""

    @property
    def stays(self) -> int:
        """How many objects would not be verified after a run in which all else goes well."""
        return self.refused + self.lost - self.let_go + self.conflicts


def leftover(ctx: Context, row: DatasetRow, decide: Decide, *, sealed: bool) -> Leftover:
    """Look at one dataset of a ledger, at the source where a run would, and at the target."""
    ledger = ctx.ledger
    found = Leftover(
        row=row,
        sealed=sealed,
        prove=ledger.tally(row.id, State.SENT),
        verified=ledger.tally(row.id, State.VERIFIED),
        excluded=ledger.tally(row.id, State.EXCLUDED).objects,
    )
    spared = excused(ledger, [row], ctx.waivers) if sealed else set()
    waiting = _waiting(ctx, found, decide, spared)
    ended = ledger.tally(row.id, State.REFUSED, State.FAILED).objects
    found.refused = _refused(ledger, row, found.mended)
    found.lost = ended - found.refused - len(found.again) - len(found.mended)
    found.let_go = len(spared)
    found.arrived = ledger.arrived().get(row.id, found.arrived)
    _occupied(ctx, found, waiting)
    return found


def _waiting(
    ctx: Context, found: Leftover, decide: Decide, spared: Collection[int]
) -> dict[int, Waiting] | None:
    """Add up what is to be sent; return it while it is not too much to be asked for one by one."""
    kept: dict[int, Waiting] | None = {}
    anew = {}
    if found.sealed:
        found.looked_at = len(ctx.ledger.doubted(found.row.id))
        anew = {number: one for some in found_anew(ctx, found.row, decide) for number, one in some}
    for one in ctx.ledger.waiting(found.row.id):
        size = one.size
        if one.state is State.SENT:
            found.tagged += one.tagged
            continue
        if one.id in anew:
            size = anew[one.id].obj.size
            found.mended.add(one.id)
        elif one.state is State.REFUSED or one.doubted or one.id in spared:
            continue
        elif one.state is State.FAILED:
            found.again.add(one.id)
        _add(ctx, found, one, size)
        if kept is not None:
            kept[one.id] = one
            if len(kept) > ASKED_ONE_BY_ONE:
                kept = None
    return kept


def _add(ctx: Context, found: Leftover, one: Waiting, size: int) -> None:
    plan = ctx.cut(size)
    found.send += Tally(objects=1, size=size)
    found.parts += plan.count
    found.large += plan.count > 0
    found.tagged += one.tagged
    found.stored += size + ctx.header
    found.stored += -(-size // SEGMENT) * (SEALED_OVERHEAD if ctx.sealed else 0)


def _refused(ledger: Ledger, row: DatasetRow, mended: Collection[int]) -> int:
    """Count what has a blocker, without what is no such case any more."""
    if not mended:
        return ledger.tally(row.id, State.REFUSED).objects
    return sum(
        one.state is State.REFUSED and one.id not in mended for one in ledger.waiting(row.id)
    )


# --- what stands at the target already ------------------------------------------------------------


def _occupied(ctx: Context, found: Leftover, waiting: dict[int, Waiting] | None) -> None:
    if ctx.route(found.row).every_version:
        # Under a key that has its versions already the next one is put over them.
        found.existing = found.prove.objects + found.verified.objects
        return
    asked = _Asked(ctx, found)
    if found.sealed and waiting is not None:
        found.existing = found.prove.objects + found.verified.objects
        for one, stored in _each(ctx, found.row, waiting):
            if stored is not None:
                asked.take(one.id, one.attempt, stored)
    else:
        _listed(ctx, found, asked)


def _each(
    ctx: Context, row: DatasetRow, waiting: dict[int, Waiting]
) -> Iterator[tuple[Waiting, Stored | None]]:
    route = ctx.route(row)

    def ask(one: Waiting) -> Stored | None:
        key = route.target_key(one.key)
        return ctx.retry(lambda: ctx.reader.head(route.target.bucket, key))

    with ThreadPoolExecutor(ASKERS) as pool:
        yield from zip(waiting.values(), pool.map(ask, waiting.values()), strict=True)


def _listed(ctx: Context, found: Leftover, asked: _Asked) -> None:
    route = ctx.route(found.row)

    def look() -> tuple[int, list[tuple[int, int, Stored]]]:
        count, taken = 0, []
        for stored in ctx.reader.keys(route.target):
            count += 1
            key = route.source_key(stored.key)
            known = None if key is None else ctx.ledger.find(found.row.id, key)
            if known is not None and _waits(found, *known):
                taken.append((known[0].id, known[0].attempt, stored))
        return count, taken

    found.existing, there = ctx.retry(look)
    for number, attempt, stored in there:
        seen: Stored | None = stored
        if attempt > 0 or asked.more:  # a listing does not show whose it is
            seen = ctx.retry(partial(ctx.reader.head, route.target.bucket, stored.key))
        if seen is not None:
            asked.take(number, attempt, seen)


def _waits(found: Leftover, entry: Entry, state: State) -> bool:
    if state in {State.LISTED, State.SENDING}:
        return True
    return entry.id in found.again or entry.id in found.mended


class _Asked:
    """Judges what is under the keys of what is to be sent, as a run and its workers would."""

    def __init__(self, ctx: Context, found: Leftover) -> None:
        self._ctx, self._found = ctx, found
        self._first: set[int] = set()
        """What a run asks for before it sends anything."""
        self.more = ASKED
        """How many others that are there it asks for, too."""
        if found.row.surveyed:
            self._first = {entry.id for entry in sent_first(ctx, found.row)}
            every = bool(self._first) and (ctx.fence.epoch > 0 or not ctx.limits.conditional_put)
            self.more = ASKED_ALL if every else 0

    def take(self, number: int, attempt: int, stored: Stored) -> None:
        """Count a key that is taken."""
        found, tag = self._found, Tag.of(stored)
        own = tag is not None and tag.ledger == self._ctx.run_tag
        before = number in self._first or (attempt == 0 and self.more > 0)
        self.more -= attempt == 0 and self.more > 0
        found.occupied += 1
        if not knows(self._ctx, number, attempt, stored) and (own or before):
            found.unknown += 1
        elif not self._replaced(number, attempt, stored, tag):
            found.conflicts += 1

    def _replaced(self, number: int, attempt: int, stored: Stored, tag: Tag | None) -> bool:
        """Say whether a worker would replace it: it is ours, or was given up for ours."""
        ctx = self._ctx
        if tag is not None and (
            tag.ledger in ctx.adopted or (tag[:2] == (ctx.run_tag, number) and attempt > 0)
        ):
            return True
        return ctx.pins.get(number) == stored.etag
