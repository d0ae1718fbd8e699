"""A lane of several machines: each has its part of the line, and may be given another."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from hdh_migrate.model import TargetLimits
from hdh_migrate.pipeline.lanes import OwnLane, SharedLane, shared_file
from hdh_migrate.pipeline.throttling import Bandwidth, RequestPace

LIMITS = TargetLimits(
    max_parts=1, min_part=1, max_part=1, max_put=1, max_object=1, writes_per_second=10.0
)


@pytest.fixture
def shared() -> Iterator[SharedLane]:
    descriptor = shared_file()
    yield SharedLane(descriptor)
    os.close(descriptor)


def test_a_line_is_whole_until_a_part_is_given(shared: SharedLane) -> None:
    assert shared.part() == OwnLane().part() == 1.0
    assert shared.advance(100.0, 2.0) == 102.0


def test_half_the_line_takes_twice_as_long_for_what_waits_too(shared: SharedLane) -> None:
    shared.advance(100.0, 2.0)
    shared.give(0.5, 101.0)
    assert shared.advance(101.0, 2.0) == 101.0 + 2.0 + 4.0
    shared.give(1.0, 103.0)
    assert shared.advance(103.0, 2.0) == 103.0 + 2.0 + 2.0


def test_every_process_with_the_file_sees_the_part(shared: SharedLane) -> None:
    other = SharedLane(shared._descriptor)
    shared.give(0.25, 0.0)
    assert other.part() == 0.25
    assert other.advance(0.0, 1.0) == 4.0


class Halt(threading.Event):
    """Waits for no time, and keeps how long it was to be."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = list[float]()

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return False


def test_bytes_pass_at_the_part_of_the_rate(shared: SharedLane) -> None:
    halt = Halt()
    shared.give(0.5, 0.0)
    line = Bandwidth(100.0, lambda: 0.0, halt, shared)
    line.take(100)
    assert sum(halt.waits) == pytest.approx(2.0 - 0.05)


def test_requests_pass_at_the_part_of_the_rate(shared: SharedLane) -> None:
    halt = Halt()
    pace = RequestPace.of(LIMITS, 1, lambda: 0.0, halt, shared.part)
    for _ in range(10):
        pace("PUT", "b")
    shared.give(0.5, 0.0)
    for _ in range(9):
        pace("PUT", "b")
    halt.waits.clear()
    pace("PUT", "b")
    assert sum(halt.waits) == pytest.approx(3.0 - 0.05)


def test_whoever_waits_while_the_part_changes_waits_as_much_longer(shared: SharedLane) -> None:
    class Halving(Halt):
        """Halves the line when somebody has waited for a second."""

        def wait(self, timeout: float | None = None) -> bool:
            if not self.waits:
                shared.give(0.5, 1.0)
            return super().wait(timeout)

    halt = Halving()
    Bandwidth(100.0, lambda: 0.0, halt, shared).take(305)  # 3 s are left to wait for at first
    assert sum(halt.waits) == pytest.approx(1.0 + 2 * 2.0)
