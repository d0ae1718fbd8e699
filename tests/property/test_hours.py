"""Windows and timetables against a clock on the wall that is looked at each quarter of an hour."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hdh_migrate.hours.timetable import Timetable, ceiling
from hdh_migrate.hours.weekly import (
    DAY_MINUTES,
    WEEKDAYS,
    Stretch,
    Week,
    day_number,
    first_gap,
    hours_of_a_week,
    merged,
    shared,
    time_text,
    together,
    unclear,
)
from hdh_migrate.hours.windows import Windows
from hdh_migrate.hours.zones import changes_of, stretches
from tests.support.examples import many

MINUTE, QUARTER = 60, 15
STEP = QUARTER * MINUTE
"""Hours below begin and end at whole quarters, and clocks change there."""

NIGHTS = hours_of_a_week("daily 19:00-07:00")

zones = st.sampled_from(
    ("UTC", "Europe/Paris", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe",
     "Africa/Casablanca", "America/Havana", "Pacific/Auckland")
)  # fmt: skip
minutes = st.integers(0, DAY_MINUTES // QUARTER).map(lambda one: one * QUARTER)
day_hours = st.lists(minutes, max_size=6, unique=True).map(
    lambda some: merged(zip(*[iter(sorted(some))] * 2, strict=False))
)
weeks = st.tuples(*[day_hours] * 7)
# Around changes of clocks in most of these zones, and the days between.
moments = st.integers(
    int(datetime(2026, 10, 20, tzinfo=UTC).timestamp()) // STEP,
    int(datetime(2027, 4, 10, tzinfo=UTC).timestamp()) // STEP,
).map(lambda step: step * STEP)
dates = st.dictionaries(
    st.dates(date(2026, 10, 20), date(2027, 4, 12)).map(lambda one: day_number(one.isoformat())),
    day_hours,
    max_size=3,
)
any_windows = st.builds(Windows, zone=zones, week=weeks, exceptions=dates)


def open_seconds(windows: Windows, start: float, end: float) -> float:
    return sum(last - first for first, last in windows.spans(start, end))


def on_the_wall(windows: Windows, at: float) -> bool:
    """Say whether they are open, from what a clock on the wall and a calendar show."""
    shown = datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(windows.zone))
    day = (shown.date() - date(1970, 1, 1)).days
    hours = windows.exceptions.get(day)
    if hours is None:
        hours = windows.week[WEEKDAYS.index(shown.strftime("%a").lower())]
    minute = int(shown.strftime("%H")) * 60 + int(shown.strftime("%M"))
    return any(first <= minute < last for first, last in hours)


@given(any_windows, moments, st.integers(1, 2 * 96))
@settings(deadline=None, max_examples=many(40))
def test_spans_are_the_minutes_that_the_wall_shows(
    windows: Windows, start: int, length: int
) -> None:
    end = start + length * STEP
    shown = [at for at in range(start, end, STEP) if on_the_wall(windows, at)]
    spans = list(windows.spans(start, end))

    told = [at for first, last in spans for at in range(int(first), int(last), STEP)]
    assert told == shown
    assert open_seconds(windows, start, end) == len(shown) * STEP
    assert all(one[1] < other[0] for one, other in pairwise(spans))
    assert windows.is_open(start) is on_the_wall(windows, start)


@given(any_windows, moments)
@settings(deadline=None, max_examples=many(40))
def test_the_next_opening_and_closing_are_the_first_that_the_wall_shows(
    windows: Windows, at: int
) -> None:
    opens, closes = windows.opens(at), windows.closes(at)
    within = range(at, at + 3 * 86_400, STEP)
    assert next((one for one in within if on_the_wall(windows, one)), None) == (
        None if opens is None or opens >= within.stop else opens
    )
    assert next((one for one in within if not on_the_wall(windows, one)), None) == (
        None if closes is None or closes >= within.stop else closes
    )


@given(any_windows, moments, st.integers(0, 40 * 3600))
@settings(deadline=None, max_examples=many(40))
def test_work_ends_when_the_windows_were_open_for_so_long(
    windows: Windows, start: int, seconds: int
) -> None:
    end = windows.after(start, seconds)
    if windows.opens(start) is None:
        assert end is None
    elif end is not None:
        assert open_seconds(windows, start, end) == pytest.approx(seconds)


@given(zones, moments, st.integers(1, 400 * 86_400))
@settings(deadline=None, max_examples=many(40))
def test_stretches_of_a_zone_cover_all_time_and_agree_with_its_clock(
    zone: str, start: int, length: int
) -> None:
    at = float(start)
    for begins, ends, offset in stretches(zone, start, start + length):
        assert begins == at
        for one in (begins, ends - 1):
            shown = datetime.fromtimestamp(one, ZoneInfo(zone)).utcoffset()
            assert shown == timedelta(seconds=offset)
        at = ends
    assert at == start + length


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


PARIS = Windows(zone="Europe/Paris", week=NIGHTS)


def test_the_night_that_loses_an_hour_is_an_hour_shorter() -> None:
    assert (
        open_seconds(PARIS, moment("2027-03-27T19:00+01:00"), moment("2027-03-28T07:00+02:00"))
        == 11 * 3600
    )


def test_the_night_that_has_an_hour_twice_is_an_hour_longer() -> None:
    assert (
        open_seconds(PARIS, moment("2026-10-24T19:00+02:00"), moment("2026-10-25T07:00+01:00"))
        == 13 * 3600
    )


def test_a_window_closes_by_the_wall_on_the_day_that_clocks_change() -> None:
    assert PARIS.closes(moment("2027-03-27T22:00+01:00")) == moment("2027-03-28T07:00+02:00")
    assert PARIS.closes(moment("2026-10-24T22:00+02:00")) == moment("2026-10-25T07:00+01:00")
    assert PARIS.opens(moment("2027-03-28T07:00+02:00")) == moment("2027-03-28T19:00+02:00")


def test_a_date_that_is_an_exception_ends_the_night_before_at_midnight() -> None:
    christmas = Windows(zone="Europe/Paris", week=NIGHTS, exceptions={day_number("2026-12-25"): ()})
    assert christmas.closes(moment("2026-12-24T20:00+01:00")) == moment("2026-12-25T00:00+01:00")
    assert christmas.opens(moment("2026-12-25T12:00+01:00")) == moment("2026-12-26T00:00+01:00")


def test_a_single_date_is_found_however_far_away_it_is() -> None:
    once = Windows(
        zone="Europe/Paris",
        week=((),) * 7,
        exceptions={day_number("2031-05-01"): ((480, 540),)},
    )
    opens = moment("2031-05-01T08:00+02:00")
    assert once.opens(moment("2026-11-26T00:00+00:00")) == opens
    assert once.closes(opens) == opens + 3600
    assert once.opens(opens + 3600) is None
    assert once.after(opens - 1, 3601) is None


def test_what_is_always_open_never_closes() -> None:
    always = Windows(zone="Europe/Paris", week=hours_of_a_week("daily 00:00-24:00"))
    assert always.closes(moment("2026-10-24T20:00+00:00")) is None
    assert always.after(0.0, 10.0) == 10.0


# --- hours as people write them -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("mon-fri 08:00-19:00", dict.fromkeys(range(5), ((480, 1140),))),
        ("fri-mon 08:00-19:00", dict.fromkeys((4, 5, 6, 0), ((480, 1140),))),
        ("sat,sun 00:00-24:00", {5: ((0, 1440),), 6: ((0, 1440),)}),
        ("sun 22:00-06:00", {6: ((1320, 1440),), 0: ((0, 360),)}),
        ("wed 22:00-00:00", {2: ((1320, 1440),)}),
    ],
)
def test_days_and_hours_mean_what_they_say(text: str, days: dict[int, tuple[Stretch, ...]]) -> None:
    assert hours_of_a_week(text) == tuple(days.get(day, ()) for day in range(7))


@given(st.lists(weeks, min_size=1, max_size=4))
@settings(deadline=None, max_examples=many(30))
def test_no_minute_is_shared_missing_or_merged_away_unless_it_is(several: list[Week]) -> None:
    def has(week: Week, day: int, minute: int) -> bool:
        return any(first <= minute < last for first, last in week[day])

    every = [(day, minute) for day in range(7) for minute in range(0, DAY_MINUTES, QUARTER)]
    union = together(several)
    assert all(has(union, *at) is any(has(week, *at) for week in several) for at in every)
    assert first_gap(union) == next((at for at in every if not has(union, *at)), None)
    first = shared(several[0], several[-1])
    both = [at for at in every if has(several[0], *at) and has(several[-1], *at)]
    assert (first is None) is (not both)
    assert first is None or first in both


@example("Europe/Paris", 2 * 60, 3 * 60)  # the hour itself, whole, is taken from a Sunday
@example("Europe/Paris", 2 * 60 + 30, 5 * 60)
@example("Australia/Lord_Howe", 105, 200)
@given(zones, minutes, minutes)
@settings(deadline=None, max_examples=many(40))
def test_hours_that_are_accepted_are_open_once_on_each_day_and_as_long_as_they_can_be(
    zone: str, first: int, last: int
) -> None:
    """What is in doubt is refused; what is not has one opening and one closing on every date."""
    if first >= last:
        return
    week: Week = (((first, last),),) * 7
    if unclear(zone, week) is not None:
        return
    windows = Windows(zone=zone, week=week)
    for change in (one for year in (2026, 2027) for one in changes_of(zone, year)):
        day = change.local[0] // 86_400
        midnight = datetime.fromtimestamp(day * 86_400, UTC).replace(tzinfo=ZoneInfo(zone))
        begin, end = midnight.timestamp(), midnight.timestamp() + 25 * 3600
        mine = [
            one for one in windows.spans(begin, end)
            if day_number(datetime.fromtimestamp(one[0], ZoneInfo(zone)).date().isoformat()) == day
        ]  # fmt: skip
        assert len(mine) == 1, (time_text(first), time_text(last))


def test_the_hour_that_comes_twice_and_the_one_that_is_not_there_are_named() -> None:
    weekly = unclear("Europe/Paris", hours_of_a_week("sun 02:30-06:00"))
    assert weekly is not None
    assert "02:30 does not exist on 2026-03-29" in weekly
    twice = unclear("Europe/Paris", dates=[(day_number("2026-10-25"), (150, 360))])
    assert twice is not None
    assert "02:30 comes twice on 2026-10-25" in twice
    assert unclear("Europe/Paris", hours_of_a_week("sat 02:30-06:00")) is None
    assert unclear("Europe/Paris", hours_of_a_week("sat 20:00-02:30")) is not None
    assert unclear("Europe/Paris", hours_of_a_week("daily 02:00-06:00")) is None
    gone = unclear("Europe/Paris", dates=[(day_number("2027-03-28"), (120, 180))])
    assert gone is not None
    assert "02:00 does not exist on 2027-03-28" in gone


# --- timetables ---------------------------------------------------------------------------------


def test_a_timetable_has_the_rate_of_the_hour_by_its_own_zone() -> None:
    table = Timetable(
        default=800, zone="Europe/Paris", hours=((hours_of_a_week("mon-fri 08:00-19:00"), 100),)
    )
    assert table.rate(moment("2027-03-26T18:59:59+01:00")) == 100  # a Friday in winter
    assert table.rate(moment("2027-03-26T19:00+01:00")) == 800
    assert table.rate(moment("2027-03-29T07:59:59+02:00")) == 800  # the Monday after, in summer
    assert table.rate(moment("2027-03-29T08:00+02:00")) == 100
    assert table.rates == (800, 100)
    assert ceiling((table, Timetable(default=300)), moment("2027-03-29T07:00+02:00")) == 300
    assert ceiling((), 0.0) is None
