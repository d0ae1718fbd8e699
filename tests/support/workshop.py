"""What test workers do: an order's objects say it themselves."""

from __future__ import annotations

import os
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
        del config
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
            recorded = record({"kind": "sealing", "id": one["id"]}) if one.get("asks") else None
            emit({"kind": "done", "recorded": recorded, "id": one["id"], "pid": os.getpid()})

    def traffic(self) -> list[Mapping[str, Any]]:
        return [{"side": "source", "pid": os.getpid()}]


def worker(config: Mapping[str, Any]) -> Workshop:
    return Workshop(config)
