"""Preflight looks at the pointers of a plan, and changes none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit
from tests.cli.test_cli import Desk
from tests.support.fixtures import Bucket
from tests.support.ssh import new_key, paramiko_server

pytestmark = pytest.mark.live

PILOT = "{name: pilot, datasets: [tables]}"


@pytest.fixture
def desk(tmp_path: Path, bucket: Bucket) -> Desk:
    return Desk(tmp_path, bucket)


def point(desk: Desk, pointer: str) -> None:
    batch = PILOT.replace("}", f", pointer: {{{pointer}}}}}")
    assert PILOT in desk.text
    desk.plan.write_text(desk.text.replace(PILOT, batch))


def test_a_pointer_that_is_there_passes_and_one_that_is_not_is_told(desk: Desk) -> None:
    point(desk, "kind: file, path: catalogue.yaml, key: pmsi.url, value: s3://hds/pmsi/")

    missing = desk.run("preflight", str(desk.plan))
    assert missing.returncode == Exit.REFUSED
    assert "catalogue.yaml: there is no such file" in missing.stdout + missing.stderr

    (desk.folder / "catalogue.yaml").write_text("pmsi: {url: https://old.example.org/}\n")
    assert desk.run("preflight", str(desk.plan)).returncode == Exit.OK
    assert desk.run("preflight", str(desk.plan), "--batch", "imaging").returncode == Exit.OK


def test_a_wrong_machine_or_an_old_one_is_told_in_a_line(desk: Desk, tmp_path: Path) -> None:
    with paramiko_server(tmp_path) as server:
        at = server.as_server()
        shutil.copy(at.login.path, desk.folder / "login.key")
        commands = "check: [cat, x], apply: [x], revert: [x], value: s3://hds/pmsi/"
        point(
            desk,
            f"kind: ssh-command, host: {at.host}, port: {at.port}, user: {at.user},"
            f' key: "file:login.key", host_keys: ["{at.host_key.fingerprint}"], {commands}',
        )
        server.host_key = new_key(tmp_path / "changed")
        changed = desk.run("preflight", str(desk.plan))
        assert changed.returncode == Exit.REFUSED
        for fingerprint in (at.host_key.fingerprint, server.host_key.fingerprint):
            assert fingerprint in changed.stdout + changed.stderr

        server.weak = "ciphers"
        old = desk.run("preflight", str(desk.plan))
        assert old.returncode == Exit.REFUSED
        assert "old algorithms only" in old.stdout + old.stderr
        assert server.logins == 0
