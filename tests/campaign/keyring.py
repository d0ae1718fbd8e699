"""The keys of a life, and what they open: counted by who saw every byte that was ever sent.

Recipients' keys come and go; data keys are seen by opening each header that is sent. The ledger
and the code that exchanges keys are asked for nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from hdh_migrate.errors import UnsealFailed
from hdh_migrate.sealing.crypt4gh import Crypt4ghEnvelopes
from hdh_migrate.sealing.exchanging import HeaderExchange
from hdh_migrate.sealing.keys import PrivateKey
from hdh_migrate.sealing.packets import PacketReader, PacketWriter, segment_nonce
from tests.campaign.life import Broken
from tests.support.fakes import FakeTarget
from tests.support.versioned import VersionedTarget
from tests.unit.sealing.helpers import ESCROW, STEWARD

SEALED = 65_564
"""Stored bytes of a full segment."""
_PACKETS, _PACKET = 16, 108
"""Bytes before a header's packets, and of one."""
MAGIC = b"crypt4gh"


class Keyring:
    """Every key that there ever was in a life."""

    def __init__(self) -> None:
        self._readers: dict[str, PacketReader] = {}
        self._private: dict[str, PrivateKey] = {}
        self._seals: dict[tuple[bytes, bytes], bytes] = {}
        """By data key and nonce: the segment that was sealed."""
        self._opened: dict[bytes, bytes] = {}
        """By header: its data key."""
        self.first = (self._take(STEWARD), self._take(ESCROW))

    def new(self) -> str:
        """Make a key pair; return its public key in hexadecimal."""
        return self._take(PrivateKey(os.urandom(32), protected=False))

    def envelopes(self, recipients: Sequence[str]) -> Crypt4ghEnvelopes:
        """Return what seals for recipients, and opens with the first one's key."""
        keys = [self._private[one] for one in recipients]
        return Crypt4ghEnvelopes([key.public for key in keys], keys[0])

    def exchange(self, opener: str, recipients: Sequence[str]) -> HeaderExchange:
        """Return what makes headers for recipients of those that a key opens."""
        names = [self._private[one].public for one in recipients]
        return HeaderExchange(
            opens=self._readers[opener], wraps=PacketWriter(names), current=lambda _: False
        )

    def opens(self, public: str, stored: bytes) -> bool:
        """Return whether a key opens the header of what is stored."""
        return self._data_key(public, _header(stored)) is not None

    def openers(self, stored: bytes) -> set[str]:
        """Return which keys open what is stored."""
        return {one for one in self._readers if self.opens(one, stored)}

    def opening(self, stored: bytes) -> Crypt4ghEnvelopes | None:
        """Return what opens what is stored, by whichever key there ever was."""
        for public in self._readers:
            if self.opens(public, stored):
                return self.envelopes([public])
        return None

    def data_key(self, stored: bytes) -> bytes | None:
        """Return the data key of what is stored; None: no key there ever was gives one."""
        header = _header(stored)
        if header not in self._opened:
            found = (self._data_key(public, header) for public in self._readers)
            key = next((one for one in found if one is not None), None)
            if key is None:
                return None
            self._opened[header] = key
        return self._opened[header]

    def watch(self, target: FakeTarget) -> None:
        """Look at every first segment that is sent to a target from here on.

        Raises, where it is sent:
            Broken: its data key sealed something else in the same place before.
        """
        put, put_part = target.put, target.put_part

        def seen(bucket: str, key: str, body: memoryview, **more: object) -> object:
            self._sent(bytes(body))
            return put(bucket, key, body, **more)  # type: ignore[arg-type]

        def seen_part(upload: object, number: int, body: memoryview, **more: object) -> str:
            if number == 1:
                self._sent(bytes(body))
            return put_part(upload, number, body, **more)  # type: ignore[arg-type]

        target.put, target.put_part = seen, seen_part  # type: ignore[method-assign, assignment]

    def know(self, key: PrivateKey) -> None:
        """Know somebody else's key, for whom nothing may be sealed."""
        self._take(key)

    def _take(self, key: PrivateKey) -> str:
        public = key.public.raw.hex()
        self._private[public], self._readers[public] = key, PacketReader(key)
        return public

    def _data_key(self, public: str, header: bytes) -> bytes | None:
        try:
            return self._readers[public].data_key(header)
        except UnsealFailed:
            return None

    def _sent(self, stored: bytes) -> None:
        """Take a first segment that authenticates: what a host spoiled on its way is no seal."""
        key = self.data_key(stored) if stored.startswith(MAGIC) else None
        segment = stored[len(_header(stored)) :][:SEALED]
        if key is None or not segment:
            return
        for last in (False, True):
            nonce = segment_nonce(0, last=last)
            try:
                ChaCha20Poly1305(key).decrypt(nonce, segment[12:], None)
            except InvalidTag:
                continue
            if self._seals.setdefault((key, nonce), segment) != segment:
                raise Broken("one data key sealed two different bodies")


def versions(target: FakeTarget, bucket: str, prefix: str) -> Iterator[tuple[str, bytes]]:
    """Yield the name and bytes of every sealed version that a target still serves."""
    for name, bodies in every_version(target, bucket).items():
        if name.startswith(prefix):
            yield from ((name, body) for body in bodies if body.startswith(MAGIC))


def every_version(target: FakeTarget, bucket: str) -> Mapping[str, Sequence[bytes]]:
    """Return the bytes of every version that a bucket keeps, by name."""
    if isinstance(target, VersionedTarget):
        return target.held(bucket)
    return {name: [one.data] for name, one in sorted(target._buckets[bucket].items())}


def _header(stored: bytes) -> bytes:
    return stored[: _PACKETS + _PACKET * int.from_bytes(stored[12:16], "little")]
