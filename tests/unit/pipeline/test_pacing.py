"""How long it takes is told as a range that holds the truth, never from what nobody measured."""

from __future__ import annotations

import pytest

from hdh_migrate.model import MIB, Sample, Tally
from hdh_migrate.pipeline.pacing import Rate, measured, seconds_left


def samples(*rows: tuple[float, int, int], batch: str = "b") -> list[Sample]:
    return [
        Sample("2026-11-26T10:00:00.000Z", at, batch, "transfer", objects, size)
        for at, objects, size in rows
    ]


def test_nothing_is_measured_from_nothing_or_one_sample() -> None:
    assert measured([]) is None
    assert measured(samples((1.0, 0, 0))) is None
    assert measured(samples((1.0, 0, 0)), lately=60) is None


def test_the_time_between_two_runs_is_no_work() -> None:
    """A run of 10 s, an hour of nothing, a run of 10 s that begins to count anew."""
    told = samples((0, 0, 0), (10, 10, 1000), (3610, 0, 0), (3620, 20, 3000))
    assert measured(told) == Rate(seconds=20, objects=30, size=4000)
    assert measured(told, lately=60) == Rate(seconds=10, objects=20, size=3000)


def test_after_a_reboot_and_in_another_batch_counting_begins_anew() -> None:
    assert measured(samples((900, 0, 0), (905, 5, 50), (3, 5, 50), (5, 7, 70))) == Rate(
        seconds=7, objects=7, size=70
    )
    told = samples((0, 0, 0), (5, 9, 9)) + samples((6, 9, 9), (9, 9, 12), batch="c")
    assert measured(told) == Rate(seconds=8, objects=9, size=12)


def test_lately_is_the_last_minute() -> None:
    told = samples(*((float(at), at, at * MIB if at > 100 else 0) for at in range(0, 161, 5)))
    assert measured(told, lately=60) == Rate(seconds=60, objects=60, size=160 * MIB)


@pytest.mark.parametrize(
    ("each", "per_mib"), [(0.05, 0.0), (0.0, 0.01), (0.01, 0.01), (0.002, 0.1)]
)
@pytest.mark.parametrize("left", [Tally(objects=1, size=1 << 40), Tally(objects=90_000, size=MIB)])
def test_the_range_holds_what_it_takes_when_objects_and_bytes_both_cost(
    each: float, per_mib: float, left: Tally
) -> None:
    """A pace of 1,000 objects of 1 MiB tells neither price; both ends together hold the truth."""

    def cost(tally: Tally) -> float:
        return tally.objects * each + tally.size / MIB * per_mib

    seen = Tally(objects=1_000, size=1_000 * MIB)
    rate = Rate(seconds=cost(seen), objects=seen.objects, size=seen.size)
    found = seconds_left(left, [rate])
    assert found is not None
    low, high = found
    line = left.size / (1 << 30)  # no line is quicker, so this much is always said
    assert low <= max(cost(left), line) + 1e-6
    assert high >= cost(left) - 1e-6


def test_a_pace_of_one_large_object_says_nothing_of_small_ones_and_a_range_is_told() -> None:
    large = Rate(seconds=100, objects=0, size=100 * MIB)
    assert seconds_left(Tally(objects=1, size=10 * MIB), [large]) == (10.0, 10.05)
    low, high = seconds_left(Tally(objects=2_000, size=10 * MIB), [large]) or (0, 0)
    assert (low, high) == (10.0, 110.0)


def test_nobody_can_tell_from_a_pace_of_nothing_and_nothing_left_takes_no_time() -> None:
    stalled = Rate(seconds=60, objects=0, size=0)
    assert seconds_left(Tally(objects=1, size=1), [stalled]) is None
    assert seconds_left(Tally(objects=1, size=1), []) is None
    assert seconds_left(Tally(), []) == (0.0, 0.0)
    empty = Rate(seconds=10, objects=100, size=0)
    assert seconds_left(Tally(objects=50), [empty]) == (5.0, 5.0)
    assert seconds_left(Tally(objects=50, size=1), [empty]) is None
