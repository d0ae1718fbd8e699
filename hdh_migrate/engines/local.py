"""Processes times threads on this machine.

Memory: see docs/architecture.md; each worker holds its interpreter, its share of
`limits.memory` for parts, and a window per thread. A worker that dies is replaced, and what it
had not acknowledged comes back as a `lost` receipt. Workers run this very package, isolated from
the current directory and from the environment (docs/decisions/0024-isolated-workers.md).
"""

from __future__ import annotations

import itertools
import math
import os
import select
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from hdh_migrate.engines.free import processors
from hdh_migrate.engines.messages import (
    Answer,
    Assigned,
    Close,
    Exchanged,
    Farewell,
    MadeRoom,
    MakeRoom,
    Pause,
    Question,
    Ready,
    Start,
)
from hdh_migrate.engines.starved import STARVED
from hdh_migrate.engines.worker_process import WorkerProcess
from hdh_migrate.errors import MalformedMessage, MigrateError, Refused, Starved
from hdh_migrate.log_lines import share_log
from hdh_migrate.orders import Order, is_brief
from hdh_migrate.ports.work import Recorder
from hdh_migrate.receipts import (
    EndpointTraffic,
    Lost,
    OrderDone,
    Receipt,
    Returned,
    ReturnReason,
)
from hdh_migrate.software import code_digest
from hdh_migrate.telemetry import verbosity

ORDERS_AHEAD = 1
"""Orders handed to a worker beyond its threads, so that none of them waits for us."""

STILLBORN_MAX = 3
"""Workers in a row that ended before they could begin, after which the machine is to blame."""

LARGE = 8 << 20
"""Bytes from which on an object is digested and sealed nearly all of its time, and without the
interpreter's lock: threads of one process do that on as many processors as there are."""

PATIENCE_SECONDS = 3.0
"""How long large objects may wait for threads of which there are as many as processors. Who waits
for far stores, and not for processors, has every connection after that."""

ALONE_UNTIL = 0.8
"""How many processors a worker uses, alone with brief orders, before others begin beside it. It is
little but the interpreter that such orders need, and of that a process has one."""

WORTHWHILE = 0.3
"""How many processors must be free for another process that would only be quicker: where there are
none it waits for what the first one uses, costs its start and empties caches (decisions/0086)."""

DEATHS_MAX = 8
"""Workers lost, with no order finished in between, before a run is given up as broken."""


