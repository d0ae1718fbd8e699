"""What test workers do: the objects of an order say it themselves, as JSON in their keys."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hdh_migrate.engines.frames import Frames
from hdh_migrate.orders import Order, OrderItem, PutOrder
from hdh_migrate.ports.work import Emit, Engine, Record, Recorder
from hdh_migrate.receipts import (
    EndpointTraffic,
    Lost,
    OrderDone,
    Receipt,
    Returned,
    ReturnReason,
    SealIntent,
    Sent,
)
from tests.support.processes import LONG

FACTORY = "tests.support.workshop:worker"
ROOT = str(Path(__file__).parents[2])
"""Where workers find it."""


def wish(number: int, **wishes: object) -> OrderItem:
    """Return an object that wants this done; see `Workshop.perform`."""
    return OrderItem(id=number, attempt=1, key=json.dumps(wishes), size=1, version="v", md5=None)


def order(*objects: OrderItem) -> PutOrder:
    return PutOrder(dataset="d", objects=objects)


class Workshop:
    """Does what each object of an order asks for, and tells what came of it in an ETag."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = dict(config)
        self.halt = threading.Event()

    def perform(self, order: Order, emit: Emit, record: Record) -> None:
        for one in order.objects:
            if self.halt.is_set():
                emit(Returned.of(order, one, ReturnReason.STOPPED, "paused"))
                continue
            wishes = json.loads(one.key)
            if reason := wishes.get("returns"):
                emit(Returned.of(order, one, ReturnReason(reason), "returned"))
                continue
            if wishes.get("die"):
                os.kill(os.getpid(), signal.SIGKILL)
            if wishes.get("die_once") and not Path(wishes["die_once"]).exists():
                Path(wishes["die_once"]).touch()
                os.kill(os.getpid(), signal.SIGKILL)
            if wishes.get("fault"):
                raise RuntimeError(wishes["fault"])
            if wishes.get("hang"):
                time.sleep(wishes["hang"])
            if wishes.get("greedy"):
                bytearray(1 << 45)
            if wishes.get("threads"):
                starve()
                threading.Thread(target=print).start()
            intent = SealIntent(id=one.id, attempt=one.attempt, number=1, size=1, sha256="aa")
            told = {
                "recorded": record(intent) if wishes.get("asks") else None,
                "pid": os.getpid(),
                "environ": dict(os.environ) if wishes.get("environ") else None,
                "config": self._config if wishes.get("config") else None,
            }
            emit(
                Sent(
                    id=one.id, attempt=one.attempt, stored_size=1, etag=json.dumps(told),
                    version_id=None,
                )
            )  # fmt: skip

    def expect(self, order: Order) -> None:
        """All wait for nobody here."""

    def make_room(self) -> None:
        while (sign := self._config.get("room")) and not Path(sign).exists():
            time.sleep(0.01)

    def traffic(self) -> list[EndpointTraffic]:
        return [
            EndpointTraffic(
                side="source", endpoint=f"https://{os.getpid()}", requests=1, bytes_read=2,
                bytes_written=3,
            )
        ]  # fmt: skip


def told(found: Iterable[Receipt]) -> dict[int, dict[str, Any]]:
    """Return what workers told of the objects that they did."""
    return {one.id: json.loads(one.etag) for one in found if isinstance(one, Sent)}


def drained(
    engine: Engine, count: int, *, seconds: float = LONG, record: Recorder | None = None
) -> list[Receipt]:
    """Take receipts until `count` orders ended."""
    found, ended, until = list[Receipt](), 0, time.monotonic() + seconds
    while ended < count:
        assert time.monotonic() < until, found
        for receipt in engine.receipts(0.2, record):
            found.append(receipt)
            ended += isinstance(receipt, OrderDone | Lost)
    return found


def starve() -> None:
    """Take away the address space that one more thread's stack would need."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 20), used + (1 << 20)))


def worker(config: Mapping[str, Any]) -> Workshop:
    if config.get("starved"):
        starve()
    if config.get("says"):
        Frames(socket.socket(fileno=os.dup(int(sys.argv[2])))).send_bytes(config["says"].encode())
    if config.get("broken"):
        raise LookupError("no such thing")
    return Workshop(config)
