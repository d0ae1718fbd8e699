"""What `status` asks of a ledger, perhaps beside a run: sums that are kept, and few rows.

Nothing here walks objects or the journal: what it costs does not grow with what there is to move.
A dry run asks for what waits, too, one by one.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Final

from hdh_migrate.events.judgements import BreachJudged
from hdh_migrate.events.looks import LookedAgain
from hdh_migrate.events.objects import FindingsChanged
from hdh_migrate.ledger.database import guarded
from hdh_migrate.ledger.store import Store, read_event
from hdh_migrate.model import Arrived, Grouped, Sample, State, Tally, Waiting, key_text
from hdh_migrate.model.paces import HourlyPaces, PaceSums, paces_of

PACES: Final = "pace."
"""How the ledger's memory calls what was measured of a step, before the step's name."""

READING: Final = "reading"
"""How the ledger's memory calls what is being read back."""


class Looking(Store):
    """What a ledger answers to who only looks at it."""

    def reading(self, batch: str) -> Tally:
        """Return how much of a batch's objects was read back when that was last told."""
        kept = json.loads(self.meta(READING) or "{}")
        if kept.get("batch") != batch:
            return Tally()
        return Tally(objects=int(kept["objects"]), size=int(kept["bytes"]))

    def tallies(self) -> dict[tuple[int, State], Tally]:
        """Return objects and bytes by dataset and state; what there is none of is left out."""
        rows = self._rows("SELECT dataset, state, objects, bytes FROM counter WHERE objects <> 0")
        return {(row[0], State(row[1])): Tally(objects=row[2], size=row[3]) for row in rows}

    def arrived(self) -> dict[int, Arrived]:
        """Return by dataset what has arrived of large objects that are under way."""
        return {row[0]: Arrived(*row[1:]) for row in self._rows(self._sql["arrived"])}

    def waiting(self, dataset: int) -> Iterator[Waiting]:
        """Yield the objects of a dataset that are neither verified nor excluded."""
        with guarded():
            for number, key, size, state, attempt, tagged, doubted in self._con.execute(
                self._sql["waiting"], (dataset,)
            ):
                yield Waiting(
                    number, key_text(key), size, State(state), attempt, bool(tagged), bool(doubted)
                )

    def causes(self) -> list[Grouped]:
        """Return the open findings by code and dataset, the oldest first."""
        return [Grouped(*row) for row in self._rows(self._sql["causes"])]

    def harm(self) -> Iterator[tuple[str, FindingsChanged | BreachJudged]]:
        """Return time and event of what tells of lost or replaced objects, and who judged that.

        Findings of other things are not read: there may be as many as objects.

        Raises:
            LedgerDamaged: one is not of its kind's form.
        """
        kinds = {FindingsChanged.kind: FindingsChanged, BreachJudged.kind: BreachJudged}
        with guarded():
            for seq, at, kind, body in self._con.execute(self._sql["harm"]):
                yield at, read_event(seq, kinds[kind], body)

    def missed(self) -> Iterator[tuple[int, LookedAgain]]:
        """Return number and event of what looks read and found gone or damaged; walks no others.

        Raises:
            LedgerDamaged: one is not of its kind's form.
        """
        with guarded():
            for seq, body in self._con.execute(self._sql["missed"]):
                yield seq, read_event(seq, LookedAgain, body)

    def looks_began(self) -> dict[tuple[str, int], int]:
        """Return the number of the event with which each look began, by batch and its number."""
        return {(batch, number): seq for batch, number, seq in self._rows(self._sql["looks_began"])}

    def tallied(self, ids: Collection[int]) -> dict[int, Tally]:
        """Return objects and bytes of some objects by dataset."""
        rows = self._rows(
            "SELECT dataset, count(*), sum(size) FROM object"
            " WHERE id IN (SELECT value FROM json_each(?)) GROUP BY dataset",
            (json.dumps(sorted(ids)),),
        )
        return {row[0]: Tally(objects=row[1], size=row[2]) for row in rows}

    def not_verified(self, ids: Collection[int]) -> dict[int, State]:
        """Return those of some objects that are not verified, with how they stand."""
        rows = self._rows(
            "SELECT id, state FROM object"
            " WHERE id IN (SELECT value FROM json_each(?)) AND state <> ?",
            (json.dumps(sorted(ids)), State.VERIFIED),
        )
        return {row[0]: State(row[1]) for row in rows}

    def acknowledged(self, after: int, before: int | None) -> dict[str, tuple[int, str]]:
        """Return how many objects were `sent` and `verified` between two events, and when last.

        `before` None: until now. An object that was sent twice counts twice.
        """
        rows = self._rows(
            "SELECT kind, sum(json_array_length(body, '$.ids')), max(at) FROM event"
            " WHERE kind IN ('sent', 'verified') AND seq > ? AND seq < ? GROUP BY kind",
            (after, (1 << 63) - 1 if before is None else before),
        )
        return {row[0]: (row[1] or 0, row[2]) for row in rows}

    def journalled_lately(
        self, most: int, *, within: int, but: Collection[str]
    ) -> list[tuple[int, str, str, str]]:
        """Return (number, time, kind, body) of the last events, the newest last.

        Of the last `within` events; those of some kinds are left out.
        """
        rows = self._rows(
            "SELECT seq, at, kind, body FROM event"
            " WHERE seq > (SELECT max(seq) FROM event) - ?"
            " AND kind NOT IN (SELECT value FROM json_each(?)) ORDER BY seq DESC LIMIT ?",
            (within, json.dumps(sorted(but)), most),
        )
        return [(row[0], row[1], row[2], row[3]) for row in reversed(rows)]

    def samples(self, batch: str | None = None, step: str | None = None) -> list[Sample]:
        """Return the samples that are kept, oldest first; of one batch or step, or of all."""
        rows = self._rows(
            "SELECT at, seconds, batch, step, objects, bytes FROM sample"
            " WHERE (?1 IS NULL OR batch = ?1) AND (?2 IS NULL OR step = ?2) ORDER BY rowid",
            (batch, step),
        )
        return [Sample(*row) for row in rows]

    def paces(self) -> dict[str, HourlyPaces]:
        """Return what was measured of each step, in sums by hour of the day.

        A ledger of an earlier version kept none: there the samples that are left are added up.
        """
        found: dict[str, HourlyPaces] = {
            step: {int(hour): PaceSums(*sums) for hour, sums in json.loads(kept).items()}
            for step, kept in self.metas(PACES).items()
        }
        if not found:
            samples = self.samples()
            for step in dict.fromkeys(one.step for one in samples):
                found[step] = paces_of(one for one in samples if one.step == step)
        return found
