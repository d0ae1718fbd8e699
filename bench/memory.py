"""Peak memory of a transfer's whole process tree, with a plan's default settings.

`python -m bench.memory [--seconds N] [--big GiB] [--small N]`. One sparse object of 200 GiB for
each provider whose part plan differs, then many small objects; the target takes everything and
keeps nothing (bench.swallow). Resident memory (Pss of smaps_rollup: shared pages are counted in
proportion) is read four times a second; the largest sum is printed, with its share of each process.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hdh_migrate.sealing.keys import new_pair

GIB = 1 << 30
MIB = 1 << 20
PROVIDERS = {"generic": None, "scaleway": "fr-par"}


def main() -> None:
    """Measure and print one JSON line for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=25, help="longest time for each case")
    parser.add_argument("--big", type=int, default=200, help="GiB of the large object")
    parser.add_argument("--small", type=int, default=20_000, help="objects of 16 KiB")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hdh-memory-") as name, swallowing() as url:
        folder = Path(name)
        (folder / "keys").mkdir()
        for key in ("steward", "escrow"):
            new_pair(folder / "keys", key, passphrase=None)
        big, small = folder / "big", folder / "small"
        big.mkdir()
        small.mkdir()
        with (big / "volume.raw").open("wb") as file:
            file.truncate(wanted.big * GIB)
        for number in range(wanted.small):
            (small / f"{number:06}.dcm").write_bytes(number.to_bytes(8, "big") * 2048)
        for case, data, provider in (
            *((f"{wanted.big} GiB, {name}", "big", name) for name in PROVIDERS),
            (f"{wanted.small} objects of 16 KiB", "small", "generic"),
        ):
            peak = peak_of(folder, data, provider, url, wanted.seconds)
            told = {"case": case, "peak_mib": sum(peak), "processes_mib": peak}
            sys.stdout.write(json.dumps(told) + "\n")


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


def plan_of(folder: Path, data: str, provider: str, url: str) -> Path:
    """Write a plan that moves a folder of files to an endpoint that swallows them."""
    plan = folder / f"{data}-{provider}.yaml"
    region = PROVIDERS[provider]
    plan.write_text(
        f"""version: 1
migration: memory-{data}-{provider}
source: {{kind: folder}}
target:
  provider: {provider}
  endpoint: {url}
  {f"region: {region}" if region else ""}
  credential: {{kind: access-key, id: "env:BENCH_ID", secret: "env:BENCH_SECRET"}}
seal:
  format: crypt4gh
  recipients: [keys/steward.pub, keys/escrow.pub]
  identity: "file:keys/steward.sec"
datasets:
  - name: {data}
    source: {{path: {data}}}
    target: {{bucket: memory, prefix: {data}/}}
"""
    )
    return plan


def peak_of(folder: Path, data: str, provider: str, url: str, seconds: float) -> list[int]:
    """Return each process's resident MiB when their sum was largest; ends after `seconds`."""
    plan = plan_of(folder, data, provider, url)
    command = [
        sys.executable, "-m", "hdh_migrate", "run", str(plan), "--until", "transfer",
        "--no-progress",
    ]  # fmt: skip
    environ = os.environ | {"BENCH_ID": "id", "BENCH_SECRET": "secret"}
    peak, until = list[int](), time.monotonic() + seconds
    with subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL) as run:
        while run.poll() is None and time.monotonic() < until:
            peak = max(peak, [resident(pid) // MIB for pid in tree(run.pid)], key=sum)
            time.sleep(0.25)
        if run.poll() is None:
            run.send_signal(signal.SIGINT)
        elif run.returncode:
            sys.exit(f"{data}, {provider}: the run ended with {run.returncode}")
    return peak


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


if __name__ == "__main__":
    main()
