"""Who looks finds out whether a run is alive, and stands in nobody's way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hdh_migrate.errors import LedgerError, LedgerLocked, NoSpace
from hdh_migrate.ledger.holding import RunLock, holder
from tests.support.narrow import files_of_at_most


@pytest.mark.slow
def test_who_holds_it_is_told_to_others_and_to_the_same_process(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert holder(path) is None
    lock = RunLock(path)
    told = holder(path)
    assert told is not None
    assert told.pid == os.getpid()
    assert told.since is not None
    look = "import sys; from pathlib import Path; from hdh_migrate.ledger.holding import holder;"
    look += "print(holder(Path(sys.argv[1])).where)"
    done = subprocess.run(
        [sys.executable, "-c", look, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == told.where
    with pytest.raises(LedgerLocked, match=told.where):
        RunLock(path)
    assert holder(path) == told  # who was refused has taken nothing away
    lock.release()
    assert holder(path) is None


def test_a_full_disk_is_named_where_it_is_full_and_holds_nobody_up_afterwards(
    tmp_path: Path,
) -> None:
    path = tmp_path / "lock"
    with (
        files_of_at_most(0),
        pytest.raises(NoSpace, match=f"{path}: cannot be written: no space left on the disk"),
    ):
        RunLock(path)
    RunLock(path).release()


def test_a_pid_that_is_there_again_is_no_run(tmp_path: Path) -> None:
    """The file of a run that was killed names a pid, which another process may have by now."""
    path = tmp_path / "lock"
    path.write_text(json.dumps({"pid": os.getpid(), "host": "here"}))
    assert holder(path) is None


def test_looking_keeps_no_run_from_beginning(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    RunLock(path).release()
    for _ in range(50):
        assert holder(path) is None
        RunLock(path).release()


@pytest.mark.parametrize("text", ["", "{}", '{"pid": "x", "host": 1}', "[1]", "\xff\0"])
def test_a_holder_that_wrote_nothing_readable_is_held_all_the_same(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "lock"
    lock = RunLock(path)
    path.write_text(text)
    told = holder(path)
    assert told is not None
    assert (told.pid, told.where) == (None, "unknown holder")
    lock.release()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LedgerError):
        holder(tmp_path / "lock")
