"""Tells the journal what is exchanged while work goes on: each hour, day, and change of work.

A bill is by day and by purpose, and a run may last for weeks; what only its end records would be
of no day, and lost with a run that is killed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple, Protocol

from hdh_migrate.clocks import seconds_of
from hdh_migrate.events.exchange import ExchangeCount, TrafficCounted
from hdh_migrate.ports.ledger import Ledger
from hdh_migrate.ports.run import Clock
from hdh_migrate.receipts import EndpointTraffic

TOLD_SECONDS: Final = 3600.0
"""How long what is exchanged may wait to be told."""


class ExchangeSums(NamedTuple):
    """What was exchanged with one endpoint."""

    requests: int = 0
    read: int = 0
    written: int = 0


Totals = Mapping[tuple[str, str], ExchangeSums]
"""What was exchanged, by side and endpoint."""


class Metering(Protocol):
    """What steps tell of their work, so that what they exchange is counted as theirs."""

    def turn_to(self, step: str, batch: str | None) -> None:
        """Count what is exchanged from here on for this work."""

    def look(self) -> None:
        """Tell what was exchanged if it is time to."""


class Unmetered:
    """Counts nothing: for who has no journal to tell it."""

    def turn_to(self, step: str, batch: str | None) -> None:
        """Do nothing."""

    def look(self) -> None:
        """Do nothing."""


class Meter:
    """Tells the journal of one command what it exchanges."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        so_far: Callable[[], Iterable[EndpointTraffic]],
        step: str,
        batch: str | None = None,
    ) -> None:
        """`so_far` gives all that was exchanged since the command began, as far as is known."""
        self._ledger, self._clock, self._so_far = ledger, clock, so_far
        self._work = (step, batch)
        self._since = clock.now()
        self._told: Totals = {}

    def turn_to(self, step: str, batch: str | None) -> None:
        """Tell what was exchanged for the work before, and count for this from here on."""
        if (step, batch) != self._work:
            self.tell()
            self._work = (step, batch)

    def look(self) -> None:
        """Tell what was exchanged when an hour has passed, or another day (UTC) has begun."""
        now = self._clock.now()
        if now[:10] != self._since[:10] or seconds_of(now) - seconds_of(self._since) > TOLD_SECONDS:
            self.tell()

    def tell(self) -> None:
        """Tell what was exchanged since it was last told."""
        totals, step, batch = _added(self._so_far()), *self._work
        counts = tuple(
            ExchangeCount(
                side=side, endpoint=endpoint, requests=more.requests, bytes_read=more.read,
                bytes_written=more.written,
            )
            for (side, endpoint), sums in totals.items()
            if any(more := _minus(sums, self._told.get((side, endpoint), ExchangeSums())))
        )  # fmt: skip
        since, self._since, self._told = self._since, self._clock.now(), totals
        if counts:
            self._ledger.event(TrafficCounted(since=since, batch=batch, step=step, traffic=counts))


def _added(traffic: Iterable[EndpointTraffic]) -> Totals:
    found = dict[tuple[str, str], ExchangeSums]()
    for one in traffic:
        key = (one.side, one.endpoint)
        sums = found.get(key, ExchangeSums())
        found[key] = ExchangeSums(
            sums.requests + one.requests, sums.read + one.bytes_read,
            sums.written + one.bytes_written,
        )  # fmt: skip
    return found


def _minus(now: ExchangeSums, before: ExchangeSums) -> ExchangeSums:
    return ExchangeSums(*(one - other for one, other in zip(now, before, strict=True)))
