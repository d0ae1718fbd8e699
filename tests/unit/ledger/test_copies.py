"""Copies of a ledger: of one moment, checked, kept by a rule, and nothing else is ever touched."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hdh_migrate.errors import BackupFailed, Interrupted, LedgerDamaged, NoSpace
from hdh_migrate.ledger import SqliteLedger, database
from hdh_migrate.ledger.copies import copies, standing_in, write_copy
from tests.support.events import Counted
from tests.support.narrow import files_of_at_most
from tests.support.quiet import FakeClock
from tests.support.strangers import call_beside
from tests.unit.ledger.test_ledger import CHILD


@pytest.fixture(autouse=True)
def without_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    pragmas = (*database._PRAGMAS, "PRAGMA synchronous = OFF")
    monkeypatch.setattr(database, "_PRAGMAS", pragmas)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "essai" / "ledger.db"


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "far" / "copies"


def grown(path: Path, clock: FakeClock, events: int) -> None:
    """Let a ledger's journal have so many events."""
    ledger = SqliteLedger.open(path, clock)
    ledger.start("d" * 64, b"{}", [("all", "pilot")], diff=lambda was, now: ())
    while ledger.length() < events:
        ledger.event(Counted(number=ledger.length(), filler="x" * 200))
    ledger.commit()
    ledger.close()


def numbers(path: Path, clock: FakeClock) -> list[int]:
    ledger = SqliteLedger.read_only(path, clock)
    try:
        return [event.number for _, event in ledger.events(Counted)]
    finally:
        ledger.close()


def test_a_copy_has_what_is_committed_and_is_its_owners_only(path: Path, into: Path) -> None:
    clock = FakeClock()
    grown(path, clock, 3)
    (path.parent / "openings.jsonl").write_text("")
    (path.parent / "cutover").mkdir()
    (path.parent / "cutover" / "strangers.txt").write_text("a name\n")
    (path.parent / "reports").mkdir()
    writer = SqliteLedger.open(path, clock)
    writer.event(Counted(number=99, filler=""))

    made = write_copy(path, into, clock)

    writer.close()
    assert made.standing.events == 3
    assert numbers(made.folder / "ledger.db", clock) == [0, 1, 2]
    held = {str(one.relative_to(made.folder)) for one in made.folder.rglob("*")}
    assert held == {"ledger.db", "openings.jsonl", "cutover", "cutover/strangers.txt"}
    for one in (made.folder, *made.folder.rglob("*")):
        assert not stat.S_IMODE(one.stat().st_mode) & 0o077, one
    assert [one.name for one in into.iterdir()] == [made.folder.name]


@pytest.mark.slow
def test_a_copy_of_a_busy_ledger_is_one_moment_of_it(path: Path, into: Path) -> None:
    clock = FakeClock()
    grown(path, clock, 2_000)
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    try:
        child.stdout.readline()  # it writes from now on, without a pause
        made = write_copy(path, into, clock)
    finally:
        child.kill()
        child.communicate()
    ledger = SqliteLedger.read_only(path, clock)
    assert ledger.length() >= made.standing.events > 2_000
    assert ledger.goes_on_from(made.standing.events, made.standing.head)
    ledger.close()


def test_a_copy_in_the_place_of_the_ledger_goes_on(path: Path, into: Path) -> None:
    clock = FakeClock()
    grown(path, clock, 3)
    made = write_copy(path, into, clock)
    shutil.rmtree(path.parent)

    shutil.copytree(made.folder, path.parent)
    grown(path, clock, 5)

    assert numbers(path, clock) == [0, 1, 2, 3, 4]


def test_the_newest_copies_stay(path: Path, into: Path) -> None:
    clock = FakeClock()
    made = []
    for events in range(1, 6):
        grown(path, clock, events)
        made.append(write_copy(path, into, clock, keep=2))

    assert copies(into, "essai") == [one.folder for one in made[-2:]]
    assert made[-1].removed == (made[-3].folder,)


def test_a_clock_that_was_ahead_once_makes_no_copy_that_stays_the_newest(
    path: Path, into: Path
) -> None:
    """It was put back for the newest, and pushed out those that knew more."""
    clock = FakeClock()
    grown(path, clock, 1)
    clock.ahead = 365 * 86_400
    first = write_copy(path, into, clock)
    clock.ahead = 0
    grown(path, clock, 2)
    second = write_copy(path, into, clock)
    assert copies(into, "essai") == [first.folder, second.folder]


def test_an_older_copy_goes_as_a_whole_or_it_is_said_that_it_does_not(
    path: Path, into: Path
) -> None:
    clock = FakeClock()
    grown(path, clock, 1)
    older = write_copy(path, into, clock).folder
    in_the_way = into / f".{older.name}.removed"
    in_the_way.write_text("no folder can take its place")

    with pytest.raises(BackupFailed, match="this copy is made, and an older one cannot be removed"):
        write_copy(path, into, clock, keep=1)

    assert len(copies(into, "essai")) == 2
    assert numbers(older / "ledger.db", clock) == [0]
    in_the_way.unlink()
    in_the_way.mkdir()  # as a kill in the middle leaves one
    (in_the_way / "ledger.db").write_text("half")
    made = write_copy(path, into, clock, keep=1)
    assert [one.name for one in into.iterdir()] == [made.folder.name]
    assert len(made.removed) == 2


