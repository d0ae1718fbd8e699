"""Which event of the journal covers which rows, so that none can be changed in silence.

The event that tells of rows covers them by one digest. When some of them leave that state again
by an honest way, the event is checked a last time and replaced by another one, which covers the
rest: every row in a covered state is covered by exactly one event.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hdh_migrate.errors import LedgerDamaged
from hdh_migrate.fixity import canonical_json
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

    def _covers(self, cover: Cover, ids: Iterable[int]) -> tuple[dict[str, str], Counter[str]]:
        """Return the digests that cover rows, and how many of them are of each dataset.

        What rows have beyond their columns has a digest of its own: losses are counted of it.
        """
        rows, extras, counts = hashlib.sha256(), hashlib.sha256(), Counter[str]()
        query = self._sql[cover.query]
        for number in ids:
            for *row, extra in self._rows(query, (number,)):
                told = dict(zip(cover.names, map(as_json, row), strict=True))
                rows.update(canonical_json(told) + b"\n")
                extras.update(canonical_json({"id": number, "extra": extra}) + b"\n")
                counts[told["dataset"]] += 1
        digests = {"rows_sha256": rows.hexdigest()}
        if cover is VERIFIED_ROWS:
            digests["extras_sha256"] = extras.hexdigest()
        return digests, counts

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
            digests, _ = self._covers(cover, kept)
            self.event(
                cover.later,
                {
                    "event": seq,
                    cover.left: left,
                    cover.counts: dict(self._covers(cover, left)[1]),
                    cover.kept: kept,
                    **digests,
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
            digests, _ = self._covers(cover, ids)
            known = {"extras_sha256": digests.get("extras_sha256"), **told}  # not in earlier events
            if any(known[name] != digest for name, digest in digests.items()):
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
