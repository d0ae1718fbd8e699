"""How a private key's PEM file is locked (PKCS#8, PBES2): made strong, and judged when read.

The library that reads these files writes them with 2,048 rounds and lets nobody choose, so the
lock is written here: scrypt as dear as OWASP asks (2024), in memory that OpenSSL also allows.
"""

from __future__ import annotations

import base64
import hashlib
import os
import textwrap
from collections.abc import Iterator

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from hdh_migrate.frozen import frozen_row

SCRYPT_N, SCRYPT_R, SCRYPT_P = 1 << 14, 8, 5
SCRYPT_WORK = SCRYPT_N * SCRYPT_R * SCRYPT_P
PBKDF2_ROUNDS = 600_000
WORK_MAX = 1 << 26
"""Rounds or scrypt work that a file may ask for; more would hold whoever opens it."""

_BEGIN, _END = "-----BEGIN ENCRYPTED PRIVATE KEY-----", "-----END ENCRYPTED PRIVATE KEY-----"
_PBES2 = bytes.fromhex("2a864886f70d01050d")
_PBES1 = (bytes.fromhex("2a864886f70d0105"), bytes.fromhex("2a864886f70d010c01"))
"""What the names of PKCS#5's and PKCS#12's old schemes begin with."""

_PBKDF2 = bytes.fromhex("2a864886f70d01050c")
_SCRYPT = bytes.fromhex("2b06010401da47040b")
_AES256_CBC = bytes.fromhex("60864801650304012a")
_HMAC_SHA = {
    bytes.fromhex("2a864886f70d0209"): "SHA-256",
    bytes.fromhex("2a864886f70d020a"): "SHA-384",
    bytes.fromhex("2a864886f70d020b"): "SHA-512",
}
_BLOCK = 16


@frozen_row
class KeyLock:
    """What stands between a key file and the key: how, and whether that costs a guesser enough."""

    description: str
    strong: bool
    bearable: bool = True
    """Whether opening it ends in reasonable time."""


_UNKNOWN = KeyLock("something that is not known here", strong=False, bearable=False)


def locked(pkcs8: bytes, passphrase: bytes) -> bytes:
    """Return a private key in DER (PKCS#8) as PEM, locked by scrypt and AES-256."""
    salt, start = os.urandom(_BLOCK), os.urandom(_BLOCK)
    key = hashlib.scrypt(
        passphrase, salt=salt, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P, maxmem=1 << 26, dklen=32
    )
    padding = _BLOCK - len(pkcs8) % _BLOCK
    cipher = Cipher(algorithms.AES(key), modes.CBC(start)).encryptor()
    body = cipher.update(pkcs8 + bytes([padding]) * padding) + cipher.finalize()
    costs = b"".join(map(_integer, (SCRYPT_N, SCRYPT_R, SCRYPT_P, 32)))
    derivation = _sequence(_der(6, _SCRYPT), _sequence(_der(4, salt), costs))
    encryption = _sequence(_der(6, _AES256_CBC), _der(4, start))
    scheme = _sequence(_der(6, _PBES2), _sequence(derivation, encryption))
    text = base64.b64encode(_sequence(scheme, _der(4, body))).decode()
    return "\n".join((_BEGIN, *textwrap.wrap(text, 64), _END, "")).encode()


def lock_of(pem: bytes) -> KeyLock:
    """Say how a locked private key's file is locked; what is not known is weak, and not borne."""
    begin, end = _BEGIN.encode(), _END.encode()
    try:
        start = pem.index(begin) + len(begin)
        inner = pem[start : pem.index(end, start)]
        return _lock(base64.b64decode(b"".join(inner.split()), validate=True))
    except (ValueError, IndexError, StopIteration):
        return _UNKNOWN


def _lock(data: bytes) -> KeyLock:
    scheme = _items(_one(_one(data)))
    (_, kind), (_, parameters) = next(scheme), next(scheme)
    if kind != _PBES2:
        rounds = [int.from_bytes(value, "big") for tag, value in _items(parameters) if tag == 2]
        known = kind.startswith(_PBES1) and rounds[0] <= WORK_MAX
        return KeyLock("an old scheme (PBES1)", strong=False) if known else _UNKNOWN
    derivation = _items(_one(parameters))
    (_, function), (_, costs) = next(derivation), next(derivation)
    items = list(_items(costs))
    numbers = [int.from_bytes(value, "big") for tag, value in items if tag == 2]
    if function == _SCRYPT:
        n, r, p = numbers[:3]
        return KeyLock(
            f"scrypt, N={n}, r={r}, p={p}", n * r * p >= SCRYPT_WORK, n * r * p <= WORK_MAX
        )
    if function == _PBKDF2:
        digest = next((_HMAC_SHA.get(next(_items(v))[1]) for t, v in items if t == 0x30), None)
        strong = numbers[0] >= PBKDF2_ROUNDS and digest is not None
        words = f"PBKDF2, {numbers[0]:,} rounds of {digest or 'SHA-1'}"
        return KeyLock(words, strong, numbers[0] <= WORK_MAX)
    return _UNKNOWN


# --- DER -----------------------------------------------------------------------------------


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of what stands one after another."""
    while data:
        tag, size, start = data[0], data[1], 2
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(data[2:start], "big")
        if len(data) < start + size:
            raise ValueError("cut short")
        yield tag, data[start : start + size]
        data = data[start + size :]


def _one(data: bytes) -> bytes:
    """Return the content of the first thing, which is a sequence."""
    tag, content = next(_items(data))
    if tag != 0x30:
        raise ValueError("no sequence")
    return content


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _integer(number: int) -> bytes:
    return _der(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _sequence(*parts: bytes) -> bytes:
    return _der(0x30, b"".join(parts))
