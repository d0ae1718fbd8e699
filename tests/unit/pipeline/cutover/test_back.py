"""Going back, giving going back up, and rehearsing both."""

from __future__ import annotations

import io
from contextlib import AbstractContextManager, ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import (
    AccessDenied,
    ApprovalMissing,
    CommandFailed,
    Exit,
    Fenced,
    LedgerDamaged,
    MigrateError,
    Missing,
    NoSpace,
    PointerMoved,
    Refused,
    SwitchHeld,
    Throttled,
)
from hdh_migrate.events.cutover import ListingDifferences, Track
from hdh_migrate.pipeline.cutover.finalize import finalize
from hdh_migrate.pipeline.cutover.rehearse import rehearse
from hdh_migrate.pipeline.cutover.rollback import pointer_now, roll_back
from hdh_migrate.pipeline.cutover.scene import Scene
from hdh_migrate.pipeline.cutover.start import start
from hdh_migrate.pipeline.fences.fence import fence_key
from hdh_migrate.pipeline.fences.fencing import Fencing
from hdh_migrate.pipeline.fences.post import Owner
from hdh_migrate.pipeline.projections.facts import cutover_facts
from hdh_migrate.pipeline.projections.standing import CutoverStage
from hdh_migrate.results.switches import CutoverFact
from tests.support.cutover import NEW, OLD, Affair, FakeDrawer, FakePointer, names, program
from tests.support.narrow import files_of_at_most
from tests.support.script import Killed, Point
from tests.support.world import RUN_TAG


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Affair:
    """A batch that is verified, and approved: each test has a copy of it."""
    made = Affair(tmp_path_factory.mktemp("whole"), budget=30.0)
    for key in ("a", "b", "c"):
        made.world.source.put("src", key, key.encode() * 50)
    assert made.world.run() is Exit.OK
    made.approve("cutover")
    return made


@pytest.fixture
def affair(tmp_path: Path, whole: Affair) -> Affair:
    return whole.twin(tmp_path)


@pytest.fixture
def switched(affair: Affair) -> Affair:
    affair.act(start)
    return affair


@pytest.mark.parametrize("kept", ["s3://attacker/t/", None])
def test_a_pointer_never_goes_back_to_what_was_put_into_the_ledger(
    switched: Affair, kept: str | None
) -> None:
    """The old value is in no event: whoever edited its cell led all consumers where they liked."""

    def edit(scene: Scene) -> None:
        if kept is None:
            scene.ledger._do("DELETE FROM meta WHERE name LIKE 'cutover-old:%'")
        else:
            scene.ledger._do("UPDATE meta SET value = ? WHERE name LIKE 'cutover-old:%'", (kept,))
        scene.ledger.commit()

    switched.act(edit)
    with pytest.raises(LedgerDamaged, match="before the switch") as damaged:
        switched.act(roll_back)
    assert damaged.value.exit_code is Exit.DAMAGED
    assert switched.pointer.value == NEW
    assert switched.standing().stage is CutoverStage.OPEN

    switched.pointer.value = OLD  # by hand, as the hint says
    switched.act(roll_back)
    assert switched.pointer.value == OLD
    assert switched.standing().stage is CutoverStage.ROLLED_BACK


def test_a_rollback_lists_what_consumers_wrote_and_touches_none_of_it(switched: Affair) -> None:
    target = switched.world.target
    target.keep("dst", "t/new result.csv", b"theirs")
    target.keep("dst", "t/a.c4gh", b"overwritten")
    target.drop("dst", "t/b.c4gh")

    told = switched.act(roll_back)

    assert switched.pointer.value == OLD
    assert told["written"] == {"new": 1, "changed": 1, "gone": 1}
    found = {(line["what"], line["target_key"]) for line in names(switched, FILE)}
    assert found == {("new", "t/new result.csv"), ("changed", "t/a.c4gh"), ("gone", "t/b.c4gh")}
    assert "result" not in told["hint"]
    assert '"hdh-migrate verify PLAN --again" tells which' in told["hint"]
    assert target.data("dst", "t/new result.csv") == b"theirs"
    with pytest.raises(Refused, match="is not the one that was verified"):
        switched.act(start)  # what was verified there is not there any more


FILE = "cutover-b-written-since.jsonl"


