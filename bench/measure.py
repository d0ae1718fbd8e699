"""Run one command and say what it cost: wall, CPU and memory of its whole process tree."""

from __future__ import annotations

import compileall
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.memory import MIB, resident, tree

SAMPLE_SECONDS = 0.25


class CommandFailed(Exception):
    """A command of one of the tools did not end well; its words say which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one run of a command cost."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds, user and system, of the command and of every process that it started."""
    peak: int
    """MiB of all of them together when they were most, shared pages counted in proportion."""


def measured(command: Sequence[str], environ: Mapping[str, str]) -> tuple[Cost, str]:
    """Run a command to its end; return what it cost and what it printed.

    Raises:
        CommandFailed: it did not end well.
    """
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with subprocess.Popen(
        command, env=dict(environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        peak = _Peak(run.pid)
        out, told = run.communicate()
        wall = time.monotonic() - began
        most = peak.end()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if run.returncode:
        raise CommandFailed(f"{' '.join(command[:4])}: exit {run.returncode}\n{told[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall=wall, cpu=cpu, peak=most), out


class _Peak:
    """Looks at a process tree from time to time."""

    def __init__(self, pid: int) -> None:
        self._pid, self._most = pid, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            self._most = max(self._most, sum(map(resident, tree(self._pid))) // MIB)

    def end(self) -> int:
        """Return the MiB of when they were most; 0 for what ended before it was looked at."""
        self._over.set()
        self._thread.join()
        return self._most


def compiled() -> None:
    """Compile the package, as pip does with what it installs: users do not wait for that.

    A checkout is compiled by whoever runs it first, and in each process again where
    PYTHONDONTWRITEBYTECODE is set; that is not what a command costs.
    """
    package = Path(__file__).resolve().parents[1] / "hdh_migrate"
    if not compileall.compile_dir(package, quiet=2):
        sys.exit(f"{package} cannot be compiled")


def load() -> float:
    """Return how many processes waited for a processor in the last minute."""
    return round(os.getloadavg()[0], 1)
