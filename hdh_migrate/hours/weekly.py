"""Hours of the week as people write them: `mon-fri 08:00-19:00`, and what they come to.

Hours that end no later than they begin go on into the next day: `fri 22:00-06:00` ends on Saturday.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from hdh_migrate.hours.zones import DAY_SECONDS, changes_of

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

MINUTE, DAY_MINUTES = 60, 1440

YEARS = range(2026, 2038)
"""Those whose changes of clocks hours must agree with; later ones follow the same rule."""

Stretch = tuple[int, int]
"""A part of one day: from and until which minute of it, by the wall clock; never empty."""

Week = tuple[tuple[Stretch, ...], ...]
"""The stretches of each day, from Monday on."""

_DAY = "|".join(WEEKDAYS)
DAYS = rf"daily|({_DAY})(-({_DAY}))?(,({_DAY})(-({_DAY}))?)*"
HOURS = r"([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)"
_HOURS = re.compile(HOURS, re.ASCII)
_ENTRY = re.compile(rf"(?:{DAYS}) {HOURS}", re.ASCII)


class NoHours(ValueError):
    """A text is no hours, in words for people."""


def hours_of_a_day(text: str) -> Stretch:
    """Return what `08:00-19:00` stands for; hours of one day end on that day.

    Raises:
        NoHours: it is none.
    """
    if not _HOURS.fullmatch(text):
        raise NoHours("must be hours such as 08:00-19:00, at the latest until 24:00")
    first, last = (_minute(one) for one in text.split("-"))
    if first >= last:
        raise NoHours("hours of one date end on that date, at the latest at 24:00")
    return first, last


def hours_of_a_week(text: str) -> Week:
    """Return what `mon-fri 08:00-19:00` stands for.

    Raises:
        NoHours: it is none.
    """
    if not _ENTRY.fullmatch(text):
        raise NoHours(
            "must be days and hours such as mon-fri 08:00-19:00, sat,sun 00:00-24:00 or daily"
            " 22:00-06:00"
        )
    days, hours = text.split(" ")
    first, last = (_minute(one) for one in hours.split("-"))
    if first == last:
        raise NoHours("begins and ends at the same time: a whole day is 00:00-24:00")
    found: list[list[Stretch]] = [[] for _ in WEEKDAYS]
    for day in _days(days):
        if first < last:
            found[day].append((first, last))
            continue
        found[day].append((first, DAY_MINUTES))
        if last:
            found[(day + 1) % 7].append((0, last))
    return tuple(map(merged, found))


def merged(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """Return stretches of a day in order, with those that touch put together."""
    found: list[Stretch] = []
    for first, last in sorted(stretches):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return tuple(found)


def together(weeks: Sequence[Week]) -> Week:
    """Return the hours of all of them in one."""
    return tuple(merged(one for week in weeks for one in week[day]) for day in range(7))


def shared(one: Week, other: Week) -> tuple[int, int] | None:
    """Return the first day and minute that two weeks both have, None when there is none."""
    for day in range(7):
        for first, last in one[day]:
            for begins, ends in other[day]:
                if first < ends and begins < last:
                    return day, max(first, begins)
    return None


def first_gap(week: Week) -> tuple[int, int] | None:
    """Return the first day and minute of the week that no hours have, None when there is none."""
    for day, stretches in enumerate(week):
        at = 0
        for first, last in stretches:
            if first > at:
                break
            at = last
        if at < DAY_MINUTES:
            return day, at
    return None


def time_text(minute: int) -> str:
    """Return a minute of a day as people write it: `08:00`."""
    return f"{minute // MINUTE:02d}:{minute % MINUTE:02d}"


def day_number(date: str) -> int:
    """Return the days from 1970-01-01 to a date such as 2026-12-25."""
    moment = datetime.fromisoformat(date).replace(tzinfo=UTC)
    return int(moment.timestamp()) // DAY_SECONDS


def weekday_of(day: int) -> int:
    """Return the day of the week, 0 for Monday, of a day counted from 1970-01-01."""
    return (day + 3) % 7


def unclear(
    zone: str, week: Week | None = None, dates: Iterable[tuple[int, Stretch]] = ()
) -> str | None:
    """Return why hours do not say when they begin or end, None when they always do.

    That is where they begin or end in the middle of an hour that daylight saving takes or doubles,
    or lie within one that it takes: on that day they would not be there at all.
    """
    given = list(dates)
    for change in (one for year in YEARS for one in changes_of(zone, year)):
        first, last = change.local
        day = first // DAY_SECONDS
        mine = [one for at, one in given if at == day]
        if week is not None:
            mine.extend(week[weekday_of(day)])
        for at in _in_doubt(mine, first - day * DAY_SECONDS, last - day * DAY_SECONDS,
                            gone=change.forward):  # fmt: skip
            date = datetime.fromtimestamp(first, UTC).date().isoformat()
            begins, ends = (time_text(one % DAY_SECONDS // MINUTE) for one in (first, last))
            what = "does not exist" if change.forward else "comes twice"
            return (
                f"{time_text(at)} {what} on {date}, when clocks change:"
                f" begin or end at {begins}, at {ends} or outside of them"
            )
    return None


def _in_doubt(mine: Iterable[Stretch], first: int, last: int, *, gone: bool) -> Iterator[int]:
    """Yield the minutes of a day that are in doubt: local times from `first` to `last` seconds."""
    for begins, ends in mine:
        yield from (one for one in (begins, ends) if first < one * MINUTE < last)
        if gone and first <= begins * MINUTE and ends * MINUTE <= last:
            yield begins


def _days(text: str) -> Iterator[int]:
    if text == "daily":
        yield from range(7)
        return
    for part in text.split(","):
        first, _, last = part.partition("-")
        begin, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
        yield from ((begin + n) % 7 for n in range((end - begin) % 7 + 1))


def _minute(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * MINUTE + int(minute)
