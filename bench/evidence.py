"""Time and memory of the evidence for many objects: write a bundle, check it, prove one object.

    python -m bench.evidence [--objects 1000000]

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
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from hdh_migrate.evidence.bundle import write_bundle
from hdh_migrate.evidence.check import check_bundle
from hdh_migrate.evidence.facts import Counts, DatasetFacts, Endpoint, Facts
from hdh_migrate.evidence.signing import load_signer, load_verifier, new_report_key
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.model import Place

SIZE = 123_456


def records(count: int) -> Iterator[Mapping[str, Any]]:
    for number in range(count):
        key = f"pmsi/2024/{number:09}.parquet"
        digest = sha256(key.encode()).hexdigest()
        yield {
            "dataset": "pmsi", "key": key, "size": SIZE, "source_version": "0x8DC1F2A3B4C5D6E",
            "source_modified": "2026-03-01T08:00:00Z", "source_md5": None, "sha256": digest,
            "bucket": "hds-emc2", "target_key": f"{key}.c4gh", "stored_size": SIZE + 180,
            "stored_sha256": digest[::-1], "target_etag": digest[:32], "level": "full",
            "verdict": "match", "verified_at": "2026-03-02T09:30:00.123Z",
        }  # fmt: skip


def facts(count: int) -> Facts:
    plan = {
        "migration": "bench",
        "datasets": [{"name": "pmsi", "target": {"bucket": "hds-emc2", "prefix": "pmsi/"}}],
        "batches": [{"name": "all", "datasets": ["pmsi"]}],
    }
    place = Place(bucket="hds-emc2", prefix="pmsi/")
    return Facts(
        migration="bench", plan=plan, plan_digest=sha256_hex(canonical_json(plan)),
        tool_version="0", code_sha256="00" * 32, written_at="2026-03-02T10:00:00Z",
        endpoints=(Endpoint(side="target", kind="generic", url="http://127.0.0.1:1"),),
        datasets=(
            DatasetFacts(
                name="pmsi", batch="all", source=place, target=place,
                inventoried=Counts(count, count * SIZE),
            ),
        ),
        verify_level="full", seal="crypt4gh", sha256_in_transfer=count,
    )  # fmt: skip


def write(folder: Path, count: int) -> None:
    private, _ = new_report_key(folder, "report", None)
    write_bundle(
        folder / "bundle", records=records(count), facts=facts(count), findings=(), exclusions=(),
        journal=(), signer=load_signer(private, None), languages=("fr", "en"), checked=False,
    )  # fmt: skip


def check(folder: Path, count: int) -> None:
    del count
    problems = check_bundle(folder / "bundle", [load_verifier(folder / "report.pub")])
    assert problems == [], problems


def prove(folder: Path, count: int) -> None:
    from hdh_migrate.cli.auditing import _proof

    _proof(folder / "bundle", f"pmsi/2024/{count // 2:09}.parquet", None)


STEPS = {"write": write, "check": check, "prove": prove}


def measured(step: str, folder: Path, count: int) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.evidence", "--step", step, "--folder", str(folder)]
    began = time.perf_counter()
    done = subprocess.run(
        [*command, "--objects", str(count)], check=True, capture_output=True, text=True
    )
    return {"seconds": round(time.perf_counter() - began, 1), **json.loads(done.stdout)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--step", choices=STEPS)
    parser.add_argument("--folder", type=Path)
    wanted = parser.parse_args()
    if wanted.step:
        STEPS[wanted.step](wanted.folder, wanted.objects)
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu, peak = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
        print(json.dumps({"cpu_seconds": round(cpu, 1), "peak_mib": round(peak)}))
        return
    with tempfile.TemporaryDirectory() as scratch:
        for step in STEPS:
            told = measured(step, Path(scratch), wanted.objects)
            each = told["cpu_seconds"] / wanted.objects * 1e6
            print(
                f"{step:6} {wanted.objects} objects: {told['seconds']:.1f} s, CPU"
                f" {told['cpu_seconds']:.1f} s ({each:.1f} µs each),"
                f" peak {told['peak_mib']:.0f} MiB"
            )


if __name__ == "__main__":
    main()
