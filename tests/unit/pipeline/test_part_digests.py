"""Pieces of known length that are compared as they end: what comes short or beyond differs."""

from __future__ import annotations

import pytest

from hdh_migrate.fixity import sha256_hex
from hdh_migrate.pipeline.checking import PartDigests

PARTS = (b"abc", b"de")


@pytest.mark.parametrize(
    ("data", "differing"),
    [
        (b"abcde", []),
        (b"abXde", [1]),
        (b"abc", [2]),
        (b"abcd", [2]),
        (b"", [1, 2]),
        (b"abcdef", [3]),
        (b"abcdefgh", [3]),
        (b"Xbcdefgh", [1, 3]),
    ],
)
@pytest.mark.parametrize("step", [1, 2, 100])
def test_bytes_that_are_not_those_of_the_parts_differ(
    data: bytes, differing: list[int], step: int
) -> None:
    """Bytes behind the last part were waited upon for ever, and parts that did not come counted."""
    parts = PartDigests.of([len(one) for one in PARTS], [sha256_hex(one) for one in PARTS])
    assert parts is not None

    for at in range(0, len(data), step):
        parts.update(data[at : at + step])

    assert parts.differing == differing
