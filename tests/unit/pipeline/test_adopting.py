"""A ledger that is lost, or only an old copy: what was moved is adopted, and nothing sent twice."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from hdh_migrate.errors import ConnectionLost, Exit, LedgerBehind, Refused
from hdh_migrate.events.adoption import (
    Adopting,
    AdoptionEnded,
    JournalSeen,
    LedgerAdopted,
    ObjectsAdopted,
)
from hdh_migrate.events.event import Event
from hdh_migrate.events.rotation import KeysRotated, KeysRotating
from hdh_migrate.ledger import database
from hdh_migrate.model import State, key_bytes
from hdh_migrate.pipeline.adoption.adopting import Adopt
from hdh_migrate.pipeline.adoption.adoption_journal import AdoptionTally
from hdh_migrate.pipeline.adoption.adoption_proofs import AdoptionProof
from hdh_migrate.pipeline.runner import Wishes
from hdh_migrate.pipeline.tags import mark_of
from tests.support.script import Killed, Point
from tests.support.world import BIG, RUN_TAG, SMALL, World

SIZES = {"a": 10, "b": 300, "c": BIG, "d": 0}
ANEW = f"{RUN_TAG}-anew"
"""The name of the ledger that is made when the first one is lost."""

STATEMENT = "5" * 64


@pytest.fixture(autouse=True)
def without_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill here copies files that were written; whether they reached the disk is not tried."""
    pragmas = (*database._PRAGMAS, "PRAGMA synchronous = OFF")
    monkeypatch.setattr(database, "_PRAGMAS", pragmas)


def put(world: World, name: str, body: bytes) -> None:
    world.source.put("src", name, body)


def moved(folder: Path, level: str = "full") -> World:
    """Return a world whose objects are all verified."""
    made = World(folder, level=level)
    for name, size in SIZES.items():
        put(made, name, name.encode() * size)
    assert made.run() is Exit.OK
    return made


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world whose objects are all verified: each test has a copy of it."""
    return moved(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def world(tmp_path: Path, whole: World) -> World:
    return whole.twin(tmp_path)


def lose(world: World) -> None:
    """Lose the ledger; who goes on makes another one."""
    shutil.rmtree(world.path.parent)
    world.run_tag = ANEW


def tags(world: World) -> dict[str, str]:
    """Return the attempt tags that stand at the target, by name."""
    (dataset,) = world.datasets
    held = {
        name: world.target.head("dst", dataset.route.target_key(name)) for name in (*SIZES, "new")
    }
    return {name: stored.metadata.get("hdh-attempt", "") for name, stored in held.items() if stored}


class Said:
    """What a bundle said of a world before its ledger was lost."""

    def __init__(self, world: World) -> None:
        found = []
        for record in world.records().values():
            if record["state"] is State.VERIFIED:
                found.append(
                    AdoptionProof(
                        key=record["key"], size=record["size"], version=record["version"],
                        modified=record["modified"], md5=record["md5"], sha256=record["sha256"],
                        stored_size=record["stored_size"], stored_sha256=record["stored_sha256"],
                        etag=record["etag"], statement=STATEMENT,
                    )
                )  # fmt: skip
        self.proofs = sorted(found, key=lambda one: key_bytes(one.key))

    def of(self, dataset: str) -> Iterator[AdoptionProof]:
        assert dataset == "d"
        return iter(self.proofs)


class Nothing:
    """No bundle at all."""

    def of(self, dataset: str) -> Iterator[AdoptionProof]:
        del dataset
        return iter(())


SEEN = JournalSeen(ledger=RUN_TAG, events=9, head="a" * 64, statement=STATEMENT)


def adopted(
    world: World, said: Said | Nothing | None = None, journals: Sequence[JournalSeen] = ()
) -> AdoptionTally:
    """Adopt, as one process does."""
    ledger = world.open()
    try:
        story = Adopt(
            world.context(ledger),
            "b",
            ours=lambda name: mark_of(name) == RUN_TAG,
            proofs=said or Nothing(),
            journals=journals or ([SEEN] if said else []),
            user="ops@here",
        )
        told = story.run()
        ledger.check_receipts()
        ledger.reconcile()
        return told
    finally:
        ledger.close()
        if world.script.dead:
            world._put_back()


def events(world: World, kind: type[Event]) -> list[Event]:
    ledger = world.open()
    try:
        return [event for _, event in ledger.events(kind)]
    finally:
        ledger.close()


def wrong(world: World) -> list[tuple[str, str | None]]:
    """Return the findings besides the note that something was adopted."""
    return [one for one in world.findings() if one[0] != "adopted"]


def right(world: World) -> bool:
    """Say whether every object is verified and opens as its source is, with nothing open."""
    (dataset,) = world.datasets
    names = [name.removeprefix("d/") for name in world.states()]
    whole = all(world.opened(dataset, name) == world.source.data("src", name) for name in names)
    return whole and set(world.states().values()) == {State.VERIFIED} and not wrong(world)


# --- the door ------------------------------------------------------------------------------------


def test_a_ledger_made_anew_is_refused_before_anything_is_sent(world: World) -> None:
    before = tags(world)
    lose(world)

    for _ in range(2):
        with pytest.raises(LedgerBehind, match="does not know"):
            world.run()

    assert tags(world) == before
    assert wrong(world) == []


def old_copy(world: World, point: Point) -> None:
    """Let a world's ledger be as it was at a moment of the run that moved everything."""
    for name, size in SIZES.items():
        put(world, name, name.encode() * size)
    old = world.path.parent.with_name("old")
    world.kill_at(point)
    with pytest.raises(Killed):
        world.run()
    shutil.copytree(world.path.parent, old)
    world.script.heal()
    assert world.run() is Exit.OK
    shutil.rmtree(world.path.parent)
    old.rename(world.path.parent)


