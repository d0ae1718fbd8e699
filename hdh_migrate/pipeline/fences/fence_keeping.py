"""Keep fences while a verb lasts: renew them from a thread of its own, and look soon at first."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Final

from hdh_migrate.pipeline.fences.fencing import RENEW_SECONDS, SETTLE_SECONDS, Fencing

JOIN_SECONDS: Final = 5.0
"""How long the end of a verb waits for the last request."""


class Keeper:
    """Renews fences from a thread of its own until it is stopped, and leaves them then.

    Where only looks tell of another writer, the first ones come soon, each after as long as all
    before it together: who wrote over our fence late is found by the time he begins to write, see
    `Fencing.settle`. Nobody waits for a target that hangs: neither a run that goes on, nor one that
    ends.
    """

    def __init__(
        self,
        fencing: Fencing,
        *,
        seconds: float = RENEW_SECONDS,
        patience: float = JOIN_SECONDS,
    ) -> None:
        """Begin; at most `seconds` lie between two renewals, `patience` is for the last request."""
        self._fencing, self._patience = fencing, patience
        self._gaps = gaps(seconds, watched=fencing.watched)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="fence", daemon=True)
        self._thread.start()

    def _keep(self) -> None:
        while not self._over.wait(next(self._gaps)):
            self._fencing.renew()
        self._fencing.leave()

    def stop(self) -> None:
        """Leave the fences and end the thread; a request that hangs is not waited for long."""
        self._over.set()
        self._thread.join(self._patience)


def gaps(most: float, *, watched: bool) -> Iterator[float]:
    """Yield the seconds before each renewal: `most`, or, of what is watched, few at first."""
    passed = min(SETTLE_SECONDS, most) if watched else most
    yield passed
    while True:
        gap = min(passed, most)
        yield gap
        passed += gap
