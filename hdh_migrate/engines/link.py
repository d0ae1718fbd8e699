"""The coordinator's link to one node: the orders that the node has, and the calls to it.

Messages go through a `Carrier`, which may block, and may fail in any way. So calls to a node are
made one after another in a thread of their own, and a node whose call fails is given up.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol

from hdh_migrate.engines.cluster import FROM_NODE, TO_NODE, WORD_SECONDS, ClusterSession, FromNode
from hdh_migrate.engines.messages import Assigned
from hdh_migrate.model import ClusterWorker
from hdh_migrate.orders import (
    AgainOrder,
    BeginOrder,
    DigestOrder,
    Order,
    PartOrder,
    PutOrder,
    ResumeOrder,
    VerifyOrder,
)
from hdh_migrate.receipts import PartSent

PACE_SECONDS: Final = 60.0
"""Over how long a node's rate is taken."""

_READ: Final = (PutOrder, VerifyOrder, AgainOrder, DigestOrder)
"""Orders for which every byte of their objects passes."""
_OF_PARTS: Final = (BeginOrder, ResumeOrder, PartOrder)
"""Orders that end no object."""


class Carrying(Protocol):
    """An order on its way to a node, or there."""

    def release(self) -> None:
        """Forget it: it came back."""

    def cancel(self) -> None:
        """Do not carry it any more, if it can still be helped."""


class Carrier(Protocol):
    """Carries the messages of one session to nodes, by their addresses.

    But for `carry`, which returns at once, each call waits for the node. `answer`, `share`, `limit`
    and `pause` return whether it knows the session. What they do is said of `node.Node`.
    """

    def begin(self, address: str, data: bytes) -> object: ...  # noqa: D102 - see above
    def answer(self, address: str, answers: Sequence[tuple[int, bool]]) -> object: ...  # noqa: D102
    def share(self, address: str, part: float) -> object: ...  # noqa: D102
    def limit(self, address: str, rate: float | None) -> object: ...  # noqa: D102
    def pause(self, address: str) -> object: ...  # noqa: D102
    def end(self, address: str, grace: float) -> object: ...  # noqa: D102
    def carry(self, address: str, number: int, data: bytes) -> Carrying: ...  # noqa: D102

    def close(self) -> None:
        """Let go of everything; the nodes stay."""


class Listener(Protocol):
    """What a carrier tells, from any thread and at once."""

    def there(self, address: str) -> None:
        """A node is there."""

    def left(self, address: str) -> None:
        """A node is there no more: its process ended, or its connection broke at both ends."""

    def said(self, node: str, number: int, words: bytes) -> None:
        """A node, by its name, said something; numbered from 0."""

    def gone(self, why: str) -> None:
        """Nothing can be carried any more."""


