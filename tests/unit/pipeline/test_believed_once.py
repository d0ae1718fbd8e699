"""What a source says once is not believed: sizes, types and MD5s of a listing, and of two of them.

A listing that differs from the next one is listed again. One that is wrong twice in the same way is
sealed, and the first look at the object itself finds it out: then what the source describes is
pinned anew, cut anew and moved under a new data key, in this run or in the next.
"""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any, cast

import pytest

from hdh_migrate.errors import Exit, ListingBroken, Refused
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import SIZE_MAX, Listed, ObjectInfo, Place, State, Step
from hdh_migrate.pipeline.inventory import relooking
from hdh_migrate.pipeline.runner import NO_WISHES, Wishes
from tests.support.fakes import FakeSource
from tests.support.world import BIG, ONE, SEGMENT, World

D = ONE[0]


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.source.put("src", "one", b"1" * 1000, md5=md5(b"1" * 1000))
    made.source.put("src", "two", bytes(range(256)) * 300)
    made.source.put("src", "void", b"")
    return made


def verified(world: World) -> bool:
    return set(world.states().values()) == {State.VERIFIED} and all(
        world.opened(D, key) == world.source.data("src", key) for key in ("one", "two", "void")
    )


WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "nothing": ("two", {"size": 0}),
    "a byte too small": ("two", {"size": 76_799}),
    "half": ("two", {"size": 38_400}),
    "a byte too large": ("two", {"size": 76_801}),
    "large enough for parts": ("two", {"size": BIG}),
    "larger than the target takes": ("two", {"size": 1 << 50}),
    "not empty": ("void", {"size": 5}),
    "another MD5": ("one", {"md5": "00" * 16}),
    "an MD5 of its own": ("two", {"md5": "00" * 16}),
    "another type": ("two", {"kind": "append-blob"}),
    "an archived one": ("void", {"kind": "archived"}),
    "another version": ("one", {"version": "v99"}),
}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("listing", [0, 1])
def test_what_only_one_listing_says_is_never_sealed(world: World, what: str, listing: int) -> None:
    key, fields = WRONG[what]
    told = [{}, {}]
    told[listing] = fields
    world.source.tell(key, *told)

    assert world.run() is Exit.OK

    assert verified(world)
    assert world.script.calls["recount"] == 2
    assert world.findings() == []


@pytest.mark.parametrize("what", WRONG)
def test_what_two_listings_say_alike_is_found_out_and_mended(world: World, what: str) -> None:
    key, fields = WRONG[what]
    world.source.tell(key, fields, fields)

    codes = [world.run() if what != "larger than the target takes" else refused(world)]
    codes.append(world.run())

    assert codes[-1] is Exit.OK
    assert verified(world)
    assert world.findings() == []
    assert world.target.uploads() == []


def refused(world: World) -> Exit:
    with pytest.raises(Refused):
        world.run()
    return Exit.REFUSED


