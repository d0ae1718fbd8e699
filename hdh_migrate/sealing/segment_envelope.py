"""One data key, and the segments that are sealed and opened under it."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from hdh_migrate.model import SEGMENT
from hdh_migrate.sealing.packets import (
    NONCE,
    SEALED_SEGMENT,
    TAG,
    sealed_size,
    segment_nonce,
    segments,
    unseal_failed,
)


class Crypt4ghEnvelope:
    """One attempt's data key, with the header that wraps it for every recipient.

    Safe to share between threads.
    """

    __slots__ = ("_aead", "front", "header")

    def __init__(self, header: bytes, data_key: bytes, *, front: bytes) -> None:
        self.header = header
        """All that may be kept of the data key."""
        self.front = front
        """What stands before the first segment: the header, or nothing."""
        self._aead = ChaCha20Poly1305(data_key)

    def __repr__(self) -> str:
        return "Crypt4ghEnvelope(...)"

    def seal_into(self, plain: memoryview, first: int, *, final: bool, out: memoryview) -> int:
        """Seal consecutive segments from index `first` into `out`; return bytes written.

        Every segment but the last of `plain` is full; the last one too, unless `final` says
        that it ends the object. `out` must not overlap `plain`. The same call again writes
        the same bytes. An object of no bytes has no segments: there is nothing to seal.

        Raises:
            ValueError: the caller broke one of these rules, or `out` is too small.
        """
        size = len(plain)
        end = first + segments(size)
        ragged = size % SEGMENT and not final
        headless = final and not size and first  # the flag belongs on a segment already sealed
        if ragged or headless or first < 0 or len(out) < sealed_size(size, 0):
            raise ValueError("segments are full, in order and fit, and only the last ends early")
        encrypt_into = self._aead.encrypt_into
        at = start = 0
        for index in range(first, end):
            nonce = segment_nonce(index, last=final and index == end - 1)
            stop = min(start + SEGMENT, size)
            body = at + NONCE
            after = body + stop - start + TAG
            out[at:body] = nonce
            encrypt_into(nonce, plain[start:stop], None, out[body:after])
            start, at = stop, after
        return at

    def unseal_into(self, sealed: memoryview, first: int, *, final: bool, out: memoryview) -> int:
        """Open consecutive segments from index `first` into `out`; return bytes written.

        Whole segments only; `final` demands that the last one ends the object. After an error
        `out` may hold anything: discard it.

        Raises:
            UnsealFailed: a segment is not the one that was sealed for its place.
        """
        size = len(sealed)
        end = first + -(-size // SEALED_SEGMENT)
        decrypt_into = self._aead.decrypt_into
        at = start = 0
        for index in range(first, end):
            nonce = segment_nonce(index, last=final and index == end - 1)
            body = start + NONCE
            stop = min(start + SEALED_SEGMENT, size)
            after = at + stop - body - TAG
            if after <= at or sealed[start:body] != nonce:
                raise unseal_failed()
            try:
                decrypt_into(nonce, sealed[body:stop], None, out[at:after])
            except InvalidTag:
                raise unseal_failed() from None
            start, at = stop, after
        return at
