"""Tags and names of metadata, compared name by name and value by value."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdh_migrate.errors import AccessDenied, Exit, Throttled
from hdh_migrate.model import Step
from tests.support.world import BIG, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_tags_that_a_host_drops_and_will_not_take_later_are_a_finding(world: World) -> None:
    world.target.loses_upload_tags, world.target.keeps_tags = True, False
    world.source.put("src", "big", b"b" * BIG, tags={"a": "1", "b": "2"})
    assert world.run() is Exit.FINDINGS
    assert world.findings() == [("tags-lost", "big")]


def test_a_host_that_may_not_be_asked_for_tags_is_not_believed(world: World) -> None:
    world.source.put("src", "one", b"1", tags={"a": "1"})
    world.source.put("src", "two", b"2")
    world.target.script.always("tags", AccessDenied("an object's tags: AccessDenied (HTTP 403)"))
    assert world.run() is Exit.FINDINGS
    assert world.findings() == [("tags-unshown", "one")]


def test_a_busy_host_is_asked_again_for_its_tags(world: World) -> None:
    world.source.put("src", "one", b"1", tags={"a": "1"})
    world.target.script.fail("tags", Throttled("slow down"), Throttled("slow down"))
    assert world.run() is Exit.OK
    assert world.findings() == []


@pytest.mark.parametrize("level", ["full", "stored", "head"])
def test_tags_are_compared_at_every_level(tmp_path: Path, level: str) -> None:
    world = World(tmp_path, level=level)
    world.source.put("src", "one", b"1", tags={"a": "1"})
    world.run((Step.INVENTORY, Step.TRANSFER))
    stored = world.target.head("dst", "t/one.c4gh")
    assert stored is not None
    world.target.tag("dst", stored, {"a": "2"})
    assert world.run() is Exit.FINDINGS
    assert world.findings() == [("tags-lost", "one")]
