"""Builders for evidence tests: small, whole, valid data that a test changes in one place."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from hdh_migrate.evidence.bundle import Bundle, write_bundle
from hdh_migrate.evidence.check import sums_text
from hdh_migrate.evidence.facts import Counts, DatasetFacts, Endpoint, Facts
from hdh_migrate.evidence.signing import Signer, load_signer, new_report_key
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.model import Place

MIB = 1 << 20


def record(key: str = "a.csv", /, **changes: Any) -> dict[str, Any]:
    """One object that was moved and verified at level full."""
    made = {
        "dataset": "pmsi",
        "key": key,
        "size": 1000,
        "source_version": "0x8DC1",
        "source_modified": "2026-03-01T08:00:00Z",
        "source_md5": None,
        "sha256": "11" * 32,
        "bucket": "hds-emc2",
        "target_key": f"{key}.c4gh",
        "stored_size": 1152,
        "stored_sha256": "22" * 32,
        "target_etag": '"etag"',
        "level": "full",
        "verdict": "match",
        "verified_at": "2026-03-02T09:30:00Z",
    }
    return {**made, **changes}


def pending(key: str, **changes: Any) -> dict[str, Any]:
    unknown = ("sha256", "stored_size", "stored_sha256", "target_etag", "level", "verdict")
    return record(key, **{**dict.fromkeys(unknown), "verified_at": None, **changes})


def failed(key: str, **changes: Any) -> dict[str, Any]:
    return record(key, **{"verdict": "mismatch", **changes})


def exclusion(key: str, /, **changes: Any) -> dict[str, Any]:
    made = {
        "dataset": "pmsi",
        "key": key,
        "size": 10,
        "rule": "**/_t/**",
        "reason": "scratch",
        "source_version": "0x8DC0",
    }
    return {**made, **changes}


def finding(code: str = "md5-claim-differs", **changes: Any) -> dict[str, Any]:
    made = {
        "at": "2026-03-02T09:00:00Z",
        "code": code,
        "number": 1,
        "severity": "finding",
        "dataset": "pmsi",
        "key": "a.csv",
        "message": "the source's MD5 is not that of its bytes",
        "step": "transfer",
    }
    return {**made, **changes}


def dataset(objects: int, size: int | None = None, **changes: Any) -> DatasetFacts:
    made = DatasetFacts(
        name="pmsi",
        batch="pilot",
        source=Place(bucket="emc2", prefix="pmsi/"),
        target=Place(bucket="hds-emc2", prefix="pmsi/"),
        inventoried=Counts(objects, objects * 1000 if size is None else size),
    )
    return replace(made, **changes)


SOURCE = Endpoint(
    side="source",
    kind="azure-blob",
    url="https://hdhprod.blob.core.windows.net",
    bytes_read=3_400 * MIB,
)
TARGET = Endpoint(
    side="target",
    kind="scaleway",
    url="https://s3.fr-par.scw.cloud",
    region="fr-par",
    bytes_read=3_402 * MIB,
    bytes_written=3_402 * MIB,
)


def facts(*datasets: DatasetFacts, **changes: Any) -> Facts:
    plan = {
        "version": 1,
        "migration": "emc2-exit",
        "datasets": [
            {
                "name": one.name,
                "target": {
                    "bucket": one.target.bucket,
                    "prefix": one.target.prefix,
                    "legal_hold": False,
                },
            }
            for one in datasets
        ],
        "batches": [{"name": one.batch, "datasets": [one.name]} for one in datasets],
    }
    made = Facts(
        migration="emc2-exit",
        plan=plan,
        plan_digest=sha256_hex(canonical_json(plan)),
        tool_version="0.1.0",
        code_sha256="77" * 32,
        written_at="2026-03-02T10:15:30Z",
        started_at="2026-03-01T22:00:00Z",
        ended_at="2026-03-02T10:15:00Z",
        endpoints=(SOURCE, TARGET),
        datasets=datasets,
        verify_level="full",
        seal="crypt4gh",
        recipients=("33" * 32, "44" * 32),
    )
    return replace(made, **changes)


def replanned(about: Facts, **changes: Any) -> Facts:
    """Return the facts of another plan: with these fields in place."""
    plan = {**about.plan, **changes}
    digest = sha256_hex(canonical_json(plan))
    return replace(about, plan=plan, plan_digest=digest, migration=plan["migration"])


def signer(folder: Path, name: str = "report") -> Signer:
    private, _ = new_report_key(folder, name, None)
    return load_signer(private, None)


def bundle(
    out: Path,
    records: Iterable[Mapping[str, Any]],
    *,
    about: Facts,
    signer: Signer | None = None,
    findings: Iterable[Mapping[str, Any]] = (),
    exclusions: Iterable[Mapping[str, Any]] = (),
    languages: Iterable[str] = (),
) -> Bundle:
    return write_bundle(
        out,
        records=records,
        facts=about,
        findings=findings,
        exclusions=exclusions,
        journal=journal(),
        signer=signer,
        languages=tuple(languages),
    )


def journal() -> Iterator[tuple[int, str, str, str, bytes]]:
    """Give a journal of three events, chained as the ledger chains them."""
    head = bytes(32)
    for seq, kind in enumerate(("run-started", "inventoried", "run-ended"), start=1):
        at, body = f"2026-03-01T22:00:0{seq}.000Z", canonical_json({"n": seq}).decode()
        head = sha256(head + canonical_json([seq, at, kind, body])).digest()
        yield seq, at, kind, body, head


def reseal_sums(folder: Path) -> None:
    """Write SHA256SUMS anew, as someone would who changed a file on purpose."""
    digests = {
        file.name: sha256_hex(file.read_bytes())
        for file in folder.iterdir()
        if file.name != "SHA256SUMS"
    }
    (folder / "SHA256SUMS").write_bytes(sums_text(digests))


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]