def test_a_rollback_does_not_wait_for_a_target_that_is_away(switched: Affair) -> None:
    switched.script.always("keys", Throttled("503"))
    with pytest.raises(Throttled) as away:
        switched.act(roll_back)
    assert switched.pointer.value == OLD
    assert "not listed yet" in (away.value.hint or "")
    assert switched.standing().stage is CutoverStage.ROLLED_BACK
    assert switched.standing().written is None

    switched.script.heal()
    assert switched.act(roll_back)["written"] == {"new": 0, "changed": 0, "gone": 0}
    assert switched.pointer.swaps == [(OLD, NEW), (NEW, OLD)]
    assert switched.act(roll_back)["stage"] == "rolled back"


@pytest.mark.parametrize(
    ("value", "has", "told"),
    [(OLD, "old", "the pointer has its old value"), (NEW, "new", "consumers are led to the target"),
     ("s3://third/", "another", "it is <s3://>; it is left as it is; set it by its own means"),
     (Throttled("503"), None, "which value the pointer has now is not known: 503"),
     (Missing("no such file"), "none", "there is no pointer any more: consumers are led nowhere")],
)  # fmt: skip
def test_what_was_rolled_back_is_not_believed_to_be_so_still(
    switched: Affair, value: str | Exception, has: str | None, told: str
) -> None:
    switched.act(roll_back)
    if isinstance(value, Exception):
        switched.script.always("pointer read", value)
    else:
        switched.pointer.value = value
    seen = switched.act(lambda scene: pointer_now(scene.back))
    assert seen["has"] == has
    assert told in seen["told"]
    assert switched.pointer.value == (OLD if isinstance(value, Exception) else value)


def test_a_pointer_that_somebody_removed_is_a_refusal_with_a_way_on(switched: Affair) -> None:
    for call in ("pointer read", "pointer swap"):
        switched.script.always(call, Missing("there is no such file"))
    with pytest.raises(PointerMoved, match="somebody else changed it") as moved:
        switched.act(start)
    assert "set it to the new value" in (moved.value.hint or "")
    waits = switched.standing().waits
    assert waits is not None
    assert waits.reasons == ("there is no pointer any more: consumers are led nowhere",)
    with pytest.raises(Refused) as refused:
        switched.act(finalize, "agreed")
    assert "there is no pointer any more: consumers are led nowhere" in refused.value.blockers
    with pytest.raises(MigrateError, match="has now:   none: there is no pointer") as failed:
        switched.act(roll_back)
    assert failed.value.exit_code is Exit.REFUSED


def test_a_rollback_that_fails_stops_and_says_exactly_how_it_stands(switched: Affair) -> None:
    switched.pointer.value = "https://elsewhere.example/?token=x"
    with pytest.raises(MigrateError, match="the rollback of batch b failed") as failed:
        switched.act(roll_back)
    text, kept = str(failed.value), switched.drawer.files["cutover-b-runbook.txt"]
    assert "the journal says: rolling back" in text
    assert failed.value.exit_code is Exit.REFUSED
    assert "token" not in text
    for value in ("https://elsewhere.example/?token=x", OLD, NEW):
        assert value in kept
    assert switched.pointer.value == "https://elsewhere.example/?token=x"
    with pytest.raises(Refused, match="a rollback is under way"):
        switched.act(start)

    switched.pointer.value = OLD  # by hand, as the runbook says
    switched.act(roll_back)
    assert switched.standing().stage is CutoverStage.ROLLED_BACK


def test_a_rollback_of_a_pointer_that_does_not_answer_can_be_run_again(switched: Affair) -> None:
    switched.script.fail("pointer swap", CommandFailed("revert: status 1"))
    with pytest.raises(MigrateError) as failed:
        switched.act(roll_back)
    assert failed.value.exit_code is Exit.STOPPED
    assert switched.standing().stage is CutoverStage.ROLLING_BACK
    switched.act(roll_back)
    assert switched.pointer.value == OLD


class Filling(FakePointer):
    """A pointer on the disk of the state folder: what sets it takes the last of its room."""

    def __init__(self, affair: Affair) -> None:
        super().__init__(affair.script, affair.pointer.value)
        self.full = ExitStack()

    def swap(self, *, expected: str, new: str) -> None:
        super().swap(expected=expected, new=new)
        self.full.enter_context(files_of_at_most(0))


