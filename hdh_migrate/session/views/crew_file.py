"""The workers of a cluster at one moment, in a file beside the ledger.

Who works on other machines is known to the run alone, while it lasts. So it leaves it here for
`status`; nothing else reads this file, and nothing depends on it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TypedDict

from hdh_migrate.clocks import later, seconds_of
from hdh_migrate.folders import keep, kept
from hdh_migrate.model import ClusterWorker, WorkerState
from hdh_migrate.ports.run import Clock
from hdh_migrate.results.looks import WorkerFact

FILE: Final = "workers.json"
BYTES_MAX: Final = 1_000_000
KEEP_SECONDS: Final = 2.0
"""How often it is written while the same workers are there."""


class _Crew(TypedDict):
    pid: int
    workers: list[WorkerFact]


class CrewFile:
    """Writes the file; a failure to write it stops no run."""

    def __init__(self, ledger: Path, clock: Clock) -> None:
        """The file stands beside the ledger."""
        self._path, self._clock = ledger.with_name(FILE), clock
        self._who: list[tuple[str, WorkerState]] | None = None
        self._kept = 0.0

    def keep(self, seen: Sequence[ClusterWorker]) -> None:
        """Replace what was kept, now or soon."""
        who, passed = [(one.name, one.state) for one in seen], self._clock.monotonic()
        if who == self._who and passed - self._kept < KEEP_SECONDS:
            return
        self._who, self._kept = who, passed
        now = self._clock.now()
        keep(self._path, _Crew(pid=os.getpid(), workers=[_fact(one, now) for one in seen]))


def workers_of(ledger: Path, pid: int) -> list[WorkerFact]:
    """Return the workers that the run of a process left there; none where it left nothing."""
    crew = kept(ledger.with_name(FILE), _Crew, BYTES_MAX)
    there = crew is not None and crew["pid"] == pid and all(map(_dated, crew["workers"]))
    return crew["workers"] if crew is not None and there else []


def _dated(one: WorkerFact) -> bool:
    with suppress(ValueError):
        seconds_of(one["last_word"])
        return True
    return False


def _fact(seen: ClusterWorker, now: str) -> WorkerFact:
    return {
        "worker": seen.name,
        "address": seen.address,
        "state": seen.state,
        "share": round(seen.share, 4),
        "orders": seen.orders,
        "orders_at_most": seen.capacity,
        "objects": seen.objects,
        "bytes": seen.size,
        "bytes_per_second": round(seen.bytes_per_second),
        "last_word": later(now, -seen.silent),
        "why": seen.why,
    }