@pytest.mark.parametrize("size", [0, 5, 2 * BIG, SEGMENT])
def test_a_large_object_under_a_wrong_size_is_cut_anew(tmp_path: Path, size: int) -> None:
    world = World(tmp_path)
    data = bytes(range(251)) * (BIG // 251 + 1)
    world.source.put("src", "big", data[:BIG])
    world.source.tell("big", {"size": size}, {"size": size})

    assert world.run() is Exit.OK

    assert world.states() == {"d/big": State.VERIFIED}
    assert world.opened(D, "big") == data[:BIG]
    assert world.records()["d/big"]["size"] == BIG
    assert world.target.uploads() == []


def test_a_source_that_never_says_the_same_is_given_up(world: World) -> None:
    world.source.tell("two", {"size": 7}, {"size": 7})

    def otherwise() -> None:
        size = len(world.source.data("src", "two")) + world.script.calls["head source"] + 1
        world.source.touch("src", "two", size=size)

    for number in range(1, 12):
        world.script.at("head source", number, "after", otherwise)

    assert world.run() is Exit.DRIFTED

    assert world.states()["d/two"] is State.FAILED
    assert world.findings() == [("drifted", "two")]


def test_an_empty_object_costs_one_look_and_no_more(world: World) -> None:
    assert world.run() is Exit.OK
    assert world.script.calls["read source"] == 3
    assert world.script.calls["head source"] == 0  # the fake's read of nothing is its look


def test_a_wrong_size_that_an_earlier_version_sealed_is_mended(world: World) -> None:
    world.run([Step.INVENTORY])
    ledger = world.open()
    try:
        found = ledger.find(1, "two")
        assert found is not None
        entry = found[0]
        wrong = Listed(
            obj=entry.obj.__class__(key="two", size=3, version=entry.obj.version),
            state=State.LISTED, reason=None, parts=0, fold=None,
        )  # fmt: skip
        ledger.update(1, [], [(entry.id, wrong)])
    finally:
        ledger.close()

    assert world.run() is Exit.OK
    assert verified(world)


def test_an_md5_that_two_listings_invent_for_a_large_object_is_mended(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.source.put("src", "big", b"z" * BIG)
    world.source.tell("big", {"md5": "11" * 16}, {"md5": "11" * 16})

    assert world.run() is Exit.VERIFICATION_FAILED
    assert world.findings() == [("verify-source-changed", "big")]
    assert world.records()["d/big"]["md5"] is None

    assert world.run() is Exit.OK
    assert world.states() == {"d/big": State.VERIFIED}
    assert world.findings() == []


def test_all_that_is_looked_at_again_is_asked_for_over_the_same_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection belongs to a thread, and each portion had new ones."""
    monkeypatch.setattr(relooking, "AT_ONCE", 1)
    made = World(tmp_path)
    made.source.put("src", "one", b"1")
    for number in range(12):
        made.source.put("src", f"old{number}", b"", kind="archived")
    made.run([Step.INVENTORY])
    before, threads = made.script.calls["head source"], set[threading.Thread]()
    for number in range(before + 1, before + 13):
        made.script.at(
            "head source", number, "before", lambda: threads.add(threading.current_thread())
        )
    made.run([Step.INVENTORY])
    assert made.script.calls["head source"] == before + 12
    assert 1 <= len(threads) <= relooking.LOOKERS


def test_a_blob_that_was_archived_is_moved_when_it_is_back(world: World) -> None:
    world.source.touch("src", "two", kind="archived")
    assert world.run() is Exit.FINDINGS
    assert world.findings() == [("kind-archived", "two")]
    assert world.run() is Exit.FINDINGS

    world.source.touch("src", "two", kind="object")

    assert world.run() is Exit.OK
    assert verified(world)
    assert world.findings() == []


def test_an_object_that_is_no_plain_one_after_all_ends_in_a_finding(world: World) -> None:
    world.source.touch("src", "two", kind="customer-key")
    world.source.tell("two", {"kind": "object"}, {"kind": "object"})

    assert world.run() is Exit.FINDINGS

    assert world.findings() == [("kind-customer-key", "two")]
    assert world.states()["d/two"] is State.FAILED


@pytest.mark.parametrize("size", [SIZE_MAX, SIZE_MAX // 2])
def test_sizes_that_add_up_to_too_much_take_no_part_of_a_page(tmp_path: Path, size: int) -> None:
    world = World(tmp_path)
    world.source.page_size = 10
    for number in range(20):
        world.source.put("src", f"o{number:02}", b"x")
        world.source.tell(f"o{number:02}", {"size": size})

    with pytest.raises(ListingBroken):
        world.run()

    assert world.run() is Exit.OK
    assert set(world.states().values()) == {State.VERIFIED}


@pytest.mark.parametrize("size", [SIZE_MAX + 1, 1 << 62, 1 << 64, -1])
@pytest.mark.parametrize("wishes", [NO_WISHES, Wishes(refresh=True)], ids=["inventory", "refresh"])
def test_a_size_that_no_store_holds_ends_a_listing(world: World, size: int, wishes: Wishes) -> None:
    """Whatever a kind of source lets through: two such sizes could not be added up any more."""
    if wishes.refresh:
        world.run()
    world.source.put("src", "odd", b"x")
    world.source.tell("odd", {"size": size})

    with pytest.raises(ListingBroken, match="no store can hold"):
        world.run(wishes=wishes)

    assert world.run(wishes=wishes) is Exit.OK
    assert verified(world)


def test_sizes_that_were_listed_since_add_up_with_those_that_are_gone(tmp_path: Path) -> None:
    """The rows of what vanished keep the size that a listing gave them, and are counted."""
    world = World(tmp_path)
    world.source.put("src", "stays", b"x")
    for number in range(4):
        world.source.put("src", f"a{number}", b"x")
        world.source.tell(f"a{number}", {"size": SIZE_MAX}, {"size": SIZE_MAX})
    with pytest.raises(Refused, match="4 objects cannot be moved"):
        world.run()
    for number in range(4):
        world.source.drop("src", f"a{number}")
        world.source.put("src", f"b{number}", b"x")
        world.source.tell(f"b{number}", {"size": SIZE_MAX})

    with pytest.raises(ListingBroken, match="more bytes than any store holds"):
        world.run(wishes=Wishes(refresh=True))

    assert world.run(wishes=Wishes(refresh=True)) is Exit.FINDINGS  # of what is gone
    came = {key: state for key, state in world.states().items() if not key.startswith("d/a")}
    assert set(came.values()) == {State.VERIFIED}
    assert len(came) == 5


def test_what_a_read_again_finds_out_is_pinned_for_the_next_run(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.reread = True
    world.source.put("src", "one", b"first")

    def changed() -> None:
        world.source.put("src", "one", b"the second version")

    world.script.at("read source", 2, "before", changed)

    assert world.run() is Exit.VERIFICATION_FAILED
    assert world.run() is Exit.OK

    assert world.opened(D, "one") == b"the second version"
    assert world.script.calls["read source"] == 4  # none was spent on the old version


def test_a_page_with_a_fault_of_ours_in_it_leaves_nothing_behind(world: World) -> None:
    world.source.tell("two", {"size": 1 << 63})  # the port forbids it; SQLite cannot hold it

    with pytest.raises((OverflowError, ListingBroken)):
        world.run()

    assert world.run() is Exit.OK
    assert verified(world)
    ledger = SqliteLedger.open(world.path, world.clock)
    try:
        ledger.check_receipts()
        assert ledger.tally(1, *State).objects == 3
    finally:
        ledger.close()


class Watched:
    """A source of which it is seen who asks for what stands beside an object."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.threads: list[threading.Thread] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def listed(self, place: Place, key: str) -> ObjectInfo:
        self.threads.append(threading.current_thread())
        found: ObjectInfo = self._inner.listed(place, key)
        return found


def test_what_changed_is_asked_for_side_by_side(tmp_path: Path) -> None:
    """Thousands of objects that came back from an archive were asked for one after the other."""
    made = World(tmp_path)
    names = [f"old{number}" for number in range(12)]
    for name in names:
        made.source.put("src", name, b"1", kind="archived")
    made.source.put("src", "one", b"1")
    made.run([Step.INVENTORY])
    for name in names:
        made.source.touch("src", name, kind="object")
    watched = Watched(made.source)
    made.source = cast("FakeSource", watched)

    made.run([Step.INVENTORY])

    assert len(watched.threads) == 12
    assert threading.current_thread() not in watched.threads
    assert made.states()["d/old3"] is State.LISTED
