"""A plan between two proxies, run in this process: Azurite to moto, with four objects."""

from __future__ import annotations

import io
import logging
import os
import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from azure.storage.blob import BlobBlock, ContainerClient
from crypt4gh.keys import get_private_key
from crypt4gh.lib import decrypt

from hdh_migrate.demo.servers import Azurite
from hdh_migrate.errors import Exit, MigrateError
from hdh_migrate.evidence.signatures.signing import new_report_key
from hdh_migrate.folders import STATE_DIR, ledger_path
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import SIDECARS, ObjectRecord, OpenFinding, State, Step
from hdh_migrate.results.moves import Check
from hdh_migrate.sealing.keys import new_pair
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.timekeeping import judge_for
from hdh_migrate.session.verbs import preflight
from hdh_migrate.session.verbs.run import perform
from hdh_migrate.telemetry import SystemClock
from tests.support.fixtures import Bucket, ProxyTo
from tests.support.here import HERE
from tests.support.proxy import Proxy
from tests.support.quiet import Notes
from tests.support.servers import SHORTEST_PART

MIB = 1 << 20
BIG = "scans/volume 1.raw"
SMALL = "tables/é 100%+.csv"

PART = 8 * 65_536
"""Plaintext bytes of a part where parts are `short`."""
SHORT = PART + PART // 8 + 5
"""Bytes of the large object where parts are `short`: two of them, as of 9 MiB usually."""
_CLAIM = "{{value: {}, as_of: 2026-11-01, source: seen here, confirmed: yes}}"
_MOST = 8 * 65_564 + 1_000  # a part with its header
SHORT_PARTS = "\n".join([
    "claims:", f"  min_part: {_CLAIM.format(SHORTEST_PART)}", f"  max_part: {_CLAIM.format(_MOST)}",
    f"  max_put: {_CLAIM.format(_MOST)}", "",
])  # fmt: skip
"""A profile of a host that takes no larger parts."""


def corpus_of(large: int) -> dict[str, bytes]:
    """Return four objects, of which one has so many bytes."""
    rng = random.Random(3)
    return {
        "empty": b"",
        BIG: rng.randbytes(large),
        SMALL: rng.randbytes(70_000),
        "tables/other.csv": rng.randbytes(900),
    }


@pytest.fixture(scope="module")
def corpus() -> dict[str, bytes]:
    return corpus_of(9 * MIB + 5)


@pytest.fixture(scope="module")
def filled(azurite: Azurite, corpus: Mapping[str, bytes]) -> Iterator[str]:
    """A container with the corpus; the large object is made of blocks, so it claims no MD5."""
    name = "lies"
    with ContainerClient.from_connection_string(azurite.connection_string, name) as client:
        client.create_container()
        for key, body in corpus.items():
            if key != BIG:
                client.upload_blob(key, body)
        blob = client.get_blob_client(BIG)
        blob.stage_block("0001", corpus[BIG])
        blob.commit_block_list([BlobBlock("0001")])
        yield name
        client.delete_container()


