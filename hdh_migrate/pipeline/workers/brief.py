"""Brief items: little more than replies that are waited for, so one thread performs them all.

Where each has a thread of its own, threads take the interpreter and the processor's caches from
each other at every reply. Here each is a fiber of one thread (`hdh_migrate.fibers`).
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from hdh_migrate.fibers import LOOK_SECONDS, Fibers
from hdh_migrate.pipeline.pace.level import Level

Task = Callable[[], None]

IDLE_SECONDS: Final = 5.0
"""How long the thread stays when it has nothing to do, with its connections."""


class _BriefOrder:
    """The items of one order: those that wait, and how many are not through."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self.waiting = deque(tasks)
        self.left = len(self.waiting)
        self.over = threading.Event()
        self.fault: BaseException | None = None

    def fail(self, fault: BaseException) -> None:
        """Begin nothing more of it."""
        self.fault = self.fault or fault
        self.left -= len(self.waiting)
        self.waiting.clear()


class BriefItems:
    """Performs brief items of all orders of a process; safe to call from many threads."""

    def __init__(self, level: Level, halt: threading.Event) -> None:
        """`level` says how many may be under way; from `halt` on none waits for a place."""
        self._level, self._halt = level, halt
        self._given = queue.SimpleQueue[_BriefOrder]()
        self._lock = threading.Lock()
        self._fibers: Fibers | None = None
        self._idle_since: float | None = None

    def perform(self, tasks: Iterable[Task]) -> None:
        """Perform tasks, in the thread of all of them, and return when each is through.

        Raises:
            BaseException: what one of them raised; what had not begun then never does.
        """
        work = _BriefOrder(tasks)
        if not work.left:
            return
        with self._lock:
            if self._fibers is None:
                self._fibers = Fibers()
                threading.Thread(
                    target=self._run, args=(self._fibers,), name="brief", daemon=True
                ).start()
            self._given.put(work)
            self._fibers.wake()
        work.over.wait()
        if work.fault is not None:
            raise work.fault

    def _run(self, fibers: Fibers) -> None:
        orders: deque[_BriefOrder] = deque()
        try:
            fibers.settle()
            while self._goes_on(orders):
                lacks_places = self._begin(fibers, orders)
                fibers.turn(LOOK_SECONDS if lacks_places else IDLE_SECONDS)
        except BaseException as fault:  # noqa: BLE001 - raised where the orders are performed
            while True:  # none is ever left to wait
                for work in orders:
                    work.fail(fault)
                    work.over.set()
                orders = deque((self._given.get(),))
        fibers.close()

    def _goes_on(self, orders: deque[_BriefOrder]) -> bool:
        """Return whether there is, or may soon be, something to do; after this it is too late."""
        while orders and not orders[0].left:
            orders.popleft()
        with self._lock:
            while not self._given.empty():
                orders.append(self._given.get())
            if orders:
                self._idle_since = None
                return True
            now = self._level.monotonic()
            if self._idle_since is None:
                self._idle_since = now
            if now - self._idle_since < IDLE_SECONDS:
                return True
            self._fibers = self._idle_since = None
            return False

    def _begin(self, fibers: Fibers, orders: deque[_BriefOrder]) -> bool:
        """Begin what may; return whether an item waits for a place."""
        for work in orders:
            while work.waiting:
                if not self._level.enters(self._halt):
                    return True
                fibers.begin(partial(self._one, work, work.waiting.popleft()))
        return False

    def _one(self, work: _BriefOrder, task: Task) -> None:
        try:
            task()
        except BaseException as fault:  # noqa: BLE001 - raised where the order is performed
            work.fail(fault)
        finally:
            self._level.leave()
            work.left -= 1
            if not work.left:
                work.over.set()
