"""A bandwidth is kept, by all threads together."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import time
from collections.abc import Iterator
from threading import Event

import pytest

from hdh_migrate.errors import Conflict
from hdh_migrate.model import Place, Span, Stamp, Stored
from hdh_migrate.pipeline.pace.lanes import Lane, OwnLane, lane, shared_file
from hdh_migrate.pipeline.pace.throttling import (
    LOOK_SECONDS,
    Bandwidth,
    ThrottledReader,
    ThrottledSource,
    ThrottledWriter,
)
from tests.support.fakes import FakeSource, FakeTarget
from tests.support.quiet import FakeClock, Waits

PLACE = Place(bucket="src")


def test_a_throttled_read_takes_as_long_as_the_bandwidth_says() -> None:
    source, clock = FakeSource(), FakeClock(tick=0.0)
    source.put("src", "a", bytes(1_000_000))
    throttled = ThrottledSource(source, Bandwidth(OwnLane(100_000), clock.monotonic, Waits(clock)))
    (page,) = throttled.pages(PLACE)
    got = bytearray()
    throttled.read(PLACE, page.objects[0], Span(0, 1_000_000), got.extend)
    assert len(got) == 1_000_000
    assert clock.seconds == pytest.approx(10.0, abs=0.1)


def test_time_that_was_not_used_is_not_saved_up() -> None:
    clock = FakeClock(tick=0.0)
    bandwidth = Bandwidth(OwnLane(100), clock.monotonic, Waits(clock))
    clock.seconds = 1_000.0
    for _ in range(10):
        bandwidth.take(100)
    assert clock.seconds == pytest.approx(1_010.0, abs=0.1)


def test_who_is_told_to_stop_does_not_wait() -> None:
    clock = FakeClock(tick=0.0)
    halt = Waits(clock)
    halt.set()
    Bandwidth(OwnLane(1), clock.monotonic, halt).take(1_000_000)
    assert clock.seconds == 0.0


# --- a ceiling that changes ---------------------------------------------------------------------


class Turning(Waits):
    """Turns the ceiling of a lane at some moments, as another process would."""

    def __init__(self, clock: FakeClock, lane: Lane, turns: dict[float, float | None]) -> None:
        super().__init__(clock)
        self._lane, self._turns = lane, turns

    def wait(self, timeout: float | None = None) -> bool:
        told = super().wait(timeout)
        for at in [one for one in self._turns if one <= self._clock.seconds]:
            self._lane.limit(self._turns.pop(at), at)
        return told


@pytest.mark.parametrize("chunk", [1_000, 60_000, 1_000_000])
def test_a_ceiling_that_changes_counts_from_that_moment_for_what_waits_too(
    shared: int, chunk: int
) -> None:
    """Whoever waits at the old rate would come hours too late, or far too soon."""
    for line in (OwnLane(100_000), lane(shared)):
        clock = FakeClock(tick=0.0)
        line.limit(100_000, 0.0)
        width = Bandwidth(line, clock.monotonic, Turning(clock, line, {5.0: 10_000, 25.0: 1e6}))
        for _ in range(2_700_000 // chunk):
            width.take(chunk)
        # Half a million until 5 s, 200,000 until 25 s, two million after that.
        whole = 25.0 + (2_700_000 // chunk * chunk - 700_000) / 1e6
        assert clock.seconds == pytest.approx(whole, abs=0.05 + LOOK_SECONDS)


def test_where_there_is_no_ceiling_nobody_waits_until_there_is_one() -> None:
    clock, line = FakeClock(tick=0.0), OwnLane()
    width = Bandwidth(line, clock.monotonic, Waits(clock))
    for _ in range(100):
        width.take(1e9)
    assert clock.seconds == 0.0
    line.limit(1000, clock.seconds)
    clock.seconds += LOOK_SECONDS
    width.take(2000)
    assert clock.seconds == pytest.approx(2.0 + LOOK_SECONDS, abs=0.06)
    line.limit(None, clock.seconds)
    width.take(1e9)
    assert clock.seconds == pytest.approx(2.0 + LOOK_SECONDS, abs=0.06)


# --- the target's side, and all processes together ------------------------------------------------

BODY = bytes(1_000_000)


@pytest.fixture
def shared() -> Iterator[int]:
    descriptor = shared_file()
    yield descriptor
    os.close(descriptor)


def test_the_way_back_from_the_target_is_as_narrow_as_the_way_there() -> None:
    """The source alone was throttled: a verification took the whole line."""
    clock, target = FakeClock(tick=0.0), FakeTarget("dst")
    stored = put(target)
    reader = ThrottledReader(target, Bandwidth(OwnLane(100_000), clock.monotonic, Waits(clock)))
    got = bytearray()
    reader.read("dst", stored, None, got.extend)
    assert bytes(got) == BODY
    assert clock.seconds == pytest.approx(10.0, rel=0.05)


def test_what_is_sent_again_takes_its_time_of_the_line() -> None:
    clock = FakeClock(tick=0.0)
    line = Bandwidth(OwnLane(100_000), clock.monotonic, Waits(clock))
    writer = ThrottledWriter(FakeTarget("dst"), line)
    put(writer)
    put(writer, "b")
    assert clock.seconds == 0.0  # it was read before, and that took its time
    with pytest.raises(Conflict):
        put(writer, "b")
    assert clock.seconds == pytest.approx(10.0, rel=0.05)


def put(target: FakeTarget | ThrottledWriter, key: str = "a") -> Stored:
    digest = hashlib.sha256(BODY).hexdigest()
    stamp = Stamp(attempt="t.1.1")
    return target.put("dst", key, memoryview(BODY), sha256=digest, stamp=stamp, replaces=None)


def test_processes_share_one_bandwidth_whoever_has_work(shared: int) -> None:
    """Each took an equal share: one that worked alone had half of what the plan allows."""
    clock = FakeClock(tick=0.0)
    lane(shared).limit(100_000, clock.monotonic())
    ones = [Bandwidth(lane(shared), clock.monotonic, Waits(clock)) for _ in range(2)]
    for turn in range(100):
        ones[turn % 2].take(10_000)
    assert clock.seconds == pytest.approx(10.0, rel=0.05)
    for _ in range(100):
        ones[0].take(10_000)
    assert clock.seconds == pytest.approx(20.0, rel=0.05)


def _takes(descriptor: int, count: int) -> None:
    bandwidth = Bandwidth(lane(descriptor), time.monotonic, Event())
    for _ in range(count):
        bandwidth.take(1_000_000)


@pytest.mark.slow
def test_no_step_of_a_shared_lane_is_lost_between_processes(shared: int) -> None:
    lane(shared).limit(1e9, time.monotonic())
    began, context = time.monotonic(), multiprocessing.get_context("fork")
    children = [context.Process(target=_takes, args=(shared, 100)) for _ in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    assert time.monotonic() - began >= 0.3 - 0.06  # three times a hundred milliseconds
