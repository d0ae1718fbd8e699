"""A plan from a folder to an S3 server, run as people run it: one command, one process tree."""

from __future__ import annotations

import io
import json
import logging
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from crypt4gh.keys import get_private_key
from crypt4gh.lib import decrypt

from hdh_migrate.errors import MigrateError
from hdh_migrate.evidence.signatures.signing import new_report_key
from hdh_migrate.model import Step
from hdh_migrate.sealing.keys import new_pair
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.verbs.probe import probe
from hdh_migrate.session.verbs.run import perform
from tests.support.command import ForkedCommand, begin
from tests.support.here import HERE
from tests.support.inside import inside
from tests.support.processes import LONG
from tests.support.quiet import Notes

MIB = 1 << 20
BIG = "scans/volume 1.raw"
ODD = "tables/\u00e9 100%+.csv"
BUCKET = "landing"


@dataclass(slots=True, kw_only=True)
class Errand:
    """Four objects on their way; `fetch` reads one stored object back."""

    folder: Path
    environ: Mapping[str, str] = field(repr=False)
    fetch: Callable[[str], bytes]
    corpus: dict[str, bytes] = field(default_factory=dict)

    @property
    def plan(self) -> Path:
        return self.folder / "plan.yaml"

    def command(self, verb: str, *more: str) -> list[str]:
        return [sys.executable, "-m", "hdh_migrate", verb, str(self.plan), "--json", *more]

    def begin(
        self, verb: str, *more: str, out: Path | None = None, err: Path | None = None
    ) -> ForkedCommand:
        """Start one command, with workers."""
        words = [verb, str(self.plan), "--json", *more]
        return begin(*words, env=self.environ, out=out, err=err)

    def call(self, verb: str, *more: str) -> tuple[int, dict[str, Any]]:
        """Run one command to its end; return its exit code and what it printed."""
        done = inside(verb, str(self.plan), "--json", *more, env=self.environ)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, json.loads(done.stdout)

    def run_here(self, *steps: Step) -> tuple[int, str]:
        """Run steps in this process, with the engine of one thread; return code and message."""
        desk = Desk.open(self.plan, None, Notes(), threading.Event(), HERE)
        with pytest.MonkeyPatch.context() as patch:
            for name in ("T_ID", "T_SECRET"):
                patch.setenv(name, self.environ[name])
            try:
                return int(perform(desk, steps or list(Step), ())[0]), ""
            except MigrateError as error:
                return int(error.exit_code), str(error)

    def probe_here(self, *, compliance: bool = False) -> tuple[int, dict[str, Any]]:
        """Probe the target in this process; return code and record, or code and error."""
        with pytest.MonkeyPatch.context() as patch:
            for name in ("T_ID", "T_SECRET"):
                patch.setenv(name, self.environ[name])
            desk = Desk.open(self.plan, None, Notes(), threading.Event())
            try:
                code, record = probe(desk, None, dry_run=False, compliance=compliance)
            except MigrateError as error:
                return int(error.exit_code), {"error": str(error)}
        return int(code), dict(record)

    def findings(self) -> list[tuple[str, str | None]]:
        """Return (code, key) of every open finding."""
        desk = Desk.open(self.plan, None, Notes(), threading.Event())
        ledger = desk.read_ledger()
        try:
            return [(found["code"], found["key"]) for found in ledger.findings()]
        finally:
            ledger.close()

    def kill_when(self, verb: str, seen: Callable[[], bool]) -> None:
        """Run one command and kill its whole tree as soon as something is seen."""
        process = self.begin(verb)
        began = time.monotonic()
        while not seen() and process.poll() is None and time.monotonic() - began < LONG:
            time.sleep(0.002)
        was_running = process.poll() is None
        process.kill_all()
        told = process.communicate()[1]
        assert was_running, told
        assert seen(), told

    def check_stored(self) -> None:
        """Open what the target holds with the reference package and compare."""
        for name in ("crypt4gh", "crypt4gh.header"):
            logging.getLogger(name).disabled = True  # the reference package logs keys
        escrow = get_private_key(str(self.folder / "keys" / "escrow.sec"), lambda: "")
        for key, body in self.corpus.items():
            out = io.BytesIO()
            decrypt([(0, escrow, None)], io.BytesIO(self.fetch(f"in/{key}.c4gh")), out)
            assert out.getvalue() == body, key


def errand(
    folder: Path,
    *,
    endpoint: str,
    access_key: str,
    secret_key: str,
    fetch: Callable[[str], bytes],
    provider: str = "generic",
    region: str = "us-east-1",
    target: str = "",
    big: int = 9 * MIB,
    source: str = "{kind: folder}",
    place: str = "data",
    more: Sequence[str] = (),
) -> Errand:
    """Write a plan, its keys and its corpus; `target` is put behind the dataset's bucket.

    The corpus lies in the folder `data`, which is `place` of the `source`.
    """
    rng = random.Random(5)
    corpus = {"empty": b"", ODD: rng.randbytes(70_000), BIG: rng.randbytes(big + 5)}
    for key, body in corpus.items():
        path = folder / "data" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    (folder / "keys").mkdir()
    for name in ("steward", "escrow"):
        new_pair(folder / "keys", name, passphrase=None)
    new_report_key(folder / "keys", "report", None)
    lines = [
        "version: 1", "migration: errand", f"source: {source}", "target:",
        f"  provider: {provider}", f"  region: {region}", f"  endpoint: {endpoint}",
        '  credential: {kind: access-key, id: "env:T_ID", secret: "env:T_SECRET"}',
        "seal:", "  format: crypt4gh", "  recipients: [keys/steward.pub, keys/escrow.pub]",
        '  identity: "file:keys/steward.sec"', "datasets:",
        "  - name: all", f"    source: {{path: {place}}}",
        f"    target: {{bucket: {BUCKET}, prefix: in/{target}}}",
        "engine: {kind: local, processes: 1, connections: 4}", "limits: {retry_budget: 2s}",
        'report: {signer: "file:keys/report.key"}', *more,
    ]  # fmt: skip
    (folder / "plan.yaml").write_text("\n".join(lines) + "\n")
    environ = dict(os.environ) | {"T_ID": access_key, "T_SECRET": secret_key}
    return Errand(folder=folder, environ=environ, fetch=fetch, corpus=corpus)
