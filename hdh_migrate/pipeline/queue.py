"""Waiting objects: cut into orders, and queued again when the worker that had them died.

Objects that workers died with travel alone, so that none is blamed for another; what three worker
processes died with is not given to a fourth. A process has several orders at once: an object that
another loss would end is under way with none of the others that workers died with.

A machine that leaves with all that it held (stopped by hand, cut off, its scheduler restarted) says
less of an object than a process that dies: it takes ten. A large object of which a part was sent in
between is blamed for nothing before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

from hdh_migrate.codes import Code
from hdh_migrate.model import Verdict
from hdh_migrate.receipts import Failed, Lost

ORDER_OBJECTS = 32
LOSSES_MAX = 3
MACHINES_MAX = 10

DIED = f"{LOSSES_MAX} worker processes, or {MACHINES_MAX} machines, were lost with this object"


class Attempted(Protocol):
    """Something about one attempt at one object."""

    @property
    def id(self) -> int: ...  # noqa: D102 - the ledger's
    @property
    def attempt(self) -> int: ...  # noqa: D102 - what fences late receipts


class WaitingItem(Attempted, Protocol):
    """One object that is to be worked on."""

    @property
    def dataset(self) -> int: ...  # noqa: D102 - the ledger's number of it
    @property
    def size(self) -> int: ...  # noqa: D102 - bytes at the source


def died(one: Attempted) -> Failed:
    """Return the receipt of an object that is not given to another worker."""
    return Failed(
        id=one.id,
        attempt=one.attempt,
        code=Code.WORKER_LOST,
        verdict=Verdict.UNVERIFIABLE,
        detail=DIED,
    )


T = TypeVar("T", bound=WaitingItem)


class Deaths:
    """Which workers were lost while they held which object, since it last moved on."""

    def __init__(self) -> None:
        self._objects = set[int]()
        self._workers = dict[tuple[int, bool], set[int]]()

    def __contains__(self, number: int) -> bool:
        return number in self._objects

    def is_last_chance(self, number: int) -> bool:
        """Say whether the next worker that is lost with it will be one too many."""
        return any(
            len(self._workers.get((number, machine), ())) == most - 1
            for machine, most in ((False, LOSSES_MAX), (True, MACHINES_MAX))
        )

    def fatal(self, number: int, lost: Lost) -> bool:
        """Count a worker once, whatever it held of an object; say whether it was one too many."""
        self._objects.add(number)
        workers = self._workers.setdefault((number, lost.machine), set())
        workers.add(lost.worker)
        return len(workers) >= (MACHINES_MAX if lost.machine else LOSSES_MAX)

    def moved_on(self, number: int) -> None:
        """Forget who was lost with an object: a part of it was sent since."""
        for machine in (False, True):
            self._workers.pop((number, machine), None)


class Queue(Generic[T]):
    """Objects on their way to workers and under way; `refill` gives more when none waits."""

    def __init__(
        self, refill: Callable[[], Iterable[T]], *, order_bytes: int, deaths: Deaths | None = None
    ) -> None:
        """An order ends with the object that brings it to `order_bytes`."""
        self._refill, self._order_bytes = refill, order_bytes
        self._deaths = Deaths() if deaths is None else deaths
        self._waiting: deque[T] = deque()
        self._flying: dict[int, T] = {}

    def take(self) -> list[T]:
        """Take what makes the next order, of one dataset.

        Empty when nothing is left, or nothing that may go before something under way is back.
        """
        taken, held, size = list[T](), deque[T](), 0
        while len(taken) < ORDER_OBJECTS and size < self._order_bytes and self._waits():
            one = self._waiting[0]
            fragile = one.id in self._deaths
            if fragile and not taken and (held or not self._may_go(one)):
                held.append(self._waiting.popleft())
                continue
            if taken and (fragile or one.dataset != taken[0].dataset):
                break
            taken.append(self._waiting.popleft())
            size += one.size
            if fragile:
                break
        self._waiting.extendleft(reversed(held))
        self._flying.update((one.id, one) for one in taken)
        return taken

    def _may_go(self, one: T) -> bool:
        """Say whether an object that workers died with may be under way beside what is."""
        others = [number for number in self._flying if number in self._deaths]
        if self._deaths.is_last_chance(one.id):
            return not others
        return not any(map(self._deaths.is_last_chance, others))

    def _waits(self) -> bool:
        if not self._waiting:
            self._waiting.extend(self._refill())
        return bool(self._waiting)

    def landed(self, receipt: Attempted) -> T | None:
        """Return what a receipt is about, which is not under way any more; None: nobody waits."""
        one = self._flying.get(receipt.id)
        if one is None or one.attempt != receipt.attempt:
            return None
        return self._flying.pop(one.id)

    def again(self, one: T) -> None:
        """Queue one object again, behind the others."""
        self._waiting.append(one)

    def lost(self, lost: Lost) -> list[T]:
        """Queue again what a worker died with; return what it is not to be tried with again."""
        fatal = []
        for one in map(self.landed, lost.order.objects):
            if one is None:
                continue
            if self._deaths.fatal(one.id, lost):
                fatal.append(one)
            else:
                self.again(one)
        return fatal
