"""All versions of a name, killed at every call of every port: their order and every byte after it.

A version that an attempt left which was cut off stands right before the one that counts, with the
same content, and a note tells how many there are.
"""

from __future__ import annotations

import random
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.model import Place, State
from hdh_migrate.model.naming import name_in, version_key
from tests.support.corpus import noise
from tests.support.script import Killed, Point
from tests.support.versioned import VersionedTarget
from tests.support.world import BIG, SEGMENT, SMALL, Dataset, World

DATASET = Dataset(
    name="d", batch="b", source=Place(bucket="src", every_version=True),
    target=Place(bucket="dst", prefix="t/"),
)  # fmt: skip
VERSIONS = {
    "large": [(2, "versionid", BIG), (3, "snapshot", 40), (5, "versionid", BIG + 9)],
    "name": [(2, "versionid", 10), (3, "versionid", 0), (4, "snapshot", 3000), (9, "versionid", 7)],
    "single": [(4, "versionid", SEGMENT)],
}
SEED = 20_261_126
DOUBLE_KILLS = 60


def filled(folder: Path) -> World:
    world = World(folder, (DATASET,))
    world.target = VersionedTarget("dst", limits=SMALL, script=world.script)
    world.target.loses_upload_tags = True
    for name, versions in VERSIONS.items():
        for day, form, size in versions:
            key = version_key(name, f"2024-01-{day:02}T03:04:05.1234567Z;{form}")
            world.source.put("src", key, noise(key, size), tags={"day": str(day)})
    return world


def ending(world: World) -> dict[str, Any]:
    """Return what must be the same however often a run was killed; check what must hold."""
    target, records = world.target, world.records()
    assert isinstance(target, VersionedTarget)
    opened: dict[str, list[bytes]] = {}
    twice = 0
    for stored_key, bodies in target.held("dst").items():
        name = stored_key.removeprefix("t/").removesuffix(".c4gh")
        found = [unsealed(world, body) for body in bodies]
        opened[name] = [data for data, _ in groupby(found)]
        twice += len(found) - len(opened[name])
    ledger = world.open()
    try:
        told = {found["code"]: found["detail"] for found in ledger.findings()}
        order = {name: [one.version_id for one, _ in ledger.named(1, name)] for name in VERSIONS}
    finally:
        ledger.close()
    for ids in order.values():
        assert ids == sorted(ids, key=lambda one: int(str(one)[1:])), order
    assert int(told.pop("version-twice", "0 versions").partition(" ")[0]) == twice
    return {
        "opened": opened,
        "states": {name: (one["state"], one["sha256"]) for name, one in records.items()},
        "findings": told,
        "uploads": target.uploads(),
    }


def unsealed(world: World, body: bytes) -> bytes:
    sizes = {size for some in VERSIONS.values() for _, _, size in some}
    (size,) = {size for size in sizes if world.envelopes.sealed_size(size) == len(body)}
    out = bytearray()
    unsealer = world.envelopes.unsealer(size=size, write=out.extend)
    unsealer.write(body)
    unsealer.close()
    return bytes(out)


def uninterrupted(folder: Path, *, watched: bool) -> tuple[list[Point], dict[str, Any]]:
    world = filled(folder)
    if watched:
        world.watch()
    assert world.run() is Exit.OK
    end = ending(world)
    assert end["opened"] == {
        name: [
            noise(version_key(name, f"2024-01-{day:02}T03:04:05.1234567Z;{form}"), size)
            for day, form, size in versions
        ]
        for name, versions in VERSIONS.items()
    }
    assert {state for state, _ in end["states"].values()} == {State.VERIFIED}
    assert len(end["states"]) == sum(map(len, VERSIONS.values()))
    assert {name_in(key.removeprefix("d/")) for key in end["states"]} == set(VERSIONS)
    return world.script.points(), end


@pytest.mark.slow
def test_killed_at_any_call_the_order_and_every_byte_are_right(tmp_path: Path) -> None:
    points, expected = uninterrupted(tmp_path / "clean", watched=True)
    assert len(points) > 60
    left = 0
    for number, point in enumerate(points):
        world = filled(tmp_path / str(number))
        world.kill_at(point)
        with pytest.raises(Killed):
            world.run()
        world.run()
        end = ending(world)
        assert end == expected, str(point)
        target = world.target
        assert isinstance(target, VersionedTarget)
        left += sum(map(len, target.held("dst").values())) - sum(map(len, VERSIONS.values()))
    assert left  # some kills came when the bytes had arrived and nobody knew


@pytest.mark.slow
def test_killed_twice_the_order_and_every_byte_are_right(tmp_path: Path) -> None:
    points, expected = uninterrupted(tmp_path / "clean", watched=False)
    dice = random.Random(SEED)
    for number in range(DOUBLE_KILLS):
        world = filled(tmp_path / str(number))
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
