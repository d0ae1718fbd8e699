"""A migration of many weeks: its plan, its ends, and an outsider who counts without the tool.

The outsider reads the source with Azure's own SDK, the target with boto3, opens what is stored with
the reference Crypt4GH package, and asks the ledger by SQL. Nothing of ours takes part in it.
"""

from __future__ import annotations

import io
import json
import logging
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from crypt4gh.keys import get_private_key
from crypt4gh.lib import decrypt

from hdh_migrate.evidence.signatures.signing import load_trusted_key, new_report_key
from hdh_migrate.sealing.keys import new_pair
from tests.support import second_verifier
from tests.support.command import ForkedCommand, begin
from tests.support.command import command as started
from tests.support.fixtures import Bucket, Container

STATES = ("listed", "excluded", "refused", "sending", "sent", "verified", "failed")
"""By their numbers in the ledger's table; `model.State` is not asked."""


@dataclass(slots=True, kw_only=True)
class Season:
    """One plan that grows, between an emulator and an S3 server."""

    folder: Path
    container: Container
    bucket: Bucket
    environ: dict[str, str] = field(repr=False)
    plan: dict[str, Any] = field(default_factory=dict)

    # --- the operator ------------------------------------------------------------------------

    @property
    def path(self) -> Path:
        return self.folder / "plan.yaml"

    @property
    def state(self) -> Path:
        return self.folder / ".hdh-migrate" / str(self.plan["migration"])

    def write(self) -> None:
        """Write the plan as it is now."""
        self.path.write_text(yaml.safe_dump(self.plan, allow_unicode=True, sort_keys=False))

    def dataset(self, name: str, prefix: str, **more: Any) -> None:
        """Add a dataset."""
        self.plan["datasets"].append(
            {
                "name": name,
                "source": {"container": self.container.name, "prefix": prefix},
                "target": {"bucket": self.bucket.name, "prefix": f"in/{prefix}"},
                **more,
            }
        )

    def batch(self, name: str, *datasets: str, **more: Any) -> None:
        """Add a batch."""
        self.plan["batches"].append({"name": name, "datasets": list(datasets), **more})

    def call(self, verb: str, *more: str, expect: int, state: Path | None = None) -> Any:
        """Run one command to its end; return what it printed."""
        words = [*verb.split(), str(self.path), "--json", *more]
        if state is not None:
            words += ["--state-dir", str(state)]
        done = started(*words, cwd=self.folder, env=os.environ | self.environ)
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == expect, (words, done.returncode, done.stdout, done.stderr)
        return json.loads(done.stdout) if done.stdout else None

    def start(self, verb: str, *more: str, said: Path | None = None) -> ForkedCommand:
        """Start one command in a process group of its own, to be killed; `said` takes its notes."""
        nowhere = Path(os.devnull)
        return begin(
            *verb.split(), str(self.path), "--json", *more, cwd=self.folder,
            env=os.environ | self.environ, out=nowhere, err=said or nowhere,
        )  # fmt: skip

    def kill_after(self, seconds: float, verb: str, *more: str) -> None:
        """Kill a command's whole process tree at a moment, be it in its start."""
        process = subprocess.Popen(
            [sys.executable, "-m", "hdh_migrate", *verb.split(), str(self.path), "--json", *more],
            cwd=self.folder, env=os.environ | self.environ, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    # --- the source and its writers ----------------------------------------------------------

    def blob(self, key: str, body: bytes) -> None:
        """Write a blob, as somebody who works on while we move."""
        self.container.client.upload_blob(key, body, overwrite=True)

    def source(self) -> dict[str, bytes]:
        """Return every blob."""
        client = self.container.client
        return {one.name: client.download_blob(one.name).readall() for one in client.list_blobs()}

    # --- the target --------------------------------------------------------------------------

    def stored(self) -> dict[str, str]:
        """Return the ETag of every data object; `in/` is where datasets go, sidecars aside."""
        pages = self.bucket.client.get_paginator("list_objects_v2")
        return {
            one["Key"]: one["ETag"]
            for page in pages.paginate(Bucket=self.bucket.name, Prefix="in/")
            for one in page.get("Contents", ())
            if ".hdh-migrate-sidecar/" not in one["Key"]
        }

    def read(self, stored: str) -> bytes:
        """Return what the target serves."""
        reply = self.bucket.client.get_object(Bucket=self.bucket.name, Key=stored)
        body: bytes = reply["Body"].read()
        return body

    def spoil(self, stored: str) -> None:
        """Turn one bit of an object; its metadata stay, as they do when a disk fails."""
        client, name = self.bucket.client, self.bucket.name
        tag = client.head_object(Bucket=name, Key=stored)["Metadata"]
        body = bytearray(self.read(stored))
        body[len(body) // 2] ^= 1
        client.put_object(Bucket=name, Key=stored, Body=bytes(body), Metadata=tag)

    def opened(self, key: str) -> bytes:
        """Open one stored object as the escrow's holder would, with the reference package."""
        for name in ("crypt4gh", "crypt4gh.header"):
            logging.getLogger(name).disabled = True  # the reference package logs keys
        escrow = get_private_key(str(self.folder / "keys" / "escrow.sec"), lambda: "")
        out = io.BytesIO()
        decrypt([(0, escrow, None)], io.BytesIO(self.read(f"in/{key}.c4gh")), out)
        return out.getvalue()

    # --- the outsider's questions ------------------------------------------------------------

    def rows(self, question: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the ledger without the tool."""
        where = f"file:{self.state / 'ledger.db'}?mode=ro"
        with closing(sqlite3.connect(where, uri=True)) as database:
            return database.execute(question, values).fetchall()

    def counted(self) -> dict[str, dict[str, int]]:
        """Return the objects of each batch by state, as the table has them."""
        found: dict[str, dict[str, int]] = {}
        for batch, state, objects in self.rows(
            "SELECT d.batch, o.state, count(*) FROM object o JOIN dataset d ON d.id = o.dataset"
            " GROUP BY 1, 2"
        ):
            found.setdefault(batch, {})[STATES[state]] = objects
        return found

    def attempts(self) -> dict[str, int]:
        """Return how often each object was sent."""
        return {
            str(key, "utf-8") if isinstance(key, bytes) else key: attempt
            for key, attempt in self.rows("SELECT key, attempt FROM object")
        }

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        """Return the journal's events of these kinds."""
        told = self.rows("SELECT kind, body FROM event ORDER BY seq")
        return [json.loads(body) for kind, body in told if kind in kinds]

    def bundles(self) -> list[Path]:
        """Return the bundles, oldest first."""
        return sorted(one for one in (self.state / "reports").iterdir() if one.is_dir())

    def keep(self) -> None:
        """Lay the newest bundle aside, as an auditor does."""
        newest = self.bundles()[-1]
        shutil.copytree(newest, self.folder / "kept" / newest.name, dirs_exist_ok=True)

    def compared(self, old: Path, new: Path) -> tuple[int, str]:
        """Return how `audit compare` ended, and what it said."""
        key = str(self.folder / "keys" / "report.pub")
        words = ("audit", "compare", str(old), str(new), "--trust", key)
        done = started(*words, env=os.environ)
        return done.returncode, done.stdout + done.stderr

    def audit(self) -> Mapping[str, Any]:
        """Check the newest bundle with both verifiers; return ours's words."""
        newest = self.bundles()[-1]
        key = self.folder / "keys" / "report.pub"
        done = started(
            "audit", "verify", str(newest), "--trust", str(key), "--json", env=os.environ
        )
        assert done.returncode == 0, (done.stdout, done.stderr)
        signer = load_trusted_key(key)
        trusted = {signer.fingerprint: (signer.public, signer.until)}
        assert second_verifier.verify(newest, trusted, 1) == []
        told: Mapping[str, Any] = json.loads(done.stdout)
        return told


def season(folder: Path, container: Container, bucket: Bucket, *names: str) -> Season:
    """Make keys, a plan without batches, and the credentials of both ends."""
    keys = folder / "keys"
    keys.mkdir()
    for name in ("steward", "escrow"):
        new_pair(keys, name, passphrase=None)
    for name in ("report", *names):
        new_report_key(keys, name, None)
    server = bucket.server
    plan = {
        "version": 1,
        "migration": "season",
        "source": {
            "kind": "azure-blob",
            "account_url": container.server.url,
            "credential": {"kind": "sas", "value": "env:S_SAS"},
        },
        "target": {
            "provider": "generic",
            "endpoint": server.endpoint,
            "region": server.region,
            "credential": {"kind": "access-key", "id": "env:T_ID", "secret": "env:T_SECRET"},
        },
        "seal": {
            "format": "crypt4gh",
            "recipients": ["keys/steward.pub", "keys/escrow.pub"],
            "identity": "file:keys/steward.sec",
        },
        "datasets": [],
        "batches": [],
        "engine": {"kind": "local", "processes": 1, "connections": 4},
        "limits": {"retry_budget": "2s"},
        "report": {"signer": "file:keys/report.key"},
    }
    return Season(
        folder=folder,
        container=container,
        bucket=bucket,
        plan=plan,
        environ={
            "S_SAS": container.server.sas("rl"),
            "T_ID": server.access_key,
            "T_SECRET": server.secret_key,
        },
    )
