"""How many requests a run has under way at once, in a file beside the ledger.

Workers know it, and the run for as long as it lasts; it leaves it here for `status`. Nothing else
reads this file, and nothing depends on it.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from hdh_migrate.clocks import seconds_of
from hdh_migrate.folders import whole
from hdh_migrate.model import Role
from hdh_migrate.ports.run import Clock
from hdh_migrate.receipts import Paced
from hdh_migrate.results.looks import ConnectionChange, ConnectionsFact

FILE: Final = "connections.json"
BYTES_MAX: Final = 100_000
KEPT: Final = 10
"""Changes that are kept."""

_WHY_MAX: Final = 200


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
        kept = {
            "pid": os.getpid(), "now": now, "most": self._connections,
            "changes": list(self._changes),
        }  # fmt: skip
        with suppress(OSError):
            whole(self._path, json.dumps(kept).encode(), replace=True)


def connections_of(ledger: Path, pid: int | None, connections: int) -> ConnectionsFact:
    """Return what the run of a process left there; all of its connections where it left nothing."""
    try:
        with ledger.with_name(FILE).open("rb") as file:
            value = json.loads(file.read(BYTES_MAX + 1))
        if value["pid"] == pid:
            return {
                "now": int(value["now"]), "most": int(value["most"]),
                "changes": [_change(one) for one in value["changes"]],
            }  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return {"now": connections, "most": connections, "changes": []}


def _change(value: Mapping[str, Any]) -> ConnectionChange:
    seconds_of(value["at"])
    return {"at": str(value["at"]), "now": int(value["now"]), "why": str(value["why"])}
