"""What is proved from the state folder must be its owner's alone."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import IO

import pytest

from hdh_migrate.errors import Exit, LedgerWithheld, Refused, UsageError
from hdh_migrate.folders import demand_private, ledger_path
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.session.verbs import fetch
from hdh_migrate.telemetry import SystemClock
from tests.cli.test_cli import Desk
from tests.support.command import command
from tests.support.filled import PLAN
from tests.support.fixtures import Bucket

pytestmark = pytest.mark.live


@pytest.fixture
def desk(tmp_path: Path, bucket: Bucket) -> Desk:
    return Desk(tmp_path, bucket)


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o701, 0o750])
@pytest.mark.parametrize("verb", ["status", "run", "report"])
def test_a_state_folder_that_is_open_to_others_is_refused(desk: Desk, mode: int, verb: str) -> None:
    state = desk.folder / "state"
    state.mkdir()
    state.chmod(mode)

    done = desk.run(verb, str(desk.plan), "--state-dir", str(state))

    assert done.returncode == Exit.REFUSED
    assert f"is open to others (mode {mode:04o})" in done.stderr
    assert f"chmod 700 {state}" in done.stderr
    assert list(state.iterdir()) == []
    assert desk.stored() == set()


def test_a_state_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    folder = Path("/")  # root's, if we are not
    if os.geteuid() == 0:
        folder = tmp_path / "state"
        folder.mkdir(mode=0o700)
        os.chown(folder, 65534, 65534)
    with pytest.raises(Refused, match="belongs to another user"):
        demand_private(folder)


@pytest.mark.parametrize("verb", ["status", "hold", "run"])
@pytest.mark.parametrize("link", [".", "essai", ".."])
def test_a_state_folder_whose_disk_is_away_is_not_begun_anew(
    tmp_path: Path, verb: str, link: str
) -> None:
    """`status` said that no run had begun, and to begin one."""
    (plan := tmp_path / "plan.yaml").write_text(PLAN)
    state = tmp_path / "mounted" / "here" / "state"
    place = Path(os.path.normpath(state / link))
    place.parent.mkdir(parents=True, mode=0o700)
    place.symlink_to(tmp_path / "away")
    said = command(verb, str(plan), "--state-dir", str(state))
    assert said.returncode == 3
    assert f"{place}: is a link that leads nowhere" in said.stderr
    assert "mount the disk" in said.stderr


def test_a_folder_that_is_not_there_is_made_private(tmp_path: Path) -> None:
    path = ledger_path(tmp_path / "state", "emc2")
    SqliteLedger.open(path, SystemClock()).close()
    for folder in (path.parent, path.parent.parent):
        assert folder.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_restored_ledger_loses_the_rights_of_others(tmp_path: Path) -> None:
    path = ledger_path(tmp_path / "state", "emc2")
    SqliteLedger.open(path, SystemClock()).close()
    path.chmod(0o666)
    SqliteLedger.open(path, SystemClock()).close()
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["lock", "ledger.db"])
def test_a_link_in_the_place_of_a_file_of_ours_is_not_followed(tmp_path: Path, name: str) -> None:
    path = ledger_path(tmp_path / "state", "emc2")
    path.parent.mkdir(parents=True, mode=0o700)
    path.parent.parent.chmod(0o700)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path.with_name(name).symlink_to(victim)

    with pytest.raises(LedgerWithheld, match="cannot be opened") as refused:
        SqliteLedger.open(path, SystemClock())

    assert refused.value.exit_code == Exit.UNEXPECTED  # 10 says: put a copy in its place
    assert victim.read_text() == "precious"


def broken_off(file: IO[bytes]) -> None:
    file.write(b"patient")
    raise KeyError


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_a_fetch_that_fails_or_is_killed_leaves_no_plaintext(
    tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not links:  # such a file system has no nameless files either
        monkeypatch.setattr(os, "link", refused)
    killed = tmp_path / ".fetch-killed"
    killed.write_bytes(b"what an earlier version, or another file system, left")
    for appearing in (fetch.appearing, fetch._hidden) if links else (fetch._hidden,):
        out = tmp_path / "out.csv"
        with pytest.raises(KeyError), appearing(out) as file:
            broken_off(file)
        assert not out.exists()
        with appearing(out) as file:
            file.write(b"patient")
            file.flush()
            assert not out.exists()
        assert out.read_bytes() == b"patient"
        assert out.stat().st_mode & 0o777 == 0o600
        with pytest.raises(UsageError, match=r"out\.csv exists"), appearing(out) as file:
            file.write(b"other")  # it was free when this began, hours ago
        assert out.read_bytes() == b"patient"
        out.unlink()
    assert list(tmp_path.iterdir()) == []
