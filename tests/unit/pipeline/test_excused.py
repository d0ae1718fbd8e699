"""Objects that failed for good: a waiver lets them go everywhere; who asks tries them again."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from hdh_migrate.codes import Code
from hdh_migrate.errors import Exit, Refused
from hdh_migrate.events.cutover import Track
from hdh_migrate.events.objects import ObjectsFailed, ObjectsRetried
from hdh_migrate.events.refreshes import RetryingFailed
from hdh_migrate.ledger import database
from hdh_migrate.model import Place, State
from hdh_migrate.pipeline.cutover.gates import blockers
from hdh_migrate.pipeline.cutover.scene import Need
from hdh_migrate.pipeline.excused import excused
from hdh_migrate.pipeline.runner import Wishes
from tests.support.cutover import Affair
from tests.support.script import Killed
from tests.support.world import ALL, ONE, Dataset, World

TWO = (
    ONE[0],
    Dataset(name="e", batch="later", source=Place(bucket="more"), target=Place(bucket="dst2")),
)
AGAIN = Wishes(again=(), user="ops@here")


def asked(*codes: str) -> Wishes:
    return Wishes(again=codes, user="ops@here")


@pytest.fixture(autouse=True)
def without_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill here copies files that were written; whether they reached the disk is not tried."""
    pragmas = (*database._PRAGMAS, "PRAGMA synchronous = OFF")
    monkeypatch.setattr(database, "_PRAGMAS", pragmas)


def hurt(folder: Path) -> World:
    """Return a world of two batches; in the first two objects fail, each in its way."""
    made = World(folder, TWO, needs={"later": ("b",)})
    for name in "abc":
        made.source.put("src", name, name.encode() * 100)
    made.source.put("more", "m", b"m")
    made.target.keep("dst", "t/a.c4gh", b"somebody's")
    made.source.lie("src", "b", b"B" * 100)
    made.source.touch("src", "b", md5="00" * 16)
    assert made.run() is Exit.FINDINGS
    assert sorted(made.findings()) == [
        ("batch-held-back", None), ("conflict", "a"), ("source-md5-differs", "b"),
    ]  # fmt: skip
    return made


@pytest.fixture
def world(tmp_path: Path) -> World:
    return hurt(tmp_path)


def told(world: World) -> list[RetryingFailed]:
    ledger = world.open()
    try:
        return [event for _, event in ledger.events(RetryingFailed)]
    finally:
        ledger.close()


def attempts(world: World) -> list[int]:
    ledger = world.open()
    try:
        rows = ledger._rows("SELECT attempt FROM object WHERE dataset = 1 ORDER BY id")
        return [row[0] for row in rows]
    finally:
        ledger.close()


def test_what_a_waiver_lets_go_holds_nothing_back_and_is_not_tried_again(world: World) -> None:
    """Every run tried it again, and found it again: so no waiver held past the next run."""
    world.waived = {"conflict"}
    before = attempts(world)
    assert world.run() is Exit.FINDINGS
    after = attempts(world)
    assert (after[0], after[1]) == (before[0], before[1] + 1)  # b was tried again, and a was not
    assert "e/m" not in world.states()  # what waits is not even listed

    world.waived = {"conflict", "source-md5-differs"}
    assert world.run() is Exit.OK
    states = world.states()
    assert (states["d/a"], states["d/b"], states["e/m"]) == (
        State.FAILED, State.FAILED, State.VERIFIED,
    )  # fmt: skip
    assert attempts(world) == after
    assert world.run((ALL[0],), "later") is Exit.OK

    world.waived = set()  # it ended, or was withdrawn
    assert world.run() is Exit.FINDINGS
    assert attempts(world)[0] == after[0] + 1


def test_an_object_with_a_finding_that_is_not_waived_is_not_let_go(world: World) -> None:
    ledger = world.open()
    try:
        row = ledger.datasets("b")[0]
        assert len(ledger.failed_objects(row.id)) == 2
        waived = {"conflict", "drifted"}
        context = world.context(ledger)
        world.waived = waived
        assert excused(ledger, [row], context.waivers) == {1}
        ledger.finding(Code.UNREADABLE, "more", dataset=row.id, entry=1)
        assert excused(ledger, [row], context.waivers) == set()
    finally:
        ledger.close()