MOMENTS = [
    Point("recount", 1, "after"),
    Point("keys", 1, "before"),
    Point("put", 1, "before"),
    Point("put", 1, "after"),
    Point("put", 3, "after"),
    Point("begin", 1, "after"),
    Point("put_part", 2, "after"),
    Point("complete", 1, "after"),
    Point("read", 1, "after"),
    Point("read", 4, "after"),
]


@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("moment", MOMENTS, ids=str)
def test_an_old_copy_sends_nothing_again_over_what_is_there(
    tmp_path: Path, moment: Point, conditional: bool
) -> None:
    """It sent again what was verified since, over what was there, and said nothing of it."""
    world = World(tmp_path, limits=replace(SMALL, conditional_put=conditional))
    old_copy(world, moment)
    before = tags(world)

    try:
        code = world.run()
    except LedgerBehind:
        code = None

    assert tags(world) == before
    assert code is None or right(world)
    told = adopted(world)
    assert told.unproved == told.foreign == 0
    assert world.run() is Exit.OK
    assert tags(world) == before
    assert right(world)


def test_a_stranger_of_another_migration_is_a_conflict_as_ever(world: World) -> None:
    lose(world)
    world.run_tag = "fedcba9876543210-other"
    world.target.limits = SMALL
    ledger = world.open()
    ledger.close()
    for name in SIZES:
        key = world.datasets[0].route.target_key(name)
        world.target.keep("dst", key, b"theirs")
    assert world.run() is Exit.FINDINGS
    assert {code for code, _ in wrong(world)} == {"conflict"}


# --- adoption ------------------------------------------------------------------------------------


def test_what_was_moved_is_adopted_and_nothing_is_sent(world: World) -> None:
    before = tags(world)
    lose(world)

    told = adopted(world)

    assert (told.adopted, told.by_bundle, told.unproved, told.foreign) == (4, 0, 0, 0)
    assert right(world)
    (which,) = events(world, ObjectsAdopted)
    assert which == ObjectsAdopted(
        batch="b", number=1, ledger=RUN_TAG, statement=None, ids=(1, 2, 3, 4)
    )
    (ledger,) = events(world, LedgerAdopted)
    assert isinstance(ledger, LedgerAdopted)
    assert (ledger.ledger, ledger.statement) == (RUN_TAG, None)
    sent = world.script.calls["put"] + world.script.calls["begin"]
    assert world.run() is Exit.OK
    # The trial of the right to write opens an upload and aborts it.
    assert world.script.calls["put"] + world.script.calls["begin"] == sent + 1
    assert tags(world) == before
    assert right(world)


@pytest.mark.parametrize("level", ["full", "stored", "head"])
def test_nothing_is_adopted_on_a_size_and_an_etag(tmp_path: Path, level: str) -> None:
    """At a lower level, too, every byte is read: nobody knows what was stored."""
    world = moved(tmp_path, level)
    lose(world)
    world.target.spoil("dst", "t/b.c4gh", 250)

    told = adopted(world)

    assert (told.adopted, told.unproved) == (3, 1)
    assert {record["level"] for record in world.records().values()} == {level, None}
    assert world.run() is Exit.OK
    assert right(world)


