"""Medians and ratios of many runs, and on what machine they were."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import cryptography
import pycurl

from bench.corpora import Corpus
from bench.measure import Cost
from bench.primitives import Primitives
from hdh_migrate import __version__
from hdh_migrate.demo.node import azurite_program
from tests.support.servers import rclone_program

TINY = "tiny"
"""The corpus on which a command's fixed cost is measured."""

QUICK = "quick"
"""The corpus of a server that has every entry of its listing ready."""

WORDS = {
    ("listing", "inventory"): "inventory of {count:,} blobs, against one `lsjson -R -M --hash`",
    (QUICK, "inventory"): "the same of {count:,} blobs, of a server that lists at once",
    ("small", "transfer"): "sealed copy of {count:,} objects of 16 KiB",
    ("small", "verify"): "their read-back, against `check --download`",
    ("large", "transfer"): "sealed copy of one object of {mib:,} MiB",
    ("large", "verify"): "its read-back, against `check --download`",
    ("claimed", "transfer"): "sealed copy of {count} x {mib} MiB whose MD5 the source claims",
    ("claimed", "verify"): "their read-back, against `check --download`",
}

BARS: dict[tuple[str, str], tuple[float, float]] = {
    ("listing", "inventory"): (1.2, 1.2),
    (QUICK, "inventory"): (1.2, 1.2),
    ("small", "transfer"): (0.8, 0.7),
    ("small", "verify"): (0.8, 0.7),
    ("large", "transfer"): (1.0, 0.6),
    ("large", "verify"): (1.0, 1.1),
    ("claimed", "transfer"): (1.0, 0.85),
    ("claimed", "verify"): (1.2, 1.5),
}
"""What wall and CPU beyond the fixed cost are to be at most, rclone's being 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One command that was run once."""

    tool: str
    corpus: str
    verb: str
    cost: Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One work, done by both tools: medians."""

    work: tuple[str, str]
    words: str
    ours: Cost
    theirs: Cost
    ours_beyond: Cost
    """Without what the same command costs on five tiny objects."""
    theirs_beyond: Cost
    unit: str
    units: float

    @property
    def wall(self) -> tuple[float, float]:
        """Ours through rclone's: whole, and beyond the fixed cost."""
        return _ratio(self.ours.wall, self.theirs.wall), _ratio(
            self.ours_beyond.wall, self.theirs_beyond.wall
        )

    @property
    def cpu(self) -> tuple[float, float]:
        """The same of the CPU."""
        return _ratio(self.ours.cpu, self.theirs.cpu), _ratio(
            self.ours_beyond.cpu, self.theirs_beyond.cpu
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All that a page is made from."""

    rows: tuple[Row, ...]
    starts: tuple[tuple[str, str, Cost], ...]
    """Tool, verb and cost of a command on five tiny objects."""
    passes: tuple[tuple[str, float], ...]
    """What the digests and the cipher of large objects take alone: in words, seconds a GiB."""
    rounds: int
    machine: tuple[tuple[str, str], ...]

    @classmethod
    def of(
        cls,
        runs: Sequence[Run],
        corpora: Sequence[Corpus],
        *,
        rounds: int,
        thrown: Mapping[str, int],
        target: str | None,
        load: tuple[float, float],
        seconds: float,
    ) -> Figures:
        """Return the figures of some runs; `target` is None for the server of this machine.

        Raises:
            SystemExit: all rounds of one work were thrown away.
        """
        for name, count in thrown.items():
            if count == rounds:
                sys.exit(f"{name}: no round counts, for what the target answered in each of them")
        known = {corpus.name: corpus for corpus in corpora}
        works = dict.fromkeys((run.corpus, run.verb) for run in runs if run.corpus != TINY)
        machine = {
            **_machine(),
            "target": target or "rclone serve s3, on the same machine",
            "rounds that do not count": ", ".join(
                f"{count} of {name}, in which the target answered 5xx for what it holds"
                for name, count in thrown.items()
            )
            or "none",
            "load before and after": f"{load[0]} and {load[1]}",
            "measured": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {rounds} rounds, {seconds:.0f} s",
        }
        return cls(
            rows=tuple(_row(runs, known[work[0]], work) for work in works if work in WORDS),
            starts=tuple(
                (tool, verb, _median(runs, tool, (TINY, verb)))
                for tool, verb in dict.fromkeys(
                    (run.tool, run.verb) for run in runs if run.corpus == TINY
                )
            ),
            passes=Primitives.measured().passes(),
            rounds=rounds,
            machine=tuple(machine.items()),
        )


def _row(runs: Sequence[Run], corpus: Corpus, work: tuple[str, str]) -> Row:
    ours, theirs = (_median(runs, tool, work) for tool in ("hdh-migrate", "rclone"))
    start = (TINY, work[1])
    per_object = corpus.count >= 100
    return Row(
        work=work,
        words=WORDS[work].format(count=corpus.count, mib=corpus.size >> 20),
        ours=ours,
        theirs=theirs,
        ours_beyond=_beyond(ours, _median(runs, "hdh-migrate", start)),
        theirs_beyond=_beyond(theirs, _median(runs, "rclone", start)),
        unit="ms an object" if per_object else "s a GiB",
        units=corpus.count / 1000 if per_object else corpus.total / (1 << 30),
    )


def _median(runs: Iterable[Run], tool: str, work: tuple[str, str]) -> Cost:
    costs = [run.cost for run in runs if run.tool == tool and (run.corpus, run.verb) == work]
    return Cost(
        wall=median(cost.wall for cost in costs),
        cpu=median(cost.cpu for cost in costs),
        peak=max(cost.peak for cost in costs),
    )


def _beyond(whole: Cost, start: Cost) -> Cost:
    return Cost(wall=whole.wall - start.wall, cpu=whole.cpu - start.cpu, peak=whole.peak)


def _ratio(ours: float, theirs: float) -> float:
    return max(0.0, ours) / max(theirs, 0.001)


def _machine() -> dict[str, str]:
    """Return what was measured, with what, and on what."""
    rclone = subprocess.run(
        [str(rclone_program()), "version"], check=True, capture_output=True, text=True
    ).stdout.splitlines()[0]
    azurite = azurite_program().parent
    while not (azurite / "package.json").exists() and azurite != azurite.parent:
        azurite = azurite.parent
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return {
        "hdh-migrate": f"{__version__}, {_commit()}",
        "beside": rclone,
        "Python": platform.python_version(),
        "libcurl": pycurl.version.split(" ")[1],
        "cryptography": cryptography.__version__,
        "source": f"Azurite {_version(azurite / 'package.json')}, on the same machine",
        "processors": f"{len(os.sched_getaffinity(0))} of {_model()}",
        "memory": f"{memory:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
    }


def _commit() -> str:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(Path(__file__).parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    commit = git("rev-parse", "--short", "HEAD") or "no repository"
    changed = git("status", "--porcelain", "--untracked-files=no", "--", "../hdh_migrate")
    return f"{commit}{' with changes' if changed else ''}"


def _version(package: Path) -> str:
    import json

    return str(json.loads(package.read_text()).get("version", "?")) if package.exists() else "?"


def _model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
