"""The in-process twin: performs each order when it is handed out, in this thread."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hdh_migrate.ports import Order, Receipt, Recorder

Perform = Callable[[Order, Callable[[Receipt], None], Callable[[Receipt], bool]], None]


class SerialEngine:
    """Deterministic, for tests and for looking closely."""

    capacity = 1

    def __init__(self, perform: Perform) -> None:
        self._perform = perform
        self._orders: list[Order] = []
        self._numbers = itertools.count(1)

    def submit(self, order: Order) -> None:
        """Keep the order until receipts are asked for."""
        self._orders.append({**order, "order": next(self._numbers)})

    def receipts(self, timeout: float, record: Recorder | None = None) -> Iterable[Receipt]:
        """Perform the orders now and return what they gave."""
        del timeout
        orders, self._orders = self._orders, []
        done: list[Mapping[str, Any]] = []

        def recorded(receipt: Receipt) -> bool:
            return record is not None and record([receipt])[0]

        for order in orders:
            self._perform(order, done.append, recorded)
            done.append({"kind": "order-done", "order": order["order"]})
        return done

    def pause(self) -> None:
        """Nothing is under way between calls."""

    def traffic(self) -> list[Mapping[str, Any]]:
        """Return nothing: the coordinator counts its own traffic."""
        return []

    def close(self, *, grace: float) -> None:
        """Nothing to end."""
        del grace
