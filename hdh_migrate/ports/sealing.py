"""How objects are sealed and opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Envelope(Protocol):
    """One attempt's data key, with the header that wraps it for every recipient."""

    header: bytes
    """All that may be kept of the data key."""
    front: bytes
    """What is stored before the first segment: the header, or nothing where it is kept apart."""

    def seal_into(self, plain: memoryview, first: int, *, final: bool, out: memoryview) -> int:
        """Seal consecutive segments from index `first` into `out`; return bytes written."""


class Unsealer(Protocol):
    """Takes stored bytes in pieces of any size; passes on plaintext only once authenticated."""

    def write(self, chunk: bytes | memoryview) -> None:
        """Take the next stored bytes."""

    def close(self) -> None:
        """Demand that exactly one whole object was seen.

        Raises:
            UnsealFailed: it was not.
        """


class HeaderRenewal(Protocol):
    """Turns headers for the old recipients into headers for the new ones; thread-safe."""

    @property
    def current(self) -> Callable[[bytes], bool]:
        """Says whether a header is for exactly these recipients already, as far as it shows."""

    def data_key(self, header: bytes) -> bytes:
        """Return the data key in a header for the old recipients, or raise `UnsealFailed`."""

    def wrap(self, data_key: bytes) -> bytes:
        """Return a header for the new recipients."""

    def header(self, header: bytes) -> bytes:
        """Return a header for the new recipients, or raise `UnsealFailed`."""


class Envelopes(Protocol):
    """Makes and opens envelopes for one set of recipients."""

    header_size: int
    """Bytes that stand before the segments of an object."""

    @property
    def own(self) -> Envelopes:
        """Envelopes for files that the tool adds: each holds all that its readers need."""

    def apart(self, header: bytes) -> bytes | None:
        """Return what must be kept of an object's header beside it; None: it stands in front."""

    @property
    def identity(self) -> str | None:
        """The fingerprint of the key that opens, None when there is none."""

    def new(self) -> Envelope:
        """Return an envelope with a fresh data key: one per attempt, never reused."""

    def data_key(self, header: bytes) -> bytes:
        """Return the data key that a header wraps: for packs, which are sealed around it.

        Raises:
            KeyUnavailable: there is no identity to open it with.
            UnsealFailed: it is no header of ours, or not for this identity.
        """

    def wrap(self, data_key: bytes) -> bytes:
        """Return a new header for a data key that a pack holds."""

    def whole(self, stored: bytes) -> bytes:
        """Return the plaintext of a whole stored file that the tool added.

        Raises:
            KeyUnavailable: there is no identity to open it with.
            UnsealFailed: it is no whole file of ours, or not for this identity.
        """

    def open(self, header: bytes) -> Envelope:
        """Return the envelope of an earlier header, to resume inside an object."""

    def sealed_size(self, size: int) -> int:
        """Return the stored size of an object of `size` plaintext bytes."""

    def unsealer(
        self, *, size: int, write: Callable[[memoryview], object], header: bytes | None = None
    ) -> Unsealer:
        """Return a strict reader for one whole stored object.

        With `header` the object must begin with exactly these bytes: a damaged packet of another
        recipient cannot be noticed otherwise. Where headers are kept apart, it opens the body.
        """

    def self_test(self) -> None:
        """Seal and open something.

        Raises:
            KeyUnavailable: the identity cannot open what the recipients can.
        """
