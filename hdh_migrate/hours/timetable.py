"""Timetables: how many bytes a second, by hours of the week."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from hdh_migrate.frozen import frozen
from hdh_migrate.hours.weekly import MINUTE, Week
from hdh_migrate.hours.zones import zone_of


@frozen
class Timetable:
    """A rate in bytes a second for each moment; moments are seconds since 1970."""

    default: int | None
    """What counts at all other hours; None: the hours leave no other."""
    zone: str = "UTC"
    """An IANA name."""
    hours: tuple[tuple[Week, int], ...] = ()
    """Weeks that have no hour together, each with its rate."""

    def rate(self, at: float) -> int:
        """Return the rate that counts at a moment."""
        if self.hours:
            local = datetime.fromtimestamp(at, zone_of(self.zone))
            minute = local.hour * MINUTE + local.minute
            for week, rate in self.hours:
                if any(first <= minute < last for first, last in week[local.weekday()]):
                    return rate
        assert self.default is not None, "a timetable leaves no gap"
        return self.default

    @property
    def rates(self) -> tuple[int, ...]:
        """Every rate that may count."""
        return tuple(self._rates())

    def _rates(self) -> Iterator[int]:
        if self.default is not None:
            yield self.default
        yield from (rate for _, rate in self.hours)


def ceiling(tables: tuple[Timetable, ...], at: float) -> int | None:
    """Return the rate that all of these allow at a moment; None: there is none of them."""
    return min((table.rate(at) for table in tables), default=None)
