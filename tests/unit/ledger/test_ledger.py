"""The ledger as the only memory: what it keeps, what it refuses, and what it notices."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

from hdh_migrate.codes import Code
from hdh_migrate.errors import Exit, LedgerDamaged, LedgerError, LedgerLocked, LedgerTooNew, NoSpace
from hdh_migrate.events.run import RunEnded
from hdh_migrate.folders import make_private
from hdh_migrate.ledger import SqliteLedger, database
from hdh_migrate.ledger.database import connect
from hdh_migrate.model import Entry, Listed, ObjectInfo, State
from hdh_migrate.receipts import Matched, Sent
from tests.support.events import Counted, made_up
from tests.support.narrow import files_of_at_most
from tests.support.quiet import FakeClock

FLIPS = 40

CHILD = """
import sys
from dataclasses import replace
from pathlib import Path
from hdh_migrate.events.run import RunEnded
from hdh_migrate.folders import make_private
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.telemetry import SystemClock
from tests.support.events import Counted
ledger = SqliteLedger.open(Path(sys.argv[1]), SystemClock())
ledger.start("d" * 64, b"{}", [("all", "pilot")], diff=lambda was, now: ())
ledger.commit()
for number in range(10**9):
    ledger.event(Counted(number=number, filler="x" * 200))
    ledger.commit()
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "essai" / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[SqliteLedger]:
    opened = SqliteLedger.open(path, FakeClock())
    opened.start("d" * 64, b"{}", [("all", "pilot")], diff=lambda was, now: ())
    opened.commit()
    yield opened
    opened.close()


def listed(number: int, *, parts: int = 0) -> Listed:
    obj = ObjectInfo(key=f"k{number:05d}", size=number, version=f"v{number}")
    return Listed(obj=obj, state=State.LISTED, reason=None, parts=parts, fold=None)


def filled(ledger: SqliteLedger, count: int) -> None:
    """List, send and verify `count` objects."""
    ledger.add_page(1, [listed(number) for number in range(count)], None)
    for entry in ledger.todo("small", 1, count):
        ledger.claim(entry)
    ledger.commit()
    for entry in ledger.todo("sending", 1):
        ledger.sent(entry, sent(entry))
    ledger.commit()
    for entry in ledger.todo("verify", 1, 0, count):
        ledger.verified(entry, matched(entry))
    ledger.commit()


def sent(entry: Entry) -> Sent:
    return Sent(
        id=entry.id, attempt=entry.attempt, sha256="aa" * 32, sealed_sha256="bb" * 32,
        stored_size=9, etag="e", version_id=None,
    )  # fmt: skip


def matched(entry: Entry, at: str = "now") -> Matched:
    return Matched(
        id=entry.id, attempt=entry.attempt, level="full", at=at, sha256="aa" * 32,
        stored_sha256="bb" * 32,
    )  # fmt: skip


def edited(path: Path, statement: str) -> None:
    """Change a ledger behind its own back, checksums of its pages kept right."""
    con = connect(path)
    con.execute(statement)
    con.close()


def reopened(path: Path) -> None:
    again = SqliteLedger.open(path, FakeClock())
    try:
        again.check_receipts()
    finally:
        again.close()


# --- journal and receipts ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE event SET body = '{\"ids\":[1]}' WHERE seq = 2", "event 2 was edited"),
        ("UPDATE event SET at = '2020-01-01T00:00:00.000Z' WHERE seq = 1", "event 1 was edited"),
        ("DELETE FROM event WHERE seq = 1", "lacks event 1"),
        ("DELETE FROM event WHERE seq = 2", "lacks event 2"),
        ("UPDATE event SET seq = seq + 1 WHERE seq = 3", "lacks event 3"),
        ("UPDATE object SET stored_sha256 = x'00' WHERE id = 3", "was changed since"),
        ("UPDATE object SET key = x'00' WHERE id = 3", "was changed since"),
        ("UPDATE object SET verdict = 'waived' WHERE id = 3", "was changed since"),
        ("DELETE FROM object WHERE id = 3", "was changed since"),
        (
            "INSERT INTO object (dataset, key, size, version, state) VALUES (1, x'01', 0, 'v', 5)",
            "marked verified",
        ),
    ],
)
def test_what_is_changed_behind_the_journal_is_named(
    path: Path, ledger: SqliteLedger, statement: str, told: str
) -> None:
    filled(ledger, 5)
    ledger.event(made_up("last"))
    ledger.commit()
    ledger.close()
    reopened(path)

    edited(path, statement)

    with pytest.raises(LedgerDamaged, match=told) as damaged:
        reopened(path)
    assert damaged.value.exit_code is Exit.DAMAGED


