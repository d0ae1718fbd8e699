"""What other processes are at, and ports that nobody else is given meanwhile."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LONG = 400.0
"""Seconds until a test gives up: none is too slow for it, on however busy a machine."""


def alive(pid: int) -> bool:
    """Say whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pid: int) -> bool:
    """Wait for the end of a process that was killed; the kernel ends it in its own time."""
    return awaited(lambda: not alive(pid))


def awaited(so: Callable[[], bool]) -> bool:
    """Wait until something is so; return False when it does not become so."""
    end = time.monotonic() + LONG
    while not so():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


@contextmanager
def forked(act: Callable[[], object]) -> Iterator[None]:
    """Let a process of its own act, which is killed at the end of what is inside."""
    child = os.fork()
    if not child:
        try:
            act()
        finally:
            os._exit(1)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def free_port() -> int:
    """Return a port of loopback for a server that cannot choose one itself.

    It lies below those that the kernel gives to whoever asks for any: else somebody else might be
    given it before the server listens.
    """
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for _ in range(1000):
        port = lowest - 1 - secrets.randbelow(min(10_000, lowest - 1024))
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")