@dataclass(slots=True, kw_only=True)
class Affair:
    """One plan between two proxies, run in this process."""

    folder: Path
    source: Proxy
    target: Proxy
    bucket: Bucket
    corpus: Mapping[str, bytes]
    told: list[str] = field(default_factory=list)

    def plan(self, was: str, now: str) -> None:
        """Change the plan before its first run."""
        path = self.folder / "plan.yaml"
        text = path.read_text()
        assert was in text
        path.write_text(text.replace(was, now))

    def short_parts(self) -> None:
        """Let the large object be sent in parts although it has `SHORT` bytes."""
        (self.folder / "own.yaml").write_text(SHORT_PARTS)
        self.plan("  provider: generic\n", "  provider: generic\n  profile: own.yaml\n")

    def patient(self) -> None:
        """Try again for long: a lie that ends after a few replies must be outlasted, not outrun."""
        self.plan("retry_budget: 1s", "retry_budget: 10m")

    def environ(self, name: str) -> str:
        """Return what a reference of the plan stands for."""
        return os.environ[name]

    def run(self) -> Exit:
        """Run the plan once and check what must hold whatever was said."""
        desk = Desk.open(self.folder / "plan.yaml", None, Notes(), threading.Event(), HERE)
        try:
            code = perform(desk, list(Step), ())[0]
        except MigrateError as error:
            code = error.exit_code
            self.told.append(str(error))
        self.check_verified()
        return code

    def again(self, runs: int) -> Exit:
        """Run until it ends well, as an operator would."""
        for _ in range(runs):
            code = self.run()
            if code is Exit.OK:
                break
        return code

    def check_verified(self) -> None:
        escrow = get_private_key(str(self.folder / "keys" / "escrow.sec"), lambda: "")
        for key in self.verified():
            stored = self.bucket.client.get_object(Bucket=self.bucket.name, Key=f"in/{key}.c4gh")
            out = io.BytesIO()
            decrypt([(0, escrow, None)], io.BytesIO(stored["Body"].read()), out)
            assert out.getvalue() == self.corpus[key], f"{key} is called verified and is not"

    def verified(self) -> set[str]:
        """Return the keys that the ledger calls verified; its counts must close."""
        return {
            row["key"]
            for row in self.rows()
            if row["state"] is State.VERIFIED and not row["key"].startswith(SIDECARS)
        }

    def findings(self) -> list[OpenFinding]:
        """Return the open findings."""
        with closing(SqliteLedger.read_only(self._ledger, SystemClock())) as ledger:
            return list(ledger.findings())

    @property
    def _ledger(self) -> Path:
        return ledger_path(self.folder / STATE_DIR, "lies")

    def preflight(self) -> Check:
        """Return what preflight says of rights and places."""
        desk = Desk.open(self.folder / "plan.yaml", None, Notes(), threading.Event())
        services = desk.services(write=True)
        judge = judge_for(desk.clock, [services], desk.ledger_path)
        checks = preflight.report(services, desk.loaded.plan, desk.state_dir, (), judge)
        return next(check for check in checks if check["check"] == "rights and places")

    def rows(self) -> list[ObjectRecord]:
        """Return what the ledger holds of every object."""
        if not self._ledger.exists():
            return []
        with closing(SqliteLedger.read_only(self._ledger, SystemClock())) as ledger:
            rows = list(ledger.records(ledger.datasets()[0].id))
            tallied = ledger.tally(ledger.datasets()[0].id, *State).objects
        assert tallied == len(rows)
        return rows


@pytest.fixture
def affair(
    tmp_path: Path,
    azurite: Azurite,
    filled: str,
    corpus: Mapping[str, bytes],
    bucket: Bucket,
    proxy_to: ProxyTo,
    monkeypatch: pytest.MonkeyPatch,
) -> Affair:
    logging.getLogger("crypt4gh").disabled = True  # the reference package logs keys
    logging.getLogger("crypt4gh.header").disabled = True

    monkeypatch.setenv("T_SAS", azurite.sas("rl"))
    monkeypatch.setenv("T_ID", bucket.server.access_key)
    monkeypatch.setenv("T_SECRET", bucket.server.secret_key)
    source, target = proxy_to(azurite), proxy_to(bucket.server)
    (tmp_path / "keys").mkdir()
    for name in ("steward", "escrow"):
        new_pair(tmp_path / "keys", name, passphrase=None)
    new_report_key(tmp_path / "keys", "report", None)
    (tmp_path / "plan.yaml").write_text(f"""\
version: 1
migration: lies
source:
  kind: azure-blob
  account_url: {source.url}
  credential: {{kind: sas, value: "env:T_SAS"}}
target:
  provider: generic
  endpoint: {target.url}
  region: {bucket.server.region}
  credential: {{kind: access-key, id: "env:T_ID", secret: "env:T_SECRET"}}
seal:
  format: crypt4gh
  recipients: [keys/steward.pub, keys/escrow.pub]
  identity: "file:keys/steward.sec"
datasets:
  - name: all
    source: {{container: {filled}}}
    target: {{bucket: {bucket.name}, prefix: in/}}
limits: {{retry_budget: 1s}}
""")
    return Affair(folder=tmp_path, source=source, target=target, bucket=bucket, corpus=corpus)


def states(affair: Affair) -> set[State]:
    """Return the states in which objects are."""
    return {row["state"] for row in affair.rows()}
