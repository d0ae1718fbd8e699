"""Bundles that came as an archive: unpacked into a folder of their own, plain names only.

An archive is somebody's, and is read as such: entries of a bundle's names only, one folder, no
links, no holes, nothing that another program would unpack otherwise; never more than `RATIO` times
the archive's own size, for records compress some ten times and bombs a thousand; in memory that
does not grow with it.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, TypeVar, cast

from hdh_migrate.errors import EvidenceDamaged, UsageError
from hdh_migrate.evidence import tapes, zips
from hdh_migrate.evidence.tapes import TarEntry
from hdh_migrate.evidence.verifier.verify import FILES, OPTIONAL
from hdh_migrate.plan.files import CHECK_PATH

T = TypeVar("T")

GIVE_BUNDLE: Final = "give the folder that `hdh-migrate report` wrote, or its .zip or .tar"
RATIO: Final = 100
"""Bytes that an archive's entries may have for each of its own."""

FREE_BYTES: Final = 64 << 20
"""Bytes that the entries of even the smallest archive may have."""

XZ_MEMORY: Final = 256 << 20
PIECE: Final = 1 << 20
READ_MAX: Final = 4 << 20
"""No part of an archive that must be read at once is larger; a zip's directory is such a part."""

# Everything that the standard library's readers raise at bytes that are no archive.
_BROKEN: Final = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError),
    *(ValueError, OverflowError, LookupError, NotImplementedError, RuntimeError),
)
_PACKINGS: Final = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Give a bundle's folder; for a .zip or .tar archive one that is removed afterwards.

    An entry is taken only under the plain name of a bundle's file, so that none can land anywhere
    else. What the archive says of sizes is not believed, but counted.

    Raises:
        UsageError: there is nothing at `path` that can be read.
        EvidenceDamaged: it is no archive, is cut short or too large, or holds what no bundle has.
    """
    if _is_folder(path):
        yield path
        return
    with _opened(path) as file, tempfile.TemporaryDirectory(prefix="hdh-bundle-") as scratch:
        folder = Path(scratch)
        room = min(path.stat().st_size * RATIO + FREE_BYTES, shutil.disk_usage(folder).free)
        # By its beginning, not its end: a zip behind a tar is that tar to whoever unpacks it.
        is_zip = file.read(len(zips.MAGIC)) == zips.MAGIC
        _unpack(path, _zipped(file) if is_zip else _taped(file, room), folder, room)
        yield folder


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # its name is too long, say: who opens it hears why
        return False


def no_bundle(path: Path) -> UsageError:
    """Return the error of who named something else than a bundle."""
    return UsageError(f"{path}: there is no bundle here", hint=GIVE_BUNDLE)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        if not path.exists():
            raise no_bundle(path)
        if not path.is_file():  # a pipe would be waited for, a device would never end
            raise UsageError(f"{path}: neither a folder nor a file", hint=GIVE_BUNDLE)
        file = path.open("rb")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}", hint=CHECK_PATH) from None
    with file:
        yield file


def _unpack(path: Path, entries: Iterator[TarEntry], folder: Path, left: int) -> None:
    tops = set[str]()
    while (entry := _read(path, lambda: next(entries, None))) is not None:
        top, _, name = entry.name.removeprefix("./").rpartition("/")
        tops.add(top)
        known = name in FILES or OPTIONAL.fullmatch(name)
        outside = "/" in top or top == ".." or entry.name.startswith("/")
        if not entry.plain or not known or len(tops) > 1 or outside:
            raise EvidenceDamaged(f"{path}: an entry that does not belong to a bundle")
        pieces = _read(path, entry.pieces)
        try:
            with (folder / name).open("xb") as out:
                while piece := _read(path, lambda pieces=pieces: next(pieces, b"")):  # type: ignore[misc]
                    left -= len(piece)
                    if left < 0:
                        raise EvidenceDamaged(
                            f"{path}: larger than the room to unpack it, or than a bundle in an"
                            " archive of its size can be"
                        )
                    out.write(piece)
        except FileExistsError:
            raise EvidenceDamaged(f"{path}: the same file twice") from None


def _read(path: Path, reading: Callable[[], T]) -> T:
    """Call what reads from the archive; turn its errors into one that names the archive."""
    try:
        return reading()
    except _BROKEN:
        raise EvidenceDamaged(
            f"{path}: neither a folder nor a whole .zip or .tar archive of a bundle",
            hint=f"{GIVE_BUNDLE}; an archive that was cut short looks so, too: have it sent again",
        ) from None


# --- zip -----------------------------------------------------------------------------------------


class _Sparing(io.BufferedReader):
    """A file that refuses very large reads: a zip's directory is read at once."""

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = READ_MAX + 1 if size is None or size < 0 else min(size, READ_MAX + 1)
        data = super().read(wanted)
        if len(data) > READ_MAX:
            raise zipfile.BadZipFile("too large at once")
        return data


def _zipped(file: IO[bytes]) -> Iterator[TarEntry]:
    sparing = _Sparing(io.FileIO(file.fileno(), closefd=False))
    with zipfile.ZipFile(sparing) as archive:
        zips.demand_plain(sparing, archive)
        for info in archive.infolist():
            if not info.is_dir():
                # The other packings cannot be undone a piece at a time.
                plain = not stat.S_ISLNK(info.external_attr >> 16)
                plain = plain and info.compress_type in _PACKINGS
                yield TarEntry(info.filename, plain, lambda i=info: _inflated(archive, i))  # type: ignore[misc]


def _inflated(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(info) as body:
        while piece := body.read(PIECE):
            yield piece


# --- tar -----------------------------------------------------------------------------------------


def _taped(file: IO[bytes], room: int) -> Iterator[TarEntry]:
    return tapes.entries(_tape(file), room + FREE_BYTES)


def _tape(file: IO[bytes]) -> IO[bytes]:
    """Return the tar file in what may be packed with gzip, bzip2 or xz."""
    file.seek(0)
    magic = file.read(6)
    file.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=file))
    if magic.startswith(b"BZh"):
        return bz2.BZ2File(file)
    if magic.startswith(b"\xfd7zXZ\0"):
        return io.BufferedReader(_Xz(file))
    return file


class _Xz(io.RawIOBase):
    """What an xz file holds; unlike the standard library's, in memory that has a bound."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        piece = b""
        while not piece and not self._unpacker.eof:
            more = self._file.read(1 << 16) if self._unpacker.needs_input else b""
            if self._unpacker.needs_input and not more:
                raise EOFError("cut short")
            piece = self._unpacker.decompress(more, len(buffer))
        if self._unpacker.eof and (self._unpacker.unused_data or self._file.read(1)):
            raise ValueError("more than one stream")  # of which others unpack the second, too
        buffer[: len(piece)] = piece
        return len(piece)
