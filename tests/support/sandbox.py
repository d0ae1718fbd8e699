"""A folder in which any command of `--help` may be given, in states that can be entered again.

The plan moves two datasets, `pmsi` (batch `pilot`) and `scans` (batch `imaging`), from the emulator
to a strict S3 server; in the place of one of the scans is somebody else's object. A state is the
folder and what the target holds; the source stays as it is. Commands run in this process, from the
folder.
"""

from __future__ import annotations

import copy
import json
import shlex
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.evidence.signatures.signing import new_report_key
from hdh_migrate.sealing.keys import new_pair
from tests.support.fixtures import Bucket, Container, new_container
from tests.support.rotated import strict_bucket
from tests.support.site import WRITERS, Said, Site, script
from tests.support.strict_s3 import StrictS3
from tests.support.strict_s3.store import Bucket as StrictBucket
from tests.support.strict_s3.store import Version

PMSI = {
    "mco.csv": b"a;b\n" * 50,
    "pmsi/2024/mco.csv": b"1;2\n" * 500,
    "a/1.csv": b"x",
    "2024/a.csv": b"y" * 70_000,
}
SCANS = {"2024/0001.dcm": b"z" * 900, "2024/0002.dcm": b"somebody else's is there already"}
PHRASE = "ravine ochre gallon tundra 47 mistral"
OPENSSH = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPuDDWP1K47Gbco7/xgewGNysozJMRa/0mnsq0axCfif somebody\n"
)
OWN_PROFILE = """\
claims: {max_parts: {value: 500, as_of: 2026-11-02, source: ticket 4711, confirmed: yes}}
"""
POLICY = json.dumps(
    {
        "Statement": [
            {
                "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject",
                "Resource": "arn:aws:s3:::{bucket}/*",
            }
        ]
    }
)  # fmt: skip
ANY_GRANT = "g-3f9a0c5e7b21"
"""Stands for the grant of a state."""


