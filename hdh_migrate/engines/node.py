"""One machine of a cluster: an engine of its own for each session that a coordinator begins.

Nothing here depends on how messages are carried. The carrier calls a node's methods from any
thread, and brings the node's messages to the coordinator, in order.
"""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable, Sequence

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
from hdh_migrate.engines.messages import Assigned, Question
from hdh_migrate.errors import MalformedMessage, MigrateError, Refused
from hdh_migrate.frozen import frozen
from hdh_migrate.ports.work import Engine
from hdh_migrate.receipts import (
    EndpointTraffic,
    Lost,
    OrderDone,
    Receipt,
    Returned,
    ReturnReason,
    SealIntent,
)

POLL_SECONDS = 0.05
OFF = "a store refuses the time of its requests: set that machine's clock (NTP)"
_TIME = ReturnReason.TIME
ENDED_MAX = 1000
"""Sessions that ended and are remembered, so that none of them begins again."""

Say = Callable[[int, bytes], None]
"""Brings words to the coordinator of a session, numbered from 0; returns at once."""


@frozen
class Tools:
    """What a node works with in one session."""

    engine: Engine
    share: Callable[[float], None]
    """Takes which part of what all nodes may use together this one may from now on."""


@frozen
class NodeIdentity:
    """What a node runs, and by which plan."""

    version: str
    code_sha256: str
    plan_sha256: str

    def misfit(self, session: ClusterSession) -> str | None:
        """Return why a session is not for this node, None when it is."""
        if session.version != self.version:
            return f"it runs version {self.version}, the coordinator {session.version}"
        if session.code_sha256 != self.code_sha256:
            return "its code is not the coordinator's, though the version is"
        if session.plan_sha256 != self.plan_sha256:
            return "its copy of the plan is not the coordinator's"
        return None


class Node:
    """Works for one coordinator at a time, in one session for each role."""

    def __init__(
        self,
        name: str,
        identity: NodeIdentity,
        open_tools: Callable[[ClusterSession], Tools],
        *,
        silence: float = SILENCE_SECONDS,
    ) -> None:
        """`open_tools` opens a session's engine; it may raise `MigrateError`.

        A coordinator that sends nothing for `silence` seconds counts as gone.
        """
        self.name = name
        self._silence = silence
        self._identity = identity
        self._open = open_tools
        self._sessions = dict[str, _Work]()
        self._ended = dict[str, None]()
        self._lock = threading.Lock()

    def begin(self, data: bytes, say: Say) -> bytes:
        """Begin a session, or go on with it, and return `Joined` or `Unfit`.

        Sessions of the same migration that another coordinator began are ended first, with whatever
        they were doing: a new run must not meet an old one's writes.
        """
        try:
            match TO_NODE.decode(data):
                case [ClusterSession() as session]:
                    return FROM_NODE.encode(self._begin(session, say))
                case _:
                    raise MalformedMessage("no session")
        except MigrateError as error:
            return FROM_NODE.encode(Unfit(why=str(error)))

    def _begin(self, session: ClusterSession, say: Say) -> Joined | Unfit:
        if (why := self._identity.misfit(session)) is not None:
            return Unfit(why=why)
        with self._lock:
            for old in [*self._sessions.values()]:
                if old.is_of_another(session):
                    self._end(old, grace=0.0)
            work = self._sessions.get(session.id)
            if work is None:
                if session.id in self._ended:
                    return Unfit(why="the session has ended there")
                work = _Work(session, self._open(session), say, self._silence)
                self._sessions[session.id] = work
        return Joined(node=self.name, capacity=work.capacity)

    def perform(self, session: str, data: bytes) -> None:
        """Perform an order; return at its end. Receipts are sent meanwhile."""
        work = self._sessions.get(session)
        if work is not None:
            work.perform(data)

    def answer(self, session: str, answers: Sequence[tuple[int, bool]]) -> bool:
        """Take the answers to questions, by number; return whether the session is under way.

        Also a sign of life of the coordinator, which otherwise counts as gone after a while.
        """
        work = self._sessions.get(session)
        return work is not None and work.answer(answers)

    def share(self, session: str, share: float) -> bool:
        """Use no more than this share from now on; return whether the session is under way."""
        work = self._sessions.get(session)
        return work is not None and work.share(share)

    def limit(self, session: str, rate: float | None) -> bool:
        """Move no more than a share of so many bytes a second from now on; None: no ceiling.

        Return whether the session is under way.
        """
        work = self._sessions.get(session)
        return work is not None and work.limit(rate)

    def pause(self, session: str) -> bool:
        """Return what is not begun; return whether the session is under way."""
        work = self._sessions.get(session)
        return work is not None and work.pause()

    def end(self, session: str, grace: float) -> bytes:
        """End a session, gently for `grace` seconds, and return `Left`."""
        with self._lock:
            work = self._sessions.get(session)
            traffic = () if work is None else self._end(work, grace=grace)
        return FROM_NODE.encode(Left(traffic=tuple(traffic)))

    def close(self) -> None:
        """End every session at once."""
        with self._lock:
            for work in [*self._sessions.values()]:
                self._end(work, grace=0.0)

    def _end(self, work: _Work, *, grace: float) -> Sequence[EndpointTraffic]:
        self._sessions.pop(work.session.id, None)
        self._ended[work.session.id] = None
        while len(self._ended) > ENDED_MAX:
            del self._ended[next(iter(self._ended))]
        return work.end(grace)


