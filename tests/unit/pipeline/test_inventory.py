"""A listing is believed when it is in order, when it is whole, and when a second one agrees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hdh_migrate.codes import Code
from hdh_migrate.errors import (
    ConnectionLost,
    Exit,
    Interrupted,
    ListingBroken,
    Refused,
    Transient,
)
from hdh_migrate.ledger import journalling
from hdh_migrate.model import (
    Claimed,
    ObjectInfo,
    Page,
    Place,
    State,
    Step,
    Stored,
    Untagged,
    key_bytes,
)
from hdh_migrate.pipeline.inventory.inventory_findings import InventorySummary, record_kept_back
from hdh_migrate.pipeline.inventory.key_order import KeyOrder
from hdh_migrate.pipeline.transfer import uploads
from tests.support.fakes import FakeSource
from tests.support.filled import PLAN, with_ledger
from tests.support.script import Killed
from tests.support.world import ONE, Dataset, World

INVENTORY = (Step.INVENTORY,)


def page(*keys: str) -> Page:
    return Page(
        objects=tuple(ObjectInfo(key=key, size=0, version="v") for key in keys), marker=None
    )


def ordered(*keys: str, last: str | None = None) -> list[str]:
    return [obj.key for obj in KeyOrder(last).checked(page(*keys))]


# --- order -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "keys",
    [
        ["", "A", "a", "a b", "a/b", "aé", "z"],
        ["a", "é", "\ue000", "\U0001f600"],  # byte order
        ["a", "\U0001f600", "\ue000"],  # UTF-16 order
        ["a", "a/b", "a b", "ab"],  # segment order, as hierarchical namespaces have it
        ["a", "a/\U0001f980", "a/\uff5e", "a-b"],  # the same of UTF-16
        ["\udc80", "\udcff"],
    ],
)
def test_every_order_that_stores_list_in_is_believed(keys: list[str]) -> None:
    assert ordered(*keys) == keys


@pytest.mark.parametrize(
    "keys",
    [
        ["a", "a"],
        ["b", "a"],
        ["a b", "a/b", "a b"],  # two orders by turns would let a key come twice
        ["\ue000", "\U0001f600", "\ue000"],
        ["a/b", "a b", "a/b"],
        ["a", "b", "c", "a"],
        ["é", "z"],
    ],
)
def test_keys_that_fit_no_single_order_break_the_listing(keys: list[str]) -> None:
    with pytest.raises(ListingBroken):
        ordered(*keys)


def test_the_order_goes_on_from_page_to_page_and_from_run_to_run() -> None:
    order = KeyOrder("m")
    list(order.checked(page("n", "o")))
    with pytest.raises(ListingBroken):
        list(order.checked(page("o")))
    with pytest.raises(ListingBroken):
        ordered("m", last="m")


# --- what is frozen ----------------------------------------------------------------------------


def frozen(*rows: tuple[bytes, int, str]) -> InventorySummary:
    return InventorySummary(
        Claimed(n, key, size, version, 0, None, None, "object")
        for n, (key, size, version) in enumerate(rows)
    )


def test_the_root_covers_key_size_version_and_order() -> None:
    base = frozen((b"a", 1, "v"), (b"b", 2, "w"))
    others = [
        frozen((b"a", 1, "v")),
        frozen((b"a", 1, "v"), (b"c", 2, "w")),
        frozen((b"a", 1, "v"), (b"b", 3, "w")),
        frozen((b"a", 1, "v"), (b"b", 2, "x")),
        frozen((b"b", 2, "w"), (b"a", 1, "v")),
    ]
    assert frozen((b"a", 1, "v"), (b"b", 2, "w")).counts.root == base.counts.root
    assert len({base.counts.root, *(other.counts.root for other in others)}) == 6
    assert others[4].digest == base.digest  # the second opinion does not depend on the order
    assert frozen().digest == (0, 0)


def test_losses_are_counted() -> None:
    rows = [
        (1, b"a", 0, "v", State.LISTED, "metadata-loss,leased"),
        (2, b"b", 0, "v", State.LISTED, "leased"),
        (3, b"c", 0, "v", State.FAILED, "kind-symlink"),
        (4, b"d", 0, "v", State.REFUSED, "key-control"),
        (5, b"e", 0, "v", State.EXCLUDED, "exclude-0"),
    ]
    found = InventorySummary(Claimed(*row, None, "object") for row in rows)
    assert found.noted == {"metadata-loss": 1, "leased": 2}


# --- the step ------------------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    for number in range(10):
        made.source.put("src", f"k{number}", bytes(number))
    return made


def test_a_listing_that_breaks_off_goes_on_at_the_last_whole_page(world: World) -> None:
    world.script.fail("page", ConnectionLost("x"))
    world.script.at("page", 3, "before", _raise(Transient("x", retry_after=9)))
    assert world.run(INVENTORY) is Exit.OK
    assert len(world.states()) == 10
    assert world.script.calls["page"] == 4 + 2
    assert 9 in world.stop.waited  # type: ignore[attr-defined]  # Waits


def test_a_listing_that_never_comes_ends_the_run_and_what_was_listed_stays(world: World) -> None:
    for number in range(3, 2000):  # more than the budget lasts
        world.script.at("page", number, "before", _raise(ConnectionLost("x")))
    with pytest.raises(ConnectionLost):
        world.run(INVENTORY)
    assert len(world.states()) == 6
    world.script.heal()
    world.script.calls.clear()
    world.run(INVENTORY)
    assert (len(world.states()), world.script.calls["page"]) == (10, 2)


def test_a_listing_that_went_on_after_a_lie_was_refused_for_ever(world: World) -> None:
    """The first page left an object out, so the next ones began with one that it had."""
    source = world.source
    whole = source._listed
    source._listed = lambda place: whole(place)[1:]  # type: ignore[method-assign]
    world.script.at("page", 2, "before", world.stop.set)
    with pytest.raises(Interrupted):
        world.run(INVENTORY)
    world.stop.clear()
    source._listed = whole  # type: ignore[method-assign]
    assert world.run(INVENTORY) is Exit.OK
    assert len(world.states()) == 10


def test_nothing_of_a_listing_that_contradicts_itself_is_kept(world: World) -> None:
    source = world.source
    whole = source._listed
    source._listed = lambda place: [*whole(place)[:4], *whole(place)[:4]]  # type: ignore[method-assign]
    with pytest.raises(ListingBroken, match="twice or out of order"):
        world.run(INVENTORY)
    assert world.states() == {}
    source._listed = whole  # type: ignore[method-assign]
    assert world.run(INVENTORY) is Exit.OK


def test_a_stop_between_pages_is_resumed_at_the_next_one(world: World) -> None:
    world.script.at("page", 2, "after", world.stop.set)
    with pytest.raises(Interrupted):
        world.run(INVENTORY)
    world.stop.clear()
    world.run(INVENTORY)
    assert (len(world.states()), world.script.calls["page"]) == (10, 4)


def test_an_object_that_appears_between_two_listings_is_found_by_listing_again(
    world: World,
) -> None:
    world.script.at("recount", 1, "before", lambda: world.source.put("src", "new", b"x"))
    assert world.run(INVENTORY) is Exit.OK
    assert "d/new" in world.states()


def test_a_source_that_never_lists_the_same_twice_is_refused_unless_the_plan_says_live(
    tmp_path: Path,
) -> None:
    for live in (False, True):
        world = World(tmp_path / str(live), [replace(ONE[0], live=live)])
        world.source.put("src", "a", b"x")
        for number in range(1, 9):
            world.script.at("recount", number, "before", _putting(world.source, f"n{number}"))
        if live:
            assert world.run(INVENTORY) is Exit.FINDINGS
            assert ("listing-unstable", None) in world.findings()
        else:
            with pytest.raises(ListingBroken):
                world.run(INVENTORY)


def test_a_shorter_second_listing_is_not_believed(world: World) -> None:
    for number in (1, 2, 3):
        world.script.at(
            "recount", number, "before", lambda n=number: world.source.drop("src", f"k{n}")
        )
    with pytest.raises(ListingBroken, match=r"10 and 9|9 and 8|8 and 7"):
        world.run(INVENTORY)


def test_a_source_without_objects_is_refused_unless_the_plan_allows_it(tmp_path: Path) -> None:
    for allowed in (False, True):
        dataset = replace(
            ONE[0], allow_empty=allowed, source=Place(bucket="src", prefix="nothing/")
        )
        world = World(tmp_path / str(allowed), [dataset])
        world.source.put("src", "other", b"")
        if allowed:
            assert world.run() is Exit.OK
        else:
            with pytest.raises(Refused, match="lists no object"):
                world.run()


def test_refused_objects_are_all_named_at_once_and_nothing_is_sent(world: World) -> None:
    world.source.put("src", "bad\nkey", b"")
    world.source.put("src", "too/../bad", b"")
    with pytest.raises(Refused) as raised:
        world.run()
    assert len(raised.value.blockers) == 2
    assert "bad" not in str(raised.value)  # names may identify patients
    assert world.script.calls["put"] == 0
    assert {key for code, key in world.findings()} == {"bad\nkey", "too/../bad"}


@pytest.mark.slow
def test_an_inventory_killed_between_two_portions_of_what_it_refused_tells_of_each_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it was one transaction, held in memory: 4 GB of ten million objects."""
    monkeypatch.setattr(journalling, "IDS", 2)

    def refused(folder: Path) -> World:
        made = World(folder)
        for number in range(5):
            made.source.put("src", f"bad\n{number}", b"")
            made.source.put("src", f"odd{number}", b"", kind="symlink")
        made.source.put("src", "good", b"1")
        return made

    whole = refused(tmp_path / "whole")
    with pytest.raises(Refused):
        whole.run(INVENTORY)
    expected, kept = sorted(whole.findings()), set[int]()
    assert len(expected) == 10
    for number, point in enumerate(p for p in whole.script.points() if p.method == "now"):
        world = refused(tmp_path / str(number))
        world.kill_at(point)
        with pytest.raises(Killed):
            world.run(INVENTORY)
        kept.add(len(world.findings()))
        world.script.heal()
        with pytest.raises(Refused):
            world.run(INVENTORY)
        ledger = world.open()
        ledger.reconcile()
        ledger.close()
        assert sorted(world.findings()) == expected, point
    assert {2, 4, 6, 8} <= kept


