"""Share a bandwidth: when the next byte may be sent, in one process or in all of an engine."""

from __future__ import annotations

import fcntl
import os
import struct
import threading
from typing import Protocol

_KEPT = struct.Struct("=dd")
_FREE_AT = struct.Struct("=d")


class Lane(Protocol):
    """Computes when everything admitted so far has passed. Safe to share."""

    def advance(self, now: float, seconds: float) -> float:
        """Let something through that takes so many seconds, and return when it will be through.

        Time in which nothing passed is not saved up.
        """

    def part(self) -> float:
        """Return which part of all that may pass is this lane's own, above 0 and up to 1."""


class OwnLane:
    """A lane of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free_at = 0.0

    def advance(self, now: float, seconds: float) -> float:
        """See `Lane.advance`."""
        with self._lock:
            self._free_at = max(self._free_at, now) + seconds
            return self._free_at

    def part(self) -> float:
        """All of it."""
        return 1.0


class SharedLane:
    """The lane of every process that holds one file; its clock is the machine's monotonic one.

    A process that dies lets go of it, and at most one step of the lane is lost. Other machines may
    have lanes of the same line: `give` says which part of it this one has.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()  # a record lock does not keep threads apart

    def advance(self, now: float, seconds: float) -> float:
        """See `Lane.advance`; what passes takes as much longer as the part is less than all."""
        with self._lock:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX)
            try:
                was, part = self._kept()
                free_at = max(was, now) + seconds / part
                os.pwrite(self._descriptor, _FREE_AT.pack(free_at), 0)
            finally:
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN)
        return free_at

    def part(self) -> float:
        """See `Lane.part`."""
        return self._kept()[1]

    def give(self, part: float, now: float) -> None:
        """Give this lane another part of the line, above 0 and up to 1.

        What was admitted and has not passed takes as much longer or shorter from `now` on, as
        whoever waits for it does (`Bandwidth.take`).
        """
        assert 0 < part <= 1
        with self._lock:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX)
            try:
                free_at, before = self._kept()
                free_at = now + max(0.0, free_at - now) * before / part
                os.pwrite(self._descriptor, _KEPT.pack(free_at, part), 0)
            finally:
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN)

    def _kept(self) -> tuple[float, float]:
        """Return when all is through, and the part: all of it until somebody gave another one."""
        kept = os.pread(self._descriptor, _KEPT.size, 0).ljust(_KEPT.size, b"\0")
        was, part = _KEPT.unpack(kept)
        return float(was), float(part) or 1.0


def lane(descriptor: int | None) -> Lane:
    """Return the lane of a shared file, or without one a lane of this process."""
    return OwnLane() if descriptor is None else SharedLane(descriptor)


def shared_file() -> int:
    """Return the descriptor of a file without a name that `SharedLane` can use; close it after."""
    return os.memfd_create("hdh-migrate-lanes")
