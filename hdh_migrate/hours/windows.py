"""Windows: the hours in which runs may move and read back, with dates that are exceptions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import datetime

from hdh_migrate.frozen import frozen
from hdh_migrate.hours.weekly import MINUTE, Stretch, Week, weekday_of
from hdh_migrate.hours.zones import DAY_SECONDS, stretches, zone_of

AHEAD_SECONDS = 22 * DAY_SECONDS
"""Beyond the last exception every window comes again within so long, if one of them is lost to
daylight saving as well."""

FAR_SECONDS = 50 * 366 * DAY_SECONDS
"""No work is followed further than this."""

Span = tuple[float, float]
"""From one moment until before another one."""


@frozen
class Windows:
    """When runs may move. Moments are seconds since 1970.

    On a date that is an exception its own hours count, from 00:00 to 24:00, and none else: those of
    the night before end at midnight.
    """

    zone: str
    """An IANA name."""
    week: Week
    exceptions: Mapping[int, tuple[Stretch, ...]] = field(default_factory=dict)
    """The hours of dates, which are days counted from 1970-01-01; none: closed all day."""

    def is_open(self, at: float) -> bool:
        """Return whether runs may move at a moment."""
        local = datetime.fromtimestamp(at, zone_of(self.zone))
        day = local.date().toordinal() - _EPOCH
        minute = local.hour * MINUTE + local.minute
        return any(first <= minute < last for first, last in self._of(day))

    def opens(self, at: float) -> float | None:
        """Return the first moment from `at` on at which they are open, None: there is none."""
        return next((first for first, _ in self.spans(at, self._horizon(at))), None)

    def closes(self, at: float) -> float | None:
        """Return the first moment from `at` on at which they are closed, None: there is none."""
        end = self._horizon(at)
        for first, last in self.spans(at, end):
            if first > at:
                return at
            return None if last >= end else last
        return at

    def spans(self, start: float, end: float) -> Iterator[Span]:
        """Yield when they are open between two moments, in order; what touches is one."""
        held: Span | None = None
        for first, last in self._pieces(start, end):
            if held is not None and first <= held[1]:
                held = (held[0], last)
                continue
            if held is not None:
                yield held
            held = (first, last)
        if held is not None:
            yield held

    def after(self, start: float, seconds: float) -> float | None:
        """Return when they will have been open for so many seconds; None: not in fifty years."""
        if self.opens(start) is None:
            return None
        left = seconds
        for first, last in self._pieces(start, start + FAR_SECONDS):
            if last - first >= left:
                return first + left
            left -= last - first
        return None

    def _pieces(self, start: float, end: float) -> Iterator[Span]:
        for begins, ends, offset in stretches(self.zone, start, end):
            day = int((begins + offset) // DAY_SECONDS)
            while day * DAY_SECONDS - offset < ends:
                midnight = day * DAY_SECONDS - offset
                for first, last in self._of(day):
                    low = max(begins, midnight + first * MINUTE)
                    high = min(ends, midnight + last * MINUTE)
                    if low < high:
                        yield low, high
                day += 1

    def _of(self, day: int) -> tuple[Stretch, ...]:
        found = self.exceptions.get(day)
        return self.week[weekday_of(day)] if found is None else found

    def _horizon(self, at: float) -> float:
        known = (max(self.exceptions, default=0) + 2) * DAY_SECONDS
        return max(at, float(known)) + AHEAD_SECONDS


_EPOCH = datetime(1970, 1, 1).date().toordinal()  # noqa: DTZ001 - a date has no zone
