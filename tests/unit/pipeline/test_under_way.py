"""The journal tells how far large objects are, and a pace counts their bytes where they passed."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.events.objects import ObjectsSent, ObjectsUnderWay
from hdh_migrate.evidence.lines.facts import StepPace
from hdh_migrate.pipeline.pace.under_way import UnderWay
from hdh_migrate.session.views.facts import step_paces
from tests.support.quiet import FakeClock
from tests.support.script import Killed, Point
from tests.support.world import SEGMENT, World

PARTS = 40
LONG = PARTS * 2 * SEGMENT
"""Bytes of an object that takes many parts, and so many seconds of a clock that ticks."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.source.put("src", "scan.dcm", b"1" * LONG)
    return made


def told(world: World, step: str = "transfer") -> list[tuple[int, int]]:
    ledger = world.open()
    try:
        return [
            pair
            for _, event in ledger.events(ObjectsUnderWay)
            if event.step == step
            for pair in zip(event.ids, event.bytes, strict=True)
        ]
    finally:
        ledger.close()


def paces(world: World) -> dict[str, StepPace]:
    ledger = world.open()
    try:
        return {pace.step: pace for pace in step_paces(ledger)}
    finally:
        ledger.close()


def test_a_large_object_counts_over_the_time_that_it_took(world: World) -> None:
    assert world.run() is Exit.OK

    pace = paces(world)["transfer"]
    sizes = [one.bytes for one in pace.bins]
    assert sum(sizes) == LONG
    assert sum(one.objects for one in pace.bins) == 1
    assert pace.bins[-1].objects == 1  # it is acknowledged once, at its end
    assert sum(size > 0 for size in sizes) > 5
    assert max(sizes) < LONG / 4
    assert pace.started < pace.ended


def test_no_more_is_told_than_the_object_holds_and_none_of_it_twice(world: World) -> None:
    assert world.run() is Exit.OK
    sizes = [size for _, size in told(world)]
    assert 0 not in sizes
    assert 0 < sum(sizes) <= LONG


@pytest.mark.parametrize("part", [2, 20, PARTS])
def test_what_goes_on_after_a_kill_counts_where_it_passed(world: World, part: int) -> None:
    world.kill_at(Point("put_part", part, "before"))
    with pytest.raises(Killed):
        world.run()
    before = told(world)
    world.clock.seconds += 3600.0  # nobody is at work for an hour

    assert world.run() is Exit.OK

    pace = paces(world)["transfer"]
    assert sum(one.bytes for one in pace.bins) == LONG
    early = sum(size for _, size in before)
    assert sum(one.bytes for one in pace.bins[:30]) == early
    if part == 20:
        assert early > LONG / 4


@pytest.mark.slow
def test_what_passed_of_an_attempt_that_came_to_nothing_does_not_count(world: World) -> None:
    world.kill_at(Point("put_part", 20, "before"))
    with pytest.raises(Killed):
        world.run()
    world.target.forget_uploads()
    world.clock.seconds += 3600.0

    assert world.run() is Exit.OK

    assert told(world)[0][1] > 0
    assert 0 in [size for _, size in told(world)]
    pace = paces(world)["transfer"]
    assert sum(one.bytes for one in pace.bins) == LONG
    assert sum(one.bytes for one in pace.bins[:30]) == 0


@pytest.mark.slow
def test_it_is_told_so_seldom_that_a_month_needs_no_more_than_an_afternoon(tmp_path: Path) -> None:
    world = World(tmp_path)
    ledger, clock = world.open(), FakeClock(tick=0.0)
    one = UnderWay(ledger, clock, "transfer")
    for _ in range(30 * 1440):  # a minute each
        clock.seconds += 60.0
        one.more(7, 10)
        one.look()
    events = [event for _, event in ledger.events(ObjectsUnderWay)]
    assert len(events) < 1500
    assert sum(size for event in events for size in event.bytes) > 30 * 1440 * 10 * 0.98
    ledger.close()


def test_what_was_told_is_known_to_the_next_run(tmp_path: Path) -> None:
    world = World(tmp_path)
    ledger, clock = world.open(), FakeClock(tick=0.0)
    first = UnderWay(ledger, clock, "transfer")
    first.anew(7)
    first.more(7, 10)
    clock.seconds += 5
    first.look()
    ledger.commit()
    ledger.close()
    ledger = world.open()
    second = UnderWay(ledger, clock, "transfer")
    second.anew(7)
    second.anew(8)
    UnderWay(ledger, clock, "verify").anew(7)
    events = [(event.step, event.ids, event.bytes) for _, event in ledger.events(ObjectsUnderWay)]
    assert events == [("transfer", (7,), (10,)), ("transfer", (7,), (0,))]
    ledger.close()


def test_what_is_read_back_is_told_as_it_is_read(tmp_path: Path) -> None:
    world = World(tmp_path)
    ledger, clock = world.open(), FakeClock(tick=0.0)
    one = UnderWay(ledger, clock, "verify")
    for number in (3, 4):
        one.more(number, 10)
    clock.seconds += 5
    one.look()
    one.look()
    one.more(3, 5)
    one.ended(3)  # the rest counts where it ends
    one.more(4, 6)
    clock.seconds += 5
    one.look()
    events = [(event.ids, event.bytes) for _, event in ledger.events(ObjectsUnderWay)]
    assert events == [((3, 4), (10, 10)), ((4,), (6,))]
    ledger.close()


def test_an_older_ledger_tells_nothing_of_it(world: World) -> None:
    assert world.run() is Exit.OK
    ledger = world.open()
    with ledger.whole():
        ledger._con.execute("DELETE FROM event WHERE kind = 'under-way'")
    (pace, _) = step_paces(ledger)
    assert [one.bytes for one in pace.bins if one.bytes] == [LONG]
    assert [at for at, _ in ledger.events(ObjectsSent)] == [pace.started]
    ledger.close()
