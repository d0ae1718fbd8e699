"""A verifier of `.tlog-proof` files that shares nothing with the tool.

Written from c2sp.org/tlog-proof, /tlog-checkpoint, /signed-note and RFC 6962, 2.1.1, alone.
"""

from __future__ import annotations

import base64
import hashlib
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class TrustedName(NamedTuple):
    """A key as a policy names it."""

    name: str
    public: bytes


class Logged(NamedTuple):
    """What a proof says of an entry, once it holds."""

    origin: str
    size: int
    at: int
    extra: bytes
    signed_by: frozenset[str]


def verified(proof: str, entry: bytes, log: TrustedName, witnesses: list[TrustedName]) -> Logged:
    """Return what a proof says of an entry; ValueError if it does not hold under this policy."""
    lines, _, checkpoint = proof.partition("\n\n")
    first, *rest = lines.split("\n")
    if first != "c2sp.org/tlog-proof@v1":
        raise ValueError("not a proof")
    extra = b""
    if rest[0].startswith("extra "):
        extra = base64.b64decode(rest.pop(0).removeprefix("extra "), validate=True)
    number = rest.pop(0).removeprefix("index ")
    if not number.isdigit() or (number[0] == "0" and number != "0"):
        raise ValueError("not an index")
    index = int(number)
    hashes = [base64.b64decode(line, validate=True) for line in rest]

    text, _, signatures = checkpoint.rpartition("\n\n")
    text += "\n"
    origin, size, root = text.split("\n")[:3]
    if origin != log.name:
        raise ValueError("another log")
    signed = _signed(text, signatures, [log, *witnesses])
    if log.name not in signed:
        raise ValueError("the log did not sign")
    leaf = hashlib.sha256(b"\0" + entry).digest()
    if _root(leaf, index, int(size), hashes) != base64.b64decode(root, validate=True):
        raise ValueError("not included")
    return Logged(origin, int(size), index, extra, frozenset(signed))


def _signed(text: str, signatures: str, keys: list[TrustedName]) -> set[str]:
    found = set()
    for line in signatures.splitlines():
        dash, name, blob = line.split(" ")
        raw = base64.b64decode(blob, validate=True)
        for key in keys:
            key_id = hashlib.sha256(key.name.encode() + b"\n\x01" + key.public).digest()[:4]
            if dash == "\u2014" and name == key.name and raw[:4] == key_id:
                try:
                    Ed25519PublicKey.from_public_bytes(key.public).verify(raw[4:], text.encode())
                except InvalidSignature:
                    raise ValueError("a known key's signature does not verify") from None
                found.add(name)
    return found


def _root(leaf: bytes, index: int, size: int, hashes: list[bytes]) -> bytes:
    """Return the root of RFC 6962, by its recursive definition of an audit path."""
    if not 0 <= index < size:
        raise ValueError("no such leaf")
    if size == 1:
        if hashes:
            raise ValueError("too many hashes")
        return leaf
    if not hashes:
        raise ValueError("too few hashes")
    split = 1 << (size - 1).bit_length() - 1
    *inner, beside = hashes
    if index < split:
        left, right = _root(leaf, index, split, inner), beside
    else:
        left, right = beside, _root(leaf, index - split, size - split, inner)
    return hashlib.sha256(b"\1" + left + right).digest()