class Sandbox:
    """A plan, its keys and what else commands name."""

    def __init__(self, site: Site, pmsi: Container, states: Path) -> None:
        self.site, self.folder = site, site.folder
        self.grant = ANY_GRANT
        self.root = ""
        self._states, self._held = states, dict[str, Any]()
        server: Any = site.bucket.server
        self._buckets: dict[str, StrictBucket] = server.store.buckets
        self._now = server.store.now
        for container, corpus in ((pmsi, PMSI), (site.container, SCANS)):
            for key, body in corpus.items():
                container.client.upload_blob(key, body)
        pmsi.let_policies(**WRITERS)
        self._write_plan(pmsi)
        self._write_keys()
        self.put("scans/0002.dcm.c4gh", b"not ours")
        scratch = StrictBucket(name="scratch", created=self._now())
        scratch.versioning = "Enabled"
        self._buckets[scratch.name] = scratch

    def _write_plan(self, pmsi: Container) -> None:
        site = self.site
        (cutover,) = site.section("cutovers")
        cutover["decommission"]["cooling"] = "30d"
        (batch,) = site.section("batches")
        bucket = site.bucket.name
        site.change(
            datasets=[
                {
                    "name": "pmsi", "source": {"container": pmsi.name},
                    "target": {"bucket": bucket, "prefix": "pmsi/"},
                },
                {
                    "name": "scans",
                    "source": {"container": site.container.name, "prefix": "2024/"},
                    "target": {"bucket": bucket, "prefix": "scans/"},
                },
            ],
            batches=[
                {"name": "pilot", "datasets": ["pmsi"], "pointer": batch["pointer"]},
                {"name": "imaging", "datasets": ["scans"]},
            ],
            cutovers=[{**cutover, "batch": "pilot"}],
            approvals={"keys": ["keys/dpo.pub"]},
            waivers={"keys": ["keys/dpo.pub"]},
            claim={"provider": "a provider", "customer": "a customer", "contract": "no. 1"},
            backup={"folder": "copies-of-the-ledger"},
            rehydrate={"credential": {"kind": "sas", "value": "env:S_TIER"}, "poll": "1s"},
            notify=[{"name": "room", "kind": "command", "run": ["bin/tell"], "on": ["batch-done"]}],
        )  # fmt: skip
        script(self.folder / "bin" / "tell", "cat > told")
        site.environ |= {
            "S_TIER": site.container.server.sas("w"),
            "S_WRITER": pmsi.sas_by("shut-out"),  # of the batch that is switched
            "HDH_READER_ID": site.environ["T_ID"],
            "HDH_READER_SECRET": site.environ["T_SECRET"],
            "ADMIN_ID": site.environ["T_ID"],
            "ADMIN_SECRET": site.environ["T_SECRET"],
            "STEWARD": PHRASE,
            "ESCROW": PHRASE,
        }
        for name, text in (
            ("profile.yaml", OWN_PROFILE), ("policy.json", POLICY), ("secrets/report", PHRASE),
            ("home/.ssh/id_ed25519.pub", OPENSSH), ("dpo.pub", OPENSSH),
        ):  # fmt: skip
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o600)

    def _write_keys(self) -> None:
        folder, keys = self.folder, self.folder / "keys"
        for place, names in ((keys, ("steward-2027", "me")), (folder, ("lab",))):
            for name in names:
                new_pair(place, name, passphrase=None)
        new_report_key(folder, "witness", None)
        for there, here in (
            (keys / "report.pub", "operator.pub"), (keys / "report.key", "k.key"),
            (keys / "report.pub", "k.pub"), (keys / "steward.pub", "old.pub"),
            (keys / "escrow.sec", "escrow.sec"), (keys / "steward.sec", "old.sec"),
            (keys / "steward-2027.pub", "new.pub"),
        ):  # fmt: skip
            shutil.copy(there, folder / here)

    def put(self, key: str, body: bytes) -> None:
        """Let the target hold somebody else's object."""
        bucket = self._buckets[self.site.bucket.name]
        bucket.add(Version(key=key, body=body, at=self._now(), id=bucket.new_id(), etag="0" * 32))

    # --- states ----------------------------------------------------------------------------------

    def keep(self, state: str) -> None:
        """Keep what there is under a name."""
        shutil.copytree(self.folder, self._states / state, symlinks=True)
        self._held[state] = copy.deepcopy(self._buckets)

    def enter(self, state: str) -> None:
        """Let everything be as it was kept."""
        for one in self.folder.iterdir():
            if one.is_dir() and not one.is_symlink():
                shutil.rmtree(one)
            else:
                one.unlink()
        shutil.copytree(self._states / state, self.folder, symlinks=True, dirs_exist_ok=True)
        self._buckets.clear()
        self._buckets.update(copy.deepcopy(self._held[state]))

    # --- commands --------------------------------------------------------------------------------

    def give(self, command: str, *, typed: str = "", expect: int | None = None) -> Said:
        """Run a command as it stands in a text; paths from `/` begin in a folder of our own."""
        text = command.replace(ANY_GRANT, self.grant).replace("$ROOT", self.root)
        words = [self._here(word) for word in shlex.split(text)]
        return self.site.cli(*words, expect=expect, typed=typed)

    def _here(self, word: str) -> str:
        if word.startswith("~/"):
            return str(self.folder / "home" / word[2:])
        return str(self.folder / "root" / word[1:]) if word.startswith("/") else word

    def zipped(self, folder: str, name: str) -> None:
        """Pack a bundle."""
        with zipfile.ZipFile(self.folder / name, "w") as file:
            for path in (self.folder / folder).iterdir():
                file.write(path, path.name)


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with StrictS3() as server:
        yield strict_bucket(server, versions=True)


@pytest.fixture
def sandbox(
    site: Site, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Sandbox]:
    monkeypatch.chdir(site.folder)
    with new_container(site.container.server) as pmsi:
        yield Sandbox(site, pmsi, tmp_path_factory.mktemp("states"))
