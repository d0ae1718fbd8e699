"""Proof that one line stands in a manifest whose root is signed (RFC 9162 sections 2.1.3.1-2).

A proof says nothing of any other line: it can be given to somebody who may know of one object
and not of its neighbours.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from hdh_migrate.errors import EvidenceDamaged
from hdh_migrate.fixity import leaf_digest, node_digest
from hdh_migrate.frozen import frozen
from hdh_migrate.plan.files import read_named

LARGEST = 1 << 20
"""Bytes of the largest proof or opening that is read."""

MOST_LEAVES = 1 << 62


@frozen
class InclusionProof:
    """Where a leaf stands in a tree of `size` leaves, and the digests beside its way up."""

    index: int
    size: int
    path: tuple[bytes, ...]


def prove(lines: Iterable[tuple[bytes, bool]]) -> InclusionProof | None:
    """Return the proof of the one line that is marked, None when none is; one pass, O(log n).

    Raises:
        EvidenceDamaged: more than one line is marked.
    """
    index, size, path = None, 0, list[bytes]()
    stack: list[tuple[int, bytes, bool]] = []  # level, digest, whether the marked leaf is below
    for line, marked in lines:
        if marked and index is not None:
            raise EvidenceDamaged("the manifest has the line twice")
        index = size if marked else index
        level, digest, holds = 0, leaf_digest(line), marked
        while stack and stack[-1][0] == level:
            _, left, held = stack.pop()
            if held or holds:
                path.append(digest if held else left)
            level, digest, holds = level + 1, node_digest(left, digest), held or holds
        stack.append((level, digest, holds))
        size += 1
    if index is None:
        return None
    _, digest, holds = stack.pop()
    while stack:
        _, left, held = stack.pop()
        if held or holds:
            path.append(digest if held else left)
        digest, holds = node_digest(left, digest), held or holds
    return InclusionProof(index=index, size=size, path=tuple(path))


def root_of(line: bytes, proof: InclusionProof) -> bytes:
    """Return the root that a proof leads to.

    Raises:
        EvidenceDamaged: the proof has a shape that no tree has.
    """
    if not 0 <= proof.index < proof.size:
        raise EvidenceDamaged("the proof's index is outside its tree")
    at, last, digest = proof.index, proof.size - 1, leaf_digest(line)
    for sibling in proof.path:
        if last == 0:
            raise EvidenceDamaged("the proof is too long for its tree")
        if at % 2 or at == last:
            digest = node_digest(sibling, digest)
            while not at % 2 and at:
                at, last = at // 2, last // 2
        else:
            digest = node_digest(digest, sibling)
        at, last = at // 2, last // 2
    if last:
        raise EvidenceDamaged("the proof is too short for its tree")
    return digest


def read_proof(path: Path, otherwise: str) -> Mapping[str, object]:
    """Return what a file of a proof, or of an opening, holds; nothing in it is checked yet.

    Raises:
        UsageError: there is no such file.
        EvidenceDamaged: `otherwise`; it is too large, or holds something else.
    """
    data = read_named(path, LARGEST)
    try:
        proof = json.loads(data) if len(data) <= LARGEST else None
    except (ValueError, RecursionError):
        proof = None
    if not isinstance(proof, dict):
        raise EvidenceDamaged(
            otherwise, hint='give what "hdh-migrate audit prove", or "audit open", wrote'
        )
    return proof


def inclusion_of(proof: Mapping[str, object], otherwise: str) -> tuple[bytes, InclusionProof]:
    """Return the line of a proof, and where it says that it stands.

    Raises:
        EvidenceDamaged: `otherwise`; it is malformed.
    """
    line, path = proof.get("line"), proof.get("path")
    index, size = proof.get("index"), proof.get("size")
    if not isinstance(line, str) or not isinstance(path, list):
        raise EvidenceDamaged(otherwise)
    if type(index) is not int or type(size) is not int or size > MOST_LEAVES:
        raise EvidenceDamaged(otherwise)
    try:
        return line.encode(), InclusionProof(index=index, size=size, path=path_of(path))
    except UnicodeEncodeError:
        raise EvidenceDamaged(otherwise) from None


def path_of(texts: Sequence[object]) -> tuple[bytes, ...]:
    """Return a path from hexadecimal texts.

    Raises:
        EvidenceDamaged: one of them is not a digest.
    """
    try:
        path = tuple(bytes.fromhex(text) for text in texts if isinstance(text, str))
    except ValueError:
        path = ()
    if len(path) != len(texts) or any(len(digest) != 32 for digest in path):
        raise EvidenceDamaged("the proof's path is not a list of SHA-256 digests")
    return path
