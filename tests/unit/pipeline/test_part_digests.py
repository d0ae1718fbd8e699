"""Pieces of known length that are compared as they end: what comes short or beyond differs."""

from __future__ import annotations

import pytest

from hdh_migrate.fixity import sha256_hex
from hdh_migrate.pipeline.workers.digests import ObjectDigests, PartDigests
from hdh_migrate.pipeline.workers.helping import Helpers

PARTS = (b"abc", b"de")
COMES = [
    (b"abcde", []),
    (b"abXde", [1]),
    (b"abcXe", [2]),
    (b"abc", [2]),
    (b"ab", [1, 2]),
    (b"abcd", [2]),
    (b"", [1, 2]),
    (b"abcdef", [3]),
    (b"abcdefgh", [3]),
    (b"Xbcdefgh", [1, 3]),
]
"""What comes, and which parts differ."""


@pytest.mark.parametrize(("data", "differing"), COMES)
@pytest.mark.parametrize("step", [1, 2, 100])
def test_bytes_that_are_not_those_of_the_parts_differ(
    data: bytes, differing: list[int], step: int
) -> None:
    """Bytes behind the last part were waited upon for ever, and parts that did not come counted."""
    parts = PartDigests([len(one) for one in PARTS], [sha256_hex(one) for one in PARTS])

    for at in range(0, len(data), step):
        parts.update(data[at : at + step])

    assert parts.differing == differing


@pytest.mark.parametrize(("data", "differing"), COMES)
@pytest.mark.parametrize("step", [1, 2, 100])
def test_an_object_and_its_parts_are_digested_in_one_go(
    data: bytes, differing: list[int], step: int
) -> None:
    """Of the first part the digest is that of the object so far: no byte of it is missed."""
    more = bytearray()
    sent = [(len(one), sha256_hex(one)) for one in PARTS]
    digests = ObjectDigests(Helpers(), sent, more.extend)

    for at in range(0, len(data), step):
        digests.take(data[at : at + step])

    assert digests.parts is not None
    assert digests.parts.differing == differing
    assert digests.whole.hexdigest() == sha256_hex(data)
    assert bytes(more) == data


def test_an_object_of_one_part_has_the_digest_of_its_part() -> None:
    """Nothing is left for a second part to take."""
    digests = ObjectDigests(Helpers(), [(3, sha256_hex(b"abc"))])
    digests.take(b"abc")
    assert digests.parts is not None
    assert digests.parts.differing == []
    digests.take(b"d")
    assert digests.parts.differing == [2]


def test_an_object_that_was_sent_whole_has_no_parts() -> None:
    """What else takes its bytes gets all of them."""
    more = bytearray()
    digests = ObjectDigests(Helpers(), [], more.extend)
    digests.take(b"ab")
    digests.take(memoryview(b"c"))
    assert (digests.parts, digests.whole.hexdigest()) == (None, sha256_hex(b"abc"))
    assert bytes(more) == b"abc"
