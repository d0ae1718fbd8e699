"""The workers of a cluster at one moment, in a file beside the ledger.

Who works on other machines is known to the run alone, while it lasts. So it leaves it here for
`status`; nothing else reads this file, and nothing depends on it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from hdh_migrate.clocks import later, seconds_of
from hdh_migrate.folders import whole
from hdh_migrate.model import ClusterWorker, WorkerState
from hdh_migrate.ports.run import Clock
from hdh_migrate.results.looks import WorkerFact

FILE: Final = "workers.json"
BYTES_MAX: Final = 1_000_000
KEEP_SECONDS: Final = 2.0
"""How often it is written while the same workers are there."""


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
        seen_now = {"pid": os.getpid(), "workers": [_fact(one, now) for one in seen]}
        with suppress(OSError):
            whole(self._path, json.dumps(seen_now).encode(), replace=True)


def workers_of(ledger: Path, pid: int) -> list[WorkerFact]:
    """Return the workers that the run of a process left there; none where it left nothing."""
    try:
        with ledger.with_name(FILE).open("rb") as file:
            value = json.loads(file.read(BYTES_MAX + 1))
        return [_read(one) for one in value["workers"]] if value["pid"] == pid else []
    except (OSError, ValueError, KeyError, TypeError):
        return []


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


def _read(value: Mapping[str, Any]) -> WorkerFact:
    """Take a fact from the file, with the types that it must have."""
    seconds_of(value["last_word"])
    return {
        "worker": str(value["worker"]),
        "address": str(value["address"]),
        "state": _STATES[value["state"]],
        "share": float(value["share"]),
        "orders": int(value["orders"]),
        "orders_at_most": int(value["orders_at_most"]),
        "objects": int(value["objects"]),
        "bytes": int(value["bytes"]),
        "bytes_per_second": int(value["bytes_per_second"]),
        "last_word": str(value["last_word"]),
        "why": None if value["why"] is None else str(value["why"]),
    }


_STATES: Final[Mapping[str, WorkerState]] = {"begins": "begins", "works": "works", "gone": "gone"}
