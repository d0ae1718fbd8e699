"""A bandwidth is kept, by all threads together."""

from __future__ import annotations

import pytest

from hdh_migrate.model import Place, Span
from hdh_migrate.pipeline.throttling import Bandwidth, ThrottledSource
from tests.support.fakes import FakeSource
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
