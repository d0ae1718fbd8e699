"""A process that performs one task for the coordinator, returns the result, and ends.

Started by `engines.boot` with a descriptor and a function. Its input comes over that descriptor and
may hold secrets; the environment holds none. It ends at once when the coordinator is gone or no
longer wants an answer; of an error it reports only that there was one.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from hdh_migrate.confined import confine

Function = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Takes plain values, and returns some."""

ASKED_MAX: Final = 1 << 20
"""Bytes of the longest question, and of the longest answer."""


def main(descriptor: int, function: str) -> None:
    """Do what one coordinator asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the coordinator decides when to stop
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    confine()
    sys.excepthook = lambda *_: None  # its text may hold names, or secrets
    with socket.socket(fileno=descriptor) as coordinator:
        asked = json.loads(_line(coordinator))
        threading.Thread(target=_end_with, args=(coordinator,), daemon=True).start()
        module, _, name = function.partition(":")
        done: Function = getattr(importlib.import_module(module), name)
        gc.freeze()
        gc.enable()
        coordinator.sendall(json.dumps(done(asked)).encode() + b"\n")
        os._exit(0)  # what there is goes with the process


def _line(coordinator: socket.socket) -> bytes:
    heard = b""
    while not heard.endswith(b"\n"):
        piece = coordinator.recv(65_536)
        if not piece or len(heard) > ASKED_MAX:
            os._exit(1)
        heard += piece
    return heard


def _end_with(coordinator: socket.socket) -> None:
    """End this process when the coordinator is gone."""
    try:
        coordinator.recv(1)
    finally:
        os._exit(1)
