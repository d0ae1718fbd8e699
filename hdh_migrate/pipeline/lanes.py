"""Share a bandwidth: when the next byte may be sent, in one process or in all of an engine."""

from __future__ import annotations

import fcntl
import os
import struct
import threading
from typing import Protocol

_MOMENT = struct.Struct("=d")


class Lane(Protocol):
    """Computes when everything admitted so far has passed. Safe to share."""

    def advance(self, now: float, seconds: float) -> float:
        """Let something through that takes so many seconds, and return when it will be through.

        Time in which nothing passed is not saved up.
        """


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


class SharedLane:
    """The lane of every process that holds one file; its clock is the machine's monotonic one.

    A process that dies lets go of it, and at most one step of the lane is lost.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()  # a record lock does not keep threads apart

    def advance(self, now: float, seconds: float) -> float:
        """See `Lane.advance`."""
        with self._lock:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX)
            try:
                kept = os.pread(self._descriptor, _MOMENT.size, 0)
                was = _MOMENT.unpack(kept)[0] if len(kept) == _MOMENT.size else 0.0
                free_at = max(float(was), now) + seconds
                os.pwrite(self._descriptor, _MOMENT.pack(free_at), 0)
            finally:
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN)
        return free_at


def lane(descriptor: int | None) -> Lane:
    """Return the lane of a shared file, or without one a lane of this process."""
    return OwnLane() if descriptor is None else SharedLane(descriptor)


def shared_file() -> int:
    """Return the descriptor of a file without a name that `SharedLane` can use; close it after."""
    return os.memfd_create("hdh-migrate-lanes")
