"""Which event of the journal covers which rows, so that none can be changed in silence.

The event that tells of rows covers them by one digest. When some of them leave that state again
by an honest way, the event is checked a last time and replaced by another one, which covers the
rest: every row in a covered state is covered by exactly one event.
"""

from __future__ import annotations

import hashlib
import heapq
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from json.encoder import encode_basestring
from operator import itemgetter
from types import NoneType
from typing import Any, NamedTuple

from hdh_migrate.bounded import in_lists
from hdh_migrate.errors import LedgerDamaged
from hdh_migrate.events.event import Event
from hdh_migrate.events.objects import (
    ObjectsFailed,
    ObjectsRetried,
    ObjectsSuperseded,
    ObjectsVerified,
)
from hdh_migrate.events.rotation import HeadersExchanged
from hdh_migrate.frozen import frozen
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.ledger.covering import CoveringEvents
from hdh_migrate.ledger.database import guarded
from hdh_migrate.ledger.rows import FAILED, VERIFIED
from hdh_migrate.ledger.store import E, Store, read_event
from hdh_migrate.telemetry import counted

CoverEvent = ObjectsVerified | ObjectsSuperseded | ObjectsFailed | ObjectsRetried | HeadersExchanged
"""What covers rows: the events that tell of them, and those that replace these."""


Column = Sequence[Any]
"""The values of one column, of rows in order."""

PORTION = 1_000
"""Rows that are read at once."""


class RowDigests(NamedTuple):
    """What covers rows, and what they have beyond their columns: losses are counted of that."""

    rows: str
    extras: str

    def cover(self, event: CoverEvent) -> bool:
        """Return whether an event has them.

        Of failed rows, and in early events, nothing stands of what is beyond the columns.
        """
        if event.rows_sha256 != self.rows:
            return False
        if isinstance(event, ObjectsVerified | ObjectsSuperseded | HeadersExchanged):
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
    also: tuple[type[HeadersExchanged], ...] = ()
    """Other events that tell of such rows."""
    always: bool = False
    """Whether no row is ever in the state without an event; before the seal none tells of rows."""

    @property
    def kinds(self) -> Mapping[str, type[CoverEvent]]:
        """All of its events, by their kinds."""
        return {one.kind: one for one in (self.event, self.later, *self.also)}


def covered_by(event: CoverEvent) -> tuple[int, ...]:
    """Return the rows that an event covers, unless another one replaced it."""
    return event.kept if isinstance(event, ObjectsRetried) else event.ids


def _superseded(old: Replaced) -> Event:
    return ObjectsSuperseded(
        event=old.event, dropped=tuple(old.left), dropped_datasets=old.left_by_dataset,
        ids=tuple(old.kept), rows_sha256=old.digests.rows, extras_sha256=old.digests.extras,
    )  # fmt: skip


def _retried(replaced: Replaced) -> Event:
    return ObjectsRetried(
        event=replaced.event, ids=tuple(replaced.left), datasets=replaced.left_by_dataset,
        kept=tuple(replaced.kept), rows_sha256=replaced.digests.rows,
    )  # fmt: skip


VERIFIED_ROWS = Cover(
    event=ObjectsVerified, later=ObjectsSuperseded, replacing=_superseded,
    query="verified_row", names=VERIFIED, what="acknowledged", also=(HeadersExchanged,),
    always=True,
)  # fmt: skip
FAILED_ROWS = Cover(
    event=ObjectsFailed, later=ObjectsRetried, replacing=_retried,
    query="failed_row", names=FAILED, what="that failed, told",
)  # fmt: skip


class RowForm:
    """Writes rows of SQLite as `canonical_json` would write them, one to a line, without its cost.

    The first values of a row have `names`; the first is an object's id, the last its extras.
    """

    def __init__(self, names: Sequence[str]) -> None:
        order = sorted(range(len(names)), key=names.__getitem__)
        self._pick = itemgetter(*order)
        members = ",".join(f"{encode_basestring(names[n])}:%s" for n in order)
        self._form = "{" + members + "}\n"

    def lines(self, columns: Sequence[Column]) -> tuple[str, str]:
        """Return, of rows given by column, the members with names, and what is beyond columns."""
        named = map(_words, self._pick(columns))
        beyond = zip(_words(columns[-1]), columns[0], strict=True)
        return (
            "".join([self._form % row for row in zip(*named, strict=True)]),
            "".join([f'{{"extra":{extra},"id":{number}}}\n' for extra, number in beyond]),
        )


def _words(column: Column) -> Column:
    """Return values of SQLite in JSON, of one column; bytes are written in hexadecimal."""
    kinds = set(map(type, column))
    if kinds == {int}:
        return column
    if kinds == {str}:
        return list(map(encode_basestring, column))
    if kinds == {bytes}:
        return [f'"{value.hex()}"' for value in column]
    return ["null"] * len(column) if kinds == {NoneType} else list(map(_word, column))


