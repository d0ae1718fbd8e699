"""What a later look at verified objects finds, and that the next run mends it."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from hdh_migrate.codes import Code
from hdh_migrate.errors import ConnectionLost, Exit
from hdh_migrate.events.looks import LookedAgain, LookEnded, LookingAgain
from hdh_migrate.events.objects import ObjectsSuperseded
from hdh_migrate.fixity import sha256_hex
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.ledger import database
from hdh_migrate.model import Stamp, State, Step
from hdh_migrate.pipeline.looks.look_again import Choice, Found, LookAgain
from hdh_migrate.pipeline.looks.restoring import Restoring
from hdh_migrate.pipeline.projections.looks import Looks
from hdh_migrate.pipeline.runner import Wishes
from tests.support.script import Killed, Point
from tests.support.world import BIG, SMALL, World

FULL = Choice(level="full")
SIZES = {"a": 10, "b": 300, "c": BIG, "d": 0}
KEYS = [f"t/{name}.c4gh" for name in SIZES]


@pytest.fixture(autouse=True)
def without_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill here copies files that were written; whether they reached the disk is not tried."""
    pragmas = (*database._PRAGMAS, "PRAGMA synchronous = OFF")
    monkeypatch.setattr(database, "_PRAGMAS", pragmas)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world whose objects are all verified: each test has a copy of it."""
    return moved(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def world(tmp_path: Path, whole: World) -> World:
    return whole.twin(tmp_path)


def moved(folder: Path, level: str = "full") -> World:
    """Return a world whose objects are all verified."""
    made = World(folder, level=level)
    for name, size in SIZES.items():
        made.source.put("src", name, name.encode() * size)
    assert made.run() is Exit.OK
    return made


def looked(world: World, choice: Choice = FULL) -> Found:
    """Look again, as one process does."""
    ledger = world.open()
    try:
        found = LookAgain(world.context(ledger), "b", choice, user="ops@here").run()
        ledger.check_receipts()
        ledger.reconcile()
        return found
    finally:
        ledger.close()
        if world.script.dead:
            world._put_back()


def told(world: World) -> list[LookedAgain]:
    ledger = world.open()
    try:
        return [event for _, event in ledger.events(LookedAgain)]
    finally:
        ledger.close()


def count(world: World, kind: type) -> int:
    ledger = world.open()
    try:
        return len(list(ledger.events(kind)))
    finally:
        ledger.close()


def ours(world: World) -> bool:
    """Say whether every object is verified and opens as its source is, with nothing open."""
    dataset = world.datasets[0]
    whole = all(world.opened(dataset, name) == world.source.data("src", name) for name in SIZES)
    return whole and set(world.states().values()) == {State.VERIFIED} and not world.findings()


def test_what_is_held_stays_verified_and_the_journal_says_when_it_was_read(world: World) -> None:
    before = world.records()

    found = looked(world)

    assert (found.objects, found.differs, found.unread) == (4, False, [])
    assert world.records() == before
    events = told(world)
    assert {(event.number, event.level) for event in events} == {(1, "full")}
    assert sum(event.objects for event in events) == 4
    assert {
        n for event in events for first, last in event.spans for n in range(first, last + 1)
    } == {1, 2, 3, 4}
    assert count(world, ObjectsSuperseded) == 0
    assert count(world, LookEnded) == 1


@pytest.mark.parametrize("name", ["b", "c"])
@pytest.mark.parametrize("level", ["head", "stored", "full"])
def test_what_is_gone_is_sent_anew_by_the_next_run(world: World, level: str, name: str) -> None:
    world.target.drop("dst", f"t/{name}.c4gh")

    found = looked(world, Choice(level=level))

    assert len(found.gone) == 1
    assert found.differs
    assert world.states()[f"d/{name}"] is State.LISTED
    assert world.findings() == []
    assert count(world, ObjectsSuperseded) == 1
    assert world.run() is Exit.OK
    assert ours(world)
    assert world.attempt(world.datasets[0], name).endswith(".2")
    assert not looked(world).differs


@pytest.mark.parametrize("name", ["b", "c"])
@pytest.mark.parametrize("level", ["stored", "full"])
def test_a_flipped_bit_is_damage_and_is_sent_anew(world: World, level: str, name: str) -> None:
    world.target.spoil("dst", f"t/{name}.c4gh", 250)

    found = looked(world, Choice(level=level))

    assert len(found.damaged) == 1
    assert found.gone == found.replaced == []
    assert world.run() is Exit.OK
    assert ours(world)


@pytest.mark.parametrize("name", ["b", "c"])
@pytest.mark.parametrize("level", ["head", "stored", "full"])
def test_what_somebody_else_put_there_is_a_finding_and_is_never_overwritten(
    world: World, level: str, name: str
) -> None:
    """Of the same size, too."""
    key = f"t/{name}.c4gh"
    foreign = bytes(len(world.target.data("dst", key)))
    world.target.keep("dst", key, foreign)

    for _ in range(2):
        found = looked(world, Choice(level=level))
        assert len(found.replaced) == 1
        assert found.gone == found.damaged == []
        assert world.findings() == [("target-replaced", name)]
    assert world.run() is Exit.VERIFICATION_FAILED
    assert world.target.data("dst", key) == foreign
    assert world.states()[f"d/{name}"] is State.VERIFIED


def owned(folder: Path) -> World:
    """Return a world whose objects have metadata, and some of them tags, and are all verified."""
    made = World(folder, level="full")
    for name, size in SIZES.items():
        tags = {"ward": "3"} if name in "bc" else {}
        made.source.put("src", name, name.encode() * size, metadata={"owner": "ward"}, tags=tags)
    assert made.run() is Exit.OK
    return made


@pytest.mark.slow
@pytest.mark.parametrize("level", ["head", "stored", "full"])
@pytest.mark.parametrize("name", ["b", "c"])
def test_metadata_that_was_lost_or_changed_beside_the_right_bytes_is_a_finding(
    tmp_path: Path, level: str, name: str
) -> None:
    """Nobody saw it: the bytes, their ETag and their version are those that were verified."""
    key = f"t/{name}.c4gh"
    for what in ("everything", "metadata", "our tag", "tags"):
        world = owned(tmp_path / what)
        left = dict(world.target._buckets["dst"][key].stored.metadata)
        tags = {} if what == "tags" else None
        match what:
            case "everything":  # as who copies it onto itself may leave it out
                left.clear()
            case "metadata":
                left["owner"] = "somebody else"
            case "our tag":
                del left["hdh-attempt"]
        world.target.rewrite("dst", key, tags=tags, **left)

        for _ in range(2):
            found = looked(world, Choice(level=level))
            assert len(found.beside) == 1
            assert not found.differs
            assert found.unread == []
            assert world.findings() == [("target-beside", name)]
        assert world.states()[f"d/{name}"] is State.VERIFIED
        assert [one.beside for one in told(world) if one.beside] == [tuple(found.beside)] * 2
        assert world.run() is Exit.FINDINGS


def test_what_stands_beside_is_right_or_was_told_of_before(tmp_path: Path) -> None:
    world = owned(tmp_path)
    mine = world.target._buckets["dst"]["t/b.c4gh"]
    world.target.rewrite("dst", "t/b.c4gh")
    assert looked(world).beside
    world.target._buckets["dst"]["t/b.c4gh"] = mine

    found = looked(world)

    assert found.beside == []
    assert not found.differs
    assert world.findings() == []
    assert {one.beside for one in told(world)[-1:]} == {ABSENT}


def test_what_a_host_could_not_keep_when_it_was_written_is_nobodys_change(tmp_path: Path) -> None:
    """A probe had shown by then that it can: each object was called changed, and sent again."""
    narrow = replace(SMALL, tags=False, max_metadata=120)
    world = World(tmp_path, level="full", limits=narrow)
    more = {"metadata": {"owner": "o" * 90}, "tags": {"ward": "3"}}
    world.source.put("src", "b", b"bytes", **more)
    assert world.run() is Exit.OK
    there = world.target._buckets["dst"]["t/b.c4gh"]
    assert not there.stored.metadata.keys() & {"owner"}

    world.target.limits = SMALL
    assert not looked(world).beside

    world.source.put("src", "a", b"more", **more)  # and what is sent from now on has it all
    assert world.run(wishes=Wishes(refresh=True)) is Exit.OK
    assert "owner" in world.target._buckets["dst"]["t/a.c4gh"].stored.metadata
    assert not looked(world).beside
    mine = world.target._buckets["dst"]["t/a.c4gh"].stored.metadata
    world.target.rewrite("dst", "t/a.c4gh", **{**mine, "owner": "x"})
    assert world.findings() == []
    assert len(looked(world).beside) == 1
    left = {name: text for name, text in mine.items() if name != "owner"}
    world.target.rewrite("dst", "t/a.c4gh", tags={}, **left)  # as it would have been then
    assert len(looked(world).beside) == 1


def test_what_verify_told_of_already_is_not_told_again(tmp_path: Path) -> None:
    world = World(tmp_path, level="full")
    world.source.put("src", "b", b"bytes", tags={"ward": "3"})
    world.run([Step.INVENTORY, Step.TRANSFER])
    there = world.target._buckets["dst"]["t/b.c4gh"].stored.metadata
    world.target.rewrite("dst", "t/b.c4gh", tags={}, **there)
    assert world.run() is Exit.FINDINGS
    assert world.findings() == [("tags-lost", "b")]

    assert not looked(world).beside

    assert world.findings() == [("tags-lost", "b")]


def test_a_finding_is_over_once_the_object_is_found_right_again(world: World) -> None:
    mine = world.target._buckets["dst"]["t/b.c4gh"]
    world.target.keep("dst", "t/b.c4gh", b"theirs")
    looked(world)
    assert world.findings() == [("target-replaced", "b")]
    world.target._buckets["dst"]["t/b.c4gh"] = mine

    assert not looked(world, Choice(level="full", older_than=1e9)).differs  # whatever its age

    assert world.findings() == []
    assert world.run() is Exit.OK


def test_what_is_made_again_with_our_tag_and_other_bytes_is_damage(world: World) -> None:
    tag = world.attempt(world.datasets[0], "b")
    body = b"x" * 400
    world.target.drop("dst", "t/b.c4gh")
    world.target.put(
        "dst", "t/b.c4gh", memoryview(body), sha256=sha256_hex(body),
        stamp=Stamp(attempt=tag), replaces=None,
    )  # fmt: skip

    assert len(looked(world).damaged) == 1
    assert world.run() is Exit.OK
    assert ours(world)


def test_what_cannot_be_read_is_a_finding_and_stays_verified(world: World) -> None:
    real = world.target.read

    def silent(bucket: str, stored: object, *more: object) -> object:
        if stored.key == "t/b.c4gh":  # type: ignore[attr-defined]
            raise ConnectionLost("no answer")
        return real(bucket, stored, *more)  # type: ignore[arg-type]

    world.target.read = silent  # type: ignore[assignment]
    found = looked(world)
    assert len(found.unread) == 1
    assert not found.differs
    assert world.findings() == [("target-unread", "b")]
    assert set(world.states().values()) == {State.VERIFIED}
    assert world.run() is Exit.FINDINGS
    world.target.read = real  # type: ignore[method-assign]
    assert looked(world, Choice(level="full", older_than=1e9)).objects == 1
    assert world.findings() == []


def test_only_what_was_last_read_long_ago_is_read(world: World) -> None:
    day = 86_400.0
    assert looked(world, Choice(level="full", older_than=day)).objects == 0
    world.clock.seconds += 2 * day
    assert looked(world, Choice(level="stored", older_than=day)).objects == 4
    assert looked(world, Choice(level="stored", older_than=day)).objects == 0
    assert looked(world, Choice(level="full", older_than=day)).objects == 4  # a closer look
    assert looked(world, Choice(level="head", older_than=day)).objects == 0


@pytest.mark.parametrize(
    ("choice", "objects"),
    [
        (Choice(level="head", sample=2), 2),
        (Choice(level="head", sample=9), 4),
        (Choice(level="head", percent=1.0), 1),
        (Choice(level="head", percent=50.0), 2),
    ],
)
def test_a_sample_is_of_the_size_that_was_asked_for(
    world: World, choice: Choice, objects: int
) -> None:
    assert looked(world, choice).objects == objects
    spans = [span for event in told(world) for span in event.spans]
    assert sum(last - first + 1 for first, last in spans) == objects


@pytest.mark.slow
def test_a_look_that_is_killed_anywhere_converges_with_the_run_after_it(tmp_path: Path) -> None:
    """Twice in a row: a lost, a damaged and a foreign object among four."""

    def hurt(folder: Path) -> World:
        made = moved(folder)
        made.target.drop("dst", "t/a.c4gh")
        made.target.spoil("dst", "t/b.c4gh", 250)
        made.target.keep("dst", "t/c.c4gh", b"theirs")
        made.script.calls.clear()
        return made

    first = hurt(tmp_path / "first")
    whole = first.twin(tmp_path / "whole")
    looked(whole)
    methods = {"now", "read", "head"}
    points = [point for point in whole.script.points() if point.method in methods]
    assert len(points) > 20
    for number, point in enumerate(points):
        made = first.twin(tmp_path / str(number))
        for _ in range(2):
            made.script.calls.clear()
            made.kill_at(point)
            try:
                looked(made)
            except Killed:
                assert made.target.data("dst", "t/c.c4gh") == b"theirs"
                states = made.states()
                assert states["d/c"] is states["d/d"] is State.VERIFIED
        made.script.heal()
        looked(made)
        assert made.run() is Exit.VERIFICATION_FAILED, point
        assert made.findings() == [("target-replaced", "c")], point
        for name in "abd":
            assert made.opened(made.datasets[0], name) == made.source.data("src", name)
        assert set(made.states().values()) == {State.VERIFIED}
        assert count(made, LookEnded) <= count(made, LookingAgain)


@pytest.mark.slow
def test_a_look_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    first = moved(tmp_path / "first")
    first.script.calls.clear()
    whole = first.twin(tmp_path / "whole")
    looked(whole)
    left = set()
    for number in range(1, whole.script.calls["now"] + 1):
        made = first.twin(tmp_path / str(number))
        made.kill_at(Point("now", number, "before"))
        with pytest.raises(Killed):
            looked(made)
        made.script.heal()
        if not count(made, LookingAgain):
            continue
        rest = 4 - sum(event.objects for event in told(made))
        left.add(rest)
        made.script.calls.clear()

        found = looked(made)

        assert (found.objects, found.before) == (4, 4 - rest)
        assert (found.since is None) is (rest == 4)
        assert made.script.calls["read"] == rest  # what was read is not read again
        assert {event.number for event in told(made)} == {1}
        assert sum(event.objects for event in told(made)) == 4
        assert count(made, LookEnded) == 1
        assert looked(made).objects == 4
        assert {event.number for event in told(made)} == {1, 2}
    assert left > {0, 4}


@pytest.mark.parametrize("afresh", [False, True])
def test_a_look_afresh_reads_what_a_stopped_one_had_read(world: World, afresh: bool) -> None:
    """After an incident nobody wants what was read before it; else `before` tells of that."""
    world.script.calls.clear()
    world.kill_at(Point("now", world.script.calls["now"] + 9, "before"))
    with pytest.raises(Killed):
        looked(world)
    world.script.heal()
    read = sum(event.objects for event in told(world))
    ((first, _), *_) = told(world)[0].spans
    assert 0 < read < 4
    world.target.spoil("dst", KEYS[first - 1], 130)

    found = looked(world, replace(FULL, afresh=afresh))

    assert (found.objects, found.before) == ((4, 0) if afresh else (4, read))
    assert found.damaged == ([first] if afresh else [])
    assert {event.number for event in told(world)} == ({1, 2} if afresh else {1})


def test_a_look_that_was_stopped_long_ago_is_begun_anew(world: World) -> None:
    """What it had read weeks ago must not count as read now."""
    world.script.calls.clear()
    world.kill_at(Point("now", world.script.calls["now"] + 9, "before"))
    with pytest.raises(Killed):
        looked(world)
    world.script.heal()
    assert told(world)
    assert not count(world, LookEnded)
    world.clock.seconds += 2 * 86_400

    found = looked(world)

    assert found.objects == 4
    assert sum(event.objects for event in told(world) if event.number == 2) == 4


def test_a_reading_of_the_future_does_not_count(world: World) -> None:
    day = 86_400.0
    world.clock.seconds += 10 * day
    assert looked(world).objects == 4
    ledger = world.open()
    ledger._do("UPDATE object SET verified_at = '2027-06-01T00:00:00Z' WHERE id = 1")
    row = ledger.erasable("b", 0, 1)[0]
    assert Looks(ledger, "b").last(row, "full") == "2027-06-01T00:00:00Z"
    story = LookAgain(world.context(ledger), "b", Choice(level="full", older_than=day), user="o")
    assert story._due(row, world.clock.now(), told=False)
    ledger.close()


@pytest.mark.parametrize(("change", "kind"), [("drop", "gone"), ("keep", "replaced")])
def test_what_cannot_be_read_is_asked_for_whether_it_is_there(
    world: World, change: str, kind: str
) -> None:
    """A host that does not look at If-Match gives too many bytes of another object, or none."""

    def silent(bucket: str, stored: object, *more: object) -> object:
        raise ConnectionLost("no answer")

    world.target.read = silent  # type: ignore[assignment]
    getattr(world.target, change)("dst", "t/b.c4gh", *([b"theirs"] if change == "keep" else []))

    found = looked(world)

    assert len(getattr(found, kind)) == 1
    assert len(found.unread) == 3


@pytest.mark.parametrize("change", ["none", "drop", "keep"])
def test_what_nothing_can_prove_is_asked_for_too(tmp_path: Path, change: str) -> None:
    """Verified at level head: the ledger has no digest of its stored bytes."""
    world = moved(tmp_path, level="head")
    if change != "none":
        more = [b"theirs"] if change == "keep" else []
        getattr(world.target, change)("dst", "t/c.c4gh", *more)

    found = looked(world, Choice(level="head"))

    assert [len(found.gone), len(found.replaced)] == {
        "none": [0, 0], "drop": [1, 0], "keep": [0, 1],
    }[change]  # fmt: skip
    assert found.unread == []
    assert world.run() is (Exit.VERIFICATION_FAILED if change == "keep" else Exit.OK)
    assert len(looked(world, FULL).unread) >= 2  # a closer look has nothing to compare with


def test_a_look_at_all_begins_without_walking_what_there_is_to_read(world: World) -> None:
    ledger, done = world.open(), list[str]()
    told, walk = "looking-again", ledger._sql["erasable"]

    def note(_: object, sql: str, values: object) -> bool:
        wrote = sql.startswith("INSERT INTO event") and isinstance(values, tuple)
        done.append(told if wrote and told in values else sql)
        return True

    ledger._con.set_exec_trace(note)
    found = LookAgain(world.context(ledger), "b", FULL, user="ops@here").run()
    ledger._con.set_exec_trace(None)
    ledger.close()

    assert (found.objects, [event.objects for _, event in begun(world)]) == (4, [4])
    assert walk not in done[: done.index(told)]
    assert walk in done[done.index(told) :]


def begun(world: World) -> list[tuple[str, LookingAgain]]:
    ledger = world.open()
    try:
        return list(ledger.events(LookingAgain))
    finally:
        ledger.close()


@pytest.mark.parametrize("story", [LookAgain, Restoring])
def test_what_earlier_looks_left_open_is_not_held_in_memory(
    world: World, story: type[LookAgain | Restoring]
) -> None:
    ledger = world.open()
    for number in range(10, 10_010):
        ledger.finding(Code.TARGET_UNREAD, "not read", dataset=1, entry=number)
    ledger.commit()
    ctx = world.context(ledger)

    tracemalloc.start()
    try:
        one = LookAgain(ctx, "b", FULL, user="ops@here") if story is LookAgain else Restoring(
            ctx, "b", user="ops@here"
        )  # fmt: skip
        assert one is not None
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        ledger.close()

    assert most < 500_000
