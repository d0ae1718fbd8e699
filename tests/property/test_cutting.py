"""Whatever the limits of a target: a part plan stays within all of them, or there is none."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hdh_migrate.errors import Unsupported
from hdh_migrate.model import MIB, SEGMENT, PartPlan, TargetLimits
from hdh_migrate.pipeline.cutting import PART_FLOOR, SEALED_OVERHEAD, part_plan
from tests.support.undone import part_stored_size

GENERIC = TargetLimits(
    max_parts=10_000, min_part=5 * MIB, max_part=5 << 30, max_put=5 << 30, max_object=5 << 40
)
SCALEWAY = TargetLimits(
    max_parts=1_000,
    min_part=5_000_000,
    max_part=5_000_000_000,
    max_put=5_000_000_000,
    max_object=5_000_000_000_000,
)


@st.composite
def any_limits(draw: st.DrawFn) -> TargetLimits:
    max_part = draw(st.integers(1, 6 << 30))
    return TargetLimits(
        max_parts=draw(st.integers(1, 10_000)),
        min_part=draw(st.integers(0, 64 * MIB)),
        max_part=max_part,
        max_put=draw(st.integers(4096, 6 << 30)),
        max_object=draw(st.integers(1, 1 << 44)),
    )


sizes = st.one_of(
    st.integers(0, 1 << 44),
    st.integers(0, 20 * MIB),
    st.builds(lambda parts, off: max(0, parts * PART_FLOOR + off), st.integers(0, 20_000),
              st.integers(-2, 2)),
)  # fmt: skip
headers = st.sampled_from((0, 124, 232, 1_312))


@given(sizes, any_limits(), headers, st.booleans())
def test_every_plan_stays_within_every_limit_and_every_refusal_is_needed(
    size: int, limits: TargetLimits, header: int, sealed: bool
) -> None:
    overhead = SEALED_OVERHEAD if sealed else 0
    stored = size + header + -(-size // SEGMENT) * overhead
    least = max(1, -(-limits.min_part // (SEGMENT + overhead)))
    most = (limits.max_part - header) // (SEGMENT + overhead)
    try:
        plan = part_plan(size, limits, header=header, sealed=sealed)
    except Unsupported:
        possible = least <= most and -(-size // (most * SEGMENT)) <= limits.max_parts
        assert stored > limits.max_object or not possible
        return
    assert stored <= limits.max_object
    if plan.count == 0:
        assert stored <= limits.max_put
        return
    assert plan.count <= limits.max_parts
    assert tiles(plan, size)
    part_sizes = {
        number: part_stored_size(plan, number, size, header=header, overhead=overhead)
        for number in {1, 2, plan.count - 1, plan.count} & set(range(1, plan.count + 1))
    }
    assert max(part_sizes.values()) <= limits.max_part
    assert all(n == plan.count or s >= limits.min_part for n, s in part_sizes.items())


def tiles(plan: PartPlan, size: int) -> bool:
    """Say that the spans cover the object once, in order; the middle ones are all alike."""
    first, last = plan.span(1, size), plan.span(plan.count, size)
    inner = plan.count - 1
    assert plan.span(plan.count + 1, size).length == 0
    return (
        first.start == 0
        and last.end == size
        and last.start == inner * plan.plain
        and (0 < last.length <= plan.plain)
    )


@given(st.integers(1, 64 * MIB), st.integers(1, 400))
def test_spans_tile_the_object_exactly(size: int, segments: int) -> None:
    assume(size / (segments * SEGMENT) < 500)
    plan = PartPlan(segments=segments, count=-(-size // (segments * SEGMENT)))
    spans = [plan.span(number, size) for number in range(1, plan.count + 1)]
    assert [span.start for span in spans] == [0, *(span.end for span in spans[:-1])]
    assert spans[-1].end == size


@pytest.mark.parametrize("limits", [GENERIC, SCALEWAY])
@given(size=sizes)
def test_real_targets_take_every_object_up_to_their_largest(
    limits: TargetLimits, size: int
) -> None:
    sealed = size + 232 + -(-size // SEGMENT) * SEALED_OVERHEAD
    assume(sealed <= limits.max_object)
    assert part_plan(size, limits, header=232).count <= limits.max_parts


@pytest.mark.parametrize(
    ("size", "parts", "part_mib"),
    [
        (PART_FLOOR, 0, 8),
        (PART_FLOOR + 1, 2, 8),
        (1_000 * PART_FLOOR, 1_000, 8),
        (1_000 * PART_FLOOR + 1, 501, 16),
        (200 << 30, 800, 256),
    ],
)
def test_parts_grow_by_doubling_when_a_target_takes_a_thousand(
    size: int, parts: int, part_mib: int
) -> None:
    plan = part_plan(size, SCALEWAY, header=232)
    assert (plan.count, plan.plain // MIB) == (parts, part_mib)