def test_a_disk_that_is_full_once_the_pointer_is_set_hides_from_nobody_that_it_is(
    affair: Affair,
) -> None:
    for verb, hint, stage, done in (
        (start, "the pointer IS switched", CutoverStage.SWITCHING, CutoverStage.OPEN),
        (roll_back, "the pointer has its old value", CutoverStage.ROLLING_BACK,
         CutoverStage.ROLLED_BACK),
    ):  # fmt: skip
        affair.pointer = pointer = Filling(affair)

        def act(scene: Scene, verb: Any = verb, pointer: Filling = pointer) -> None:
            with pointer.full:
                verb(scene)

        with pytest.raises(NoSpace) as full:
            affair.act(act)
        assert (full.value.hint or "").startswith(f"{hint}, and only its receipt could not")
        assert affair.standing().stage is stage
        affair.pointer = FakePointer(affair.script, pointer.value)
        affair.act(verb)
        assert affair.standing().stage is done
        assert affair.pointer.swaps == []


def test_a_full_disk_keeps_a_runbook_from_nobody(switched: Affair) -> None:
    switched.pointer.value = "s3://third/"

    class Full(FakeDrawer):
        def open(self, name: str) -> AbstractContextManager[io.StringIO]:
            raise NoSpace(f"{name}: no space left on the disk")

    switched.drawer = Full()
    with pytest.raises(MigrateError, match="By hand:") as failed:
        switched.act(roll_back)
    assert "could not be kept: cutover-b-runbook.txt: no space left" in (failed.value.hint or "")


def test_there_is_nothing_to_roll_back_before_a_start(affair: Affair) -> None:
    with pytest.raises(Refused, match="no cutover to roll back"):
        affair.act(roll_back)
    assert affair.events() == []


def test_a_rollback_right_after_a_kill_in_the_switch_finds_the_old_value(affair: Affair) -> None:
    affair.kill_at(Point("pointer swap", 1, "after"))
    with pytest.raises(Killed):
        affair.act(start)
    assert affair.pointer.value == NEW
    affair.act(roll_back)
    assert affair.pointer.value == OLD
    assert affair.standing().stage is CutoverStage.ROLLED_BACK


def test_finalize_waits_for_the_window_or_a_reason(switched: Affair) -> None:
    with pytest.raises(Refused, match="fallback window is open until"):
        switched.act(finalize, None)
    switched.world.clock.seconds += 3600
    with pytest.raises(ApprovalMissing):
        switched.act(finalize, None)
    switched.approve("finalize")
    now = switched.act(finalize, None)
    assert now.stage is CutoverStage.FINALIZED
    assert (now.finalized.early, now.finalized.reason) == (False, None)
    assert switched.act(finalize, None).stage is CutoverStage.FINALIZED
    assert switched.events().count("finalized") == 1


def test_an_early_finalize_keeps_its_reason_and_its_approvers(switched: Affair) -> None:
    switched.approve("finalize")
    now = switched.act(finalize, "the old platform is switched off tonight")
    told = (now.finalized.early, now.finalized.reason)
    assert told == (True, "the old platform is switched off tonight")
    assert now.approvals == {"cutover": ["SHA256:dpo"], "finalize": ["SHA256:dpo"]}


def test_after_finalize_there_is_no_rollback(switched: Affair) -> None:
    switched.approve("finalize")
    switched.act(finalize, "now")
    with pytest.raises(Refused, match="no way back"):
        switched.act(roll_back)
    assert switched.pointer.value == NEW
    assert switched.act(start).stage is CutoverStage.FINALIZED


def test_finalize_is_refused_while_the_pointer_is_elsewhere_or_the_door_is_held(
    switched: Affair,
) -> None:
    switched.approve("finalize")
    switched.pointer.value = OLD
    with pytest.raises(Refused, match="does not have the new value"):
        switched.act(finalize, "now")
    switched.pointer.value, switched.holder = NEW, "by ward 3"
    with pytest.raises(SwitchHeld):
        switched.act(finalize, "now")
    assert switched.standing().stage is CutoverStage.OPEN


def test_a_pointer_that_is_moved_while_the_target_is_listed_is_not_final(switched: Affair) -> None:
    """It was read before a listing that may take hours, and from here on there is no way back."""
    switched.approve("finalize")

    def moved() -> None:
        switched.pointer.value = OLD

    switched.script.at("keys", switched.script.calls["keys"] + 1, "after", moved)
    with pytest.raises(PointerMoved):
        switched.act(finalize, "now")
    assert switched.standing().stage is CutoverStage.OPEN

    switched.pointer.value = NEW
    assert switched.act(finalize, "now").stage is CutoverStage.FINALIZED


