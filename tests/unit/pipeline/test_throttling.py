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
from hdh_migrate.pipeline.lanes import lane, shared_file
from hdh_migrate.pipeline.throttling import (
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
    throttled = ThrottledSource(source, Bandwidth(100_000, clock.monotonic, Waits(clock)))
    (page,) = throttled.pages(PLACE)
    got = bytearray()
    throttled.read(PLACE, page.objects[0], Span(0, 1_000_000), got.extend)
    assert len(got) == 1_000_000
    assert clock.seconds == pytest.approx(10.0, abs=0.1)


def test_time_that_was_not_used_is_not_saved_up() -> None:
    clock = FakeClock(tick=0.0)
    bandwidth = Bandwidth(100, clock.monotonic, Waits(clock))
    clock.seconds = 1_000.0
    for _ in range(10):
        bandwidth.take(100)
    assert clock.seconds == pytest.approx(1_010.0, abs=0.1)


def test_who_is_told_to_stop_does_not_wait() -> None:
    clock = FakeClock(tick=0.0)
    halt = Waits(clock)
    halt.set()
    Bandwidth(1, clock.monotonic, halt).take(1_000_000)
    assert clock.seconds == 0.0


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
    reader = ThrottledReader(target, Bandwidth(100_000, clock.monotonic, Waits(clock)))
    got = bytearray()
    reader.read("dst", stored, None, got.extend)
    assert bytes(got) == BODY
    assert clock.seconds == pytest.approx(10.0, rel=0.05)


def test_what_is_sent_again_takes_its_time_of_the_line() -> None:
    clock = FakeClock(tick=0.0)
    line = Bandwidth(100_000, clock.monotonic, Waits(clock))
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
    ones = [Bandwidth(100_000, clock.monotonic, Waits(clock), lane(shared)) for _ in range(2)]
    for turn in range(100):
        ones[turn % 2].take(10_000)
    assert clock.seconds == pytest.approx(10.0, rel=0.05)
    for _ in range(100):
        ones[0].take(10_000)
    assert clock.seconds == pytest.approx(20.0, rel=0.05)


def _takes(descriptor: int, count: int) -> None:
    bandwidth = Bandwidth(1e9, time.monotonic, Event(), lane(descriptor))
    for _ in range(count):
        bandwidth.take(1_000_000)


def test_no_step_of_a_shared_lane_is_lost_between_processes(shared: int) -> None:
    began, context = time.monotonic(), multiprocessing.get_context("fork")
    children = [context.Process(target=_takes, args=(shared, 100)) for _ in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    assert time.monotonic() - began >= 0.3 - 0.06  # three times a hundred milliseconds
