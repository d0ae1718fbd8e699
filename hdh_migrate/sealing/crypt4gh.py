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
from typing import Final, Protocol, Self

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from hdh_migrate.errors import KeyUnavailable, UnsealFailed
from hdh_migrate.frozen import frozen_row
from hdh_migrate.sealing.keys import PrivateKey, PublicKey
from hdh_migrate.sealing.packets import (
    HEADER_MAX,
    PREFIX,
    SEALED_SEGMENT,
    SEGMENT_EXTRA,
    PacketReader,
    PacketWriter,
    declared_header_size,
    header_size,
    sealed_size,
    segments,
    unseal_failed,
)
from hdh_migrate.sealing.segment_envelope import Crypt4ghEnvelope

__all__ = [
    "HEADER_MAX",
    "SEALED_SEGMENT",
    "Crypt4ghEnvelopes",
    "Crypt4ghUnsealer",
    "SegmentEnvelopes",
    "header_size",
    "sealed_size",
]

WINDOW: Final = 64
"""Segments that an unsealer opens at a time: 4 MiB, since each hand-over to other threads costs."""


class KeyWriter(Protocol):
    """Wraps data keys for a fixed set of recipients."""

    def header(self, data_key: bytes) -> bytes:
        """Return a header that wraps the key for every recipient."""


class KeyReader(Protocol):
    """Opens the headers that are meant for one identity."""

    def data_key(self, header: bytes) -> bytes:
        """Return the one data key in a header, or raise `UnsealFailed`."""


@frozen_row
class HeaderFrame:
    """How long a header is, told by how it begins."""

    prefix: int
    """Bytes that tell it."""
    declared: Callable[[bytes | bytearray], int]
    """Returns it, or raises `UnsealFailed`."""


class KeyName(Protocol):
    """A recipient, as far as people hear of it."""

    @property
    def fingerprint(self) -> str:
        """Short text that names the key."""


class SegmentEnvelopes:
    """Makes and opens envelopes whose header stands in front of their segments.

    How a header wraps the data key is its subclasses' own. Safe to share between threads.
    """

    def __init__(
        self,
        writer: KeyWriter,
        reader: KeyReader | None,
        *,
        frame: HeaderFrame,
        header_size: int,
        recipients: Sequence[KeyName],
        identity: KeyName | None,
    ) -> None:
        self.header_size = header_size
        self._recipients = tuple(one.fingerprint for one in recipients)
        self._writer, self._reader, self._frame = writer, reader, frame
        self._identity = None if identity is None else identity.fingerprint

    def __repr__(self) -> str:
        return f"{type(self).__name__}(for {', '.join(self._recipients)})"

    @property
    def identity(self) -> str | None:
        """The fingerprint of the key that opens, None when there is none."""
        return self._identity

    @property
    def own(self) -> Self:
        """What seals the tool's own files: they stand alone, as all objects do here."""
        return self

    def apart(self, header: bytes) -> bytes | None:
        """Return None: headers stand in front of their bodies."""
        del header
        return None

    def new(self) -> Crypt4ghEnvelope:
        """Return an envelope with a fresh data key: one per attempt, never reused."""
        data_key = ChaCha20Poly1305.generate_key()
        header = self._writer.header(data_key)
        return Crypt4ghEnvelope(header, data_key, front=header)

    def data_key(self, header: bytes) -> bytes:
        """Return the data key that a header wraps: for packs and grants, which wrap it anew.

        Raises:
            KeyUnavailable: there is no identity to open it with.
            UnsealFailed: it is no header of ours, or not for this identity.
        """
        if self._reader is None:
            raise _no_identity()
        return self._reader.data_key(header)

    def wrap(self, data_key: bytes) -> bytes:
        """Return a new header for a data key that another one wrapped."""
        return self._writer.header(data_key)

    def whole(self, stored: bytes) -> bytes:
        """Return the plaintext of a whole stored file, however many it is sealed for.

        Raises:
            KeyUnavailable: there is no identity to open it with.
            UnsealFailed: it is no whole file of ours, or not for this identity.
        """
        body = len(stored) - self._frame.declared(stored[: self._frame.prefix])
        size, out = body - SEGMENT_EXTRA * -(-body // SEALED_SEGMENT), bytearray()
        if size < 0:
            raise unseal_failed()
        unsealer = self.unsealer(size=size, write=out.extend)
        unsealer.write(stored)
        unsealer.close()
        return bytes(out)

    def open(self, header: bytes) -> Crypt4ghEnvelope:
        """Return the envelope of an earlier header, to go on inside an object.

        Raises:
            KeyUnavailable: there is no identity to open it with.
            UnsealFailed: it is no header of ours, or not for this identity.
        """
        return Crypt4ghEnvelope(header, self.data_key(header), front=header)

    def sealed_size(self, size: int) -> int:
        """Return the stored size of an object of `size` plaintext bytes."""
        return sealed_size(size, self.header_size)

    def unsealer(
        self, *, size: int, write: Callable[[memoryview], object], header: bytes | None = None
    ) -> Crypt4ghUnsealer:
        """Return a strict reader for one whole stored object; see `Crypt4ghUnsealer`."""
        return Crypt4ghUnsealer(self, size=size, write=write, header=header, frame=self._frame)

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
                f"identity {self._identity} is not among the recipients",
                hint="add its public key to seal.recipients, or name the identity of one of them",
            ) from None
        assert back == plain


class Crypt4ghEnvelopes(SegmentEnvelopes):
    """The standard's form: any Crypt4GH tool opens the stored object."""

    def __init__(self, recipients: Sequence[PublicKey], identity: PrivateKey | None) -> None:
        super().__init__(
            PacketWriter(recipients),
            PacketReader(identity) if identity else None,
            frame=HeaderFrame(PREFIX, declared_header_size),
            header_size=header_size(len(recipients)),
            recipients=recipients,
            identity=identity.public if identity else None,
        )


class Crypt4ghUnsealer:
    """Takes one whole stored object in any cut, hands on plaintext after authentication.

    `size` is the plaintext size that the object must have. What `write` gets is authentic for
    its place and valid during the call only; that it is *all* is known when `close` returns.
    `header`, when given, must be the object's header to the byte: packets for other recipients
    can be checked in no other way. With an `envelope` the segments stand alone, without a header
    in front. A failure is final, also one that `write` raises.
    """

    def __init__(
        self,
        envelopes: SegmentEnvelopes,
        *,
        size: int,
        write: Callable[[memoryview], object],
        header: bytes | None = None,
        frame: HeaderFrame | None = None,
        envelope: Crypt4ghEnvelope | None = None,
    ) -> None:
        self._envelopes = envelopes
        self._sink = write
        self._expected = header
        self._head = bytearray()
        assert (frame is None) is not (envelope is None), "a header is somewhere, and once"
        self._envelope, self._frame = envelope, frame
        self._index = 0
        self._left = sealed_size(size, 0)  # of the body: what is not opened yet
        self._window = min(self._left, WINDOW * SEALED_SEGMENT)
        self._plain = memoryview(b"")  # as long as what comes at a time
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
        assert self._frame is not None
        head, prefix = self._head, self._frame.prefix
        wanted = prefix if len(head) < prefix else self._frame.declared(head)
        while self._envelope is None and view:
            taken = view[: wanted - len(head)]
            head += taken
            view = view[len(taken) :]
            if len(head) < wanted:
                break
            if wanted == prefix:
                wanted = self._frame.declared(head)
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
        if len(self._plain) < len(sealed):
            self._plain = memoryview(bytearray(len(sealed)))
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
