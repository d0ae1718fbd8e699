"""What a plan's adapters are, once they are opened."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from hdh_migrate.clocks import Judge
from hdh_migrate.errors import KeyUnavailable
from hdh_migrate.model import Role
from hdh_migrate.plan.loader import LoadedPlan, load
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.verbs import decommission
from hdh_migrate.wiring import (
    Services,
    Vault,
    open_eraser,
    open_freeze_probe,
    open_pointer,
)
from hdh_migrate.wiring.hands import Hands
from hdh_migrate.wiring.worker_config import WorkerConfig
from hdh_migrate.wiring.workers import config_of
from tests.support.fakes import LIMITS
from tests.support.quiet import Notes, WallClock
from tests.unit.session.test_gate import PLAN
from tests.unit.wiring.test_worker_secrets import PLAN as AZURE

NOW = "2026-11-25T12:00:00.000Z"
UNSEALED = 'seal: {format: none, reason: "a test"}\n'


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "T_ID",
        "T_SECRET",
        "T_CONSUMER_ID",
        "T_CONSUMER",
        "T_WRITE_ID",
        "T_WRITE",
        "T_READ_ID",
        "T_READ",
    ):
        monkeypatch.setenv(name, f"value of {name}")
    for name in ("T_SOURCE", "T_WRITER", "T_ERASER"):
        monkeypatch.setenv(name, "sv=1&sig=abc")


def planned(folder: Path, text: str) -> LoadedPlan:
    head, _, rest = text.partition("seal:")
    (folder / "plan.yaml").write_text(head + UNSEALED + rest[rest.index("datasets:") :])
    return load(folder / "plan.yaml")


def opened(plan: LoadedPlan) -> Services:
    return Services.open(plan.plan, plan.base, write=True)


def test_a_folder_is_no_witness_of_the_time(tmp_path: Path) -> None:
    services = opened(planned(tmp_path, PLAN))

    assert [one.endpoint for one in services.witnesses()] == ["https://s3.fr-par.scw.cloud"]


def test_where_there_is_only_a_folder_the_local_clock_judges_alone(tmp_path: Path) -> None:
    services = opened(planned(tmp_path, PLAN))
    services.transports = services.transports[:1]

    assert Judge(WallClock(NOW), witnesses=services.witnesses).firm().alone


def test_source_and_target_are_the_witnesses_of_a_plan(tmp_path: Path) -> None:
    services = opened(planned(tmp_path, AZURE))

    assert [one.endpoint for one in services.witnesses()] == [
        "http://127.0.0.1:10000",
        "http://127.0.0.1:9000",
    ]


def sides(opened: Services | Hands) -> list[tuple[str, str]]:
    contacts = opened.contacts if isinstance(opened, Hands) else opened.transports
    return [(side, transport.door.endpoint) for side, transport in contacts]


SOURCE = ("source", "http://127.0.0.1:10000/devstoreaccount1")
TARGET = ("target", "http://127.0.0.1:9000")
LOGIN = "https://login.microsoftonline.com"
IDENTITY = (
    "{kind: client-secret, tenant: 00000000-0000-0000-0000-000000000000,"
    ' client_id: 00000000-0000-0000-0000-000000000000, secret: "env:T_WRITER"}'
)


def test_one_credential_to_the_target_has_one_way_to_it(tmp_path: Path) -> None:
    text = AZURE.replace('id: "env:T_READ_ID", secret: "env:T_READ"', "")
    one = opened(planned(tmp_path, text.replace("  credential: {kind: access-key, }\n", "")))
    assert sides(one) == [SOURCE, TARGET]
    two = opened(planned(tmp_path, AZURE))
    assert sides(two) == [SOURCE, TARGET, TARGET]


def hands(folder: Path, role: Role, *, write: bool = True, text: str = AZURE) -> Hands:
    """Return what a worker opens with the secrets that it is given."""
    plan = planned(folder, text)
    config = config_of(
        plan.plan, role, Vault.open(plan.base), "tag",
        epoch=0, write=write, admitted=False, limits=LIMITS, recipients=(),
    )  # fmt: skip
    told = WorkerConfig.of(json.loads(json.dumps(config.as_json())))
    return Hands.open(told, Vault.of(told.base, told.secrets))


def test_who_proves_holds_neither_the_source_nor_what_could_write(tmp_path: Path) -> None:
    held = hands(tmp_path, Role.PROVE)
    assert sides(held) == [TARGET]
    assert held.reader is not None
    assert (held.source, held.writer) == (None, None)


def test_who_moves_holds_nothing_to_read_back_with(tmp_path: Path) -> None:
    held = hands(tmp_path, Role.MOVE)
    assert sides(held) == [SOURCE, TARGET]
    assert held.reader is None
    assert None not in {held.source, held.writer}


def test_who_moves_in_a_run_that_writes_nothing_holds_the_source_alone(tmp_path: Path) -> None:
    held = hands(tmp_path, Role.MOVE, write=False)
    assert sides(held) == [SOURCE]
    assert (held.reader, held.writer) == (None, None)


def test_who_proves_holds_the_source_where_it_is_to_be_read_again(tmp_path: Path) -> None:
    text = AZURE.replace("  level: full\n", "  level: full\n  source: again\n")
    held = hands(tmp_path, Role.PROVE, text=text)
    assert sides(held) == [SOURCE, TARGET]
    assert held.writer is None


def test_who_deletes_at_the_source_does_not_know_what_writes_the_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("T_WRITE")
    planned(tmp_path, AZURE)
    desk = Desk.open(tmp_path / "plan.yaml", None, Notes(), threading.Event())
    section = desk.loaded.plan.cutovers[0].decommission
    assert section is not None

    services = decommission._services(desk, section, reads=True)

    assert sides(services) == [SOURCE, TARGET]
    assert services.writer is None
    with pytest.raises(KeyUnavailable):
        desk.services(write=False)


def test_whatever_is_opened_beside_a_run_is_counted_where_evidence_tells_of_it(
    tmp_path: Path,
) -> None:
    text = AZURE.replace('{kind: sas, value: "env:T_WRITER"}', IDENTITY)
    text = text.replace('{kind: sas, value: "env:T_ERASER"}', IDENTITY)
    text = text.replace(
        '{kind: file, path: /srv/pointer.yaml, key: url, value: "s3://hds/"}',
        "{kind: s3-object, bucket: catalogue, key: k, endpoint: 'https://s3.example.org',"
        ' credential: {kind: access-key, id: "env:T_ID", secret: "env:T_SECRET"},'
        ' value: "s3://hds/"}',
    )
    plan = planned(tmp_path, text)
    services = opened(plan)
    entry, pointer = plan.plan.cutovers[0], plan.plan.batches[0].pointer
    assert entry.decommission is not None
    assert pointer is not None
    before = sides(services)
    added: list[tuple[str, str]] = []

    for make in (
        lambda: open_freeze_probe(plan.plan, services.vault),
        lambda: open_eraser(plan.plan, entry.decommission, services.vault),
        lambda: open_pointer(plan.plan, pointer, services.vault, None),
    ):
        assert services.take(make()) is not None

    added = sides(services)[len(before) :]
    assert added == [
        SOURCE, ("identity", LOGIN), SOURCE, ("identity", LOGIN),
        ("pointer", "https://s3.example.org"),
    ]  # fmt: skip


def test_the_gate_moves_the_doors_of_the_run_and_no_other(tmp_path: Path) -> None:
    text = AZURE.replace("http://127.0.0.1:9000", "https://s3.example.org")
    text = text.replace(
        '{kind: file, path: /srv/pointer.yaml, key: url, value: "s3://hds/"}',
        '{kind: s3-object, bucket: catalogue, key: k, value: "s3://hds/"}',
    )
    plan = planned(tmp_path, text)
    services = opened(plan)
    pointer = plan.plan.batches[0].pointer
    assert pointer is not None
    beside = open_pointer(plan.plan, pointer, services.vault, None)
    services.take(beside)

    services.admit()
    assert services.admitted
    services.shut()

    assert not services.admitted
    assert all(transport.door.admitted for _, transport in beside.contacts)  # the way back is open
    assert beside.contacts[0][1] not in [
        transport for one in services.witnesses() for transport in getattr(one, "transports", ())
    ]


def test_who_reads_nothing_at_the_source_needs_no_secret_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a decommission its SAS was destroyed, and with it every way to read the target."""
    plan = planned(tmp_path, AZURE)
    monkeypatch.delenv("T_SOURCE")
    with pytest.raises(KeyUnavailable, match="T_SOURCE"):
        opened(plan)
    services = Services.open(plan.plan, plan.base, write=False, reads=False)
    assert [side for side, _ in services.transports] == ["target"] * len(services.transports)
    with pytest.raises(KeyUnavailable, match="T_SOURCE"):
        services.source.check(plan.plan.datasets[0].source.place)
