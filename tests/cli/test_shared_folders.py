"""Folders into which others may write: nothing of theirs is followed, filled or relied on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit, KeyUnavailable, Refused, UsageError
from hdh_migrate.evidence.bundle import published
from hdh_migrate.evidence.signatures.signing import load_signer
from hdh_migrate.folders import demand_unshared
from hdh_migrate.session.verbs import fetch
from tests.support.command import command

STRANGER = 65_533
ROOT = Path(__file__).parents[2]


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    assert command("init", str(tmp_path / "new")).returncode == Exit.OK
    return tmp_path / "new" / "plan.yaml"


@pytest.mark.parametrize("what", ["keys", "keys/escrow.pub", "keys/report.key", "plan.yaml"])
def test_a_plan_that_relies_on_what_others_may_change_is_refused(plan: Path, what: str) -> None:
    place = plan.parent / what
    place.chmod(place.stat().st_mode | 0o002)
    for verb in ("preflight", "run"):
        done = command(verb, str(plan))
        assert done.returncode == Exit.REFUSED, done.stderr
        assert f"chmod go-w {place}" in done.stderr
    # Nothing is changed by these: it is told, and what ends them is something else.
    for more, ends in ((("status",), Exit.USAGE), (("run", "--dry-run"), Exit.REFUSED)):
        done = command(*more, str(plan))
        assert done.returncode == ends, done.stderr
        assert "note: a run would be refused here" in done.stderr
        assert "chmod" not in done.stderr
    place.chmod(place.stat().st_mode & ~0o002)
    assert "refused here" not in command("status", str(plan)).stderr


def test_a_state_folder_that_others_could_exchange_is_refused(plan: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    done = command("run", str(plan), "--state-dir", str(shared / "deep" / "state"))
    assert done.returncode == Exit.REFUSED
    assert f"{shared}, which leads to it, may be written by others (mode 0777)" in done.stderr
    assert list(shared.iterdir()) == []


def test_a_link_in_a_shared_folder_on_the_way_is_seen(tmp_path: Path) -> None:
    ours, shared = tmp_path / "ours", tmp_path / "shared"
    ours.mkdir(mode=0o700)
    shared.mkdir()
    (shared / "hop").symlink_to(ours)
    (tmp_path / "link").symlink_to(shared / "hop")
    demand_unshared(tmp_path / "link" / "state")
    shared.chmod(0o777)
    with pytest.raises(Refused, match="shared, which leads to it, may be written by others"):
        demand_unshared(tmp_path / "link" / "state")
    shared.chmod(0o1777)
    demand_unshared(tmp_path / "link" / "state")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(Refused, match="cannot be looked at"):
        demand_unshared(tmp_path / "loop")


def test_what_belongs_to_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").touch()
    if os.geteuid() == 0:
        os.chown(tmp_path / "key", STRANGER, STRANGER)
    else:  # who we are is changed instead, for only root gives files away
        monkeypatch.setattr(os, "geteuid", lambda: STRANGER)
    with pytest.raises(Refused, match="belongs to another user"):
        demand_unshared(tmp_path / "key")
    monkeypatch.undo()
    demand_unshared(tmp_path / "key", {STRANGER, tmp_path.stat().st_uid})


@pytest.mark.parametrize("name", [".gitignore", "plan.yaml"])
def test_init_writes_through_no_link(tmp_path: Path, name: str) -> None:
    folder, victim = tmp_path / "new", tmp_path / "victim"
    folder.mkdir()
    (folder / name).symlink_to(victim)
    for content in (None, b"precious"):
        if content is not None:
            victim.write_bytes(content)
        done = command("init", str(folder))
        assert (done.returncode == Exit.OK) == (name == ".gitignore" and content is None)
        assert (victim.read_bytes() if victim.exists() else None) == content


def test_init_puts_no_keys_where_others_may_write(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    done = command("init", str(tmp_path))
    assert done.returncode == Exit.REFUSED
    assert list(tmp_path.iterdir()) == []
    tmp_path.chmod(0o700)


def test_nothing_that_a_command_makes_may_be_written_by_others(tmp_path: Path) -> None:
    was = os.umask(0)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "hdh_migrate", "init", str(tmp_path / "a" / "b")],
            check=False, capture_output=True, umask=0,
        )  # fmt: skip
    finally:
        os.umask(was)
    assert done.returncode == Exit.OK, done.stderr
    made = [tmp_path / "a", *(tmp_path / "a").rglob("*")]
    assert len(made) == 11
    assert [path for path in made if path.stat().st_mode & 0o022] == []


def test_a_bundle_is_not_written_into_a_folder_that_lay_in_wait(tmp_path: Path) -> None:
    waiting = tmp_path / ".evidence.partial"
    waiting.mkdir()
    waiting.chmod(0o777)
    with pytest.raises(UsageError, match="open to others"), published(tmp_path / "evidence"):
        pytest.fail("it was opened")
    assert not (tmp_path / "evidence").exists()
    waiting.chmod(0o700)
    with published(tmp_path / "evidence"):
        pass
    assert (tmp_path / "evidence").stat().st_mode & 0o777 == 0o700


def test_a_pipe_in_the_place_of_a_key_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "report.key"
    os.mkfifo(pipe, 0o600)
    with pytest.raises(KeyUnavailable, match="not a regular file"):
        load_signer(pipe, None)
    for words in (["show", str(pipe)], ["relock", str(pipe), "--new-passphrase-from", "env:P"]):
        done = command("keys", *words, env={**os.environ, "P": "long enough for a lock"})
        assert done.returncode == Exit.REFUSED, done.stderr
        assert "not a regular file" in done.stderr


def test_a_fetch_minds_no_pipe_and_no_link_of_others_beside_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".fetch-pipe")
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / ".fetch-link").symlink_to(victim)
    with fetch._hidden(tmp_path / "out") as file:
        file.write(b"patient")
    assert (tmp_path / "out").read_bytes() == b"patient"
    assert victim.read_bytes() == b"precious"
    assert (tmp_path / ".fetch-link").is_symlink()


@pytest.mark.parametrize("start", ["python -m", "an empty word in PYTHONPATH"])
def test_a_module_in_the_current_directory_is_not_run_by_a_command(
    tmp_path: Path, start: str
) -> None:
    for name in ("typer", "apsw", "queue"):
        (tmp_path / f"{name}.py").write_text("import os; os.abort()\n")
    words = ["-m", "hdh_migrate"] if start == "python -m" else [
        "-c", "import sys; del sys.path[0]; from hdh_migrate.cli.app import main; main()"
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, *words, "--version"],
        check=False, capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:" if start == "python -m" else f":{ROOT}"},
    )  # fmt: skip
    assert done.returncode == Exit.OK, done.stderr
