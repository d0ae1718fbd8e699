"""No plan that is accepted can break a limit of its target: parts, deadlines, rates."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hdh_migrate.errors import Unsupported
from hdh_migrate.model import MIB, TargetLimits
from hdh_migrate.pipeline.cutting import PART_FLOOR, SEALED_OVERHEAD, part_plan
from hdh_migrate.pipeline.pace.throttling import RequestPace
from hdh_migrate.pipeline.planning import (
    PlannedPace,
    connections_needed,
    crowded,
    largest_object,
    largest_part,
    notes,
    paced,
    problems,
    seconds_at_least,
)
from hdh_migrate.targets import profiles
from tests.support.quiet import FakeClock, Waits
from tests.support.undone import part_stored_size

HEADER = 232
GIB = 1 << 30


@st.composite
def any_limits(draw: st.DrawFn) -> TargetLimits:
    max_part = draw(st.integers(1, 6 * GIB))
    rate = st.none() | st.floats(0.1, 10_000)
    return TargetLimits(
        max_parts=draw(st.integers(1, 10_000)),
        min_part=draw(st.integers(0, min(max_part, 64 * MIB))),
        max_part=max_part,
        max_put=draw(st.integers(4096, 6 * GIB)),
        max_object=draw(st.integers(max_part, 1 << 44)),
        request_seconds=draw(st.none() | st.floats(0.5, 900)),
        writes_per_second=draw(rate),
        reads_per_second=draw(rate),
        connection_bytes_per_second=draw(st.none() | st.floats(1_000, 1e9)),
        objects_per_bucket=draw(st.none() | st.integers(1, 10**8)),
    )


paces = st.builds(
    PlannedPace,
    connections=st.integers(1, 256),
    bandwidth=st.none() | st.integers(1 << 10, 10**12),
    connection_rate=st.none() | st.integers(1 << 10, 10**10),
)
sizes = st.integers(0, 1 << 44) | st.integers(0, 64 * MIB)


@given(any_limits(), paces, sizes, st.booleans())
def test_every_request_of_an_accepted_plan_keeps_to_every_limit(
    limits: TargetLimits, pace: PlannedPace, size: int, sealed: bool
) -> None:
    try:
        plan = part_plan(size, paced(limits, pace), header=HEADER, sealed=sealed)
    except Unsupported:
        return
    overhead = SEALED_OVERHEAD if sealed else 0
    whole = size + HEADER + -(-size // 65_536) * overhead
    numbers = {1, 2, plan.count - 1, plan.count} & set(range(1, plan.count + 1))
    bodies = [
        part_stored_size(plan, number, size, header=HEADER, overhead=overhead) for number in numbers
    ] or [whole]
    assert whole <= limits.max_object
    assert plan.count <= limits.max_parts
    assert max(bodies) <= (limits.max_part if plan.count else limits.max_put)
    if limits.request_seconds is not None:
        assert max(bodies) / pace.of_connection(limits) <= limits.request_seconds


@given(any_limits(), paces)
def test_a_connection_is_counted_on_for_no_more_than_any_limit_allows(
    limits: TargetLimits, pace: PlannedPace
) -> None:
    rate = pace.of_connection(limits)
    assert pace.connection_rate is None or rate <= pace.connection_rate
    assert pace.bandwidth is None or rate * pace.connections <= pace.bandwidth * (1 + 1e-9)
    cap = limits.connection_bytes_per_second
    assert cap is None or rate <= cap


@given(any_limits(), paces, st.booleans())
def test_the_largest_object_is_the_largest_that_can_be_cut(
    limits: TargetLimits, pace: PlannedPace, sealed: bool
) -> None:
    within = paced(limits, pace)
    largest = largest_object(within, header=HEADER, sealed=sealed)
    if largest:
        part_plan(largest, within, header=HEADER, sealed=sealed)
    with pytest.raises(Unsupported):
        part_plan(largest + 1, within, header=HEADER, sealed=sealed)
    if largest > PART_FLOOR:
        plan = part_plan(largest, within, header=HEADER, sealed=sealed)
        assert plan.count == 0 or plan.plain <= largest_part(within, header=HEADER, sealed=sealed)


@given(any_limits(), paces, st.booleans())
def test_a_plan_without_problems_can_send_an_object_of_two_parts(
    limits: TargetLimits, pace: PlannedPace, sealed: bool
) -> None:
    within = paced(limits, pace)
    if problems(limits, pace, header=HEADER, sealed=sealed):
        with pytest.raises(Unsupported):
            part_plan(PART_FLOOR + 1, within, header=HEADER, sealed=sealed)
    else:
        part_plan(PART_FLOOR + 1, within, header=HEADER, sealed=sealed)


@given(
    st.floats(1, 500), st.integers(1, 8), st.lists(st.sampled_from(["GET", "PUT"]), max_size=200)
)
def test_no_bucket_gets_more_requests_in_any_stretch_than_its_rate(
    rate: float, processes: int, methods: list[str]
) -> None:
    limits = profiles.load("generic").limits
    clock = FakeClock(tick=0.0)
    share = RequestPace(
        writes=rate / processes, reads=2 * rate / processes, monotonic=clock.monotonic,
        halt=Waits(clock),
    )  # fmt: skip
    sent: dict[str, list[float]] = {"GET": [], "PUT": []}
    for method in methods:
        share(method, "bucket")
        sent[method].append(clock.seconds)
    for method, allowed in (("PUT", rate), ("GET", 2 * rate)):
        times = sent[method]
        for first in range(0, len(times), 7):
            for last in range(first, len(times), 5):
                stretch = times[last] - times[first]
                most = allowed / processes * (stretch + 0.05) + 1
                assert last - first <= most + 1e-6
    assert limits.writes_per_second is None
    free = RequestPace.of(limits, clock.monotonic, Waits(clock), lambda: 1 / processes)
    before = clock.seconds
    free("PUT", "bucket")
    assert clock.seconds == before


def test_buckets_do_not_wait_for_each_other() -> None:
    clock = FakeClock(tick=0.0)
    share = RequestPace(writes=1.0, reads=None, monotonic=clock.monotonic, halt=Waits(clock))
    for bucket in ("a", "b", "c"):
        share("PUT", bucket)
    once = clock.seconds
    share("PUT", "a")
    assert once <= 3.0
    assert clock.seconds > once


def test_a_share_is_divided_among_the_processes() -> None:
    clock = FakeClock(tick=0.0)
    limits = profiles.load("outscale").limits
    share = RequestPace.of(limits, clock.monotonic, Waits(clock), lambda: 1 / 4)
    for _ in range(100):
        share("PUT", "bucket")
    assert clock.seconds == pytest.approx(100 / (200 / 4), abs=0.1)


def test_parts_are_cut_for_three_minutes() -> None:
    limits = profiles.load("outscale").limits
    slow = PlannedPace(connections=16, connection_rate=1 * MIB)
    part = part_plan(200 * GIB, paced(limits, slow), header=HEADER)
    assert part.plain / MIB <= 90
    assert part.count <= 10_000
    with pytest.raises(Unsupported):
        part_plan(1024 * GIB, paced(limits, slow), header=HEADER)
    assert part_plan(
        1024 * GIB,
        paced(limits, PlannedPace(connections=16, connection_rate=20 * MIB)),
        header=HEADER,
    )


def test_a_pace_too_slow_for_the_smallest_part_is_told() -> None:
    limits = profiles.load("outscale").limits
    (told,) = problems(
        limits, PlannedPace(connections=256, bandwidth=1 * MIB), header=HEADER, sealed=True
    )
    assert "within 180 s at 4096 bytes/s" in told
    assert not problems(limits, PlannedPace(connections=16), header=HEADER, sealed=True)


def test_the_connections_that_a_bandwidth_takes_are_told() -> None:
    limits = profiles.load("ovhcloud").limits
    ten_gigabit = PlannedPace(connections=8, bandwidth=1_250_000_000)
    assert connections_needed(limits, ten_gigabit) == 10
    assert "takes 10 connections to this target, the plan has 8" in notes(limits, ten_gigabit)[0]
    assert notes(limits, PlannedPace(connections=10, bandwidth=1_250_000_000)) == []
    assert connections_needed(profiles.load("scaleway").limits, ten_gigabit) is None


def test_a_bucket_that_gets_too_full_is_told() -> None:
    limits = profiles.load("outscale").limits
    (told,) = crowded(limits, {"full": 10_000_001, "other": 10_000_000})
    assert "bucket full would hold 10000001 objects" in told
    assert crowded(profiles.load("scaleway").limits, {"full": 10**9}) == []


@pytest.mark.slow
@given(any_limits(), paces, st.integers(0, 10**9), st.integers(0, 10**6))
def test_no_forecast_is_faster_than_the_target_allows(
    limits: TargetLimits, pace: PlannedPace, size: int, requests: int
) -> None:
    assume(limits.writes_per_second is not None)
    seconds = seconds_at_least(limits, pace, size=size, writes={"b": requests, "c": 1}, reads={})
    assert seconds * (limits.writes_per_second or 0) >= requests * (1 - 1e-9)
