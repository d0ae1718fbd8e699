"""A worker opens a source from plain values as the coordinator opens it from the plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from hdh_migrate.errors import MalformedMessage
from hdh_migrate.model import Role
from hdh_migrate.plan.model import Plan
from hdh_migrate.plan.sides import SOURCES as SECTIONS
from hdh_migrate.plan.sides import SourceSection, one_of
from hdh_migrate.wiring.plain import PlainSection
from hdh_migrate.wiring.sources import SOURCES, as_plain, open_plain
from hdh_migrate.wiring.vault import Vault
from hdh_migrate.wiring.worker_config import WorkerConfig
from tests.support.fakes import LIMITS

GUID = "00000000-0000-0000-0000-000000000000"
BLOB = {"kind": "azure-blob", "account_url": "https://a.blob.core.windows.net"}
SFTP = {
    "kind": "azure-sftp", "account_url": "sftp://a.blob.core.windows.net", "user": "a.b.c",
    "host_keys": [{"fingerprint": "SHA256:" + 43 * "A"}],
}  # fmt: skip
PINS = ["sha256//n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="]
SHAPES = {
    "folder": {"kind": "folder"},
    "sas": {**BLOB, "credential": {"kind": "sas", "value": "env:T"}},
    "pinned": {
        **BLOB, "credential": {"kind": "sas", "value": "env:T"}, "tls": {"spki_pins": PINS},
    },
    "shared-key": {**BLOB, "credential": {"kind": "shared-key", "value": "env:T_KEY"}},
    "managed": {**BLOB, "credential": {"kind": "managed-identity"}},
    "workload": {
        **BLOB,
        "credential": {
            "kind": "workload-identity", "tenant": GUID, "client_id": GUID, "token_file": "t",
        },
    },
    "secret": {
        **BLOB,
        "credential": {
            "kind": "client-secret", "tenant": GUID, "client_id": GUID, "secret": "env:T",
        },
    },
    "password": {**SFTP, "credential": {"kind": "password", "value": "env:T"}},
    "agent": {**SFTP, "credential": {"kind": "ssh-agent"}},
}  # fmt: skip
SECRETS = {"env:T": "sv=1&sig=abc", "env:T_KEY": "a2V5"}


def section(shape: str) -> SourceSection:
    adapter = TypeAdapter[SourceSection](one_of(SECTIONS))
    return adapter.validate_json(json.dumps(SHAPES[shape]))


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_told_opens_the_same_source(shape: str, tmp_path: Path) -> None:
    read = section(shape)
    told = json.loads(json.dumps(as_plain(read)))
    ours = SOURCES[read.kind].read(read, Vault.of(tmp_path, SECRETS))

    opened = open_plain(told, Vault.of(tmp_path, SECRETS))

    assert type(opened.thing) is type(ours.thing)
    assert opened.thing.reads_together is read.traits.reads_together
    assert [(side, one.door.endpoint) for side, one in opened.contacts] == [
        (side, one.door.endpoint) for side, one in ours.contacts
    ]
    for one, other in zip(opened.contacts, ours.contacts, strict=True):
        assert one[1].door.addresses == other[1].door.addresses


@pytest.mark.parametrize("shape", SHAPES)
def test_every_field_and_every_answer_is_told(shape: str) -> None:
    read, told = section(shape), PlainSection(as_plain(section(shape)))
    for name in {*type(read).model_fields, "address", "is_local", "is_contacted", "reads_twice"}:
        value, ours = getattr(told, name), getattr(read, name)
        assert value == ours or isinstance(value, PlainSection | tuple), name


def test_all_kinds_are_among_them() -> None:
    assert {shape["kind"] for shape in SHAPES.values()} == set(SOURCES), "give SHAPES one of each"
    assert Plan.kinds == SECTIONS


def config(**fields: object) -> dict[str, object]:
    told = WorkerConfig(
        base=Path("/plans"), secrets={"env:T": "s"}, run_tag="r", epoch=0, role=Role.PROVE,
        write=False, admitted=True, limits=LIMITS, source=None, reads=None, writes=None,
        form="none", recipients=(), identity=None, identity_passphrase=None, routes={},
        level="full", reread=False, checked=False, retry_budget=1.0, memory=1,
    ).as_json()  # fmt: skip
    return {**json.loads(json.dumps(told)), **fields}


@pytest.mark.parametrize(
    ("field", "value"),
    {
        "base": 7, "secrets": {"env:T": 1}, "role": "owner", "limits": [1], "routes": {"d": {}},
        "recipients": "c4gh", "admitted": 1, "reads": {}, "memory": "1 MiB",
    }.items(),
)  # fmt: skip
def test_what_is_of_another_type_starts_no_worker(field: str, value: object) -> None:
    assert WorkerConfig.of(config()).limits == LIMITS
    with pytest.raises(MalformedMessage, match=f"WorkerConfig.{field}"):
        WorkerConfig.of(config(**{field: value}))


def test_what_is_missing_starts_no_worker() -> None:
    told = config()
    del told["epoch"]
    with pytest.raises(MalformedMessage, match="epoch"):
        WorkerConfig.of(told)
