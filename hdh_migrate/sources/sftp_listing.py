"""List what lies below a directory in byte order of its keys, in bounded memory.

A server tells the names of a directory in any order and as many as it likes. So of each directory
only the next `HELD` names in order are held; for those after them it is listed again.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from hdh_migrate.errors import ListingBroken, Missing
from hdh_migrate.frozen import mutable_row
from hdh_migrate.sources.sftp_packets import Attrs
from hdh_migrate.sources.sftp_session import Session

HELD: Final = 100_000
"""Names that are held at once, of all directories in each other together: some 30 MB."""
HELD_MIN: Final = 256
"""Names of one directory that are held at least, however many those above it hold."""
DEPTH_MAX: Final = 400
"""Directories in each other that are walked; one below is listed as what it is, no file. No key of
what lies deeper would be short enough for S3."""
NAME_MAX: Final = 4_096

Link = Callable[[bytes], bool]
"""Says whether a directory, by its path below the root, is where its name says: no link."""


class ListedFile(NamedTuple):
    """One file as it was listed."""

    key: bytes
    attrs: Attrs


@mutable_row
class FolderWalk:
    """One pass below a root."""

    session: Session
    root: bytes
    straight: Link
    """Refuses a directory that a link leads to."""
    held: int = HELD
    _holding: int = 0

    def files(self, after: bytes | None = None) -> Iterator[ListedFile]:
        """Yield all files in byte order of their keys, those behind `after` alone.

        Raises:
            Missing: there is no such directory.
            ListingBroken: it holds names that no directory holds.
        """
        if not self.straight(b""):
            raise Missing("there is no such directory")
        yield from self._below(b"", after or b"", 0)

    def _below(self, prefix: bytes, after: bytes, depth: int) -> Iterator[ListedFile]:
        last = b""
        while True:
            names, more = self._next(prefix, last, after, depth)
            for place, (name, attrs) in enumerate(names):
                left = len(names) - place - 1
                key = prefix + name
                if not name.endswith(b"/"):
                    yield ListedFile(key, attrs)
                    continue
                self._holding += left
                try:
                    yield from self._inside(key, after, depth + 1)
                finally:
                    self._holding -= left
            if not more:
                return
            last = names[-1][0]

    def _inside(self, key: bytes, after: bytes, depth: int) -> Iterator[ListedFile]:
        if not self.straight(key):
            return  # it is gone, or a link by now: the second listing sees that, too
        try:
            yield from self._below(key, after, depth)
        except Missing:
            return

    def _next(
        self, prefix: bytes, last: bytes, after: bytes, depth: int
    ) -> tuple[list[tuple[bytes, Attrs]], bool]:
        """Return the next names of a directory in order, and whether there are more.

        Those of directories end with `/`, which gives the byte order of whole keys.
        """
        room = max(HELD_MIN, self.held - self._holding)
        found: list[tuple[bytes, Attrs]] = []
        more = False
        for piece in self.session.names(below(self.root, prefix)):
            for name, attrs in piece:
                if name in {b".", b".."}:
                    continue
                ordered = self._ordered(name, attrs, depth)
                if ordered > last and not _passed(prefix + ordered, after):
                    found.append((ordered, attrs))
            if len(found) >= 2 * room:
                found, more = heapq.nsmallest(room, found, key=_name), True
        if len(found) > room:
            found, more = heapq.nsmallest(room, found, key=_name), True
        found.sort(key=_name)
        if any(one[0] == other[0] for one, other in pairwise(found)):
            raise ListingBroken("the source lists a name twice in one directory")
        if more and not found[-1][0] > last:
            raise ListingBroken("the source lists a directory that does not go on")
        return found, more

    def _ordered(self, name: bytes, attrs: Attrs, depth: int) -> bytes:
        if not name or b"/" in name or b"\0" in name or len(name) > NAME_MAX:
            raise ListingBroken("the source lists a name that no file can have")
        if attrs.mode is None:
            raise ListingBroken("the source does not say what kind of thing it lists")
        return name + b"/" if attrs.is_folder and depth < DEPTH_MAX else name


def below(root: bytes, key: bytes) -> bytes:
    """Return the path of what a key stands for; an empty one stands for the root itself."""
    return root + b"/" + key.rstrip(b"/") if key else root or b"/"


def _name(entry: tuple[bytes, Attrs]) -> bytes:
    return entry[0]


def _passed(key: bytes, after: bytes) -> bool:
    """Return whether all that a key stands for was listed before, when `after` was the last one."""
    if key.endswith(b"/"):
        return key < after and not after.startswith(key)
    return key <= after if after else False