class _Work:
    """A session under way. Its engine is touched by one thread alone."""

    def __init__(self, session: ClusterSession, tools: Tools, say: Say, silence: float) -> None:
        self.session = session
        self._silence = silence
        self.capacity = tools.engine.capacity
        self._engine, self._share, self._say = tools.engine, tools.share, say
        self._said = itertools.count()
        self._questions = itertools.count(1)
        self._todo = queue.SimpleQueue[Assigned]()
        self._given = dict[int, Assigned]()
        """What the engine was given, by its own numbers."""
        self._waiting = dict[int, threading.Event]()
        """Who waits for an order to end, by the coordinator's number."""
        self._answers = queue.SimpleQueue[tuple[int, bool]]()
        self._heard = time.monotonic()
        self._pausing, self._ending = threading.Event(), threading.Event()
        self._closing = threading.Lock()
        self._grace = 0.0
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def is_of_another(self, session: ClusterSession) -> bool:
        mine = self.session
        return mine.run_tag == session.run_tag and mine.coordinator != session.coordinator

    def perform(self, data: bytes) -> None:
        match TO_NODE.decode(data):
            case [Assigned() as assigned]:
                pass
            case _:
                raise MalformedMessage("no order")
        ended = self._waiting[assigned.number] = threading.Event()
        self._todo.put(assigned)
        if self._ending.is_set():
            return
        ended.wait()

    def answer(self, answers: Sequence[tuple[int, bool]]) -> bool:
        self._heard = time.monotonic()
        for one in answers:
            self._answers.put(one)
        return not self._ending.is_set()

    def share(self, share: float) -> bool:
        with self._closing:
            if not self._ending.is_set():
                self._share(share)
        return not self._ending.is_set()

    def limit(self, rate: float | None) -> bool:
        with self._closing:
            if not self._ending.is_set():
                self._engine.limit(rate)
        return not self._ending.is_set()

    def pause(self) -> bool:
        self._pausing.set()
        return not self._ending.is_set()

    def end(self, grace: float) -> Sequence[EndpointTraffic]:
        self._grace = grace
        self._ending.set()
        self._thread.join()
        return self._engine.traffic()

    def _work(self) -> None:
        why: Unfit | None = None
        try:
            self._go_on()
        except MigrateError as error:
            why = Unfit(why=str(error))
        except BaseException as error:  # noqa: BLE001 - foreign words may hold names: its kind alone
            why = Unfit(why=f"a fault of ours: {type(error).__name__}")
        finally:
            self._ending.set()
            with self._closing:  # what is shared ends with the engine
                self._engine.close(grace=self._grace)
            for ended in [*self._waiting.values()]:
                ended.set()
        if why is not None:  # only now: whoever hears it gives this one's share to others
            self._send(why)

    def _go_on(self) -> None:
        paused, spoke = False, time.monotonic()
        while not self._ending.is_set():
            if self._pausing.is_set() and not paused:
                self._engine.pause()
                paused = True
            while not self._todo.empty():
                assigned = self._todo.get()
                self._given[self._engine.submit(assigned.order)] = assigned
            found = [*self._engine.receipts(POLL_SECONDS, self._record)]
            now = time.monotonic()
            if any(isinstance(one, Returned) and one.reason is _TIME for one in found):
                raise Refused(OFF)  # this machine's trouble alone: others go on with what it held
            if found:
                self._send(*map(self._worded, found))
                self._release(found)
                spoke = now
            elif now - spoke >= WORD_SECONDS:
                self._send(Alive())
                spoke = now
            if now - self._heard > self._silence:
                raise Refused("the run that this machine works for was not heard from for too long")

    def _worded(self, receipt: Receipt) -> FromNode:
        match receipt:
            case OrderDone():
                return OrderDone(order=self._given[receipt.order].number)
            case Lost():
                return Died(order=self._given[self._of(receipt)].number, worker=receipt.worker)
            case _:
                return receipt

    def _of(self, lost: Lost) -> int:
        """Return the engine's number of an order that it lost: it gives back what it was given."""
        return next(n for n, one in self._given.items() if one.order is lost.order)

    def _release(self, found: Sequence[Receipt]) -> None:
        """Wake the threads that wait for orders that came back."""
        for receipt in found:
            match receipt:
                case OrderDone():
                    assigned = self._given.pop(receipt.order)
                case Lost():
                    assigned = self._given.pop(self._of(receipt))
                case _:
                    continue
            self._waiting.pop(assigned.number).set()

    def _record(self, intents: Sequence[SealIntent]) -> list[bool]:
        """Ask the coordinator, and take its silence for a no."""
        asked = [Question(number=next(self._questions), intent=one) for one in intents]
        self._send(*asked)
        answers, until = dict[int, bool](), time.monotonic() + self._silence
        while len(answers) < len(asked) and not self._ending.is_set():
            try:
                number, recorded = self._answers.get(timeout=POLL_SECONDS)
            except queue.Empty:
                if time.monotonic() > until:
                    break
                continue
            answers[number] = recorded
        return [answers.get(one.number, False) for one in asked]

    def _send(self, *words: FromNode) -> None:
        self._say(next(self._said), FROM_NODE.encode(*words))
