"""Memory for parts, bounded and reused: fresh large buffers cost seconds of CPU per GiB."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from hdh_migrate.fibers import current, rest

GRAIN = 131_072
"""Buffers are of whole such pieces, so that what held any part can hold the one with a header."""

FIBER_SECONDS: Final = 0.01
"""How soon a fiber asks again for a buffer that was not there."""

_NEVER: Final = threading.Event()


class BufferPool:
    """Hands out buffers up to `budget` bytes in all; who asks for more waits."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self._free: list[bytearray] = []
        self._used = 0
        # Each item takes the lock twice, and without what a condition puts around it.
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._waiting = 0

    @contextmanager
    def buffer(self, size: int) -> Iterator[memoryview]:
        """Lend a buffer of exactly `size` bytes; its content is whatever was there."""
        owned = self._take(self._whole(size))
        try:
            yield memoryview(owned)[:size]
        finally:
            self._give(owned)

    def spare(self, size: int) -> memoryview | None:
        """Lend a buffer if there is room for it at once; who has it must `give` it back."""
        with self._lock:
            owned = self._found(self._whole(size), wanted=False)
        return None if owned is None else memoryview(owned)[:size]

    def give(self, lent: memoryview) -> None:
        """Take back what `spare` lent; nobody may look at it any more."""
        assert isinstance(lent.obj, bytearray)
        self._give(lent.obj)

    def _whole(self, size: int) -> int:
        """Return the bytes that are taken for so many; never more than there is room for."""
        return max(size, min(-(-size // GRAIN) * GRAIN, self.budget))

    def _take(self, size: int) -> bytearray:
        while current() is not None:  # what others of its thread hold comes back only if they go on
            with self._lock:
                owned = self._found(size, wanted=True)
            if owned is not None:
                return owned
            rest(_NEVER, FIBER_SECONDS)
        with self._lock:
            while (owned := self._found(size, wanted=True)) is None:
                self._waiting += 1
                self._room.wait()
                self._waiting -= 1
        return owned

    def _found(self, size: int, *, wanted: bool) -> bytearray | None:
        """Return a buffer, None when there is no room; what is `wanted` alone always has some."""
        for number, candidate in enumerate(self._free):
            if len(candidate) >= size:
                return self._free.pop(number)
        while self._free and self._used + size > self.budget:
            self._used -= len(self._free.pop())
        if self._used + size <= self.budget or (wanted and self._used == 0):
            self._used += size
            return bytearray(size)
        return None

    def _give(self, owned: bytearray) -> None:
        with self._lock:
            self._free.append(owned)
            if self._waiting:
                self._room.notify_all()
