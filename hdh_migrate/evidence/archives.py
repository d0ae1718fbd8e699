"""Bundles that came as an archive: unpacked into a folder of their own, plain names only."""

from __future__ import annotations

import shutil
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from hdh_migrate.errors import EvidenceDamaged, UsageError
from hdh_migrate.evidence.verify import FILES, OPTIONAL

_BROKEN = (zipfile.BadZipFile, tarfile.TarError, EOFError, NotImplementedError, RuntimeError)


class _Entry(NamedTuple):
    name: str
    plain: bool
    size: int
    open: Callable[[], IO[bytes] | None]


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Give a bundle's folder; for a .zip or .tar archive one that is removed afterwards.

    An entry is taken only under the plain name of a bundle's file, so that none can land anywhere
    else; the sizes that the archive states are believed at most as far as the disk has room.

    Raises:
        UsageError: there is nothing at `path`.
        EvidenceDamaged: it is no archive, is cut short, or holds what no bundle has.
    """
    if path.is_dir():
        yield path
        return
    if not path.exists():
        raise UsageError(f"{path}: there is no bundle here")
    with tempfile.TemporaryDirectory(prefix="hdh-bundle-") as scratch:
        folder = Path(scratch)
        try:
            _unpack(path, folder)
        except _BROKEN:
            raise EvidenceDamaged(
                f"{path}: neither a folder nor a whole .zip or .tar archive of a bundle"
            ) from None
        yield folder


def _unpack(path: Path, folder: Path) -> None:
    left, tops = shutil.disk_usage(folder).free, set[str]()
    with zipfile.ZipFile(path) if zipfile.is_zipfile(path) else tarfile.open(path) as archive:
        entries = _zipped(archive) if isinstance(archive, zipfile.ZipFile) else _tarred(archive)
        for entry in entries:
            top, _, name = entry.name.removeprefix("./").rpartition("/")
            tops.add(top)
            left -= entry.size
            known = name in FILES or OPTIONAL.fullmatch(name)
            if not entry.plain or not known or len(tops) > 1 or "/" in top or top == "..":
                raise EvidenceDamaged(f"{path}: an entry that does not belong to a bundle")
            if left < 0:
                raise EvidenceDamaged(f"{path}: larger than the room to unpack it")
            try:
                with (folder / name).open("xb") as file:
                    body = entry.open()
                    assert body is not None  # of a plain file there is one
                    shutil.copyfileobj(body, file, 1 << 20)
            except FileExistsError:
                raise EvidenceDamaged(f"{path}: the same file twice") from None


def _zipped(archive: zipfile.ZipFile) -> Iterator[_Entry]:
    for info in archive.infolist():
        if not info.is_dir():
            plain = not stat.S_ISLNK(info.external_attr >> 16)
            yield _Entry(info.filename, plain, info.file_size, lambda i=info: archive.open(i))  # type: ignore[misc]


def _tarred(archive: tarfile.TarFile) -> Iterator[_Entry]:
    for info in archive:
        if not info.isdir():
            yield _Entry(info.name, info.isreg(), info.size, lambda i=info: archive.extractfile(i))  # type: ignore[misc]
