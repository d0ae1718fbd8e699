"""Tells the journal how far large objects are, so that a pace counts their bytes when they passed.

A large object is acknowledged once, at its end. A report that knew no more would show an hour of
nothing and then a moment of a thousand times the line's speed.
"""

from __future__ import annotations

from typing import Final

from hdh_migrate.clocks import seconds_of
from hdh_migrate.events.objects import ObjectsUnderWay
from hdh_migrate.ports.ledger import Ledger
from hdh_migrate.ports.run import Clock

LEAST_SECONDS: Final = 1.0
SHARE: Final = 120
"""It is reported after each so many-th of the time that the step has taken until then: twice for
each bar of a report, and some two thousand times in a month."""


class UnderWay:
    """Gathers what passed of the large objects of one step, and tells it now and then."""

    def __init__(self, ledger: Ledger, clock: Clock, step: str) -> None:
        self._ledger, self._clock, self._step = ledger, clock, step
        self._more: dict[int, int] = {}
        self._known: set[int] | None = None
        """The objects of which something was told, in this run or before."""
        self._first = 0.0
        """When this step was first reported, in seconds since 1970."""
        self._told = clock.monotonic()

    def anew(self, number: int) -> None:
        """An object is sent, or read, from its first byte: what passed of it before is void."""
        self._more.pop(number, None)
        if number in self._journalled():
            self._tell({number: 0})

    def more(self, number: int, size: int) -> None:
        """Count bytes of an object, which are acknowledged or were read."""
        self._more[number] = self._more.get(number, 0) + size

    def ended(self, number: int) -> None:
        """An object has come to its end, whichever: what was not reported of it counts there."""
        self._more.pop(number, None)

    def look(self) -> None:
        """Tell what passed if it is time to."""
        some = {number: size for number, size in self._more.items() if size}
        if not some:
            return
        known, now = self._journalled(), self._clock.monotonic()
        taken = seconds_of(self._clock.now()) - self._first if known else 0.0
        if now - self._told >= max(LEAST_SECONDS, taken / SHARE):
            self._told = now
            self._tell(some)
            self._more.clear()

    def _tell(self, some: dict[int, int]) -> None:
        known = self._journalled()
        if not known:
            self._first = seconds_of(self._clock.now())
        known.update(some)
        self._ledger.event(
            ObjectsUnderWay(step=self._step, ids=tuple(some), bytes=tuple(some.values()))
        )

    def _journalled(self) -> set[int]:
        """Return the objects of which the journal tells; it is asked once."""
        if self._known is None:
            self._known = set()
            for at, event in self._ledger.events(ObjectsUnderWay):
                if event.step == self._step:
                    self._first = self._first or seconds_of(at)
                    self._known.update(event.ids)
        return self._known
