"""What a grant is of: its objects in the order of their names, found again without an index of all.

A pack may tell of ten million objects. It is read once, from its beginning to its end; each 64th
name is kept with its place, and what stands between two of them is opened again when it is needed.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator
from typing import IO, Final
from weakref import finalize

from hdh_migrate.errors import PackDamaged, UnsealFailed
from hdh_migrate.frozen import frozen_row
from hdh_migrate.grants.objects import GrantedObject, damaged, json_of, object_of
from hdh_migrate.grants.pack import PackEnd, PackReader
from hdh_migrate.model import SEGMENT, key_bytes
from hdh_migrate.sealing.crypt4gh import SEALED_SEGMENT, Crypt4ghEnvelopes, header_size
from hdh_migrate.sealing.keys import PrivateKey

EVERY: Final = 64
"""Of so many names one is kept."""

_AT_ONCE: Final = 4
"""Segments of the pack that are opened together."""


@frozen_row
class CataloguedObject:
    """An object of a grant, and the place of its line, which no other object has."""

    number: int
    of: GrantedObject


class Catalogue:
    """The objects of one pack. Safe to share between threads; the pack's file stays open."""

    def __init__(self, file: IO[bytes], identity: PrivateKey) -> None:
        """Read a pack whole; the file is then this catalogue's.

        Raises:
            KeyUnavailable: it is for another key.
            PackDamaged: it is cut, reordered or damaged.
        """
        reader = PackReader(file, identity)
        self.head = reader.head
        self._names: list[bytes] = []
        self._places: list[int] = []
        for index, one in enumerate(reader):
            if index % EVERY == 0:
                self._names.append(key_bytes(one.name))
                self._places.append(reader.at)
        self._end = reader.at
        if reader.end is None:
            raise PackDamaged("the pack is cut, reordered or damaged")
        self.end: PackEnd = reader.end
        self._file = file
        finalize(self, file.close)
        self._sealed = file.seek(0, os.SEEK_END) - header_size(1)
        envelopes = Crypt4ghEnvelopes([identity.public], identity)
        self._envelope = envelopes.open(os.pread(file.fileno(), header_size(1), 0))

    def find(self, name: str) -> CataloguedObject | None:
        """Return the object of this name, None when the grant has none."""
        found = next(self.starting(key_bytes(name)), None)
        return found if found is not None and found.of.name == name else None

    def starting(self, name: bytes = b"") -> Iterator[CataloguedObject]:
        """Yield every object from this name on, in the order of their names' bytes.

        Raises:
            PackDamaged: the pack's file was changed since it was read.
        """
        before = True
        for place, line in self._lines(self._before(name)):
            before = before and _name_in(line) < name
            if not before:
                yield CataloguedObject(place, object_of(line))

    def under(self, prefix: str) -> Iterator[CataloguedObject]:
        """Yield every object whose name begins so."""
        raw = key_bytes(prefix)
        for found in self.starting(raw):
            if not key_bytes(found.of.name).startswith(raw):
                return
            yield found

    def _before(self, name: bytes) -> int:
        """Return the place of a line that is not after this name."""
        index = bisect_right(self._names, name)
        return self._places[index - 1] if index else (self._places or [self._end])[0]

    def _lines(self, place: int) -> Iterator[tuple[int, bytes]]:
        """Yield the lines of objects from a place on, each with its place."""
        segment, skip = divmod(place, SEGMENT)
        rest = b""
        while place < self._end:
            rest += self._clear(segment)[skip:]
            segment, skip = segment + _AT_ONCE, 0
            *lines, rest = rest.split(b"\n")
            for line in lines:
                if place >= self._end:
                    return
                yield place, line
                place += len(line) + 1

    def _clear(self, first: int) -> bytes:
        start = first * SEALED_SEGMENT
        size = min(self._sealed - start, _AT_ONCE * SEALED_SEGMENT)
        sealed = os.pread(self._file.fileno(), max(size, 0), header_size(1) + start)
        if not sealed or len(sealed) != size:
            damaged()
        clear = memoryview(bytearray(_AT_ONCE * SEGMENT))
        try:
            many = self._envelope.unseal_into(
                memoryview(sealed), first, final=start + size == self._sealed, out=clear
            )
        except UnsealFailed:
            damaged()
        return bytes(clear[:many])


def _name_in(line: bytes) -> bytes:
    """Return the name in an object's line, which was read whole once."""
    return key_bytes(json_of(line)["name"])