def test_a_fence_that_is_lost_while_the_target_is_listed_makes_nothing_final(
    switched: Affair,
) -> None:
    switched.approve("finalize")
    target = switched.world.target

    def fenced(scene: Scene) -> None:
        owner = Owner(migration="m", ledger=RUN_TAG, place="here", host="h", pid=1, user="ops")
        scene.fencing = Fencing(
            scene.ctx.ledger, lambda: target, owner, clock=scene.ctx.clock, retry=scene.ctx.retry,
            progress=scene.ctx.progress, wait=lambda _: None,
        )  # fmt: skip
        scene.fencing.take(["dst"])
        finalize(scene, "now")

    def taken_over() -> None:
        target.keep("dst", fence_key("m"), b"another copy's")

    switched.script.at("keys", switched.script.calls["keys"] + 1, "after", taken_over)
    with pytest.raises(Fenced):
        switched.act(fenced)
    assert switched.standing().stage is CutoverStage.OPEN


def test_another_manifest_than_was_cut_over_needs_approvals_of_its_own(switched: Affair) -> None:
    """What the target lost in the window was sent anew, and nothing but going back was left."""
    switched.approve("finalize")
    root = switched.root
    switched.root = lambda ledger: root(ledger)[::-1]  # type: ignore[method-assign]
    with pytest.raises(ApprovalMissing):
        switched.act(finalize, "now")
    assert switched.standing().stage is CutoverStage.OPEN

    switched.approve("finalize")
    assert switched.act(finalize, "now").stage is CutoverStage.FINALIZED


def _lose(affair: Affair) -> None:
    affair.world.target.drop("dst", "t/a.c4gh")


def _change(affair: Affair) -> None:
    affair.world.target.keep("dst", "t/b.c4gh", b"somebody else's")


def test_finalize_looks_at_the_target_once_more(switched: Affair) -> None:
    """It was believed since the switch, and from here on there is no way back to the source."""
    _lose(switched)
    _change(switched)
    switched.approve("finalize")

    with pytest.raises(Refused) as refused:
        switched.act(finalize, "now")

    text = "\n".join(refused.value.blockers)
    assert "1 object at the target is not the one that was verified" in text
    assert "1 verified object is gone from the target" in text
    assert "verify PLAN --again" in text
    assert "--as-it-is" in text
    assert switched.standing().stage is CutoverStage.OPEN


def test_finalize_looks_at_the_source_once_more(switched: Affair) -> None:
    """What a writer who was not stopped wrote after the last listing was told by the decommission,
    when no way back was left, and what he added by nobody.
    """
    source = switched.world.source
    source.put("src", "a", b"written late")
    source.put("src", "new", b"new")
    switched.approve("finalize")

    with pytest.raises(Refused) as refused:
        switched.act(finalize, "now")

    (told,) = refused.value.blockers
    assert told.startswith("2 objects are new or changed at the source since the last listing")
    assert switched.standing().stage is CutoverStage.OPEN
    done = switched.act(lambda scene: finalize(scene, "the ward knows", as_it_is=True))
    assert done.stage is CutoverStage.FINALIZED
    assert done.finalized is not None
    assert done.finalized.source == ListingDifferences(new=1, changed=1, gone=0)
    assert said_of(switched)["finalized"] == {
        "early": True, "reason": "the ward knows",
        "target": {"new": 0, "changed": 0, "gone": 0},
        "source": {"new": 1, "changed": 1, "gone": 0},
    }  # fmt: skip


def said_of(affair: Affair) -> CutoverFact:
    """Return what a statement says of the one cutover."""
    with closing(affair.world.open()) as ledger:
        (said,) = cutover_facts(ledger)
    return said


def test_a_source_that_cannot_be_listed_is_made_final_for_a_reason_only(switched: Affair) -> None:
    switched.approve("finalize")
    switched.script.always("page", AccessDenied("the source's container: no reason given"))
    with pytest.raises(Refused) as refused:
        switched.act(finalize, "now")
    assert "the source cannot be listed" in "".join(refused.value.blockers)

    done = switched.act(lambda scene: finalize(scene, "it is closed", as_it_is=True))
    assert done.stage is CutoverStage.FINALIZED
    said = said_of(switched)["finalized"]
    assert said is not None
    assert "source" in said
    assert said["source"] is None