def _word(value: bytes | str | int | None) -> str:
    """Return one value of SQLite in JSON."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return encode_basestring(value)
    return f'"{value.hex()}"' if isinstance(value, bytes) else str(value)


class Coverage(Store):
    """Covers rows by events, and compares them."""

    def __init__(self, *args: Any, **named: Any) -> None:  # noqa: ANN401 - those of Store
        super().__init__(*args, **named)
        self._covering: dict[str, CoveringEvents] = {}
        """By the kind of the event that covers first; made when rows first leave their state."""

    def close(self) -> None:
        """Give up what was not committed, and the lock; closing again does nothing."""
        for found in self._covering.values():
            found.close()
        self._covering.clear()
        super().close()

    def _covers(self, cover: Cover, ids: Iterable[int]) -> tuple[RowDigests, Counter[str]]:
        """Return the digests that cover rows, and how many of them are of each dataset."""
        rows, extras, counts = hashlib.sha256(), hashlib.sha256(), Counter[str]()
        form = RowForm(cover.names)
        for some in in_lists(ids, PORTION):
            found = self._rows(self._sql[cover.query], (json.dumps(some),))
            if not found:
                continue
            columns = list(zip(*found, strict=True))
            named, beyond = form.lines(columns)
            rows.update(named.encode())
            extras.update(beyond.encode())
            counts.update(columns[1])
        return RowDigests(rows.hexdigest(), extras.hexdigest()), counts

    def _replace(self, cover: Cover, ids: set[int]) -> None:
        """Replace the events that cover any of these rows; the others stay covered.

        What it costs depends on these rows and the events that cover them, and once for each
        process on the journal.

        Raises:
            LedgerDamaged: a row is not as its event says, or verified and covered by none.
        """
        if not ids:
            return
        found = set[int]()
        for seq in sorted(self._events_of(cover, ids), reverse=True):
            covered = self._checked(cover, seq, self._cover_event(cover, seq))
            left = [number for number in covered if number in ids]
            kept = [number for number in covered if number not in ids]
            found.update(left)
            replaced = Replaced(
                event=seq, left=left, left_by_dataset=self._covers(cover, left)[1],
                kept=kept, digests=self._covers(cover, kept)[0],
            )  # fmt: skip
            self.event(cover.replacing(replaced))
        if cover.always and (missed := self._covers(cover, sorted(ids - found))[1].total()):
            objects = counted(missed, "object")
            raise LedgerDamaged(f"no event of the journal covers {objects} {cover.what}")

    def _covered(self, cover: Cover) -> Iterator[tuple[int, Sequence[int]]]:
        """Return (number, ids) of every event that covers rows, the last first, checking each.

        Raises:
            LedgerDamaged: a row is not as its event says.
        """
        replaced = set()  # what replaces an event stands behind it
        for seq, event in self._in_order(cover.kinds, backwards=True):
            if isinstance(event, ObjectsSuperseded | ObjectsRetried):
                replaced.add(event.event)
            if seq not in replaced:
                yield seq, self._checked(cover, seq, event)

    def _checked(self, cover: Cover, seq: int, event: CoverEvent) -> Sequence[int]:
        """Return the ids that an event covers, when their rows are as it says.

        Raises:
            LedgerDamaged: one is not.
        """
        ids = covered_by(event)
        if not self._covers(cover, ids)[0].cover(event):
            raise LedgerDamaged(f"an object {cover.what} by event {seq} was changed since")
        return ids

    def _events_of(self, cover: Cover, ids: set[int]) -> set[int]:
        """Return the numbers of the events that cover any of these rows."""
        index = self._covering.setdefault(cover.event.kind, CoveringEvents())
        # What was written since it was asked last, by whomever of this process, is taken in first.
        for seq, event in self._in_order(cover.kinds, after=index.position):
            was = event.event if isinstance(event, ObjectsSuperseded | ObjectsRetried) else None
            index.take(seq, covered_by(event), instead_of=was)
        index.position = self._rows("SELECT coalesce(max(seq), 0) FROM event")[0][0]
        return index.of(ids)

    def _cover_event(self, cover: Cover, seq: int) -> CoverEvent:
        kind, body = self._rows("SELECT kind, body FROM event WHERE seq = ?", (seq,))[0]
        return read_event(seq, cover.kinds[kind], body)

    def _in_order(
        self, kinds: Mapping[str, type[E]], *, after: int = 0, backwards: bool = False
    ) -> Iterator[tuple[int, E]]:
        """Yield (number, event) of the events of some kinds that come after a number, in order.

        Merged here, for SQLite would keep all of them in memory to bring several kinds in order.
        """
        order = "DESC" if backwards else "ASC"
        query = f"SELECT seq, kind, body FROM event WHERE kind = ? AND seq > ? ORDER BY seq {order}"  # noqa: S608 - a word of ours
        with guarded():
            each = [self._con.execute(query, (kind, after)) for kind in kinds]
            for seq, kind, body in heapq.merge(*each, key=itemgetter(0), reverse=backwards):
                yield seq, read_event(seq, kinds[kind], body)

    def _numbered(self, of: type[E]) -> Iterator[tuple[int, E]]:
        with guarded():
            query = "SELECT seq, body FROM event WHERE kind = ? ORDER BY seq"
            for seq, body in self._con.execute(query, (of.kind,)):
                yield seq, read_event(seq, of, body)
