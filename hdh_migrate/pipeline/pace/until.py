"""When work ends by the calendar: in open hours only, slower at some hours of the day than others.

Moments are seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

from hdh_migrate.clocks import text_of
from hdh_migrate.frozen import frozen

HOUR = 3600
DAY = 24 * HOUR
FAR_SECONDS = 20 * 366.0 * DAY
"""No work is followed further than this."""

Spans: TypeAlias = Callable[[float, float], Iterator[tuple[float, float]]]
"""Yields when work may go on between two moments, in order."""

Ceiling: TypeAlias = Callable[[float], float | None]
"""Gives the most bytes a second that may pass at a moment; None: there is no ceiling."""


def always_open(start: float, end: float) -> Iterator[tuple[float, float]]:
    """Yield all the time there is."""
    yield start, end


def no_ceiling(at: float) -> float | None:
    """Return that there is none."""
    del at
    return None


class WorkedPiece(NamedTuple):
    """A time without a break in which some of the work is done."""

    begin: float
    end: float
    share: float
    """Of all of the work."""


@frozen
class Calendar:
    """When work goes on, and how fast."""

    spans: Spans = always_open
    hours: Mapping[int, float] = field(default_factory=dict)
    """By hour of the day in UTC: how many times as long work takes."""
    ceiling: Ceiling = no_ceiling
    timed: bool = False
    """Whether the ceiling is another one at other hours."""

    def pieces(self, start: float, seconds: float, size: float) -> Iterator[WorkedPiece]:
        """Yield when so many seconds of work, in which so many bytes pass, are done.

        What is yielded adds up to all of it, unless that is not done in twenty years.
        """
        left = seconds
        if seconds <= 0:
            return
        for begin, end in self.spans(start, start + FAR_SECONDS):
            at = begin
            while at < end:
                until = min(end, (at // self._step + 1) * self._step)
                slower = self._slower(at, size / seconds)
                if (until - at) / slower >= left:
                    yield WorkedPiece(at, at + left * slower, left / seconds)
                    return
                yield WorkedPiece(at, until, (until - at) / slower / seconds)
                left -= (until - at) / slower
                at = until

    def ends(self, start: float, seconds: float, size: float) -> float | None:
        """Return when so many seconds of work are done; None: not in twenty years."""
        if seconds <= 0:
            return start
        done, at = 0.0, start
        for one in self.pieces(start, seconds, size):
            done, at = done + one.share, one.end
        return at if done > 1 - 1e-9 else None

    @property
    def _step(self) -> int:
        return HOUR // 4 if self.timed else HOUR if self.hours else DAY

    def _slower(self, at: float, rate: float) -> float:
        """Return how many times as long work takes from a moment on; `rate`: bytes a second."""
        slower = self.hours.get(int(at % DAY) // HOUR, 1.0)
        most = self.ceiling(at)
        if most is not None and rate / slower > most:
            slower = rate / most
        return slower


def by_day(
    calendar: Calendar, start: float, seconds: float, size: float
) -> tuple[list[WorkedPiece], float | None]:
    """Return the pieces of work, one for each day (UTC) on which any is done, and their end.

    A piece that is worked on with breaks spans them. The end is None, and nothing is counted on,
    when not all is done in twenty years: of what never ends nobody knows what it costs.
    """
    days: list[WorkedPiece] = []
    done, at = 0.0, start
    for one in calendar.pieces(start, seconds, size):
        done, at = done + one.share, one.end
        last = days[-1] if days else None
        if last is not None and last.begin // DAY == one.begin // DAY:
            days[-1] = WorkedPiece(last.begin, one.end, last.share + one.share)
        else:
            days.append(one)
    if seconds > 0 and done <= 1 - 1e-9:
        return [], None
    return days, at


def moment_text(at: float) -> str:
    """Return a moment as results have it."""
    return text_of(datetime.fromtimestamp(round(at), UTC))


def day_of(at: float) -> str:
    """Return the day of a moment, in UTC."""
    return moment_text(at // DAY * DAY)[:10]
