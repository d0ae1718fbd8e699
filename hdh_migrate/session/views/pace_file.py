"""How many requests a run has under way at once, in a file beside the ledger.

Workers know it, and the run for as long as it lasts; it leaves it here for `status`. Nothing else
reads this file, and nothing depends on it.
"""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Final

from hdh_migrate.clocks import seconds_of
from hdh_migrate.folders import keep, kept
from hdh_migrate.model import Role
from hdh_migrate.ports.run import Clock
from hdh_migrate.receipts import Paced
from hdh_migrate.results.looks import ConnectionChange, ConnectionsFact

FILE: Final = "connections.json"
BYTES_MAX: Final = 100_000
KEPT: Final = 10
"""Changes that are kept."""

_WHY_MAX: Final = 200


class _Pace(ConnectionsFact):
    pid: int


class PaceFile:
    """Writes the file when a worker tells a change; a failure to write it stops no run."""

    def __init__(self, ledger: Path, clock: Clock, connections: int) -> None:
        """The file stands beside the ledger; `connections` are those of all workers together."""
        self._path, self._clock, self._connections = ledger.with_name(FILE), clock, connections
        self._role: Role | None = None
        self._less = dict[str, int]()
        """By worker, how many fewer than its most."""
        self._changes: deque[ConnectionChange] = deque(maxlen=KEPT)

    def begin(self, role: Role) -> None:
        """Workers of a role begin, with all of their connections; others are gone."""
        if role is not self._role:
            lessened, self._role = bool(self._less), role
            self._less.clear()
            if lessened:
                self._keep("other workers begin")

    def take(self, paced: Paced) -> None:
        """Keep what a worker tells."""
        self._less[paced.worker] = paced.most - paced.now
        self._keep(paced.why)

    def _keep(self, why: str) -> None:
        now = max(1, self._connections - sum(self._less.values()))
        self._changes.append({"at": self._clock.now(), "now": now, "why": why[:_WHY_MAX]})
        changes = list(self._changes)
        keep(self._path, _Pace(pid=os.getpid(), now=now, most=self._connections, changes=changes))


def connections_of(ledger: Path, pid: int | None, connections: int) -> ConnectionsFact:
    """Return what the run of a process left there; all of its connections where it left nothing."""
    pace = kept(ledger.with_name(FILE), _Pace, BYTES_MAX)
    if pace is None or pace["pid"] != pid or not all(map(_dated, pace["changes"])):
        return {"now": connections, "most": connections, "changes": []}
    return {"now": pace["now"], "most": pace["most"], "changes": pace["changes"]}


def _dated(one: ConnectionChange) -> bool:
    with suppress(ValueError):
        seconds_of(one["at"])
        return True
    return False