def test_a_survey_of_a_full_target_killed_on_its_way_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "PORTION", 2)
    world = World(tmp_path)
    for number in range(7):
        world.source.put("src", f"k{number}", b"1")
        world.target.keep("dst", f"t/k{number}.c4gh", b"theirs")
    passes, keys = [0], world.target.keys

    def dying(place: Place) -> Iterator[Stored]:
        passes[0] += 1  # the first looks whose objects are there
        for number, stored in enumerate(keys(place), 1):
            if (passes[0], number) == (2, 6):
                raise Killed("while the target is listed")
            yield stored

    monkeypatch.setattr(world.target, "keys", dying)
    with pytest.raises(Killed):
        world.run()
    ledger = world.open()
    (row,) = ledger.datasets()
    assert [entry.attempt for entry in ledger.adoptable(row.id, None, 9)] == [1] * 4
    assert not row.surveyed
    ledger.close()

    assert world.run() is Exit.FINDINGS

    assert world.findings() == [("conflict", f"k{number}") for number in range(7)]


def test_colliding_keys_are_refused_once_however_often_the_plan_is_run(world: World) -> None:
    world.source.put("src", "K1", b"")
    for _ in range(3):
        with pytest.raises(Refused) as raised:
            world.run()
        assert len(raised.value.blockers) == 2
    assert world.findings() == [("collision", "K1"), ("collision", "k1")]
    assert world.script.calls["put"] == 0