def test_a_target_that_is_wanted_as_it_is_takes_a_reason_and_is_told(switched: Affair) -> None:
    _lose(switched)
    switched.approve("finalize")
    with pytest.raises(Refused, match="cannot be finalized"):
        switched.act(lambda scene: finalize(scene, " ", as_it_is=True))

    done = switched.act(lambda scene: finalize(scene, "the ward removed it", as_it_is=True))

    assert done.stage is CutoverStage.FINALIZED
    assert done.finalized is not None
    assert done.finalized.target == ListingDifferences(new=0, changed=0, gone=1)
    assert done.finalized.source == ListingDifferences(new=0, changed=0, gone=0)


def test_a_target_that_does_not_answer_is_never_final(switched: Affair) -> None:
    switched.approve("finalize")
    switched.script.always("keys", Throttled("slow down"))

    with pytest.raises(Refused, match="cannot be finalized"):
        switched.act(lambda scene: finalize(scene, "now", as_it_is=True))

    assert switched.standing().stage is CutoverStage.OPEN


def test_finalize_is_refused_before_the_smoke_tests_have_passed(affair: Affair) -> None:
    affair.programs = [program("site", ok=False)]
    with pytest.raises(MigrateError):
        affair.act(start)
    affair.approve("finalize")
    with pytest.raises(Refused, match="not in its fallback window"):
        affair.act(finalize, "now")


def test_a_rehearsal_ends_where_it_began(affair: Affair) -> None:
    affair.approved.clear()
    affair.world.source.put("src", "late", b"x")  # writers are still at work
    affair.programs = [program("site")]
    before = affair.source_as_it_is()

    told = affair.act(rehearse, track=Track.REHEARSAL)

    assert told["ok"]
    assert told["same"] == {"pointer": True, "source": True, "target": True}
    assert told["smoke"]["ok"]
    assert told["a_start_would_find"] == {
        "approved": False,
        "approvals": ["0 of 1 approvals"],
        "to_move": {"new": 1, "changed": 0, "vanished": 0},
    }
    assert affair.canary.swaps == [(OLD, NEW), (NEW, OLD)]
    assert affair.pointer.swaps == []
    assert affair.source_as_it_is() == before
    assert "probe" not in affair.script.calls
    assert affair.standing().stage is CutoverStage.NONE
    assert "late" not in [name.removeprefix("d/") for name in affair.world.records()]


def test_a_rehearsal_whose_tests_fail_says_so_and_goes_back(affair: Affair) -> None:
    affair.programs = [program("site", ok=False)]
    told = affair.act(rehearse, track=Track.REHEARSAL)
    assert not told["ok"]
    assert "command site: status 1" in told["failed"]
    assert affair.canary.value == OLD


def test_a_rehearsal_that_was_killed_is_taken_back_first(affair: Affair) -> None:
    affair.kill_at(Point("pointer swap", 1, "after"))
    with pytest.raises(Killed):
        affair.act(rehearse, track=Track.REHEARSAL)
    assert affair.canary.value == NEW
    told = affair.act(rehearse, track=Track.REHEARSAL)
    assert told["ok"]
    assert affair.canary.swaps == [(OLD, NEW), (NEW, OLD)] * 2


def test_the_facts_hold_digests_and_no_value(switched: Affair) -> None:
    switched.approve("finalize")
    switched.act(finalize, "now")
    ledger = switched.world.open()
    try:
        (told,) = cutover_facts(ledger)
        journal = "".join(body for _, _, _, body, _ in ledger.journal())
    finally:
        ledger.close()
    assert (told["batch"], told["track"], told["stage"]) == ("b", "cutover", "finalized")
    assert told["pointer"]["guard"] == "conditional"
    assert told["approvals"].keys() == {"cutover", "finalize"}
    assert OLD not in journal
    assert NEW not in journal


def test_a_rollback_tells_what_a_write_trial_may_have_left(affair: Affair) -> None:
    """Whoever goes back for good starts nothing that would look for it again."""
    assert affair.probe is not None
    affair.probe.denied = affair.probe.removable = False
    with pytest.raises(Refused, match="left an empty object"):
        affair.act(start)

    first, again = affair.act(roll_back), affair.act(roll_back)

    assert first["hint"] == again["hint"]
    assert first["hint"] is not None
    assert "dataset d may have an empty object" in first["hint"]
    affair.probe.removable = True
    with pytest.raises(Refused, match="not frozen"):
        affair.act(start)
    assert affair.act(roll_back)["hint"] is None
