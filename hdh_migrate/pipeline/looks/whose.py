"""Find out whose object stands where a look found something else than was verified.

An attempt of ours that a host damaged, one that people accepted in its place, or somebody else's.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from hdh_migrate.codes import Code
from hdh_migrate.errors import AuthFailed, StorageError
from hdh_migrate.events.cutover import CutoverSwitching, Track
from hdh_migrate.model import DatasetRow, Stored, Verified
from hdh_migrate.model.naming import is_version
from hdh_migrate.orders import OrderItem
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.projections.earlier_limits import LimitsOverTime
from hdh_migrate.pipeline.rules.placing import placed
from hdh_migrate.pipeline.tags import Tag
from hdh_migrate.pipeline.workers.beside import sent_beside
from hdh_migrate.pipeline.workers.rechecking import (
    BESIDE,
    CHANGED,
    DIFFERS,
    GONE,
    UNPROVEN,
    UNREAD,
    Held,
    compared,
)
from hdh_migrate.pipeline.workers.work import Route
from hdh_migrate.ports.ledger import Ledger

ASKERS = 8
"""Requests at once, about what differs."""

DAMAGED = "target-damaged"
REPLACED, ACCEPTED = str(Code.TARGET_REPLACED), str(Code.TARGET_ACCEPTED)
"""What a difference is, once it was asked whose object is there."""


class Whose:
    """Judges what differs in some datasets of a batch, as closely as a look reads (`level`)."""

    def __init__(
        self,
        ctx: Context,
        batch: str,
        rows: Mapping[int, DatasetRow],
        level: str,
        accepted: Mapping[int, tuple[str, str | None]],
    ) -> None:
        """`accepted`: ETag and version of what people took instead, by the object's id."""
        self._ctx, self._level, self._accepted = ctx, level, accepted
        self._datasets = rows
        self._routes = {number: ctx.route(row) for number, row in rows.items()}
        self._limits = LimitsOverTime.of(ctx.ledger)
        self._followed = was_followed(ctx.ledger, batch)

    def judged(self, differing: Mapping[int, str], rows: Mapping[int, Verified]) -> dict[int, str]:
        """Say of what differs whose it is; what was accepted is as it should be."""
        beside = [number for number in rows if differing[number] == BESIDE]
        # Verify, or somebody's waiver, tells that already.
        told = {number for number, code in self._ctx.ledger.told_of(beside) if code in CHANGED}
        known = {
            number: None if number in told else self._whose_beside(rows[number])
            for number in beside
        }
        doubted = [row for number, row in rows.items() if differing[number] not in {GONE, BESIDE}]
        changed = [rows[number] for number, kind in known.items() if kind == BESIDE]
        sent = [(row, self._sent_then(row)) for row in changed]
        with ThreadPoolExecutor(ASKERS) as pool:
            kinds = pool.map(lambda row: self._whose(row, differing[row.id]), doubted)
            asked = {row.id: kind for row, kind in zip(doubted, kinds, strict=True)}
            same = pool.map(lambda one: self._is_as_sent(*one), sent)
            known |= {row.id: None for row, as_sent in zip(changed, same, strict=True) if as_sent}
        found = {**differing, **known, **asked}
        return {number: kind for number, kind in found.items() if kind is not None}

    def _whose_beside(self, row: Verified) -> str:
        """Say what it means that something else stands beside an object."""
        taken = self._accepted.get(row.id) == (row.etag, row.version_id)
        return ACCEPTED if taken else BESIDE

    def _sent_then(self, row: Verified) -> OrderItem | None:
        """Return what was sent of an object, if the target's limits were other ones then."""
        ctx = self._ctx
        limits = self._limits.at(row.verified_at, ctx.limits)
        found = None if limits is None else ctx.ledger.find(row.dataset, row.key)
        if limits is None or found is None:
            return None
        dataset = self._datasets[row.dataset]
        then = placed(found[0].obj, limits, ctx.contract(dataset))
        item = OrderItem(**ctx.about(found[0], dataset))
        return replace(item, metadata=then.metadata, tags=then.tags)

    def _is_as_sent(self, row: Verified, sent: OrderItem | None) -> bool:
        """Say whether what stands beside an object is what was sent then."""
        ctx, route = self._ctx, self._routes[row.dataset]
        stored = None if sent is None else look(ctx, route, row)
        if sent is None or stored is None:
            return False
        if not is_ours(ctx, row, stored, followed=self._followed):
            return False
        found = sent_beside(ctx, ctx.reader, route, sent, stored)
        return not any(code in CHANGED for code, _ in found)

    def _whose(self, row: Verified, wrong: str) -> str | None:
        """Find out whose object is there; a host may be unable to return what it has.

        None: it is the object, seen as closely as was asked for.
        """
        try:
            stored = look(self._ctx, self._routes[row.dataset], row)
        except AuthFailed:
            raise
        except StorageError:
            return UNREAD if wrong == DIFFERS else wrong
        if stored is None:
            return GONE
        held: Held = (row.stored_size, row.etag, row.version_id)
        if wrong != DIFFERS and (row.etag is None or compared(stored, held) is None):
            same = wrong == UNPROVEN and row.etag is not None and self._level == "head"
            return None if same else wrong
        if is_ours(self._ctx, row, stored, followed=self._followed):
            return DAMAGED
        taken = self._accepted.get(row.id) == (stored.etag, stored.version_id)
        return ACCEPTED if taken else REPLACED


def look(ctx: Context, route: Route, row: Verified) -> Stored | None:
    """Ask what is under an object's key, None when nothing is."""
    key = route.target_key(row.key)
    version_id = (row.version_id or "null") if is_version(row.key) else None
    return ctx.retry(lambda: ctx.reader.head(route.target.bucket, key, version_id=version_id))


def is_ours(ctx: Context, row: Verified, stored: Stored, *, followed: bool) -> bool:
    """Return whether what is under a key is an attempt of ours at this object.

    Its tag says so, also that of an adopted ledger, whatever number the object had in it. Once
    consumers have `followed` the pointer to the target they may have rewritten it, and many tools
    copy metadata, our tag with them: then only what has the very ETag that was verified is ours.
    """
    tag = Tag.of(stored)
    if tag is None or (followed and (stored.size, stored.etag) != (row.stored_size, row.etag)):
        return False
    return tag.ledger in ctx.adopted or (tag.ledger, tag.entry) == (ctx.run_tag, row.id)


def was_followed(ledger: Ledger, batch: str) -> bool:
    """Say whether consumers may ever have followed a batch's pointer to the target."""
    return any(
        isinstance(event, CutoverSwitching) and (event.batch, event.track) == (batch, Track.CUTOVER)
        for _, _, event in ledger.cutovers()
    )
