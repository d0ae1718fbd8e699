"""Time and memory of the evidence for many objects: write a bundle, check it, prove one object.

    python -m bench.evidence [--objects 1000000] [--findings 1000000]

Each figure comes from a process of its own; memory is its peak resident set. The records are made
up on the way, so that the figure is the evidence's own and not the ledger's.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import cast

from hdh_migrate.evidence.bundle import write_bundle
from hdh_migrate.evidence.check import check_bundle
from hdh_migrate.evidence.lines.facts import Facts, Loss, ObjectCounts, StepPace
from hdh_migrate.evidence.signatures.signing import load_signer, load_trusted_key, new_report_key
from hdh_migrate.evidence.verifier.accounts import OPENED
from hdh_migrate.evidence.verifier.members import FindingRecord, ManifestRecord
from hdh_migrate.fixity import MerkleTree
from tests.unit.evidence import builders

SIZE = 123_456
AT = "2026-03-02T09:30:00Z"
IDS = 1_000
"""Objects of one event, about what a quick run commits at once."""


def key_of(number: int) -> str:
    return f"pmsi/2024/{number:09}.parquet"


def records(count: int) -> Iterator[ManifestRecord]:
    for number in range(count):
        key = key_of(number)
        digest = sha256(key.encode()).hexdigest()
        made = builders.record(
            key, size=SIZE, sha256=digest, stored_sha256=digest[::-1], target_etag=digest[:32],
        )  # fmt: skip
        yield cast("ManifestRecord", made)


def findings(count: int) -> Iterator[FindingRecord]:
    """Give one about each of so many objects."""
    for number in range(count):
        made = builders.finding(
            "target-beside", key=key_of(number), number=number + 1, at=AT,
            message="another object stands beside it", step="verify",
        )  # fmt: skip
        yield cast("FindingRecord", made)


def facts(count: int) -> Facts:
    paces = tuple(
        StepPace(
            step=step, started=AT, ended=AT, seconds=1.0, bins=(ObjectCounts(count, count * SIZE),)
        )
        for step in ("transfer", "verify")
    )
    loss = Loss(dataset="pmsi", what="modified", objects=count, kept="manifest")
    return builders.facts(
        builders.dataset(count, count * SIZE),
        sha256_in_transfer=count, paces=paces, losses=(loss,),
    )  # fmt: skip


def opened(count: int) -> Iterator[builders.Told]:
    """Give the events that open these findings."""
    open_ones = findings(count)
    while some := list(islice(open_ones, IDS)):
        told = [
            {name: value for name, value in one.items() if name in OPENED}
            | {"object": one["number"]}
            for one in some
        ]
        yield AT, "findings", {"opened": told}


def journal(about: Facts, count: int, found: int) -> Iterator[builders.Event]:
    """Give what the journal of such a run tells, in events as a ledger writes them."""
    root, nothing = MerkleTree(), MerkleTree()
    for line in records(count):
        root.append(builders.leaf_of(line))
    excluded = {"objects": 0, "bytes": 0, "root": nothing.root()}
    seen = {"dataset": "pmsi", "objects": count, "bytes": count * SIZE, "root": root.root()}

    def told() -> Iterator[builders.Told]:
        end = about.ended_at or AT
        assert about.started_at is not None
        yield about.started_at, "run-started", {"plan_digest": about.plan_digest}
        yield about.started_at, "inventoried", {**seen, "excluded": excluded}
        for kind in ("sent", "verified"):
            for first in range(1, count + 1, IDS):
                ids = list(range(first, min(first + IDS, count + 1)))
                more = {"datasets": {"pmsi": len(ids)}} if kind == "verified" else {}
                yield AT, kind, {"ids": ids, "rows_sha256": "00" * 32, **more}
        yield from opened(found)
        traffic = [
            {
                "side": one.side, "endpoint": one.url, "addresses": list(one.addresses),
                "bytes_read": one.bytes_read, "bytes_written": one.bytes_written,
                "requests": one.requests,
            }
            for one in about.endpoints
        ]  # fmt: skip
        yield end, "run-ended", {"traffic": traffic}

    return builders.chained(told())


def write(folder: Path, count: int, found: int) -> None:
    private, _ = new_report_key(folder, "report", None)
    about = facts(count)
    write_bundle(
        folder / "bundle", records=records(count), facts=about, findings=findings(found),
        exclusions=(), journal=journal(about, count, found), signer=load_signer(private, None),
        languages=("fr", "en"),
    )  # fmt: skip


def check(folder: Path, count: int, found: int) -> None:
    del count, found
    problems = check_bundle(folder / "bundle", [load_trusted_key(folder / "report.pub")])
    assert problems == [], problems


def prove(folder: Path, count: int, found: int) -> None:
    del found
    from hdh_migrate.evidence.exports.proving import proof_in

    proof_in(folder / "bundle", key_of(count // 2), None)


STEPS = {"write": write, "check": check, "prove": prove}


def measured(step: str, folder: Path, count: int, found: int) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.evidence", "--step", step, "--folder", str(folder)]
    began = time.perf_counter()
    done = subprocess.run(
        [*command, "--objects", str(count), "--findings", str(found)],
        check=True,
        capture_output=True,
        text=True,
    )
    return {"seconds": round(time.perf_counter() - began, 1), **json.loads(done.stdout)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--findings", type=int, default=0, help="open ones, each of an object")
    parser.add_argument("--step", choices=STEPS)
    parser.add_argument("--folder", type=Path)
    wanted = parser.parse_args()
    if wanted.step:
        STEPS[wanted.step](wanted.folder, wanted.objects, wanted.findings)
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu, peak = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
        print(json.dumps({"cpu_seconds": round(cpu, 1), "peak_mib": round(peak)}))
        return
    with tempfile.TemporaryDirectory() as scratch:
        for step in STEPS:
            told = measured(step, Path(scratch), wanted.objects, wanted.findings)
            each = told["cpu_seconds"] / wanted.objects * 1e6
            print(
                f"{step:6} {wanted.objects} objects: {told['seconds']:.1f} s, CPU"
                f" {told['cpu_seconds']:.1f} s ({each:.1f} µs each),"
                f" peak {told['peak_mib']:.0f} MiB"
            )


if __name__ == "__main__":
    main()
