"""Digests, canonical JSON and the RFC 9162 tree: pure tools, no I/O, O(log n) memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from json.encoder import encode_basestring
from operator import itemgetter
from typing import Any

from hdh_migrate.events.inventory import Covered, InventoryCounts

# Made once: `json.dumps` with options makes an encoder for every call.
_ENCODER = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
)
_ASCII_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


def canonical_json(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Return the one UTF-8 encoding of a JSON value: sorted keys, no spaces, no NaN.

    Text that is not clean Unicode (lone surrogates) is escaped, so the result is always UTF-8.
    """
    try:
        return _ENCODER.encode(value).encode()
    except UnicodeEncodeError:
        return _ASCII_ENCODER.encode(value).encode()


class LineForm:
    """Writes texts, counts and nulls under the same names as `canonical_json` would, but sooner."""

    def __init__(self, names: Iterable[str]) -> None:
        """`names` are the members of every value."""
        in_order = sorted(names)
        self._pick = itemgetter(*in_order)
        quoted = (encode_basestring(name).replace("%", "%%") for name in in_order)
        members = ",".join(f"{name}:%s" for name in quoted)
        self._form = "{" + members + "}"

    def text(self, value: Mapping[str, object]) -> str:
        """Return what is the JSON of a value if it has just these members, and no truth among them.

        Of other values it is no JSON, and a lone surrogate stands in it as it is.
        """
        written = [
            encode_basestring(one) if isinstance(one, str) else "null" if one is None else str(one)
            for one in self._pick(value)
        ]
        return self._form % tuple(written)

    def written(self, value: Mapping[str, str | int | None]) -> bytes:
        """Return the JSON of a value that has just these members, and no truth among them."""
        try:
            return self.text(value).encode()
        except UnicodeEncodeError:
            return canonical_json(value)


def sha256_hex(data: bytes | bytearray | memoryview) -> str:
    """Return the hexadecimal SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def text_digest(text: str) -> str:
    """Return the hexadecimal SHA-256 of a text in UTF-8."""
    return sha256_hex(text.encode())


def leaf_digest(data: bytes) -> bytes:
    """Return the digest of one leaf of an RFC 9162 tree: SHA-256(0x00 || data)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_digest(left: bytes, right: bytes) -> bytes:
    """Return the digest of an inner node of an RFC 9162 tree: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class MerkleTree:
    """RFC 9162 section 2.1 Merkle tree hash over leaves that are appended in order.

    Keeps one digest per level, so a tree of n leaves needs O(log n) memory.
    """

    def __init__(self) -> None:
        self.count = 0
        self._stack: list[bytes] = []
        """Roots of whole trees, the largest first: one for each bit that is set in `count`."""

    def append(self, digest: bytes) -> None:
        """Add one leaf, given as its `leaf_digest`."""
        left = self.count
        while left & 1:
            digest = node_digest(self._stack.pop(), digest)
            left >>= 1
        self._stack.append(digest)
        self.count += 1

    def root(self) -> str:
        """Return the root as hexadecimal; of no leaves it is SHA-256 of nothing."""
        if not self._stack:
            return EMPTY_SHA256
        digest = self._stack[-1]
        for left in reversed(self._stack[:-1]):
            digest = node_digest(left, digest)
        return digest.hex()


def inventory_leaf(key: bytes, size: int, version: str) -> bytes:
    """Return the leaf of one inventoried object: what a dataset's root covers of it."""
    return leaf_digest(b"%b\0%d\0%b" % (key, size, version.encode()))


class Inventoried:
    """Counts and roots of one dataset's inventory, of objects added in the order of their keys."""

    def __init__(self) -> None:
        self.size = self.excluded_size = 0
        self.tree, self.excluded_tree = MerkleTree(), MerkleTree()

    def add(self, leaf: bytes, size: int, *, excluded: bool) -> None:
        """Count one object, given with its leaf; `excluded`: the plan leaves it behind."""
        self.tree.append(leaf)
        self.size += size
        if excluded:
            self.excluded_tree.append(leaf)
            self.excluded_size += size

    def counts(self) -> InventoryCounts:
        """Return what the journal tells of them."""
        left = self.excluded_tree
        return InventoryCounts(
            objects=self.tree.count, bytes=self.size, root=self.tree.root(),
            excluded=Covered(objects=left.count, bytes=self.excluded_size, root=left.root()),
        )  # fmt: skip
