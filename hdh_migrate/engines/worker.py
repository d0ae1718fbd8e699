"""A worker process: takes orders from the coordinator, performs them in threads, ends with it.

Started by `engines.boot` with a descriptor and a factory. The first message is the factory's
configuration, which holds the secrets that its orders need and no other; the environment holds
none. When the coordinator is gone the process ends at once: a new run must not meet an old one's
writes.
"""

from __future__ import annotations

import importlib
import itertools
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

from hdh_migrate.confined import confine
from hdh_migrate.engines.starved import STARVED, is_starved
from hdh_migrate.engines.wire import Wire
from hdh_migrate.errors import MigrateError
from hdh_migrate.software import code_digest

FAULT = 70
"""Exit status of a worker that met a fault of ours."""

FLUSH_RECEIPTS = 8
FLUSH_SECONDS = 0.05
TRACE_FRAMES = 8

_Told = Mapping[str, Any]
Perform = Callable[[_Told, Callable[[_Told], None], Callable[[_Told], bool]], None]
"""Takes an order, who takes its receipts, and who records one before the work may go on."""


class _Questions:
    """What threads have asked the coordinator to record and wait for."""

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
        """Tell whoever waits, and whoever asks from now on, that nobody answers any more."""
        with self._lock:
            self._closed = True
            for answer in self._waiting.values():
                answer.put(False)
            self._waiting.clear()


class _Outbox:
    """Gathers a thread's receipts for a moment; a lost one only means work done twice."""

    def __init__(self, wire: Wire, questions: _Questions, order: Mapping[str, Any]) -> None:
        self._wire = wire
        self._questions = questions
        self._order = order
        self._held: list[Mapping[str, Any]] = []
        self._since = time.monotonic()

    def emit(self, receipt: Mapping[str, Any]) -> None:
        self._held.append(receipt)
        now = time.monotonic()
        if len(self._held) >= FLUSH_RECEIPTS or now - self._since > FLUSH_SECONDS:
            self._wire.send(self._held)
            self._held, self._since = [], now

    def record(self, receipt: Mapping[str, Any]) -> bool:
        """Return whether the coordinator has made this durable."""

        def send(number: int) -> None:
            self._wire.send([*self._held, {**receipt, "asks": number}])
            self._held = []

        return self._questions.ask(send)

    def close(self) -> None:
        self._wire.send([*self._held, {"kind": "order-done", "order": self._order["order"]}])


def main(descriptor: int, factory: str) -> None:
    """Serve one coordinator until it says close or goes away."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the coordinator decides when to stop
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    confine()
    sys.excepthook = lambda _, error, __: _tell(error)
    wire = Wire(Connection(descriptor))
    try:
        config = wire.receive()
        module, _, name = factory.partition(":")
        service = getattr(importlib.import_module(module), name)(config)
        orders: queue.SimpleQueue[Mapping[str, Any] | None] = queue.SimpleQueue()
        questions = _Questions()
        serving = (wire, orders, questions, service.perform)
        threads = [
            threading.Thread(target=_serve, args=serving, daemon=True)
            for _ in range(config["threads"])
        ]
        for thread in threads:
            thread.start()
        wire.send([{"kind": "ready", "pid": os.getpid(), "code_sha256": code_digest()}])
    except (EOFError, ConnectionError):
        os._exit(1)
    except BaseException as error:  # noqa: BLE001 - reported and fatal
        _give_up(error)
    try:
        while (message := wire.receive()) is not None:
            if message.get("command") == "pause":
                service.halt.set()
            elif "answer" in message:
                questions.answer(message["answer"], recorded=message["recorded"])
            else:
                orders.put(message)
    except (EOFError, OSError):
        os._exit(1)
    questions.close()
    for _ in threads:
        orders.put(None)
    for thread in threads:
        thread.join()
    wire.send([{"kind": "traffic", "endpoints": service.traffic()}])


def _serve(
    wire: Wire,
    orders: queue.SimpleQueue[Mapping[str, Any] | None],
    questions: _Questions,
    perform: Perform,
) -> None:
    try:
        while (order := orders.get()) is not None:
            outbox = _Outbox(wire, questions, order)
            perform(order, outbox.emit, outbox.record)
            outbox.close()
    except (BrokenPipeError, ConnectionError):
        os._exit(1)
    except BaseException as error:  # noqa: BLE001 - reported and fatal
        # The coordinator sees the process go, and by its status why.
        _give_up(error)


def _give_up(error: BaseException) -> NoReturn:
    """End at once: with a word on a fault of ours, quietly when the machine gives no more."""
    if is_starved(error):
        os._exit(STARVED)
    _tell(error)
    os._exit(FAULT)


def _tell(error: BaseException) -> None:
    """Say in one line what ended this process."""
    sys.stderr.write(_told(error) + "\n")
    sys.stderr.flush()


def _told(error: BaseException) -> str:
    """Return what may be shown: the words of a foreign error may hold names or secrets."""
    if isinstance(error, MigrateError):
        return f"worker: {error}"
    import traceback

    frames = traceback.extract_tb(error.__traceback__)[-TRACE_FRAMES:]
    where = " < ".join(f"{Path(one.filename).name}:{one.lineno}" for one in reversed(frames))
    return f"worker: {type(error).__name__} at {where}"
