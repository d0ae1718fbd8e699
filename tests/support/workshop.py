"""What test workers do: an order's objects say it themselves."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Emit = Callable[[Mapping[str, Any]], None]


class Workshop:
    """Does what each object of an order asks for."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = dict(config)
        self.halt = threading.Event()

    def perform(
        self,
        order: Mapping[str, Any],
        emit: Emit,
        record: Callable[[Mapping[str, Any]], bool],
    ) -> None:
        for one in order["objects"]:
            if one.get("die"):
                os.kill(os.getpid(), signal.SIGKILL)
            if one.get("die_once") and not Path(one["die_once"]).exists():
                Path(one["die_once"]).touch()
                os.kill(os.getpid(), signal.SIGKILL)
            if one.get("fault"):
                raise RuntimeError(one["fault"])
            if one.get("hang"):
                time.sleep(one["hang"])
            if one.get("greedy"):
                bytearray(1 << 45)
            if one.get("threads"):
                starve()
                threading.Thread(target=print).start()
            told = dict(os.environ) if one.get("environ") else None
            recorded = record({"kind": "sealing", "id": one["id"]}) if one.get("asks") else None
            emit(
                {
                    "kind": "done",
                    "recorded": recorded,
                    "id": one["id"],
                    "pid": os.getpid(),
                    "environ": told,
                    "config": self._config if one.get("config") else None,
                }
            )

    def traffic(self) -> list[Mapping[str, Any]]:
        return [{"side": "source", "pid": os.getpid()}]


def starve() -> None:
    """Take away the address space that one more thread's stack would need."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 20), used + (1 << 20)))


def worker(config: Mapping[str, Any]) -> Workshop:
    if config.get("starved"):
        starve()
    if config.get("broken"):
        raise LookupError("no such thing")
    return Workshop(config)
