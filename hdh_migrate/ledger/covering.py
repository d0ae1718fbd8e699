"""An index of rows to the events of the journal that cover them, made anew in each process.

It is computed from the journal in each process that asks, and nowhere kept: nothing in it can be
older than the journal, or changed behind its back. It only says where to look. Whoever asks reads
the event itself, and compares its rows.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence

import apsw

from hdh_migrate.errors import LedgerDamaged
from hdh_migrate.ledger.database import guarded

_TABLE = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -8192;
CREATE TABLE run (low INTEGER PRIMARY KEY, high INTEGER NOT NULL, event INTEGER NOT NULL) STRICT;
CREATE INDEX run_event ON run (event);
"""

# Runs do not overlap, so that only the one before the end can.
_ADD = """
INSERT INTO run SELECT ?1, ?2, ?3 WHERE coalesce(
    (SELECT high FROM run WHERE low <= ?2 ORDER BY low DESC LIMIT 1), ?1 - 1) < ?1
"""

_OF = """
SELECT DISTINCT (SELECT iif(high >= i.value, event, NULL) FROM run WHERE low <= i.value
                 ORDER BY low DESC LIMIT 1)
FROM json_each(?) i
"""


class CoveringEvents:
    """Finds events by the rows that they cover; takes 8 MiB, and beyond that a nameless file.

    Rows are covered by one event each, and those of an event mostly follow each other: what is
    kept is one entry for each run of them.
    """

    def __init__(self) -> None:
        self.position = 0
        """The last event of the journal that was taken in."""
        with guarded():
            self._con = apsw.Connection("")
            self._con.execute(_TABLE).fetchall()  # which has all of it done

    def close(self) -> None:
        """Forget all of it."""
        self._con.close()

    def take(self, seq: int, ids: Sequence[int], *, instead_of: int | None) -> None:
        """Take in the next event, which covers these rows; it may replace an earlier one.

        Raises:
            LedgerDamaged: one of the rows is covered by another event.
            NoSpace: the nameless file has no room.
        """
        with guarded():
            if instead_of is not None:
                self._con.execute("DELETE FROM run WHERE event = ?", (instead_of,))
            added, before = [(*run, seq) for run in runs(ids)], self._con.total_changes()
            self._con.executemany(_ADD, added)
            if self._con.total_changes() - before != len(added):
                raise LedgerDamaged(
                    f"event {seq} of the journal covers an object that another event covers"
                )
        self.position = seq

    def of(self, ids: Collection[int]) -> set[int]:
        """Return the numbers of the events that cover some of these rows."""
        with guarded():
            found = {event for (event,) in self._con.execute(_OF, (json.dumps([*ids]),))}
        return found - {None}


def runs(ids: Collection[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of each run of numbers that follow each other."""
    low = high = None
    for number in sorted(ids):
        if high is not None and number == high + 1:
            high = number
            continue
        if low is not None and high is not None:
            yield low, high
        low = high = number
    if low is not None and high is not None:
        yield low, high
