"""A directory as a source, for dry-runs and tests: keys are relative paths, in byte order.

Symlinks, devices and sockets are listed with their kind and never followed or opened. A file
that changes while it is read is drift, not data.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

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
from hdh_migrate.ports import Write

PAGE_SIZE = 1_000
READ_SIZE = 262_144


class FolderSource:
    """Directories under one base; a `Place`'s bucket is a directory, its prefix is unused."""

    page_size = PAGE_SIZE

    def __init__(self, base: Path) -> None:
        self._base = base

    def check(self, place: Place, *, checked: bool = False) -> Sequence[Problem]:
        """Say whether the directory can be listed."""
        root = self._root(place)
        where = f"source folder {place.bucket}"
        if not os.path.isdir(root):  # noqa: PTH112 - bytes path
            return [Problem(where=where, what="there is no such directory")]
        if not os.access(root, os.R_OK | os.X_OK):
            return [Problem(where=where, what="no right to list", auth=True)]
        if checked:
            return [Problem(where=where, what="a folder has no digest of a range of its own",
                            hint="use verify.source: again")]  # fmt: skip
        return []

    def pages(self, place: Place, *, marker: str | None = None) -> Iterator[Page]:
        """List all files in byte order of their keys; the marker is the last key given."""
        after = key_bytes(marker) if marker else b""
        page: list[ObjectInfo] = []
        for key, info in self._walk(self._root(place), b""):
            if marker is not None and key <= after:
                continue
            page.append(_described(key, info))
            if len(page) == PAGE_SIZE:
                yield Page(objects=tuple(page), marker=page[-1].key)
                page = []
        yield Page(objects=tuple(page), marker=None)

    def recount(self, place: Place) -> Iterator[Brief]:
        """Walk again."""
        for key, info in self._walk(self._root(place), b""):
            yield Brief(key_text(key), _size(info), _version(info), _kind(info.st_mode), None)

    def untagged(self, place: Place) -> Untagged | None:
        """A directory has no tags to miss."""
        del place
        return None

    def head(self, place: Place, key: str) -> ObjectInfo:
        """Describe one file as it is now."""
        try:
            info = os.lstat(os.path.join(self._root(place), key_bytes(key)))  # noqa: PTH118
        except (FileNotFoundError, NotADirectoryError) as error:
            raise Missing("a source file is gone") from error
        return _described(key_bytes(key), info)

    def read(
        self, place: Place, obj: ObjectInfo, span: Span, write: Write, *, checked: bool = False
    ) -> None:
        """Hand over the span if the file is still the version listed, before and after."""
        if checked:
            raise Unsupported("a folder has no digest of a range of its own")
        path = os.path.join(self._root(place), key_bytes(obj.key))  # noqa: PTH118
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise Missing("a source file is gone") from error
        except PermissionError as error:
            raise AccessDenied("no right to read a source file") from error
        except OSError as error:  # ELOOP: it became a symlink
            raise SourceChanged("a source file changed its type since inventory") from error
        try:
            _same(handle, obj)
            at = span.start
            while at < span.end:
                data = os.pread(handle, min(READ_SIZE, span.end - at), at)
                if not data:
                    raise SourceChanged("a source file became shorter while it was read")
                write(data)
                at += len(data)
            _same(handle, obj)
        except OSError as error:
            raise ShortRead("the source folder cannot be read") from error
        finally:
            os.close(handle)

    def _root(self, place: Place) -> bytes:
        return os.fsencode(self._base / place.bucket)

    def _walk(self, root: bytes, prefix: bytes) -> Iterator[tuple[bytes, os.stat_result]]:
        try:
            with os.scandir(os.path.join(root, prefix)) as entries:  # noqa: PTH118
                # Sorting directories as "name/" gives the byte order of whole keys.
                names = sorted(
                    (entry.name + (b"/" if entry.is_dir(follow_symlinks=False) else b""))
                    for entry in entries
                )
        except PermissionError as error:
            raise AccessDenied("no right to list a directory of the source") from error
        except FileNotFoundError as error:
            raise Missing("a directory of the source is gone") from error
        for name in names:
            key = prefix + name
            if name.endswith(b"/"):
                yield from self._walk(root, key)
                continue
            try:
                yield key, os.lstat(os.path.join(root, key))  # noqa: PTH118
            except FileNotFoundError:
                continue  # went away between listing and stat: the recount sees it too


def _same(handle: int, obj: ObjectInfo) -> None:
    info = os.fstat(handle)
    if _version(info) != obj.version or info.st_size != obj.size:
        raise SourceChanged("a source file changed since inventory")


def _version(info: os.stat_result) -> str:
    return f"{info.st_ino:x}-{info.st_size:x}-{info.st_mtime_ns:x}-{info.st_ctime_ns:x}"


def _described(key: bytes, info: os.stat_result) -> ObjectInfo:
    moment = datetime.fromtimestamp(info.st_mtime_ns // 1_000_000_000, UTC)
    return ObjectInfo(
        key=key_text(key),
        size=_size(info),
        version=_version(info),
        modified=moment.isoformat().replace("+00:00", "Z"),
        kind=_kind(info.st_mode),
    )


def _size(info: os.stat_result) -> int:
    return info.st_size if stat.S_ISREG(info.st_mode) else 0


def _kind(mode: int) -> str:
    if stat.S_ISREG(mode):
        return "object"
    return "symlink" if stat.S_ISLNK(mode) else "special-file"
