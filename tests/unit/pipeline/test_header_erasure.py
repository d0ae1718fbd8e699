"""What an erasure must find: packs that no list of versions has, and headers of before."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdh_migrate.errors import Exit, SwitchHeld, TargetDiffers
from hdh_migrate.folders import PARTIAL
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import HEADER_PACKS, WRAPPED
from hdh_migrate.pipeline.own_files.folder_packs import FolderPacks
from hdh_migrate.pipeline.rotation.header_erasure import HeaderErasure
from hdh_migrate.pipeline.rotation.packs_anew import PacksAnew
from hdh_migrate.pipeline.runner import Wishes
from tests.support.world import ONE, World
from tests.unit.pipeline.test_header_packs import filled

PACKS = f"t/{HEADER_PACKS}"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world whose packs are at the target."""
    world = filled(tmp_path)
    assert world.run() is Exit.OK
    return world


def wrapped(ledger: SqliteLedger) -> set[bytes]:
    """Return what every header of a ledger wraps."""
    return {one.header[-WRAPPED:] for one in ledger.kept_headers(0, 1000)}


def test_packs_go_that_the_list_of_versions_does_not_show(world: World, tmp_path: Path) -> None:
    """A bucket that keeps none may list none: what is current was taken for gone."""
    (tmp_path / "copies").mkdir()
    ledger = world.open()
    (dataset,) = ledger.datasets()
    assert list(world.target.versions(ONE[0].target)) == []

    erasure = HeaderErasure(
        world.context(ledger), dataset, tmp_path / "copies", demand_free=lambda: None
    )

    assert erasure.run() == {}
    assert not [one for one in world.target._buckets["dst"] if one.startswith(PACKS)]
    ledger.close()


def test_a_pack_that_no_list_shows_yet_goes_all_the_same(world: World, tmp_path: Path) -> None:
    """Lists of some hosts are late: it stayed, and all of them were said to be gone."""
    (tmp_path / "copies").mkdir()
    ledger = world.open()
    (dataset,) = ledger.datasets()
    keys = world.target.keys
    world.target.keys = lambda place: (  # type: ignore[method-assign]
        one for one in keys(place) if not one.key.startswith(PACKS)
    )

    erasure = HeaderErasure(
        world.context(ledger), dataset, tmp_path / "copies", demand_free=lambda: None
    )

    assert erasure.run() == {}
    assert not [one for one in world.target._buckets["dst"] if one.startswith(PACKS)]
    ledger.close()


def test_headers_that_others_took_the_place_of_are_overwritten_too(world: World) -> None:
    """They opened an earlier attempt, or opened for a key that was replaced."""
    ledger = world.open()
    ever = wrapped(ledger)
    ledger.close()
    world.source.put("src", "a", b"corrected")
    world.run(wishes=Wishes(refresh=True))
    ledger = world.open()
    (dataset,) = ledger.datasets()
    before, now = ever, wrapped(ledger)
    assert before - now

    ledger.erase_headers(dataset.id)

    for path in world.path.parent.glob("ledger.db*"):
        assert not [one for one in before | now if one in path.read_bytes()], path.name
    ledger.close()


def test_a_pack_that_is_lost_at_both_places_is_made_anew(world: World, tmp_path: Path) -> None:
    """Sealing anew could not end, and every verb that could have mended it waited for that."""
    copies = FolderPacks(tmp_path / "copies")
    ledger = world.open()
    ctx = world.context(ledger)
    ctx.packs = copies
    (dataset,) = ledger.datasets()
    copies.copy(ctx, dataset.batch)
    (name,) = [one for one in world.target._buckets["dst"] if one.startswith(PACKS)]
    (copy,) = [one for one in copies.folder.rglob("*") if one.is_file()]
    world.target.spoil("dst", name, 5)
    copy.unlink()

    PacksAnew(ctx, dataset.batch).renew_all()

    copies.demand(ctx, dataset.batch)
    assert copy.read_bytes() == world.target.data("dst", name)
    ledger.close()


def test_what_a_kill_left_of_a_copy_is_no_pack_that_does_not_open(
    world: World, tmp_path: Path
) -> None:
    """`adopt` said of it that what only it opens would be sent anew."""
    copies = FolderPacks(tmp_path / "copies")
    ledger = world.open()
    ctx = world.context(ledger)
    (dataset,) = ledger.datasets()
    copies.copy(ctx, dataset.batch)
    (copies.folder / dataset.name / f"{PARTIAL}x").write_bytes(b"half of it")

    assert copies.learn(ctx, dataset) == 0
    ledger.close()


def test_who_holds_it_while_the_source_is_listed_is_heard_before_it_is_told(
    world: World, tmp_path: Path
) -> None:
    """Asked for before that listing alone; what the journal tells is never taken back."""
    ledger = world.open()
    (dataset,) = ledger.datasets()

    def held() -> None:
        raise SwitchHeld("held: by ward 3")

    erasure = HeaderErasure(world.context(ledger), dataset, tmp_path, demand_free=held)

    with pytest.raises(SwitchHeld):
        erasure.look(world.context(ledger).judge.now(), 1)
    ledger.close()


@pytest.mark.parametrize("place", ["target", "copies"])
def test_a_pack_that_goes_after_it_was_read_is_in_no_count(
    world: World, tmp_path: Path, place: str
) -> None:
    """The journal told an erasure of fewer copies than packs, which both verifiers refuse."""
    copies = FolderPacks(tmp_path / "copies")
    ledger = world.open()
    ctx = world.context(ledger)
    (dataset,) = ledger.datasets()
    copies.copy(ctx, dataset.batch)
    packs = len(list(ledger.packs(dataset.id, ctx.route(dataset).header_packs(dataset.name))))
    folder = copies.folder / dataset.name
    erasure = HeaderErasure(ctx, dataset, folder, demand_free=lambda: None)
    assert erasure.look(ctx.judge.now(), packs).copies == packs

    if place == "copies":
        next(folder.iterdir()).unlink()
    else:
        held = world.target._buckets["dst"]
        del held[next(one for one in held if one.startswith(PACKS))]

    with pytest.raises(TargetDiffers, match="went away while it was looked at"):
        erasure.look(ctx.judge.now(), packs)
    ledger.close()
