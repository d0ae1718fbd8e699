"""A running pair of endpoints and an operator at the real command line, with approvers beside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from hdh_migrate.evidence.signatures.signing import new_report_key
from hdh_migrate.sealing.keys import new_pair
from tests.support.command import ForkedCommand, begin, command
from tests.support.fixtures import Bucket, Container, ProxyTo, upload
from tests.support.foreign_signature import signed_by
from tests.support.inside import inside
from tests.support.parsed import hold_commands
from tests.support.processes import LONG
from tests.support.proxy import Proxy
from tests.support.schemas import hold

OLD, NEW = "https://hdh.example/emc2/pmsi", "s3://hds/in/"
CORPUS = {
    "pmsi/théo dupont 1970.csv": b"1,2,3\n" * 50,
    "pmsi/b.csv": b"4,5,6\n" * 9000,
    "pmsi/vide": b"",
    "scans/big.raw": bytes(range(256)) * 9000,
    "tmp/scratch": b"left behind",
}

WRITERS = {"writers": "rcwd", "shut-out": "rl"}
"""Stored access policies of a container whose writers are shut out by taking their rights away."""


@dataclass(slots=True)
class Said:
    """How one command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def expected(self, code: int | None, arguments: Sequence[str]) -> Said:
        assert code in {None, self.code}, (arguments, self.code, self.out, self.err)
        return self


@dataclass(slots=True, kw_only=True)
class Site:
    """One plan with a cutover, between an emulator and an S3 server."""

    folder: Path
    container: Container
    bucket: Bucket
    environ: dict[str, str] = field(repr=False)

    # --- the operator ------------------------------------------------------------------------

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command with an interpreter of its own, to be killed in its start too."""
        return subprocess.Popen(
            [sys.executable, "-m", "hdh_migrate", *arguments], env=os.environ | self.environ,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def alone(self, *arguments: str, expect: int | None = None) -> Said:
        """Run a command with an interpreter of its own, which takes LD_PRELOAD, to its end."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=LONG)
        return Said(process.returncode, out, err).expected(expect, arguments)

    def begin(self, *arguments: str) -> ForkedCommand:
        """Start a command as a process of its own, with workers."""
        return begin(*arguments, env=os.environ | self.environ)

    def real(self, *arguments: str, expect: int | None = None) -> Said:
        """Run a command as a process of its own, with workers, to its end."""
        process = self.begin(*arguments)
        out, err = process.communicate(timeout=LONG)
        code = process.wait()
        hold(arguments, code, out)
        hold_commands(arguments, out, err)
        return Said(code, out, err).expected(expect, arguments)

    def forked(self, *arguments: str, expect: int | None = None) -> Said:
        """Run a command as a process of its own, its work in its own thread, to its end."""
        done = command(*arguments, env=os.environ | self.environ)
        return Said(done.returncode, done.stdout, done.stderr).expected(expect, arguments)

    def cli(self, *arguments: str, expect: int | None = None, typed: str = "") -> Said:
        """Run a command in this process, with one worker in this thread: much quicker."""
        done = inside(*arguments, env=os.environ | self.environ, typed=typed)
        return Said(done.returncode, done.stdout, done.stderr).expected(expect, arguments)

    def run(self) -> None:
        self.cli("run", self.plan, "--until", "verify", "--no-progress", expect=0)

    def cutover(self, verb: str, *more: str, expect: int | None = None) -> Said:
        return self.cli("cutover", verb, self.plan, "--batch", "all", *more, expect=expect)

    def approve(self, stage: str, key: str = "dpo", *more: str, expect: int = 0) -> Said:
        key = str(self.folder / "keys" / f"{key}.key")
        return self.cli(
            "approve", self.plan, "--batch", "all", "--stage", stage, "--key", key, *more,
            expect=expect,
        )  # fmt: skip

    def approve_as(self, stage: str, key: str) -> None:
        """Keep an approval by a key whose approvals count for nothing; `approve` refuses it."""
        refused = self.approve(stage, key, expect=3).err
        assert "approves nothing" in refused or "no approver of this plan" in refused
        own, foreign = (self.folder / f"{key}-{one}.json" for one in ("own", "foreign"))
        self.approve(stage, "dpo", "--out", str(own))
        signed_by(self.folder / "keys" / f"{key}.key", own, foreign)
        self.cli("approve", self.plan, "--import", str(foreign), expect=0)
        own.unlink()
        foreign.unlink()

    def status(self) -> dict[str, Any]:
        told = self.cli("status", self.plan, "--json", expect=0).json
        return dict(told["batches"][0]["cutover"])

    # --- what there is -----------------------------------------------------------------------

    @property
    def plan(self) -> str:
        return str(self.folder / "plan.yaml")

    @property
    def state(self) -> Path:
        return self.folder / ".hdh-migrate" / "exit"

    @property
    def pointer(self) -> str:
        return str(json.loads((self.folder / "pointer.json").read_text())["pmsi"]["url"])

    @pointer.setter
    def pointer(self, value: str) -> None:
        (self.folder / "pointer.json").write_text(json.dumps({"pmsi": {"url": value}}))

    def document(self) -> Any:
        """Return the plan as it is written."""
        return _read(self.folder / "plan.yaml")

    def change(self, **sections: Any) -> None:
        """Change sections of the plan; None removes one."""
        plan = _read(self.folder / "plan.yaml")
        plan.update(sections)
        text = {name: value for name, value in plan.items() if value is not None}
        _write(self.folder / "plan.yaml", text)

    def section(self, name: str) -> Any:
        return _read(self.folder / "plan.yaml")[name]

    def source(self) -> dict[str, tuple[str, bytes]]:
        """Return version and bytes of every blob."""
        return {
            blob.name: (blob.etag, self.container.client.download_blob(blob.name).readall())
            for blob in self.container.client.list_blobs()
        }

    def let_writers_in(self) -> None:
        self.environ["S_WRITER"] = self.container.sas_by("writers")

    def shut_writers_out(self) -> None:
        self.environ["S_WRITER"] = self.container.sas_by("shut-out")


