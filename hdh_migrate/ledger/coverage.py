"""Which event of the journal covers which rows, so that none can be changed in silence.

The event that tells of rows covers them by one digest. When some of them leave that state again
by an honest way, the event is checked a last time and replaced by another one, which covers the
rest: every row in a covered state is covered by exactly one event.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from hdh_migrate.errors import LedgerDamaged
from hdh_migrate.events.event import Event
from hdh_migrate.events.objects import (
    ObjectsFailed,
    ObjectsRetried,
    ObjectsSuperseded,
    ObjectsVerified,
)
from hdh_migrate.fixity import canonical_json
from hdh_migrate.frozen import frozen
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.ledger.database import guarded
from hdh_migrate.ledger.rows import FAILED, VERIFIED, as_json
from hdh_migrate.ledger.store import E, Store, read_event

CoverEvent = ObjectsVerified | ObjectsSuperseded | ObjectsFailed | ObjectsRetried
"""What covers rows: the events that tell of them, and those that replace these."""


class RowDigests(NamedTuple):
    """What covers rows, and what they have beyond their columns: losses are counted of that."""

    rows: str
    extras: str

    def cover(self, event: CoverEvent) -> bool:
        """Return whether an event has them.

        Of failed rows, and in early events, nothing is told of what is beyond the columns.
        """
        if event.rows_sha256 != self.rows:
            return False
        if isinstance(event, ObjectsVerified | ObjectsSuperseded):
            return event.extras_sha256 in {ABSENT, self.extras}
        return True


@frozen
class Replaced:
    """What an event covered: the rows that leave the state, and those that stay covered."""

    event: int
    left: Sequence[int]
    left_by_dataset: Mapping[str, int]
    kept: Sequence[int]
    digests: RowDigests


@frozen
class Cover:
    """One covered state: the event that tells of rows, and the one that replaces it.

    `query` and `names` give a row as the digest covers it.
    """

    event: type[ObjectsVerified | ObjectsFailed]
    later: type[ObjectsSuperseded | ObjectsRetried]
    replacing: Callable[[Replaced], Event]
    query: str
    names: tuple[str, ...]
    what: str


def _superseded(told: Replaced) -> Event:
    return ObjectsSuperseded(
        event=told.event, dropped=tuple(told.left), dropped_datasets=told.left_by_dataset,
        ids=tuple(told.kept), rows_sha256=told.digests.rows, extras_sha256=told.digests.extras,
    )  # fmt: skip


def _retried(told: Replaced) -> Event:
    return ObjectsRetried(
        event=told.event, ids=tuple(told.left), datasets=told.left_by_dataset,
        kept=tuple(told.kept), rows_sha256=told.digests.rows,
    )  # fmt: skip


VERIFIED_ROWS = Cover(
    event=ObjectsVerified, later=ObjectsSuperseded, replacing=_superseded,
    query="verified_row", names=VERIFIED, what="acknowledged",
)  # fmt: skip
FAILED_ROWS = Cover(
    event=ObjectsFailed, later=ObjectsRetried, replacing=_retried,
    query="failed_row", names=FAILED, what="that failed, told",
)  # fmt: skip


class Coverage(Store):
    """Covers rows by events, and compares them."""

    def _covers(self, cover: Cover, ids: Iterable[int]) -> tuple[RowDigests, Counter[str]]:
        """Return the digests that cover rows, and how many of them are of each dataset."""
        rows, extras, counts = hashlib.sha256(), hashlib.sha256(), Counter[str]()
        query = self._sql[cover.query]
        for number in ids:
            for *row, extra in self._rows(query, (number,)):
                told = dict(zip(cover.names, map(as_json, row), strict=True))
                rows.update(canonical_json(told) + b"\n")
                extras.update(canonical_json({"id": number, "extra": extra}) + b"\n")
                counts[told["dataset"]] += 1
        return RowDigests(rows.hexdigest(), extras.hexdigest()), counts

    def _replace(self, cover: Cover, ids: set[int]) -> None:
        """Replace the events that cover any of these rows; the others stay covered.

        Raises:
            LedgerDamaged: a row is not as its event says.
        """
        if not ids:
            return
        for seq, covered in list(self._covered(cover, ids)):
            left = [number for number in covered if number in ids]
            kept = [number for number in covered if number not in ids]
            told = Replaced(
                event=seq, left=left, left_by_dataset=self._covers(cover, left)[1],
                kept=kept, digests=self._covers(cover, kept)[0],
            )  # fmt: skip
            self.event(cover.replacing(told))

    def _covered(
        self, cover: Cover, touching: set[int] | None = None
    ) -> Iterator[tuple[int, Sequence[int]]]:
        """Return (number, ids) of every event that covers rows, the last first, checking each.

        With `touching` only the events that cover one of these rows are checked and returned.

        Raises:
            LedgerDamaged: a row is not as its event says.
        """
        replaced = set()  # what replaces an event stands behind it
        for seq, event in self._backwards(cover):
            if isinstance(event, ObjectsSuperseded | ObjectsRetried):
                replaced.add(event.event)
            ids = event.kept if isinstance(event, ObjectsRetried) else event.ids
            if seq in replaced or (touching is not None and touching.isdisjoint(ids)):
                continue
            if not self._covers(cover, ids)[0].cover(event):
                raise LedgerDamaged(f"an object {cover.what} by event {seq} was changed since")
            yield seq, ids

    def _backwards(self, cover: Cover) -> Iterator[tuple[int, CoverEvent]]:
        types: Mapping[str, type[CoverEvent]] = {
            one.kind: one for one in (cover.event, cover.later)
        }
        with guarded():
            query = "SELECT seq, kind, body FROM event WHERE kind IN (?, ?) ORDER BY seq DESC"
            for seq, kind, body in self._con.execute(query, tuple(types)):
                yield seq, read_event(seq, types[kind], body)

    def _told(self, of: type[E]) -> Iterator[tuple[int, E]]:
        with guarded():
            query = "SELECT seq, body FROM event WHERE kind = ? ORDER BY seq"
            for seq, body in self._con.execute(query, (of.kind,)):
                yield seq, read_event(seq, of, body)
