"""`seal.format: none`: the same shape as `crypt4gh`, and the stored bytes are the plaintext.

There is no key, no header and no authentication: only lengths are checked here, and the
digests of verify are what notices a change.
"""

from __future__ import annotations

from collections.abc import Callable

from hdh_migrate.errors import UnsealFailed
from hdh_migrate.model import SEGMENT


class PlainEnvelopes:
    """Makes and opens envelopes that are none."""

    identity: str | None = None
    """No key opens anything."""

    def __init__(self) -> None:
        self.header_size = 0

    def __repr__(self) -> str:
        return "PlainEnvelopes()"

    def new(self) -> PlainEnvelope:
        """Return an envelope without a key."""
        return PlainEnvelope()

    def data_key(self, header: bytes) -> bytes:
        """Refuse: nothing is sealed, so no header wraps anything.

        Raises:
            UnsealFailed: always.
        """
        self.open(header or b"-")
        return b""

    def wrap(self, data_key: bytes) -> bytes:
        """Return the empty header."""
        del data_key
        return b""

    def whole(self, stored: bytes) -> bytes:
        """Return what is stored: it is the plaintext."""
        return stored

    def open(self, header: bytes) -> PlainEnvelope:
        """Return the envelope of an earlier (empty) header.

        Raises:
            UnsealFailed: the header is not empty, so the object was sealed.
        """
        if header:
            raise UnsealFailed(
                "the object was sealed, and this plan seals nothing",
                hint="use the plan that the object was sent with",
            )
        return PlainEnvelope()

    @property
    def own(self) -> PlainEnvelopes:
        """What stores the tool's own files: as everything else is stored."""
        return self

    def apart(self, header: bytes) -> bytes | None:
        """Return None: there is no header."""
        del header
        return None

    def sealed_size(self, size: int) -> int:
        """Return `size`: nothing is added."""
        return size

    def unsealer(
        self, *, size: int, write: Callable[[memoryview], object], header: bytes | None = None
    ) -> PlainUnsealer:
        """Return a reader for one whole stored object; see `PlainUnsealer`.

        Raises:
            UnsealFailed: the header is not empty, so the object was sealed.
        """
        self.open(header or b"")
        return PlainUnsealer(size=size, write=write)

    def self_test(self) -> None:
        """Do nothing: there is no key that could be missing."""


class PlainEnvelope:
    """An empty header and no key."""

    __slots__ = ("front", "header")

    def __init__(self) -> None:
        self.header = self.front = b""

    def __repr__(self) -> str:
        return "PlainEnvelope()"

    def seal_into(self, plain: memoryview, first: int, *, final: bool, out: memoryview) -> int:
        """Copy `plain` into `out` under the rules of the sealed form; return bytes written.

        Raises:
            ValueError: a segment before the object's last is not full, or `out` is too small.
        """
        size = len(plain)
        ragged = size % SEGMENT and not final
        headless = final and not size and first
        if ragged or headless or first < 0 or len(out) < size:
            raise ValueError("segments are full, in order and fit, and only the last ends early")
        out[:size] = plain
        return size


class PlainUnsealer:
    """Hands stored bytes on and counts them. A failure is final, also one that `write` raises."""

    def __init__(self, *, size: int, write: Callable[[memoryview], object]) -> None:
        self._left = size
        self._sink = write
        self._broken = False

    def write(self, chunk: bytes | memoryview) -> None:
        """Take the next stored bytes.

        Raises:
            UnsealFailed: there are more than the object has.
        """
        view = memoryview(chunk)
        if self._broken or len(view) > self._left:
            self._broken = True
            raise _not_whole()
        self._broken = True  # until this call is through
        if view:
            self._left -= len(view)
            self._sink(view)
        self._broken = False

    def close(self) -> None:
        """Demand that exactly one whole object was seen.

        Raises:
            UnsealFailed: it was not.
        """
        if self._broken or self._left:
            self._broken = True
            raise _not_whole()


def _not_whole() -> UnsealFailed:
    return UnsealFailed(
        "the stored bytes are not as many as the object has",
        hint="the stored object is incomplete or not ours; keep it, and transfer it again",
    )