def test_who_asks_tries_failed_objects_again_and_no_others(world: World) -> None:
    before = attempts(world)
    world.waived = {"conflict", "source-md5-differs"}
    assert world.run(ALL, wishes=asked("denied")) is Exit.OK
    assert attempts(world) == before
    assert told(world) == []

    assert world.run(ALL, "b", wishes=asked("conflict", "denied")) is Exit.OK  # still waived
    assert attempts(world) == [before[0] + 1, *before[1:]]
    (one,) = told(world)
    assert (one.batch, one.asked, one.reasons) == ("b", ("conflict", "denied"), {"conflict": 1})

    world.target.drop("dst", "t/a.c4gh")
    world.source.touch("src", "b", md5=None)
    assert world.run(ALL, wishes=AGAIN) is Exit.OK
    assert told(world)[-1].reasons == {"conflict": 1, "source-md5-differs": 1}
    assert set(world.states().values()) == {State.VERIFIED}
    assert world.run(ALL, wishes=AGAIN) is Exit.OK
    assert len(told(world)) == 2


def test_a_code_of_verify_is_not_one_of_transfer(tmp_path: Path) -> None:
    world = World(tmp_path)
    for name in "ab":
        world.source.put("src", name, b"x" * 300)
    world.run(ALL[:2])
    world.target.drop("dst", "t/a.c4gh")
    world.source.put("src", "c", b"y")
    assert world.run() is Exit.VERIFICATION_FAILED
    assert world.findings() == [("verify-missing", "a")]
    assert world.run(ALL, wishes=asked("missing")) is Exit.VERIFICATION_FAILED
    assert told(world) == []
    assert world.run(ALL, wishes=asked("verify-missing")) is Exit.OK
    assert told(world)[0].reasons == {"verify-missing": 1}


def test_a_cutover_honours_what_is_waived_in_a_batch_that_it_needs(tmp_path: Path) -> None:
    affair = Affair(tmp_path, TWO)
    world = affair.world
    world.source.put("src", "a", b"a")
    for name in "mn":
        world.source.put("more", name, b"m")
    world.target.keep("dst2", "m.c4gh", b"somebody's")
    world.run()
    affair.needs = (Need(batch="later", cut_over=False),)

    def lacks() -> bool:
        ledger = world.open()
        try:
            scene = affair.scene(ledger, Track.CUTOVER)
            return any("needs batch later" in one for one in blockers(scene, scene.standing()))
        finally:
            ledger.close()

    assert lacks()
    world.waived = {"conflict"}
    assert not lacks()


@pytest.mark.slow
def test_a_second_try_that_is_killed_anywhere_converges(tmp_path: Path) -> None:
    first = hurt(tmp_path / "first")
    first.target.drop("dst", "t/a.c4gh")
    first.script.calls.clear()
    clean = first.twin(tmp_path / "clean")
    clean.run(ALL, wishes=AGAIN)
    points = [one for one in clean.script.points() if one.method in {"now", "put", "head"}]
    assert len(points) > 20
    for number, point in enumerate(points):
        made = first.twin(tmp_path / str(number))
        made.kill_at(point)
        with pytest.raises(Killed):
            made.run(ALL, wishes=AGAIN)
        made.script.heal()
        made.run(ALL, wishes=AGAIN)
        assert made.states() == clean.states(), point
        assert sorted(made.findings()) == sorted(clean.findings()), point
        ledger = made.open()
        retried = Counter[int]()
        for _, event in ledger.events(ObjectsRetried):
            retried.update(event.ids)
        reasons = sum(sum(one.reasons.values()) for _, one in ledger.events(RetryingFailed))
        failed = sum(len(event.ids) for _, event in ledger.events(ObjectsFailed))
        ledger.close()
        assert sum(retried.values()) == reasons
        assert failed - reasons == 1  # b, which fails whatever is done


def test_a_batch_that_cannot_be_moved_is_not_tried_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    for name in "aA":
        world.source.put("src", name, b"x")
    for wishes in (Wishes(), AGAIN):
        with pytest.raises(Refused, match="2 objects cannot be moved"):
            world.run(ALL, wishes=wishes)
    assert told(world) == []
