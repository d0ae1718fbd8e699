"""Hybrid keys and headers: X25519 and ML-KEM-768 together, so that who breaks one opens nothing.

The pair is that of X-Wing (KEM 0x647A of HPKE): the secret is a seed of 32 bytes, the public key
1184 bytes of ML-KEM-768 and 32 of X25519. A header wraps a data key under a wrapping key, which
HPKE seals for each recipient once for many headers. Byte by byte: docs/header-packs.md; why these
parameters: docs/decisions/0071-detached-headers.md.

What is read here may come from an attacker: every count is held against a cap before anything is
allocated, and whatever is wrong has the same answer.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from hdh_migrate.errors import KeyUnavailable
from hdh_migrate.frozen import frozen_row
from hdh_migrate.model import WRAPPED
from hdh_migrate.sealing.keyfiles import (
    HYBRID,
    SECRET,
    demand_names,
    read_private,
    read_public,
    relock_file,
    write_pair,
)
from hdh_migrate.sealing.keys import dishonest, is_honest
from hdh_migrate.sealing.packets import MAX_RECIPIENTS, NONCE, TAG, unseal_failed

PUBLIC: Final = HYBRID.public_size
_LATTICE: Final = 1184

SUITE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA512, AEAD.AES_256_GCM)
_IDS: Final = b"\x64\x7a" + b"\x00\x03" + b"\x00\x02"  # of the KEM, the KDF and the AEAD
MAGIC: Final = b"hdh-hyb1" + _IDS
"""How a header begins: its name and version, and the suite."""

PREFIX: Final = len(MAGIC) + 2
"""Bytes that tell how long a header is."""

_NAME: Final = 32
_SEALED: Final = 1120 + SECRET + 16
STANZA: Final = _NAME + _SEALED
"""Bytes for each recipient: the SHA-256 of its public key, and the wrapping key sealed for it."""

INFO: Final = b"hdh-migrate/hybrid-header/1"

_KNOWN: Final = 64
"""Wrapping keys that are remembered: headers of one writer share theirs."""

assert WRAPPED == NONCE + SECRET + TAG


@frozen_row
class HybridPublicKey:
    """One recipient's public key, of both kinds at once."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != PUBLIC:
            raise ValueError(f"a hybrid public key has {PUBLIC} bytes")

    @property
    def name(self) -> bytes:
        """What stands for it in headers: the SHA-256 of its bytes."""
        return hashlib.sha256(self.raw).digest()

    @property
    def fingerprint(self) -> str:
        """Short text that names the key in logs, reports and messages; stable for ever."""
        return "hybrid:" + self.name.hex()[:16]

    @property
    def halves(self) -> tuple[bytes, bytes]:
        """The public keys of ML-KEM-768 and of X25519 that it is made of."""
        return self.raw[:_LATTICE], self.raw[_LATTICE:]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a public key file.

        Raises:
            KeyUnavailable: there is no such file, or it is no honest hybrid public key.
        """
        key = cls(read_public(HYBRID, path))
        if not _is_honest(key):
            raise dishonest(path)
        return key

    def sealing(self) -> MLKEM768X25519PublicKey:
        """Return it as what HPKE seals for.

        Raises:
            ValueError: it is no honest key.
        """
        lattice, curve = self.halves
        return MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(lattice), X25519PublicKey.from_public_bytes(curve)
        )


class HybridPrivateKey:
    """The identity that opens hybrid headers. `raw` is the secret seed; nothing else shows it."""

    __slots__ = ("protected", "raw")

    def __init__(self, raw: bytes, *, protected: bool) -> None:
        if len(raw) != SECRET:
            raise ValueError(f"a hybrid private key has {SECRET} bytes")
        self.raw = raw
        self.protected = protected
        """The file that it came from is locked by a passphrase."""

    def __repr__(self) -> str:
        return f"HybridPrivateKey(of {self.public.fingerprint}, protected={self.protected})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key does not travel: pass the reference to its file")

    @property
    def public(self) -> HybridPublicKey:
        """The public key that belongs to it."""
        lattice, curve = self._halves()
        return HybridPublicKey(
            lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
        )

    @classmethod
    def load(cls, path: Path, passphrase: str | None) -> Self:
        """Read a private key file; `passphrase` is used only when the file is locked by one.

        Raises:
            KeyUnavailable: there is no such file, it is no hybrid private key, its passphrase is
                missing or wrong, or it has no passphrase and others may read it.
        """
        raw, protected = read_private(HYBRID, path, passphrase)
        return cls(raw, protected=protected)

    def opening(self) -> MLKEM768X25519PrivateKey:
        """Return it as what HPKE opens with."""
        return MLKEM768X25519PrivateKey(*self._halves())

    def _halves(self) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
        both = hashlib.shake_256(self.raw).digest(96)  # as X-Wing derives a pair from its seed
        return (
            MLKEM768PrivateKey.from_seed_bytes(both[:64]),
            X25519PrivateKey.from_private_bytes(both[64:]),
        )


def new_hybrid_pair(folder: Path, name: str, *, passphrase: str | None) -> tuple[Path, Path]:
    """Make a hybrid key pair and write NAME.pub (0644) and NAME.sec (0600); return the two paths.

    Nothing is ever overwritten. Without a passphrase the file mode is all that guards the key.

    Raises:
        UsageError: the name is not usable for a file, or the passphrase is empty.
        KeyUnavailable: one of the files exists already, or cannot be written.
    """
    paths = demand_names(folder, name, passphrase)
    key = HybridPrivateKey(os.urandom(SECRET), protected=passphrase is not None)
    write_pair(HYBRID, paths, (key.public.raw, key.raw), passphrase)
    return paths


def relock_hybrid(path: Path, old: str | None, new: str) -> None:
    """Lock a hybrid private key's file anew; all of it or nothing.

    Raises:
        KeyUnavailable: it cannot be opened, or not be replaced; it is as it was.
    """
    relock_file(HYBRID, path, old, new)


# --- headers ---------------------------------------------------------------------------------


def hybrid_header_size(recipients: int) -> int:
    """Return the bytes of a header for this many recipients."""
    return PREFIX + STANZA * recipients + WRAPPED


def declared_hybrid_size(prefix: bytes | bytearray) -> int:
    """Return the size that a header's first 16 bytes announce.

    Raises:
        UnsealFailed: they are no hybrid header, or announce no recipient or too many.
    """
    count = int.from_bytes(prefix[len(MAGIC) : PREFIX], "big")
    begins = len(prefix) >= PREFIX and prefix[: len(MAGIC)] == MAGIC
    if not begins or not 1 <= count <= MAX_RECIPIENTS:
        raise unseal_failed()
    return hybrid_header_size(count)


class HybridWriter:
    """Wraps data keys for a fixed set of recipients, under one fresh wrapping key.

    HPKE is done once for each recipient. Headers then differ by random nonces: 96 bits are ample
    for the 2^32 headers that one wrapping key may make, and another process has another key.
    """

    def __init__(self, recipients: Sequence[HybridPublicKey]) -> None:
        """Wrap a new key for each of them.

        Raises:
            KeyUnavailable: there are none or too many, two are alike, or one is no usable key.
        """
        if not 1 <= len(recipients) <= MAX_RECIPIENTS:
            raise KeyUnavailable(f"sealing needs 1 to {MAX_RECIPIENTS} recipients")
        _demand_different(recipients)
        wrapping = os.urandom(SECRET)
        names = [one.name for one in recipients]
        parts = [MAGIC, len(recipients).to_bytes(2, "big")]
        for one in recipients:
            try:
                sealed = SUITE.encrypt(wrapping, one.sealing(), info=_info(names))
            except ValueError:  # a point of small order, or no key of the lattice
                raise KeyUnavailable(f"recipient {one.fingerprint} is not a usable key") from None
            parts += (one.name, sealed)
        self._block = b"".join(parts)
        self._aead = AESGCM(wrapping)
        self._bound = hashlib.sha256(self._block).digest()

    def header(self, data_key: bytes) -> bytes:
        """Return a header that wraps the key for every recipient."""
        nonce = os.urandom(NONCE)
        return self._block + nonce + self._aead.encrypt(nonce, data_key, self._bound)


class HybridReader:
    """Opens the headers that are meant for one identity, among others or for it alone."""

    def __init__(self, identity: HybridPrivateKey) -> None:
        self._key, self._name = identity.opening(), identity.public.name
        self._wrapping: dict[bytes, AESGCM] = {}

    def data_key(self, header: bytes) -> bytes:
        """Return the data key in a header.

        Raises:
            UnsealFailed: it is no whole header, was changed, or is not for this identity.
        """
        if declared_hybrid_size(header[:PREFIX]) != len(header):
            raise unseal_failed()
        block, wrapped = header[:-WRAPPED], header[-WRAPPED:]
        bound = hashlib.sha256(block).digest()
        try:
            data_key = self._opened(bound, block).decrypt(wrapped[:NONCE], wrapped[NONCE:], bound)
        except InvalidTag:
            raise unseal_failed() from None
        return data_key

    def _opened(self, bound: bytes, block: bytes) -> AESGCM:
        known = self._wrapping.get(bound)
        if known is not None:
            return known
        stanzas = [block[at : at + STANZA] for at in range(PREFIX, len(block), STANZA)]
        names = [one[:_NAME] for one in stanzas]
        mine = [one[_NAME:] for one in stanzas if one[:_NAME] == self._name]
        if len(mine) != 1 or len(set(names)) < len(names):
            raise unseal_failed()
        try:
            wrapping = SUITE.decrypt(mine[0], self._key, info=_info(names))
        except ValueError:  # a point of small order
            raise unseal_failed() from None
        if len(wrapping) != SECRET:
            raise unseal_failed()
        if len(self._wrapping) >= _KNOWN:
            self._wrapping.clear()
        self._wrapping[bound] = found = AESGCM(wrapping)
        return found


def is_for(header: bytes, recipients: Sequence[HybridPublicKey]) -> bool:
    """Say whether a header, or its block, is for exactly these recipients by what it names."""
    count = int.from_bytes(header[len(MAGIC) : PREFIX], "big")
    ends = PREFIX + STANZA * count
    if header[: len(MAGIC)] != MAGIC or len(header) not in {ends, ends + WRAPPED}:
        return False
    names = [header[at : at + _NAME] for at in range(PREFIX, ends, STANZA)]
    return sorted(names) == sorted(one.name for one in recipients)


def _info(names: Sequence[bytes]) -> bytes:
    """Return what HPKE binds a wrapping key to: this use of it, and everybody who has it."""
    return INFO + hashlib.sha256(b"".join(names)).digest()


def _demand_different(recipients: Sequence[HybridPublicKey]) -> None:
    """Demand that no two recipients are one, nor share half of their keys.

    Raises:
        KeyUnavailable: two of them do.
    """
    for number in (0, 1):
        seen = set[bytes]()
        for one in recipients:
            if one.halves[number] in seen:
                raise KeyUnavailable(
                    f"recipient {one.fingerprint} is named twice, or shares half of its key with"
                    " another one",
                    hint="each recipient is one key; two names for one key are one recipient",
                )
            seen.add(one.halves[number])


def _is_honest(key: HybridPublicKey) -> bool:
    try:
        key.sealing()
    except ValueError:
        return False
    return is_honest(key.halves[1])
