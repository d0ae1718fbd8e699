"""Azure Blob Inventory reports as the service documents them, in CSV and real Parquet."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

FIELDS = (
    "Name", "Last-Modified", "Content-Length", "Content-MD5", "Etag", "BlobType", "AccessTier",
    "Tags", "hdi_isfolder", "Snapshot", "VersionId", "IsCurrentVersion", "Deleted",
)  # fmt: skip


def row(container: str, key: str, size: int, **more: Any) -> dict[str, Any]:
    return {
        "Name": f"{container}/{key}", "Content-Length": size, "BlobType": "BlockBlob",
        "AccessTier": "Hot", **{name.replace("_", "-"): value for name, value in more.items()},
    }  # fmt: skip


def write(
    folder: Path, endpoint: str, rows: Sequence[Mapping[str, Any]], *, form: str = "csv",
    files: int = 1, fields: Sequence[str] = FIELDS, begun: str = "2026-11-25T09:00:00Z",
    **manifest: Any,
) -> Path:  # fmt: skip
    """Write a report of one run of a rule called `emc2`; `manifest` changes what it says."""
    folder.mkdir(parents=True, exist_ok=True)
    named = []
    for number in range(files):
        path = folder / f"emc2_{number}.{form}"
        part = [{name: one.get(name) for name in fields} for one in rows[number::files]]
        if form == "csv":
            _csv(path, part, fields)
        else:
            _parquet(path, part, fields)
        blob = f"2026/11/25/09-00-00/emc2/{path.name}"
        named.append({"blob": blob, "size": path.stat().st_size})
    told = {
        "destinationContainer": "reports",
        "endpoint": endpoint,
        "files": named,
        "inventoryStartTime": begun,
        "inventoryCompletionTime": begun,
        "ruleDefinition": {
            "filters": {
                "blobTypes": ["blockBlob", "appendBlob", "pageBlob"],
                "prefixMatch": [],
            },
            "format": form,
            "objectType": "blob",
            "schedule": "daily",
            "schemaFields": list(fields),
        },
        "ruleName": "emc2",
        "status": "Succeeded",
        "summary": {"objectCount": len(rows), "totalObjectSize": 0},
        "version": "1.0",
        **manifest,
    }
    sign(folder, json.dumps(told).encode())
    return folder


def sign(folder: Path, manifest: bytes) -> None:
    """Write a manifest and its checksum file."""
    (folder / "emc2-manifest.json").write_bytes(manifest)
    digest = hashlib.md5(manifest, usedforsecurity=False).hexdigest()
    (folder / "emc2-manifest.checksum").write_text(digest)


def _csv(path: Path, rows: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, fields)
        out.writeheader()
        out.writerows(
            {name: "" if one[name] is None else one[name] for name in fields} for one in rows
        )


def _parquet(path: Path, rows: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> None:
    kinds = {"Content-Length": pa.int64(), "Last-Modified": pa.int64()}
    table = pa.table(
        {
            name: pa.array([one[name] for one in rows], kinds.get(name, pa.string()))
            for name in fields
        }
    )
    pq.write_table(table, path, row_group_size=2)
