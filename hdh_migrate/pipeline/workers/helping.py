"""Threads that help an order while others of its process have none.

An order is one thread's, and most of the time every thread has one. Of one large object alone the
others can fetch what comes next, and digest the same bytes in another way, each on a processor of
its own: libcurl, SHA-256 and ChaCha20-Poly1305 do not hold the interpreter.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

T = TypeVar("T")

CROWD = 2
"""Orders under way in one process beyond which its processors are busy without help."""


class Helpers:
    """Helping threads of one process, started when first needed. Safe to share between threads."""

    def __init__(self, connections: int = 1, ceiling: Callable[[], int] | None = None) -> None:
        """Take how many requests this process may have under way; with one, nobody helps.

        `ceiling` may say at each moment that it is fewer.
        """
        self._connections, self._ceiling = connections, ceiling or (lambda: connections)
        self._lock = threading.Lock()
        self._orders = self._lent = self._idle = 0
        self._tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    @contextmanager
    def order(self) -> Iterator[None]:
        """Count an order as under way: its thread has a connection of its own."""
        with self._lock:
            self._orders += 1
        try:
            yield
        finally:
            with self._lock:
                self._orders -= 1

    @property
    def spare(self) -> bool:
        """Whether who performs an order would be helped by others."""
        return self._connections > 1 and self._orders <= CROWD

    def fetch(self, task: Callable[[], T]) -> Future[T] | None:
        """Let another thread make requests; None: all connections have something to do."""
        with self._lock:
            if self._orders + self._lent >= self._ceiling():
                return None
            self._lent += 1

        def lent() -> T:
            try:
                return task()
            finally:
                with self._lock:
                    self._lent -= 1

        return self.beside(lent)

    def beside(self, task: Callable[[], T]) -> Future[T]:
        """Let another thread do something that needs no connection; wait for its result."""
        future: Future[T] = Future()

        def perform() -> None:
            try:
                future.set_result(task())
            except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
                future.set_exception(error)

        with self._lock:
            more = not self._idle
            self._idle -= not more
        if more:
            threading.Thread(target=self._help, daemon=True).start()
        self._tasks.put(perform)
        return future

    def _help(self) -> None:
        while True:
            self._tasks.get()()
            with self._lock:
                self._idle += 1


def all_of(
    helpers: Helpers, data: bytes | memoryview, *takers: Callable[[bytes | memoryview], object]
) -> None:
    """Give the same bytes to several takers at once; the last of them runs in this thread.

    Returns when all are through with them. What a taker raises is raised here.
    """
    *others, own = takers
    waiting = [helpers.beside(partial(take, data)) for take in others]
    try:
        own(data)
    finally:
        for one in waiting:
            one.exception()  # until nobody looks at the bytes any more
    for one in waiting:
        one.result()
