"""A refusal is what a host says of a request, not what became of it: what counts is looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdh_migrate.errors import AccessDenied, Conflict, Exit, Interrupted, Missing
from hdh_migrate.model import State
from hdh_migrate.pipeline.fences import signposts
from hdh_migrate.pipeline.rotation.earlier_versions import LOCKED, EarlierVersions, VersionPlace
from hdh_migrate.pipeline.rotation.header_erasure import HeaderErasure
from tests.support.versioned import VersionedTarget
from tests.support.world import BIG, ONE, World
from tests.unit.pipeline.test_restoring import decided, kept, replaced, without_fsync

__all__ = ["without_fsync"]

DENIED = AccessDenied("a target object: AccessDenied (HTTP 403)")


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.source.put("src", "a", b"small")
    made.source.put("src", "big", bytes(BIG))
    return made


def test_a_small_object_that_was_stored_though_refused_is_not_sent_again(world: World) -> None:
    world.script.fail("put", DENIED, when="after")

    assert world.run() is Exit.OK

    assert world.script.calls["put"] == 1
    assert world.opened(ONE[0], "a") == b"small"


def test_an_object_that_is_shown_late_is_asked_for_again(world: World) -> None:
    world.script.fail("read", Missing("a target object: NoSuchKey (HTTP 404)"))

    assert world.run() is Exit.OK


def test_a_refusal_of_what_is_not_there_is_a_finding(world: World) -> None:
    world.script.fail("put", DENIED)

    assert world.run() is Exit.FINDINGS

    assert world.findings() == [("denied", "a")]


def test_somebody_elses_object_is_not_replaced_after_a_refusal(world: World) -> None:
    """An epoch that is over may be written over where a condition failed, not where it was met."""
    world.script.at("put", 1, "before", lambda: world.target.keep("dst", "t/a.c4gh", b"theirs"))
    world.script.fail("put", DENIED)

    assert world.run() is Exit.FINDINGS

    assert world.script.calls["put"] == 1


def test_an_upload_that_vanished_while_the_source_is_away_is_begun_anew(world: World) -> None:
    """Who could not be asked had said that the object was gone: a finding that was not so."""
    world.script.at("complete", 1, "before", world.target.forget_uploads)
    before = world.script.calls["head source"]
    world.script.fail("head source", AccessDenied("a source object: HTTP 403"))

    assert world.run() is Exit.OK

    assert world.script.calls["head source"] == before + 1
    assert world.findings() == []
    assert world.states()["d/big"] is State.VERIFIED


def test_a_version_that_went_though_refused_is_not_called_locked(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.target = target = VersionedTarget("dst", script=world.script)
    for body in (b"before", b"now"):
        target.keep("dst", "t/a.c4gh", body)
    now = target.head("dst", "t/a.c4gh")
    assert now is not None
    ledger = world.open()
    earlier = EarlierVersions(world.context(ledger))
    place = VersionPlace("dst", "t/a.c4gh", "v1")
    world.script.fail("remove_version", DENIED, when="before")
    assert earlier.remove(place, now) == LOCKED

    world.script.fail("remove_version", DENIED, when="after")

    assert earlier.remove(place, now) is None
    assert target.held("dst") == {"t/a.c4gh": [b"now"]}
    ledger.close()


def test_a_copy_that_is_stopped_leaves_no_open_upload(tmp_path: Path) -> None:
    """Nobody may give the command again, and no sweep knows the name."""
    world = replaced(tmp_path)
    world.script.at("put_part", world.script.calls["put_part"] + 1, "after", world.stop.set)

    with pytest.raises(Interrupted, match="stopped while an object was kept aside"):
        decided(world, "restore")

    assert world.target.uploads() == []
    world.stop.clear()
    decided(world, "restore")
    assert len(kept(world)) == 2


def test_a_deed_waits_for_a_signpost_that_stands(tmp_path: Path) -> None:
    """A condition that is said to have failed where nothing is lets nothing be done."""
    world = World(tmp_path)
    post = signposts.erased("m", "ledger", "d", "2026-11-27T00:00:00Z")
    world.script.fail("put", Conflict("a target object: PreconditionFailed (HTTP 412)"))

    with pytest.raises(Conflict):
        signposts.put_up(world.target, lambda act: act(), ["dst"], post)  # type: ignore[arg-type]

    signposts.put_up(world.target, lambda act: act(), ["dst"], post)  # type: ignore[arg-type]
    found = signposts.signposts(world.target, lambda act: act(), "dst", "m")  # type: ignore[arg-type]
    assert [one.post for one in found] == [post]


def test_a_version_that_nobody_saw_to_be_ours_is_not_removed(tmp_path: Path) -> None:
    """A list may show what a HEAD does not show yet: that is no proof that it is gone."""
    world = World(tmp_path)
    world.source.put("src", "a", b"small")
    assert world.run() is Exit.OK
    route = ONE[0].route
    key = route.target_key(route.header_packs("d") + "theirs").removesuffix(route.suffix)
    world.target.keep("dst", key, b"theirs")
    ledger = world.open()
    (dataset,) = ledger.datasets()
    (tmp_path / "copies").mkdir()
    erasure = HeaderErasure(
        world.context(ledger), dataset, tmp_path / "copies", demand_free=lambda: None
    )
    head, blind = world.target.head, [True]

    def late(bucket: str, name: str, *, version_id: str | None = None) -> object:
        return None if blind and blind.pop() else head(bucket, name, version_id=version_id)

    world.target.head = late  # type: ignore[assignment,method-assign]

    assert erasure.run() == {"not-ours": 1}
    assert world.target.data("dst", key) == b"theirs"
    ledger.close()
