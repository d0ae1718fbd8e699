"""One SQLite file through apsw: pragmas, checksummed pages, migrations, errors in our words.

Settings and their reasons: docs/decisions/0003-ledger.md. A full disk is a
clean stop; any other I/O error ends the run at once and nothing is retried on the same handle.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import quote

import apsw
import apsw.sqlite_extra

from hdh_migrate.errors import (
    FAILING_DISK,
    Interrupted,
    LedgerDamaged,
    LedgerError,
    LedgerLocked,
    LedgerTooNew,
    LedgerWithheld,
    NoSpace,
)
from hdh_migrate.ledger.holding import LOCAL_DISK, keeps_locks

APPLICATION_ID = 0x48444D31  # "HDM1"
CHECKSUM_BYTES = 8

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 4096",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA cache_size = -32768",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    # What took a header's place, or moved it, leaves nothing of it: `erase` finds all there is.
    "PRAGMA secure_delete = ON",
)


_BLANK = "the ledger is empty: the command that made it was stopped at that moment"

_NO_ROOM = frozenset(
    {apsw.SQLITE_IOERR_WRITE, apsw.SQLITE_IOERR_TRUNCATE, apsw.SQLITE_IOERR_SHMSIZE}
)
"""How a quota or a limit of files' sizes shows, and a full disk to who only opens: no room."""

_FAILURES = {
    apsw.SQLITE_IOERR_FSYNC: "what was written cannot be made durable",
    apsw.SQLITE_IOERR_DIR_FSYNC: "what was written cannot be made durable",
    apsw.SQLITE_IOERR_READ: "it cannot be read",
    apsw.SQLITE_IOERR_SHORT_READ: "it cannot be read",
    apsw.SQLITE_IOERR_NOMEM: "no memory is left",
}


