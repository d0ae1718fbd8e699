"""Header packs: what opens objects without a header of their own, made of the ledger's rows."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import Exit, NoSpace, UnsealFailed
from hdh_migrate.ledger import database
from hdh_migrate.model import HEADER_PACKS, State, Step
from hdh_migrate.pipeline.own_files.folder_packs import FolderPacks
from hdh_migrate.pipeline.packed import FORMAT
from hdh_migrate.pipeline.runner import Wishes
from hdh_migrate.sealing.detached import DetachedEnvelopes
from hdh_migrate.sealing.hybrid import HybridPrivateKey
from hdh_migrate.sealing.segment_envelope import Crypt4ghEnvelope
from tests.support.narrow import files_of_at_most
from tests.support.script import Killed
from tests.support.world import BIG, ONE, World

STEWARD, ESCROW = (HybridPrivateKey(os.urandom(32), protected=False) for _ in range(2))
SMALL_SIZE = 1000


@pytest.fixture(autouse=True)
def without_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill here copies files that were written; whether they reached the disk is not tried."""
    pragmas = (*database._PRAGMAS, "PRAGMA synchronous = OFF")
    monkeypatch.setattr(database, "_PRAGMAS", pragmas)


def detached(opener: HybridPrivateKey = STEWARD) -> DetachedEnvelopes:
    return DetachedEnvelopes([STEWARD.public, ESCROW.public], opener)


def filled(folder: Path, big: int = BIG) -> World:
    world = World(folder)
    world.envelopes = detached()
    world.source.put("src", "a", b"a" * SMALL_SIZE)
    world.source.put("src", "empty", b"")
    world.source.put("src", "big", os.urandom(1) * big)
    return world


def packs(world: World, opener: HybridPrivateKey = STEWARD) -> dict[str, dict[str, Any]]:
    """Return every line of the packs at the target, by key; with nothing but a steward's key."""
    found = dict[str, dict[str, Any]]()
    for name, record in world.records().items():
        if not record["key"].startswith(HEADER_PACKS):
            continue
        assert record["state"] is State.VERIFIED, name
        out = bytearray()
        unsealer = detached(opener).own.unsealer(size=record["size"], write=out.extend)
        unsealer.write(world.target.data("dst", ONE[0].route.target_key(record["key"])))
        unsealer.close()
        head, *lines = bytes(out).splitlines()
        assert json.loads(head) == {"bucket": "dst", "dataset": "d", "format": FORMAT}
        found |= {line["key"]: line for line in map(json.loads, lines)}
    return found


def opened(world: World, line: dict[str, Any]) -> bytes:
    """Open a body with what a pack says of it, and nothing else."""
    sealed = world.target.data("dst", line["target_key"])
    assert len(sealed) == line["sealed"]
    envelope = Crypt4ghEnvelope(b"", base64.b64decode(line["data_key"]), front=b"")
    out = bytearray(line["length"])
    done = envelope.unseal_into(memoryview(sealed), 0, final=True, out=memoryview(out))
    assert done == line["length"]
    return bytes(out)


def demand_open(world: World) -> None:
    """Demand that the target and one steward's key give back everything."""
    for key in (STEWARD, ESCROW):
        lines = packs(world, key)
        assert lines.keys() == {"a", "empty", "big"}
        for name, line in lines.items():
            assert opened(world, line) == world.source.data("src", name)


def test_bodies_are_alone_and_packs_open_them(tmp_path: Path) -> None:
    world = filled(tmp_path)
    assert world.run() is Exit.OK
    assert len(world.target.data("dst", "t/a.c4gh")) == SMALL_SIZE + 28
    assert world.target.data("dst", "t/empty.c4gh") == b""
    demand_open(world)
    sent = world.script.calls["put"]
    assert world.run() is Exit.OK  # and nothing is sent again
    assert world.script.calls["put"] == sent


