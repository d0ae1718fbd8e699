"""Sealing with detached headers: objects are segments alone, their headers are kept elsewhere.

The segments are those of `crypt4gh`, to the byte. A header is a hybrid one (`hybrid`): the ledger
keeps it beside its object's row, and header packs carry its data key (docs/header-packs.md). What
the tool adds itself, packs first of all, stands alone: its hybrid header stands in front of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hdh_migrate.sealing.crypt4gh import Crypt4ghUnsealer, HeaderFrame, SegmentEnvelopes
from hdh_migrate.sealing.hybrid import (
    PREFIX,
    HybridPrivateKey,
    HybridPublicKey,
    HybridReader,
    HybridWriter,
    declared_hybrid_size,
    hybrid_header_size,
)
from hdh_migrate.sealing.packets import sealed_size
from hdh_migrate.sealing.segment_envelope import Crypt4ghEnvelope


class HybridEnvelopes(SegmentEnvelopes):
    """A hybrid header in front of segments: a file that its readers need nothing else for."""

    def __init__(
        self, recipients: Sequence[HybridPublicKey], identity: HybridPrivateKey | None
    ) -> None:
        super().__init__(
            HybridWriter(recipients),
            HybridReader(identity) if identity else None,
            frame=HeaderFrame(PREFIX, declared_hybrid_size),
            header_size=hybrid_header_size(len(recipients)),
            recipients=recipients,
            identity=identity.public if identity else None,
        )


class DetachedEnvelopes:
    """Makes and opens envelopes whose header is kept apart. Safe to share between threads."""

    def __init__(
        self, recipients: Sequence[HybridPublicKey], identity: HybridPrivateKey | None
    ) -> None:
        self.header_size = 0
        self._own = HybridEnvelopes(recipients, identity)

    def __repr__(self) -> str:
        return f"DetachedEnvelopes({self._own!r})"

    @property
    def own(self) -> HybridEnvelopes:
        """What seals files that the tool adds: with their header in front."""
        return self._own

    @property
    def identity(self) -> str | None:
        """The fingerprint of the key that opens, None when there is none."""
        return self._own.identity

    def apart(self, header: bytes) -> bytes | None:
        """Return the header: nothing of it stands beside the body."""
        return header

    def new(self) -> Crypt4ghEnvelope:
        """Return an envelope with a fresh data key: one per attempt, never reused."""
        made = self._own.new()
        made.front = b""
        return made

    def data_key(self, header: bytes) -> bytes:
        """Return the data key that a header wraps: for packs and grants, which wrap it anew.

        Raises:
            KeyUnavailable: there is no identity to open it with.
            UnsealFailed: it is no header of ours, or not for this identity.
        """
        return self._own.data_key(header)

    def wrap(self, data_key: bytes) -> bytes:
        """Return a new header for a data key that a pack holds."""
        return self._own.wrap(data_key)

    def whole(self, stored: bytes) -> bytes:
        """Return the plaintext of a whole file of the tool's own; see `SegmentEnvelopes`."""
        return self._own.whole(stored)

    def open(self, header: bytes) -> Crypt4ghEnvelope:
        """Return the envelope of an earlier header, to go on inside an object.

        Raises:
            KeyUnavailable: there is no identity to open it with.
            UnsealFailed: it is no header of ours, or not for this identity.
        """
        opened = self._own.open(header)
        opened.front = b""
        return opened

    def sealed_size(self, size: int) -> int:
        """Return the stored size of an object of `size` plaintext bytes: of its segments."""
        return sealed_size(size, 0)

    def unsealer(
        self, *, size: int, write: Callable[[memoryview], object], header: bytes | None = None
    ) -> Crypt4ghUnsealer:
        """Return a strict reader for one whole stored object, with its `header` from elsewhere.

        Without one it is a file of the tool's own, which begins with it; an object whose header
        is lost is none and does not open.
        """
        if header is None:
            return self._own.unsealer(size=size, write=write)
        return Crypt4ghUnsealer(self._own, size=size, write=write, envelope=self.open(header))

    def self_test(self) -> None:
        """Seal something, open it with the identity, and compare.

        Raises:
            KeyUnavailable: there is no identity, or it cannot open what the recipients can.
        """
        self._own.self_test()
