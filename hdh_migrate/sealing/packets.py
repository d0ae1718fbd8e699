"""The Crypt4GH wire format: sizes, nonces and header packets. No state beyond cached secrets.

What is read here may come from an attacker: every count and length is held against a cap
before anything is allocated, and whatever is wrong has the same answer.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from hdh_migrate.errors import KeyUnavailable, UnsealFailed
from hdh_migrate.model import SEGMENT
from hdh_migrate.sealing.keys import PrivateKey, PublicKey

NONCE: Final = 12
TAG: Final = 16
SEGMENT_EXTRA: Final = NONCE + TAG
SEALED_SEGMENT: Final = SEGMENT + SEGMENT_EXTRA
"""Stored bytes of a full segment."""

PREFIX: Final = 16
PACKET: Final = 108
MAX_RECIPIENTS: Final = 64
HEADER_MAX: Final = PREFIX + MAX_RECIPIENTS * PACKET
"""Bytes of the largest header that is written or read strictly."""

MAGIC: Final = b"crypt4gh" + (1).to_bytes(4, "little")  # and the version
_METHOD: Final = bytes(4)  # X25519 with ChaCha20-Poly1305; as a body method: ChaCha20-Poly1305
DATA_KEY: Final = bytes(4) + _METHOD
"""How the content of a data-key packet begins; the key's 32 bytes follow."""

_SHARED_CACHE: Final = 64


def header_size(recipients: int) -> int:
    """Return the bytes of a header for this many recipients."""
    return PREFIX + PACKET * recipients


def sealed_size(size: int, header: int) -> int:
    """Return the stored bytes of `size` plaintext bytes behind a header of `header` bytes."""
    return header + size + SEGMENT_EXTRA * segments(size)


def segments(size: int) -> int:
    """Return how many segments `size` plaintext bytes make."""
    return -(-size // SEGMENT)


def segment_nonce(index: int, *, last: bool) -> bytes:
    """Return the one nonce that segment `index` (from 0) of an object may have."""
    return b"\0\0\0" + index.to_bytes(8, "big") + (b"\1" if last else b"\0")


def unseal_failed() -> UnsealFailed:
    """Return the one answer to everything that does not open, so that nobody learns by probing."""
    return UnsealFailed(
        "the stored bytes do not open as the whole object that was sealed",
        hint="the stored object is damaged, incomplete, or sealed for another key; keep it, "
        "and compare it with what its last verification recorded",
    )


def declared_header_size(prefix: bytes | bytearray) -> int:
    """Return the size that a header's first 16 bytes announce.

    Raises:
        UnsealFailed: they are no Crypt4GH header, or announce none or too many packets.
    """
    count = int.from_bytes(prefix[12:PREFIX], "little")
    if len(prefix) < PREFIX or prefix[:12] != MAGIC or not 1 <= count <= MAX_RECIPIENTS:
        raise unseal_failed()
    return header_size(count)


def strict_packets(header: bytes) -> Iterator[bytes]:
    """Cut a whole header into packets, without their lengths, each of exactly our shape.

    Raises:
        UnsealFailed: the header is not of the size it announces, or a packet is not of ours.
    """
    if declared_header_size(header[:PREFIX]) != len(header):
        raise unseal_failed()
    for start in range(PREFIX, len(header), PACKET):
        packet = header[start : start + PACKET]
        if packet[:8] != PACKET.to_bytes(4, "little") + _METHOD:
            raise unseal_failed()
        yield packet[4:]


class PacketWriter:
    """Wraps data keys for a fixed set of recipients, under one ephemeral writer key.

    The key agreement is done once. Packets then differ by random nonces: 96 bits are ample
    for the some hundred million headers of one process, and another process has another key.
    """

    def __init__(self, recipients: Sequence[PublicKey]) -> None:
        """Agree on a key with each of them.

        Raises:
            KeyUnavailable: there are none or too many, one is named twice, or is no usable key.
        """
        if not 1 <= len(recipients) <= MAX_RECIPIENTS:
            raise KeyUnavailable(f"sealing needs 1 to {MAX_RECIPIENTS} recipients")
        writer = X25519PrivateKey.generate()
        public = writer.public_key().public_bytes_raw()
        self._prefix = MAGIC + len(recipients).to_bytes(4, "little")
        self._packet_prefix = PACKET.to_bytes(4, "little") + _METHOD + public
        self._shared: dict[bytes, ChaCha20Poly1305] = {}
        for recipient in recipients:
            if recipient.raw in self._shared:
                raise KeyUnavailable(
                    f"recipient {recipient.fingerprint} is named twice",
                    hint="each recipient is one key; two names for one key are one recipient",
                )
            shared = _agree(writer, recipient.raw, reader=recipient.raw, writer=public)
            if shared is None:
                raise KeyUnavailable(f"recipient {recipient.fingerprint} is not a usable key")
            self._shared[recipient.raw] = shared

    def header(self, data_key: bytes) -> bytes:
        """Return a header that wraps the key for every recipient."""
        content = DATA_KEY + data_key
        out = [self._prefix]
        for shared in self._shared.values():
            nonce = os.urandom(NONCE)
            out += (self._packet_prefix, nonce, shared.encrypt(nonce, content, None))
        return b"".join(out)


class PacketReader:
    """Opens the packets that are meant for one identity.

    Headers of one writer share the key agreement, so the latest ones are kept.
    """

    def __init__(self, identity: PrivateKey) -> None:
        self._key = X25519PrivateKey.from_private_bytes(identity.raw)
        self._public = identity.public.raw
        self._shared: dict[bytes, ChaCha20Poly1305 | None] = {}

    def data_key(self, header: bytes) -> bytes:
        """Return the one data key in a header of ours.

        Raises:
            UnsealFailed: no packet opens, more than one does, or the one is not a data key.
        """
        opened = [c for p in strict_packets(header) if (c := self.open(p)) is not None]
        if len(opened) != 1 or not opened[0].startswith(DATA_KEY):
            raise unseal_failed()
        return opened[0][len(DATA_KEY) :]

    def open(self, packet: bytes) -> bytes | None:
        """Return the content of a packet (without its length); None when it is not for us."""
        if packet[:4] != _METHOD:
            return None
        shared = self._agreed(packet[4:36])
        if shared is None:
            return None
        try:
            return shared.decrypt(packet[36 : 36 + NONCE], packet[36 + NONCE :], None)
        except (InvalidTag, ValueError):  # too short for a nonce or a tag
            return None

    def _agreed(self, writer: bytes) -> ChaCha20Poly1305 | None:
        if len(writer) != 32:
            return None
        try:
            return self._shared[writer]
        except KeyError:
            if len(self._shared) >= _SHARED_CACHE:
                self._shared.clear()
            shared = _agree(self._key, writer, reader=self._public, writer=writer)
            self._shared[writer] = shared
            return shared


def _agree(
    own: X25519PrivateKey, peer: bytes, *, reader: bytes, writer: bytes
) -> ChaCha20Poly1305 | None:
    try:
        point = own.exchange(X25519PublicKey.from_public_bytes(peer))
    except ValueError:  # a point of small order: no secret comes of it
        return None
    return ChaCha20Poly1305(hashlib.blake2b(point + reader + writer).digest()[:32])
