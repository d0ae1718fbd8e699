"""A worker process: takes orders from the coordinator, performs them in threads, ends with it.

Started by `engines.boot` with a descriptor and a factory. The first message is the factory's
configuration, which holds the secrets that its orders need and no other; the environment holds
none. When the coordinator is gone the process ends at once: a new run must not meet an old one's
writes.
"""

from __future__ import annotations

import gc
import importlib
import itertools
import os
import queue
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, assert_never

from hdh_migrate.confined import confine
from hdh_migrate.engines.frames import Frames
from hdh_migrate.engines.messages import (
    Answer,
    Assigned,
    Close,
    Exchanged,
    Farewell,
    FromWorker,
    MadeRoom,
    MakeRoom,
    Pause,
    Question,
    Ready,
    Start,
    ToWorker,
)
from hdh_migrate.engines.starved import STARVED, is_starved
from hdh_migrate.engines.wire import FROM_WORKER, TO_WORKER, Wire
from hdh_migrate.errors import MalformedMessage, MigrateError
from hdh_migrate.ports.work import Perform, Service
from hdh_migrate.receipts import Aside, EndpointTraffic, ObjectReceipt, OrderDone, SealIntent
from hdh_migrate.software import code_digest

FAULT = 70
"""Exit status of a worker that met a fault of ours."""

FLUSH_RECEIPTS = 8
FLUSH_SECONDS = 0.05
EXCHANGED_SECONDS = 1.0
"""How often it reports what was exchanged, while there is something else to report."""

JOIN_SECONDS = 0.3
"""How long work that nobody waits for any more may take to end."""

TRACE_FRAMES = 8

_STEPS: Mapping[str, str] = {"move": "transfer", "prove": "verify"}
"""The step whose work each role does, as lines of a log name it."""

Factory = Callable[[Mapping[str, object]], Service]
"""Makes what a worker runs from what it is sent when it starts."""

Orders = queue.SimpleQueue[Assigned | None]
Coordinator = Wire[FromWorker, ToWorker]


class _Questions:
    """Intents of this process's threads that the coordinator must record before they go on."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._waiting: dict[int, queue.SimpleQueue[bool]] = {}
        self._lock = threading.Lock()
        self._closed = False

    def ask(self, send: Callable[[int], None]) -> bool:
        """Send a question under a number of its own and wait for the answer."""
        number, answer = next(self._numbers), queue.SimpleQueue[bool]()
        with self._lock:
            if self._closed:
                return False
            self._waiting[number] = answer
        send(number)
        return answer.get()

    def answer(self, number: int, *, recorded: bool) -> None:
        with self._lock:
            self._waiting.pop(number).put(recorded)

    def close(self) -> None:
        """Refuse all waiting and all later questions: nobody answers any more."""
        with self._lock:
            self._closed = True
            for answer in self._waiting.values():
                answer.put(False)
            self._waiting.clear()


class _Exchanges:
    """Reports from time to time what this process exchanged and used; for all threads."""

    def __init__(self, traffic: Callable[[], Sequence[EndpointTraffic]]) -> None:
        self._traffic = traffic
        self._told, self._used = time.monotonic(), time.process_time()

    def due(self) -> Iterator[Exchanged]:
        """Yield what was exchanged so far if it is time to tell it; two threads may both do so."""
        now = time.monotonic()
        passed = now - self._told
        if passed >= EXCHANGED_SECONDS:
            before, self._used, self._told = self._used, time.process_time(), now
            busy = max(0.0, self._used - before) / passed
            yield Exchanged(traffic=tuple(self._traffic()), busy=busy)


class _Outbox:
    """Gathers a thread's receipts briefly before sending; losing one only repeats work."""

    def __init__(self, wire: Coordinator, questions: _Questions, exchanges: _Exchanges) -> None:
        self._wire = wire
        self._questions = questions
        self._exchanges = exchanges
        self._held: list[ObjectReceipt | Aside] = []
        self._since = time.monotonic()

    def emit(self, receipt: ObjectReceipt | Aside) -> None:
        self._held.append(receipt)
        now = time.monotonic()
        if len(self._held) >= FLUSH_RECEIPTS or now - self._since > FLUSH_SECONDS:
            self._flush()
            self._since = now

    def record(self, intent: SealIntent) -> bool:
        """Return whether the coordinator has made this durable."""
        return self._questions.ask(
            lambda number: self._flush(Question(number=number, intent=intent))
        )

    def close(self, order: int) -> None:
        self._flush(OrderDone(order=order))

    def _flush(self, *more: FromWorker) -> None:
        held, self._held = self._held, []
        self._wire.send(*self._exchanges.due(), *held, *more)


