"""Batches that need others, and steps before their time: refused, held back, never a success."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit, ListingBroken, NotAsPlanned, Refused
from hdh_migrate.model import Place, State, Step
from tests.support.world import Dataset, World
from tests.unit.pipeline.test_own_trouble import Grudge

PILOT = Dataset(
    name="p", batch="pilot", source=Place(bucket="one"), target=Place(bucket="dst", prefix="t/")
)
AFTER = Dataset(
    name="a", batch="after", source=Place(bucket="two"), target=Place(bucket="dst", prefix="a/")
)
OTHER = Dataset(
    name="o", batch="other", source=Place(bucket="three"), target=Place(bucket="dst", prefix="o/")
)
NEEDS = {"after": ("pilot",)}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, (PILOT, AFTER), needs=NEEDS)
    for number in range(4):
        made.source.put("one", f"k{number}", b"pilot")
        made.source.put("two", f"k{number}", b"after")
    return made


def held(world: World) -> list[str]:
    ledger = world.open()
    try:
        return [one["detail"] for one in ledger.findings() if one["code"] == "batch-held-back"]
    finally:
        ledger.close()


def test_what_a_batch_needs_is_demanded_before_anything_is_listed(world: World) -> None:
    """Everything was listed first, and then refused."""
    with pytest.raises(Refused) as refused:
        world.run((Step.INVENTORY, Step.TRANSFER, Step.VERIFY), "after")
    assert world.records() == {}
    assert "1 dataset is not inventoried" in str(refused.value)


def test_datasets_without_an_inventory_are_not_counted_as_objects(world: World) -> None:
    """ "of which 1 objects are not verified" counted a dataset."""
    with pytest.raises(Refused, match="pilot, of which 1 dataset is not inventoried"):
        world.run((Step.INVENTORY, Step.TRANSFER), "after")
    world.run((Step.INVENTORY,), "pilot")
    with pytest.raises(Refused, match="pilot, of which 4 objects are not verified"):
        world.run((Step.INVENTORY, Step.TRANSFER), "after")


def test_a_batch_that_is_held_back_is_noted_once_and_not_for_ever(world: World) -> None:
    """Each run added a note anew, and none was taken back when the batch went on."""
    grudge = Grudge(world.target, "put")
    world.target = grudge  # type: ignore[assignment]
    for _ in range(3):
        assert world.run() is Exit.FINDINGS
        assert held(world) == ["batch after needs batch pilot, of which 1 object is not verified"]
    assert {name for name in world.states() if name.startswith("a/")} == set()
    grudge.held = False
    assert world.run() is Exit.OK
    assert held(world) == []
    assert set(world.states().values()) == {State.VERIFIED}


@pytest.mark.parametrize("step", [Step.TRANSFER, Step.VERIFY])
def test_a_step_before_any_inventory_is_no_success(world: World, step: Step) -> None:
    """`verify` before anything ended with 0, all gates met."""
    for selected in ((), ("pilot",)):
        with pytest.raises(Refused, match="there is no finished inventory"):
            world.run((step,), *selected)


def test_a_verify_of_what_nobody_sent_is_no_success(world: World) -> None:
    world.run((Step.INVENTORY,), "pilot")
    assert world.run((Step.VERIFY,), "pilot") is Exit.FINDINGS
    assert world.notes.lines[-1] == "batch pilot: 4 objects are not verified"


def test_a_batch_that_nobody_began_is_told_where_the_others_are_verified(world: World) -> None:
    world.run((Step.INVENTORY, Step.TRANSFER), "pilot")
    assert world.run((Step.VERIFY,)) is Exit.FINDINGS
    assert world.notes.lines[-1] == "batch after: 1 dataset is not inventoried"
    assert world.run((Step.VERIFY,), "pilot") is Exit.OK
    assert set(world.states().values()) == {State.VERIFIED}


def test_what_is_wrong_with_one_batch_holds_up_those_that_need_it_and_no_other(
    tmp_path: Path,
) -> None:
    """Two names in the second of twelve batches, and ten batches stayed where they were."""
    three = [
        Dataset(
            name=name,
            batch=name,
            source=Place(bucket="three", prefix=name),
            target=Place(bucket="dst", prefix=name),
        )
        for name in ("long", "empty", "other")
    ]
    world = World(tmp_path, (PILOT, *three, AFTER), needs={"after": ("empty",)})
    for bucket, key in (("one", "k"), ("two", "k"), ("three", "long/k"), ("three", "other/k")):
        world.source.put(bucket, key, b"good")
    world.source.put("three", "long/" + "k" * 1025, b"too long a name")
    with pytest.raises(NotAsPlanned) as refused:
        world.run()
    words = str(refused.value)
    assert "batch long: 1 object cannot be moved as planned" in words
    assert "dataset empty: the source lists no object" in words
    assert held(world) == ["batch after needs batch empty, of which 1 dataset is not inventoried"]
    ledger = world.open()
    try:
        verified = {
            row.name: ledger.tally(row.id, State.VERIFIED).objects for row in ledger.datasets()
        }
    finally:
        ledger.close()
    assert verified == {"p": 1, "long": 0, "empty": 0, "other": 1, "a": 0}
    assert world.notes.lines[-1] == "batch long, empty: refused; the run went on with the others"


def test_a_listing_that_contradicts_itself_holds_up_its_batch_alone(tmp_path: Path) -> None:
    """It ended the run there: the batches after it stayed where they were, night after night."""
    world = World(tmp_path, (PILOT, AFTER, OTHER), needs=NEEDS)
    for bucket in ("one", "two", "three"):
        world.source.put(bucket, "k", b"good")
    for number in range(1, 9):  # of the first batch alone: it never lists the same twice
        late = partial(world.source.put, "one", f"n{number}", b"x")
        world.script.at("recount", number, "before", late)
    with pytest.raises(ListingBroken, match="dataset p: two listings differ"):
        world.run()
    assert {name for name, state in world.states().items() if state is State.VERIFIED} == {"o/k"}
    assert held(world) == ["batch after needs batch pilot, of which 1 dataset is not inventoried"]
    assert world.notes.lines[-1] == "batch pilot: refused; the run went on with the others"


def test_a_transfer_keeps_to_what_the_inventory_refused(world: World) -> None:
    """`inventory` refused, `transfer` right after it went ahead with the rest of the batch."""
    world.source.put("one", "k" * 1025, b"too long a name")
    for steps in ((Step.INVENTORY,), (Step.TRANSFER,)):
        with pytest.raises(Refused, match="cannot be moved as planned"):
            world.run(steps, "pilot")
    assert set(world.states().values()) <= {State.LISTED, State.REFUSED}
