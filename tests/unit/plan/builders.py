"""Plans for the tests: one good text, and ways to change it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import PlanInvalid
from hdh_migrate.plan.loader import LoadedPlan, load

GOOD = """\
version: 1
migration: emc2-exit
source:
  kind: azure-blob
  account_url: https://hdhprod.blob.core.windows.net
  credential: {kind: sas, value: "env:HDH_SOURCE_SAS"}
target:
  provider: scaleway
  region: fr-par
  credential: {kind: access-key, id: "env:HDH_TARGET_ID", secret: "env:HDH_TARGET_SECRET"}
seal:
  format: crypt4gh
  recipients: [keys/steward.pub, keys/escrow.pub]
  identity: "file:keys/steward.sec"
datasets:
  - name: pmsi
    source: {container: emc2, prefix: pmsi/}
    target: {bucket: hds-emc2, prefix: pmsi/}
    exclude: [{glob: "**/_temporary/**", reason: "Spark scratch"}]
  - name: scans
    source: {container: emc2, prefix: scans/}
    target: {bucket: hds-emc2, prefix: scans/}
batches:
  - {name: pilot, datasets: [pmsi]}
  - {name: imaging, datasets: [scans], needs: [pilot]}
verify: {level: full}
engine: {kind: local, processes: auto, connections: 16}
limits: {bandwidth: 800MiB/s}
report: {signer: "file:keys/report.key", languages: [fr, en]}
"""


def value() -> dict[str, Any]:
    """Return the good plan as a JSON value of the test's own, every optional field given."""
    return {
        "version": 1,
        "migration": "emc2-exit",
        "source": {
            "kind": "azure-blob",
            "account_url": "https://hdhprod.blob.core.windows.net",
            "credential": {"kind": "sas", "value": "env:HDH_SOURCE_SAS"},
        },
        "target": {
            "provider": "scaleway",
            "region": "fr-par",
            "endpoint": "http://127.0.0.1:5000",
            "credential": {
                "kind": "access-key",
                "id": "env:HDH_TARGET_ID",
                "secret": "env:HDH_TARGET_SECRET",
                "session_token": "env:HDH_TARGET_TOKEN",
            },
            "attestation": "attestations/scaleway.yaml",
        },
        "seal": {
            "format": "crypt4gh",
            "recipients": ["keys/steward.pub", "keys/escrow.pub"],
            "identity": "file:keys/steward.sec",
            "identity_passphrase": "env:HDH_PASSPHRASE",
            "suffix": ".c4gh",
        },
        "datasets": [
            {
                "name": "pmsi",
                "source": {"container": "emc2", "prefix": "pmsi/"},
                "target": {"bucket": "hds-emc2", "prefix": "pmsi/"},
                "include": ["**/*.parquet"],
                "exclude": [{"glob": "**/_temporary/**", "reason": "Spark scratch"}],
                "allow_empty": True,
                "live": True,
                "collisions": "keep",
                "collisions_reason": "known",
            },
            {
                "name": "scans",
                "source": {"container": "emc2", "prefix": "scans/"},
                "target": {"bucket": "hds-emc2", "prefix": "scans/"},
            },
        ],
        "batches": [
            {"name": "pilot", "datasets": ["pmsi"]},
            {"name": "imaging", "datasets": ["scans"], "needs": ["pilot"]},
        ],
        "verify": {
            "level": "full",
            "credential": {"kind": "access-key", "id": "env:A", "secret": "env:B"},
        },
        "engine": {"kind": "local", "processes": 4, "connections": 16},
        "limits": {"bandwidth": "800MiB/s", "retry_budget": "10m", "memory": "1GiB"},
        "report": {
            "signer": "file:keys/report.key",
            "signer_passphrase": "env:HDH_SIGNER",
            "languages": ["fr", "en"],
            "tsa": {"url": "https://tsa.example/stamp", "trust": "trust/tsa.pem"},
        },
    }


def loaded(folder: Path, text: str | bytes) -> LoadedPlan:
    """Load a plan of this text."""
    path = folder / "x.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(path)


def as_yaml(plan: object) -> str:
    """Return a JSON value as YAML (which JSON is)."""
    return json.dumps(plan, ensure_ascii=False)


def problems(folder: Path, text: str | bytes) -> list[str]:
    """Return the problems of a plan that must be refused, without the file's folder."""
    with pytest.raises(PlanInvalid) as refused:
        loaded(folder, text)
    start = f"{folder / 'x.yaml'}:"
    assert all(line.startswith(start) for line in refused.value.problems)
    return [line.removeprefix(start) for line in refused.value.problems]


def changed(old: str, new: str) -> str:
    """Return the good plan with one text in place of another."""
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)
