"""How many small sealed objects a second this tool can send into a target that swallows them.

`python -m bench.rate [--objects N] [--page docs/performance.md]`. Files of 16 KiB of a folder; the
target takes everything and keeps nothing (`bench.swallow`), in a process of its own that shares the
processors. Told is what passes on this machine as it is, and what would if the tool had its
processors alone: processors through the CPU seconds that an object takes, of the coordinator and of
its workers, beyond what a run of a few objects takes.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.curve import placed
from bench.measure import compiled, load
from bench.memory import Case, plan_of, swallowing, tree
from hdh_migrate.engines import boot
from hdh_migrate.sealing.keys import new_pair

SIZE: Final = 16_384
FEW: Final = 200
"""Objects of the run whose cost is that of any run."""

WANTED: Final = 2_600
"""Objects a second that two processors are to send."""

SAMPLE_SECONDS: Final = 0.05
TICKS: Final = os.sysconf("SC_CLK_TCK")
BEGIN: Final = "<!-- begin: written by `python -m bench.rate` -->\n"
END: Final = "<!-- end: rate -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What one run took."""

    objects: int
    seconds: float
    coordinator: float
    """CPU seconds, as are those of its workers, all together."""
    workers: float


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=20_000, help="of 16 KiB")
    parser.add_argument("--page", type=Path, help="the page whose section is written anew")
    wanted = parser.parse_args()
    compiled()
    few, many = (measured(count) for count in (FEW, wanted.objects))
    text = section(few, many)
    sys.stdout.write(text)
    if wanted.page:
        page = wanted.page.read_text(encoding="utf-8")
        wanted.page.write_text(placed(page, text, BEGIN, END), encoding="utf-8")


def measured(count: int) -> Rate:
    """Send so many files."""
    with tempfile.TemporaryDirectory(prefix="hdh-rate-") as name, swallowing() as url:
        folder = Path(name)
        (folder / "keys").mkdir()
        for key in ("steward", "escrow"):
            new_pair(folder / "keys", key, passphrase=None)
        (folder / "small").mkdir()
        for number in range(count):
            (folder / "small" / f"{number:07}.dcm").write_bytes(number.to_bytes(8, "big") * 2048)
        case = Case("small objects", "small", "{kind: folder}", "path: small")
        plan = plan_of(folder, case, url)
        environ = os.environ | {"BENCH_ID": "id", "BENCH_SECRET": "secret"}
        _watched(_command("inventory", plan), environ, count)
        return _watched(_command("transfer", plan), environ, count)


def _command(verb: str, plan: Path) -> list[str]:
    return [sys.executable, "-m", "hdh_migrate", verb, str(plan), "--no-progress"]


def _watched(command: list[str], environ: dict[str, str], count: int) -> Rate:
    used = Counter[int]()
    workers, began = set[int](), time.monotonic()
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE) as run:
        while run.poll() is None:
            for pid in tree(run.pid):
                used[pid] = max(used[pid], _ticks(pid))
                if pid not in workers and _works(pid):
                    workers.add(pid)
            time.sleep(SAMPLE_SECONDS)
        seconds = time.monotonic() - began
        said = b"" if run.stderr is None else run.stderr.read()
    if run.returncode:
        sys.exit(f"{command[3]}: exit {run.returncode}\n{said.decode()[-2000:]}")
    ours = sum(ticks for pid, ticks in used.items() if pid not in workers)
    theirs = sum(used[pid] for pid in workers)
    return Rate(objects=count, seconds=seconds, coordinator=ours / TICKS, workers=theirs / TICKS)


def _ticks(pid: int) -> int:
    """Return what a process has used of the processors so far."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    user, system = stat.rpartition(")")[2].split()[11:13]
    return int(user) + int(system)


def _works(pid: int) -> bool:
    try:
        return boot.__file__.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def section(few: Rate, many: Rate) -> str:
    """Return the section of the page."""
    return "".join(f"{line}\n" for line in _lines(few, many))


def _lines(few: Rate, many: Rate) -> Iterator[str]:
    objects = many.objects - few.objects
    spent = {
        "coordinator": (many.coordinator - few.coordinator) / objects,
        "workers": (many.workers - few.workers) / objects,
    }
    cpus = os.cpu_count() or 1
    alone = cpus / sum(spent.values())
    passed = objects / (many.seconds - few.seconds)
    yield "## Small objects a second"
    yield ""
    machine = f"{cpus} processors (load {load()}), Linux {platform.release()}"
    yield f"`python -m bench.rate --objects {many.objects}`: files of 16 KiB, sealed, into a target"
    yield f"that keeps nothing; {machine}, Python {platform.python_version()}."
    yield "The target shares the processors."
    yield ""
    yield "| | |"
    yield "| --- | ---: |"
    yield f"| passed, the target's part included | {passed:,.0f} objects a second |"
    for who, seconds in spent.items():
        yield f"| CPU of the {who} | {seconds * 1e6:,.0f} µs an object |"
    yield f"| with {cpus} processors for the tool alone | {alone:,.0f} objects a second |"
    yield f"| wanted of two processors | {WANTED:,} objects a second |"


if __name__ == "__main__":
    main()
