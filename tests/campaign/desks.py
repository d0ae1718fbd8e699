"""The desk of a life's machine: a real plan, with what the session's verbs need beside it.

What a life moves is in memory; this plan says the same of it. Nobody contacts its endpoints: who
acts at this desk is handed the life's own source and target.
"""

from __future__ import annotations

import tempfile
import threading
from dataclasses import replace
from functools import cache
from pathlib import Path

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from hdh_migrate.plan.loader import LoadedPlan, load
from hdh_migrate.session.desk import Desk
from tests.campaign.council import DPO_KEY
from tests.campaign.setting import BUCKET, COPIES, MIGRATION, Setting
from tests.support.quiet import Notes
from tests.support.world import Dataset

REPORT_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def desk_of(setting: Setting) -> Desk:
    """Return the desk of the machine that acts now."""
    base, datasets = setting.base(setting.host.name), setting.world.datasets
    if not (base / "dpo.pub").exists():
        _write_keys(base)
    loaded = _loaded(tuple(datasets), apart=setting.kind.apart)
    digest, _ = setting.world.plan
    return Desk(
        loaded=replace(loaded, base=base, digest=digest),
        state_dir=setting.world.path.parents[1],
        progress=Notes(),
        stop=threading.Event(),
        clock=setting.clock,
    )


def shared_plan(setting: Setting) -> LoadedPlan:
    """Return the plan as it lies where all machines read it, with what people put beside it."""
    base = setting.base("one")
    if not (base / "dpo.pub").exists():
        _write_keys(base)
    return replace(_loaded(tuple(setting.world.datasets), apart=setting.kind.apart), base=base)


def bind(setting: Setting) -> None:
    """Let ledgers be bound to the plan, as the session binds them; it stays what it is then."""
    loaded = _loaded(tuple(setting.world.datasets), apart=setting.kind.apart)
    setting.world.plan = (loaded.digest, loaded.canonical)


@cache
def _planned(names: tuple[tuple[str, str, str, str], ...], *, apart: bool) -> LoadedPlan:
    batches = dict.fromkeys(batch for _, batch, _, _ in names)
    seal: dict[str, object] = {
        "format": "crypt4gh", "recipients": ["one.pub", "two.pub"], "identity": "file:one.sec",
    }  # fmt: skip
    if apart:
        seal |= {"header": "detached", "suffix": ".segments", "second_copy": {"path": COPIES}}
    plan = {
        "version": 1,
        "migration": MIGRATION,
        "source": {
            "kind": "azure-blob", "account_url": "http://127.0.0.1:1/one",
            "credential": {"kind": "sas", "value": "env:S_SAS"},
        },
        "target": {
            "provider": "generic", "endpoint": "http://127.0.0.1:2", "region": "one",
            "credential": {"kind": "access-key", "id": "env:T_ID", "secret": "env:T_SECRET"},
        },
        "seal": seal,
        "datasets": [
            {
                "name": name, "source": {"container": container},
                "target": {"bucket": BUCKET, "prefix": prefix},
            }
            for name, _, container, prefix in names
        ],
        "batches": [
            {"name": batch, "datasets": [name for name, of, _, _ in names if of == batch]}
            for batch in batches
        ],
        "engine": {"kind": "local", "connections": 1},
        "approvals": {"keys": ["dpo.pub"], "threshold": 1},
        "waivers": {"keys": ["dpo.pub"]},
        "report": {"signer": "file:report.key", "languages": ["en"]},
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="plan-") as folder:
        path = Path(folder) / "plan.yaml"
        path.write_text(yaml.safe_dump(plan))
        return load(path)


def _loaded(datasets: tuple[Dataset, ...], *, apart: bool) -> LoadedPlan:
    """Return a plan of some datasets, whose rules are the life's own matter."""
    names = tuple((one.name, one.batch, one.source.bucket, one.target.prefix) for one in datasets)
    return _planned(names, apart=apart)


def _write_keys(base: Path) -> None:
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    public = DPO_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (base / "dpo.pub").write_bytes(public)
    private = REPORT_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (base / "report.key").touch(mode=0o600)
    (base / "report.key").write_bytes(private)