def main(descriptor: int, factory: str) -> None:
    """Serve one coordinator until it sends `Close` or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the coordinator decides when to stop
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    confine()
    sys.excepthook = lambda _, error, __: _print_cause(error)
    wire = Coordinator(Frames(socket.socket(fileno=descriptor)), says=FROM_WORKER, hears=TO_WORKER)
    try:
        start = _start(wire)
        _keep_log(start.config)
        service = _made(factory)(start.config)
        gc.freeze()
        gc.enable()
        orders, questions = Orders(), _Questions()
        serving = (wire, orders, questions, _Exchanges(service.traffic), service.perform)
        threads = [
            threading.Thread(target=_serve, args=serving, daemon=True) for _ in range(start.threads)
        ]
        for thread in threads:
            thread.start()
        wire.send(Ready(code_sha256=code_digest()))
        _listen(wire, orders, questions, service)
        questions.close()
        for _ in threads:
            orders.put(None)
        patience = time.monotonic() + JOIN_SECONDS
        for thread in threads:  # who hangs in a call is not waited for: its work is lost either way
            thread.join(max(0.0, patience - time.monotonic()))
        wire.send(Farewell(traffic=tuple(service.traffic())))
    except (EOFError, ConnectionError):
        os._exit(1)
    except BaseException as error:  # noqa: BLE001 - reported and fatal
        _give_up(error)


def _keep_log(config: Mapping[str, Any]) -> None:
    """Log as much as the coordinator does, and where it does."""
    verbosity, place = int(str(config.get("verbosity") or 0)), config.get("log")
    if not verbosity and place is None:
        return
    from hdh_migrate.telemetry import set_up_logging

    set_up_logging(verbosity)
    if place is not None:
        from hdh_migrate.log_lines import log_to

        log_to(place, step=_STEPS.get(str(config.get("role"))))


def _start(wire: Coordinator) -> Start:
    match wire.receive():
        case [Start() as start]:
            return start
        case _:
            raise MalformedMessage("no start")


def _made(factory: str) -> Factory:
    module, _, name = factory.partition(":")
    made: Factory = getattr(importlib.import_module(module), name)
    return made


def _listen(wire: Coordinator, orders: Orders, questions: _Questions, service: Service) -> None:
    """Receive messages until the coordinator sends `Close`; end at once when it is gone."""
    while True:
        try:
            messages = wire.receive()
        except (EOFError, OSError):
            os._exit(1)
        for message in messages:
            match message:
                case Assigned():
                    service.expect(message.order)
                    orders.put(message)
                case Answer():
                    questions.answer(message.number, recorded=message.recorded)
                case Pause():
                    service.halt.set()
                case MakeRoom():
                    threading.Thread(target=_make_room, args=(wire, service), daemon=True).start()
                case Close():
                    return
                case Start():
                    raise MalformedMessage("a second start")
                case _:
                    assert_never(message)


def _make_room(wire: Coordinator, service: Service) -> None:
    try:
        service.make_room()
        wire.send(MadeRoom())
    except ConnectionError:
        os._exit(1)
    except BaseException as error:  # noqa: BLE001 - reported and fatal
        _give_up(error)


def _serve(
    wire: Coordinator,
    orders: Orders,
    questions: _Questions,
    exchanges: _Exchanges,
    perform: Perform,
) -> None:
    try:
        while (given := orders.get()) is not None:
            outbox = _Outbox(wire, questions, exchanges)
            perform(given.order, outbox.emit, outbox.record)
            outbox.close(given.number)
    except (BrokenPipeError, ConnectionError):
        os._exit(1)
    except BaseException as error:  # noqa: BLE001 - reported and fatal
        # The coordinator sees the process go, and by its status why.
        _give_up(error)


def _give_up(error: BaseException) -> NoReturn:
    """End the process at once: with a message for a fault of ours, silently if out of resources."""
    if is_starved(error):
        os._exit(STARVED)
    _print_cause(error)
    os._exit(FAULT)


def _print_cause(error: BaseException) -> None:
    """Print in one line what ended this process."""
    sys.stderr.write(_printable(error) + "\n")
    sys.stderr.flush()


def _printable(error: BaseException) -> str:
    """Return an error's text if it may be shown: a foreign error's may hold names or secrets."""
    if isinstance(error, MigrateError):
        return f"worker: {error}"
    import traceback

    frames = traceback.extract_tb(error.__traceback__)[-TRACE_FRAMES:]
    where = " < ".join(f"{Path(one.filename).name}:{one.lineno}" for one in reversed(frames))
    return f"worker: {type(error).__name__} at {where}"
