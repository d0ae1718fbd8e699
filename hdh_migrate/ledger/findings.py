"""Findings, and how far each step had come at a moment."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

from hdh_migrate.codes import Code
from hdh_migrate.ledger.connection import all_or_nothing
from hdh_migrate.ledger.database import guarded
from hdh_migrate.ledger.journalling import JournallingLedger
from hdh_migrate.ledger.looking import PACES, READING, Looking
from hdh_migrate.model import Looked, OpenFinding, Sample, State, Tally, key_text
from hdh_migrate.model.paces import HourlyPaces, Stretching, added, hour_of, total

SAMPLES_KEPT = 400
"""Of each step."""

LOOKED = 1_000
"""Objects that are read at once for who looks: so many rows are held, and no snapshot longer."""
DETAIL_MAX = 4_000
"""Characters of a finding's detail that are kept: a line of the journal has a bound."""


class Findings(Looking, JournallingLedger):
    """Writes and reads findings, and how far each step had come at a moment."""

    def __init__(self, *args: Any, **named: Any) -> None:  # noqa: ANN401 - those of Store
        super().__init__(*args, **named)
        self._paces: dict[str, tuple[Stretching, HourlyPaces]] = {}
        """What was measured of each step; of one that is not under way it is in the ledger."""

    @all_or_nothing
    def finding(
        self, code: Code, detail: str, *, dataset: int | None = None, entry: int | None = None
    ) -> int:
        """Record a finding and return its number; the detail names no object, holds no secret."""
        row = (dataset, entry, code, code.severity, detail[:DETAIL_MAX], self._clock.now())
        self._do(
            "INSERT INTO finding (dataset, object, code, severity, detail, at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            row,
        )
        number = self._con.last_insert_rowid()
        self._opened(number, row)
        return number

    def findings(self, *, severity: str | None = None) -> Iterator[OpenFinding]:
        """Return open findings with the object's key, oldest first."""
        with guarded():
            rows = self._con.execute(
                "SELECT f.id, d.name, f.object, o.key, f.code, f.severity, f.detail, f.at, d.batch,"
                " o.verdict"
                " FROM finding f LEFT JOIN object o ON o.id = f.object"
                " LEFT JOIN dataset d ON d.id = f.dataset"
                " WHERE f.closed = 0 AND (?1 IS NULL OR f.severity = ?1) ORDER BY f.id",
                (severity,),
            )
            for r in rows:
                yield {
                    "id": r[0], "dataset": r[1], "object": r[2],
                    "key": None if r[3] is None else key_text(r[3]),
                    "code": r[4], "severity": r[5], "detail": r[6], "at": r[7], "batch": r[8],
                    "verdict": r[9],
                }  # fmt: skip

    def look(
        self, dataset: int, *, states: Collection[State] = (), codes: Collection[str] = ()
    ) -> Iterator[list[Looked]]:
        """Yield the objects of a dataset in key order, portion by portion, empty ones left out.

        Of some states, and with an open finding of some codes; of any when none is named. Each
        portion is as the ledger was when it was read: who looks for hours beside a run does not
        keep what the run writes from being taken into the file.
        """
        wanted = (
            json.dumps(sorted(map(int, states))) if states else None,
            json.dumps(sorted(map(str, codes))) if codes else None,
        )
        start = b""
        while rows := self._rows(self._sql["look"], (dataset, start, *wanted, LOOKED)):
            yield [
                Looked(row[0], key_text(row[1]), row[2], State(row[3]), tuple(json.loads(row[4])))
                for row in rows
            ]
            start = rows[-1][1] + b"\0"  # the very next key that there could be

    def set_reading(self, batch: str, reading: Tally) -> None:
        """Remember how much of a batch's objects that are being read back is read."""
        kept = {"batch": batch, "objects": reading.objects, "bytes": reading.size}
        self.set_meta(READING, json.dumps(kept))

    @all_or_nothing
    def sample(self, batch: str, step: str, objects: int, size: int) -> None:
        """Remember how far a step has come, for rates and ETA; of each step the last ones stay."""
        now = Sample(self._clock.now(), self._clock.monotonic(), batch, step, objects, size)
        self._do("INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?)", now)
        self._do(
            "DELETE FROM sample WHERE step = ?1 AND rowid <= (SELECT rowid FROM sample"
            " WHERE step = ?1 ORDER BY rowid DESC LIMIT 1 OFFSET ?2)",
            (step, SAMPLES_KEPT),
        )
        self._add_pace(now)

    def _add_pace(self, now: Sample) -> None:
        """Add what passed since the last stretch of a step to the sums that stay."""
        known = self._paces.get(now.step)
        if known is None:  # what came before stays in the sums that are kept
            known = self._paces[now.step] = (Stretching(), dict(self.paces().get(now.step, {})))
        cutting, hours = known
        stretch = cutting.take(now, total(hours).seconds)
        if stretch is None:
            return
        kept = added(hours, hour_of(now.at), stretch)
        self._paces[now.step] = (cutting, kept)
        self.set_meta(PACES + now.step, json.dumps({str(hour): kept[hour] for hour in kept}))
