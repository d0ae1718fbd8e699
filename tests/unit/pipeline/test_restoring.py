"""What people decide about a foreign object: nothing is lost, and nothing overwritten blind."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.events.looks import ObjectAccepted, ObjectRestored, ObjectRestoring
from hdh_migrate.model import Span, State, Stored
from hdh_migrate.pipeline.looks.look_again import Choice
from hdh_migrate.pipeline.looks.restoring import DecisionOutcome, Restoring
from hdh_migrate.ports.stores import Write
from tests.support.script import Killed, Point
from tests.support.world import ONE, World
from tests.unit.pipeline.test_look_again import count, looked, moved, ours, owned, without_fsync

__all__ = ["without_fsync"]

FOREIGN = {"b": b"theirs", "c": bytes(range(256)) * 2000}
"""Under `c`, in several parts."""


def replaced(folder: Path) -> World:
    """Return a world in which a look found foreign objects in the place of two."""
    made = moved(folder)
    for name, body in FOREIGN.items():
        made.target.keep("dst", f"t/{name}.c4gh", body)
    assert len(looked(made).replaced) == 2
    return made


def decided(world: World, verb: str, ids: list[int] | None = None, *more: str) -> DecisionOutcome:
    """Decide, as one process does."""
    ledger = world.open()
    try:
        story = Restoring(world.context(ledger), "b", user="ops@here")
        chosen = story.waiting(accepted=verb == "restore") if ids is None else ids
        found: DecisionOutcome = getattr(story, verb)(chosen, *more)
        ledger.check_receipts()
        ledger.reconcile()
        return found
    finally:
        ledger.close()
        if world.script.dead:
            world._put_back()


def kept(world: World) -> dict[str, bytes]:
    """Return what was kept aside, by the object's name."""
    keys = [stored.key for stored in world.target.keys(world.datasets[0].target)]
    return {
        key.removeprefix("t/").partition(".c4gh.hdh-kept-")[0]: world.target.data("dst", key)
        for key in keys
        if ".hdh-kept-" in key
    }


def test_a_foreign_object_is_kept_aside_and_ours_is_sent_in_its_place(tmp_path: Path) -> None:
    world = replaced(tmp_path)

    found = decided(world, "restore")

    assert len(found.done) == len(found.copies) == 2
    assert kept(world) == FOREIGN
    assert world.findings() == []
    assert world.target.data("dst", "t/b.c4gh") == b"theirs"  # until the next run
    assert world.run() is Exit.OK
    assert ours(world)
    assert not looked(world).differs
    assert world.target.uploads() == []


def test_what_another_put_there_after_the_decision_is_a_conflict(tmp_path: Path) -> None:
    world = replaced(tmp_path)
    decided(world, "restore")
    for name in FOREIGN:
        world.target.keep("dst", f"t/{name}.c4gh", b"a third one")

    assert world.run() is Exit.FINDINGS

    assert sorted(world.findings()) == [("conflict", "b"), ("conflict", "c")]
    for name in FOREIGN:
        assert world.target.data("dst", f"t/{name}.c4gh") == b"a third one"


def test_a_bit_that_turns_on_the_way_is_not_kept_for_theirs(tmp_path: Path) -> None:
    """The copy had the turned bit, and the next run replaced the only right one."""
    world = replaced(tmp_path)
    read, turned = world.target.read, set[str]()

    def once(bucket: str, stored: Stored, span: Span | None, write: Write) -> Stored:
        first = stored.key not in turned
        turned.add(stored.key)
        return read(
            bucket, stored, span,
            lambda data: write(bytes([data[0] ^ first, *data[1:]]) if data else data),
        )  # fmt: skip

    world.target.read = once  # type: ignore[method-assign]

    decided(world, "restore")

    assert len(turned) == 2
    assert kept(world) == FOREIGN


def test_two_foreign_objects_of_one_second_are_both_kept(tmp_path: Path) -> None:
    """Killed after its copy, it took that for the copy of what came next, and ours replaced it."""
    world = replaced(tmp_path)
    world.clock._tick = 0.0
    world.kill_at(Point("put", world.script.calls["put"] + 1, "after"))
    with pytest.raises(Killed):
        decided(world, "restore")
    assert kept(world) == {"b": b"theirs"}
    world.script.heal()
    world.target.keep("dst", "t/b.c4gh", b"THEIRS")
    assert looked(world).replaced

    decided(world, "restore")
    assert world.run() is Exit.OK

    held = [world.target.data("dst", one.key) for one in world.target.keys(ONE[0].target)]
    assert b"theirs" in held
    assert b"THEIRS" in held
    assert ours(world)