@cache
def _sql(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


MIGRATIONS: tuple[Callable[[], str], ...] = (
    lambda: _sql("schema.sql"),
    lambda: _sql("schema-2.sql"),
    lambda: _sql("schema-3.sql"),
    lambda: _sql("schema-4.sql"),
    lambda: _sql("schema-5.sql"),
)
"""Migration n takes a ledger from version n to n + 1."""


@cache
def queries() -> Mapping[str, str]:
    """Return the named queries of queries.sql."""
    found: dict[str, str] = {}
    for block in _sql("queries.sql").split("-- ")[1:]:
        head, _, text = block.partition("\n")
        found[head.partition(":")[0]] = text.strip()
    return found


PAGES: Final = "the ledger is damaged: its pages do not match their checksums"


@contextmanager
def guarded() -> Iterator[None]:
    """Turn SQLite's errors into ours.

    Raises:
        NoSpace: the disk, or a quota, is full.
        LedgerDamaged: the pages do not check, or a row contradicts those that are there.
        LedgerLocked: another process holds it.
        LedgerWithheld: the folder's rights do not let it be opened or written.
        LedgerError: the disk fails.
    """
    try:
        yield
    except apsw.FullError as error:
        raise NoSpace("no space left for the ledger") from error
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise LedgerDamaged(PAGES) from error
    except apsw.IOError as error:
        code = getattr(error, "extendedresult", 0)
        if code == apsw.SQLITE_IOERR_DATA:
            raise LedgerDamaged(PAGES) from error
        if code in _NO_ROOM:
            raise NoSpace("the ledger cannot be written: there is no room for it") from error
        what = _FAILURES.get(code, "an input or output error")
        raise LedgerError(f"the ledger's disk fails: {what} ({code})", hint=FAILING_DISK) from error
    except apsw.ConstraintError as error:
        raise LedgerDamaged("the ledger refuses a row that contradicts the ones it has") from error
    except apsw.BusyError as error:
        raise LedgerLocked("another process holds the ledger") from error
    except apsw.CantOpenError as error:
        raise LedgerWithheld(
            "the ledger cannot be opened or created here", hint="look at the folder's rights"
        ) from error
    except apsw.ReadOnlyError as error:
        raise LedgerWithheld(
            "the ledger is read-only here", hint="look at the folder's rights and its disk"
        ) from error


def connect(path: Path | None, *, read_only: bool = False) -> apsw.Connection:
    """Open (and create or migrate) a ledger; without a path it is temporary and unnamed.

    Raises:
        LedgerDamaged: the file is not one of ours, or its pages do not check.
        LedgerTooNew: a later version wrote it.
        LedgerWithheld: it may not be opened, or not be locked.
    """
    if path is not None and not keeps_locks(path.parent):  # SQLite would wait, and call it busy
        raise LedgerWithheld(f"{path}: cannot be locked", hint=LOCAL_DISK)
    if read_only and path is not None:
        try:
            return _connected(path, flags=apsw.SQLITE_OPEN_READONLY)
        except NoSpace:  # for what readers share with a writer; without one memory does
            name = f"file:{quote(str(path))}?readonly_shm=1"
            return _connected(name, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    return _connected(path)


def _connected(path: Path | str | None, flags: int = 0) -> apsw.Connection:
    read_only = bool(flags & apsw.SQLITE_OPEN_READONLY)
    with guarded():
        _load_checksums()
        if read_only:
            con = apsw.Connection(str(path), flags=flags, vfs="cksmvfs")
        else:
            con = apsw.Connection(
                str(path) if path else "", vfs="cksmvfs" if path is not None else None
            )
        try:
            con.set_busy_timeout(10_000)
            if read_only:
                con.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)  # it could not write, either
                _look(con)
            else:
                _make_whole(con, named=path is not None)
        except BaseException:
            with suppress(apsw.Error):
                con.close()  # its files are not kept open until somebody collects it
            raise
        return con


def _look(con: apsw.Connection) -> None:
    if _is_blank(con):
        raise LedgerDamaged(_BLANK, hint='nothing was begun; "hdh-migrate run PLAN" makes it')
    _check_version(con)


def _make_whole(con: apsw.Connection, *, named: bool) -> None:
    if not _is_blank(con):
        _check_version(con)  # before a pragma changes a file that is not ours
    elif named:
        _reserve(con)
    for pragma in _PRAGMAS:
        con.execute(pragma)
    _migrate(con)


def copy_pages(
    source: apsw.Connection, to: Path, portion: int, stopped: Callable[[], bool]
) -> None:
    """Copy what a connection sees of its file into a new one (0600), checksums and all.

    Inside a transaction of `source` that is one moment, whoever writes meanwhile.

    Raises:
        Interrupted: `stopped` said so, asked after every so many pages.
    """
    os.close(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with guarded():
        target = apsw.Connection(str(to))
        try:
            with target.backup("main", source, "main") as backup:
                while not backup.done:
                    if stopped():
                        raise Interrupted("stopped while the ledger was copied; no copy was made")
                    backup.step(portion)
        finally:
            target.close()


def _load_checksums() -> None:
    if "cksmvfs" not in apsw.vfs_names():
        loader = apsw.Connection(":memory:")
        apsw.sqlite_extra.load(loader, "cksumvfs")


def _reserve(con: apsw.Connection) -> None:
    size = ctypes.c_int(CHECKSUM_BYTES)  # room for a checksum at the end of every page
    con.file_control("main", apsw.SQLITE_FCNTL_RESERVE_BYTES, ctypes.addressof(size))


def _is_blank(con: apsw.Connection) -> bool:
    """Return whether nothing was ever written; true as well when its making was cut short.

    A file that has settings of ours and no table yet is what a kill right then leaves. Another
    program's file, even an empty one, has no room for checksums and is none of these.
    """
    if con.pragma("application_id") == APPLICATION_ID:
        return False
    if con.pragma("page_count") == 0:
        return True
    size = ctypes.c_int(-1)
    con.file_control("main", apsw.SQLITE_FCNTL_RESERVE_BYTES, ctypes.addressof(size))
    marks = (con.pragma("application_id"), con.pragma("user_version"), size.value)
    tables = con.execute("SELECT count(*) FROM sqlite_schema").get
    return (*marks, tables) == (0, 0, CHECKSUM_BYTES, 0)


def _check_version(con: apsw.Connection) -> None:
    if con.pragma("application_id") != APPLICATION_ID:
        raise LedgerDamaged("the file is not a ledger of this tool")
    version = con.pragma("user_version")
    if version > len(MIGRATIONS):
        raise LedgerTooNew(
            f"the ledger has format {version}, this version knows up to {len(MIGRATIONS)}"
        )


def _migrate(con: apsw.Connection) -> None:
    version = con.pragma("user_version")
    while version < len(MIGRATIONS):
        with con:
            con.execute(MIGRATIONS[version]())
            version += 1
            con.pragma("user_version", version)
            con.pragma("application_id", APPLICATION_ID)
    con.execute(_sql("indexes.sql"))
