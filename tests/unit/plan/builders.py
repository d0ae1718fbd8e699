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


def full() -> dict[str, Any]:
    """Return a good plan in which every optional section is given, and every rule has its say."""
    plan = value()
    key = {"kind": "access-key", "id": "env:A", "secret": "env:B"}
    program = ["bin/alias", "set"]
    commands = {"check": program, "apply": program, "revert": program, "timeout": "9s"}
    by_ssh = {
        "kind": "ssh-command", "host": "gateway.example.org", "port": 2222, "user": "hdh",
        "known_hosts": "keys/known_hosts", "key": "file:keys/cutover",
        "key_passphrase": "env:HDH_KEY", "agent": False, **commands, "value": "s3://new/",
    }  # fmt: skip
    by_command = {
        "kind": "command", **commands, "environment": {"PATH": "env:PATH"}, "value": "s3://new/",
    }  # fmt: skip
    on_s3 = {
        "kind": "s3-object", "bucket": "hds-catalogue", "key": "pmsi/CURRENT",
        "endpoint": "https://s3.example.org", "region": "fr-par", "credential": key,
        "conditional": True, "value": "s3://new/",
    }  # fmt: skip
    in_a_file = {
        "kind": "file", "path": "/srv/data.yaml", "key": "datasets.pmsi", "format": "yaml",
        "value": "s3://new/",
    }  # fmt: skip
    tls = {"ca_bundle": "ca.pem", "spki_pins": ["sha256//" + "A" * 43 + "="]}
    plan["source"] |= {"account_url": "https://127.0.0.1:10000/account", "tls": tls}
    plan["target"]["tls"] = plan["report"]["tsa"]["tls"] = on_s3["tls"] = tls
    plan["target"] |= {"profile": "own.yaml", "metadata_names": "hyphens"}
    plan["datasets"][0]["target"] |= {
        "retention": {"mode": "governance", "days": 30}, "legal_hold": True,
    }  # fmt: skip
    plan["datasets"][0]["ignore_md5"] = "known to be wrong"
    plan["datasets"][0]["exclude"][0]["allow_unused"] = True
    plan["batches"][0]["pointer"], plan["batches"][1]["pointer"] = by_ssh, by_command
    plan["verify"]["source"] = "range-md5"
    plan["limits"]["connection_rate"] = "20MiB/s"
    plan["windows"] = {
        "zone": "Europe/Paris", "open": ["mon-fri 19:00-07:00"],
        "exceptions": [{"date": "2026-12-24", "last_date": "2026-12-26", "open": ["00:00-06:00"]}],
    }  # fmt: skip
    plan["limits"]["to_target"] = {"default": "1GiB/s", "daily 08:00-19:00": "9MiB/s"}
    plan["limits"]["from_target"] = {"default": "1GiB/s", "zone": "UTC"}
    plan["batches"][0] |= {"priority": 3, "not_before": "2026-12-01", "done_by": "2027-01-31"}
    plan["planned"] = {"first_day": "2026-12-01", "last_day": "2027-01-31"}
    plan["waivers"] = {"keys": ["keys/dpo.pub"]}
    plan["approvals"] = {
        "keys": ["keys/dpo.pub", "keys/ciso.pub"], "threshold": 2, "bar_operator": True,
    }  # fmt: skip
    identity = {
        "kind": "client-secret", "tenant": "0" * 8 + "-0000-0000-0000-" + "0" * 12,
        "client_id": "1" * 8 + "-0000-0000-0000-" + "0" * 12, "secret": "env:S",
        "endpoint": "http://127.0.0.1:8080",
    }  # fmt: skip
    plan["freeze"] = {"kind": "denied-write", "credential": identity}
    smoke = {
        "objects": 3, "credential": key, "identity": "file:keys/consumer.sec",
        "identity_passphrase": "env:HDH_CONSUMER", "on_failure": "rollback",
        "commands": [{
            "name": "catalogue", "run": ["bin/check"], "timeout": "9s",
            "environment": {"PATH": "env:PATH"},
        }],
    }  # fmt: skip
    plan["cutovers"] = [
        {
            "batch": "pilot", "canary": on_s3, "relist_interval": "5s", "rounds": 4,
            "smoke": smoke, "window": "7d", "approvals": {"cutover": 2, "decommission": 2},
            "decommission": {
                "credential": identity, "cooling": "40d", "trust": ["keys/report.pub"],
                "signatures": 1, "recheck": "head", "recheck_reason": "known",
                "recheck_within": "2d",
            },
        },
        {
            "batch": "imaging", "canary": in_a_file,
            "smoke": {"credential": key, "identity": "env:I"},
        },
    ]  # fmt: skip
    return plan