def test_keys_of_two_datasets_that_meet_at_the_target_collide(tmp_path: Path) -> None:
    two = [
        Dataset(name=name, batch="b", source=Place(bucket=name), target=Place(bucket="dst"))
        for name in ("one", "two")
    ]
    world = World(tmp_path, two)
    world.source.put("one", "a", b"1")
    world.source.put("two", "A", b"2")
    with pytest.raises(Refused):
        world.run()
    assert world.script.calls["put"] == 0


def test_unreadable_tags_are_a_finding(world: World) -> None:
    world.source.untagged_for = Untagged.DENIED
    assert world.run(INVENTORY) is Exit.FINDINGS
    assert world.findings() == [("tags-unread", None)]


def test_losses_and_odd_kinds_are_in_the_findings_and_the_rest_is_moved(world: World) -> None:
    world.source.put("src", "m", b"", metadata={"n": "é"})
    world.source.put("src", "s", b"", kind="symlink")
    assert world.run() is Exit.FINDINGS
    assert world.findings() == [("kind-symlink", "s"), ("metadata-loss", None)]
    states = world.states()
    assert states.pop("d/s") is State.FAILED
    assert set(states.values()) == {State.VERIFIED}


def test_an_inventory_that_is_sealed_is_not_made_again(world: World) -> None:
    world.run(INVENTORY)
    world.script.calls.clear()
    world.source.put("src", "late", b"")
    world.run(INVENTORY)
    assert (world.script.calls["page"], len(world.states())) == (0, 10)


def test_keys_come_back_byte_for_byte(world: World) -> None:
    keys = ["é 1", "🩺", "100%+x", "a//b", key_bytes("x\u200b").decode()]
    for key in keys:
        world.source.put("src", key, b"")
    world.run(INVENTORY)
    assert {f"d/{key}" for key in keys} <= set(world.states())


def _raise(error: Exception):
    def act() -> None:
        raise error

    return act


def _putting(source: FakeSource, key: str):
    return lambda: source.put("src", key, b"")


def test_a_reason_of_an_earlier_version_keeps_no_inventory_from_being_recorded(
    tmp_path: Path,
) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN)
    ledger = with_ledger(tmp_path / "plan.yaml")
    try:
        found = ledger.find(2, "scan")
        assert found is not None
        ledger.failed(found[0], State.LISTED, "mismatch", "mismatch")  # it had this word, too
        (scans,) = [row for row in ledger.datasets() if row.name == "scans"]
        record_kept_back(ledger, scans)
        assert [one["code"] for one in ledger.findings()] == [Code.KIND_SYMLINK]
    finally:
        ledger.close()
