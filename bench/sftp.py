"""Reading over SFTP beside OpenSSH's own client, from one sshd of this machine.

`python -m bench.sftp [--size MiB] [--sessions N,N]`. The same file is read in turn by `sftp`
(to /dev/null) and by the source, so that each ratio comes from one run under the same load. For
more sessions, each in a process of its own, every process reads the whole file, and so do as many
`sftp`. One JSON line for each case: MB/s of both, their ratio, and the CPU seconds per GiB.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from hdh_migrate.model import MIB, Place, Span
from tests.support.sftp import section_of, sftp_source
from tests.support.ssh import SshServer, openssh

ROUNDS = 3


def main() -> None:
    """Measure and print one JSON line for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256, help="MiB of the file")
    parser.add_argument("--sessions", default="1,2,4", help="how many at once, case by case")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hdh-sftp-") as name:
        folder = Path(name)
        (folder / "data").mkdir()
        with (folder / "data" / "volume").open("wb") as file:
            for _ in range(wanted.size):
                file.write(os.urandom(MIB))
        with openssh(folder, folder / "log") as server:
            (folder / "known_hosts").write_text(server.known_hosts)
            for count in map(int, wanted.sessions.split(",")):
                told = measured(server, folder, wanted.size * MIB, count)
                sys.stdout.write(json.dumps(told) + "\n")
                sys.stdout.flush()


def measured(server: SshServer, folder: Path, size: int, count: int) -> dict[str, Any]:
    """Return the speeds of so many sessions of each, the best of some rounds in turn."""
    ours, theirs, cpu = 0.0, 0.0, 0.0
    for _ in range(ROUNDS):
        theirs = max(theirs, size * count / _timed(lambda: _openssh(server, folder, count)))
        with get_context("spawn").Pool(count) as pool:
            spent = pool.starmap(_read, [(server, str(folder / "data"))] * count)
            cpu = sum(one[1] for one in spent)
            # What it takes to start an interpreter is not what is measured.
            ours = max(ours, size * count / max(one[0] for one in spent))
    return {
        "sessions": count,
        "mb_per_second": round(ours / 1e6, 1),
        "openssh_mb_per_second": round(theirs / 1e6, 1),
        "ratio": round(ours / theirs, 2),
        "cpu_seconds_per_gib": round(cpu / (size * count / (1 << 30)), 2),
    }


def _timed(what: Callable[[], object]) -> float:
    begun = time.perf_counter()
    what()
    return time.perf_counter() - begun


def _read(server: SshServer, folder: str) -> tuple[float, float]:
    """Read the file once; return the seconds that it took, and those of the processor."""
    source = sftp_source(server, section_of(server)).source
    place = Place(bucket=folder)
    (obj,) = next(iter(source.pages(place))).objects
    spent = time.process_time()
    seconds = _timed(lambda: source.read(place, obj, Span(0, obj.size), len))
    return seconds, time.process_time() - spent


def _openssh(server: SshServer, folder: Path, count: int) -> None:
    command = [
        *("sftp", "-q", "-P", str(server.port), "-i", str(server.login.path)),
        *("-o", f"UserKnownHostsFile={folder / 'known_hosts'}", "-o", "IdentitiesOnly=yes"),
        *("-o", "Ciphers=aes128-gcm@openssh.com"),
        *(f"{server.user}@{server.host}:{folder / 'data' / 'volume'}", "/dev/null"),
    ]
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(count)]
    if any(one.wait() for one in running):
        raise SystemExit("OpenSSH's sftp failed")


if __name__ == "__main__":
    main()
