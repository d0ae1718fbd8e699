"""Memory for parts, bounded and reused: fresh large buffers cost seconds of CPU per GiB."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class BufferPool:
    """Hands out buffers up to `budget` bytes in all; who asks for more waits."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self._free: list[bytearray] = []
        self._used = 0
        self._room = threading.Condition()

    @contextmanager
    def buffer(self, size: int) -> Iterator[memoryview]:
        """Lend a buffer of exactly `size` bytes; its content is whatever was there."""
        owned = self._take(size)
        try:
            yield memoryview(owned)[:size]
        finally:
            self._give(owned)

    def _take(self, size: int) -> bytearray:
        with self._room:
            while True:
                for number, candidate in enumerate(self._free):
                    if len(candidate) >= size:
                        return self._free.pop(number)
                while self._free and self._used + size > self.budget:
                    self._used -= len(self._free.pop())
                if self._used + size <= self.budget or self._used == 0:
                    self._used += size
                    break
                self._room.wait()
        return bytearray(size)

    def _give(self, owned: bytearray) -> None:
        with self._room:
            self._free.append(owned)
            self._room.notify_all()
