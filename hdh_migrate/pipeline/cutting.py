"""How objects are cut into parts, from data about the target: pure arithmetic.

Memory: a part that is sealed into a buffer takes its sealed size from the worker's share of
`limits.memory`; a part larger than half of that share is streamed instead of buffered.
"""

from __future__ import annotations

from hdh_migrate.errors import Unsupported
from hdh_migrate.model import MIB, SEGMENT, PartPlan, TargetLimits

PART_FLOOR = 8 * MIB
"""Plaintext bytes of the smallest part; up to this an object is one single PUT."""

SEALED_OVERHEAD = 28
"""Bytes that sealing adds to one segment."""

_IN_ONE = PartPlan(segments=PART_FLOOR // SEGMENT, count=0)
"""What is stored by one request, as most objects are."""


def part_plan(size: int, limits: TargetLimits, *, header: int, sealed: bool = True) -> PartPlan:
    """Return the part plan of an object of `size` plaintext bytes.

    The smallest power-of-two multiple of the floor that fits the target's number of parts;
    where doubling would break the largest part, the exact number of segments instead.

    Raises:
        Unsupported: the object cannot be stored within the target's limits.
    """
    overhead = SEALED_OVERHEAD if sealed else 0
    stored = size + header + -(-size // SEGMENT) * overhead
    if stored > limits.max_object:
        raise Unsupported("larger than the target's largest object")
    if size <= PART_FLOOR and stored <= limits.max_put:
        return _IN_ONE
    most = (limits.max_part - header) // (SEGMENT + overhead)
    least = max(1, -(-limits.min_part // (SEGMENT + overhead)))
    if least > most:
        raise Unsupported("the target takes no part that whole segments fit into")
    segments = max(PART_FLOOR // SEGMENT, least)
    while -(-size // (segments * SEGMENT)) > limits.max_parts:
        segments *= 2
    if segments > most:
        segments = most
        if -(-size // (segments * SEGMENT)) > limits.max_parts:
            raise Unsupported("needs more or larger parts than the target takes")
    return PartPlan(segments=segments, count=-(-size // (segments * SEGMENT)))