def test_a_bundle_spares_the_source_and_proves_more(world: World) -> None:
    said = Said(world)
    before = tags(world)
    lose(world)
    reads = world.script.calls["read source"]

    told = adopted(world, said)

    assert (told.adopted, told.by_bundle) == (4, 4)
    assert world.script.calls["read source"] == reads
    assert right(world)
    assert world.run() is Exit.OK
    assert tags(world) == before
    (which,) = events(world, ObjectsAdopted)
    assert isinstance(which, ObjectsAdopted)
    assert which.statement == STATEMENT
    assert world.findings() == [("adopted", None)]  # the report's first page says it


def test_a_packet_for_another_recipient_that_is_damaged_shows_with_a_bundle(world: World) -> None:
    """The plaintext is right all the same, and the escrow could not open it."""
    said = Said(world)
    lose(world)
    world.target.spoil("dst", "t/b.c4gh", 200)

    told = adopted(world, said)

    assert (told.adopted, told.unproved) == (3, 1)
    assert world.run() is Exit.OK
    assert right(world)
    assert tags(world)["b"] == f"{ANEW}.2.2"


def test_only_what_does_not_prove_good_is_sent_again(world: World) -> None:
    before = tags(world)
    said = Said(world)
    lose(world)
    put(world, "a", b"changed since")  # at the source
    put(world, "new", b"new")
    world.target.spoil("dst", "t/b.c4gh", 250)
    world.target.keep("dst", "t/c.c4gh", b"theirs")

    told = adopted(world, said)

    assert (told.adopted, told.unproved, told.foreign) == (1, 2, 1)
    assert world.states()["d/d"] is State.VERIFIED
    assert world.run() is Exit.FINDINGS
    assert wrong(world) == [("conflict", "c")]
    assert world.target.data("dst", "t/c.c4gh") == b"theirs"
    now = tags(world)
    assert now["d"] == before["d"]
    assert {name for name in now if now[name].startswith(ANEW)} == {"a", "b", "new"}
    (dataset,) = world.datasets
    assert world.opened(dataset, "a") == b"changed since"


def test_what_the_source_has_no_more_is_proved_by_a_bundle(world: World) -> None:
    said = Said(world)
    before = tags(world)
    lose(world)
    world.source.drop("src", "b")
    world.source.drop("src", "c")

    told = adopted(world, said)

    assert (told.adopted, told.by_bundle, told.joined) == (4, 4, 2)
    assert set(world.states().values()) == {State.VERIFIED}
    assert world.run() is Exit.OK
    assert tags(world) == before


def test_what_cannot_be_moved_as_planned_keeps_nothing_from_being_adopted(world: World) -> None:
    """An adoption that had begun was refused for it, and every run waited for that adoption."""
    before = tags(world)
    lose(world)
    put(world, "n" * 1_100, b"its name is too long")

    assert adopted(world).adopted == len(SIZES)

    with pytest.raises(Refused, match="1 object cannot be moved as planned"):
        world.run()
    world.source.drop("src", "n" * 1_100)
    world.run(wishes=Wishes(refresh=True, user="ops@here"))
    assert tags(world) == before
    assert {code for code, _ in wrong(world)} == {"vanished"}


def test_what_nothing_tells_of_is_counted_and_stays(world: World) -> None:
    before = tags(world)
    lose(world)
    world.source.drop("src", "b")
    world.source.drop("src", "c")

    told = adopted(world)

    assert (told.adopted, told.joined, told.unlisted) == (2, 0, 2)
    assert any("holds 2 more under its prefix" in line for line in world.notes.lines)
    assert tags(world) == before


def test_what_is_damaged_and_gone_at_the_source_is_told(world: World) -> None:
    said = Said(world)
    lose(world)
    world.source.drop("src", "b")
    world.target.spoil("dst", "t/b.c4gh", 250)

    assert adopted(world, said).unproved == 1
    assert world.run() is Exit.FINDINGS
    assert wrong(world) == [("missing", "b")]


def test_an_etag_that_a_bundle_does_not_know_is_compared_with_the_source(world: World) -> None:
    """It was sent anew after the bundle was written."""
    said = Said(world)
    world.target.drop("dst", "t/b.c4gh")
    ledger = world.open()
    ledger.relist([2])
    ledger.commit()
    ledger.close()
    assert world.run() is Exit.OK
    before = tags(world)
    lose(world)

    told = adopted(world, said)

    assert (told.adopted, told.by_bundle) == (4, 3)
    assert world.run() is Exit.OK
    assert tags(world) == before


