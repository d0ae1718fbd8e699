"""Of how many parts an object is written anew, and what that makes travel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hdh_migrate.errors import Unsupported
from hdh_migrate.frozen import frozen
from hdh_migrate.model import MIB, Span, TargetLimits, Verified
from hdh_migrate.pipeline.cutting import PART_FLOOR

WHOLE: Final = 8 * MIB
"""Stored bytes up to which an object is read and put again: two requests, and no upload."""

HEAD_PART: Final = 5 * MIB
"""Bytes of the body that are sent anew with a header, unless the host wants more in a part."""

PIECE: Final = 8 * MIB
"""Bytes in memory at once where the host copies no parts."""


@frozen
class Travel:
    """What a new header of one object costs, as far as it is known beforehand."""

    read: int
    """Bytes from the target before it is written, besides its header."""
    written: int
    requests: int


def travel(row: Verified, limits: TargetLimits) -> Travel:
    """Return what the exchange itself makes travel; the reading back afterwards is apart."""
    stored = row.stored_size or 0
    if is_small(stored, limits):
        return Travel(read=stored, written=stored, requests=4)  # header, HEAD, GET, PUT
    head = head_part(limits)
    if not limits.part_copy:
        parts = len(list(spans(stored - head, 0, limits)))
        return Travel(read=stored, written=stored, requests=6 + parts + -(-stored // PIECE))
    return Travel(read=head, written=head, requests=7 + len(list(spans(stored - head, 0, limits))))


def is_small(stored: int, limits: TargetLimits) -> bool:
    """Return whether an object of so many stored bytes is put again whole."""
    return stored <= max(WHOLE, head_part(limits) + MIB)


def head_part(limits: TargetLimits) -> int:
    """Return how many bytes of a body go with its new header."""
    return max(HEAD_PART, limits.min_part)


def spans(size: int, start: int, limits: TargetLimits) -> Iterator[Span]:
    """Cut so many bytes from `start` into the fewest parts of about one size.

    Raises:
        Unsupported: there would be more parts than the target takes.
    """
    count = -(-size // limits.max_part)
    if count + 1 > limits.max_parts:
        raise Unsupported("the object has more bytes than the target takes in its parts")
    at = 0
    for number in range(1, count + 1):
        end = size * number // count
        yield Span(start + at, end - at)
        at = end


def resealing_travel(row: Verified, limits: TargetLimits) -> Travel:
    """Return what sealing an object anew makes travel; the reading back afterwards is apart."""
    stored = row.stored_size or 0
    if is_small(stored, limits):
        return Travel(read=stored, written=stored, requests=4)  # header, HEAD, GET, PUT
    parts = -(-row.size // PART_FLOOR)
    while parts > limits.max_parts:
        parts = -(-parts // 2)
    return Travel(read=stored, written=stored, requests=5 + 2 * parts)
