"""One suite for every kind of pointer, each opened from a plan and looked at around the tool."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import Exit, MigrateError, Missing, PointerMoved
from tests.support import pointers
from tests.support.pointers import NEW, OLD, OTHER, Rig
from tests.support.ssh import SshServer, openssh, paramiko_server

pytestmark = pytest.mark.live

KINDS: dict[str, Callable[[Path, Callable[[str], Any]], Rig]] = {
    "file": lambda folder, _: pointers.whole_file(folder),
    "file, YAML key": lambda folder, _: pointers.yaml_file(folder),
    "file, JSON key": lambda folder, _: pointers.json_file(folder),
    "s3-object, moto": lambda folder, get: pointers.s3_object(folder, get("bucket")),
    "s3-object, moto without conditions": lambda folder, get: pointers.s3_object(
        folder, get("bucket"), conditional=False
    ),
    "s3-object, rclone": lambda folder, get: pointers.s3_object(folder, get("rclone_bucket")),
    "command": lambda folder, _: pointers.command(folder),
    "ssh-command, OpenSSH": lambda folder, get: pointers.ssh_command(folder, get("sshd")),
    "ssh-command, paramiko": lambda folder, get: pointers.ssh_command(folder, get("in_process")),
}
GUARDS = {"s3-object, moto": "conditional"}


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    folder = tmp_path_factory.mktemp("sshd")
    with openssh(folder, folder / "log") as server:
        yield server


@pytest.fixture(scope="module")
def in_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with paramiko_server(tmp_path_factory.mktemp("paramiko")) as server:
        yield server.as_server()


@pytest.fixture(params=KINDS)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    made = KINDS[request.param](tmp_path, request.getfixturevalue)
    made.lay(OLD)
    return made


def test_reads_what_is_there_and_says_that_nothing_is_missing(rig: Rig) -> None:
    pointer = rig.open()
    before = rig.raw()

    assert pointer.read() == OLD
    assert list(pointer.check()) == []
    assert pointer.kind == rig.section["kind"]
    assert rig.raw() == before


def test_swap_sets_the_new_value_and_rollback_brings_back_every_byte(rig: Rig) -> None:
    before = rig.raw()

    rig.open().swap(expected=OLD, new=NEW)
    switched = rig.raw()
    assert rig.open().read() == NEW
    rig.open().swap(expected=NEW, new=OLD)
    assert rig.raw() == before
    rig.open().swap(expected=OLD, new=NEW)

    assert rig.raw() == switched == before.replace(OLD.encode(), NEW.encode())


def test_a_swap_that_was_made_already_changes_nothing(rig: Rig) -> None:
    pointer = rig.open()
    pointer.swap(expected=OLD, new=NEW)
    after = rig.raw()

    pointer.swap(expected=OLD, new=NEW)
    rig.open().swap(expected=OLD, new=NEW)

    assert rig.raw() == after


def test_a_pointer_that_somebody_moved_is_refused_and_left_alone(rig: Rig) -> None:
    pointer = rig.open()
    assert pointer.read() == OLD
    rig.lay(OTHER)
    theirs = rig.raw()

    for expected, new in ((OLD, NEW), (NEW, OLD)):
        with pytest.raises(PointerMoved) as refused:
            pointer.swap(expected=expected, new=new)
        assert refused.value.exit_code is Exit.REFUSED
        assert rig.raw() == theirs


def test_a_pointer_that_is_not_there_is_told_and_not_made(rig: Rig, tmp_path: Path) -> None:
    places: dict[str, dict[str, Any]] = {
        "file": {"path": "nowhere/CURRENT"},
        "s3-object": {"key": "pmsi/GONE"},
        "command": {"check": ["./nothing"]},
        "ssh-command": {"check": [f"{tmp_path}/nothing"]},
    }
    pointer = rig.open(**places[rig.section["kind"]])

    with pytest.raises(MigrateError):
        pointer.read()
    with pytest.raises(MigrateError):
        pointer.swap(expected=OLD, new=NEW)
    assert [problem.where for problem in pointer.check()]
    if rig.section["kind"] in {"file", "s3-object"}:
        with pytest.raises(Missing):
            pointer.read()


def test_a_value_that_carries_a_credential_is_a_problem_and_is_not_shown(rig: Rig) -> None:
    secret = "https://reader:hunter2hunter2@hdhprod.example.org/pmsi/"
    rig.lay(secret)
    pointer = rig.open()

    problems = list(pointer.check())
    with pytest.raises(PointerMoved) as refused:
        pointer.swap(expected=OLD, new=NEW)

    assert len(problems) == 1
    assert "hunter2" not in str(problems[0])
    assert "hunter2" not in str(refused.value)


def test_the_guard_is_what_the_store_really_does(rig: Rig, request: pytest.FixtureRequest) -> None:
    pointer = rig.open()

    pointer.swap(expected=OLD, new=NEW)

    kind = request.node.callspec.params["rig"]
    assert pointer.guard == GUARDS.get(kind, "checked")
