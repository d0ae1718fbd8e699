"""The in-process twin: performs each order when it is handed out, in this thread."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hdh_migrate.ports import Order, Receipt

Perform = Callable[[Order, Callable[[Receipt], None]], None]


class SerialEngine:
    """Deterministic, for tests and for looking closely."""

    capacity = 1

    def __init__(self, perform: Perform) -> None:
        self._perform = perform
        self._done: list[Mapping[str, Any]] = []
        self._numbers = itertools.count(1)

    def submit(self, order: Order) -> None:
        """Perform the order now."""
        number = next(self._numbers)
        self._perform({**order, "order": number}, self._done.append)
        self._done.append({"kind": "order-done", "order": number})

    def receipts(self, timeout: float) -> Iterable[Receipt]:
        """Return what the last orders gave."""
        del timeout
        done, self._done = self._done, []
        return done

    def pause(self) -> None:
        """Nothing is under way between calls."""

    def traffic(self) -> list[Mapping[str, Any]]:
        """Return nothing: the coordinator counts its own traffic."""
        return []

    def close(self, *, grace: float) -> None:
        """Nothing to end."""
        del grace
