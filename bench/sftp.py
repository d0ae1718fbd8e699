"""Reading over SFTP beside OpenSSH's own client, from one sshd of this machine.

`python -m bench.sftp [--size MiB] [--sessions N,N]`. The same file is read in turn by `sftp`
(to /dev/null) and by the source, so that each ratio comes from one run under the same load. For
more sessions, each in a process of its own, every process reads the whole file, and so do as many
`sftp`. One JSON line for each case: MB/s of both, their ratio, and the CPU seconds per GiB.

`python -m bench.sftp --cuts 10 --size 2048` reads the file once instead, part by part, while its
session is cut so many times, and compares the SHA-256 of what came with the file's.
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
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from hdh_migrate.errors import Transient
from hdh_migrate.model import MIB, ObjectInfo, Place, Span
from hdh_migrate.ports.stores import Source
from tests.support.sftp import Cutter, section_of, sftp_source
from tests.support.ssh import SshServer, openssh

ROUNDS = 3
PART = 64 * MIB
"""Bytes that are read at a time while sessions are cut, as a part of an upload is."""


def main() -> None:
    """Measure and print one JSON line for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256, help="MiB of the file")
    parser.add_argument("--sessions", default="1,2,4", help="how many at once, case by case")
    parser.add_argument("--cuts", type=int, default=0, help="cut the session so many times")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hdh-sftp-") as name:
        folder = Path(name)
        (folder / "data").mkdir()
        digest = sha256()
        with (folder / "data" / "volume").open("wb") as file:
            for _ in range(wanted.size):
                piece = os.urandom(MIB)
                digest.update(piece)
                file.write(piece)
        with openssh(folder, folder / "log") as server:
            (folder / "known_hosts").write_text(server.known_hosts)
            if wanted.cuts:
                told = cut(server, folder, wanted.cuts, wanted.size * MIB, digest.hexdigest())
                sys.stdout.write(json.dumps(told) + "\n")
                raise SystemExit(0 if told["intact"] and not told["cuts_left"] else 1)
            for count in map(int, wanted.sessions.split(",")):
                told = measured(server, folder, wanted.size * MIB, count)
                sys.stdout.write(json.dumps(told) + "\n")
                sys.stdout.flush()


def cut(server: SshServer, folder: Path, cuts: int, size: int, sha256_of_it: str) -> dict[str, Any]:
    """Read the file through something that cuts one connection after another."""
    each = size // (cuts + 1)
    # Somewhere inside a part, each time somewhere else.
    cutter = Cutter(server, [max(MIB, each // 2 + number * 9_999) for number in range(cuts)])
    found, spent = sha256(), time.process_time()
    source = sftp_source(server, section_of(cutter.server)).source
    place = Place(bucket=str(folder / "data"))
    try:
        (obj,) = next(iter(source.pages(place))).objects

        def read() -> None:
            for start in range(0, obj.size, PART):
                found.update(_part(source, place, obj, start, cuts))

        seconds = _timed(read)
    finally:
        cutter.close()
    return {
        "bytes": obj.size,
        "cuts": cuts,
        "cuts_left": len(cutter.left),
        "intact": found.hexdigest() == sha256_of_it,
        "mb_per_second": round(obj.size / seconds / 1e6, 1),
        "cpu_seconds": round(time.process_time() - spent, 1),
    }


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


def _part(source: Source, place: Place, obj: ObjectInfo, start: int, tries: int) -> bytes:
    """Read one part; begin it anew where a session brought nothing, as a run does."""
    for left in range(tries, -1, -1):
        piece = bytearray()
        try:
            source.read(place, obj, Span(start, min(PART, obj.size - start)), piece.extend)
        except Transient:
            if not left:
                raise
        else:
            break
    return bytes(piece)


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