def test_a_decision_is_used_once(tmp_path: Path) -> None:
    """The same foreign bytes may not be replaced again because they were once."""
    world = replaced(tmp_path)
    decided(world, "restore")
    assert world.run() is Exit.OK
    world.target.drop("dst", "t/b.c4gh")
    assert len(looked(world).gone) == 1
    world.target.keep("dst", "t/b.c4gh", b"theirs")

    assert world.run() is Exit.FINDINGS

    assert world.findings() == [("conflict", "b")]
    assert world.target.data("dst", "t/b.c4gh") == b"theirs"


def test_what_is_accepted_is_a_note_until_it_changes_again(tmp_path: Path) -> None:
    world = replaced(tmp_path)

    decided(world, "accept", None, "the consumer corrected it")

    notes = [("target-accepted", "b"), ("target-accepted", "c")]
    assert world.findings() == notes
    assert world.run() is Exit.OK
    for level in ("head", "full"):
        assert not looked(world, Choice(level=level)).differs
        assert world.findings() == notes
    world.target.keep("dst", "t/b.c4gh", b"a third one")
    assert len(looked(world).replaced) == 1
    assert sorted(world.findings()) == [("target-accepted", "c"), ("target-replaced", "b")]
    assert count(world, ObjectAccepted) == 2


def test_what_was_accepted_may_be_restored_later(tmp_path: Path) -> None:
    world = replaced(tmp_path)
    decided(world, "accept", None, "for now")
    decided(world, "restore")
    assert world.run() is Exit.OK
    assert ours(world)
    assert kept(world) == FOREIGN


def test_nothing_is_decided_about_what_no_look_has_found(tmp_path: Path) -> None:
    world = replaced(tmp_path)
    for verb, more in (("restore", ()), ("accept", ("why",))):
        with pytest.raises(UsageError, match="object 1"):
            decided(world, verb, [1, 2], *more)
    assert len(world.findings()) == 2
    assert kept(world) == {}


def test_what_is_no_foreign_object_any_more_is_left_to_the_next_look(tmp_path: Path) -> None:
    world = replaced(tmp_path)
    world.target.drop("dst", "t/b.c4gh")
    found = decided(world, "restore")
    assert (len(found.done), len(found.others)) == (1, 1)
    assert len(looked(world).gone) == 1
    assert world.run() is Exit.OK
    assert ours(world)


@pytest.mark.parametrize("ours_yet", [True, False])
def test_what_stands_beside_is_sent_again_or_taken_as_it_is(
    tmp_path: Path, *, ours_yet: bool
) -> None:
    world = owned(tmp_path)
    for name in "bc":
        key = f"t/{name}.c4gh"
        tag = world.target._buckets["dst"][key].stored.metadata["hdh-attempt"]
        world.target.rewrite("dst", key, **({"hdh-attempt": tag} if ours_yet else {}))
    number, other = looked(world).beside

    taken = decided(world, "accept", [number], "the consumer needs no owner")
    assert taken.done == [number]
    assert sorted(world.findings()) == [("target-accepted", "b"), ("target-beside", "c")]
    assert looked(world).beside == [other]
    assert decided(world, "restore", [other]).done == [other]
    assert world.run() is Exit.OK

    assert world.findings() == [("target-accepted", "b")]
    there = world.target._buckets["dst"]["t/c.c4gh"].stored.metadata
    assert there["owner"] == "ward"
    assert there["hdh-attempt"].endswith(".2")
    assert decided(world, "restore", [number]).done == [number]
    assert world.run() is Exit.OK
    assert ours(world)
    assert not looked(world).beside


@pytest.mark.slow
def test_a_restore_killed_anywhere_twice_loses_nothing_and_converges(tmp_path: Path) -> None:
    first = replaced(tmp_path / "first")
    first.script.calls.clear()
    whole = first.twin(tmp_path / "whole")
    whole.watch()
    decided(whole, "restore")
    whole.run()
    asked = {"put", "put_part", "begin", "complete", "now"}
    points = whole.script.points(lambda one: one.method in asked)
    assert len(points) > 30
    for number, point in enumerate(points):
        world = first.twin(tmp_path / str(number))
        for _ in range(2):
            world.script.calls.clear()
            world.kill_at(point)
            try:
                decided(world, "restore")
                world.run()
            except Killed:
                for name, body in FOREIGN.items():
                    there = world.target.data("dst", f"t/{name}.c4gh")
                    assert body in (there, kept(world).get(name)), point
        world.script.heal()
        decided(world, "restore")
        assert world.run() is Exit.OK, point
        assert ours(world), point
        assert kept(world) == FOREIGN, point
        assert set(world.states().values()) == {State.VERIFIED}
        assert count(world, ObjectRestored) == 2 <= count(world, ObjectRestoring)
        assert world.target.uploads() == []
