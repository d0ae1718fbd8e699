"""Share a line: how much may pass it in a second, in one process or in all of an engine.

What is let onto a line passes in the order in which it came. Rate and part may change while things
wait: each knows its place in the row, and not when it will be through.
"""

from __future__ import annotations

import fcntl
import os
import struct
import threading
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

_KEPT = struct.Struct("=ddddd")


class LineState(NamedTuple):
    """A line at a moment of a clock that never goes back; what passes are bytes, or requests."""

    admitted: float = 0.0
    """How much was let onto it so far."""
    passed: float = 0.0
    """How much of that was through..."""
    at: float = 0.0
    """...at this moment."""
    rate: float = 0.0
    """How much passes in a second on the whole line; 0: there is no ceiling."""
    given: float = 0.0
    """Which part of the line this is; 0: nobody has given another part than all of it."""

    @property
    def part(self) -> float:
        """Which part of all that may pass is its own, above 0 and up to 1."""
        return self.given or 1.0

    def through(self, now: float) -> float:
        """Return how much is through by now; time in which nothing waits is not saved up."""
        if not self.rate:
            return self.admitted
        more = self.rate * self.part * max(0.0, now - self.at)
        return min(self.admitted, self.passed + more)

    def counted(self, now: float) -> LineState:
        """Return the line as it is now."""
        return self._replace(passed=self.through(now), at=max(self.at, now))

    def left(self, place: float, now: float) -> float:
        """Return in how many seconds a place is through, as things stand."""
        if not self.rate:
            return 0.0
        return (place - self.through(now)) / (self.rate * self.part)


class Lane(Protocol):
    """A line that several use, each of which sees what all others let onto it."""

    def line(self) -> LineState:
        """Return the line as it was left last."""

    def admit(self, size: float, now: float) -> float:
        """Let so much onto the line, behind all that waits, and return its place."""

    def limit(self, rate: float | None, now: float) -> None:
        """Let so much pass in a second from now on, also of what waits; None: no ceiling."""

    def part(self) -> float:
        """Return which part of all that may pass is this lane's own, above 0 and up to 1."""


class OwnLane:
    """A lane of one process."""

    def __init__(self, rate: float | None = None) -> None:
        self._lock = threading.Lock()
        self._line = LineState(rate=rate or 0.0)

    def line(self) -> LineState:
        """See `Lane.line`."""
        return self._line

    def admit(self, size: float, now: float) -> float:
        """See `Lane.admit`."""
        with self._lock:
            line = self._line.counted(now)
            self._line = line._replace(admitted=line.admitted + size)
            return self._line.admitted

    def limit(self, rate: float | None, now: float) -> None:
        """See `Lane.limit`."""
        with self._lock:
            self._line = self._line.counted(now)._replace(rate=rate or 0.0)

    def part(self) -> float:
        """Return 1: a process alone has all of the rate."""
        return 1.0


class SharedLane:
    """The lane of every process that holds one file; its clock is the machine's monotonic one.

    A process that dies lets go of it, and at most one step of the lane is lost. Other machines may
    have lanes of the same line: `give` says which part of it this one has.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()  # a record lock does not keep threads apart

    def line(self) -> LineState:
        """See `Lane.line`."""
        kept = os.pread(self._descriptor, _KEPT.size, 0).ljust(_KEPT.size, b"\0")
        return LineState(*_KEPT.unpack(kept))

    def admit(self, size: float, now: float) -> float:
        """See `Lane.admit`."""
        return self._changed(
            now, lambda line: line._replace(admitted=line.admitted + size)
        ).admitted

    def limit(self, rate: float | None, now: float) -> None:
        """See `Lane.limit`."""
        self._changed(now, lambda line: line._replace(rate=rate or 0.0))

    def part(self) -> float:
        """See `Lane.part`."""
        return self.line().part

    def give(self, part: float, now: float) -> None:
        """Give this lane another part of the line from now on, above 0 and up to 1."""
        assert 0 < part <= 1
        self._changed(now, lambda line: line._replace(given=part))

    def _changed(self, now: float, change: Callable[[LineState], LineState]) -> LineState:
        with self._lock:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX)
            try:
                line = change(self.line().counted(now))
                os.pwrite(self._descriptor, _KEPT.pack(*line), 0)
            finally:
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN)
        return line


def lane(descriptor: int | None) -> Lane:
    """Return the lane of a shared file, or without one a lane of this process."""
    return OwnLane() if descriptor is None else SharedLane(descriptor)


class ProcessShare:
    """What one process may use of what all of its machine may, which has a part of a line.

    That is an equal part of it, or all of it for as long as it works alone.
    """

    def __init__(
        self,
        lane: Lane,
        *,
        processes: int,
        connections: int,
        alone: int | None = None,
        together: int | None = None,
    ) -> None:
        """Say how many `connections` it may have as one of `processes`, and `alone`.

        None: it never works alone. Those of all machines are `together` no more than so many; None:
        nobody says.
        """
        self._lane, self._together = lane, together
        self._processes, self._connections, self._alone = processes, connections, alone

    def requests(self) -> int:
        """Return how many may be under way now; one at least."""
        own = self._connections if self._alone is None else self._alone
        if self._together is None:
            return own
        return max(1, min(own, int(self._together * self.part())))

    def part(self) -> float:
        """Return which part it is of all that all machines may, above 0 and up to 1."""
        return self._lane.part() / (self._processes if self._alone is None else 1)

    def lower(self) -> int:
        """Work alone no more, and return how many connections it may have now."""
        self._alone = None
        return self._connections


def limited(descriptor: int) -> Callable[[float | None], None]:
    """Return what sets the ceiling of a shared file's lane from this moment on."""
    shared = SharedLane(descriptor)
    return lambda rate: shared.limit(rate, time.monotonic())


def shared_file() -> int:
    """Return the descriptor of a file without a name that `SharedLane` can use; close it after."""
    return os.memfd_create("hdh-migrate-lanes")
