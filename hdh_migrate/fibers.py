"""Fibers: many things under way in one thread, each of them plain code that waits.

A thread that waits for one reply at a time is put aside for each of them, and finds the processor's
caches full of others' work when it is woken; with fibers it goes on with whichever reply is there.
A fiber is a call stack of its own (a greenlet, as SQLAlchemy's asyncio is built of). It runs until
it waits for a reply (`transport.together`) or in `rest`; then another one of its thread goes on.
Whatever else blocks, blocks the thread with all its fibers, so nobody may hold a lock while he
waits in one of these two.
"""

from __future__ import annotations

import heapq
import itertools
import math
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from importlib.util import find_spec
from typing import Any, Final, Protocol

LOOK_SECONDS: Final = 0.2
"""How soon who rests notices that he need not."""


class Driver(Protocol):
    """Whom fibers of one thread wait for at descriptors, and up to a moment."""

    due: float | None
    """When `late` is to be called, by the monotonic clock; None: not for now."""

    def ready(self, descriptor: int, events: int) -> None:
        """Hear that something happened at a descriptor, as `select.poll` tells it."""

    def late(self) -> None:
        """Hear that it is `due`."""

    def ended(self) -> Iterator[tuple[Fiber, object]]:
        """Give each fiber whose wait is over, and what it is told."""


class Fiber:
    """Code under way in a call stack of its own; made by `Fibers.begin`."""

    __slots__ = ("fibers", "switch")

    def __init__(self, fibers: Fibers) -> None:
        self.fibers = fibers
        self.switch: Callable[..., Any]
        """Goes on with it until it waits again, given what it waited for, or its next task."""


_CURRENT: Final = ContextVar[Fiber | None]("fiber", default=None)
"""Each fiber has a context of its own, as each thread has."""


def current() -> Fiber | None:
    """Return the fiber that runs this; None: a thread of its own does."""
    return _CURRENT.get()


def possible() -> bool:
    """Return whether there are fibers here: for some platforms nobody builds greenlet."""
    return find_spec("greenlet") is not None


def rest(halt: threading.Event, seconds: float) -> bool:
    """Wait so long, or until told to stop, and return whether that is so; other fibers go on."""
    fiber = current()
    if fiber is None:
        return halt.wait(seconds)
    over = time.monotonic() + seconds
    while not halt.is_set() and (left := over - time.monotonic()) > 0:
        fiber.fibers.put_aside(fiber, min(left, LOOK_SECONDS))
    return halt.is_set()


class Fibers:
    """The fibers of the thread that settles here: nobody else begins or turns them."""

    def __init__(self) -> None:
        self._home: Any
        """The stack of the thread itself, from which fibers are begun and turned."""
        self._poll = select.poll()
        self._drivers: dict[int, Driver] = {}
        """By descriptor."""
        self._timed: dict[Driver, None] = {}
        self._resting: list[tuple[float, int, Fiber]] = []
        self._free: list[Fiber] = []
        """Those without a task: a new stack is memory that the system gives, and takes back."""
        self._numbers = itertools.count()
        self._hears, self._says = socket.socketpair()
        self._poll.register(self._hears, select.POLLIN)
        self._hears.setblocking(False)
        self._says.setblocking(False)

    # --- for whoever has them ------------------------------------------------------------------

    def settle(self) -> None:
        """Make the thread that calls this theirs.

        When a thread is gone to whose own stack somebody still refers, greenlet would search all
        objects for him, and import what it needs for that amid whatever code the main thread runs
        just then; where that code sees no builtins, as `namedtuple`'s, it fails.
        """
        from greenlet import getcurrent
        from greenlet._greenlet import enable_optional_cleanup

        enable_optional_cleanup(False)
        self._home = getcurrent()

    def close(self) -> None:
        """Let go of all stacks, and of what `wake` takes; nothing is under way any more."""
        while self._free:
            self._free.pop().switch(None)
        self._hears.close()
        self._says.close()

    def wake(self) -> None:
        """Let `turn` return; whatever thread calls this."""
        with suppress(BlockingIOError):  # it has been told
            self._says.send(b"!")

    def begin(self, task: Callable[[], None]) -> None:
        """Run a task, which raises nothing, until it first waits."""
        (self._free.pop() if self._free else self._made()).switch(task)

    def _made(self) -> Fiber:
        from greenlet import greenlet  # not at the top: most processes never have a fiber

        def run(task: Callable[[], None] | None) -> None:
            _CURRENT.set(fiber)
            while task is not None:
                task()
                self._free.append(fiber)
                task = self._home.switch()

        fiber = Fiber(self)
        fiber.switch = greenlet(run, self._home).switch
        return fiber

    def turn(self, seconds: float | None = None) -> None:
        """Wait, for so long at most, until one can go on; let each that can run until it waits."""
        for descriptor, events in self._poll.poll(self._patience(seconds)):
            driver = self._drivers.get(descriptor)
            if driver is not None:
                driver.ready(descriptor, events)
            elif descriptor == self._hears.fileno():
                self._hears.recv(4_096)
        now = time.monotonic()
        for driver in self._timed:
            if driver.due is not None and now >= driver.due:
                driver.late()
        for driver in list(self._timed):
            for fiber, word in driver.ended():
                fiber.switch(word)
        while self._resting and self._resting[0][0] <= now:
            heapq.heappop(self._resting)[2].switch()

    def _patience(self, seconds: float | None) -> int | None:
        """Return how many milliseconds may pass before somebody is due; None: any."""
        moments = [one.due for one in self._timed if one.due is not None]
        moments += [one[0] for one in self._resting[:1]]
        if seconds is not None:
            moments.append(time.monotonic() + seconds)
        if not moments:
            return None
        return max(0, math.ceil((min(moments) - time.monotonic()) * 1_000))

    # --- for whom they wait --------------------------------------------------------------------

    def put_aside(self, fiber: Fiber, seconds: float) -> None:
        """Let the others go on for so long; called by the fiber itself."""
        heapq.heappush(self._resting, (time.monotonic() + seconds, next(self._numbers), fiber))
        self._home.switch()

    def wait_for(self, driver: Driver) -> Any:  # noqa: ANN401 - what the driver tells
        """Let the others go on until `driver` says that the fiber which calls this can."""
        self._timed[driver] = None
        return self._home.switch()

    def watch(self, driver: Driver, descriptor: int, events: int) -> None:
        """Tell a driver what happens at a descriptor; without events: no more."""
        if events:
            self._drivers[descriptor] = driver
            self._poll.register(descriptor, events)
        elif self._drivers.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)
