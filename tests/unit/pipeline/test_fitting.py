"""What an object and a byte cost is fitted to what was measured; what is left takes a range."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from hdh_migrate.model import MIB, Sample, Tally
from hdh_migrate.model.paces import (
    REMEMBERED_SECONDS,
    STRETCH_SECONDS,
    PaceSums,
    added,
    paces_of,
    total,
)
from hdh_migrate.pipeline.pace.fitting import NO_WORK, fitted, together_in_time
from hdh_migrate.pipeline.pace.pacing import Rate

DAY, NIGHT = 14, 2


def mixed(
    each: float,
    per_mib: float,
    *,
    seconds: int,
    hour: int = DAY,
    slower: float = 1.0,
    seed: int = 1,
) -> Iterator[Sample]:
    """Yield the samples of a step in which small and large objects came in a mix that varied."""
    draw = random.Random(seed)
    at, told, done = 0.0, 0, [0, 0]
    while at < seconds:
        share = draw.random()
        done[0] += round(share * slower / max(each, 1e-9)) if each else 0
        done[1] += round((1 - share) * slower / max(per_mib, 1e-9) * MIB) if per_mib else 0
        at += slower * slower
        while told <= at:
            yield Sample(
                f"2026-11-26T{hour:02}:00:00.000Z", float(told), "b", "transfer", done[0], done[1]
            )
            told += 1


def cost(tally: Tally, each: float, per_mib: float) -> float:
    return tally.objects * each + tally.size / MIB * per_mib


@pytest.mark.parametrize(("each", "per_mib"), [(0.01, 0.01), (0.002, 0.1), (0.05, 0.004)])
def test_the_cost_of_an_object_and_of_a_byte_are_fitted_apart(each: float, per_mib: float) -> None:
    fit = fitted(paces_of(mixed(each, per_mib, seconds=200)))
    assert fit is not None
    assert fit.told_apart
    assert fit.per_object == pytest.approx(each, rel=0.15)
    assert fit.per_byte == pytest.approx(per_mib / MIB, rel=0.15)
    for left in (Tally(objects=90_000, size=MIB), Tally(objects=3, size=1 << 37)):
        span = fit.span(left)
        assert span is not None
        assert span.low < cost(left, each, per_mib) < span.high
        assert span.high < 2.5 * span.low


@pytest.mark.parametrize(
    ("each", "per_mib"), [(0.05, 0.0), (0.0, 0.01), (0.01, 0.01), (0.002, 0.1)]
)
@pytest.mark.parametrize("left", [Tally(objects=1, size=1 << 40), Tally(objects=90_000, size=MIB)])
def test_the_range_holds_the_truth_where_the_two_prices_cannot_be_told_apart(
    each: float, per_mib: float, left: Tally
) -> None:
    """A pace of objects of 1 MiB each tells neither price; both ends together hold the truth."""
    seen = Tally(objects=1_000, size=1_000 * MIB)
    sums = PaceSums.of(cost(seen, each, per_mib), seen.objects, seen.size)
    fit = fitted({DAY: sums})
    assert fit is not None
    assert not fit.told_apart
    span = fit.span(left)
    assert span is not None
    line = left.size / (1 << 30)  # no line is quicker, so this much is always said
    assert span.low <= max(cost(left, each, per_mib), line) + 1e-6
    assert span.high >= cost(left, each, per_mib) - 1e-6


def test_a_range_is_never_one_number_and_narrows_with_what_was_measured() -> None:
    widths = []
    for seconds in (10, 100, 10_000):
        fit = fitted(paces_of(mixed(0.01, 0.01, seconds=seconds)))
        assert fit is not None
        span = fit.span(Tally(objects=1_000, size=1_000 * MIB))
        assert span is not None
        assert span.low < span.likely < span.high
        widths.append(span.high / span.low)
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] > 1.2


def test_a_pace_of_one_large_object_says_nothing_of_small_ones_and_a_range_is_told() -> None:
    large = fitted({DAY: PaceSums.of(100, 0, 100 * MIB)})
    assert large is not None
    few, many = (
        large.span(Tally(objects=1, size=10 * MIB)),
        large.span(Tally(objects=2_000, size=10 * MIB)),
    )
    assert few is not None
    assert many is not None
    assert few.high < 13
    assert many.low <= 10
    assert many.high >= 110


def test_nobody_can_tell_from_a_pace_of_nothing_and_nothing_left_takes_no_time() -> None:
    assert fitted(None) is None
    assert fitted({}) is None
    assert fitted({DAY: PaceSums.of(60, 0, 0)}) is None
    empty = fitted({DAY: PaceSums.of(10, 100, 0)})
    assert empty is not None
    assert empty.span(Tally()) == NO_WORK
    assert (empty.span(Tally(objects=50)) or NO_WORK).likely == pytest.approx(5)
    assert empty.span(Tally(objects=50, size=1)) is None
    assert together_in_time([NO_WORK, None]) is None


def test_an_hour_of_the_day_counts_for_itself_once_enough_was_measured_in_it() -> None:
    by_day = paces_of(mixed(0.01, 0.01, seconds=3_000, slower=2))
    by_night = paces_of(mixed(0.01, 0.01, seconds=3_000, hour=NIGHT))
    fit = fitted({**by_day, **by_night})
    assert fit is not None
    assert fit.hours[DAY] / fit.hours[NIGHT] == pytest.approx(2, rel=0.1)
    little = fitted({**by_day, NIGHT: PaceSums.of(60, 6_000, MIB)})
    assert little is not None
    assert little.hours == {}  # one hour alone says nothing of the others


def test_a_pace_of_late_that_is_another_one_widens_the_range() -> None:
    paces, left = paces_of(mixed(0.01, 0.01, seconds=600)), Tally(objects=1_000, size=1_000 * MIB)
    slow = fitted(paces, Rate(seconds=60, objects=1_000, size=1_000 * MIB))  # it took 20 before
    plain = fitted(paces)
    assert slow is not None
    assert plain is not None
    now, before = slow.span(left), plain.span(left)
    assert now is not None
    assert before is not None
    assert now.high > 2.5 * now.likely > before.high
    assert fitted(paces, Rate(seconds=5, objects=1, size=MIB)) == plain  # too little to say so


def test_stretches_are_short_in_a_short_run_and_long_in_a_long_one() -> None:
    assert total(paces_of(mixed(0.01, 0.01, seconds=20))).stretches == 20
    many = total(paces_of(mixed(0.01, 0.01, seconds=20_000)))
    assert many.seconds / many.stretches > STRETCH_SECONDS / 2


def test_the_time_between_two_runs_is_no_work() -> None:
    def sample(at: float, objects: int, size: int, batch: str = "b") -> Sample:
        return Sample("2026-11-26T10:00:00.000Z", at, batch, "transfer", objects, size)

    told = [
        sample(0, 0, 0), sample(10, 10, 1000), sample(3610, 0, 0), sample(3620, 20, 3000),
        sample(3625, 0, 0, "c"), sample(3630, 1, 1, "c"), sample(3, 1, 1, "c"),
    ]  # fmt: skip
    sums = total(paces_of(told))
    assert (sums.seconds, sums.objects, sums.size) == (25, 31, 4001)


def test_what_is_old_counts_for_less() -> None:
    paces = {DAY: PaceSums.of(REMEMBERED_SECONDS, 1_000, MIB)}
    assert total(added(paces, NIGHT, PaceSums.of(10, 1, 1))).seconds < REMEMBERED_SECONDS


def test_a_price_of_nothing_is_believed_after_many_stretches_only() -> None:
    few = fitted(paces_of(mixed(0.0, 0.01, seconds=10)))
    assert few is not None
    assert not few.told_apart
    rows = [PaceSums.of(1.0, count, 100 * MIB) for count in (1, 9, 2, 8, 3, 7, 4, 6) * 5]
    sums = rows[0]
    for one in rows[1:]:
        sums = sums.plus(one)
    many = fitted({DAY: sums})
    assert many is not None
    assert many.per_object == pytest.approx(0, abs=0.02)
