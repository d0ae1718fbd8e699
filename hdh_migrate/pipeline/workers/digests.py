"""SHA-256 of an object's bytes, and of the parts in which they were sent, as the bytes come.

Up to the end of the first part both are the same computation, which is made once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from hdh_migrate.model import MIB
from hdh_migrate.pipeline.workers.helping import Helpers, all_of

BESIDE = MIB // 2
"""Bytes that are worth another thread."""

TakeBytes = Callable[[bytes | memoryview], object]


def taken(helpers: Helpers, data: bytes | memoryview, *takers: TakeBytes) -> None:
    """Give bytes to several takers: at once where that helps, otherwise one after the other."""
    if len(data) >= BESIDE and helpers.spare:
        all_of(helpers, data, *takers)
        return
    for take in takers:
        take(data)


class PartDigests:
    """SHA-256 of consecutive pieces of known length, compared as each one ends."""

    def __init__(self, lengths: Sequence[int], expected: Sequence[str]) -> None:
        """Take at least one piece."""
        self._differing: list[int] = []
        self._lengths = lengths
        self._expected = expected
        self._number = 0
        self._digest = hashlib.sha256()
        self._left = lengths[0]
        self._surplus = False

    def first(self, digest: str) -> None:
        """Take the first piece's digest of who had its bytes: the next ones are the second's."""
        assert self._number == 0, "it is the first"
        self._next(digest)

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes."""
        view = memoryview(data)
        while view and self._number < len(self._lengths):
            piece = view[: self._left]
            self._digest.update(piece)
            self._left -= len(piece)
            view = view[len(piece) :]
            if self._left == 0:
                self._next(self._digest.hexdigest())
        self._surplus = self._surplus or bool(view)

    def _next(self, digest: str) -> None:
        if digest != self._expected[self._number]:
            self._differing.append(self._number + 1)
        self._number += 1
        self._digest = hashlib.sha256()
        if self._number < len(self._lengths):
            self._left = self._lengths[self._number]

    @property
    def differing(self) -> list[int]:
        """The numbers of parts that differ or did not come whole, now that all bytes came.

        Bytes behind the last part count as one part more.
        """
        last = len(self._lengths) + self._surplus
        return [*self._differing, *range(self._number + 1, last + 1)]


class ObjectDigests:
    """SHA-256 of all bytes of one object and of its parts; each on a processor where that helps."""

    def __init__(
        self, helpers: Helpers, parts: Sequence[tuple[int, str]], *more: TakeBytes
    ) -> None:
        """Take the length and digest of each part, none of an object that was sent whole.

        `more` are others that take the same bytes.
        """
        self.whole = hashlib.sha256()
        self.parts: PartDigests | None = None
        self.take: TakeBytes = self.whole.update
        if parts:
            self.parts = PartDigests([size for size, _ in parts], [digest for _, digest in parts])
        if parts or more:
            self.take = self._take
        self._helpers, self._more = helpers, more
        self._first = parts[0][0] if parts else 0
        """Bytes of the first part that have not come yet."""

    def _take(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        if self.parts is None:
            taken(self._helpers, view, *self._more, self.whole.update)
            return
        if first := view[: self._first]:
            taken(self._helpers, first, *self._more, self.whole.update)
            self._first -= len(first)
            if not self._first:
                self.parts.first(self.whole.hexdigest())
            view = view[len(first) :]
        if view:
            taken(self._helpers, view, *self._more, self.parts.update, self.whole.update)
