"""Copies of a ledger, made while it is in use: whole, checked, durable, or not there at all.

A copy is a folder `MIGRATION-TIME` with all that a migration's own state folder holds but its
reports: put in the place of that folder, it is the state of then. SQLite's online backup reads one
moment of the ledger however busy its writer is. The copy is checked as a ledger is when it is
opened, synced, and gets its name last.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hdh_migrate.errors import BackupFailed, LedgerDamaged, LedgerError, NoSpace
from hdh_migrate.folders import FULL, make_private, sync
from hdh_migrate.frozen import frozen
from hdh_migrate.ledger.database import connect
from hdh_migrate.ledger.ledger import SqliteLedger
from hdh_migrate.ports.run import Clock

LEDGER = "ledger.db"
KEPT = 7
"""Copies that are kept unless somebody says how many."""

PAGES = 4096
"""Pages that are copied between two looks at the stop flag: 16 MiB."""

_LEFT_OUT = ("lock", "reports")
_GOING = ".removed"
"""How the name ends of an older copy while it is removed."""
_STAMP = r"\d{8}T\d{6,}Z(?:-\d+)?"


@frozen
class JournalExtent:
    """How far the journal of a ledger goes; `ledger` is the name that it has, if any yet."""

    ledger: str | None
    events: int
    head: str


@frozen
class Copy:
    """A copy that was made, and which older ones had to go."""

    folder: Path
    standing: JournalExtent
    size: int
    removed: tuple[Path, ...]


def standing_of(ledger: SqliteLedger) -> JournalExtent:
    """Return how far a ledger's journal goes."""
    return JournalExtent(ledger=ledger.meta("run_tag"), events=ledger.length(), head=ledger.head())


def copies(into: Path, migration: str) -> list[Path]:
    """Return the copies of a migration's ledger in a folder, the oldest first.

    What somebody else put there is none: in a folder such as /tmp anybody may.
    """
    named = re.compile(rf"{re.escape(migration)}-{_STAMP}")
    try:
        trusted = {0, os.geteuid(), into.stat().st_uid}
        found = [one for one in into.iterdir() if named.fullmatch(one.name)]
        mine = [one for one in found if one.lstat().st_uid in trusted]
    except OSError:
        return []
    return sorted((one for one in mine if (one / LEDGER).is_file()), key=_order)


def standing_in(folder: Path, clock: Clock) -> JournalExtent | None:
    """Return how far the journal in a copy goes, None when it cannot be told."""
    try:
        ledger = SqliteLedger.read_only(folder / LEDGER, clock)
        try:
            return standing_of(ledger)
        finally:
            ledger.close()
    except LedgerError:
        return None


def write_copy(
    path: Path, into: Path, clock: Clock, *, keep: int = KEPT,
    stopped: Callable[[], bool] = lambda: False,
) -> Copy:  # fmt: skip
    """Copy the ledger at `path`, with what lies beside it, into a new folder under `into`.

    Afterwards the `keep` newest copies are there; an older one goes only when its whole journal is
    the beginning of the new copy's: what knows more, or something else, stays.

    Raises:
        BackupFailed: it cannot be written there, and the ledger and older copies are untouched; or
            it is there, and an older one could not be removed.
        NoSpace: there is no room for it.
        LedgerDamaged: what was copied does not check.
        Interrupted: somebody said stop.
    """
    migration = path.parent.name
    with _explaining(into):
        make_private(into)
        with _partial(into, migration) as folder:
            standing, at = _copy_ledger(path, folder / LEDGER, clock, stopped)
            _copy_beside(path.parent, folder)
            size = sum(one.stat().st_size for one in _files(folder))
            for one in _files(folder):
                _sync_file(one)
            for one in _folders(folder):
                sync(one)
            made = _named(folder, into, migration, _stamp(at))
    removed = _pruned(made, into, migration, keep, clock)
    return Copy(folder=made, standing=standing, size=size, removed=removed)


# --- the ledger ----------------------------------------------------------------------------------


def _copy_ledger(
    path: Path, to: Path, clock: Clock, stopped: Callable[[], bool]
) -> tuple[JournalExtent, str]:
    """Copy and check it; return how far its journal goes, and of when its last event is."""
    source = SqliteLedger.read_only(path, clock)
    try:
        with source.snapshot():
            standing, at = standing_of(source), source.last_at() or clock.now()
            source.pages_into(to, PAGES, stopped)
    finally:
        source.close()
    _check(to, standing, clock)
    return standing, at


def _check(path: Path, standing: JournalExtent, clock: Clock) -> None:
    """Check a copy as a ledger is checked when it is opened, and leave it in one file."""
    copy = SqliteLedger(connect(path), clock)
    try:
        copy.check()
        if standing_of(copy) != standing:
            raise LedgerDamaged("the copy is not as the ledger is")
        copy.in_one_file()
    finally:
        copy.close()


# --- what lies beside it -------------------------------------------------------------------------


