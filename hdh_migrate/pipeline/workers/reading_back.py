"""Read a whole stored object once, in order: a large one in stretches that helpers fetch ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from hdh_migrate.errors import Transient
from hdh_migrate.frozen import frozen_row
from hdh_migrate.model import MIB, Span, Stored
from hdh_migrate.pipeline.workers.buffers import BufferPool
from hdh_migrate.pipeline.workers.helping import Helpers
from hdh_migrate.ports.stores import TargetReader

RESUME_AFTER: Final = 64 * MIB
"""A cut reply is continued only after this much; before, reading anew is as quick."""

STRETCH: Final = 8 * MIB
"""Bytes that a helper fetches in one request."""

AHEAD: Final = 4
"""Stretches that are held or under way at most, if the memory for parts has room for them."""

ALONE: Final = 64 * MIB
"""Bytes that are read in one request where nobody helps, before it is asked again who could."""

Take = Callable[[bytes | memoryview], object]


@frozen_row
class _Ahead:
    """A stretch that a helper fetches, and where it puts it."""

    span: Span
    room: memoryview
    fetched: Future[Stored]


class ReadingBack:
    """Reads objects of one target for all orders of a process."""

    def __init__(self, reader: TargetReader, helpers: Helpers, pool: BufferPool) -> None:
        self._reader, self._helpers, self._pool = reader, helpers, pool
        self._plainly: set[str] = set()
        """Objects of which a stretch could not be had: they are read in one reply."""

    def read(self, bucket: str, stored: Stored, take: Take) -> Stored:
        """Hand over the object's bytes in order; return it as the last reply described it.

        A cut reply is continued where it broke when that saves much and the cut came after real
        progress; otherwise the error goes up and the digests begin anew.
        """
        at = begun = 0

        def count(data: bytes | memoryview) -> None:
            nonlocal at
            at += len(data)
            take(data)

        while True:
            try:
                return self._from(bucket, stored, at, count)
            except Transient:
                self._plainly.add(stored.key)
                if at - begun < RESUME_AFTER:
                    raise
                begun = at

    def _from(self, bucket: str, stored: Stored, at: int, take: Take) -> Stored:
        if stored.size - at <= 2 * STRETCH or stored.key in self._plainly:
            span = Span(at, stored.size - at) if at else None
            return self._reader.read(bucket, stored, span, take)
        ahead: deque[_Ahead] = deque()
        try:
            return self._in_stretches(bucket, stored, at, take, ahead)
        finally:
            for one in ahead:
                one.fetched.exception()  # until nobody writes there any more
                self._pool.give(one.room)

    def _in_stretches(
        self, bucket: str, stored: Stored, at: int, take: Take, ahead: deque[_Ahead]
    ) -> Stored:
        seen, following = stored, at
        while at < stored.size:
            following = self._send_ahead(bucket, stored, following, ahead)
            if not ahead:
                most = STRETCH if self._helpers.spare else ALONE
                span = Span(at, min(most, stored.size - at))
                seen = self._reader.read(bucket, stored, span, take)
                at = following = span.end
                continue
            one = ahead[0]
            seen = one.fetched.result()
            take(one.room[: one.span.length])
            at = one.span.end
            ahead.popleft()
            self._pool.give(one.room)
        return seen

    def _send_ahead(self, bucket: str, stored: Stored, following: int, ahead: deque[_Ahead]) -> int:
        """Let helpers fetch what follows; return where the next stretch would begin."""
        while len(ahead) < AHEAD and following < stored.size and self._helpers.spare:
            room = self._pool.spare(STRETCH)
            if room is None:
                break
            span = Span(following, min(STRETCH, stored.size - following))
            fetched = self._helpers.fetch(self._fetching(bucket, stored, span, room))
            if fetched is None:
                self._pool.give(room)
                break
            ahead.append(_Ahead(span, room, fetched))
            following = span.end
        return following

    def _fetching(
        self, bucket: str, stored: Stored, span: Span, room: memoryview
    ) -> Callable[[], Stored]:
        def fetch() -> Stored:
            at = 0

            def put(data: bytes | memoryview) -> None:
                nonlocal at
                room[at : at + len(data)] = data
                at += len(data)

            return self._reader.read(bucket, stored, span, put)

        return fetch
