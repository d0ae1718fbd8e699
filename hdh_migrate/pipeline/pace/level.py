"""How much one process works on at once: additive increase, multiplicative decrease.

The plan's `engine.connections` is the most. A store that asks for less, loses connections or
answers slower and slower gets half as much, at most once in a while; work that goes well brings one
more each time as many items as the level have been done. Each change is logged with its reason.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from hdh_migrate.errors import ShortRead, Throttled, Transient

LOG = logging.getLogger(__name__)

SETTLE_SECONDS: Final = 2.0
"""After a decrease the next one waits so long: what was under way then says nothing new."""

WINDOW: Final = 32
"""Items whose time is taken together."""

SLOW_SECONDS: Final = 2.0
SLOWER: Final = 8.0
"""Items are slow that take longer than this, and so many times what they took at best."""


QUIET_SECONDS: Final = 5.0
"""Between two increases that are reported."""


class LevelChange(NamedTuple):
    """From how many items to how many, and why."""

    was: int
    level: int
    why: str


class Level:
    """Lets so many items be under way as the stores bear. Safe to share between threads."""

    def __init__(
        self,
        most: int = 1_000,
        *,
        fixed: bool = False,
        ceiling: Callable[[], int] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin at `most`; with `fixed` it stays there.

        Whatever the level, no more are under way than `ceiling` says at each moment.
        """
        self._ceiling = ceiling or (lambda: most)
        self._most, self._fixed, self.monotonic = most, fixed, monotonic
        self._now = most
        # Each item takes the lock several times, and without what a condition puts around it.
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting = 0
        self._busy = self._well = 0
        self._settled = 0.0
        self._best: float | None = None
        self._times: list[float] = []
        self._news: LevelChange | None = None
        self._told = -QUIET_SECONDS

    @property
    def now(self) -> int:
        """How many items may be under way at this moment."""
        return self._now

    def news(self) -> LevelChange | None:
        """Return the last change that nobody asked for yet; None: there is none to be told.

        Each decrease is reported, and of increases one now and then, and the last.
        """
        with self._lock:
            if (found := self._news) is None:
                return None
            rises = found.was < found.level < self._most
            if rises and self.monotonic() < self._told + QUIET_SECONDS:
                return None
            self._news, self._told = None, self.monotonic()
            return found

    @property
    def most(self) -> int:
        """How many items may ever be under way."""
        return self._most

    @contextmanager
    def place(self, halt: threading.Event) -> Iterator[None]:
        """Wait until one more item may be under way, or the run is told to stop."""
        self.enter(halt)
        try:
            yield
        finally:
            self.leave()

    def enter(self, halt: threading.Event) -> None:
        """Wait as in `place`; whoever is through must `leave`."""
        with self._lock:
            while self._busy >= min(self._now, self._ceiling()) and not halt.is_set():
                self._wait()
            self._busy += 1

    def enters(self, halt: threading.Event) -> bool:
        """Take a place if `enter` would not wait for one, and return whether it is so."""
        with self._lock:
            there = self._busy < min(self._now, self._ceiling()) or halt.is_set()
            self._busy += there
        return there

    def leave(self) -> None:
        """Give a place back."""
        with self._lock:
            self._busy -= 1
            if self._waiting:
                self._changed.notify()

    def _wait(self) -> None:
        self._waiting += 1
        try:
            self._changed.wait(0.2)
        finally:
            self._waiting -= 1

    def lower(self, most: int, halt: threading.Event) -> None:
        """Have no more than `most` under way from now on; return when it is so, or on a halt."""
        with self._lock:
            level = max(1, self._now * most // self._most)
            lessened, self._most = self._now < self._most, most
            if lessened:
                self._set(level, "other processes begin beside this one")
            self._now = level
            while self._busy > most and not halt.is_set():
                self._wait()

    def done(self, seconds: float | None = None) -> None:
        """Count an item that went well; `seconds` is what it took, where that can be compared."""
        if self._fixed:
            return
        with self._lock:
            if seconds is not None:
                self._times.append(seconds)
                if len(self._times) >= WINDOW:
                    self._look_at_times()
            self._well += 1
            if self._well >= self._now < self._most:
                self._set(self._now + 1, "all goes well")

    def trouble(self, error: Transient) -> None:
        """Halve the level if an error tells that a store has too much to do."""
        if self._fixed or isinstance(error, ShortRead):
            return  # wrong bytes come no slower
        why = "the store asks for less" if isinstance(error, Throttled) else "a request failed"
        with self._lock:
            self._less(f"{why} ({error.code})" if error.code else why)

    def _look_at_times(self) -> None:
        mean = sum(self._times) / len(self._times)
        self._times.clear()
        best = self._best = mean if self._best is None else min(self._best, mean)
        if mean > max(SLOW_SECONDS, SLOWER * best):
            self._less(f"an object takes {mean:.1f} s, and took {best:.2f} s at best")

    def _less(self, why: str) -> None:
        self._well = 0
        if self._now > 1 and self.monotonic() >= self._settled:
            self._settled = self.monotonic() + SETTLE_SECONDS
            self._set(self._now // 2, why)

    def _set(self, level: int, why: str) -> None:
        LOG.info("at once %d -> %d: %s", self._now, level, why)
        self._news = LevelChange(self._now, level, why)
        self._now, self._well = level, 0
        self._changed.notify_all()
