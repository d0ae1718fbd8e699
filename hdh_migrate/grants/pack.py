"""Write and read packs: Crypt4GH files of JSON lines that one key opens, in bounded memory.

A pack is read from its beginning to its end. Each line is authentic for its place when it is given;
that none is missing, and that the lines are those of the statement, is known after the last one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from typing import IO, Final

from hdh_migrate.errors import KeyUnavailable, PackDamaged, UnsealFailed
from hdh_migrate.fixity import MerkleTree
from hdh_migrate.frozen import frozen
from hdh_migrate.grants.objects import (
    LINE_MAX,
    GrantedObject,
    PackEnd,
    PackHead,
    damaged,
    end_of,
    head_of,
    leaf,
    object_of,
    written,
)
from hdh_migrate.model import SEGMENT, key_bytes
from hdh_migrate.sealing.crypt4gh import SEALED_SEGMENT, Crypt4ghEnvelopes, header_size, sealed_size
from hdh_migrate.sealing.keys import PrivateKey, PublicKey
from hdh_migrate.sealing.segment_envelope import Crypt4ghEnvelope

__all__ = [
    "GrantedObject",
    "PackEnd",
    "PackHead",
    "PackReader",
    "WrittenPack",
    "end_of",
    "head_of",
    "leaf",
    "object_of",
    "read",
    "write",
]

NAME: Final = "pack.c4gh"
"""The file in a grant's folder."""

_AT_ONCE: Final = 16 * SEGMENT
"""Bytes of lines that are sealed, or opened, together."""


@frozen
class WrittenPack:
    """What came of writing a pack."""

    objects: int
    bytes: int
    """Of the objects, in clear."""
    root: str
    sha256: str
    """Of the pack's file."""


def write(
    file: IO[bytes], reader: PublicKey, head: PackHead, objects: Iterable[GrantedObject]
) -> WrittenPack:
    """Write a pack that `reader` alone opens, as the objects come: in the order of their names.

    Raises:
        ValueError: they are in another order, not as many, or not as large, as the head says.
    """
    out = _Sealing(file, reader)
    out.line(written(head))
    tree, size, before = MerkleTree(), 0, b""
    for one in objects:
        if tree.count and key_bytes(one.name) <= before:
            raise ValueError("objects of a pack stand in the order of their names, each once")
        line, before = one.line(), key_bytes(one.name)
        tree.append(leaf(line))
        size += one.length
        out.line(line)
    if (tree.count, size) != (head.objects, head.bytes):
        raise ValueError("the objects are not those that the head of the pack counts")
    out.line(written(PackEnd(end=True, objects=tree.count, root=tree.root())))
    return WrittenPack(objects=tree.count, bytes=size, root=tree.root(), sha256=out.close())


def read(file: IO[bytes], identity: PrivateKey) -> Iterator[GrantedObject]:
    """Yield the objects of a pack; see `PackReader`.

    Raises:
        KeyUnavailable: the pack is for another key.
        PackDamaged: it is cut, reordered or damaged; at the latest after the last object.
    """
    yield from PackReader(file, identity)


class PackReader:
    """One pack, read once: `head` at once, then its objects, then `end`.

    What it gives is authentic for its place, and is what the pack's writer meant when `end` is
    there and equals what a signed statement says.
    """

    def __init__(self, file: IO[bytes], identity: PrivateKey) -> None:
        """Open a pack in a file that can be sought.

        Raises:
            KeyUnavailable: it is for another key.
            PackDamaged: it is no pack.
        """
        self._lines = _lines(file, identity)
        first = next(self._lines, b"")
        self.head: PackHead = head_of(first)
        self.end: PackEnd | None = None
        """What the last line says, once everything before it was read and agrees with it."""
        self.at = len(first) + 1
        """Where in the pack's clear text the line begins that was given last."""

    def __iter__(self) -> Iterator[GrantedObject]:
        """Yield the objects in the order in which they were written.

        Raises:
            PackDamaged: the pack is cut, reordered or damaged.
        """
        tree, size, before = MerkleTree(), 0, b""
        for line in self._lines:
            if tree.count == self.head.objects:
                self._close(end_of(line), tree, size)
                return
            one = object_of(line)
            if tree.count and key_bytes(one.name) <= before:
                damaged()
            before = key_bytes(one.name)
            tree.append(leaf(line))
            size += one.length
            yield one
            self.at += len(line) + 1
        damaged()

    def _close(self, end: PackEnd, tree: MerkleTree, size: int) -> None:
        same = (end.end, end.objects, end.root) == (True, tree.count, tree.root())
        if not same or size != self.head.bytes or next(self._lines, None) is not None:
            damaged()
        self.end = end


class _Sealing:
    """Takes lines, and writes them sealed and digested."""

    def __init__(self, file: IO[bytes], reader: PublicKey) -> None:
        self._file, self._digest = file, hashlib.sha256()
        self._envelope = Crypt4ghEnvelopes([reader], None).new()
        self._waiting = bytearray()
        self._sealed = memoryview(bytearray(sealed_size(_AT_ONCE, 0)))
        self._segment = 0
        self._put(self._envelope.header)

    def line(self, line: bytes) -> None:
        self._waiting += line
        self._waiting += b"\n"
        while len(self._waiting) > _AT_ONCE:  # what ends the file is not sealed here
            self._seal(_AT_ONCE, final=False)

    def close(self) -> str:
        """Seal what is left and return the digest of the whole file."""
        self._seal(len(self._waiting), final=True)
        return self._digest.hexdigest()

    def _seal(self, size: int, *, final: bool) -> None:
        plain = bytes(memoryview(self._waiting)[:size])
        del self._waiting[:size]
        many = self._envelope.seal_into(
            memoryview(plain), self._segment, final=final, out=self._sealed
        )
        self._segment += _AT_ONCE // SEGMENT
        self._put(self._sealed[:many])

    def _put(self, data: bytes | memoryview) -> None:
        self._digest.update(data)
        self._file.write(data)


def _lines(file: IO[bytes], identity: PrivateKey) -> Iterator[bytes]:
    """Yield the lines of a pack without their line feeds."""
    rest = b""
    for piece in _opened(file, identity):
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
        if len(rest) > LINE_MAX:
            damaged()
    if rest:
        damaged()


def _opened(file: IO[bytes], identity: PrivateKey) -> Iterator[bytes]:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    envelope = _envelope(file.read(header_size(1)), identity)
    left, segment = size - header_size(1), 0
    out = memoryview(bytearray(_AT_ONCE))
    while left > 0:
        sealed = file.read(min(left, _AT_ONCE // SEGMENT * SEALED_SEGMENT))
        left -= len(sealed)
        if not sealed:
            damaged()
        try:
            many = envelope.unseal_into(memoryview(sealed), segment, final=not left, out=out)
        except UnsealFailed:
            damaged()
        segment += _AT_ONCE // SEGMENT
        yield bytes(out[:many])


def _envelope(header: bytes, identity: PrivateKey) -> Crypt4ghEnvelope:
    try:
        return Crypt4ghEnvelopes([identity.public], identity).open(header)
    except UnsealFailed:
        if not header.startswith(b"crypt4gh"):
            raise PackDamaged("this is no pack of a grant") from None
        raise KeyUnavailable(
            f"the pack does not open with {identity.public.fingerprint}",
            hint="a pack is for one reader's key, and its statement names it; ask for a grant to"
            " your own",
        ) from None