def test_a_ledger_of_which_nothing_proves_good_stays_a_stranger(world: World) -> None:
    """Of another migration by the same name, say: nothing of it is ever overwritten."""
    before = {name: world.target.data("dst", f"t/{name}.c4gh") for name in SIZES}
    lose(world)
    for name, size in SIZES.items():
        put(world, name, b"x" * size if size else b"y")

    told = adopted(world)

    assert (told.adopted, told.unproved) == (0, 4)
    assert events(world, LedgerAdopted) == []
    assert world.run() is Exit.FINDINGS
    assert {code for code, _ in wrong(world)} == {"conflict"}
    assert {name: world.target.data("dst", f"t/{name}.c4gh") for name in SIZES} == before


def test_adopting_twice_changes_nothing(world: World) -> None:
    lose(world)
    adopted(world)
    records = world.records()

    told = adopted(world)

    assert (told.adopted, told.unproved, told.foreign) == (0, 0, 0)
    assert world.records() == records
    assert len(events(world, LedgerAdopted)) == 1
    assert len(events(world, AdoptionEnded)) == 2


def test_what_could_not_be_compared_is_adopted_by_the_same_command_later(tmp_path: Path) -> None:
    world = World(tmp_path, budget=3.0)
    for name, size in SIZES.items():
        put(world, name, name.encode() * size)
    assert world.run() is Exit.OK
    lose(world)
    world.script.always("read source", ConnectionLost("away"))

    assert adopted(world).unproved == 4

    world.script.heal()
    assert adopted(world).adopted == 4
    assert right(world)


# --- killed at any moment ------------------------------------------------------------------------


def hurt(folder: Path) -> tuple[World, Said, dict[str, str]]:
    """Return a world whose ledger is lost, with one object of each trouble."""
    world = moved(folder)
    said = Said(world)
    world.target.drop("dst", "t/d.c4gh")
    lose(world)
    said.proofs = [one for one in said.proofs if one.key != "c"]
    world.target.spoil("dst", "t/a.c4gh", 240)
    return world, said, tags(world)


def points(world: World, said: Said) -> list[Point]:
    """Return every moment of an adoption, one of those that leave the same behind."""
    world.watch()
    adopted(world, said)
    return world.script.points()


@pytest.mark.slow
def test_killed_at_any_moment_the_same_commands_converge(tmp_path: Path) -> None:
    first, said, before = hurt(tmp_path / "first")
    tried = points(first.twin(tmp_path / "whole"), said)
    assert len(tried) > 10
    for number, point in enumerate(tried):
        world = first.twin(tmp_path / str(number))
        world.kill_at(point)
        try:
            adopted(world, said)
        except Killed:
            pass
        else:  # what raises by itself has no moment after it
            assert point.when == "after", point
        world.script.heal()
        if events(world, Adopting) and not events(world, AdoptionEnded):  # half of it is no ground
            with pytest.raises(LedgerBehind):
                world.run()
            assert tags(world) == before, point

        was_under_way = not events(world, AdoptionEnded)
        told = adopted(world, said)

        assert told.adopted == (2 if was_under_way else 0), point
        assert world.run() is Exit.OK, point
        assert right(world), point
        now = tags(world)
        assert {name: now[name] for name in "bc"} == {name: before[name] for name in "bc"}, point
        assert events(world, Adopting), point


@pytest.mark.parametrize("exchanged", [True, False])
def test_what_another_ledger_stored_may_be_sealed_for_a_key_that_was_exchanged(
    world: World, *, exchanged: bool
) -> None:
    """Two copies of a ledger: in this one a key was exchanged, the other one went on storing."""
    lose(world)
    ledger = world.open()
    if exchanged:
        ledger.event(
            KeysRotating(
                number=1, old="1" * 64, new="2" * 64, recipients=("2" * 64, "3" * 64),
                request="4" * 64, objects=0, bytes=0, approvals={}, user="ops@here",
            )
        )  # fmt: skip
        ledger.event(KeysRotated(number=1, objects=0, left=0, lost=0, removed=0, remaining={}))
        ledger.commit()
    ledger.close()
    adopted(world)
    adopted(world)  # which finds nothing more
    said = [line for line in world.notes.lines if "that has exchanged keys" in line]
    assert len(said) == int(exchanged)
    assert all("4 objects are adopted" in line and "keys rotate PLAN" in line for line in said)
    counted = [(one.left, one.objects) for one in events(world, KeysRotated)]  # type: ignore[attr-defined]
    assert counted == ([(0, 0), (4, 0)] if exchanged else [])
