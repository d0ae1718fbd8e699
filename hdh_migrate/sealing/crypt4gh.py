"""Crypt4GH with position-bound nonces: any tool opens the object, ours notices every change.

The standard leaves segments' nonces to the writer. Ours are 3 zero bytes, the segment's index
(64 bits, big-endian) and a byte that is 1 for the object's last segment only. A strict reader
demands exactly these, so removed, swapped, repeated, truncated and spliced segments fail.

Nonces repeat when a segment is sealed again, so *different* bytes under one index and one data
key would be fatal: an envelope belongs to one attempt at one pinned version of an object, and
a changed source always gets a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from hdh_migrate.errors import KeyUnavailable, UnsealFailed
from hdh_migrate.model import SEGMENT
from hdh_migrate.sealing.keys import PrivateKey, PublicKey
from hdh_migrate.sealing.packets import (
    HEADER_MAX,
    NONCE,
    PREFIX,
    SEALED_SEGMENT,
    TAG,
    PacketReader,
    PacketWriter,
    data_key_of,
    declared_header_size,
    header_size,
    sealed_size,
    segment_nonce,
    segments,
    unseal_failed,
)

__all__ = [
    "HEADER_MAX",
    "SEALED_SEGMENT",
    "Crypt4ghEnvelope",
    "Crypt4ghEnvelopes",
    "Crypt4ghUnsealer",
    "header_size",
    "sealed_size",
]

WINDOW: Final = 16
"""Segments that an unsealer opens at a time: 1 MiB, which stays in a core's cache."""


class Crypt4ghEnvelopes:
    """Makes and opens envelopes for one set of recipients. Safe to share between threads."""

    def __init__(self, recipients: Sequence[PublicKey], identity: PrivateKey | None) -> None:
        self.header_size = header_size(len(recipients))
        self._recipients = tuple(recipients)
        self._writer = PacketWriter(recipients)
        self._reader = PacketReader(identity) if identity else None
        self._identity = identity.public if identity else None

    def __repr__(self) -> str:
        names = ", ".join(r.fingerprint for r in self._recipients)
        return f"Crypt4ghEnvelopes(for {names})"

    @property
    def identity(self) -> str | None:
        """The fingerprint of the key that opens, None when there is none."""
        return None if self._identity is None else self._identity.fingerprint

    def new(self) -> Crypt4ghEnvelope:
        """Return an envelope with a fresh data key: one per attempt, never reused."""
        data_key = ChaCha20Poly1305.generate_key()
        return Crypt4ghEnvelope(self._writer.header(data_key), data_key)

    def open(self, header: bytes) -> Crypt4ghEnvelope:
        """Return the envelope of an earlier header, to go on inside an object.

        Raises:
            KeyUnavailable: there is no identity to open it with.
            UnsealFailed: it is no header of ours, or not for this identity.
        """
        if self._reader is None:
            raise _no_identity()
        return Crypt4ghEnvelope(header, data_key_of(header, self._reader))

    def sealed_size(self, size: int) -> int:
        """Return the stored size of an object of `size` plaintext bytes."""
        return sealed_size(size, self.header_size)

    def unsealer(
        self, *, size: int, write: Callable[[memoryview], object], header: bytes | None = None
    ) -> Crypt4ghUnsealer:
        """Return a strict reader for one whole stored object; see `Crypt4ghUnsealer`."""
        return Crypt4ghUnsealer(self, size=size, write=write, header=header)

    def self_test(self) -> None:
        """Seal something, open it with the identity, and compare.

        Raises:
            KeyUnavailable: there is no identity, or it cannot open what the recipients can.
        """
        if self._identity is None:
            raise _no_identity()
        made, plain = self.new(), b"a segment of no importance"
        sealed = bytearray(sealed_size(len(plain), 0))
        back = bytearray(len(plain))
        made.seal_into(memoryview(plain), 0, final=True, out=memoryview(sealed))
        try:
            opened = self.open(made.header)
            opened.unseal_into(memoryview(sealed), 0, final=True, out=memoryview(back))
        except UnsealFailed:
            raise KeyUnavailable(
                f"identity {self._identity.fingerprint} is not among the recipients",
                hint="add its public key to seal.recipients, or name the identity of one of them",
            ) from None
        assert back == plain


