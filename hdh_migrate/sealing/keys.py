"""Crypt4GH keys: an X25519 pair whose files are interchangeable with `crypt4gh-keygen`'s.

A private key leaves this module only inside `PrivateKey`, whose text forms show its public
fingerprint and never the key.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final, NoReturn, Self

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from hdh_migrate.errors import KeyUnavailable
from hdh_migrate.frozen import frozen_row
from hdh_migrate.sealing.keyfiles import (
    CRYPT4GH,
    KEY_FILE_MAX,
    demand_names,
    read_private,
    read_public,
    relock_file,
    write_pair,
)

__all__ = [
    "KEY_FILE_MAX",
    "PrivateKey",
    "PublicKey",
    "dishonest",
    "is_honest",
    "new_pair",
    "relock",
]

_KEY: Final = 32
_PRIME: Final = 2**255 - 19


@frozen_row
class PublicKey:
    """One recipient's X25519 public key."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != _KEY:
            raise ValueError("a public key has 32 bytes")

    @property
    def fingerprint(self) -> str:
        """Short text that names the key in logs, reports and messages; stable for ever."""
        return "c4gh:" + hashlib.sha256(self.raw).hexdigest()[:16]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a public key file.

        Raises:
            KeyUnavailable: there is no such file, or it is no Crypt4GH public key.
        """
        raw = read_public(CRYPT4GH, path)
        if not is_honest(raw):
            raise dishonest(path)
        return cls(raw)


def dishonest(path: Path) -> KeyUnavailable:
    """Return the refusal of a public key that is not the one spelling of a key of large order."""
    return KeyUnavailable(
        f"{path}: this is no honest public key: others could open what is sealed for it,"
        " or it is another key written differently",
        hint="ask its owner for the file that the key pair was made with",
    )


def is_honest(raw: bytes) -> bool:
    """Return whether 32 bytes are the one spelling (RFC 7748) of a point of large order.

    With a point of small order every sender shares the same secret, which anybody can compute;
    a number beyond the prime, or with its top bit set, is another recipient's point in disguise.
    """
    if int.from_bytes(raw, "little") >= _PRIME:
        return False
    try:
        X25519PrivateKey.from_private_bytes(b"\1" * _KEY).exchange(
            X25519PublicKey.from_public_bytes(raw)
        )
    except ValueError:  # the shared secret would be zero
        return False
    return True


class PrivateKey:
    """The identity that opens envelopes. `raw` is the secret; nothing else shows it."""

    __slots__ = ("protected", "raw")

    def __init__(self, raw: bytes, *, protected: bool) -> None:
        if len(raw) != _KEY:
            raise ValueError("a private key has 32 bytes")
        self.raw = raw
        self.protected = protected
        """The file that it came from is locked by a passphrase."""

    def __repr__(self) -> str:
        return f"PrivateKey(of {self.public.fingerprint}, protected={self.protected})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key does not travel: pass the reference to its file")

    @property
    def public(self) -> PublicKey:
        """The public key that belongs to it."""
        return PublicKey(
            X25519PrivateKey.from_private_bytes(self.raw).public_key().public_bytes_raw()
        )

    @classmethod
    def load(cls, path: Path, passphrase: str | None) -> Self:
        """Read a private key file; `passphrase` is used only when the file is locked by one.

        Raises:
            KeyUnavailable: there is no such file, it is no Crypt4GH private key, its passphrase
                is missing or wrong, or it has no passphrase and others may read it.
        """
        raw, protected = read_private(CRYPT4GH, path, passphrase)
        return cls(raw, protected=protected)


def new_pair(folder: Path, name: str, *, passphrase: str | None) -> tuple[Path, Path]:
    """Make a key pair and write NAME.pub (0644) and NAME.sec (0600); return the two paths.

    Nothing is ever overwritten. Without a passphrase the file mode is all that guards the key.

    Raises:
        UsageError: the name is not usable for a file, or the passphrase is empty.
        KeyUnavailable: one of the files exists already, or cannot be written.
    """
    paths = demand_names(folder, name, passphrase)
    key = PrivateKey(os.urandom(_KEY), protected=passphrase is not None)
    write_pair(CRYPT4GH, paths, (key.public.raw, key.raw), passphrase)
    return paths


def relock(path: Path, old: str | None, new: str) -> None:
    """Lock a private key's file anew, by another passphrase or the same; all of it or nothing.

    Raises:
        KeyUnavailable: it cannot be opened, or not be replaced; it is as it was.
    """
    relock_file(CRYPT4GH, path, old, new)