class Link:
    """One node as the coordinator knows it. But for its thread, all is done in the coordinator's.

    Times are those of the coordinator's monotonic clock.
    """

    def __init__(
        self, address: str, carrier: Carrier, fail: Callable[[str], None], now: float
    ) -> None:
        """`fail` is called from another thread with words for why the node is to be given up."""
        self.address = address
        self.name: str | None = None
        """Of the node, once it takes orders."""
        self.capacity = 0
        self.said = 0
        """How many of its words were heard."""
        self.heard = now
        self.began = False
        """Whether a session was begun there, or is about to be."""
        self._carrier, self._fail = carrier, fail
        self._orders = dict[int, Order]()
        self._carried: dict[int, Carrying] = {}
        self._calls = queue.SimpleQueue[Callable[[], None] | None]()
        self._done = [0, 0]
        self._paces = deque[tuple[float, int]]()
        self._met = now
        threading.Thread(target=self._work, daemon=True).start()

    # --- orders ---------------------------------------------------------------------------------

    @property
    def room(self) -> int:
        """How many more orders are worth handing to it."""
        return self.capacity - len(self._orders)

    @property
    def orders(self) -> Sequence[Order]:
        """The orders that this node holds."""
        return [*self._orders.values()]

    def hand_out(self, number: int, order: Order) -> None:
        """Give it an order; one that cannot be carried gives the node up, like any other call."""
        self._orders[number] = order
        data = TO_NODE.encode(Assigned(number=number, order=order))
        try:
            self._carried[number] = self._carrier.carry(self.address, number, data)
        except Exception as error:  # noqa: BLE001 - whatever ends a connection
            self._fail(f"it cannot be handed orders: {type(error).__name__}")

    def let_go(self, number: int) -> Order:
        """Forget an order that came back."""
        carried = self._carried.pop(number, None)
        if carried is not None:
            with suppress(Exception):  # what carried it may be gone
                carried.release()
        return self._orders.pop(number)

    def holds(self, number: int) -> bool:
        """Return whether an order is there."""
        return number in self._orders

    def abandon(self) -> None:
        """Do not carry what it holds any more."""
        for one in self._carried.values():
            with suppress(Exception):  # what carried it may be gone, too
                one.cancel()

    # --- what came of them ----------------------------------------------------------------------

    def count(self, order: Order, now: float) -> None:
        """Count an order that is done."""
        if not isinstance(order, _OF_PARTS):
            self._done[0] += len(order.objects)
        if isinstance(order, _READ):
            self._passed(sum(one.size for one in order.objects), now)

    def count_part(self, receipt: PartSent, now: float) -> None:
        """Count a part that arrived."""
        self._passed(receipt.size, now)

    def _passed(self, size: int, now: float) -> None:
        self._done[1] += size
        self._paces.append((now, size))
        self._forget(now)

    def _forget(self, now: float) -> None:
        while self._paces and now - self._paces[0][0] > PACE_SECONDS:
            self._paces.popleft()

    def seen(self, share: float, now: float) -> ClusterWorker:
        """Return what is known of it."""
        self._forget(now)
        span = min(PACE_SECONDS, max(1.0, now - self._met))
        return ClusterWorker(
            name=self.name or self.address,
            address=self.address,
            state="begins" if self.name is None else "works",
            share=share,
            capacity=self.capacity,
            orders=len(self._orders),
            objects=self._done[0],
            size=self._done[1],
            bytes_per_second=sum(size for _, size in self._paces) / span,
            silent=max(0.0, now - self.heard),
        )

    # --- calls, in its thread -------------------------------------------------------------------

    def begin(self, session: ClusterSession, begun: Callable[[Sequence[FromNode]], None]) -> None:
        """Begin a session there; `begun` takes its answer, in another thread."""
        self.began = True
        data = TO_NODE.encode(session)

        def call() -> None:
            answered = self._carrier.begin(self.address, data)
            begun(FROM_NODE.decode(answered) if isinstance(answered, bytes) else [])

        self._calls.put(call)

    def answer(self, answers: Sequence[tuple[int, bool]]) -> None:
        """Tell it what came of its questions."""
        self._known(lambda: self._carrier.answer(self.address, answers))

    def pause(self) -> None:
        """Have it return what is not begun."""
        self._known(lambda: self._carrier.pause(self.address))

    def share(self, part: float, took: Callable[[], None]) -> None:
        """Give it another part; `took` is called in another thread when it has it."""
        self._known(lambda: self._carrier.share(self.address, part), took)

    def limit(self, rate: float | None) -> None:
        """Tell it how many bytes a second all may move together from now on."""
        self._known(lambda: self._carrier.limit(self.address, rate))

    def end(self, grace: float, ended: Callable[[bytes | None], None]) -> None:
        """End the session there and call it no more.

        `ended` takes its last word, or None, in another thread.
        """

        def call() -> None:
            data = None
            try:
                data = self._carrier.end(self.address, grace)
            finally:
                ended(data if isinstance(data, bytes) else None)

        self._calls.put(call)
        self._calls.put(None)

    def _known(self, call: Callable[[], object], then: Callable[[], None] | None = None) -> None:
        def called() -> None:
            if call() is not True:
                raise ConnectionError("unknown")
            if then is not None:
                then()

        self._calls.put(called)

    def _work(self) -> None:
        """Make the calls; let the node know that we are there whenever there was none."""
        while True:
            try:
                call = self._calls.get(timeout=WORD_SECONDS)
            except queue.Empty:
                if self.name is not None:
                    self.answer(())
                continue
            if call is None:
                return
            try:
                call()
            except Exception as error:  # noqa: BLE001 - whatever ends a connection
                self._fail(f"it does not answer: {type(error).__name__}")
                return
