"""The in-process twin: performs each order when it is asked for receipts, in this thread."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from hdh_migrate.engines.messages import Assigned, Question
from hdh_migrate.engines.wire import FROM_WORKER, TO_WORKER, Vocabulary
from hdh_migrate.orders import Order
from hdh_migrate.ports.work import Recorder, Service
from hdh_migrate.receipts import (
    Aside,
    EndpointTraffic,
    ObjectReceipt,
    OrderDone,
    Receipt,
    SealIntent,
)

M = TypeVar("M")


class SerialEngine:
    """Deterministic, for tests and for looking closely.

    Orders and receipts go through JSON here, too: what it would not carry shows.
    """

    capacity = 1

    def __init__(
        self, service: Service, limit: Callable[[float | None], None] = lambda _: None
    ) -> None:
        self._service, self._limit = service, limit
        self._orders: list[Assigned] = []
        self._numbers = itertools.count(1)

    def submit(self, order: Order) -> int:
        """Keep the order until receipts are asked for."""
        number = next(self._numbers)
        self._orders.append(Assigned(number=number, order=order))
        return number

    def receipts(self, timeout: float, record: Recorder | None = None) -> Iterable[Receipt]:
        """Perform the orders now and return what they gave."""
        del timeout
        orders, self._orders = self._orders, []
        done: list[Receipt] = []

        def emit(receipt: ObjectReceipt | Aside) -> None:
            done.append(carried(receipt, FROM_WORKER))

        def recorded(intent: SealIntent) -> bool:
            asked = carried(Question(number=1, intent=intent), FROM_WORKER)
            return record is not None and record([asked.intent])[0]

        for assigned in orders:
            given = carried(assigned, TO_WORKER)
            self._service.perform(given.order, emit, recorded)
            done.append(OrderDone(order=given.number))
        return done

    def limit(self, rate: float | None) -> None:
        """Let so many bytes a second pass from now on."""
        self._limit(rate)

    def pause(self) -> None:
        """Let what is not begun be returned."""
        self._service.halt.set()

    def cluster(self) -> None:
        """All is done in this thread."""

    def traffic(self) -> Sequence[EndpointTraffic]:
        """Return what was exchanged with each endpoint so far."""
        return self._service.traffic()

    def close(self, *, grace: float) -> None:
        """Nothing to end."""
        del grace


def carried(message: M, words: Vocabulary[Any]) -> M:
    """Return a message as it arrives at the other end."""
    (arrived,) = words.decode(words.encode(message))
    assert isinstance(arrived, type(message))
    return arrived