def test_a_copy_that_knows_more_or_something_else_never_goes(path: Path, into: Path) -> None:
    """An old ledger, put back by mistake, must not push out what could mend it."""
    clock = FakeClock()
    grown(path, clock, 2)
    old = path.parent.with_name("old")
    shutil.copytree(path.parent, old)
    grown(path, clock, 9)
    newest = write_copy(path, into, clock, keep=1)
    shutil.rmtree(path.parent)
    old.rename(path.parent)

    for events in (2, 3, 4):
        grown(path, clock, events)
        last = write_copy(path, into, clock, keep=1)

    assert copies(into, "essai") == [newest.folder, last.folder]
    (newest.folder / "ledger.db").write_bytes(b"torn")
    assert write_copy(path, into, clock, keep=1).removed == (last.folder,)
    assert newest.folder in copies(into, "essai")
    assert standing_in(newest.folder, clock) is None


def test_nothing_of_others_is_ever_removed(path: Path, into: Path) -> None:
    clock = FakeClock(tick=0)
    grown(path, clock, 1)
    theirs = [into / "essai-2026", into / "essai-b-20260101T000000Z", into / "notes.txt"]
    for one in theirs[:2]:
        one.mkdir(parents=True)
        (one / "ledger.db").write_text("theirs")
    theirs[2].write_text("theirs")

    for _ in range(3):
        write_copy(path, into, clock, keep=1)  # all in one moment

    assert all(one.exists() for one in theirs)
    assert len(copies(into, "essai")) == 1


def spoiled(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size - 2000)
        file.write(b"\xff" * 16)


def test_what_does_not_check_is_no_copy(path: Path, into: Path) -> None:
    clock = FakeClock()
    grown(path, clock, 300)
    good = write_copy(path, into, clock)
    spoiled(path)

    with pytest.raises(LedgerDamaged):
        write_copy(path, into, clock)

    assert copies(into, "essai") == [good.folder]
    assert [one.name for one in into.iterdir()] == [good.folder.name]


@pytest.mark.parametrize("way", ["a file is there", "no room", "no right"])
def test_a_disk_that_does_not_obey_hurts_nothing(path: Path, into: Path, way: str) -> None:
    clock = FakeClock()
    grown(path, clock, 1)
    if way == "a file is there":
        into.parent.mkdir()
        into.write_text("")
    elif way == "no room":
        into = Path("/dev/full")
    else:
        into = Path("/proc/copies")

    with pytest.raises(BackupFailed, match="copy of the ledger"):
        write_copy(path, into, clock)

    assert numbers(path, clock) == [0]


def test_a_full_disk_is_a_clean_stop(path: Path, into: Path) -> None:
    """It ended with 1, "a disk does not obey", where 7 is what a full disk is."""
    clock = FakeClock()
    grown(path, clock, 1)
    with files_of_at_most(4096), pytest.raises(NoSpace, match="no room for a copy"):
        write_copy(path, into, clock)
    assert list(into.iterdir()) == []


def test_who_says_stop_is_heard_and_nothing_is_left(path: Path, into: Path) -> None:
    clock = FakeClock()
    grown(path, clock, 1)

    with pytest.raises(Interrupted):
        write_copy(path, into, clock, stopped=lambda: True)

    assert list(into.iterdir()) == []


def test_what_a_kill_left_is_taken_over_and_what_is_in_use_is_not(path: Path, into: Path) -> None:
    clock = FakeClock()
    grown(path, clock, 1)
    left = into / ".essai.partial"
    (left / "cutover").mkdir(parents=True)
    (left / "ledger.db").write_text("half")
    (left / "cutover" / "x").write_text("half")

    made = write_copy(path, into, clock)

    assert [one.name for one in made.folder.iterdir()] == ["ledger.db"]
    left.mkdir()
    handle = os.open(left, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(BackupFailed, match="being made"):
        write_copy(path, into, clock)
    os.close(handle)


COPIES = """\
import sys
from pathlib import Path
from hdh_migrate.errors import BackupFailed
from hdh_migrate.ledger.copies import copies, write_copy
from tests.support.narrow import files_of_at_most
from tests.support.quiet import FakeClock
path, into = map(Path, sys.argv[1:])
try:
    write_copy(path, into, FakeClock())
except BackupFailed as error:
    print(error)
print([one.name for one in copies(into, "essai")])
"""


def told_beside(folder: Path, path: Path, into: Path) -> str:
    """Return what comes of a copy, and the copies there are, where `folder` is a stranger's."""
    return call_beside(folder, [sys.executable, "-c", COPIES, str(path), str(into)])


@pytest.mark.slow
def test_no_folder_that_lay_in_wait_becomes_a_copy(path: Path, into: Path) -> None:
    """Whose it is could put a file of his in the place of the ledger's, and read what came."""
    clock = FakeClock()
    grown(path, clock, 1)
    left = into / ".essai.partial"
    left.mkdir(parents=True)

    assert "belongs to another user" in told_beside(left, path, into)

    assert list(left.iterdir()) == []


def test_what_a_kill_left_open_to_others_is_closed_first(path: Path, into: Path) -> None:
    clock = FakeClock()
    grown(path, clock, 1)
    left = into / ".essai.partial"
    left.mkdir(parents=True)
    left.chmod(0o777)

    made = write_copy(path, into, clock)

    assert stat.S_IMODE(made.folder.stat().st_mode) == 0o700


@pytest.mark.slow
def test_what_somebody_else_put_beside_the_copies_is_none(path: Path, into: Path) -> None:
    """In a folder such as /tmp anybody may: it kept every run from beginning, or was opened."""
    clock = FakeClock()
    grown(path, clock, 1)
    made = write_copy(path, into, clock).folder
    theirs = into / "essai-20990101T000000000Z"
    shutil.copytree(made, theirs)
    assert copies(into, "essai") == [made, theirs]

    told = told_beside(theirs, path, into)

    assert made.name in told
    assert theirs.name not in told
