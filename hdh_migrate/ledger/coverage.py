"""Which event of the journal covers which rows, so that none can be changed in silence.

The event that tells of rows covers them by one digest. When some of them leave that state again
by an honest way, the event is checked a last time and replaced by another one, which covers the
rest: every row in a covered state is covered by exactly one event.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hdh_migrate.errors import LedgerDamaged
from hdh_migrate.ledger import chain
from hdh_migrate.ledger.database import guarded
from hdh_migrate.ledger.rows import FAILED, VERIFIED, as_json
from hdh_migrate.ledger.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """One covered state: the event that tells of rows, and the one that replaces it.

    `query` and `names` give a row as the digest covers it. In what replaces, the rows that stay
    stand under `kept`, those that leave under `left`, their counts under `counts`.
    """

    event: str
    later: str
    query: str
    names: tuple[str, ...]
    kept: str
    left: str
    counts: str
    what: str


VERIFIED_ROWS = Cover(
    event="verified", later="superseded", query="verified_row", names=VERIFIED,
    kept="ids", left="dropped", counts="dropped_datasets", what="acknowledged",
)  # fmt: skip
FAILED_ROWS = Cover(
    event="failed", later="retried", query="failed_row", names=FAILED,
    kept="kept", left="ids", counts="datasets", what="that failed, told",
)  # fmt: skip


class Coverage(Store):
    """Covers rows by events, and compares them."""

    def _row_of(self, cover: Cover, number: int) -> list[dict[str, Any]]:
        """Return a row as the journal's digest covers it; none when it is not in that state."""
        rows = self._rows(self._sql[cover.query], (number,))
        return [dict(zip(cover.names, map(as_json, row), strict=True)) for row in rows]

    def _rows_digest(self, cover: Cover, ids: Iterable[int]) -> str:
        return chain.rows_digest(row for number in ids for row in self._row_of(cover, number))

    def _extras_digest(self, ids: Iterable[int]) -> str:
        """Return the digest over what rows have beyond their columns: losses are counted of it."""
        query = "SELECT id, extra FROM object WHERE id = ?"
        rows = (row for number in ids for row in self._rows(query, (number,)))
        return chain.rows_digest({"id": number, "extra": extra} for number, extra in rows)

    def _extras(self, cover: Cover, ids: Iterable[int]) -> dict[str, str]:
        return {"extras_sha256": self._extras_digest(ids)} if cover is VERIFIED_ROWS else {}

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
            rows = [row for number in left for row in self._row_of(cover, number)]
            self.event(
                cover.later,
                {
                    "event": seq,
                    cover.left: left,
                    cover.counts: dict(Counter(row["dataset"] for row in rows)),
                    cover.kept: kept,
                    "rows_sha256": self._rows_digest(cover, kept),
                    **self._extras(cover, kept),
                },
            )

    def _covered(
        self, cover: Cover, touching: set[int] | None = None
    ) -> Iterator[tuple[int, list[int]]]:
        """Return (number, ids) of every event that covers rows, the last first, checking each.

        With `touching` only the events that cover one of these rows are checked and returned.

        Raises:
            LedgerDamaged: a row is not as its event says.
        """
        replaced = set()  # what replaces an event stands behind it
        for seq, kind, told in self._backwards(cover.event, cover.later):
            if kind == cover.later:
                replaced.add(told["event"])
            ids = told["ids" if kind == cover.event else cover.kept]
            if seq in replaced or (touching is not None and touching.isdisjoint(ids)):
                continue
            extras = told.get("extras_sha256")  # earlier events have none
            if self._rows_digest(cover, ids) != told["rows_sha256"] or (
                extras is not None and self._extras_digest(ids) != extras
            ):
                raise LedgerDamaged(f"an object {cover.what} by event {seq} was changed since")
            yield seq, ids

    def _backwards(self, *kinds: str) -> Iterator[tuple[int, str, Mapping[str, Any]]]:
        with guarded():
            query = "SELECT seq, kind, body FROM event WHERE kind IN (?, ?) ORDER BY seq DESC"
            for seq, kind, body in self._con.execute(query, kinds):
                yield seq, kind, json.loads(body)

    def _told(self, kind: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
        with guarded():
            query = "SELECT seq, body FROM event WHERE kind = ? ORDER BY seq"
            for seq, body in self._con.execute(query, (kind,)):
                yield seq, json.loads(body)