def test_late_receipts_of_an_earlier_attempt_change_nothing(ledger: SqliteLedger) -> None:
    ledger.add_page(1, [listed(1)], None)
    entry = ledger.todo("small", 1, 1)[0]
    ledger.claim(entry)
    ledger.unclaim(entry)
    ledger.claim(entry)
    ledger.commit()
    now = ledger.todo("sending", 1)[0]
    assert now.attempt == 2

    from dataclasses import replace

    assert not ledger.sent(replace(now, attempt=1), sent(replace(now, attempt=1)))

    ledger.commit()
    assert ledger.tally(1, State.SENDING).objects == 1
    assert ledger.tally(1, State.SENT).objects == 0


def test_tallies_are_those_of_the_rows(ledger: SqliteLedger, path: Path) -> None:
    rng = random.Random(1)
    ledger.add_page(1, [listed(number) for number in range(60)], None)
    for _ in range(40):
        act: Callable[[], object] = rng.choice(
            [
                lambda: [ledger.claim(entry) for entry in ledger.todo("small", 1, 3)],
                lambda: [ledger.unclaim(entry) for entry in ledger.todo("sending", 1)[:1]],
                lambda: [
                    ledger.sent(entry, sent(entry)) for entry in ledger.todo("sending", 1)[:2]
                ],
                lambda: [
                    ledger.failed(entry, State.SENDING, "denied", None)
                    for entry in ledger.todo("sending", 1)[:1]
                ],
                lambda: ledger.retry_failed(1),
                lambda: [
                    ledger.verified(entry, matched(entry))
                    for entry in ledger.todo("verify", 1, 0, 1)
                ],
            ]
        )
        act()
        ledger.commit()

    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as con:
        counted = con.execute("SELECT state, count(*), sum(size) FROM object GROUP BY state")
        for state, objects, size in counted:
            tally = ledger.tally(1, State(state))
            assert (tally.objects, tally.size) == (objects, size)
    assert ledger.tally(1, *State).objects == 60


@pytest.mark.parametrize("name", ["todo_small", "todo_big", "todo_verify", "sending", "failed_of"])
def test_work_is_found_through_a_partial_index(ledger: SqliteLedger, name: str) -> None:
    query = ledger._sql[name]
    values = tuple(range(query.count("?")))
    plan = " ".join(row[3] for row in ledger._con.execute(f"EXPLAIN QUERY PLAN {query}", values))
    assert "USING INDEX object_" in plan
    assert "SCAN" not in plan
    assert "TEMP B-TREE" not in plan


# --- opening -------------------------------------------------------------------------------------


