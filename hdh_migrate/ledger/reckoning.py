"""What a report adds up from the whole ledger: paces and losses. It scans; `status` never does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hdh_migrate.ledger.database import guarded
from hdh_migrate.ledger.store import Store
from hdh_migrate.model import ArchivedObject, ObjectInfo, Tally, key_text


class LargePiece(NamedTuple):
    """Bytes of a large object that had passed at a moment, and the moment of its end."""

    at: str
    ended: str
    size: int


class Passed(NamedTuple):
    """Of the large objects of one step: when one was first reported, and what passed when."""

    since: str | None
    pieces: list[LargePiece]


class Reckoning(Store):
    """Reads everything once, in bounded memory."""

    def receipts(self, kind: str) -> Iterator[tuple[str, int, int]]:
        """Return (time, objects, bytes) of every journal event of "sent" or "verified" objects."""
        with guarded():
            yield from self._con.execute(self._sql["receipts"], (kind,))

    def period(self, kind: str) -> tuple[str, str] | None:
        """Return the times of the first and the last journal event of a kind."""
        first, last = self._rows("SELECT min(at), max(at) FROM event WHERE kind = ?", (kind,))[0]
        return None if first is None else (first, last)

    def passed(self, step: str, kind: str) -> Passed:
        """Return what the journal tells of large objects of a step before their ends.

        Only what belongs to an end counts: not what was said of an attempt that came to nothing,
        nor more of an object than it holds.
        """
        told = self._rows("SELECT seq, at, body FROM event WHERE kind = 'under-way' ORDER BY seq")
        events = [(seq, at, json.loads(body)) for seq, at, body in told]
        events = [event for event in events if event[2]["step"] == step]
        if not events:
            return Passed(None, [])
        numbers = sorted({number for _, _, body in events for number in body["ids"]})
        ends = self._rows(self._sql["ends"], (kind, json.dumps(numbers)))
        return Passed(events[0][1], [*_settled(events, ends)])

    def left_behind(self, dataset: int) -> dict[str, int]:
        """Count the objects to move, and those of them with content headers and with a tier."""
        row = self._rows(self._sql["left_behind"], (dataset,))[0]
        return dict(zip(("modified", "headers", "tier"), row, strict=True))

    def archived(self, dataset: int, portion: int) -> Iterator[list[ArchivedObject]]:
        """Give the objects that are set aside because they are archived, portion by portion."""
        last = 0
        while rows := self._rows(
            "SELECT id, key, size, version FROM object WHERE dataset = ? AND state = 6"
            " AND reason = 'kind-archived' AND id > ? ORDER BY id LIMIT ?",
            (dataset, last, portion),
        ):
            yield [ArchivedObject(number, key_text(key), *more) for number, key, *more in rows]
            last = rows[-1][0]

    def parts_left(self, dataset: int) -> Tally:
        """Return the large objects that wait to be sent and, as its size, their parts in all."""
        rows = self._rows(
            "SELECT count(*), coalesce(sum(parts), 0) FROM object"
            " WHERE dataset = ? AND state = 0 AND parts > 0",
            (dataset,),
        )
        return Tally(objects=rows[0][0], size=rows[0][1])

    def left_out(self, dataset: int) -> dict[str, Tally]:
        """Return objects and bytes that are left behind by each rule; scans the dataset."""
        rows = self._rows(
            "SELECT reason, count(*), sum(size) FROM object WHERE dataset = ? AND state = 1"
            " GROUP BY reason",
            (dataset,),
        )
        return {reason: Tally(objects=objects, size=size) for reason, objects, size in rows}

    def beside(self, dataset: int) -> Iterator[ObjectInfo]:
        """Return what every object to move has beside its bytes; nothing else of it."""
        with guarded():
            for modified, extra in self._con.execute(self._sql["beside"], (dataset,)):
                kept = json.loads(extra) if extra else {}
                yield ObjectInfo(key="", size=0, version="", modified=modified, **kept)

    def metadata(self, dataset: int) -> Iterator[Mapping[str, str]]:
        """Return the metadata of every object to move that has some."""
        with guarded():
            for (metadata,) in self._con.execute(self._sql["metadata"], (dataset,)):
                yield json.loads(metadata)


def _settled(
    told: Sequence[tuple[int, str, dict[str, Any]]], ends: Sequence[tuple[int, str, int, int]]
) -> Iterator[LargePiece]:
    """Yield what was reported of each object between its last beginning and an end."""
    under_way = dict[int, list[tuple[str, int]]]()
    rest = iter(told)
    event = next(rest, None)
    for seq, ended, number, whole in ends:
        while event is not None and event[0] < seq:
            for entry, more in zip(event[2]["ids"], event[2]["bytes"], strict=True):
                if more:
                    under_way.setdefault(entry, []).append((event[1], more))
                else:
                    under_way.pop(entry, None)
            event = next(rest, None)
        left = whole
        for at, more in under_way.pop(number, ()):
            piece = min(more, left)
            left -= piece
            yield LargePiece(at, ended, piece)
