"""Lives whose headers are apart: hybrid keys, bodies alone, and packs at two places.

A body is opened with what the ledger keeps of it, and in the end with the packs of either place
alone, as somebody does who has lost the ledger.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from hdh_migrate.errors import PackDamaged, UnsealFailed
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import HEADER_PACKS
from hdh_migrate.pipeline.own_files.folder_packs import FolderPacks
from hdh_migrate.pipeline.packed import lines_of
from hdh_migrate.sealing.detached import DetachedEnvelopes
from hdh_migrate.sealing.exchanging import HeaderExchange
from hdh_migrate.sealing.hybrid import (
    HybridPrivateKey,
    HybridPublicKey,
    HybridReader,
    HybridWriter,
    is_for,
)
from hdh_migrate.sealing.packets import segment_nonce
from hdh_migrate.sealing.segment_envelope import Crypt4ghEnvelope
from tests.campaign.keyring import SEALED, every_version
from tests.support.fakes import FakeTarget

_KEYS = re.compile(rb'"data_key":"([^"]+)"')


class HybridRing:
    """Every hybrid key that there ever was in a life."""

    def __init__(self) -> None:
        self._private: dict[str, HybridPrivateKey] = {}
        self._envelopes: dict[str, DetachedEnvelopes] = {}
        self.first = (self.new(), self.new())

    def new(self) -> str:
        """Make a key pair; return its public key in hexadecimal."""
        key = HybridPrivateKey(os.urandom(32), protected=False)
        public = key.public.raw.hex()
        self._private[public] = key
        self._envelopes[public] = DetachedEnvelopes([key.public], key)
        return public

    def envelopes(self, recipients: Sequence[str]) -> DetachedEnvelopes:
        """Return what seals for recipients, and opens with the first one's key."""
        keys = [self._private[one] for one in recipients]
        return DetachedEnvelopes([key.public for key in keys], keys[0])

    def exchange(self, opener: str, recipients: Sequence[str]) -> HeaderExchange:
        """Return what makes headers for recipients of those that a key opens."""
        names = [HybridPublicKey(bytes.fromhex(one)) for one in recipients]
        return HeaderExchange(
            opens=HybridReader(self._private[opener]), wraps=HybridWriter(names),
            current=lambda header: is_for(header, names),
        )  # fmt: skip

    def opens(self, public: str, stored: bytes) -> bool:
        """Return whether a key opens a pack."""
        return self._whole(public, stored) is not None

    def openers(self, stored: bytes) -> set[str]:
        """Return which keys open a pack."""
        return {one for one in self._private if self.opens(one, stored)}

    def data_key(self, header: bytes) -> bytes | None:
        """Return the data key of a header; None: no key there ever was gives one."""
        for envelopes in self._envelopes.values():
            try:
                return envelopes.data_key(header)
            except UnsealFailed:
                continue
        return None

    def data_keys(self, headers: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the data key of each header that some key opens."""
        yield from (key for one in headers if (key := self.data_key(one)) is not None)

    def keys_of(self, stored: bytes) -> set[bytes]:
        """Return the data keys in a pack; none: no key there ever was opens it."""
        for public in self._private:
            if (body := self._whole(public, stored)) is not None:
                return {base64.b64decode(one) for one in _KEYS.findall(body)}
        return set()

    def keys_in(self, public: str, packs: Iterator[bytes], dataset: str, bucket: str) -> KeysByName:
        """Return the data keys in packs that a key opens, by the name of their object."""
        found = KeysByName()
        for stored in packs:
            body = self._whole(public, stored)
            try:
                for one in lines_of(body or b"", dataset, bucket):
                    found.setdefault(one.key, []).append(one.data_key)
            except PackDamaged:
                continue
        return found

    def _whole(self, public: str, stored: bytes) -> bytes | None:
        try:
            return self._envelopes[public].own.whole(stored)
        except UnsealFailed:
            return None


class KeysByName(dict[str, list[bytes]]):
    """Data keys by the name of their object: more than one, where a pack is of before."""


class SecondCopies:
    """The second copies of a machine, and what somebody does to them."""

    def __init__(self, folder: Path) -> None:
        self.keeping = FolderPacks(folder)

    def files(self) -> list[Path]:
        """Return every file there."""
        return sorted(one for one in self.keeping.folder.rglob("*") if one.is_file())

    def spoil(self, path: Path) -> None:
        """Turn a bit of one."""
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)


def opens_first(sealed: bytes, data_key: bytes) -> bool:
    """Say whether a data key opens the first segment of a body."""
    nonce, segment = segment_nonce(0, last=len(sealed) <= SEALED), sealed[:SEALED]
    try:
        ChaCha20Poly1305(data_key).decrypt(nonce, segment[12:], None)
    except (InvalidTag, ValueError):
        return False
    return True


def is_pack(key: str) -> bool:
    """Return whether an object's key is that of a header pack."""
    return key.startswith(HEADER_PACKS)


def packs_at(target: FakeTarget, bucket: str, prefix: str) -> Iterator[tuple[str, bytes]]:
    """Yield the name and bytes of every version of a pack that a target still serves."""
    for name, bodies in every_version(target, bucket).items():
        if name.startswith(prefix + HEADER_PACKS):
            yield from ((name, body) for body in bodies)


def opened(sealed: bytes, data_key: bytes, size: int) -> bytes | None:
    """Return a body in clear; None: the data key does not open it, or it has another size."""
    out = bytearray(size)
    envelope = Crypt4ghEnvelope(b"", data_key, front=b"")
    if len(sealed) != size + 28 * -(-size // 65_536):
        return None
    try:
        envelope.unseal_into(memoryview(sealed), 0, final=True, out=memoryview(out))
    except UnsealFailed:
        return None
    return bytes(out)


def headers_of(ledger: SqliteLedger, dataset: int) -> dict[str, bytes]:
    """Return the headers that a ledger keeps, by the name of their object."""
    rows = ((str(row["key"]), ledger.header(int(row["id"]))) for row in ledger.records(dataset))
    return {key: header for key, header in rows if header is not None}
