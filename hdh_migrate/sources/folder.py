"""A directory as a source, for dry-runs and tests: keys are relative paths, in byte order.

Symlinks, devices and sockets are listed with their kind and never followed or opened. Whoever may
write there can put a symlink in a folder's place between a listing and a read; so every name below
the plan's own folder is opened relative to the handle of the one above it, following none, and it
is the open file that is compared with what was listed. A file that changes while it is read is
drift, not data.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from hdh_migrate.clocks import text_of
from hdh_migrate.errors import AccessDenied, Missing, ShortRead, SourceChanged, Unsupported
from hdh_migrate.model import (
    Brief,
    ObjectInfo,
    Page,
    Place,
    Problem,
    Span,
    Untagged,
    key_bytes,
    key_text,
)
from hdh_migrate.ports.stores import NO_RANGE_DIGEST, Note, Write

PAGE_SIZE = 1_000
READ_SIZE = 262_144
LOOKED_AT_ONCE: Final = 1_000
"""Files of one directory that are looked at while a handle of it is held."""
DEPTH_MAX = 400
"""Directories in each other that are walked; one below is listed as what it is, no file. No key of
what lies deeper would be short enough for S3."""

_BELOW: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER: Final = _BELOW | os.O_DIRECTORY
_FILE: Final = _BELOW | os.O_NONBLOCK | os.O_NOCTTY
_NO_NAMES: Final = frozenset((b"", b".", b".."))


class FolderSource:
    """Directories under one base; a `Place`'s bucket is a directory, its prefix is unused."""

    lists_at_once = False  # nobody is waited for
    reads_together = False

    def __init__(self, base: Path, *, page_size: int = PAGE_SIZE) -> None:
        """`page_size` is files in a page."""
        self.page_size = page_size
        self._base = base

    def check(self, place: Place, *, checked: bool = False) -> Sequence[Problem]:
        """Return whether the directory can be listed."""
        root = self._root(place)
        where = f"source folder {place.bucket}"
        if not os.path.isdir(root):  # noqa: PTH112 - bytes path
            return [Problem(where=where, what="there is no such directory")]
        if not os.access(root, os.R_OK | os.X_OK):
            return [Problem(where=where, what="no right to list", auth=True)]
        if checked:
            return [Problem(where=where, what=NO_RANGE_DIGEST,
                            hint="use verify.source: again")]  # fmt: skip
        return []

    def pages(self, place: Place, *, marker: str | None = None) -> Iterator[Page]:
        """List all files in byte order of their keys; the marker is the last key given."""
        after = key_bytes(marker) if marker else b""
        page: list[ObjectInfo] = []
        for key, info in self._walk(place, b""):
            if marker is not None and key <= after:
                continue
            page.append(_described(key, info))
            if len(page) == self.page_size:
                yield Page(objects=tuple(page), marker=page[-1].key)
                page = []
        yield Page(objects=tuple(page), marker=None)

    def recount(self, place: Place) -> Iterator[Brief]:
        """List the folder once more; see `ports.Source.recount`."""
        for key, info in self._walk(place, b""):
            yield Brief(key_text(key), _size(info), _version(info), _kind(info.st_mode), None)

    def untagged(self, place: Place) -> Untagged | None:
        """A directory has no tags to miss."""
        del place
        return None

    def notes(self, place: Place) -> Sequence[Note]:
        """Nothing: an inode's numbers tell one version from another."""
        del place
        return ()

    def head(self, place: Place, key: str) -> ObjectInfo:
        """Describe one file as it is now."""
        above, name = _split(key_bytes(key))
        with _explained("file"), self._folder(place, above) as folder:
            info = os.stat(name, dir_fd=folder, follow_symlinks=False)
        return _described(key_bytes(key), info)

    def listed(self, place: Place, key: str) -> ObjectInfo:
        """Describe one file as it is now, which is all that a listing tells."""
        return self.head(place, key)

    def read(
        self, place: Place, obj: ObjectInfo, span: Span, write: Write, *, checked: bool = False
    ) -> None:
        """Hand over the span if the file is still the version listed, before and after."""
        if checked:
            raise Unsupported(NO_RANGE_DIGEST)
        above, name = _split(key_bytes(obj.key))
        with _explained("file"), self._folder(place, above) as folder:
            # To open a device may do something; to open a file that is looked at next does not.
            _same(os.stat(name, dir_fd=folder, follow_symlinks=False), obj)
            handle = os.open(name, _FILE, dir_fd=folder)
        try:
            self._copy(handle, obj, span, write)
        finally:
            os.close(handle)

    def _copy(self, handle: int, obj: ObjectInfo, span: Span, write: Write) -> None:
        at = span.start
        with _explained("file"):
            _same(os.fstat(handle), obj)
        while at < span.end:
            with _explained("file"):
                data = os.pread(handle, min(READ_SIZE, span.end - at), at)
            if not data:
                raise SourceChanged("a source file became shorter while it was read")
            write(data)
            at += len(data)
        with _explained("file"):
            _same(os.fstat(handle), obj)

    def _root(self, place: Place) -> bytes:
        return os.fsencode(self._base / place.bucket)

    @contextmanager
    def _folder(self, place: Place, below: Sequence[bytes]) -> Iterator[int]:
        """Hold a handle of a directory; no name under the plan's own folder may be a symlink."""
        handle = os.open(self._root(place), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in below:
                inner = os.open(name, _FOLDER, dir_fd=handle)
                os.close(handle)
                handle = inner
            yield handle
        finally:
            os.close(handle)

    def _walk(self, place: Place, prefix: bytes) -> Iterator[tuple[bytes, os.stat_result]]:
        below = prefix.split(b"/")[:-1]
        with (
            _explained("directory"),
            self._folder(place, below) as folder,
            os.scandir(folder) as entries,
        ):
            # Sorting directories as "name/" gives the byte order of whole keys.
            names = sorted(
                os.fsencode(entry.name) + (b"/" if entry.is_dir(follow_symlinks=False) else b"")
                for entry in entries
            )
        for at in range(0, len(names), LOOKED_AT_ONCE):
            some = names[at : at + LOOKED_AT_ONCE]
            seen = self._looked(place, below, some)
            for name in some:
                if name.endswith(b"/") and len(below) < DEPTH_MAX:
                    # Gone, or another kind of thing by now: the recount sees that.
                    with suppress(Missing, SourceChanged):
                        yield from self._walk(place, prefix + name)
                elif name in seen:  # or it went away meanwhile: the recount sees that too
                    yield prefix + name.rstrip(b"/"), seen[name]

    def _looked(
        self, place: Place, below: Sequence[bytes], names: Sequence[bytes]
    ) -> dict[bytes, os.stat_result]:
        """Look at the files among some names of a directory, without holding it any longer."""
        seen = {}
        with _explained("directory"), self._folder(place, below) as folder:
            for name in names:
                if name.endswith(b"/") and len(below) < DEPTH_MAX:
                    continue
                try:
                    seen[name] = os.stat(name.rstrip(b"/"), dir_fd=folder, follow_symlinks=False)
                except FileNotFoundError:
                    continue
        return seen


def _split(key: bytes) -> tuple[list[bytes], bytes]:
    """Return the names of the directories above a file, and its own.

    Raises:
        Missing: no file has such a key.
    """
    *above, name = key.split(b"/")
    if b"\0" in key or not _NO_NAMES.isdisjoint((*above, name)):
        raise Missing("a source file is gone")
    return above, name


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn what the system says of a file or directory into our words."""
    try:
        yield
    except FileNotFoundError as error:
        raise Missing(f"a source {what} is gone") from error
    except PermissionError as error:
        raise AccessDenied(f"no right to read a source {what}") from error
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENOTDIR, errno.ENXIO}:
            raise SourceChanged(f"a source {what} is another kind of thing now") from error
        raise ShortRead(f"a source {what} cannot be read: {error.strerror}") from error


def _same(info: os.stat_result, obj: ObjectInfo) -> None:
    if not stat.S_ISREG(info.st_mode):
        raise SourceChanged("a source file is another kind of thing now")
    if _version(info) != obj.version or info.st_size != obj.size:
        raise SourceChanged("a source file changed since inventory")


def _version(info: os.stat_result) -> str:
    return f"{info.st_ino:x}-{info.st_size:x}-{info.st_mtime_ns:x}-{info.st_ctime_ns:x}"


def _described(key: bytes, info: os.stat_result) -> ObjectInfo:
    return ObjectInfo(
        key=key_text(key),
        size=_size(info),
        version=_version(info),
        modified=_modified(info.st_mtime_ns // 1_000_000_000),
        kind=_kind(info.st_mode),
    )


def _size(info: os.stat_result) -> int:
    return info.st_size if stat.S_ISREG(info.st_mode) else 0


def _kind(mode: int) -> str:
    if stat.S_ISREG(mode):
        return "object"
    return "symlink" if stat.S_ISLNK(mode) else "special-file"


def _modified(seconds: int) -> str | None:
    """Return when a file was changed, None for a time that no calendar has."""
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return text_of(moment)