def _read(path: Path) -> Any:
    return yaml.load(path.read_text(), yaml.CSafeLoader)  # in C: a sixth of the time


def _write(path: Path, plan: dict[str, Any]) -> None:
    path.write_text(yaml.dump(plan, Dumper=yaml.CSafeDumper, allow_unicode=True))


def through(site: Site, proxy_to: ProxyTo, **more: object) -> Proxy:
    """Lead the plan's source through a proxy."""
    proxy = proxy_to(site.container.server)
    site.change(source={**site.section("source"), "account_url": proxy.url}, **more)
    return proxy


def script(path: Path, text: str) -> None:
    """Write a program of the shell."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)


def moved(site: Site) -> None:
    """Prepare a site of which everything is verified."""
    site.run()


def moved_without_approvals(site: Site) -> None:
    """Prepare a site of which everything is verified, and of which nobody approves anything."""
    site.change(approvals=None, freeze=None, cutovers=None)
    site.run()


@pytest.fixture
def site(
    request: pytest.FixtureRequest, tmp_path: Path, container: Container, bucket: Bucket
) -> Site:
    """A site of which nothing has been run, or what a test that is `prepared` begins with."""
    if request.node.get_closest_marker("prepared"):
        begun: Site = request.getfixturevalue("beginning")
        return begun
    return new_site(tmp_path, container, bucket)


def new_site(folder: Path, container: Container, bucket: Bucket) -> Site:
    """Fill the container; write keys and a plan, of which nothing has been run."""
    upload(container, CORPUS)
    container.let_policies(**WRITERS)
    keys = folder / "keys"
    keys.mkdir()
    for name in ("steward", "escrow", "consumer"):
        new_pair(keys, name, passphrase=None)
    for name in ("report", "dpo", "ciso", "stranger"):
        new_report_key(keys, name, None)
    server = bucket.server
    access = {"kind": "access-key", "id": "env:T_ID", "secret": "env:T_SECRET"}
    pointer = {"kind": "file", "path": "pointer.json", "key": "pmsi.url", "value": NEW}
    plan = {
        "version": 1,
        "migration": "exit",
        "source": {
            "kind": "azure-blob",
            "account_url": container.server.url,
            "credential": {"kind": "sas", "value": "env:S_SAS"},
        },
        "target": {
            "provider": "generic", "endpoint": server.endpoint, "region": server.region,
            "credential": access,
        },
        "seal": {
            "format": "crypt4gh",
            "recipients": ["keys/steward.pub", "keys/escrow.pub", "keys/consumer.pub"],
            "identity": "file:keys/steward.sec",
        },
        "datasets": [
            {
                "name": "emc2",
                "source": {"container": container.name},
                "target": {"bucket": bucket.name, "prefix": "in/"},
                "exclude": [{"glob": "tmp/**", "reason": "scratch"}],
            }
        ],
        "batches": [{"name": "all", "datasets": ["emc2"], "pointer": pointer}],
        "engine": {"kind": "local", "processes": 1, "connections": 4},
        "limits": {"retry_budget": "2s"},
        "report": {"signer": "file:keys/report.key"},
        "approvals": {"keys": ["keys/dpo.pub", "keys/ciso.pub"]},
        "freeze": {"kind": "denied-write", "credential": {"kind": "sas", "value": "env:S_WRITER"}},
        "cutovers": [
            {
                "batch": "all",
                "canary": {**pointer, "path": "canary.json"},
                "relist_interval": "1s",
                "smoke": {
                    "objects": 3,
                    "credential": {"kind": "access-key", "id": "env:C_ID", "secret": "env:C_SEC"},
                    "identity": "file:keys/consumer.sec",
                    "commands": [{"name": "shell", "run": ["bin/smoke"]}],
                },
                "window": "1h",
                "decommission": {
                    "credential": {"kind": "sas", "value": "env:S_ERASER"},
                    "cooling": "1s",
                    "trust": ["keys/report.pub"],
                },
            }
        ],
    }  # fmt: skip
    _write(folder / "plan.yaml", plan)
    made = Site(
        folder=folder,
        container=container,
        bucket=bucket,
        environ={
            "S_SAS": container.server.sas("rl"),
            "S_WRITER": container.sas_by("shut-out"),
            "S_ERASER": container.server.sas("rld"),
            "T_ID": server.access_key,
            "T_SECRET": server.secret_key,
            "C_ID": server.access_key,
            "C_SEC": server.secret_key,
        },
    )
    (folder / "bin").mkdir()
    script(folder / "bin" / "smoke", 'test -n "$HDH_POINTER"')
    made.pointer = OLD
    (folder / "canary.json").write_text(json.dumps({"pmsi": {"url": OLD}}))
    return made
