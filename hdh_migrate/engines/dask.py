"""Nodes of a Dask cluster, each with worker processes of its own, driven from one coordinator.

Dask carries, says who is there and who has gone; what is handed to whom, what is lost and what is
tried again is decided here and in the ledger (docs/decisions/0056-dask.md). An order is one task,
bound to one node, never repeated by Dask. What nodes say comes as events, numbered, so that
an order's end is heard after everything else of it.
"""

from __future__ import annotations

import itertools
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hdh_migrate.engines import dask_node
from hdh_migrate.engines.cluster import (
    FROM_NODE,
    SILENCE_SECONDS,
    TO_NODE,
    WORD_SECONDS,
    Alive,
    ClusterSession,
    Died,
    FromNode,
    Joined,
    Left,
    Unfit,
)
from hdh_migrate.engines.dask_security import hush, quiet_settings, security
from hdh_migrate.engines.messages import Assigned, Question
from hdh_migrate.errors import MalformedMessage, Starved
from hdh_migrate.orders import Order
from hdh_migrate.ports.work import Recorder
from hdh_migrate.receipts import (
    EndpointTraffic,
    Lost,
    OrderDone,
    Receipt,
    Returned,
    ReturnReason,
)

if TYPE_CHECKING:
    from distributed import Client, Future

log = logging.getLogger(__name__)

CONNECT_SECONDS = 20
LOOK_SECONDS = 1.0
"""How often the scheduler is asked who is there."""

PATIENCE_SECONDS = 60.0
"""How long a run waits for a node that takes orders before it ends, resumable."""

CLOSE_SECONDS = 5.0
FOUND_MAX = 1000

Heard = Callable[[], Iterable[Receipt]]
"""What is to be done in the coordinator's thread with something that happened in another."""


class _Link:
    """One node as the coordinator knows it. Calls to it are made one after another, in a thread."""

    def __init__(self, address: str, fail: Callable[[str], None]) -> None:
        self.address = address
        self.name: str | None = None
        """Of the node, once it takes orders."""
        self.capacity = 0
        self.orders = dict[int, Order]()
        self.tasks: dict[int, Future[None]] = {}
        self.said = 0
        """How many of its words were heard."""
        self.heard = time.monotonic()
        self.calls = queue.SimpleQueue[Callable[[], None] | None]()
        self._fail = fail
        self._beat: Callable[[], None] | None = None
        threading.Thread(target=self._work, daemon=True).start()

    def keep_in_touch(self, beat: Callable[[], None]) -> None:
        """Make this call whenever there was none for a while."""
        self._beat = beat

    @property
    def room(self) -> int:
        """How many more orders are worth handing to it."""
        return self.capacity - len(self.orders)

    def _work(self) -> None:
        while True:
            try:
                call = self.calls.get(timeout=WORD_SECONDS)
            except queue.Empty:
                call = self._beat or _nothing
            if call is None:
                return
            try:
                call()
            except Exception as error:  # noqa: BLE001 - whatever ends a connection
                self._fail(f"it does not answer: {type(error).__name__}")
                return


def _nothing() -> None:
    return


