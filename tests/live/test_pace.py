"""Workers keep to the requests that a bucket takes, each to its share, on a real server."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from hdh_migrate import wiring
from hdh_migrate.model import Role
from hdh_migrate.plan.loader import load
from hdh_migrate.wiring.chosen import profile_of
from hdh_migrate.wiring.workers import config_of
from tests.support.fixtures import Bucket

pytestmark = pytest.mark.live

READS = 40
PROCESSES = 2
ASKED = 15


def test_a_worker_asks_no_faster_than_its_share(
    tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("T_ID", bucket.server.access_key)
    monkeypatch.setenv("T_SECRET", bucket.server.secret_key)
    claim = {"as_of": "2026-11-01", "source": "a test", "confirmed": "yes"}
    (tmp_path / "own.yaml").write_text(
        json.dumps({"claims": {"reads_per_second": {"value": READS, **claim}}})
    )
    (tmp_path / "plan.yaml").write_text(f"""\
version: 1
migration: pace
source: {{kind: folder}}
target:
  provider: generic
  profile: own.yaml
  endpoint: {bucket.server.endpoint}
  credential: {{kind: access-key, id: "env:T_ID", secret: "env:T_SECRET"}}
seal: {{format: none, reason: a test}}
datasets:
  - {{name: all, source: {{path: data}}, target: {{bucket: {bucket.name}}}}}
verify: {{level: head}}
""")
    loaded = load(tmp_path / "plan.yaml")
    config = config_of(
        loaded.plan, Role.PROVE, wiring.Vault.open(loaded.base), "a tag", epoch=0, write=False,
        admitted=True, limits=profile_of(loaded.plan, loaded.base).limits, recipients=(),
    )  # fmt: skip
    service = wiring.WorkerService(replace(config, processes=PROCESSES))
    reader = service._hands.reader
    assert reader is not None
    began = time.monotonic()
    for number in range(ASKED):
        assert reader.head(bucket.name, f"key-{number}") is None
    took = time.monotonic() - began
    assert took >= (ASKED - 1) / (READS / PROCESSES) - 0.1
