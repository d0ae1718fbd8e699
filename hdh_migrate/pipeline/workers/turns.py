"""Parts get their place and their memory in the order in which they were handed out.

Some servers take the parts of an upload in order, and let a later one wait until those before it
are there. If later ones had all the memory, an earlier one would wait for them, and they for it.
Parts are handed out in order. So the one that was handed out first of all that are not sent yet has
a buffer, in whatever process it is, and nobody before it is missing (decisions/0099).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from hdh_migrate.orders import Order, OrderItem, PartItem, PartOrder

Turn = tuple[int, int, int]
"""An object, its attempt, and the number of a part."""


class Turns:
    """The line of one process's parts that have no buffer. Safe to share between threads."""

    def __init__(self) -> None:
        self._line: deque[Turn] = deque()
        self._moved = threading.Condition()

    def expect(self, order: Order) -> None:
        """Let the parts of an order stand in line, behind those of all orders before."""
        if isinstance(order, PartOrder):
            with self._moved:
                self._line.extend(map(turn_of, order.objects))

    @contextmanager
    def wait(self, one: OrderItem) -> Iterator[None]:
        """Wait until no part stands before this one, which leaves the line at the latest after it.

        What is no part, or was not expected, does not wait.
        """
        if not isinstance(one, PartItem):
            yield
            return
        turn = turn_of(one)
        with self._moved:
            self._moved.wait_for(lambda: turn not in self._line or self._line[0] == turn)
        try:
            yield
        finally:
            self._leave(turn)

    @contextmanager
    def supplied(self, turn: Turn) -> Iterator[None]:
        """Let the next one go on: this part has its buffer.

        If it fails it stands first again before the buffer is given back, for it may be tried
        once more, and those behind it may be waiting for it at the server.
        """
        self._leave(turn)
        try:
            yield
        except BaseException:
            with self._moved:
                self._line.appendleft(turn)
            raise

    def _leave(self, turn: Turn) -> None:
        with self._moved:
            if turn in self._line:
                self._line.remove(turn)
                self._moved.notify_all()


def turn_of(part: PartItem) -> Turn:
    """Return what a part stands in line as."""
    return part.id, part.attempt, part.number
