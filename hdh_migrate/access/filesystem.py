"""A grant as a read-only fsspec file system, `hdh-grant://`: names as the dataset has them.

pandas, pyarrow, DuckDB and Dask read it like any other. Nothing is written, here or at the host.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NoReturn

try:
    from fsspec.spec import AbstractFileSystem
except ImportError:  # pragma: no cover - the extra is there in the tests
    from hdh_migrate.software import installing

    raise ImportError(f"fsspec is missing: {installing('access')}") from None

from hdh_migrate.access.catalogue import CataloguedObject
from hdh_migrate.access.files import GrantedFile
from hdh_migrate.access.hints import hinted
from hdh_migrate.access.opened import OpenedGrant, shared
from hdh_migrate.access.segments import RunningDigest
from hdh_migrate.access.settings import (
    CACHE_BYTES,
    CREDENTIAL_ID,
    CREDENTIAL_SECRET,
    PATIENCE_SECONDS,
    ReaderSettings,
)
from hdh_migrate.errors import UsageError
from hdh_migrate.model import key_bytes

PROTOCOL: Final = "hdh-grant"
THREADS: Final = 8
"""Ranges that are read at the same time."""

Info = dict[str, Any]
"""What fsspec knows of a file or folder: `name`, `size`, `type`, and the file's `sha256`."""

_POOL: dict[int, ThreadPoolExecutor] = {}


class GrantFileSystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec is not annotated
    """The objects of one grant: `fsspec.filesystem("hdh-grant", grant=..., identity=...)`.

    Opening it opens the grant (`opened.open_grant`): a grant that was revoked, is over, damaged or
    somebody else's is refused there. The host is contacted when a file is read. What an object
    turns out not to be raises `NotAsGranted`; a name that the grant does not have is a
    `FileNotFoundError`, and whatever would write an `OSError` (EROFS).
    """

    protocol = PROTOCOL
    root_marker = ""

    def __init__(
        self,
        grant: str | Path | None = None,
        identity: str | Path | None = None,
        *,
        passphrase_from: str | None = None,
        credential_id: str = CREDENTIAL_ID,
        credential_secret: str = CREDENTIAL_SECRET,
        session_token: str | None = None,
        trust: Sequence[str | Path] | str | Path = (),
        ca_file: str | Path | None = None,
        cache_bytes: int = CACHE_BYTES,
        patience: float = PATIENCE_SECONDS,
        **options: Any,  # noqa: ANN401 - fsspec's own
    ) -> None:
        """Open a grant; secrets are given by reference (`env:NAME`, `file:PATH`), never themselves.

        Raises:
            UsageError: the grant's folder or the reader's key is not named.
            MigrateError: see `opened.open_grant`.
        """
        super().__init__(**options)
        if grant is None or identity is None:
            raise UsageError(
                "a grant's folder and the reader's private key are needed",
                hint="give them as options: grant=..., identity=...",
            )
        keys = (trust,) if isinstance(trust, str | Path) else trust
        self.settings = ReaderSettings(
            grant=Path(grant), identity=Path(identity), passphrase_from=passphrase_from,
            credential_id=credential_id, credential_secret=credential_secret,
            session_token=session_token, trust=tuple(map(Path, keys)),
            ca_file=None if ca_file is None else Path(ca_file),
            cache_bytes=cache_bytes, patience=patience,
        )  # fmt: skip
        with hinted():
            self._opened: OpenedGrant = shared(self.settings)

    @property
    def opened(self) -> OpenedGrant:
        """The grant, opened anew where a renewed pack lies in its folder by now.

        Raises:
            MigrateError: that one cannot be opened; see `opened.open_grant`.
        """
        if not self._opened.in_place:
            with hinted():
                self._opened = shared(self.settings)
        return self._opened

    @property
    def fsid(self) -> str:
        """The grant's id."""
        return f"{PROTOCOL}-{self.opened.given.grant}"

    # --- what there is ---------------------------------------------------------------------------

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Info] | list[str]:  # noqa: ANN401
        """List a folder: its files and the folders in it, each once, in the order of their names.

        Raises:
            FileNotFoundError: there is no such file or folder.
        """
        path = self._strip_protocol(path)
        found = list(self._in_folder(path))
        if not found:
            found = [self.info(path)]
            if found[0]["type"] == "directory" and not path:
                found = []
        return found if detail else [one["name"] for one in found]

    def info(self, path: str, **_: Any) -> Info:  # noqa: ANN401 - fsspec's own
        """Describe a file or folder.

        Raises:
            FileNotFoundError: there is none.
        """
        path = self._strip_protocol(path)
        found = self.opened.catalogue.find(path) if path else None
        if found is not None:
            return _file(found)
        if path and next(self.opened.catalogue.under(f"{path}/"), None) is None:
            raise _missing()
        return _folder(path)

    def find(
        self,
        path: str,
        maxdepth: int | None = None,
        withdirs: bool = False,
        detail: bool = False,
        **_: Any,  # noqa: ANN401 - fsspec's own
    ) -> dict[str, Info] | list[str]:
        """List everything below a path in one pass; see fsspec."""
        if maxdepth is not None and maxdepth < 1:
            raise ValueError("maxdepth must be at least 1")
        path = self._strip_protocol(path)
        one = self.opened.catalogue.find(path) if path else None
        if one is not None:
            found = {path: _file(one)}
        else:
            prefix = f"{path}/" if path else ""
            found = {info["name"]: info for info in self._below(prefix, maxdepth, withdirs)}
            if withdirs and found and path:
                found[path] = _folder(path)
        names = sorted(found)
        return {name: found[name] for name in names} if detail else names

    def modified(self, path: str) -> datetime:
        """Return since when a file is known to be as it is: since the grant was made.

        Raises:
            FileNotFoundError: there is no such file or folder.
        """
        self.info(path)
        return datetime.fromisoformat(self.opened.given.made_at)

    created = modified

    def ukey(self, path: str) -> str:
        """Return what stands for a file's content: its SHA-256.

        Raises:
            FileNotFoundError, IsADirectoryError: there is no such file.
        """
        return self._found(self._strip_protocol(path)).of.sha256

    def _in_folder(self, path: str) -> Iterator[Info]:
        """Yield what stands right in a folder; what lies in folders of it is passed over."""
        prefix = f"{path}/" if path else ""
        start, catalogue = key_bytes(prefix), self.opened.catalogue
        while True:
            for found in catalogue.starting(start):
                name = found.of.name
                if not key_bytes(name).startswith(key_bytes(prefix)):
                    return
                child, slash, _ = name[len(prefix) :].partition("/")
                if slash and child:
                    yield _folder(prefix + child)
                    start = key_bytes(f"{prefix}{child}0")  # the byte after `/`
                    break
                yield _file(found)
            else:
                return

    def _below(self, prefix: str, maxdepth: int | None, withdirs: bool) -> Iterator[Info]:
        folders: set[str] = set()
        for found in self.opened.catalogue.under(prefix):
            *above, _ = found.of.name[len(prefix) :].split("/")
            if withdirs:
                for depth in range(1, min(len(above), maxdepth or len(above)) + 1):
                    folder = prefix + "/".join(above[:depth])
                    if folder not in folders:
                        folders.add(folder)
                        yield _folder(folder)
            if maxdepth is None or len(above) < maxdepth:
                yield _file(found)

    # --- what is in it ---------------------------------------------------------------------------

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        autocommit: bool = True,
        cache_options: dict[str, Any] | None = None,
        **options: Any,  # noqa: ANN401 - fsspec's own
    ) -> GrantedFile:
        del block_size, autocommit  # a segment is the block, and nothing is written
        if mode != "rb":
            _refuse_writing()
        found = self._found(path)
        return GrantedFile(
            self, path, self.opened.reader(found),
            cache_type=options.get("cache_type") or "none", cache_options=cache_options,
        )  # fmt: skip

    def cat_file(
        self,
        path: str,
        start: int | None = None,
        end: int | None = None,
        **_: Any,  # noqa: ANN401 - fsspec's own
    ) -> bytes:
        """Return a part of a file, or all of it, and then its digest was compared."""
        found = self._found(self._strip_protocol(path))
        size = found.of.length
        first, last = slice(start, end).indices(size)[:2]
        with hinted():
            data = self.opened.reader(found).read(first, last - first)
            RunningDigest(found.of).add(first, data)
        return data

    def cat_ranges(
        self,
        paths: Sequence[str],
        starts: int | Sequence[int | None] | None,
        ends: int | Sequence[int | None] | None,
        max_gap: int | None = None,
        on_error: str = "return",
        **_: Any,  # noqa: ANN401 - fsspec's own
    ) -> list[bytes | Exception]:
        """Return parts of files, several at a time; see fsspec."""
        if max_gap is not None:
            raise NotImplementedError("ranges are read as they are asked for")
        count = len(paths)
        firsts = starts if isinstance(starts, Sequence) else [starts] * count
        lasts = ends if isinstance(ends, Sequence) else [ends] * count
        if not len(firsts) == len(lasts) == count:
            raise ValueError("there are as many starts and ends as paths")

        def part(asked: tuple[str, int | None, int | None]) -> bytes | Exception:
            try:
                return self.cat_file(*asked)
            except Exception as error:
                if on_error == "return":
                    return error
                raise

        return list(_pool().map(part, zip(paths, firsts, lasts, strict=True)))

    def _found(self, path: str) -> CataloguedObject:
        found = self.opened.catalogue.find(path)
        if found is None:
            if not path or next(self.opened.catalogue.under(f"{path}/"), None) is not None:
                raise IsADirectoryError(errno.EISDIR, "a folder of the grant, not a file")
            raise _missing()
        return found


def _refused(*_: object, **__: object) -> NoReturn:
    """Refuse: a grant is read-only."""
    _refuse_writing()


def _refuse_writing() -> NoReturn:
    raise OSError(errno.EROFS, "a grant is read-only: nothing is written through it")


for _name in (
    "mkdir", "makedirs", "rmdir", "rm", "rm_file", "_rm", "mv", "copy", "cp_file", "put",
    "put_file", "pipe", "pipe_file", "write_text", "touch", "sign", "start_transaction",
):  # fmt: skip
    setattr(GrantFileSystem, _name, _refused)


def _file(found: CataloguedObject) -> Info:
    of = found.of
    return {"name": of.name, "size": of.length, "type": "file", "sha256": of.sha256}


def _folder(path: str) -> Info:
    return {"name": path, "size": 0, "type": "directory"}


def _missing() -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, "the grant has no such object")  # its name is not shown


def _pool() -> ThreadPoolExecutor:
    """Return the threads of this process that read ranges; their connections stay open."""
    own = os.getpid()
    if own not in _POOL:
        _POOL.clear()  # of a process that we were forked from: its threads are not here
        _POOL[own] = ThreadPoolExecutor(THREADS, thread_name_prefix=PROTOCOL)
    return _POOL[own]