class Crypt4ghEnvelope:
    """One attempt's data key, with the header that wraps it for every recipient.

    Safe to share between threads.
    """

    __slots__ = ("_aead", "header")

    def __init__(self, header: bytes, data_key: bytes) -> None:
        self.header = header
        """What stands before the first segment; also all that may be kept of the data key."""
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


class Crypt4ghUnsealer:
    """Takes one whole stored object in any cut, hands on plaintext after authentication.

    `size` is the plaintext size that the object must have. What `write` gets is authentic for
    its place and valid during the call only; that it is *all* is known when `close` returns.
    `header`, when given, must be the object's header to the byte: packets for other recipients
    can be checked in no other way. A failure is final, also one that `write` raises.
    """

    def __init__(
        self,
        envelopes: Crypt4ghEnvelopes,
        *,
        size: int,
        write: Callable[[memoryview], object],
        header: bytes | None = None,
    ) -> None:
        self._envelopes = envelopes
        self._sink = write
        self._expected = header
        self._head = bytearray()
        self._envelope: Crypt4ghEnvelope | None = None
        self._index = 0
        self._left = sealed_size(size, 0)  # of the body: what is not opened yet
        self._window = min(self._left, WINDOW * SEALED_SEGMENT)
        self._plain = memoryview(bytearray(min(size, WINDOW * SEGMENT)))
        self._held = memoryview(b"")  # made when a segment does not come in one piece
        self._fill = 0
        self._broken = False

    def write(self, chunk: bytes | memoryview) -> None:
        """Take the next stored bytes.

        Raises:
            UnsealFailed: they cannot belong to the object.
            KeyUnavailable: there is no identity to open it with.
        """
        if self._broken:
            raise unseal_failed()
        self._broken = True  # until this call is through
        view = memoryview(chunk)
        if self._envelope is None:
            view = self._take_header(view)
        self._take_body(view)
        self._broken = False

    def close(self) -> None:
        """Demand that exactly one whole object was seen.

        Raises:
            UnsealFailed: it was not.
        """
        if self._broken or self._envelope is None or self._left:
            self._broken = True
            raise unseal_failed()

    def _take_header(self, view: memoryview) -> memoryview:
        """Open the envelope once its header is whole; return what follows it."""
        head = self._head
        wanted = PREFIX if len(head) < PREFIX else declared_header_size(head)
        while self._envelope is None and view:
            taken = view[: wanted - len(head)]
            head += taken
            view = view[len(taken) :]
            if len(head) < wanted:
                break
            if wanted == PREFIX:
                wanted = declared_header_size(head)
            elif self._expected in (None, head):
                self._envelope = self._envelopes.open(bytes(head))
            else:
                raise unseal_failed()
        return view

    def _take_body(self, view: memoryview) -> None:
        """Open whole segments from the caller's bytes; a cut one is put together in ours."""
        if self._fill + len(view) > self._left:
            raise unseal_failed()
        while view:
            if not self._fill and (whole := self._whole(len(view))):
                self._unseal(view[:whole])
                view = view[whole:]
                continue
            if not self._held:
                self._held = memoryview(bytearray(min(SEALED_SEGMENT, self._left)))
            fill = min(SEALED_SEGMENT, self._left, self._fill + len(view))
            taken = fill - self._fill
            self._held[self._fill : fill] = view[:taken]
            view = view[taken:]
            self._fill = fill
            if fill == min(SEALED_SEGMENT, self._left):
                self._fill = 0
                self._unseal(self._held[:fill])

    def _whole(self, size: int) -> int:
        """Return how many of so many bytes, which begin a segment, are whole ones of one window."""
        size = min(size, self._window)
        return self._left if size >= self._left else size - size % SEALED_SEGMENT

    def _unseal(self, sealed: memoryview) -> None:
        assert self._envelope is not None
        self._left -= len(sealed)
        size = self._envelope.unseal_into(
            sealed, self._index, final=not self._left, out=self._plain
        )
        self._index += segments(size)
        self._sink(self._plain[:size])


def _no_identity() -> KeyUnavailable:
    return KeyUnavailable(
        "no identity is given, so nothing that is sealed can be opened",
        hint="name one in the plan as seal.identity",
    )
