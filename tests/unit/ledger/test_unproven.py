"""What the target may hold of objects that are not verified, and nobody has read."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdh_migrate.errors import Exit
from tests.support.script import Killed, Point
from tests.support.world import World


def test_what_a_killed_attempt_left_may_be_at_the_target(tmp_path: Path) -> None:
    world = World(tmp_path)
    for key in ("a", "b", "c"):
        world.source.put("src", key, key.encode())
    world.kill_at(Point("put", 2, "after"))
    with pytest.raises(Killed):
        world.run()

    assert world.target.head("dst", "t/b.c4gh") is not None
    assert "b" in unproven(world)
    assert unproven(world, limit=1) == unproven(world), "portion by portion, it is the same"

    assert world.run() is Exit.OK
    assert unproven(world) == []


def unproven(world: World, limit: int = 10) -> list[str]:
    ledger, found = world.open(), list[str]()
    try:
        (row,) = ledger.datasets()
        after = 0
        while some := ledger.unproven(row.id, after, limit):
            found += [key for _, key in some]
            after, _ = some[-1]
        return found
    finally:
        ledger.close()
