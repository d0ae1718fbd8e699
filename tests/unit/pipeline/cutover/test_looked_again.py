"""A look at the target before a switch, between the two, and once deleting has begun."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdh_migrate.errors import ApprovalMissing, Exit, Refused
from hdh_migrate.events.cutover import Track
from hdh_migrate.events.decommission import CutoverErased, CutoverErasing
from hdh_migrate.fixity import sha256_hex
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.model import Stamp, State
from hdh_migrate.pipeline.cutover.gates import MEND
from hdh_migrate.pipeline.cutover.rollback import roll_back
from hdh_migrate.pipeline.cutover.start import start
from hdh_migrate.pipeline.projections.standing import CutoverStage
from hdh_migrate.pipeline.tags import ATTEMPT
from tests.support.cutover import Affair
from tests.unit.pipeline.test_look_again import looked
from tests.unit.pipeline.test_restoring import decided, kept


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Affair:
    """A batch that is verified, and approved: each test has a copy of it."""
    made = Affair(tmp_path_factory.mktemp("whole"))
    for number in range(30):
        made.world.source.put("src", f"o{number}", b"%d" % number * 100)
    assert made.world.run() is Exit.OK
    made.approve("cutover")
    return made


@pytest.fixture
def affair(tmp_path: Path, whole: Affair) -> Affair:
    return whole.twin(tmp_path)


def test_what_was_sent_anew_has_another_manifest_so_approvals_are_void(affair: Affair) -> None:
    affair.world.target.drop("dst", "t/o1.c4gh")
    with pytest.raises(Refused) as refused:
        affair.act(start)
    assert any(line.endswith(MEND) for line in refused.value.blockers)

    assert len(looked(affair.world).gone) == 1
    assert affair.world.run() is Exit.OK

    with pytest.raises(ApprovalMissing):
        affair.act(start)
    affair.approve("cutover")
    affair.act(start)
    assert affair.standing().stage is CutoverStage.OPEN


def test_what_was_accepted_is_no_blocker_any_more(affair: Affair) -> None:
    affair.world.target.keep("dst", "t/o1.c4gh", b"somebody's")
    assert len(looked(affair.world).replaced) == 1
    with pytest.raises(Refused) as refused:
        affair.act(start)
    told = "\n".join(refused.value.blockers)
    assert "target-replaced" in told
    assert f"1 object at the target is not the one that was verified{MEND}" in told

    decided(affair.world, "accept", None, "a correction")
    affair.terms = type(affair.terms)(
        relist_seconds=60, rounds=3, smoke_objects=0, window_seconds=3600, roll_back=False
    )
    affair.act(start)
    assert affair.standing().stage is CutoverStage.OPEN

    affair.world.target.keep("dst", "t/o1.c4gh", b"another one's")
    assert len(looked(affair.world).replaced) == 1  # after the switch it is told as well
    assert affair.world.states()["d/o1"] is State.VERIFIED


def deleted(affair: Affair, *, up_to: int) -> None:
    """Let the objects up to an id have been deleted at the source, as a decommission tells it."""
    affair.act(start)
    ledger = affair.world.open()
    about = {"batch": "b", "track": Track.CUTOVER}
    ledger.event(CutoverErasing(**about, first=1, last=up_to, objects=up_to, again=ABSENT))
    ledger.commit()
    ledger.event(
        CutoverErased(
            **about, first=1, last=up_to, outcomes={"deleted": up_to}, pending=ABSENT, again=ABSENT
        )
    )
    ledger.commit()
    ledger.close()


@pytest.mark.parametrize("how", ["gone", "damaged", "replaced"])
def test_after_a_deletion_a_look_says_what_is_lost_and_lists_nothing_again(
    affair: Affair, how: str
) -> None:
    """It was refused, and nobody could ask any more whether the only copy is still there."""
    world, name = affair.world, "t/o1.c4gh"
    deleted(affair, up_to=30)
    there = world.target._buckets["dst"][name]
    if how == "gone":
        world.target.drop("dst", name)
    elif how == "damaged":
        world.target.spoil("dst", name, 240)
    else:
        world.target.keep("dst", name, b"somebody's")

    for _ in range(2):
        found = looked(world)
        assert (found.objects, len(found.lost), found.differs) == (30, 1, True)
        assert (found.gone, found.damaged, found.replaced) == ([], [], [])
        assert world.findings() == [("decommission-target-lost", "o1")]
    assert set(world.states().values()) == {State.VERIFIED}

    world.target._buckets["dst"][name] = there  # the verified version is the current one again
    assert not looked(world).differs
    assert world.findings() == []


def test_what_was_replaced_once_and_is_deleted_since_cannot_be_sent_again(affair: Affair) -> None:
    """The finding of an earlier look is still open; the source has nothing any more."""
    world, name = affair.world, "t/o1.c4gh"
    affair.act(start)
    there = world.target._buckets["dst"][name]
    world.target.keep("dst", name, b"somebody's")
    (number,) = looked(world).replaced
    world.target._buckets["dst"][name] = there
    deleted(affair, up_to=30)
    world.target.keep("dst", name, b"somebody's again")

    with pytest.raises(Refused, match="was deleted at the source, or may be"):
        decided(world, "restore", [number])

    assert set(world.states().values()) == {State.VERIFIED}


def test_what_is_not_deleted_yet_is_sent_again(affair: Affair) -> None:
    """One look tells both: what is lost for good, and what the source still holds."""
    world = affair.world
    deleted(affair, up_to=10)
    for name in list(world.target._buckets["dst"]):
        world.target.drop("dst", name)

    found = looked(world)

    assert (found.objects, found.lost, found.gone) == (30, [*range(1, 11)], [*range(11, 31)])
    assert world.run() is Exit.VERIFICATION_FAILED  # for those that are lost
    assert set(world.states().values()) == {State.VERIFIED}
    assert len(world.target._buckets["dst"]) == 20
    found = looked(world)
    assert (found.lost, found.gone) == ([*range(1, 11)], [])


@pytest.mark.parametrize("back", [False, True])
def test_what_a_consumer_rewrote_with_our_tag_is_not_taken_for_damage(
    affair: Affair, *, back: bool
) -> None:
    """Tools that edit an object in place keep its metadata, our attempt tag among them."""
    affair.act(start)
    if back:
        affair.act(roll_back)
    world, body = affair.world, b"a consumer's correction"
    stored = world.target.head("dst", "t/o1.c4gh")
    assert stored is not None
    stamp = Stamp(attempt=stored.metadata[ATTEMPT])
    world.target.put(
        "dst", "t/o1.c4gh", memoryview(body), sha256=sha256_hex(body), stamp=stamp,
        replaces=stored.etag,
    )  # fmt: skip

    found = looked(world)

    assert (len(found.replaced), found.damaged) == (1, [])
    assert world.run() is Exit.VERIFICATION_FAILED
    assert world.target.data("dst", "t/o1.c4gh") == body
    decided(world, "restore")
    assert kept(world) == {"o1": body}
    assert world.run() is Exit.OK
    assert not looked(world).differs


def test_a_bit_that_a_disk_turned_is_damage_after_a_switch_too(affair: Affair) -> None:
    affair.act(start)
    affair.world.target.spoil("dst", "t/o1.c4gh", 240)

    assert len(looked(affair.world).damaged) == 1
    assert affair.world.run() is Exit.OK
    assert not looked(affair.world).differs
