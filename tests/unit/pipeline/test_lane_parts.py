"""A lane of several machines: each has its part of the line, and may be given another."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from hdh_migrate.model import TargetLimits
from hdh_migrate.pipeline.pace.lanes import OwnLane, ProcessShare, SharedLane, shared_file
from hdh_migrate.pipeline.pace.throttling import AHEAD_SECONDS, LOOK_SECONDS, Bandwidth, RequestPace
from tests.support.quiet import FakeClock, Waits

LIMITS = TargetLimits(
    max_parts=1, min_part=1, max_part=1, max_put=1, max_object=1, writes_per_second=10.0
)


@pytest.fixture
def shared() -> Iterator[SharedLane]:
    descriptor = shared_file()
    yield SharedLane(descriptor)
    os.close(descriptor)


def left(lane: SharedLane, now: float) -> float:
    """Return in how many seconds all that waits is through."""
    line = lane.line()
    return line.left(line.admitted, now)


def test_a_line_is_whole_until_a_part_is_given(shared: SharedLane) -> None:
    assert shared.part() == OwnLane().part() == 1.0
    shared.limit(100.0, 50.0)
    shared.admit(200.0, 100.0)
    assert left(shared, 100.0) == 2.0


def test_half_the_line_takes_twice_as_long_for_what_waits_too(shared: SharedLane) -> None:
    shared.limit(1.0, 100.0)
    shared.admit(2.0, 100.0)
    shared.give(0.5, 101.0)
    assert left(shared, 101.0) == 2.0
    shared.admit(2.0, 101.0)
    assert left(shared, 101.0) == 6.0
    shared.give(1.0, 103.0)
    assert left(shared, 103.0) == 2.0


def test_every_process_with_the_file_sees_part_and_rate(shared: SharedLane) -> None:
    other = SharedLane(shared._descriptor)
    shared.limit(1.0, 0.0)
    shared.give(0.25, 0.0)
    assert other.part() == 0.25
    other.admit(1.0, 0.0)
    assert left(shared, 0.0) == 4.0


def test_requests_of_all_machines_together_are_shared_like_the_line(shared: SharedLane) -> None:
    most = ProcessShare(shared, processes=2, connections=8, together=24).requests
    assert most() == 8
    shared.give(0.5, 0.0)
    assert most() == 6
    shared.give(1 / 3, 0.0)
    assert most() == 4
    shared.give(0.01, 0.0)
    assert most() == 1
    assert ProcessShare(shared, processes=2, connections=8).requests() == 8


def test_who_works_alone_has_what_all_processes_may_use(shared: SharedLane) -> None:
    shared.give(0.5, 0.0)
    one = ProcessShare(shared, processes=2, connections=8, alone=15, together=24)
    assert (one.requests(), one.part()) == (12, 0.5)
    shared.give(1.0, 0.0)
    assert (one.requests(), one.part()) == (15, 1.0)

    assert one.lower() == 8

    assert (one.requests(), one.part()) == (8, 0.5)
    shared.give(0.5, 0.0)
    assert (one.requests(), one.part()) == (6, 0.25)


def test_bytes_pass_at_the_part_of_the_rate(shared: SharedLane) -> None:
    clock = FakeClock(tick=0.0)
    shared.limit(100.0, 0.0)
    shared.give(0.5, 0.0)
    Bandwidth(shared, clock.monotonic, Waits(clock)).take(100)
    assert clock.seconds == pytest.approx(2.0 - AHEAD_SECONDS)


def test_requests_pass_at_the_part_of_the_rate(shared: SharedLane) -> None:
    clock = FakeClock(tick=0.0)
    pace = RequestPace.of(LIMITS, clock.monotonic, Waits(clock), shared.part)
    for _ in range(10):
        pace("PUT", "b")
    shared.give(0.5, clock.seconds)
    for _ in range(10):
        pace("PUT", "b")
    assert clock.seconds == pytest.approx(3.0 - AHEAD_SECONDS)


def test_whoever_waits_while_the_part_changes_waits_as_much_longer(shared: SharedLane) -> None:
    class Halving(Waits):
        """Halves the line when somebody has waited for a second."""

        def wait(self, timeout: float | None = None) -> bool:
            told = super().wait(timeout)
            if shared.part() == 1.0 and self._clock.seconds >= 1.0:
                shared.give(0.5, 1.0)
            return told

    clock = FakeClock(tick=0.0)
    shared.limit(100.0, 0.0)
    Bandwidth(shared, clock.monotonic, Halving(clock)).take(300)
    assert clock.seconds == pytest.approx(5.0, abs=LOOK_SECONDS)


def test_what_was_not_used_is_not_saved_up_by_a_change(shared: SharedLane) -> None:
    shared.limit(100.0, 0.0)
    shared.admit(100.0, 0.0)
    shared.limit(10.0, 1_000.0)
    shared.admit(100.0, 1_000.0)
    assert left(shared, 1_000.0) == 10.0
