"""How many processors are idle, and so available for another process."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Final

STAT: Final = Path("/proc/stat")
LOOK_SECONDS: Final = 1.0
"""Over how long it is measured at least: the system counts in hundredths of a second."""


class FreeProcessors:
    """The free ones among those that this process may use, as Linux counts them (proc(5))."""

    def __init__(self, stat: Path = STAT, *, seconds: float = LOOK_SECONDS) -> None:
        """Measure from now on; for `seconds` see `LOOK_SECONDS`."""
        self._stat, self._seconds, self._free = stat, seconds, math.inf
        self._began, self._before = time.monotonic(), _counted(stat)

    def __call__(self) -> float:
        """Return how many were free, on the average, when it was last measured.

        Infinitely many where the system does not tell, or not yet.
        """
        now = time.monotonic()
        if now - self._began >= self._seconds:
            before, self._before = self._before, _counted(self._stat)
            idle, passed = (new - old for new, old in zip(self._before, before, strict=True))
            self._free = processors() * idle / passed if passed > 0 else math.inf
            self._began = now
        return self._free


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


def _counted(stat: Path) -> tuple[int, int]:
    """Return for how long our processors were idle, and all of their time; zeros: not told."""
    ours = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    idle = total = 0
    try:
        lines = [line.split() for line in stat.read_text(encoding="ascii").splitlines()]
        for name, *fields in filter(None, lines):
            if name in ours:
                # user, nice, system, idle, iowait, irq, softirq, steal; guests' are in user's
                spent = [int(field) for field in fields[:8]]
                idle, total = idle + spent[3] + spent[4], total + sum(spent)
    except (OSError, ValueError, IndexError):
        return 0, 0
    return idle, total
