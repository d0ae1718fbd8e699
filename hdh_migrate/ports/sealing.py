"""How objects are sealed and opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Envelope(Protocol):
    """One attempt's data key, with the header that wraps it for every recipient."""

    header: bytes

    def seal_into(self, plain: memoryview, first: int, *, final: bool, out: memoryview) -> int:
        """Seal consecutive segments from index `first` into `out`; return bytes written."""


class Unsealer(Protocol):
    """Takes stored bytes in any cut, hands on plaintext after authentication."""

    def write(self, chunk: bytes | memoryview) -> None:
        """Take the next stored bytes."""

    def close(self) -> None:
        """Demand that exactly one whole object was seen.

        Raises:
            UnsealFailed: it was not.
        """


class Envelopes(Protocol):
    """Makes and opens envelopes for one set of recipients."""

    header_size: int

    @property
    def identity(self) -> str | None:
        """The fingerprint of the key that opens, None when there is none."""

    def new(self) -> Envelope:
        """Return an envelope with a fresh data key: one per attempt, never reused."""

    def open(self, header: bytes) -> Envelope:
        """Return the envelope of an earlier header, to go on inside an object."""

    def sealed_size(self, size: int) -> int:
        """Return the stored size of an object of `size` plaintext bytes."""

    def unsealer(
        self, *, size: int, write: Callable[[memoryview], object], header: bytes | None = None
    ) -> Unsealer:
        """Return a strict reader for one whole stored object.

        With `header` the object must begin with exactly these bytes: a damaged packet of another
        recipient cannot be noticed otherwise.
        """

    def self_test(self) -> None:
        """Seal and open something.

        Raises:
            KeyUnavailable: the identity cannot open what the recipients can.
        """
