"""A word now and then from a verb that may read for minutes: that it is at work, and how far."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hdh_migrate.cli.output import Output
from hdh_migrate.telemetry import duration_text, size_text

EVERY_SECONDS: Final = 20.0

_COUNTED: Final = Path("/proc/self/io")
"""Where Linux says what this process has read, whoever had it in memory."""


@contextmanager
def telling(out: Output, every: float = EVERY_SECONDS) -> Iterator[None]:
    """Say every so many seconds how long this takes and how much was read, where that is wanted."""
    if not out.shows_progress:
        yield
        return
    over, began = threading.Event(), time.monotonic()

    def tell() -> None:
        while not over.wait(every):
            out.say(f"still at work: {duration_text(time.monotonic() - began)}{_read()}")

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()


def _read() -> str:
    """Return what was read so far, as it follows how long that took; nothing where none tells."""
    try:
        counts = dict(line.split(": ") for line in _COUNTED.read_text().splitlines())
        return f", {size_text(int(counts['rchar']))} read"
    except (OSError, ValueError, KeyError):
        return ""
