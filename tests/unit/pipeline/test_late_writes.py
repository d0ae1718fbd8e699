"""A write of a killed run that lands when another attempt is verified, and whose data key is gone.

Where headers are detached nobody opens it, and where the host keeps neither conditions nor versions
it stands in place of what was verified.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import Conflict, Exit
from hdh_migrate.ledger import database
from hdh_migrate.model import State
from hdh_migrate.pipeline.looks.look_again import Choice, LookAgain
from tests.support.fakes import FakeTarget
from tests.support.script import Killed, Point
from tests.support.world import SMALL, World
from tests.unit.pipeline.test_header_packs import demand_open, detached


@pytest.fixture(autouse=True)
def without_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill here copies files that were written; whether they reached the disk is not tried."""
    pragmas = (*database._PRAGMAS, "PRAGMA synchronous = OFF")
    monkeypatch.setattr(database, "_PRAGMAS", pragmas)


class Unconditional(FakeTarget):
    """Ignores every condition on a write."""

    def _condition(self, bucket: str, key: str, replaces: str | None) -> None:
        del bucket, key, replaces


def overtaken(folder: Path, *, conditional: bool) -> tuple[World, Callable[[], object]]:
    """Return a world that is verified after a run was killed, and what lets that run's write land.

    It was on its way when the run was killed.
    """
    world = World(folder)
    if not conditional:
        limits = replace(SMALL, conditional_put=False)
        world.target = Unconditional("dst", limits=limits, script=world.script)
    world.envelopes = detached()
    for name, body in (("a", b"a" * 1000), ("empty", b""), ("big", b"b" * 20)):
        world.source.put("src", name, body)
    put, kept = world.target.put, list[Callable[[], object]]()

    def sent(bucket: str, key: str, body: memoryview, **more: Any) -> object:
        if key != "t/a.c4gh" or kept:
            return put(bucket, key, body, **more)
        late = bytes(body)
        kept.append(lambda: put(bucket, key, memoryview(late), **more))
        world.kill_at(Point("put", world.script.calls["put"] + 1, "before"))
        return put(bucket, key, body, **more)

    world.target.put = sent  # type: ignore[method-assign, assignment]
    with pytest.raises(Killed):
        world.run()
    assert world.run() is Exit.OK
    demand_open(world)
    return world, kept[0]


def test_a_late_write_meets_the_condition(tmp_path: Path) -> None:
    world, land = overtaken(tmp_path, conditional=True)
    with pytest.raises(Conflict):
        land()
    demand_open(world)


@pytest.mark.parametrize("level", ["head", "stored", "full"])
def test_without_conditions_it_is_seen_by_any_look_and_sent_again(
    tmp_path: Path, level: str
) -> None:
    world, land = overtaken(tmp_path, conditional=False)
    land()

    ledger = world.open()
    story = LookAgain(world.context(ledger), "b", Choice(level=level), user="ops@here")
    found = story.run()
    ledger.close()

    assert found.differs
    assert world.states()["d/a"] is State.LISTED
    assert world.run() is Exit.OK
    demand_open(world)
