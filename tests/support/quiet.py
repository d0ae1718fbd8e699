"""Time that a test owns, waits that end at once, and an audience that remembers."""

from __future__ import annotations

import threading
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from hdh_migrate.clocks import later
from hdh_migrate.telemetry import SystemClock
from tests.support.script import Script

FIRST = datetime(2026, 11, 23, tzinfo=UTC)
"""When a clock of the tests' own begins."""


class FakeClock:
    """Goes on by a second whenever somebody asks, and by what is waited."""

    def __init__(self, script: Script | None = None, *, tick: float = 1.0) -> None:
        self.seconds = 0.0
        self.ahead = 0.0
        """By how many seconds it shows more than that."""
        self._tick = tick
        self._script = script or Script()

    def now(self) -> str:
        with self._script.call("now"):
            return self.shown()

    def shown(self) -> str:
        """Return what it shows; nobody notices that it was looked at."""
        return _after(int(self.seconds + self.ahead))

    def monotonic(self) -> float:
        self.seconds += self._tick
        return self.seconds


@lru_cache(4_096)
def _after(seconds: int) -> str:
    """Return a moment of such a clock; many a world goes through the same ones."""
    return (FIRST + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


class WallClock:
    """A machine's clock that a test sets: to a moment, or beside the real one."""

    def __init__(self, at: str | None = None, *, ahead: float = 0.0) -> None:
        self.at = at
        self.ahead = ahead

    def now(self) -> str:
        if self.at is not None:
            return self.at
        return later(SystemClock().now(), self.ahead)

    def monotonic(self) -> float:
        return SystemClock().monotonic()


class Waits(threading.Event):
    """An event whose waits end at once: they are noted, and the clock moves on."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.waited: list[float] = []
        self._clock = clock

    def __deepcopy__(self, copied: dict[int, Any]) -> Waits:
        made = copied[id(self)] = Waits(deepcopy(self._clock, copied))
        made.waited = [*self.waited]
        if self.is_set():
            made.set()
        return made

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None, "a wait without an end"
        if not self.is_set():
            self.waited.append(timeout)
            self._clock.seconds += timeout
        return self.is_set()


class Notes:
    """Follows a run and remembers what was said."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, str, int]] = []
        self.lines: list[str] = []
        self.objects = 0
        self.size = 0

    def step(self, batch: str, step: str, *, objects: int, size: int) -> None:
        self.steps.append((batch, step, objects))

    def advance(self, objects: int, size: int) -> None:
        self.objects += objects
        self.size += size

    def note(self, text: str) -> None:
        self.lines.append(text)
