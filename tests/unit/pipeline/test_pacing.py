"""A pace is of the time in which somebody was at work, and of nothing else."""

from __future__ import annotations

from hdh_migrate.model import MIB, Sample
from hdh_migrate.pipeline.pace.pacing import Rate, measured


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
