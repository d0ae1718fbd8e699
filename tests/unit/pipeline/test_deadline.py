"""A batch that will not be verified by its day is told of once, as soon as the pace shows it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hdh_migrate.clocks import seconds_of, text_of_seconds
from hdh_migrate.errors import Exit, TooEarly
from hdh_migrate.events.course import BatchLate
from hdh_migrate.hours.weekly import hours_of_a_week
from hdh_migrate.hours.windows import Windows
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Place, Step
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.deadline import MEASURED_MIN, DueWatch, settle
from hdh_migrate.pipeline.pace.course import FreeCourse
from hdh_migrate.pipeline.runner import BatchOrder, Runner
from tests.support.world import Dataset, World

OBJECTS = 600


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    for number in range(OBJECTS):
        made.source.put("src", f"k{number:04}", b"x")
    made.run((Step.INVENTORY,))
    return made


class Nights(FreeCourse):
    """Work goes on by night alone."""

    def ends(self, start: float, seconds: float) -> float | None:
        week = hours_of_a_week("daily 20:00-06:00")
        return Windows(zone="UTC", week=week).after(start, seconds)


def work(world: World, ledger: SqliteLedger, seconds: float) -> None:
    """Let a transfer pass, of which one object a second is measured."""
    began = world.clock.seconds
    while world.clock.seconds - began < seconds:
        done = int(world.clock.seconds - began)
        ledger.sample("b", Step.TRANSFER, done, done)


def due_in(ctx: Context, world: World, seconds: float) -> Context:
    return replace(ctx, due={"b": seconds_of(world.clock.now()) + seconds})


def notes(ledger: SqliteLedger) -> list[str]:
    return [one["detail"] for one in ledger.findings() if one["code"] == "batch-late"]


def test_it_is_told_once_and_only_when_enough_was_measured(world: World) -> None:
    ledger = world.open()
    ctx = due_in(world.context(ledger), world, OBJECTS)  # they take a second each, twice
    work(world, ledger, MEASURED_MIN / 4)
    DueWatch(ctx, "b").look()
    assert notes(ledger) == []
    work(world, ledger, 2 * MEASURED_MIN)
    for _ in range(3):
        DueWatch(ctx, "b").look()
    (told,) = notes(ledger)
    due = text_of_seconds(ctx.due["b"])
    assert told.startswith(f"batch b is to be verified by {due[:16]}Z; at the measured pace")
    (event,) = [one for _, one in ledger.events(BatchLate)]
    assert event.due == due
    assert event.expected is not None
    assert seconds_of(event.expected) > ctx.due["b"]
    assert told in world.notes.lines
    ledger.close()


def test_a_batch_that_will_be_in_time_is_not_told_of(world: World) -> None:
    ledger = world.open()
    ctx = due_in(world.context(ledger), world, 10 * OBJECTS)
    work(world, ledger, 3 * MEASURED_MIN)
    DueWatch(ctx, "b").look()
    DueWatch(replace(ctx, due={}), "b").look()
    assert notes(ledger) == []
    ledger.close()


def test_hours_in_which_nothing_may_move_count_as_well(world: World) -> None:
    """It is midnight: what takes seven hours ends at six, and the rest of it in the evening."""
    ledger = world.open()
    ctx = replace(due_in(world.context(ledger), world, 8 * 3600), course=Nights())
    work(world, ledger, 3 * MEASURED_MIN)
    DueWatch(ctx, "b").look()
    assert notes(ledger) == []  # twenty minutes of work
    late = replace(ctx, due={"b": seconds_of("2026-11-23T20:10:00Z")})
    world.clock.seconds = 5.9 * 3600
    DueWatch(late, "b").look()
    assert len(notes(ledger)) == 1
    ledger.close()


@pytest.mark.slow
def test_it_is_taken_back_when_all_is_verified_in_time(world: World) -> None:
    ledger = world.open()
    ctx = due_in(world.context(ledger), world, OBJECTS)
    work(world, ledger, 2 * MEASURED_MIN)
    DueWatch(ctx, "b").look()
    settle(ctx, "b")
    assert len(notes(ledger)) == 1  # nothing is verified yet
    ledger.close()
    world.run()
    ledger = world.open()
    settle(replace(ctx, ledger=ledger), "b")
    assert len(notes(ledger)) == 1  # it was, but too late
    settle(due_in(replace(ctx, ledger=ledger), world, 5.0), "b")
    assert notes(ledger) == []
    ledger.close()


# --- batches before their day ---------------------------------------------------------------------

TWO = [
    Dataset(name="n", batch="now", source=Place(bucket="n"), target=Place(bucket="t", prefix="n/")),
    Dataset(
        name="l", batch="later", source=Place(bucket="l"), target=Place(bucket="t", prefix="l/")
    ),
]


@pytest.fixture
def two(tmp_path: Path) -> World:
    made = World(tmp_path, TWO)
    for name in ("n", "l"):
        made.source.put(name, "k", b"x")
    return made


def run(world: World, ahead: float, *selected: str) -> tuple[Exit, Runner]:
    """Run with a day of the second batch so many seconds ahead."""
    ledger = world.open()
    day = seconds_of(world.clock.now()) + ahead
    batches = [
        BatchOrder(name="now", needs=()),
        BatchOrder(name="later", needs=(), not_before=day),
    ]
    runner = Runner(world.context(ledger), batches, renewed=lambda: None)
    try:
        return runner.run(list(Step), selected), runner
    finally:
        ledger.close()


def test_a_batch_is_not_moved_before_its_day_and_others_are(two: World) -> None:
    code, runner = run(two, 100_000.0)
    assert code is Exit.STOPPED
    assert runner.early is not None
    assert sorted(two.records()) == ["n/k"]
    assert any("batch later is not to be moved before 2026-11-24" in one for one in two.notes.lines)
    assert [code for code, _ in two.findings()] == ["batch-held-back"]
    assert run(two, -1.0)[0] is Exit.OK
    assert sorted(two.records()) == ["l/k", "n/k"]
    assert two.findings() == []


def test_where_there_is_no_other_it_is_refused_before_anything_is_listed(two: World) -> None:
    with pytest.raises(TooEarly, match="batch later: not to be moved before") as refused:
        run(two, 100_000.0, "later")
    assert refused.value.exit_code is Exit.REFUSED
    assert two.records() == {}
