"""A worker is given what its role reaches; never what erases or signs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hdh_migrate.errors import KeyUnavailable
from hdh_migrate.model import Role
from hdh_migrate.plan.loader import load
from hdh_migrate.plan.model import Plan
from hdh_migrate.wiring import Vault, worker_secrets
from hdh_migrate.wiring.worker_config import WorkerConfig
from hdh_migrate.wiring.workers import config_of, source_secrets
from tests.support.fakes import LIMITS

PLAN = """\
version: 1
migration: secrets
source:
  kind: azure-blob
  account_url: http://127.0.0.1:10000/devstoreaccount1
  credential: {kind: sas, value: "env:T_SOURCE"}
target:
  provider: generic
  endpoint: http://127.0.0.1:9000
  credential: {kind: access-key, id: "env:T_WRITE_ID", secret: "env:T_WRITE"}
seal:
  format: crypt4gh
  recipients: [keys/a.pub, keys/b.pub]
  identity: "file:keys/a.sec"
  identity_passphrase: "env:T_PHRASE"
datasets:
  - {name: all, source: {container: emc2}, target: {bucket: hds}}
batches:
  - name: all
    datasets: [all]
    pointer: {kind: file, path: /srv/pointer.yaml, key: url, value: "s3://hds/"}
verify:
  level: full
  credential: {kind: access-key, id: "env:T_READ_ID", secret: "env:T_READ"}
freeze: {kind: denied-write, credential: {kind: sas, value: "env:T_WRITER"}}
cutovers:
  - batch: all
    smoke:
      objects: 1
      credential: {kind: access-key, id: "env:T_CONSUMER_ID", secret: "env:T_CONSUMER"}
      identity: "file:keys/b.sec"
    window: 1d
    approvals: {}
    decommission:
      credential: {kind: sas, value: "env:T_ERASER"}
      cooling: 1d
      trust: [keys/report.pub]
approvals: {keys: [keys/dpo.pub], threshold: 1}
report: {signer: "file:keys/report.key", signer_passphrase: "env:T_SIGNER"}
"""
SOURCE, PHRASE = {"env:T_SOURCE"}, {"env:T_PHRASE"}
READING = {"env:T_READ_ID", "env:T_READ"}
WRITING = {"env:T_WRITE_ID", "env:T_WRITE"}


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    for name in ("SOURCE", "WRITE_ID", "WRITE", "READ_ID", "READ", "PHRASE", "WRITER", "CONSUMER",
                 "CONSUMER_ID", "ERASER", "SIGNER"):  # fmt: skip
        monkeypatch.setenv(f"T_{name}", f"secret-{name}")
    (tmp_path / "plan.yaml").write_text(PLAN)
    return load(tmp_path / "plan.yaml").plan


@pytest.mark.parametrize(
    ("role", "write", "given"),
    [
        (Role.MOVE, True, SOURCE | WRITING | PHRASE),
        (Role.MOVE, False, SOURCE),
        (Role.PROVE, True, READING | PHRASE),
        (Role.PROVE, False, READING | PHRASE),
    ],
)
def test_a_worker_is_given_the_secrets_of_its_orders_and_no_other(
    plan: Plan, tmp_path: Path, role: Role, write: bool, given: set[str]
) -> None:
    found = worker_secrets(plan, role, Vault.open(tmp_path), write=write)

    assert found == {ref: f"secret-{ref.removeprefix('env:T_')}" for ref in given}


def test_who_proves_holds_the_source_only_where_it_is_to_be_read_again(
    plan: Plan, tmp_path: Path
) -> None:
    again = plan.model_copy(update={"verify": plan.verify.model_copy(update={"source": "again"})})

    found = worker_secrets(again, Role.PROVE, Vault.open(tmp_path), write=True)

    assert set(found) == SOURCE | READING | PHRASE


def test_who_lists_the_source_again_holds_its_secrets_and_no_other(
    plan: Plan, tmp_path: Path
) -> None:
    assert set(source_secrets(plan, Vault.open(tmp_path))) == SOURCE


def test_a_vault_that_was_handed_secrets_looks_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("T_ERASER", "canary")
    vault = Vault.of(tmp_path, {"env:T_SOURCE": "given"})

    assert vault.reveal("env:T_SOURCE") == "given"
    with pytest.raises(KeyUnavailable) as refused:
        vault.reveal("env:T_ERASER")
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("role", Role)
def test_a_worker_is_told_the_same_over_its_pipe_and_shows_no_secret(
    plan: Plan, tmp_path: Path, role: Role
) -> None:
    config = config_of(
        plan, role, Vault.open(tmp_path), "tag",
        epoch=2, write=True, admitted=False, limits=LIMITS, recipients=("ab",),
    )  # fmt: skip

    sent = json.loads(json.dumps({**config.as_json(), "processes": 3, "threads": 4}))

    assert WorkerConfig.of(sent) == replace(config, processes=3)
    assert "secret-" not in repr(config)
