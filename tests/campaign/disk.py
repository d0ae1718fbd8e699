"""A disk for ledgers that a life owns: it loses power, fills up, fails, and turns bits.

It lies below the checksums of the ledger's pages, as a real one does. What was written and not
synced yet is remembered; when the power goes some of it is there, some in part, some not at all,
in any order. A sync that fails drops what it should have made durable, as kernels do.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import apsw
import apsw.sqlite_extra

NAME = "simulated-disk"
SECTOR = 512
AT_ONCE = 1 << 16
"""Bytes that SQLite's own layer takes in one request: it cuts off what is above 128 KiB."""

Failure = Literal["full", "write", "sync"]


@dataclass(frozen=True, slots=True)
class Unsynced:
    """One write or truncation that no sync has made durable yet."""

    offset: int
    old: bytes
    """What was there; shorter than the new bytes where the file grew."""
    new: bytes
    """Empty for a truncation."""
    size: int
    """The file's size before."""


class Disk:
    """The disk of one life."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.unsynced: dict[str, list[Unsynced]] = {}
        self._failure: Failure | None = None
        self._writes_left = 0
        self.failed = False
        """Whether it failed since it was last well."""

    # --- what a life does to it ----------------------------------------------------------------

    def fail(self, how: Failure, writes: int) -> None:
        """Fail after so many writes, or syncs, from now on."""
        self._failure, self._writes_left = how, writes

    def heal(self) -> None:
        """Be well again."""
        self._failure, self.failed = None, False
        self.unsynced.clear()

    def cut(self, folder: Path, image: Path) -> None:
        """Make of a copy of a folder what a power cut at this moment leaves of it."""
        for path in image.iterdir():
            if path.name.endswith("-shm"):
                path.unlink()
            elif entries := self.unsynced.get(str(folder / path.name)):
                path.write_bytes(_left(path.read_bytes(), entries, self._dice))

    # --- what files ask of it ------------------------------------------------------------------

    def write(self) -> None:
        """Be asked for one write."""
        if self._failure in {"full", "write"} and self._due():
            if self._failure == "full":
                raise _failing(apsw.SQLITE_FULL)
            raise _failing(apsw.SQLITE_IOERR_WRITE)

    def sync(self, name: str, file: DiskFile) -> None:
        """Be asked for one sync."""
        entries = self.unsynced.pop(name, [])
        if self._failure == "sync" and self._due():
            file.replace(_left(file.whole(), entries, self._dice))
            raise _failing(apsw.SQLITE_IOERR_FSYNC)

    def _due(self) -> bool:
        self._writes_left -= 1
        if self._writes_left >= 0:
            return False
        self.failed = True
        return True


class DiskFile(apsw.VFSFile):  # type: ignore[misc, unused-ignore]
    """A file of a ledger, or its write-ahead log."""

    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        self._path = name.filename() if isinstance(name, apsw.URIFilename) else name or ""
        self._kept = bool(flags[0] & (apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_WAL))
        super().__init__("unix", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        if self._kept:
            self._disk.write()
            size = self.xFileSize()
            old = b"" if offset >= size else self.xRead(min(len(data), size - offset), offset)
            entry = Unsynced(offset, old, bytes(data), size)
            self._disk.unsynced.setdefault(self._path, []).append(entry)
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:  # noqa: N802
        if self._kept and size < (before := self.xFileSize()):
            entry = Unsynced(size, self.xRead(before - size, size), b"", before)
            self._disk.unsynced.setdefault(self._path, []).append(entry)
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:  # noqa: N802 - nothing is waited for here
        if self._kept:
            self._disk.sync(self._path, self)

    def whole(self) -> bytes:
        """Return all that is in the file."""
        size = self.xFileSize()
        steps = range(0, size, AT_ONCE)
        return b"".join(self.xRead(min(AT_ONCE, size - at), at) for at in steps)

    def replace(self, data: bytes) -> None:
        """Have other content."""
        super().xTruncate(0)
        for at in range(0, len(data), AT_ONCE):
            super().xWrite(data[at : at + AT_ONCE], at)


class DiskVfs(apsw.VFS):  # type: ignore[misc, unused-ignore]
    """Opens files on a disk."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        super().__init__(NAME, "unix")

    def xOpen(self, name: Any, flags: list[int]) -> DiskFile:  # noqa: N802
        return DiskFile(self._disk, name, flags)

    def xDelete(self, name: str, syncdir: bool) -> None:  # noqa: N802
        self._disk.unsynced.pop(name, None)
        super().xDelete(name, syncdir)


@contextmanager
def under_ledgers(disk: Disk) -> Iterator[None]:
    """Let every ledger of this process lie on a disk, below the checksums of its pages."""
    loader = apsw.Connection(":memory:")
    vfs = DiskVfs(disk)
    _stack(loader, NAME)
    heard, sys.unraisablehook = sys.unraisablehook, _unheard(sys.unraisablehook)
    try:
        yield
    finally:
        sys.unraisablehook = heard
        _stack(loader, "unix")
        vfs.unregister()
        loader.close()


def _unheard(hook: Callable[[Any], object]) -> Callable[[Any], object]:
    """Say nothing of a planned failure that SQLite has nobody to tell of, as in a rollback."""

    def heard(error: Any) -> None:
        if not getattr(error.exc_value, "planned", False):
            hook(error)

    return heard


def _stack(loader: apsw.Connection, base: str) -> None:
    apsw.set_default_vfs(base)
    if "cksmvfs" in apsw.vfs_names():
        apsw.unregister_vfs("cksmvfs")
    apsw.sqlite_extra.load(loader, "cksumvfs")


def _failing(code: int) -> apsw.Error:
    error = (apsw.FullError if code == apsw.SQLITE_FULL else apsw.IOError)("the disk fails")
    vars(error).update(extendedresult=code, planned=True)
    return error


def _left(content: bytes, entries: list[Unsynced], dice: random.Random) -> bytes:
    """Return what is left of a file when some of its unsynced writes are lost or torn."""
    made = bytearray(content)
    for one in reversed(entries):
        made[one.offset : one.offset + len(one.old)] = one.old
        del made[one.size :]
    for one in entries:
        if dice.random() < 0.5:
            continue
        if not one.new:
            del made[one.offset :]
            continue
        torn = dice.random() < 0.2
        new = one.new[: len(one.new) // (2 * SECTOR) * SECTOR] if torn else one.new
        if len(made) < one.offset:
            made += bytes(one.offset - len(made))
        made[one.offset : one.offset + len(new)] = new
    return bytes(made)
