"""Read any part of one granted object: whole segments are fetched and opened, nothing else.

A segment opens only in its own place, for its nonce says which one it is and whether it is the last
(`sealing.crypt4gh`): one that was moved, repeated, exchanged or cut is found when it is read, and
nothing of it is handed on. What a part cannot show is what the rest is like: that the object ends
where the pack says is known when its last segment was opened, and that it is all what was granted
when all of it was read and has the digest of the pack.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future
from typing import Final

from hdh_migrate.access.cache import Key, SegmentCache
from hdh_migrate.access.host import GrantHost
from hdh_migrate.errors import NotAsGranted, UnsealFailed
from hdh_migrate.frozen import frozen_row
from hdh_migrate.grants.objects import GrantedObject
from hdh_migrate.model import SEGMENT, Span
from hdh_migrate.sealing.crypt4gh import SEALED_SEGMENT, sealed_size
from hdh_migrate.sealing.segment_envelope import Crypt4ghEnvelope

WINDOW: Final = 64
"""Segments of one request at most: 4 MiB."""

AHEAD_MAX: Final = 32
"""Segments that are fetched before somebody asks for them, at most: 2 MiB."""


@frozen_row
class OpenedSegments:
    """Consecutive whole segments as they are stored, and what they hold."""

    sealed: memoryview
    clear: memoryview


class GrantedReader:
    """The bytes in clear of one granted object. Safe to share between threads."""

    def __init__(
        self,
        of: GrantedObject,
        envelope: Crypt4ghEnvelope,
        *,
        number: int,
        host: GrantHost,
        cache: SegmentCache,
    ) -> None:
        """`number` tells the object from others in the cache.

        Raises:
            NotAsGranted: the sizes that the pack gives contradict each other.
        """
        if of.sealed != of.body + sealed_size(of.length, 0):
            raise NotAsGranted("the pack gives an object a size that it cannot have")
        self.of = of
        self.segments = -(-of.length // SEGMENT)
        self._envelope, self._number, self._host, self._cache = envelope, number, host, cache

    def read(self, start: int, length: int, *, ahead: int = 0) -> bytes:
        """Return bytes in clear from `start`, fewer where the object ends.

        `ahead`: where something must be fetched, this many segments after it are fetched too.

        Raises:
            NotAsGranted: a segment is not the one that was granted for its place.
            Refused, StorageError: see `GrantHost.read`.
        """
        self._host.demand_allowed()  # also of what is kept here, and needs no request
        stop = min(self.of.length, start + length)
        if start >= stop:
            return b""
        first, after = start // SEGMENT, -(-stop // SEGMENT)
        pieces: list[bytes | memoryview] = []
        for begin in range(first, after, WINDOW):
            end = min(begin + WINDOW, after)
            pieces += self._clear(begin, end, min(ahead, AHEAD_MAX) if end == after else 0)
        pieces[-1] = memoryview(pieces[-1])[: stop - (after - 1) * SEGMENT]
        pieces[0] = memoryview(pieces[0])[start - first * SEGMENT :]
        return b"".join(pieces)

    def through(self, first: int = 0) -> Iterator[OpenedSegments]:
        """Yield the object from a segment to its end, window by window; nothing is kept.

        What is given is valid until the next one is asked for.

        Raises:
            NotAsGranted, Refused, StorageError: as `read`.
        """
        for begin in range(first, self.segments, WINDOW):
            sealed = self._fetch(begin, min(begin + WINDOW, self.segments))
            yield self.opened(sealed, begin)

    def opened(self, sealed: memoryview, first: int) -> OpenedSegments:
        """Open whole segments as they are stored, from segment `first`.

        Raises:
            NotAsGranted: one is not that of its place.
        """
        count = -(-len(sealed) // SEALED_SEGMENT)
        clear = memoryview(bytearray(count * SEGMENT))
        try:
            size = self._envelope.unseal_into(
                sealed, first, final=first + count == self.segments, out=clear
            )
        except UnsealFailed:
            raise NotAsGranted(
                "a segment is not the one that was granted for its place: moved, repeated, cut,"
                " damaged, or of another object"
            ) from None
        return OpenedSegments(sealed, clear[:size])

    def _clear(self, begin: int, end: int, ahead: int) -> list[bytes]:
        """Return segments, from the cache, from other threads, and the rest from the host."""
        number, last = self._number, min(end + ahead, self.segments)
        while True:
            found, mine = self._cache.claim(
                [(number, index) for index in range(begin, end)],
                [(number, index) for index in range(end, last)],
            )
            try:
                fetched = self._fill(mine)
            finally:
                self._cache.drop(mine)
            try:
                return [
                    _arrived(found.get(key) or fetched[key])
                    for key in ((number, index) for index in range(begin, end))
                ]
            except CancelledError:
                continue  # whoever was fetching it failed, and has said why; we try for ourselves

    def _fill(self, mine: Sequence[Key]) -> dict[Key, bytes]:
        """Fetch and keep what was claimed, with one request for each stretch of it."""
        fetched: dict[Key, bytes] = {}
        for begin, end in _stretches([index for _, index in mine]):
            clear = self.opened(self._fetch(begin, end), begin).clear
            for index in range(begin, end):
                at = (index - begin) * SEGMENT
                key = (self._number, index)
                fetched[key] = bytes(clear[at : at + SEGMENT])
                self._cache.keep(key, fetched[key])
        return fetched

    def _fetch(self, begin: int, end: int) -> memoryview:
        start = begin * SEALED_SEGMENT
        stop = min(end * SEALED_SEGMENT, self.of.sealed - self.of.body)
        span = Span(self.of.body + start, stop - start)
        return memoryview(self._host.read(self.of, span))


class RunningDigest:
    """The digest of an object that is read from its beginning, compared when its end is there."""

    def __init__(self, of: GrantedObject) -> None:
        self._of, self._digest = of, hashlib.sha256()
        self.at = 0
        """How many bytes were read in order."""

    def add(self, start: int, data: bytes | memoryview) -> None:
        """Take bytes that were read; what does not follow what was read before is left out.

        Raises:
            NotAsGranted: the object has ended, and its digest is not that of the pack.
        """
        if not start <= self.at < start + len(data):
            return
        self._digest.update(memoryview(data)[self.at - start :])
        self.at = start + len(data)
        if self.at == self._of.length:
            self.demand()

    def demand(self) -> None:
        """Compare what was read with the pack, as the whole object.

        Raises:
            NotAsGranted: it is not.
        """
        if self.at != self._of.length or self._digest.hexdigest() != self._of.sha256:
            raise NotAsGranted("an object does not have the digest that the grant gives it")


def _arrived(segment: bytes | Future[bytes]) -> bytes:
    return segment if isinstance(segment, bytes) else segment.result()


def _stretches(indexes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield consecutive indexes, in order, as begins and ends, none longer than a request."""
    begin = end = -1
    for index in indexes:
        if index != end or end - begin == WINDOW:
            if end > begin:
                yield begin, end
            begin = index
        end = index + 1
    if end > begin:
        yield begin, end
