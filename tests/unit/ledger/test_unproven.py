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
    assert unproven(world, begun=True) >= 2, "a row may wait for what says that it is verified"
    assert unproven(world, begun=False) == 0

    assert world.run() is Exit.OK
    assert unproven(world, begun=True) == 0


def unproven(world: World, *, begun: bool) -> int:
    ledger = world.open()
    try:
        return sum(ledger.unproven(row.id, begun=begun) for row in ledger.datasets())
    finally:
        ledger.close()
