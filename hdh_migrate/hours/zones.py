"""Time zones: which there are, and when their clocks are put forward or back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from hdh_migrate.frozen import frozen

DAY_SECONDS = 86_400
STEP_SECONDS = 43_200
"""No zone changes its clocks twice within so long."""

_NAME = re.compile(r"UTC|(?!posix/|right/)[A-Za-z_]{2,20}(/[A-Za-z0-9_+-]{1,40}){1,2}", re.ASCII)


class UnknownZone(ValueError):
    """This machine knows no such time zone."""


@frozen
class ClockChange:
    """A moment at which the clocks of a zone are put forward or back; offsets are seconds."""

    at: int
    before: int
    after: int

    @property
    def forward(self) -> bool:
        """Whether local times are left out; otherwise they come twice."""
        return self.after > self.before

    @property
    def local(self) -> tuple[int, int]:
        """From and until which local time that is, in seconds since 1970 by the wall clock."""
        first, last = sorted((self.at + self.before, self.at + self.after))
        return first, last


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name, such as Europe/Paris, or UTC.

    Raises:
        UnknownZone: there is none of this name, or this machine does not know it.
    """
    if not _NAME.fullmatch(name):  # `localtime` is another zone on each machine
        raise UnknownZone(name)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UnknownZone(name) from None


def clock_text(at: float, zone: str) -> str:
    """Return a moment as a clock of a zone shows it: `Fri 2026-11-27 19:00 (Europe/Paris)`."""
    return f"{datetime.fromtimestamp(at, zone_of(zone)):%a %Y-%m-%d %H:%M} ({zone})"


@lru_cache(maxsize=256)
def changes_of(zone: str, year: int) -> tuple[ClockChange, ...]:
    """Return when the clocks of a zone change in a year of UTC, in order."""
    known = zone_of(zone)
    first, last = (int(datetime(one, 1, 1, tzinfo=UTC).timestamp()) for one in (year, year + 1))
    found = []
    for low in range(first, last, STEP_SECONDS):
        high = min(low + STEP_SECONDS, last)
        before, after = _offset(known, low), _offset(known, high)
        if before != after:
            found.append(ClockChange(at=_when(known, low, high), before=before, after=after))
    return tuple(found)


def stretches(zone: str, start: float, end: float) -> Iterator[tuple[float, float, int]]:
    """Yield the stretches of [start, end) in which the zone is one offset of seconds ahead of UTC.

    They follow each other without a gap.
    """
    offset = _offset(zone_of(zone), start)
    for year in range(_year(start), _year(end) + 1):
        for change in changes_of(zone, year):
            if start < change.at < end:
                yield start, float(change.at), offset
                start, offset = float(change.at), change.after
    if start < end:
        yield start, end, offset


def _when(zone: ZoneInfo, low: int, high: int) -> int:
    """Return the first second of the offset at `high`, which is another one than that at `low`."""
    after = _offset(zone, high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _offset(zone, middle) == after else (middle, high)
    return high


def _offset(zone: ZoneInfo, at: float) -> int:
    offset = datetime.fromtimestamp(at, zone).utcoffset()
    assert offset is not None, "a zone has an offset at any moment"
    return round(offset.total_seconds())


def _year(at: float) -> int:
    return datetime.fromtimestamp(at, UTC).year
