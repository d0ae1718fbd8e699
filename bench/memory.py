"""Peak memory of a run's whole process tree, with a plan's default settings.

`python -m bench.memory [--seconds N] [--big GiB] [--back GiB] [--small N] [--listed N] [--page P]`.

One sparse object of 200 GiB for each provider whose part plan differs, then many small objects; the
target takes everything and keeps nothing (bench.swallow). Another one is copied and read back to
its end, as zeros, which stand there unsealed. Then a listing of a million blobs
(bench.quick_azure). Resident memory (Pss of smaps_rollup: shared pages are counted in proportion)
is read four times a second; the largest sum is printed, with its share of each process.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import quick_azure
from bench.curve import placed
from hdh_migrate.sealing.keys import new_pair

GIB: Final = 1 << 30
MIB: Final = 1 << 20
PROVIDERS: Final = {"generic": None, "scaleway": "fr-par"}
MOST: Final = 512
"""MiB that no case is to take (issue 14)."""

BEGIN: Final = "<!-- begin: written by `python -m bench.memory` -->\n"
END: Final = "<!-- end: memory -->"


@dataclass(frozen=True)
class Case:
    """One thing to do, and what a plan says of it."""

    title: str
    name: str
    source: str
    place: str
    """Where the dataset lies at the source."""
    provider: str = "generic"
    until: str = "transfer"
    seal: str = (
        "{format: crypt4gh, recipients: [keys/steward.pub, keys/escrow.pub],"
        ' identity: "file:keys/steward.sec"}'
    )


@dataclass(frozen=True)
class Peak:
    """What a case took at the most."""

    title: str
    processes: Sequence[int]
    """MiB of each process when their sum was largest."""

    @property
    def mib(self) -> int:
        """All of them."""
        return sum(self.processes)


def main() -> None:
    """Measure, print one JSON line for each case, and write the page's section if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=25, help="longest time of a large object")
    parser.add_argument("--big", type=int, default=200, help="GiB of the large object")
    parser.add_argument("--back", type=int, default=24, help="GiB of the object that is read back")
    parser.add_argument("--small", type=int, default=100_000, help="objects of 16 KiB")
    parser.add_argument("--listed", type=int, default=1_000_000, help="blobs of the listing")
    parser.add_argument("--page", type=Path, help="the page whose section is written anew")
    wanted = parser.parse_args()
    peaks = list[Peak]()
    for peak in measured(wanted.big, wanted.back, wanted.small, wanted.listed, wanted.seconds):
        peaks.append(peak)
        line = {"case": peak.title, "peak_mib": peak.mib, "processes_mib": [*peak.processes]}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
    if wanted.page is not None:
        text = wanted.page.read_text()
        wanted.page.write_text(placed(text, section(peaks), begin=BEGIN, end=END))


def measured(big: int, back: int, small: int, listed: int, seconds: float) -> Iterator[Peak]:
    """Yield each case's peak; a run of a large object ends after `seconds`."""
    with tempfile.TemporaryDirectory(prefix="hdh-memory-") as made, swallowing() as url:
        folder = Path(made)
        (folder / "keys").mkdir()
        for key in ("steward", "escrow"):
            new_pair(folder / "keys", key, passphrase=None)
        (folder / "big").mkdir()
        (folder / "small").mkdir()
        (folder / "back").mkdir()
        for name, size in (("big", big), ("back", back)):
            with (folder / name / "volume.raw").open("wb") as file:
                file.truncate(size * GIB)
        for number in range(small):
            content = number.to_bytes(8, "big") * 2048
            (folder / "small" / f"{number:06}.dcm").write_bytes(content)
        for provider in PROVIDERS:
            title = f"one object of {big} GiB, as {provider} has its parts"
            case = Case(title, f"big-{provider}", "{kind: folder}", "path: big", provider)
            yield peak_of(folder, case, url, seconds=seconds)
        case = Case(
            f"one object of {back} GiB, copied and read back", "back", "{kind: folder}",
            "path: back", until="verify", seal="{format: none, reason: its zeros are given back}",
        )  # fmt: skip
        yield peak_of(folder, case, url)
        case = Case(f"{small:,} objects of 16 KiB", "small", "{kind: folder}", "path: small")
        yield peak_of(folder, case, url)
        with quick_azure.serving(listed) as blobs:
            source = (
                f'{{kind: azure-blob, account_url: "{blobs.url}",'
                ' credential: {kind: shared-key, value: "env:BENCH_KEY"}}'
            )
            case = Case(
                f"an inventory of {listed:,} blobs", "listed", source, "container: quick",
                until="inventory",
            )  # fmt: skip
            yield peak_of(folder, case, url, environ={"BENCH_KEY": blobs.key})


@contextmanager
def swallowing() -> Iterator[str]:
    """Run the target in a process of its own."""
    command = [sys.executable, "-m", "bench.swallow"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.kill()


def plan_of(folder: Path, case: Case, url: str) -> Path:
    """Write a plan that moves a case's dataset to an endpoint that swallows it."""
    plan = folder / f"{case.name}.yaml"
    region = PROVIDERS[case.provider]
    plan.write_text(
        f"""version: 1
migration: memory-{case.name}
source: {case.source}
target:
  provider: {case.provider}
  endpoint: {url}
  {f"region: {region}" if region else ""}
  credential: {{kind: access-key, id: "env:BENCH_ID", secret: "env:BENCH_SECRET"}}
seal: {case.seal}
datasets:
  - name: {case.name}
    source: {{{case.place}}}
    target: {{bucket: memory, prefix: {case.name}/}}
"""
    )
    return plan


def peak_of(
    folder: Path,
    case: Case,
    url: str,
    *,
    seconds: float | None = None,
    environ: Mapping[str, str] | None = None,
) -> Peak:
    """Return what each process held when all of them held most; stops it after `seconds`."""
    command = [
        sys.executable, "-m", "hdh_migrate", "run", str(plan_of(folder, case, url)),
        "--until", case.until, "--no-progress",
    ]  # fmt: skip
    environ = {**os.environ, "BENCH_ID": "id", "BENCH_SECRET": "secret", **(environ or {})}
    peak, began = list[int](), time.monotonic()
    with subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL) as run:
        while run.poll() is None and (seconds is None or time.monotonic() - began < seconds):
            peak = max(peak, [resident(pid) // MIB for pid in tree(run.pid)], key=sum)
            time.sleep(0.25)
        if run.poll() is None:
            run.send_signal(signal.SIGINT)
        elif run.returncode:
            sys.exit(f"{case.title}: the run ended with {run.returncode}")
    return Peak(case.title, peak)


def tree(pid: int) -> Iterator[int]:
    """Yield a process and all its descendants."""
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from tree(int(child))


def resident(pid: int) -> int:
    """Return a process's resident bytes, pages that it shares counted in proportion."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def section(peaks: Sequence[Peak]) -> str:
    """Return the page's section."""
    rows = [f"| {one.title} | {one.mib} | {', '.join(map(str, one.processes))} |" for one in peaks]
    return f"""## Memory

`python -m bench.memory`, with a plan's default settings; Linux {platform.release()}, Python
{platform.python_version()}. MiB that the operating system counts for the command and its workers,
shared pages in proportion, when all of them together had most. Wanted: {MOST} at the most.

| | all | each process |
| --- | ---: | --- |
{chr(10).join(rows)}"""


if __name__ == "__main__":
    main()
