"""Work ends by the calendar: in open hours, slower at some of them, under a ceiling at others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hdh_migrate.pipeline.pace.until import DAY, HOUR, Calendar, by_day, day_of, moment_text

MIDNIGHT = 1_795_651_200.0
"""2026-11-26T00:00:00Z"""


def nights(start: float, end: float) -> Iterator[tuple[float, float]]:
    """Yield 20:00 to 06:00 UTC."""
    at = start // DAY * DAY - 4 * HOUR
    while at < end:
        low, high = max(start, at), min(end, at + 10 * HOUR)
        if low < high:
            yield low, high
        at += DAY


def test_work_without_a_break_ends_when_it_is_done() -> None:
    assert Calendar().ends(MIDNIGHT, 3 * DAY + 5, 0) == MIDNIGHT + 3 * DAY + 5
    assert Calendar().ends(MIDNIGHT, 0, 0) == MIDNIGHT


def test_work_goes_on_in_open_hours_only() -> None:
    calendar = Calendar(spans=nights)
    assert calendar.ends(MIDNIGHT, 6 * HOUR, 0) == MIDNIGHT + 6 * HOUR
    assert calendar.ends(MIDNIGHT, 7 * HOUR, 0) == MIDNIGHT + 21 * HOUR
    assert calendar.ends(MIDNIGHT, 26 * HOUR, 0) == MIDNIGHT + 2 * DAY + 6 * HOUR


def test_hours_of_the_day_in_which_work_takes_longer_count_for_less() -> None:
    calendar = Calendar(hours={1: 2.0, 2: 4.0})
    assert calendar.ends(MIDNIGHT, 1.5 * HOUR, 0) == MIDNIGHT + 2 * HOUR
    assert calendar.ends(MIDNIGHT, 1.75 * HOUR, 0) == MIDNIGHT + 3 * HOUR


def test_a_ceiling_slows_only_what_is_faster() -> None:
    calendar = Calendar(ceiling=lambda at: 50.0 if at % DAY < 8 * HOUR else 200.0, timed=True)
    assert calendar.ends(MIDNIGHT, HOUR, 40 * HOUR) == MIDNIGHT + HOUR
    assert calendar.ends(MIDNIGHT, HOUR, 100 * HOUR) == MIDNIGHT + 2 * HOUR
    assert calendar.ends(MIDNIGHT, 5 * HOUR, 500 * HOUR) == MIDNIGHT + 9 * HOUR


def test_the_pieces_of_work_add_up_and_each_is_of_one_day() -> None:
    calendar = Calendar(spans=nights, hours={22: 3.0})
    pieces = list(calendar.pieces(MIDNIGHT, 40 * HOUR, 10**12))
    assert sum(one.share for one in pieces) == pytest.approx(1)
    assert all(day_of(one.begin) == day_of(one.end - 1) for one in pieces)
    assert pieces[-1].end == calendar.ends(MIDNIGHT, 40 * HOUR, 10**12)


def test_what_never_opens_never_ends() -> None:
    def never(start: float, end: float) -> Iterator[tuple[float, float]]:
        del start, end
        yield from ()

    assert Calendar(spans=never).ends(MIDNIGHT, 1, 0) is None


def test_a_moment_is_told_in_utc() -> None:
    assert moment_text(MIDNIGHT) == "2026-11-26T00:00:00Z"


def test_what_is_left_is_told_in_no_more_pieces_than_days() -> None:
    """Years of quarters of an hour were kept, each as a thing of its own."""
    calendar = Calendar(timed=True)
    pieces, end = by_day(calendar, 0.0, 10 * DAY, 1.0)
    assert end == calendar.ends(0.0, 10 * DAY, 1.0) == 10 * DAY
    assert len(pieces) == 10 < len([*calendar.pieces(0.0, 10 * DAY, 1.0)])
    assert sum(one.share for one in pieces) == pytest.approx(1.0)
    assert by_day(calendar, 0.0, 0.0, 0.0) == ([], 0.0)


def test_of_what_never_ends_nothing_is_kept() -> None:
    hour = Calendar(spans=lambda start, end: iter([(start, start + HOUR)]))
    assert by_day(hour, 0.0, 2.0 * HOUR, 1.0) == ([], None)


def test_the_day_of_the_last_half_second_is_not_the_next_one() -> None:
    """A forecast that began then had the next day twice, and its own not at all."""
    assert [day_of(MIDNIGHT - 0.3), day_of(MIDNIGHT)] == ["2026-11-25", "2026-11-26"]