class LocalEngine:
    """Worker processes, fed as they finish: one from the start, others when no thread is free.

    A small job thus starts one interpreter only, which costs more than moving a hundred small
    objects. As long as all orders are brief, the first process may use every connection: the more
    of them wait in one thread, the less each costs. Others start when it is busy, or with an
    order that is not brief, but only once the first keeps to its share of the connections.
    """

    def __init__(
        self,
        factory: str,
        config: Mapping[str, object],
        *,
        processes: int,
        connections: int,
        kept: Sequence[str] = (),
        search: Sequence[str] = (),
        shared: Sequence[int] = (),
        limit: Callable[[float | None], None] = lambda _: None,
        cores: int | None = None,
        patience: float = PATIENCE_SECONDS,
        alone_until: float | None = None,
        free: Callable[[], float] = lambda: math.inf,
    ) -> None:
        """Start a worker; all see variables of the environment that begin with one of `kept`.

        `config` goes to each worker over its own pipe and may hold secrets. `search` are folders
        of a factory that is not in this package. `shared` are descriptors that every worker has
        under the same numbers; they are the engine's from now on. `limit` tells all of them what
        they may move in a second, until this is closed. `cores` are processors, by default those
        of this process; for `patience` see `PATIENCE_SECONDS`, and `ALONE_UNTIL` for what workers
        are given whose brief orders wait together; None: they do not. `free` tells how many
        processors have nothing to do, for which see `WORTHWHILE`.
        """
        self._processes = processes = max(1, min(processes, connections))
        self._factory = factory
        self._kept, self._search, self._shared = tuple(kept), tuple(search), list(shared)
        self._limit = limit
        self._code = code_digest()
        threads = -(-connections // processes)
        shares = {
            "processes": processes, "connections": threads, "verbosity": verbosity(),
            "log": share_log(),
        }  # fmt: skip
        self._start = Start(config={**config, **shares}, threads=threads)
        self._alone_until = alone_until
        self._alone = connections if alone_until is not None and processes > 1 else None
        """How many connections the only worker has."""
        self._making_room: WorkerProcess | None = None
        self._cores, self._patience = cores or processors(), patience
        self._free = free
        self._began: float | None = None
        """When the first order came."""
        self._numbers = itertools.count(1)
        self._deaths = self._stillborn = self._lost = 0
        self._closing = self._paused = False
        self._traffic: list[EndpointTraffic] = []
        self._asked: list[tuple[WorkerProcess, Question]] = []
        self._refused: list[Receipt] = []
        self._poll = select.poll()
        self._speakers = dict[int, WorkerProcess]()
        """Those that are listened to, by the descriptor of each."""
        self._workers = [self._started()]
        self.capacity = processes * (threads + ORDERS_AHEAD)

    def submit(self, order: Order) -> int:
        """Hand the order to the worker that has least to do; to a new one if no thread is free."""
        number = next(self._numbers)
        worker = min(self._workers, key=lambda w: len(w.orders))
        if self._alone is not None and not is_brief(order):
            self._make_room(worker)
        if self._wants_another(worker, order):
            try:
                worker = self._started()
            except Starved as error:
                self._refused.extend(_given_back({number: order}, ReturnReason.STARVED, str(error)))
                return number
            self._workers.append(worker)
        worker.orders[number] = order
        with suppress(OSError):  # it died; receipts() will say what was lost
            worker.wire.send(Assigned(number=number, order=order))
        return number

    def _wants_another(self, least: WorkerProcess, order: Order) -> bool:
        """Return whether one more process would be worth the cost of its start."""
        now, threads = time.monotonic(), self._start.threads
        if self._began is None:
            self._began = now
        if len(least.orders) < threads or len(self._workers) == self._processes:
            return False
        if self._alone is not None or self._making_room is not None:
            return False
        is_large = min(one.size for one in order.objects) >= LARGE
        enough = is_large and threads * len(self._workers) >= self._cores
        if not enough:
            return True
        return now - self._began >= self._patience and self._free() >= WORTHWHILE

    def _make_room(self, worker: WorkerProcess) -> None:
        """Limit the only worker to its share; no other starts until it has confirmed."""
        self._alone = None
        worker.say(MakeRoom())
        if worker.orders:
            self._making_room = worker

    def receipts(self, timeout: float, record: Recorder | None = None) -> Iterable[Receipt]:
        """Return what has arrived, waiting up to `timeout` seconds for the first.

        See `ports.Engine` for `record`.
        """
        found, self._refused = self._refused, []
        deadline = time.monotonic() + timeout
        left = 0.0 if found else timeout
        while ready := self._poll.poll(math.ceil(max(0.0, left) * 1_000)):
            for descriptor, _ in ready:
                found.extend(self._receive(self._speakers[descriptor]))
            if len(found) >= 1000 or self._closing:
                break
            left = 0.0 if found or self._asked else deadline - time.monotonic()
        self._answer(record)
        return found

    def _answer(self, record: Recorder | None) -> None:
        """Tell waiting workers whether their intents were recorded."""
        asked, self._asked = self._asked, []
        if not asked:
            return
        intents = [question.intent for _, question in asked]
        answers = record(intents) if record is not None else [False] * len(intents)
        for (worker, question), recorded in zip(asked, answers, strict=True):
            with suppress(OSError):  # it died; receipts() will say what was lost
                worker.wire.send(Answer(number=question.number, recorded=recorded))

    def _receive(self, worker: WorkerProcess) -> Iterator[Receipt]:
        try:
            messages = worker.wire.receive()
        except (EOFError, OSError):
            yield from self._replace(worker)
            return
        except MalformedMessage:
            if not self._closing:
                raise
            worker.process.kill()
            return
        for message in messages:
            match message:
                case OrderDone():
                    worker.orders.pop(message.order, None)
                    self._deaths = self._stillborn = 0
                    yield message
                case Question():
                    self._asked.append((worker, message))
                case Ready():
                    self._demand_our_code(message.code_sha256)
                    worker.ready = True
                case MadeRoom():
                    self._making_room = None
                case Exchanged() | Farewell():
                    self._note(worker, message)
                case _:
                    yield message

    def _note(self, worker: WorkerProcess, report: Exchanged | Farewell) -> None:
        worker.exchanged = report.traffic
        if self._alone is not None and isinstance(report, Exchanged):
            assert self._alone_until is not None
            free = self._free()  # whatever it is busy with: each report is a new look
            if report.busy >= self._alone_until and free >= WORTHWHILE:
                self._make_room(worker)

    def _started(self) -> WorkerProcess:
        start = replace(self._start, config={**self._start.config, "alone": self._alone})
        worker = WorkerProcess(self._factory, start, self._kept, self._search, self._shared)
        if self._paused:
            worker.say(Pause())
        self._speakers[worker.wire.connection.fileno()] = worker
        self._poll.register(worker.wire.connection, select.POLLIN)
        return worker

    def _demand_our_code(self, found: str) -> None:
        """Refuse a worker whose code is not what the report will name."""
        if found != self._code and not self._closing:
            raise Refused(
                "a worker process runs other code: the tool was changed during this run",
                hint="nothing is lost; run the same plan again, with the tool as it is now",
            )

    def _bury(self, worker: WorkerProcess) -> None:
        """Wait for a worker to end, and keep the traffic that it reported."""
        self._poll.unregister(worker.wire.connection)
        del self._speakers[worker.wire.connection.fileno()]
        worker.wire.connection.close()
        worker.process.wait()
        self._workers.remove(worker)
        self._traffic.extend(worker.exchanged)

    def _replace(self, worker: WorkerProcess) -> Iterator[Receipt]:
        self._bury(worker)
        if worker is self._making_room:
            self._making_room = None
        if (why := worker.innocent()) is not None:
            self._stillborn += 1
            if self._stillborn > DEATHS_MAX and not self._closing:
                raise Starved(why)
            ends = worker.process.returncode == STARVED or self._stillborn >= STILLBORN_MAX
            reason = ReturnReason.STARVED if ends else ReturnReason.STOPPED
            yield from _given_back(worker.orders, reason, why)
            if not self._closing:
                self._workers.append(self._started())
            return
        self._deaths += 1
        self._lost += 1
        if not self._closing:
            if self._deaths > DEATHS_MAX:
                raise MigrateError(
                    f"worker processes keep dying (last exit status {worker.process.returncode})",
                    hint="nothing is lost; look for memory pressure, then run the same plan again",
                )
            self._workers.append(self._started())
        for order in worker.orders.values():
            yield Lost(order=order, worker=self._lost)

    def limit(self, rate: float | None) -> None:
        """Let all workers together move so many bytes a second; see `ports.Engine`."""
        if not self._closing:
            self._limit(rate)

    def pause(self) -> None:
        """Ask every worker to return what it has not begun."""
        self._paused = True
        for worker in self._workers:
            worker.say(Pause())

    def cluster(self) -> None:
        """See `ports.Engine.cluster`: all is done here."""

    def traffic(self) -> Sequence[EndpointTraffic]:
        """Return what the workers reported to have exchanged; of one that died, its last report."""
        return [*self._traffic, *(one for worker in self._workers for one in worker.exchanged)]

    def close(self, *, grace: float) -> None:
        """End the workers, gently for `grace` seconds."""
        self._closing = True
        for worker in self._workers:
            with suppress(OSError):
                worker.wire.send(Close())
        deadline = time.monotonic() + grace
        for worker in list(self._workers):
            self._farewell(worker, deadline)
        while self._shared:
            os.close(self._shared.pop())

    def _farewell(self, worker: WorkerProcess, deadline: float) -> None:
        try:
            while worker.wire.connection.poll(max(0.0, deadline - time.monotonic())):
                for _ in self._receive(worker):
                    pass
                if worker not in self._workers:
                    return
        except OSError:
            pass
        worker.process.kill()
        self._bury(worker)


def _given_back(orders: Mapping[int, Order], reason: ReturnReason, why: str) -> Iterator[Receipt]:
    """Return the orders of lost workers as receipts; the engine's user ends the run if starved."""
    for number, order in orders.items():
        yield from Returned.all_of(order, reason, why)
        yield OrderDone(order=number)