def _copy_beside(folder: Path, to: Path) -> None:
    for source in sorted(folder.iterdir()):
        if source.name in _LEFT_OUT or source.name.startswith((LEDGER, ".")):
            continue
        mode = source.lstat().st_mode
        if stat.S_ISDIR(mode):
            (to / source.name).mkdir(mode=0o700)
            _copy_beside(source, to / source.name)
        elif stat.S_ISREG(mode):
            _copy_file(source, to / source.name)


def _copy_file(source: Path, to: Path) -> None:
    with suppress(FileNotFoundError):  # a hold that was let go meanwhile
        read = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(read, "rb") as old:
            handle = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as new:
                shutil.copyfileobj(old, new)


# --- folders -------------------------------------------------------------------------------------


@contextmanager
def _explaining(into: Path) -> Iterator[None]:
    """Say of whatever the disk does that it is about the copy, and that nothing else is hurt."""
    safe = "the ledger and the copies that are there already are untouched"
    try:
        yield
    except (NoSpace, OSError) as error:
        if isinstance(error, NoSpace) or error.errno in FULL:
            room = f"{safe}; make room and give the same command again"
            raise NoSpace(f"{into}: no room for a copy of the ledger", hint=room) from None
        why = f"no copy of the ledger was made: {error.strerror}"
        raise BackupFailed(f"{into}: {why}", hint=safe) from error


@contextmanager
def _partial(into: Path, migration: str) -> Iterator[Path]:
    """Give an empty hidden folder; one that a crash left is taken over, one in use is not."""
    folder = into / f".{migration}.partial"
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.fstat(lock).st_uid != os.geteuid():
            raise BackupFailed(
                f"{into}: {folder.name} there belongs to another user, who would see the copy",
                hint="nothing was done; let copies go into a folder of yours",
            )
        os.fchmod(lock, 0o700)  # before it is emptied: whoever could write there cannot any more
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupFailed(
                f"{into}: another copy of this ledger is being made there",
                hint="nothing was done; it will be there in a moment",
            ) from None
        for left in folder.iterdir():
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
        try:
            yield folder
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    finally:
        os.close(lock)


def _named(folder: Path, into: Path, migration: str, stamp: str) -> Path:
    """Give a whole copy its name; those of one moment are numbered."""
    number = max(
        (last for at, last in map(_order, copies(into, migration)) if at == stamp), default=0
    )
    while True:
        number += 1
        final = into / (f"{migration}-{stamp}" if number == 1 else f"{migration}-{stamp}-{number}")
        if not os.path.lexists(final):
            folder.rename(final)
            sync(into)
            return final


def _order(copy: Path) -> tuple[str, int]:
    """Return moment and number of a copy."""
    at, _, number = copy.name.rpartition("Z")
    return at.rpartition("-")[2] + "Z", int(number.removeprefix("-") or 1)


def _stamp(at: str) -> str:
    """Return the moment of a copy as its name has it: that of the journal's last event.

    A clock that is ahead would make one that stays the newest by its name for as long.
    """
    return at.translate(str.maketrans("", "", "-:."))


def _sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _files(folder: Path) -> list[Path]:
    return [one for one in sorted(folder.rglob("*")) if one.is_file()]


def _folders(folder: Path) -> list[Path]:
    return [*(one for one in sorted(folder.rglob("*")) if one.is_dir()), folder]


def _pruned(made: Path, into: Path, migration: str, keep: int, clock: Clock) -> tuple[Path, ...]:
    """Remove the oldest copies, as long as there are more than `keep`; return which went.

    Raises:
        BackupFailed: one cannot be removed.
    """
    going = re.compile(rf"\.{re.escape(migration)}-{_STAMP}{re.escape(_GOING)}")
    try:
        for left in into.iterdir():
            if going.fullmatch(left.name) and left.lstat().st_uid == os.geteuid():
                shutil.rmtree(left, ignore_errors=True)  # of a command that was killed
        removed = tuple(_prune(made, copies(into, migration), keep, clock))
        sync(into)
    except OSError as error:
        raise BackupFailed(
            f"{made}: this copy is made, and an older one cannot be removed: {error.strerror}",
            hint="look at the rights of the older copies; until then more of them stay than the"
            " plan says",
        ) from error
    return removed


def _prune(made: Path, found: list[Path], keep: int, clock: Clock) -> Iterator[Path]:
    """Remove what is more than `keep`, the oldest first, and yield it."""
    others = [one for one in found if one != made]  # the clock may have been set back
    spare = others[: max(0, len(others) + 1 - keep)]
    if not spare:
        return
    ledger = SqliteLedger.read_only(made / LEDGER, clock)
    try:
        for one in spare:
            standing = standing_in(one, clock)
            if standing is not None and ledger.goes_on_from(standing.events, standing.head):
                going = one.with_name(f".{one.name}{_GOING}")
                one.rename(going)  # killed in the middle, none is left that is half a copy
                shutil.rmtree(going)
                yield one
    finally:
        ledger.close()
