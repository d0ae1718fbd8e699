"""One granted object as a file that is read: for fsspec, and for whoever reads through it."""

from __future__ import annotations

from typing import Final

from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from hdh_migrate.access.hints import hinted
from hdh_migrate.access.segments import AHEAD_MAX, GrantedReader, RunningDigest

BLOCK: Final = 8 << 10
"""Bytes in which lines are looked for; every line is."""


class GrantedFile(AbstractBufferedFile):  # type: ignore[misc]  # fsspec is not annotated
    """Reads one object. Not for many threads at once; each opens a file of its own.

    It keeps nothing but its place: segments are kept by the grant, for all of its files. Who reads
    on in order gets more and more ahead. What was read from the beginning to the end without a gap
    has been compared with the digest of the pack when the last byte is given.
    """

    def __init__(
        self,
        fs: AbstractFileSystem,
        path: str,
        reader: GrantedReader,
        *,
        cache_type: str = "none",
        cache_options: dict[str, object] | None = None,
    ) -> None:
        self._reader = reader
        self._digest = RunningDigest(reader.of)
        self._next = self._ahead = 0
        super().__init__(
            fs, path, "rb", BLOCK,
            cache_type=cache_type, cache_options=cache_options, size=reader.of.length,
        )  # fmt: skip

    def seek(self, loc: int, whence: int = 0) -> int:
        """Go to a place; see `io.IOBase.seek`.

        Raises:
            ValueError: the file is closed, or the place is before its beginning.
        """
        self._demand_open()
        return int(super().seek(loc, whence))

    def tell(self) -> int:
        """Return the place.

        Raises:
            ValueError: the file is closed.
        """
        self._demand_open()
        return int(super().tell())

    def _demand_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file.")

    def _fetch_range(self, start: int, end: int) -> bytes:
        """Return bytes in clear; fsspec calls this for everything that is read."""
        on = start == self._next and start > 0
        self._ahead = min(max(1, 2 * self._ahead), AHEAD_MAX) if on else 0
        with hinted():
            found = self._reader.read(start, end - start, ahead=self._ahead)
            self._digest.add(start, found)
        self._next = start + len(found)
        return found
