"""`perform(order)`: the one unit of work, the same for every engine.

Whatever happens to an object becomes a receipt: done, a finding, or returned untouched. Nothing
that a store does makes this raise; only bugs of our own do.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeVar, assert_never

from hdh_migrate.codes import Code
from hdh_migrate.errors import (
    AccessDenied,
    AuthFailed,
    BytesChanged,
    ClaimDiffers,
    Conflict,
    Fenced,
    HostRefused,
    LedgerBehind,
    MigrateError,
    Missing,
    ObjectArchived,
    OutOfOrder,
    Permanent,
    ShortRead,
    SignatureRefused,
    SourceChanged,
    Stopped,
    TargetFull,
    TimeRefused,
    Transient,
)
from hdh_migrate.fibers import possible, rest
from hdh_migrate.model import MIB, Verdict
from hdh_migrate.orders import (
    AgainOrder,
    BeginOrder,
    CompleteOrder,
    DigestOrder,
    Order,
    OrderItem,
    PartOrder,
    PutOrder,
    RecheckOrder,
    ResumeOrder,
    VerifyOrder,
    is_brief,
)
from hdh_migrate.pipeline.workers.again import SecondReader, failed
from hdh_migrate.pipeline.workers.brief import BriefItems
from hdh_migrate.pipeline.workers.checking import Checking
from hdh_migrate.pipeline.workers.rechecking import Rechecking
from hdh_migrate.pipeline.workers.sending import Sending
from hdh_migrate.pipeline.workers.unchanged import try_to_write
from hdh_migrate.pipeline.workers.work import Route, Toolbox
from hdh_migrate.ports.work import Emit, Record
from hdh_migrate.receipts import (
    Drifted,
    Failed,
    ObjectReceipt,
    Paced,
    Returned,
    ReturnReason,
    SourceState,
)

LOG = logging.getLogger(__name__)

T = TypeVar("T")
One = TypeVar("One", bound=OrderItem)
Task = tuple[OrderItem, Callable[[], ObjectReceipt]]
"""One item of an order, and what performs it."""


REFUSED_WAITS = (0.5, 2.0, 8.0)
"""Seconds before what was refused of a large object is tried again, with a credential that works:
hosts refuse one request of many now and then, and behind it may stand hours of parts."""

ALIKE = MIB
"""Objects up to this size take times that can be compared."""


class Performer:
    """Performs those orders for which its toolbox has the adapters; thread-safe."""

    def __init__(self, box: Toolbox) -> None:
        self._box = box
        self._me = f"{socket.gethostname()}:{os.getpid()}"
        again = None if box.source is None else SecondReader(box, box.source)
        self._again = again
        self._brief = BriefItems(box.at_once, box.halt) if possible() else None
        self._checking = None if box.reader is None else Checking(box, box.reader, again)
        self._rechecking = None if box.reader is None else Rechecking(box, box.reader, again)
        self._sending: Sending | None = None
        if box.source is not None and box.writer is not None:
            self._sending = Sending(box, box.source, box.writer, stream_above=box.pool.budget // 2)

    def expect(self, order: Order) -> None:
        """See `Service.expect`."""
        self._box.turns.expect(order)

    def perform(self, order: Order, emit: Emit, record: Record) -> None:
        """Perform every item of an order, emitting a receipt for each as soon as it is done.

        `record` is asked before the bytes of a part leave.

        Raises:
            KeyError: this process has not what such an order takes.
        """
        with self._box.helpers.order():
            tasks = self._tasks(order, emit, record)
            if self._brief is not None and self._is_brief(order):
                self._brief.perform(
                    partial(self._through, order, one, task, emit) for one, task in tasks
                )
                return
            for one, task in tasks:
                with self._box.turns.wait(one), self._box.at_once.place(self._box.halt):
                    self._through(order, one, task, emit)

    def _is_brief(self, order: Order) -> bool:
        """Say whether its items wait together."""
        side = self._box.reader if isinstance(order, VerifyOrder) else self._box.source
        return side is not None and side.reads_together and is_brief(order)

    def _through(
        self, order: Order, one: OrderItem, task: Callable[[], ObjectReceipt], emit: Emit
    ) -> None:
        """Perform one item, which has its place, and tell what came of it."""
        emit(self._timed(order, one, task))
        if (change := self._box.at_once.news()) is not None:
            most = self._box.at_once.most
            emit(Paced(worker=self._me, now=change.level, most=most, why=change.why))

    def _timed(
        self, order: Order, one: OrderItem, task: Callable[[], ObjectReceipt]
    ) -> ObjectReceipt:
        """Perform one item, which has its place."""
        if self._box.halt.is_set():
            return Returned.of(order, one, ReturnReason.STOPPED, "the run is stopping")
        at_once, now = self._box.at_once, self._box.at_once.monotonic
        began = now()
        receipt = self._outcome(order, one, task)
        if not isinstance(receipt, Returned | Failed):
            at_once.done(now() - began if one.size <= ALIKE else None)
        return receipt

    def _tasks(self, order: Order, emit: Emit, record: Record) -> Iterator[Task]:
        route = self._box.routes[order.dataset]
        match order:
            case PutOrder():
                yield from _each(route, order.objects, _held(self._sending, order).put)
            case BeginOrder():
                yield from _each(route, order.objects, _held(self._sending, order).begin)
            case ResumeOrder():
                yield from _each(route, order.objects, _held(self._sending, order).resume)
            case PartOrder():
                send = partial(_held(self._sending, order).part, record=record)
                yield from _each(route, order.objects, send)
            case CompleteOrder():
                yield from _each(route, order.objects, _held(self._sending, order).complete)
            case VerifyOrder():
                verify = partial(_held(self._checking, order).verify, emit=emit)
                yield from _each(route, order.objects, verify)
            case AgainOrder():
                yield from _each(route, order.objects, _held(self._again, order).doubted)
            case RecheckOrder():
                yield from _each(route, order.objects, _held(self._rechecking, order).recheck)
            case DigestOrder():
                yield from _each(route, order.objects, _held(self._again, order).digested)
            case _:
                assert_never(order)

    def _outcome(
        self, order: Order, one: OrderItem, task: Callable[[], ObjectReceipt]
    ) -> ObjectReceipt:
        receipt = self._tried(order, one, task)
        large = isinstance(order, ResumeOrder | PartOrder | CompleteOrder)
        for seconds in REFUSED_WAITS if large else ():
            if not isinstance(receipt, Failed) or receipt.code not in _MAY_PASS:
                break
            LOG.info("refused, and again in %.1f s: %s", seconds, receipt.detail)
            rest(self._box.halt, seconds)
            if self._box.halt.is_set():
                return Returned.of(order, one, ReturnReason.STOPPED, "the run is stopping")
            receipt = self._tried(order, one, task)
        return receipt

    def _tried(
        self, order: Order, one: OrderItem, task: Callable[[], ObjectReceipt]
    ) -> ObjectReceipt:
        try:
            return self._performed(order, one, task)
        except (AccessDenied, SignatureRefused) as error:
            return self._denied(order, one, error)
        except (Stopped, AuthFailed, TargetFull, HostRefused, Fenced, LedgerBehind) as error:
            return Returned.of(order, one, _why(error), str(error))
        except (ShortRead, Permanent) as error:
            return _finding(one, error)
        except Transient as error:
            return Returned.of(order, one, ReturnReason.UNREACHABLE, str(error))

    def _performed(
        self, order: Order, one: OrderItem, task: Callable[[], ObjectReceipt]
    ) -> ObjectReceipt:
        try:
            return task()
        except SourceChanged as error:
            source, route = self._box.source, self._box.routes[order.dataset]
            assert source is not None, "who has no source sees none change"
            now = self._box.retry(lambda: source.head(route.source, one.key))
            return Drifted(
                id=one.id,
                attempt=one.attempt,
                now=SourceState.of(now),
                same_version=isinstance(error, BytesChanged),
            )

    def _denied(
        self, order: Order, one: OrderItem, error: AccessDenied | SignatureRefused
    ) -> ObjectReceipt:
        """Tell one forbidden object from a credential that lost its rights.

        A host that reads a key in another way than it was signed refuses that object only.
        """
        box, route = self._box, self._box.routes[order.dataset]
        try:
            problems = [
                *(() if box.source is None else box.source.check(route.source)),
                *(() if box.reader is None else box.reader.check(route.target)),
                *(() if box.writer is None else box.writer.check(route.target)),
            ]
            if box.writer is not None and isinstance(error, AccessDenied):
                try_to_write(box.writer, route.target)
        except AccessDenied as denied:
            where = f"target bucket {route.target.bucket}: no right to write"
            return Returned.of(order, one, ReturnReason.AUTH, f"{where}: {denied}")
        except (Transient, Permanent) as trouble:
            return Returned.of(order, one, ReturnReason.UNREACHABLE, str(trouble))
        lost = next((problem for problem in problems if problem.auth), None)
        if lost is not None:
            return Returned.of(order, one, ReturnReason.AUTH, str(lost))
        return _finding(one, error)


def _each(
    route: Route, objects: Iterable[One], handler: Callable[[Route, One], ObjectReceipt]
) -> Iterator[Task]:
    return ((one, partial(handler, route, one)) for one in objects)


_ENDS: tuple[tuple[type[MigrateError], ReturnReason], ...] = (
    (Fenced, ReturnReason.FENCED),
    (LedgerBehind, ReturnReason.BEHIND),
    (TimeRefused, ReturnReason.TIME),
    (AuthFailed, ReturnReason.AUTH),
    (TargetFull, ReturnReason.FULL),
    (HostRefused, ReturnReason.HOST),
    (Stopped, ReturnReason.STOPPED),
)
"""What ends the whole run, and not one object of it."""


def _why(error: MigrateError) -> ReturnReason:
    return next(reason for kind, reason in _ENDS if isinstance(error, kind))


def _held(hands: T | None, order: Order) -> T:
    """Return a store that an order needs; this process may not have it."""
    if hands is None:
        raise KeyError(type(order).__name__)
    return hands


_MAY_PASS = frozenset((Code.DENIED, Code.REFUSED))
"""Findings of what a host may have refused this time only."""

_CODES: tuple[tuple[type[Exception], Code, Verdict], ...] = (
    (Missing, Code.MISSING, Verdict.MISSING),
    (ClaimDiffers, Code.SOURCE_MD5_DIFFERS, Verdict.UNVERIFIABLE),
    (OutOfOrder, Code.VERSION_ORDER, Verdict.MISMATCH),
    (Conflict, Code.CONFLICT, Verdict.MISMATCH),
    (AccessDenied, Code.DENIED, Verdict.UNVERIFIABLE),
    (SignatureRefused, Code.DENIED, Verdict.UNVERIFIABLE),
    (ShortRead, Code.UNREADABLE, Verdict.UNVERIFIABLE),
    (ObjectArchived, Code.KIND_ARCHIVED, Verdict.UNVERIFIABLE),  # since it was listed
    (Permanent, Code.REFUSED, Verdict.UNVERIFIABLE),
)


def _finding(one: OrderItem, error: Exception) -> Failed:
    code, verdict = next((c, v) for kind, c, v in _CODES if isinstance(error, kind))
    return failed(one, code, verdict, str(error))
