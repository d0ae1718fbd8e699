"""What people are told when a large object goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.events.objects import SendingAgain
from tests.support.script import Killed, Point
from tests.support.world import BIG, World


@pytest.mark.parametrize(
    ("point", "told"),
    [
        (Point("put_part", 3, "before"), "resumed a large object at part 3 of 3"),
        (Point("complete", 1, "before"), "resumed a large object of which all 3 parts had arrived"),
    ],
)
def test_no_part_is_told_of_that_there_is_not(tmp_path: Path, point: Point, told: str) -> None:
    world = World(tmp_path)
    world.source.put("src", "scan.dcm", b"1" * BIG)
    world.kill_at(point)
    with pytest.raises(Killed):
        world.run()

    assert world.run() is Exit.OK

    assert [note for note in world.notes.lines if "resumed" in note] == [told]


def told_again(world: World) -> list[tuple[int, int]]:
    ledger = world.open()
    try:
        return [(one.unacknowledged, one.going_on) for _, one in ledger.events(SendingAgain)]
    finally:
        ledger.close()


def test_the_journal_tells_how_many_objects_were_sent_again_after_a_kill(tmp_path: Path) -> None:
    world = World(tmp_path)
    for name in "abc":
        world.source.put("src", name, b"1" * 300)
    world.source.put("src", "scan.dcm", b"1" * BIG)
    world.kill_at(Point("put", 2, "after"))
    with pytest.raises(Killed):
        world.run()
    world.kill_at(Point("put_part", 3, "before"))
    with pytest.raises(Killed):
        world.run()

    assert world.run() is Exit.OK

    (first, second) = told_again(world)
    assert first[0] >= 1
    assert second[1] == 1
    assert world.run() is Exit.OK
    assert told_again(world) == [first, second]  # nothing was under way any more
