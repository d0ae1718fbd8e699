"""Waiting for something to become true, without waiting for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")


def wait_for(
    predicate: Callable[[], Seen],
    timeout: float,
    *,
    every: float = 0.02,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Seen | None:
    """Return the first truthy value of `predicate`, or None after `timeout` seconds.

    The predicate is asked at least once, and once more when the time is up. What it raises goes
    through: that is how a watched process that died ends the wait early.
    """
    deadline = monotonic() + timeout
    while True:
        late = monotonic() >= deadline
        if seen := predicate():
            return seen
        if late:
            return None
        sleep(every)
