"""The desk of a life's machine: a real plan, with what the session's verbs need beside it.

What a life moves is in memory; this plan says the same of it. Nobody contacts its endpoints: who
acts at this desk is handed the life's own source and target.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import yaml
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from hdh_migrate.frozen import frozen
from hdh_migrate.plan.loader import LoadedPlan, load
from hdh_migrate.session.desk import Desk
from hdh_migrate.wiring import Services, Vault
from hdh_migrate.wiring.targets import open_target
from tests.campaign.kinds import LifeKind
from tests.campaign.setting import BUCKET, COPIES, MIGRATION, Setting
from tests.campaign.signers import DPO_KEY, REPORT_KEY
from tests.support.quiet import Notes
from tests.support.world import Dataset

_Named = tuple[str, str, str, str, tuple[str, ...]]
"""Dataset, batch, container, prefix, and what it leaves out."""


PLAN_FILE = "plan.yaml"
TELL, TAKEN, REFUSING = "tell", "taken", "refusing"
"""A program that is given notices, what it took, and whether it takes nothing now."""

_TELL = f"""\
#!/bin/sh
[ ! -e {REFUSING} ] || exit 1
/bin/cat >> {TAKEN}
echo >> {TAKEN}
"""
DPO_FILE = "dpo.key"
"""The private key of who approves, waives and judges, beside the plan."""


@frozen
class SimulatedDesk(Desk):
    """A desk whose plan leads to the life's own source and target."""

    setting: Setting

    def services(
        self, *, write: bool, looks: bool = True, reads: bool = True,
        recipients: Sequence[str] | None = None,
    ) -> Services:  # fmt: skip
        """Return what a verb is handed in this life."""
        plan, vault, setting = self.loaded.plan, Vault.open(self.loaded.base), self.setting
        return Services(
            plan=plan, vault=vault, source=setting.source, reader=setting.target,
            writer=setting.target if write else None, envelopes=setting.world.envelopes,
            recipients=tuple(recipients or ()), limits=setting.target.limits, transports=(),
            doors=(), network=self.network, place=open_target(plan, plan.target.credential, vault),
            looks=looks, reads=reads, sources=self.sources,
        )  # fmt: skip


def desk_of(setting: Setting) -> Desk:
    """Return the desk of the machine that acts now."""
    base, datasets = setting.base(setting.host.name), setting.world.datasets
    if not (base / "dpo.pub").exists():
        _write_keys(base)
    loaded = _loaded(tuple(datasets), kind=setting.kind)
    return SimulatedDesk(
        loaded=replace(loaded, base=base, path=base / PLAN_FILE),
        state_dir=setting.world.path.parents[1],
        progress=Notes(),
        stop=setting.world.stop,
        clock=setting.clock,
        setting=setting,
    )


def shared_plan(setting: Setting) -> LoadedPlan:
    """Return the plan as it lies where all machines read it, with what people put beside it."""
    base = setting.base("one")
    if not (base / "dpo.pub").exists():
        _write_keys(base)
    return replace(_loaded(tuple(setting.world.datasets), kind=setting.kind), base=base)


def bind(setting: Setting) -> None:
    """Let the ledger of the machine that acts be bound to its plan, as the session binds it."""
    setting.world.plan, setting.world.rebinds = plan_of(setting), True


def plan_of(setting: Setting, dataset: Dataset | None = None) -> tuple[str, bytes]:
    """Return digest and canonical form of the plan of the machine that acts.

    `dataset`: what it says of its first one, if that is to become another.
    """
    datasets = tuple(setting.world.datasets)
    if dataset is not None:
        datasets = (dataset, *datasets[1:])
    loaded = _loaded(datasets, kind=setting.kind)
    return loaded.digest, loaded.canonical


@cache
def _planned(named: tuple[_Named, ...], *, kind: LifeKind) -> LoadedPlan:
    names = [one[:4] for one in named]
    batches = dict.fromkeys(batch for _, batch, _, _ in names)
    seal: dict[str, object] = {
        "format": "crypt4gh", "recipients": ["one.pub", "two.pub"], "identity": "file:one.sec",
    }  # fmt: skip
    if kind.apart:
        seal |= {"header": "detached", "suffix": ".segments", "second_copy": {"path": COPIES}}
    plan = {
        "version": 1,
        "migration": MIGRATION,
        "source": {
            "kind": "azure-blob", "account_url": "http://127.0.0.1:1/one",
            "credential": {"kind": "sas", "value": "file:sas.txt"},
        },
        "target": {
            "provider": "generic", "endpoint": "http://127.0.0.1:2", "region": "one",
            "credential": {"kind": "access-key", "id": "file:id.txt", "secret": "file:s.txt"},
        },
        "seal": seal,
        "datasets": [
            {
                "name": name, "source": {"container": container},
                "target": {"bucket": BUCKET, "prefix": prefix},
                "exclude": [{"glob": key, "reason": "left out"} for key in excluded],
            }
            for name, _, container, prefix, excluded in named
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
    if kind is LifeKind.ATTENDED:
        plan["notify"] = [{"name": "room", "kind": "command", "run": [f"./{TELL}"]}]
    with tempfile.TemporaryDirectory(prefix="plan-") as folder:
        path = Path(folder) / "plan.yaml"
        path.write_text(yaml.safe_dump(plan))
        return load(path)


def _loaded(datasets: tuple[Dataset, ...], *, kind: LifeKind) -> LoadedPlan:
    """Return a plan of some datasets, whose rules are the life's own matter."""
    named = tuple(
        (one.name, one.batch, one.source.bucket, one.target.prefix, tuple(map(str, one.exclude)))
        for one in datasets
    )
    return _planned(named, kind=kind)


def _write_keys(base: Path) -> None:
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    (base / TELL).write_text(_TELL)
    (base / TELL).chmod(0o700)
    (base / PLAN_FILE).touch()  # whoever owns it may be believed
    public = DPO_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (base / "dpo.pub").write_bytes(public)
    for name in ("sas.txt", "id.txt", "s.txt"):  # nobody is shown them
        (base / name).touch(mode=0o600)
        (base / name).write_text("simulated-credential\n")
    for name, key in (("report.key", REPORT_KEY), (DPO_FILE, DPO_KEY)):
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (base / name).touch(mode=0o600)
        (base / name).write_bytes(private)
