"""The coordinator's end of a cluster, independent of the message carrier: one engine, many nodes.

What is handed to whom, what is lost and what is tried again is decided here and in the ledger; see
docs/decisions/0056-dask.md. What happens in other threads is put into an inbox, and is done in the
coordinator's thread when it asks for receipts.
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
from typing import Final

from hdh_migrate.engines.cluster import (
    FROM_NODE,
    SILENCE_SECONDS,
    WORD_SECONDS,
    Alive,
    ClusterSession,
    Died,
    FromNode,
    Joined,
    Left,
    Unfit,
)
from hdh_migrate.engines.link import Carrier, Link, Listener
from hdh_migrate.engines.messages import Question
from hdh_migrate.engines.shares import Shares, Unlimited
from hdh_migrate.errors import MalformedMessage, Starved
from hdh_migrate.model import ClusterWorker
from hdh_migrate.orders import Order
from hdh_migrate.ports.work import Recorder
from hdh_migrate.receipts import (
    EndpointTraffic,
    Lost,
    OrderDone,
    PartSent,
    Receipt,
    Returned,
    ReturnReason,
)

log = logging.getLogger(__name__)

PATIENCE_SECONDS: Final = 60.0
"""How long a run waits for a node that takes orders before it ends, resumable."""

LEFT_SECONDS: Final = 10.0
"""How long a node that left the cluster may go on before it has noticed that it did."""

CLOSE_SECONDS: Final = 5.0
FOUND_MAX: Final = 1000
GONE_MAX: Final = 20
"""Of how many nodes that take no orders it is remembered why."""

Heard = Callable[[], Iterable[Receipt]]
"""What is to be done in the coordinator's thread with something that happened in another."""