def test_no_data_key_is_in_the_ledger_or_with_the_objects(tmp_path: Path) -> None:
    world = filled(tmp_path)
    assert world.run() is Exit.OK
    keys = [base64.b64decode(line["data_key"]) for line in packs(world).values()]
    assert len(set(keys)) == len(keys)
    held = world.path.read_bytes() + b"".join(
        world.target.data("dst", ONE[0].route.target_key(record["key"]))
        for record in world.records().values()
    )
    for key in keys:
        assert key not in held
        assert base64.b64encode(key) not in held


def test_an_object_that_is_sent_again_has_a_new_header_in_a_new_pack(tmp_path: Path) -> None:
    world = filled(tmp_path)
    assert world.run() is Exit.OK
    before = packs(world)
    world.source.put("src", "a", b"other")
    assert world.run(wishes=Wishes(refresh=True)) is Exit.OK
    after = packs(world)
    assert after["a"]["data_key"] != before["a"]["data_key"]
    assert after["big"] == before["big"]
    demand_open(world)


@pytest.mark.slow
def test_a_run_killed_at_any_call_ends_with_everything_open(tmp_path: Path) -> None:
    clean = filled(tmp_path / "clean")
    clean.watch()
    assert clean.run() is Exit.OK
    for number, point in enumerate(clean.script.points()):
        world = filled(tmp_path / str(number))
        world.kill_at(point)
        with pytest.raises(Killed):
            world.run()
        assert world.run() is Exit.OK, point
        demand_open(world)
        assert set(world.states().values()) == {State.VERIFIED}


@pytest.mark.parametrize("how", ["a bit", "another file", "nothing"])
def test_a_pack_that_is_not_as_it_was_sent_is_found(tmp_path: Path, how: str) -> None:
    world = filled(tmp_path)
    assert world.run((Step.INVENTORY, Step.TRANSFER)) is Exit.OK
    (key,) = (r["key"] for r in world.records().values() if r["key"].startswith(HEADER_PACKS))
    target_key = ONE[0].route.target_key(key)
    if how == "a bit":
        world.target.spoil("dst", target_key, 3000)
    elif how == "another file":
        world.target.keep("dst", target_key, world.target.data("dst", "t/big.c4gh"))
    else:
        world.target.drop("dst", target_key)
    assert world.run((Step.VERIFY,)) is Exit.VERIFICATION_FAILED
    assert world.states()[f"d/{key}"] is State.FAILED


def test_a_header_that_is_lost_from_the_ledger_is_an_object_that_does_not_open(
    tmp_path: Path,
) -> None:
    world = filled(tmp_path)
    assert world.run((Step.INVENTORY, Step.TRANSFER)) is Exit.OK
    ledger = world.open()
    ledger._do("DELETE FROM header WHERE object = (SELECT id FROM object WHERE key = ?)", (b"a",))
    ledger.commit()
    ledger.close()
    assert world.run((Step.VERIFY,)) is Exit.VERIFICATION_FAILED
    assert world.states()["d/a"] is State.FAILED


def test_a_full_disk_of_the_second_copy_is_no_lack_of_rights(tmp_path: Path) -> None:
    world = filled(tmp_path)
    assert world.run() is Exit.OK
    ledger, keeping = world.open(), FolderPacks(tmp_path / "copies")
    try:
        ctx = world.context(ledger)
        with files_of_at_most(16), pytest.raises(NoSpace, match="second copy") as full:
            keeping.copy(ctx, ONE[0].batch)
        assert full.value.exit_code is Exit.STOPPED
        assert keeping.copy(ctx, ONE[0].batch) == 1
    finally:
        ledger.close()


def test_another_stewards_header_does_not_open(tmp_path: Path) -> None:
    made = detached().new()
    stranger = HybridPrivateKey(os.urandom(32), protected=False)
    with pytest.raises(UnsealFailed):
        DetachedEnvelopes([stranger.public], stranger).open(made.header)
