"""Kill a run at every call of every port, run it again, compare with a run that was not killed."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import Exit
from tests.support.corpus import EXCLUDED, ending, filled
from tests.support.script import Killed, Point
from tests.support.world import ONE, Dataset

DATASET = Dataset(
    name=ONE[0].name,
    batch=ONE[0].batch,
    source=ONE[0].source,
    target=ONE[0].target,
    exclude=("tmp/**",),
)
SEED = 20_261_123
DOUBLE_KILLS = 60


def uninterrupted(folder: Path, *, watched: bool) -> dict[str, Any]:
    world = filled(folder, DATASET)
    if watched:
        world.watch()
    assert world.run() is Exit.FINDINGS  # the symlink
    calls = world.script.points()
    end = ending(world)
    assert end["uploads"] == []
    assert [tags for tags in end["tags"].values() if tags] == [{"t": "2", "u": "3"}, {"t": "1"}]
    assert len(end["plain"]) == 6
    assert not any(EXCLUDED in key for key in end["keys"])
    return {"points": calls, **end}


@pytest.mark.slow
def test_a_run_killed_at_any_call_and_run_again_ends_like_one_that_was_not(
    tmp_path: Path,
) -> None:
    expected = uninterrupted(tmp_path / "clean", watched=True)
    points = expected.pop("points")
    assert len(points) > 40
    wrong = {}
    for number, point in enumerate(points):
        world = filled(tmp_path / str(number), DATASET)
        world.kill_at(point)
        with pytest.raises(Killed):
            world.run()
        world.run()
        if (end := ending(world)) != expected:
            wrong[str(point)] = {k: end[k] for k in end if end[k] != expected[k]}
    assert wrong == {}


@pytest.mark.slow
def test_a_run_killed_twice_ends_like_one_that_was_not(tmp_path: Path) -> None:
    expected = uninterrupted(tmp_path / "clean", watched=False)
    points: list[Point] = expected.pop("points")
    dice = random.Random(SEED)
    for number in range(DOUBLE_KILLS):
        world = filled(tmp_path / str(number), DATASET)
        first = dice.choice(points)
        world.kill_at(first)
        with pytest.raises(Killed):
            world.run()
        method = dice.choice([point.method for point in points])
        again = Point(method, world.script.calls[method] + dice.randint(1, 3), first.when)
        world.kill_at(again)
        try:
            world.run()
        except Killed:
            world.run()
        assert ending(world) == expected, f"{first}, then {again}"