class ClusterEngine:
    """Hands orders to nodes, which may come and go at any time."""

    def __init__(
        self,
        session: ClusterSession,
        open_carrier: Callable[[Listener], Carrier],
        *,
        limited: bool = True,
        patience: float = PATIENCE_SECONDS,
        silence: float = SILENCE_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`limited`: whether there is a limit of which each node may use a share.

        `patience` and `silence` are in seconds, as `monotonic` counts them.
        """
        self._session, self._patience, self._silence = session, patience, silence
        self._monotonic = monotonic
        self._inbox = queue.SimpleQueue[Heard]()
        self._links = dict[str, Link]()
        self._shares: Shares[Link] = Shares() if limited else Unlimited()
        self._waiting = deque[tuple[int, Order]]()
        self._asked = list[tuple[Link, Question]]()
        self._numbers = itertools.count(1)
        self._deaths = dict[tuple[str, int], int]()
        self._died = itertools.count(1)
        self._unfit = dict[str, ClusterWorker]()
        """Nodes that take no orders, by address."""
        self._traffic = list[EndpointTraffic]()
        self._paused, self._gone = False, ""
        self._served = monotonic()
        """When a node was last there that takes orders, or waits for its share."""
        self._closed = threading.Event()
        self._carrier = open_carrier(_Inbox(self._inbox, self))

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
            Starved: nothing can be carried any more, or no node takes orders.
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

    def limit(self, rate: float | None) -> None:
        """Let all nodes together move so many bytes a second; see `ports.Engine`."""
        self._session = replace(self._session, rate=rate)
        for link in self._links.values():
            if link.began:
                link.limit(rate)

    def pause(self) -> None:
        """Ask every node to return what is not begun."""
        self._paused = True
        for link in self._ready():
            link.pause()

    def cluster(self) -> Sequence[ClusterWorker]:
        """Return who works, and who does not and why."""
        now = self._monotonic()
        there = [link.seen(self._shares.part(link), now) for link in self._links.values()]
        return [*there, *self._unfit.values()]

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
            link.end(grace, ends.put)
        until = time.monotonic() + grace + CLOSE_SECONDS
        for _ in links:
            with suppress(queue.Empty):
                if (data := ends.get(timeout=max(0.01, until - time.monotonic()))) is not None:
                    for word in FROM_NODE.decode(data):
                        self._traffic.extend(word.traffic if isinstance(word, Left) else ())
        self._links.clear()
        self._carrier.close()

    # --- who is there ----------------------------------------------------------------------------

    def _ready(self) -> list[Link]:
        return [link for link in self._links.values() if link.name is not None]

    def _is_known(self, link: Link) -> bool:
        return self._links.get(link.address) is link

    def meet(self, address: str) -> Iterable[Receipt]:
        """Take a node in; it begins as soon as there is a share for it."""

        def fail(why: str) -> None:
            self._inbox.put(partial(self._leave_link, link, why, self._silence + 2 * WORD_SECONDS))

        link = Link(address, self._carrier, fail, self._monotonic())
        self._links[address] = link
        self._unfit.pop(address, None)
        self._shares.join(link)
        self._share_out()
        return ()

    def _share_out(self) -> None:
        """Tell nodes which part they may use of what all use together."""
        for link, part in self._shares.due(self._monotonic()):
            if not link.began:
                begun = partial(self._answered, link, part)
                link.begin(replace(self._session, share=part), begun)
            else:
                link.share(part, partial(self._inbox.put, partial(self._took, link, part)))

    def _answered(self, link: Link, part: float, words: Sequence[FromNode]) -> None:
        self._inbox.put(partial(self._begun, link, part, words))

    def _took(self, link: Link, part: float) -> Iterable[Receipt]:
        self._shares.took(link, part)
        self._share_out()
        return ()

    def _begun(self, link: Link, part: float, words: Sequence[FromNode]) -> Iterable[Receipt]:
        match words:
            case [Joined() as joined] if link.name is None and self._is_known(link):
                link.name, link.capacity = joined.node, joined.capacity
                link.heard = self._monotonic()
                log.info("worker %s takes orders", link.name)
                self._took(link, part)
                if self._paused:
                    link.pause()
                self._hand_out()
                return ()
            case [Unfit() as unfit]:
                return self._leave_link(link, unfit.why)
            case _:
                return self._leave_link(link, "it answers what it was not asked")

    def leave(self, address: str) -> Iterable[Receipt]:
        """Give up a node that has left."""
        link = self._links.get(address)
        return () if link is None else self._leave_link(link, "it has left", LEFT_SECONDS)

    def _leave_link(self, link: Link, why: str, kept: float | None = None) -> Iterator[Receipt]:
        """Give a node up: what it held is lost, whatever it may still say.

        Its share is `kept` back for so many seconds, unless it says sooner that it has ended.
        """
        if not self._is_known(link) or self._closed.is_set():
            return
        now = self._monotonic()
        del self._links[link.address]
        self._remember(link, why, now)
        self._shares.leave(link, None if kept is None else now + kept)
        link.abandon()
        link.end(0.0, partial(self._parted, link))
        log.info("worker %s takes no orders: %s", link.name or link.address, why)
        self._share_out()
        orders = link.orders
        if orders:
            number = next(self._died)
            for order in orders:
                yield Lost(order=order, worker=number, machine=True)

    def _remember(self, link: Link, why: str, now: float) -> None:
        seen = link.seen(0.0, now)
        self._unfit[link.address] = replace(seen, state="gone", orders=0, why=why)
        while len(self._unfit) > GONE_MAX:
            del self._unfit[next(iter(self._unfit))]

    def _parted(self, link: Link, last: bytes | None) -> None:
        if last is not None:  # without its word it may go on
            self._inbox.put(partial(self._ended, link))

    def _ended(self, link: Link) -> Iterable[Receipt]:
        self._shares.ended(link)
        self._share_out()
        return ()

    # --- what they say ---------------------------------------------------------------------------

    def hear(self, name: str, number: int, data: bytes) -> Iterator[Receipt]:
        """Take words of a node, unless it was given up: what it held is others' by now."""
        link = next((one for one in self._ready() if one.name == name), None)
        if link is None:
            return
        if number != link.said:
            yield from self._leave_link(link, "words of it were lost", self._silence)
            return
        link.said += 1
        link.heard = self._monotonic()
        try:
            words = FROM_NODE.decode(data)
        except MalformedMessage:
            yield from self._leave_link(link, "it says what is not known here", self._silence)
            return
        for word in words:
            if not self._is_known(link):
                break  # by a word before it was given up
            yield from self._take(link, word)
        self._hand_out()

    def _take(self, link: Link, word: FromNode) -> Iterator[Receipt]:
        match word:
            case OrderDone() if link.holds(word.order):
                link.count(link.let_go(word.order), link.heard)
                yield word
            case Died() if link.holds(word.order):
                order = link.let_go(word.order)
                key = (link.name or "", word.worker)
                if key not in self._deaths:
                    self._deaths[key] = next(self._died)
                yield Lost(order=order, worker=self._deaths[key])
            case OrderDone() | Died():
                why = "it ends what it was not given"
                yield from self._leave_link(link, why, self._silence)
            case Question():
                self._asked.append((link, word))
            case Unfit():
                yield from self._leave_link(link, word.why)
            case Alive() | Joined() | Left():
                pass
            case PartSent():
                link.count_part(word, link.heard)
                yield word
            case _:
                yield word

    def _answer(self, record: Recorder | None) -> None:
        """Tell nodes whether what they asked to be recorded is."""
        asked, self._asked = self._asked, []
        if not asked:
            return
        intents = [question.intent for _, question in asked]
        answers = record(intents) if record is not None else [False] * len(intents)
        by_link = dict[Link, list[tuple[int, bool]]]()
        for (link, question), recorded in zip(asked, answers, strict=True):
            by_link.setdefault(link, []).append((question.number, recorded))
        for link, given in by_link.items():
            if self._is_known(link):
                link.answer(given)

    # --- what they are handed --------------------------------------------------------------------

    def _hand_out(self) -> None:
        ready = self._ready()
        while self._waiting and ready and not self._paused:
            link = max(ready, key=lambda one: one.room)
            link.hand_out(*self._waiting.popleft())

    def lose(self, why: str) -> Iterable[Receipt]:
        """Note that nothing can be carried any more."""
        self._gone = why
        return ()

    def _judge(self) -> Iterator[Receipt]:
        """Give up who is silent; end the run when nobody is left to work."""
        now = self._monotonic()
        for link in self._ready():
            if now - link.heard > self._silence:
                why = "it was not heard from for too long"
                yield from self._leave_link(link, why, self._silence + 2 * WORD_SECONDS)
        self._share_out()
        if self._paused:
            while self._waiting:
                number, order = self._waiting.popleft()
                yield from Returned.all_of(order, ReturnReason.STOPPED, "paused")
                yield OrderDone(order=number)
        if self._gone:
            raise Starved(
                self._gone,
                hint="nothing is lost; start it again with its workers, then run the same again",
            )
        if self._ready() or any(not link.began for link in self._links.values()):
            self._served = now
        elif now - self._served > self._patience and self._waiting:
            raise Starved(
                f"no worker of the cluster takes orders{self._reasons()}",
                hint='nothing is lost; start workers ("hdh-migrate worker PLAN"), then run the same'
                " again",
            )

    def _reasons(self) -> str:
        reasons = sorted({one.why for one in self._unfit.values() if one.why is not None})
        return f": {'; '.join(reasons)}" if reasons else ""


class _Inbox:
    """Puts what a carrier tells into an engine's inbox."""

    def __init__(self, inbox: queue.SimpleQueue[Heard], engine: ClusterEngine) -> None:
        self._inbox, self._engine = inbox, engine

    def there(self, address: str) -> None:
        self._inbox.put(partial(self._engine.meet, address))

    def left(self, address: str) -> None:
        self._inbox.put(partial(self._engine.leave, address))

    def said(self, node: str, number: int, words: bytes) -> None:
        self._inbox.put(partial(self._engine.hear, node, number, words))

    def gone(self, why: str) -> None:
        self._inbox.put(partial(self._engine.lose, why))
