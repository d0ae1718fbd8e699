"""Inclusion proofs against a tree that is built the slow way."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdh_migrate.errors import EvidenceDamaged
from hdh_migrate.evidence.lines.proofs import (
    InclusionProof,
    leaf_digest,
    node_digest,
    path_of,
    prove,
    root_of,
)
from hdh_migrate.fixity import MerkleTree

SIZES = st.integers(1, 70)


def naive_root(lines: list[bytes]) -> bytes:
    if len(lines) == 1:
        return leaf_digest(lines[0])
    half = 1
    while half * 2 < len(lines):
        half *= 2
    return node_digest(naive_root(lines[:half]), naive_root(lines[half:]))


def proof(lines: list[bytes], index: int) -> InclusionProof:
    found = prove((line, number == index) for number, line in enumerate(lines))
    assert found is not None
    return found


@given(size=SIZES, data=st.data())
def test_a_proof_leads_from_its_line_to_the_root(size: int, data: st.DataObject) -> None:
    lines = [b"line %d" % number for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    tree = MerkleTree()
    for line in lines:
        tree.append(leaf_digest(line))

    found = proof(lines, index)

    assert (found.index, found.size) == (index, size)
    assert root_of(lines[index], found) == naive_root(lines) == bytes.fromhex(tree.root())


@given(size=st.integers(2, 70), data=st.data())
def test_a_changed_proof_leads_elsewhere_or_is_refused(size: int, data: st.DataObject) -> None:
    lines = [b"line %d" % number for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    good = proof(lines, index)
    number = data.draw(st.integers(0, len(good.path) - 1))
    flipped = bytes([good.path[number][0] ^ 1]) + good.path[number][1:]
    changed = [
        (b"another line", good),
        (lines[index], replace(good, path=good.path[:-1])),
        (lines[index], replace(good, path=(*good.path, bytes(32)))),
        (
            lines[index],
            replace(good, path=(*good.path[:number], flipped, *good.path[number + 1 :])),
        ),
    ]
    for line, bad in changed:
        try:
            assert root_of(line, bad) != naive_root(lines)
        except EvidenceDamaged:
            continue


def test_a_line_that_is_not_there_has_no_proof() -> None:
    assert prove((line, False) for line in (b"a", b"b")) is None


@pytest.mark.parametrize("path", [[1], ["zz"], ["00"], [None]])
def test_a_path_of_something_else_is_refused(path: list[object]) -> None:
    with pytest.raises(EvidenceDamaged):
        path_of(path)


@pytest.mark.parametrize(("index", "size"), [(-1, 2), (2, 2), (0, 0)])
def test_an_index_outside_the_tree_is_refused(index: int, size: int) -> None:
    with pytest.raises(EvidenceDamaged):
        root_of(b"a", InclusionProof(index=index, size=size, path=()))