class DaskEngine:
    """Hands orders to the nodes that a scheduler knows; they may come and go at any time."""

    def __init__(
        self,
        scheduler: str,
        certificates: Path,
        session: ClusterSession,
        *,
        patience: float = PATIENCE_SECONDS,
        silence: float = SILENCE_SECONDS,
        connect: float = CONNECT_SECONDS,
    ) -> None:
        """Connect to a scheduler; `patience`, `silence` and `connect` are in seconds.

        Raises:
            Starved: it is not there, or does not let us in.
            KeyUnavailable: a certificate is not there.
        """
        import dask
        from distributed import Client

        hush()
        self._session, self._patience, self._silence = session, patience, silence
        self._scheduler = scheduler
        self._settings = dask.config.set(quiet_settings())
        self._inbox = queue.SimpleQueue[Heard]()
        self._links = dict[str, _Link]()
        self._waiting = deque[tuple[int, Order]]()
        self._asked = list[tuple[_Link, Question]]()
        self._numbers = itertools.count(1)
        self._deaths = dict[tuple[str, int], int]()
        self._died = itertools.count(1)
        self._unfit = dict[str, str]()
        """Why nodes take no orders, by address."""
        self._traffic = list[EndpointTraffic]()
        self._paused, self._gone = False, ""
        self._served = time.monotonic()
        """When a node that takes orders was last there."""
        self._closed = threading.Event()
        try:
            self._client: Client = Client(
                scheduler,
                security=security(certificates),
                timeout=connect,
                set_as_default=False,
            )
        except (OSError, TimeoutError) as error:
            raise dask_node.unreachable(scheduler, error) from error
        self._client.subscribe_topic(dask_node.TOPIC + session.id, self._event)
        threading.Thread(target=self._look_around, daemon=True).start()

    # --- the port --------------------------------------------------------------------------------

    @property
    def capacity(self) -> int:
        """As many orders as the nodes hold; one at least, which waits for a node."""
        return max(1, sum(link.capacity for link in self._ready()))

    def submit(self, order: Order) -> int:
        """Hand the order to the node that has most room for it, or keep it for one that comes."""
        number = next(self._numbers)
        self._waiting.append((number, order))
        self._hand_out()
        return number

    def receipts(self, timeout: float, record: Recorder | None = None) -> Iterable[Receipt]:
        """Return what has arrived, waiting up to `timeout` seconds for the first.

        See `ports.Engine` for `record`.

        Raises:
            Starved: the scheduler is gone, or no node takes orders.
        """
        found = list[Receipt]()
        until = time.monotonic() + timeout
        while len(found) < FOUND_MAX:
            left = 0.0 if found or self._asked else until - time.monotonic()
            try:
                heard = self._inbox.get(timeout=left) if left > 0 else self._inbox.get_nowait()
            except queue.Empty:
                break
            found.extend(heard())
        self._answer(record)
        found.extend(self._judge())
        return found

    def pause(self) -> None:
        """Ask every node to return what is not begun."""
        self._paused = True
        for link in self._ready():
            self._call(link, dask_node.pause)

    def traffic(self) -> Sequence[EndpointTraffic]:
        """Return what the nodes exchanged with each endpoint, once they are closed."""
        return self._traffic

    def close(self, *, grace: float) -> None:
        """End the session at every node, gently for `grace` seconds; the nodes stay."""
        if self._closed.is_set():
            return
        self._closed.set()
        ends = queue.SimpleQueue[bytes | None]()
        links = [*self._links.values()]
        for link in links:
            link.calls.put(partial(self._end, link, grace, ends))
            link.calls.put(None)
        until = time.monotonic() + grace + CLOSE_SECONDS
        for _ in links:
            with suppress(queue.Empty):
                if (data := ends.get(timeout=max(0.01, until - time.monotonic()))) is not None:
                    for word in FROM_NODE.decode(data):
                        self._traffic.extend(word.traffic if isinstance(word, Left) else ())
        self._links.clear()
        with suppress(Exception):  # what is left of the connection is nobody's
            self._client.close(timeout=CLOSE_SECONDS)
        self._settings.__exit__(None, None, None)

    # --- in other threads ------------------------------------------------------------------------

    def _event(self, event: tuple[float, tuple[str, int, bytes]]) -> None:
        name, number, words = event[1]
        self._inbox.put(partial(self._hear, name, number, words))

    def _look_around(self) -> None:
        """Ask the scheduler who is there, until the end."""
        known = set[str]()
        while not self._closed.wait(LOOK_SECONDS if known else 0.1):
            try:
                there = set(self._client.scheduler_info(n_workers=-1)["workers"])
            except Exception as error:  # noqa: BLE001 - whatever ends a connection
                why = type(error).__name__
                self._inbox.put(partial(self._scheduler_gone, why))
                return
            if self._client.status != "running":
                self._inbox.put(partial(self._scheduler_gone, str(self._client.status)))
                return
            for address in sorted(there - known):
                self._inbox.put(partial(self._meet, address))
            for address in sorted(known - there):
                self._inbox.put(partial(self._leave, address, "it has left the cluster"))
            known = there

    def _run(self, link: _Link, function: Callable[..., object], *args: object) -> object:
        """Call a function at a node and return what it returns."""
        found = self._client.run(function, self._session.id, *args, workers=[link.address])
        return found[link.address]

    def _call(self, link: _Link, function: Callable[..., object], *args: object) -> None:
        """Have a function called at a node, which must know the session."""

        def call() -> None:
            if self._run(link, function, *args) is not True:
                raise ConnectionError("unknown")

        link.calls.put(call)

    def _begin(self, link: _Link, data: bytes) -> None:
        answered = self._run(link, dask_node.begin, data)
        words = FROM_NODE.decode(answered) if isinstance(answered, bytes) else []
        self._inbox.put(partial(self._begun, link, words))

    def _end(self, link: _Link, grace: float, ends: queue.SimpleQueue[bytes | None]) -> None:
        data = None
        try:
            data = self._run(link, dask_node.end, grace)
        finally:
            ends.put(data if isinstance(data, bytes) else None)

    # --- in the coordinator's thread --------------------------------------------------------------

    def _ready(self) -> list[_Link]:
        return [link for link in self._links.values() if link.name is not None]

    def _meet(self, address: str) -> Iterable[Receipt]:
        link = _Link(address, lambda why: self._inbox.put(partial(self._leave_link, link, why)))
        self._links[address] = link
        share = 1 / (1 + len(self._ready()))
        self._share_out(share)
        session = replace(self._session, share=share)
        link.calls.put(partial(self._begin, link, TO_NODE.encode(session)))
        return ()

    def _begun(self, link: _Link, words: Sequence[FromNode]) -> Iterable[Receipt]:
        match words:
            case [Joined() as joined] if link.name is None and self._is_known(link):
                link.name, link.capacity, link.heard = (
                    joined.node,
                    joined.capacity,
                    time.monotonic(),
                )
                link.keep_in_touch(lambda: self._touch(link))
                log.info("worker %s takes orders", link.address)
                if self._paused:
                    self._call(link, dask_node.pause)
                self._hand_out()
                return ()
            case [Unfit() as unfit]:
                return self._leave_link(link, unfit.why)
            case _:
                return self._leave_link(link, "it answers what it was not asked")

    def _touch(self, link: _Link) -> None:
        if self._run(link, dask_node.answer, ()) is not True:
            raise ConnectionError("unknown")

    def _is_known(self, link: _Link) -> bool:
        return self._links.get(link.address) is link

    def _hear(self, name: str, number: int, data: bytes) -> Iterator[Receipt]:
        """Take words of a node, unless it was given up: what it held is others' by now."""
        link = next((one for one in self._ready() if one.name == name), None)
        if link is None:
            return
        if number != link.said:
            yield from self._leave_link(link, "words of it were lost")
            return
        link.said += 1
        link.heard = time.monotonic()
        try:
            words = FROM_NODE.decode(data)
        except MalformedMessage:
            yield from self._leave_link(link, "it says what is not known here")
            return
        for word in words:
            yield from self._take(link, word)
        self._hand_out()

    def _take(self, link: _Link, word: FromNode) -> Iterator[Receipt]:
        match word:
            case OrderDone():
                self._let_go(link, word.order)
                yield word
            case Died():
                order = self._let_go(link, word.order)
                key = (link.name or "", word.worker)
                if key not in self._deaths:
                    self._deaths[key] = next(self._died)
                yield Lost(order=order, worker=self._deaths[key])
            case Question():
                self._asked.append((link, word))
            case Unfit():
                yield from self._leave_link(link, word.why)
            case Alive() | Joined() | Left():
                pass
            case _:
                yield word

    def _let_go(self, link: _Link, number: int) -> Order:
        """Forget an order that came back, and have Dask forget it at once."""
        task = link.tasks.pop(number, None)
        if task is not None:
            task.release()
        return link.orders.pop(number)

    def _answer(self, record: Recorder | None) -> None:
        """Tell nodes whether what they asked to be recorded is."""
        asked, self._asked = self._asked, []
        if not asked:
            return
        intents = [question.intent for _, question in asked]
        answers = record(intents) if record is not None else [False] * len(intents)
        by_link = dict[_Link, list[tuple[int, bool]]]()
        for (link, question), recorded in zip(asked, answers, strict=True):
            by_link.setdefault(link, []).append((question.number, recorded))
        for link, told in by_link.items():
            if self._is_known(link):
                self._call(link, dask_node.answer, told)

    def _hand_out(self) -> None:
        ready = self._ready()
        while self._waiting and ready and not self._paused:
            link = max(ready, key=lambda one: one.room)
            number, order = self._waiting.popleft()
            link.orders[number] = order
            data = TO_NODE.encode(Assigned(number=number, order=order))
            link.tasks[number] = self._client.submit(
                dask_node.carry,
                self._session.id,
                data,
                key=f"hdh-migrate-{self._session.id}-{number}",
                workers=[link.address],
                allow_other_workers=False,
                pure=False,
                retries=0,
            )

    def _share_out(self, share: float) -> None:
        for link in self._ready():
            self._call(link, dask_node.share, share)

    def _leave(self, address: str, why: str) -> Iterable[Receipt]:
        link = self._links.get(address)
        return () if link is None else self._leave_link(link, why)

    def _leave_link(self, link: _Link, why: str) -> Iterator[Receipt]:
        """Give a node up: what it held is lost, whatever it may still say."""
        if not self._is_known(link) or self._closed.is_set():
            return
        del self._links[link.address]
        link.calls.put(None)
        log.warning("worker %s takes no orders: %s", link.address, why)
        self._unfit[link.address] = why
        if link.name is not None and (ready := self._ready()):
            self._share_out(1 / len(ready))
        for task in link.tasks.values():
            with suppress(Exception):  # the scheduler may be gone, too
                task.cancel()
        if link.orders:
            number = next(self._died)
            for order in link.orders.values():
                yield Lost(order=order, worker=number)

    def _scheduler_gone(self, why: str) -> Iterable[Receipt]:
        self._gone = why
        return ()

    def _judge(self) -> Iterator[Receipt]:
        """Give up who is silent; end the run when nobody is left to work."""
        now = time.monotonic()
        for link in self._ready():
            if now - link.heard > self._silence:
                yield from self._leave_link(link, "it has not been heard of for too long")
        if self._paused:
            while self._waiting:
                number, order = self._waiting.popleft()
                yield from Returned.all_of(order, ReturnReason.STOPPED, "paused")
                yield OrderDone(order=number)
        if self._gone:
            raise Starved(
                f"the scheduler at {self._scheduler} is gone ({self._gone})",
                hint="nothing is lost; start it again with its workers, then run the same again",
            )
        if self._ready():
            self._served = now
        elif now - self._served > self._patience and self._waiting:
            raise Starved(
                f"no worker of the cluster takes orders{self._reasons()}",
                hint='nothing is lost; start workers ("hdh-migrate worker PLAN"), then run the same'
                " again",
            )

    def _reasons(self) -> str:
        reasons = sorted(set(self._unfit.values()))
        return f": {'; '.join(reasons)}" if reasons else ""
