"""What people are told when a large object goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdh_migrate.errors import Exit
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
