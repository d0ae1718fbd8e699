"""A pointer file is the old one or the new one, whole, whatever happens in between."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hdh_migrate.errors import Missing, Permanent, PointerMoved, Transient
from hdh_migrate.pointers.file import PointerInFile

OLD, NEW = "https://old.example.org/pmsi/", "s3://hds-emc2/pmsi/"
Swap = Callable[[int, str], int]
KEYED = "# kept\npmsi: {url: %s, owner: dpo}\n"

# Counts the calls that can change something and dies before or after the n-th of them.
MURDERS = """
import os, signal, sys
from pathlib import Path
from hdh_migrate.pointers.file import PointerInFile

path, old, new = sys.argv[1:]
calls = 0

def deadly(real, number, when):
    def call(*args, **more):
        global calls
        calls += 1
        if (calls, when) == (number, "before"):
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            return real(*args, **more)
        finally:
            if (calls, when) == (number, "after"):
                os.kill(os.getpid(), signal.SIGKILL)
    return call

def swap(number, when):
    for name in ("open", "unlink", "rename", "fsync", "fchmod", "fchown"):
        setattr(os, name, deadly(getattr(os, name), number, when))
    PointerInFile(Path(path), key="pmsi.url").swap(expected=old, new=new)
    os._exit(calls)

for line in sys.stdin:
    number, when = line.split()
    child = os.fork()
    if not child:
        swap(int(number), when)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture
def swap(tmp_path: Path) -> Iterator[Swap]:
    """Swaps in a process that is killed before or after a call; gives its end, else the calls."""
    command = [sys.executable, "-c", MURDERS, str(tmp_path / "catalogue.yaml"), OLD, NEW]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as forking:
        stdin, stdout = forking.stdin, forking.stdout
        assert stdin is not None
        assert stdout is not None

        def killed(number: int, when: str) -> int:
            stdin.write(f"{number} {when}\n")
            return int(stdout.readline())

        yield killed
        stdin.close()


@pytest.mark.slow
def test_a_kill_at_any_call_leaves_one_value_whole_and_the_next_swap_ends_it(
    tmp_path: Path, swap: Swap
) -> None:
    path = tmp_path / "catalogue.yaml"
    whole = {(KEYED % OLD).encode(), (KEYED % NEW).encode()}
    path.write_text(KEYED % OLD)
    points = swap(0, "never")
    assert points >= 10
    seen = set()
    for number in range(1, points + 1):
        for when in ("before", "after"):
            path.write_text(KEYED % OLD)
            path.chmod(0o640)

            assert swap(number, when) == -signal.SIGKILL
            assert path.read_bytes() in whole
            seen.add(path.read_bytes())
            PointerInFile(path, key="pmsi.url").swap(expected=OLD, new=NEW)
            assert path.read_text() == KEYED % NEW
            assert stat.S_IMODE(path.stat().st_mode) == 0o640
            assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert seen == whole


def test_mode_owner_and_attributes_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "CURRENT"
    path.write_text(OLD)
    path.chmod(0o2664)
    os.setxattr(path, "user.origin", b"catalogue")
    owner = (12_345, 54_321) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    os.chown(path, *owner)
    path.chmod(0o2664)

    PointerInFile(path).swap(expected=OLD, new=NEW)

    after = path.stat()
    assert (after.st_uid, after.st_gid) == owner
    assert stat.S_IMODE(after.st_mode) == 0o2664
    assert os.getxattr(path, "user.origin") == b"catalogue"
    assert path.read_text() == NEW  # without a line end, as it was


def test_a_link_stays_a_link_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real" / "CURRENT", tmp_path / "link"
    real.write_text(OLD + "\n")
    link.symlink_to("real/CURRENT")

    PointerInFile(link).swap(expected=OLD, new=NEW)

    assert link.is_symlink()
    assert real.read_text() == NEW + "\n"


def test_a_link_that_leads_nowhere_is_missing(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("gone")

    with pytest.raises(Missing):
        PointerInFile(tmp_path / "link").read()


def test_other_names_of_the_file_are_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "CURRENT"
    path.write_text(OLD)
    os.link(path, tmp_path / "other")

    assert [problem.what for problem in PointerInFile(path).check()] == [
        "the file has several names"
    ]


def rewritten(path: Path) -> None:
    path.write_text("s3://theirs/\n")


def replaced(path: Path) -> None:
    other = path.with_name("theirs")
    other.write_text(OLD + "\n")  # the same words: it is another file all the same
    other.rename(path)


def removed(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("change", [rewritten, replaced, removed])
def test_a_change_in_the_last_moment_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None]
) -> None:
    path = tmp_path / "CURRENT"
    path.write_text(OLD + "\n")
    real = os.fsync

    def meddled(handle: int) -> None:
        real(handle)
        monkeypatch.setattr(os, "fsync", real)
        change(path)

    monkeypatch.setattr(os, "fsync", meddled)

    with pytest.raises((PointerMoved, Missing)):
        PointerInFile(path).swap(expected=OLD, new=NEW)

    assert not path.exists() or NEW not in path.read_text()
    assert [entry.name for entry in tmp_path.iterdir() if ".hdh-migrate" in entry.name] == []


def test_a_link_that_is_led_elsewhere_in_the_last_moment_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text(OLD)
    link = tmp_path / "link"
    link.symlink_to("one")
    real = os.fsync

    def meddled(handle: int) -> None:
        real(handle)
        link.unlink()
        link.symlink_to("two")

    monkeypatch.setattr(os, "fsync", meddled)

    with pytest.raises(PointerMoved):
        PointerInFile(link).swap(expected=OLD, new=NEW)

    assert {(tmp_path / name).read_text() for name in ("one", "two")} == {OLD}


def test_a_writer_who_holds_the_lock_is_waited_for_by_coming_again(tmp_path: Path) -> None:
    path = tmp_path / "CURRENT"
    path.write_text(OLD)

    with path.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Transient):
            PointerInFile(path).swap(expected=OLD, new=NEW)
        assert path.read_text() == OLD
    PointerInFile(path).swap(expected=OLD, new=NEW)

    assert path.read_text() == NEW


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"two\nlines\n", b"\xff\xfe", b"a\0b", b"x" * 5000, b"x" * (2 << 20)]
)
def test_what_is_no_single_line_is_no_pointer(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "CURRENT"
    path.write_bytes(data)

    with pytest.raises(Permanent):
        PointerInFile(path).read()
    with pytest.raises(Permanent):
        PointerInFile(path).swap(expected=OLD, new=NEW)
    assert path.read_bytes() == data


def test_a_pipe_or_a_folder_is_no_pointer_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()

    for name in ("pipe", "folder"):
        with pytest.raises(Permanent):
            PointerInFile(tmp_path / name).read()
        assert PointerInFile(tmp_path / name).check()


def test_a_key_in_a_file_of_neither_kind_needs_its_format(tmp_path: Path) -> None:
    path = tmp_path / "catalogue"
    path.write_text(KEYED % OLD)

    with pytest.raises(Permanent, match="neither YAML nor JSON"):
        PointerInFile(path, key="pmsi.url").read()
    assert PointerInFile(path, key="pmsi.url", form="yaml").read() == OLD
