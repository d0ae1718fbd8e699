"""Opened segments that are kept for a while, in bounded memory, for all files of a grant."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import Future

Key = tuple[int, int]
"""Which object (by its place in the pack), which of its segments."""

Coming = Future[bytes]
"""A segment that another thread is fetching; cancelled when that came to nothing."""


class SegmentCache:
    """Keeps the segments that were used last. Safe to share between threads.

    What is missing is claimed by whoever asks first, and everybody else waits for it: no segment
    is fetched twice at the same time.
    """

    def __init__(self, limit: int) -> None:
        """Keep up to `limit` bytes; what is being fetched comes on top of that."""
        self._limit = limit
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, bytes] = OrderedDict()
        self._coming: dict[Key, Coming] = {}
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes that are kept now."""
        return self._size

    def claim(
        self, keys: Iterable[Key], ahead: Iterable[Key] = ()
    ) -> tuple[dict[Key, bytes | Coming], list[Key]]:
        """Return what is there or coming, and which of the keys the caller has to fetch.

        Where one of `keys` is to be fetched, those of `ahead` are as well, if nobody has them.
        Each key that is to be fetched must be given to `keep` or `drop`.
        """
        found: dict[Key, bytes | Coming] = {}
        mine: list[Key] = []
        with self._lock:
            for key in keys:
                self._look(key, found, mine)
            if mine:
                unwanted: dict[Key, bytes | Coming] = {}
                for key in ahead:
                    self._look(key, unwanted, mine)
        return found, mine

    def _look(self, key: Key, found: dict[Key, bytes | Coming], mine: list[Key]) -> None:
        if key in self._kept:
            self._kept.move_to_end(key)
            found[key] = self._kept[key]
        elif key in self._coming:
            found[key] = self._coming[key]
        else:
            self._coming[key] = Future()
            mine.append(key)

    def keep(self, key: Key, clear: bytes) -> None:
        """Take a segment that was claimed; the oldest ones may go for it."""
        with self._lock:
            coming = self._coming.pop(key)
            self._kept[key] = clear
            self._size += len(clear)
            while self._size > self._limit:
                self._size -= len(self._kept.popitem(last=False)[1])
        coming.set_result(clear)

    def drop(self, keys: Iterable[Key]) -> None:
        """Give up what was claimed and is not kept; who waits for it tries for itself."""
        with self._lock:
            given_up = [self._coming.pop(key) for key in keys if key in self._coming]
        for coming in given_up:
            coming.cancel()