def test_a_ledger_is_readable_by_its_owner_only(path: Path, ledger: SqliteLedger) -> None:
    filled(ledger, 3)
    for made in (path, *path.parent.glob("ledger.db-*"), path.with_name("lock")):
        assert stat.S_IMODE(made.stat().st_mode) == 0o600, made.name
    for folder in (path.parent, path.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_second_run_is_told_who_holds_the_ledger(path: Path, ledger: SqliteLedger) -> None:
    with pytest.raises(LedgerLocked, match=f"pid {os.getpid()} on host") as locked:
        SqliteLedger.open(path, FakeClock())
    assert locked.value.exit_code is Exit.LOCKED
    ledger.commit()


def test_a_ledger_of_a_later_version_is_left_alone(path: Path, ledger: SqliteLedger) -> None:
    ledger.close()
    edited(path, "PRAGMA user_version = 99")
    before = path.read_bytes()

    with pytest.raises(LedgerTooNew, match="format 99"):
        SqliteLedger.open(path, FakeClock())

    assert path.read_bytes() == before


def foreign(path: Path) -> None:
    with sqlite3.connect(path) as con:
        con.execute("PRAGMA user_version = 1")
        con.execute("CREATE TABLE somebody (x)")
    con.close()


@pytest.mark.parametrize(
    "make", [lambda path: path.write_bytes(os.urandom(5000)), foreign], ids=["noise", "foreign"]
)
def test_a_file_that_is_no_ledger_is_refused_and_kept(
    path: Path, make: Callable[[Path], None]
) -> None:
    make_private(path.parent)
    make(path)
    before = path.read_bytes()

    with pytest.raises(LedgerDamaged):
        SqliteLedger.open(path, FakeClock())

    assert path.read_bytes() == before


def test_an_empty_file_is_a_new_ledger(path: Path) -> None:
    make_private(path.parent)
    path.touch(mode=0o600)
    SqliteLedger.open(path, FakeClock()).close()
    reopened(path)


# --- what disks do -------------------------------------------------------------------------------


def test_flipped_bits_are_noticed_whoever_reads(
    path: Path, ledger: SqliteLedger, tmp_path: Path
) -> None:
    filled(ledger, 400)
    ledger.close()
    connect(path).close()
    whole = path.read_bytes()
    rng = random.Random(5)
    unnoticed = 0
    for _ in range(FLIPS):
        at = rng.randrange(100, len(whole))
        changed = bytearray(whole)
        changed[at] ^= 1 << rng.randrange(8)
        copy = tmp_path / "copy" / "essai" / "ledger.db"
        shutil.rmtree(tmp_path / "copy", ignore_errors=True)
        make_private(copy.parent)
        copy.write_bytes(changed)
        for opening in (SqliteLedger.open, SqliteLedger.read_only):
            try:
                looked = opening(copy, FakeClock())
                try:
                    looked.check()
                    looked.check_receipts()
                finally:
                    looked.close()
            except LedgerError as error:
                unnoticed += error.exit_code is not Exit.DAMAGED
            else:
                unnoticed += 1
    assert unnoticed == 0


def written(ledger: SqliteLedger, count: int) -> None:
    for _ in range(count):
        ledger.event(made_up("lost", filler="x" * 5000))
        ledger.commit()


def test_a_full_disk_is_no_failing_one_to_who_only_opens(path: Path, ledger: SqliteLedger) -> None:
    ledger.close()
    with files_of_at_most(4096), pytest.raises(NoSpace) as full:
        SqliteLedger.open(path, FakeClock()).length()
    assert full.value.exit_code is Exit.STOPPED
    with files_of_at_most(4096):  # who only looks needs no room
        looked = SqliteLedger.read_only(path, FakeClock())
        assert looked.length() == 0
        looked.close()


def test_a_full_disk_stops_cleanly_and_what_was_committed_stays(
    path: Path, ledger: SqliteLedger
) -> None:
    ledger.event(made_up("kept"))
    ledger.commit()
    sizes = [made.stat().st_size for made in path.parent.iterdir()]
    with files_of_at_most(max(sizes) + 8192):
        with pytest.raises(NoSpace) as full:
            written(ledger, 100)
        assert full.value.exit_code is Exit.STOPPED
        with pytest.raises(NoSpace):
            ledger.event(made_up("too late"))
    ledger.close()

    again = SqliteLedger.open(path, FakeClock())
    kinds = [kind for _, _, kind, _, _ in again.journal()]
    again.event(made_up("after"))
    again.commit()
    again.close()
    assert kinds[0] == "kept"
    assert set(kinds[1:]) <= {"lost"}
    reopened(path)


@pytest.mark.slow
def test_a_kill_in_a_commit_loses_nothing_that_was_acknowledged(path: Path) -> None:
    rng = random.Random(11)
    acknowledged = -1
    for _ in range(8):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        said = int(child.stdout.readline())
        time.sleep(rng.uniform(0.0, 0.15))
        child.send_signal(signal.SIGKILL)
        rest = child.communicate()[0].splitlines()
        said = int(rest[-1]) if rest and rest[-1] else said

        ledger = SqliteLedger.open(path, FakeClock())
        numbers = [event.number for _, event in ledger.events(Counted)]
        ledger.close()
        acknowledged += said + 1
        assert len(numbers) in {acknowledged + 1, acknowledged + 2}
        acknowledged = len(numbers) - 1


# --- power ---------------------------------------------------------------------------------------


class CutFile(apsw.VFSFile):  # type: ignore[misc, unused-ignore]
    """Keeps what was written since the last sync apart, so that a power cut can drop it."""

    def __init__(self, log: list[tuple[str, str, int, bytes]], name: Any, flags: list[int]) -> None:
        self._log = log
        whole = name.filename() if isinstance(name, apsw.URIFilename) else name or ""
        self._name = Path(whole).name
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        self._log.append(("write", self._name, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self._log.append(("truncate", self._name, size, b""))
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._log.append(("sync", self._name, 0, b""))
        super().xSync(flags)


class CutVfs(apsw.VFS):
    """Logs every write and sync of a connection."""

    def __init__(self) -> None:
        self.log: list[tuple[str, str, int, bytes]] = []
        super().__init__("power-cut", "")

    def xDelete(self, name: str, syncdir: bool) -> None:  # noqa: N802
        self.log.append(("delete", Path(name).name, 0, b""))
        super().xDelete(name, syncdir)

    def xOpen(self, name: Any, flags: list[int]) -> CutFile:  # noqa: N802
        return CutFile(self.log, name, flags)


@pytest.mark.slow
def test_power_cuts_lose_nothing_that_was_acknowledged(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    vfs, folder = CutVfs(), tmp_path / "run"
    folder.mkdir(mode=0o700)
    con = apsw.Connection(str(folder / "ledger.db"), vfs="power-cut")
    for pragma in (*database._PRAGMAS, "PRAGMA wal_autocheckpoint = 20"):
        con.execute(pragma)
    database._migrate(con)
    ledger = SqliteLedger(con, FakeClock())
    acknowledged = list[int]()  # how much of the log there was at each acknowledgement
    for number in range(60):
        ledger.event(Counted(number=number, filler="x" * 3000))
        ledger.commit()
        acknowledged.append(len(vfs.log))
    ledger.close()

    rng = random.Random(request.config.getoption("--seed"))
    for _ in range(request.config.getoption("--cuts")):
        cut = rng.randrange(acknowledged[0], len(vfs.log))
        image = tmp_path / "image"
        shutil.rmtree(image, ignore_errors=True)
        image.mkdir(mode=0o700)
        replay(vfs.log[:cut], image, rng)
        after = apsw.Connection(str(image / "ledger.db"))
        seen = SqliteLedger(after, FakeClock())
        seen.check()
        numbers = [event.number for _, event in seen.events(Counted)]
        seen.close()
        assert numbers == list(range(len(numbers)))
        assert len(numbers) >= sum(at <= cut for at in acknowledged)


def replay(log: list[tuple[str, str, int, bytes]], folder: Path, rng: random.Random) -> None:
    """Make the files as a power cut leaves them: of unsynced writes some, in part, or none."""
    synced = {name: at for at, (what, name, _, _) in enumerate(log) if what == "sync"}
    for at, (what, name, offset, data) in enumerate(log):
        if what == "sync" or name.endswith("-shm"):
            continue
        if what == "delete":
            (folder / name).unlink(missing_ok=True)
            continue
        lost = at > synced.get(name, -1) and rng.random() < 0.5
        if lost:
            continue
        torn = at > synced.get(name, -1) and rng.random() < 0.2
        with (folder / name).open("r+b" if (folder / name).exists() else "w+b") as file:
            if what == "truncate":
                file.truncate(offset)
            else:
                file.seek(offset)
                file.write(data[: len(data) // 1024 * 512] if torn else data)


@pytest.mark.parametrize(
    ("code", "what"),
    [
        (apsw.SQLITE_IOERR_FSYNC, "what was written cannot be made durable"),
        (apsw.SQLITE_IOERR_READ, "it cannot be read"),
        (apsw.SQLITE_IOERR_LOCK, "an input or output error"),
    ],
)
def test_a_disk_that_fails_is_told_with_what_to_do(code: int, what: str) -> None:
    """An fsync that ended with EIO was told by a number, without a hint."""
    failure = apsw.IOError("disk I/O error")
    failure.extendedresult = code
    with pytest.raises(LedgerError, match=f"disk fails: {what}") as told, database.guarded():
        raise failure
    assert told.value.exit_code is Exit.DAMAGED
    assert "machine's own log" in str(told.value.hint)


# --- half a page -------------------------------------------------------------------------------

UNFIT: dict[str, ObjectInfo] = {
    "a size of 2^63": ObjectInfo(key="k00002", size=1 << 63, version="v"),
    "a size of 2^64": ObjectInfo(key="k00002", size=1 << 64, version="v"),
    "a negative size": ObjectInfo(key="k00002", size=-1, version="v"),
    "an MD5 that is none": ObjectInfo(key="k00002", size=1, version="v", md5="zz"),
    "a key that was listed": ObjectInfo(key="k00001", size=1, version="v"),
    "a version with half a character": ObjectInfo(key="k00002", size=1, version="\ud800"),
}


def whole_page(count: int) -> list[Listed]:
    return [listed(number) for number in range(count)]


@pytest.mark.parametrize("what", UNFIT)
def test_a_page_goes_in_whole_or_not_at_all(path: Path, ledger: SqliteLedger, what: str) -> None:
    third = listed(2)._replace(obj=UNFIT[what])

    with pytest.raises((OverflowError, ValueError, LedgerError)) as raised:
        ledger.add_page(1, [*whole_page(2), third], "next")
    with pytest.raises(type(raised.value)):  # as the `finally` of a run does
        ledger.event(RunEnded(traffic=()))
    with pytest.raises(type(raised.value)):
        ledger.commit()
    ledger.close()

    again = SqliteLedger.open(path, FakeClock())
    try:
        assert again.tally(1, *State).objects == 0
        assert not list(again.listing(1))
        assert again.datasets()[0].pages == 0
        again.add_page(1, whole_page(3), None)
        assert again.tally(1, State.LISTED).objects == 3
    finally:
        again.close()


def test_sums_beyond_64_bits_take_no_part_of_a_page(path: Path, ledger: SqliteLedger) -> None:
    large = [
        one._replace(obj=replace(one.obj, size=(1 << 63) - 1)) for one in (listed(0), listed(1))
    ]

    with pytest.raises((OverflowError, LedgerError)):
        ledger.add_page(1, large, None)
    ledger.close()

    again = SqliteLedger.open(path, FakeClock())
    try:
        assert not list(again.listing(1))
        assert again.tally(1, *State).objects == 0
    finally:
        again.close()


def test_what_is_raised_between_two_changes_takes_both_back(
    path: Path, ledger: SqliteLedger
) -> None:
    filled(ledger, 2)

    def interrupted() -> None:
        with ledger.whole():
            ledger.finding(Code.DRIFTED, "told", dataset=1, entry=1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with pytest.raises(KeyboardInterrupt):
        ledger.commit()
    ledger.close()

    again = SqliteLedger.open(path, FakeClock())
    try:
        assert not list(again.findings())
        assert again.tally(1, State.VERIFIED).objects == 2
    finally:
        again.close()


def test_a_receipt_that_lacks_something_changes_nothing(path: Path, ledger: SqliteLedger) -> None:
    ledger.add_page(1, whole_page(1), None)
    (entry,) = ledger.todo("small", 1, 1)
    ledger.claim(entry)
    ledger.commit()
    (entry,) = ledger.todo("sending", 1)

    with pytest.raises(ValueError, match="hex"):
        ledger.sent(entry, replace(sent(entry), sha256="no digest"))
    with pytest.raises(ValueError, match="hex"):
        ledger.commit()
    ledger.close()

    again = SqliteLedger.open(path, FakeClock())
    try:
        assert again.tally(1, State.SENDING).objects == 1
    finally:
        again.close()
