"""The lock of a run, and who holds it: a run that begins finds out, and so does who only looks.

Two locks are on one file. `flock` keeps a second run out. The other, on an open file description,
is there to be asked about (F_OFD_GETLK): who looks takes neither, and so never stands in the way of
a run that is about to begin.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import struct
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from hdh_migrate.clocks import text_of
from hdh_migrate.errors import LedgerError, LedgerLocked, LedgerWithheld, NoSpace
from hdh_migrate.folders import FULL, NO_LOCKS
from hdh_migrate.frozen import frozen

LOCAL_DISK: Final = (
    "its file system keeps no locks, so two commands could write at once: move the state folder to"
    " a local disk, and name that with --state-dir"
)

_FLOCK = "hhqqi4x"
"""C's `struct flock`: type, whence, start, length, pid."""

_BYTES_MAX = 4096


@frozen
class Holder:
    """The process that holds a ledger; what it did not write down is None."""

    pid: int | None
    host: str | None
    since: str | None
    """When it took the ledger, RFC 3339 in UTC."""

    @property
    def where(self) -> str:
        """Who it is, in words."""
        if self.pid is None or self.host is None:
            return "unknown holder"
        return f"pid {self.pid} on host {self.host}"


class RunLock:
    """Held for the length of a run; says who holds it when it cannot be had."""

    def __init__(self, path: Path) -> None:
        """Take it.

        Raises:
            LedgerLocked: another run holds it; its process and machine are named.
            LedgerError: it cannot be made or locked.
            NoSpace: the disk is full.
        """
        self._handle = opened(path)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _read_holder(self._handle)
            os.close(self._handle)
            raise LedgerLocked(f"another run holds the ledger: {holder.where}") from None
        except OSError as error:
            os.close(self._handle)
            raise withheld(path, "cannot be locked", error) from error
        with suppress(OSError):  # a file system may not have it: then nobody can ask
            fcntl.fcntl(self._handle, fcntl.F_OFD_SETLK, _whole(fcntl.F_WRLCK))
        said = json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode()
        try:
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, said, 0)
        except OSError as error:
            os.close(self._handle)
            raise withheld(path, "cannot be written", error) from error

    def release(self) -> None:
        """Let the next run have it."""
        os.close(self._handle)

    def leave(self) -> None:
        """Let it go, and leave no word of who had it; see `killed_holder`."""
        with suppress(OSError):
            os.ftruncate(self._handle, 0)
        self.release()


def holder(path: Path) -> Holder | None:
    """Return who holds the lock of this path now, None when nobody does; takes and changes nothing.

    Raises:
        LedgerError: the file cannot be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise withheld(path, "cannot be opened", error) from error
    try:
        asked = fcntl.fcntl(handle, fcntl.F_OFD_GETLK, _whole(fcntl.F_WRLCK))
    except OSError as error:
        os.close(handle)
        raise withheld(path, "nobody can say who holds it", error) from error
    try:
        held = struct.unpack(_FLOCK, asked)[0] != fcntl.F_UNLCK
        return _read_holder(handle) if held else None
    finally:
        os.close(handle)


def killed_holder(path: Path) -> Holder | None:
    """Return who had the lock of this path and did not `leave` it: a kill took it. None: nobody.

    Raises:
        LedgerError: the file cannot be read.
    """
    if not path.exists() or holder(path) is not None:
        return None
    handle = opened(path)
    try:
        found = _read_holder(handle)
    finally:
        os.close(handle)
    return None if found.pid is None else found


def keeps_locks(folder: Path) -> bool:
    """Return whether the file system of a folder knows locks at all, as far as can be told."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return True  # what is wrong there, who opens a file in it says
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in NO_LOCKS
    finally:
        os.close(handle)
    return True


def opened(path: Path) -> int:
    """Open or make a file of the ledger (mode 0600) and return its descriptor; follow no link.

    Raises:
        LedgerError: it cannot be.
    """
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise withheld(path, "cannot be opened", error) from error


def withheld(
    path: Path, what: str, error: OSError, *, nothing: str = "nothing was changed"
) -> LedgerError:
    """Return why a file of the ledger's folder cannot be used: no room, or what lies there.

    Neither says that what is there is damaged, and no copy of the ledger would mend it.
    `nothing`: what of the command's work was not done, for the hint.
    """
    if error.errno in FULL:
        hint = f"{nothing}; make room and give the same command again"
        return NoSpace(f"{path}: {what}: no space left on the disk", hint=hint)
    if error.errno in NO_LOCKS:
        hint = f"{nothing}; {LOCAL_DISK}"
        return LedgerWithheld(f"{path}: {what}: {error.strerror}", hint=hint)
    hint = f"{nothing}; look at what lies there, and at its rights"
    return LedgerWithheld(f"{path}: {what}: {error.strerror}", hint=hint)


def _whole(kind: int) -> bytes:
    return struct.pack(_FLOCK, kind, os.SEEK_SET, 0, 0, 0)


def _read_holder(handle: int) -> Holder:
    """Return what the holder wrote down; the file is written when the lock is taken, not later."""
    text = os.pread(handle, _BYTES_MAX, 0).decode(errors="replace")
    taken = datetime.fromtimestamp(os.fstat(handle).st_mtime, UTC)
    try:
        holder = json.loads(text)
        pid, host = int(holder["pid"]), str(holder["host"])
    except (ValueError, KeyError, TypeError):
        return Holder(pid=None, host=None, since=None)
    return Holder(pid=pid, host=host, since=text_of(taken, "milliseconds"))
