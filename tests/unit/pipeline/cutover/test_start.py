"""What keeps a switch from happening, and what is told of it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from hdh_migrate.codes import Code
from hdh_migrate.errors import (
    AccessDenied,
    ApprovalMissing,
    ConnectionLost,
    Exit,
    KeyUnavailable,
    MigrateError,
    PointerMoved,
    Refused,
    SmokeFailed,
    SourceWritten,
    SwitchHeld,
)
from hdh_migrate.events.cutover import CutoverSwitching, CutoverWaits, Track
from hdh_migrate.model import Problem, State
from hdh_migrate.pipeline.cutover.finalize import finalize
from hdh_migrate.pipeline.cutover.gates import MEND, blockers
from hdh_migrate.pipeline.cutover.rollback import roll_back
from hdh_migrate.pipeline.cutover.scene import Consumer, Need
from hdh_migrate.pipeline.cutover.smoke import sample
from hdh_migrate.pipeline.cutover.start import start
from hdh_migrate.pipeline.excused import Excuses
from hdh_migrate.pipeline.projections.standing import CutoverStage
from tests.support.corpus import recounted
from tests.support.cutover import NEW, OLD, Affair, Watched, program
from tests.support.fakes import FakeTarget
from tests.support.world import ONE
from tests.unit.pointers.test_command import pointer


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Affair:
    """A batch that is verified, and approved: each test has a copy of it."""
    made = Affair(tmp_path_factory.mktemp("whole"))
    for number in range(7):
        made.world.source.put("src", f"o{number}", b"%d" % number * 100)
    assert made.world.run() is Exit.OK
    made.approve("cutover")
    return made


@pytest.fixture
def affair(tmp_path: Path, whole: Affair) -> Affair:
    return whole.twin(tmp_path)


def test_every_blocker_is_listed_at_once(affair: Affair) -> None:
    affair.approved.clear()
    affair.world.target.drop("dst", "t/o1.c4gh")
    affair.world.target.keep("dst", "t/o2.c4gh", b"somebody's")
    affair.closed = ["target.attestation: hds is not in force"]
    affair.pointer.problems = [Problem(where="pointer", what="may not be written")]
    affair.needs = (Need(batch="other", cut_over=True),)

    with pytest.raises(Refused) as refused:
        affair.act(start)

    told = "\n".join(refused.value.blockers)
    assert "hds is not in force" in told
    assert "may not be written" in told
    assert "approval: 0 of 1 approvals" in told
    assert "other" in told
    assert affair.pointer.swaps == []
    assert affair.standing().waits is not None

    affair.closed = []  # only now may the target be asked
    with pytest.raises(Refused) as refused:
        affair.act(start)
    told = "\n".join(refused.value.blockers)
    assert f"1 object at the target is not the one that was verified{MEND}" in told
    assert f"1 verified object is gone from the target{MEND}" in told
    assert "verify PLAN --again" in MEND


def test_buckets_are_looked_at_again_before_a_switch_and_before_it_is_final(
    affair: Affair,
) -> None:
    affair.unfit = ["target bucket dst: its policy lets everybody in"]
    with pytest.raises(Refused, match="lets everybody in"):
        affair.act(start)
    assert affair.pointer.swaps == []
    affair.unfit = []
    affair.act(start)
    affair.approve("finalize")
    affair.unfit = ["target bucket dst: its policy lets everybody in"]
    for as_it_is in (False, True):
        with pytest.raises(Refused, match="lets everybody in"):
            affair.act(lambda scene, so=as_it_is: finalize(scene, "agreed", as_it_is=so))
    affair.unfit = []
    affair.act(finalize, "agreed")
    assert affair.standing().stage is CutoverStage.FINALIZED


def test_missing_approvals_alone_have_their_own_exit_code(affair: Affair) -> None:
    affair.approved.clear()
    with pytest.raises(ApprovalMissing) as missing:
        affair.act(start)
    assert missing.value.exit_code is Exit.APPROVAL_MISSING
    assert affair.standing().stage is CutoverStage.NONE
    assert "probe" not in affair.script.calls


def test_waivers_are_read_once_for_all_findings_and_not_for_none(affair: Affair) -> None:
    read = []
    ledger = affair.world.open()
    try:
        scene = affair.scene(ledger, Track.CUTOVER)
        waivers, scene.waivers = scene.waivers, lambda: read.append(1) or waivers()
        assert not any("findings" in line for line in blockers(scene, scene.standing()))
        assert read == []
        for _ in range(3):
            ledger.finding(Code.VANISHED, "gone", dataset=1, entry=1)
        assert any("3 open findings" in line for line in blockers(scene, scene.standing()))
        assert read == [1]
    finally:
        ledger.close()


def test_open_findings_block_unless_they_are_waived(affair: Affair) -> None:
    affair.world.source.drop("src", "o3")
    with pytest.raises(Refused, match=r"1 open finding without a signed waiver \[vanished\]"):
        affair.act(start)
    assert affair.world.findings() == [("vanished", "o3")]
    assert affair.pointer.value == OLD

    affair.waivers.add("vanished")
    affair.act(start)
    assert affair.pointer.value == NEW


def test_a_waiver_that_ended_since_the_gate_switches_nothing(affair: Affair) -> None:
    """Between the last gate and the intent somebody is asked whether the switch is held."""
    affair.waivers.add("vanished")
    affair.world.source.drop("src", "o3")
    ledger = affair.world.open()
    try:
        scene = affair.scene(ledger, Track.CUTOVER)
        scene.held = affair.waivers.clear
        with pytest.raises(Refused, match=r"1 open finding without a signed waiver \[vanished\]"):
            start(scene)
        assert scene.standing().stage is CutoverStage.PREPARING
    finally:
        ledger.close()
    assert affair.pointer.value == OLD

    affair.waivers.add("vanished")
    affair.act(start)
    assert affair.pointer.value == NEW


def test_what_is_switched_names_the_waivers_that_the_journal_has(affair: Affair) -> None:
    affair.world.source.drop("src", "o3")
    ledger = affair.world.open()
    try:
        scene = affair.scene(ledger, Track.CUTOVER)
        scene.waivers = lambda: Excuses(waived=lambda _: True, counted=("ab" * 32,))
        start(scene)
        (switching,) = [event for _, event in ledger.events(CutoverSwitching)]
    finally:
        ledger.close()
    assert switching.waivers == ("ab" * 32,)


def test_what_came_back_to_the_source_is_no_finding_any_more(affair: Affair) -> None:
    affair.waivers.add("vanished")
    data, version = affair.world.source.data("src", "o3"), affair.world.source.version("src", "o3")
    affair.world.source.drop("src", "o3")
    affair.act(start)
    affair.act(roll_back)
    affair.waivers.clear()
    affair.world.source.put("src", "o3", data)  # with another version: it is moved again

    with pytest.raises(Refused):
        affair.act(start)
    affair.waivers.add("vanished")
    with pytest.raises(ApprovalMissing, match="found 1 object new or changed"):
        affair.act(start)
    assert affair.world.findings() == []
    assert affair.world.source.version("src", "o3") != version


def test_the_final_delta_moves_what_is_new_or_changed(affair: Affair) -> None:
    before = affair.world.records()["d/o1"]
    affair.world.source.put("src", "o1", b"changed")
    affair.world.source.put("src", "o9", b"new")

    with pytest.raises(ApprovalMissing, match="found 2 objects new or changed"):
        affair.act(start)

    after = affair.world.records()
    assert after["d/o1"]["sha256"] != before["sha256"]
    assert {record["state"] for record in after.values()} == {State.VERIFIED}
    dataset = affair.world.datasets[0]
    assert affair.world.opened(dataset, "o1") == b"changed"
    assert affair.world.opened(dataset, "o9") == b"new"
    (delta,) = affair.standing().rounds
    assert (delta.round, delta.new, delta.changed, delta.vanished) == (1, 1, 1, 0)
    recounted(affair.world)
    assert affair.pointer.value == OLD

    affair.approve("cutover")
    affair.act(start)
    assert affair.pointer.value == NEW


def test_a_source_that_is_written_between_the_listings_is_not_frozen(affair: Affair) -> None:
    def write() -> None:
        affair.world.source.put("src", "late", b"x")

    affair.script.at("recount", affair.script.calls["recount"] + 1, "after", write)
    with pytest.raises(SourceWritten, match="two listings 60 s apart differ") as written:
        affair.act(start)
    assert written.value.exit_code is Exit.DRIFTED
    assert affair.pointer.value == OLD
    waits = affair.standing().waits
    assert waits is not None
    assert waits.why == "source-written"


def test_a_source_that_is_written_after_the_listings_is_not_frozen(affair: Affair) -> None:
    def write() -> None:
        affair.world.source.put("src", "late", b"x")

    affair.script.at("recount", affair.script.calls["recount"] + 2, "after", write)
    with pytest.raises(SourceWritten, match="changed after two equal listings"):
        affair.act(start)
    assert affair.pointer.value == OLD


def test_a_write_that_goes_through_stops_it_and_leaves_nothing(affair: Affair) -> None:
    assert affair.probe is not None
    before = affair.source_as_it_is()
    affair.probe.denied = False
    with pytest.raises(Refused, match="the source is not frozen"):
        affair.act(start)
    assert affair.source_as_it_is() == before
    assert affair.pointer.value == OLD


def test_who_may_write_again_since_the_delta_is_found_out_before_the_switch(
    affair: Affair,
) -> None:
    """The trial was believed from before the listings on, and a delta may move for days."""
    assert affair.probe is not None
    before = affair.source_as_it_is()

    def given_back() -> None:
        assert affair.probe is not None
        affair.probe.denied = False

    gates = affair.script.calls["keys"] + 2  # the target is listed before the delta, and after
    affair.script.at("keys", gates, "after", given_back)
    with pytest.raises(Refused, match="the source is not frozen"):
        affair.act(start)
    assert affair.pointer.swaps == []
    assert affair.standing().freeze is not None
    assert affair.source_as_it_is() == before

    affair.probe.denied = True
    affair.act(start)
    assert affair.pointer.value == NEW


def test_a_trial_that_could_not_be_removed_is_removed_by_the_next_start(affair: Affair) -> None:
    assert affair.probe is not None
    before = affair.source_as_it_is()
    affair.probe.denied = affair.probe.removable = False
    for why in ("not-frozen", "blocked"):
        with pytest.raises(Refused, match="left an empty object"):
            affair.act(start)
        waits = affair.standing().waits
        assert waits is not None, "or `status` calls it fine"
        assert waits.why == why
    assert len(affair.standing().probes) == 1

    affair.probe.removable = True
    with pytest.raises(Refused, match="not frozen"):
        affair.act(start)
    assert affair.source_as_it_is() == before
    assert affair.standing().probes == []


def test_what_a_trial_left_is_looked_for_where_a_statement_is_asked_for_by_now(
    affair: Affair,
) -> None:
    """Its intent was closed unseen: the object stayed at the source, and nothing told of it."""
    assert affair.probe is not None
    affair.probe.denied = affair.probe.removable = False
    with pytest.raises(Refused, match="left an empty object"):
        affair.act(start)
    affair.probe = None
    affair.approve("freeze")

    with pytest.raises(Refused, match="left an empty object"):
        affair.act(start)

    (trial,) = affair.standing().probes
    affair.world.source.drop("src", trial.name)
    affair.act(start)
    assert affair.standing().probes == []
    assert affair.pointer.value == NEW


@pytest.mark.parametrize("removable", [True, False])
def test_a_write_that_was_refused_and_went_through_is_no_freeze(
    affair: Affair, removable: bool
) -> None:
    """A refusal is a word of the service: what the source then holds is looked at."""
    assert affair.probe is not None
    before = affair.source_as_it_is()
    affair.probe.lands, affair.probe.removable = True, removable

    with pytest.raises(Refused, match="not frozen" if removable else "left an empty object"):
        affair.act(start)

    assert affair.pointer.value == OLD
    assert (affair.source_as_it_is() == before) is removable


def test_a_trial_without_an_answer_is_tried_again_under_another_name(affair: Affair) -> None:
    affair.script.fail("probe", ConnectionLost("no answer"))
    affair.act(start)
    assert affair.script.calls["probe"] == 3  # without an answer, with one, before the switch
    assert affair.script.calls["clear"] == 1
    assert affair.pointer.value == NEW


def test_a_signed_statement_stands_in_for_the_trial(affair: Affair) -> None:
    affair.probe = None
    with pytest.raises(ApprovalMissing, match="nobody has signed that the source is frozen"):
        affair.act(start)
    waits = affair.standing().waits
    assert waits is not None
    assert [line.partition(": ")[0] for line in waits.reasons] == ["freeze"]
    affair.approve("freeze")
    affair.act(start)
    freeze = affair.standing().freeze
    assert freeze is not None
    assert freeze.how.as_json() == {"kind": "statement", "keys": ["SHA256:dpo"]}


def test_a_statement_that_is_missing_is_asked_for_together_with_the_approvals(
    affair: Affair,
) -> None:
    """Whoever had it approved was told of the next signature at the next start."""
    affair.probe = None
    affair.approved.clear()
    with pytest.raises(ApprovalMissing, match=r"freeze: 0 of 1 approvals") as missing:
        affair.act(start)
    assert "--stage freeze" in (missing.value.hint or "")

    affair.closed = ["target.attestation: hds is not in force"]
    with pytest.raises(Refused) as refused:
        affair.act(start)
    assert {"approval: 0 of 1 approvals", "freeze: 0 of 1 approvals"} <= {*refused.value.blockers}


@pytest.mark.parametrize(
    ("stated", "void"),
    [("2026-01-02T03:04:04.900Z", True), ("2026-01-02T03:04:05Z", False)],
)
def test_a_stated_freeze_is_void_when_the_source_was_written_after_it(
    affair: Affair, stated: str, *, void: bool
) -> None:
    """Writers came back for a moment after somebody had signed, and it counted for its day."""
    affair.probe, affair.stated = None, stated
    affair.world.source.put("src", "late", b"x")  # at 03:04:05

    with pytest.raises(ApprovalMissing):  # the manifest is another one
        affair.act(start)

    now = affair.standing()
    assert (now.disproved_at is not None) is void
    assert (now.known_since("freeze") is not None) is void
    assert affair.pointer.value == OLD


def test_a_hold_at_the_door_stops_the_switch_and_nothing_before_it(affair: Affair) -> None:
    affair.holder = "by ward 3"
    with pytest.raises(SwitchHeld, match="ward 3") as held:
        affair.act(start)
    assert held.value.exit_code is Exit.STOPPED
    assert "frozen" in affair.events()
    assert "switching" not in affair.events()

    affair.holder = None
    affair.act(start)
    assert affair.pointer.value == NEW


def test_a_hold_while_the_intent_is_written_is_heard(affair: Affair) -> None:
    def hold() -> None:
        affair.holder = "by ward 3"

    affair.script.at("held", affair.script.calls["held"] + 1, "after", hold)
    with pytest.raises(SwitchHeld):
        affair.act(start)
    assert affair.events()[-4:] == ["switching", "waits", "withdrawn", "waits"]
    assert affair.pointer.swaps == []
    assert affair.standing().stage is CutoverStage.PREPARING


def test_an_approval_that_expires_at_the_door_is_missed(affair: Affair) -> None:
    # Judged at the gate, again at the door, and again inside it.
    for number in (2, 3):
        affair.script.at(
            "consent", affair.script.calls["consent"] + number, "before", affair.approved.clear
        )
        with pytest.raises(ApprovalMissing):
            affair.act(start)
        assert affair.pointer.swaps == []
        affair.script.heal()
        affair.approve("cutover")
    assert affair.standing().stage is CutoverStage.PREPARING


def test_a_pointer_that_is_changed_by_hand_before_the_switch_is_left_alone(
    affair: Affair,
) -> None:
    affair.holder = "by ops"
    with pytest.raises(SwitchHeld):
        affair.act(start)
    affair.holder, affair.pointer.value = None, "https://elsewhere.example"

    with pytest.raises(PointerMoved, match="changed by somebody else"):
        affair.act(start)
    assert affair.pointer.value == "https://elsewhere.example"

    affair.act(roll_back)  # gives the start up; nothing had been switched
    assert affair.pointer.value == "https://elsewhere.example"
    affair.act(start)
    assert affair.pointer.swaps == [("https://elsewhere.example", NEW)]


def test_a_pointer_that_is_changed_at_the_last_moment_is_left_alone(affair: Affair) -> None:
    def change() -> None:
        affair.pointer.value = "https://elsewhere.example"

    affair.script.at("pointer swap", 1, "before", change)
    with pytest.raises(PointerMoved):
        affair.act(start)
    assert affair.pointer.swaps == []
    assert affair.standing().stage is CutoverStage.PREPARING


def test_a_switched_pointer_that_was_changed_by_hand_is_told(affair: Affair) -> None:
    affair.act(start)
    affair.pointer.value = OLD
    with pytest.raises(PointerMoved, match="does not have the new value any more"):
        affair.act(start)
    assert affair.standing().stage is CutoverStage.OPEN
    affair.pointer.value = NEW
    assert affair.act(start).stage is CutoverStage.OPEN
    affair.approve("finalize")
    affair.act(finalize, "agreed")
    assert affair.act(start).stage is CutoverStage.FINALIZED
    affair.pointer.value = OLD  # "is switched" is said of what is, final or not
    with pytest.raises(PointerMoved, match="does not have the new value any more") as moved:
        affair.act(start)
    assert "no rollback sets it back" in (moved.value.hint or "")


def test_a_pointer_that_is_changed_during_the_smoke_tests_opens_no_window(affair: Affair) -> None:
    def move() -> None:
        affair.pointer.value = OLD

    affair.programs = [program("site", act=move)]
    with pytest.raises(PointerMoved, match="does not have the new value any more"):
        affair.act(start)
    assert affair.standing().stage is CutoverStage.SWITCHED
    assert affair.standing().window_until is None


def test_a_new_value_that_somebody_else_set_is_a_blocker(affair: Affair) -> None:
    affair.pointer.value = NEW
    with pytest.raises(Refused, match="this ledger did not set it"):
        affair.act(start)


SAYS = "echo JEANNE-DUPONT >&2"


@pytest.mark.parametrize(
    ("check", "apply", "kept"),
    [
        (f"{SAYS}; exit 1", "true", "a program of the pointer ended badly"),
        ("cat at", f"{SAYS}; exit 1", "a program of the pointer ended badly"),
        ("cat at", SAYS, "a program of the pointer ended well, and the pointer is what it was"),
    ],
)
def test_what_a_program_of_the_pointer_said_is_kept_nowhere(
    affair: Affair, tmp_path: Path, check: str, apply: str, kept: str
) -> None:
    """Words of one that hung, and of a `check` that failed, stood in the journal for ever."""
    made = pointer(tmp_path, check=check, apply=apply)
    affair.real = Watched(affair.script, made)
    with pytest.raises(MigrateError):
        affair.act(start)
    with closing(affair.world.open()) as ledger:
        (told,) = [event.told for _, event in ledger.events(CutoverWaits)]
    assert kept in told[0]
    assert "JEANNE" not in "".join(told)


def test_a_withdrawn_switch_that_lands_late_must_be_rolled_back(affair: Affair) -> None:
    affair.script.fail("pointer swap", PointerMoved("moved"))
    with pytest.raises(PointerMoved):
        affair.act(start)
    affair.pointer.value = NEW  # the program that we gave up on did its work after all

    for _ in range(2):
        with pytest.raises(Refused, match="landed late"):
            affair.act(start)
    assert affair.standing().stage is CutoverStage.SWITCHED

    affair.act(roll_back)
    assert affair.pointer.value == OLD
    affair.act(start)
    assert affair.pointer.value == NEW


def test_smoke_tests_that_could_not_be_made_block_the_switch(affair: Affair) -> None:
    affair.lacking = ["smoke tests: keys/consumer.sec: no such file"]
    with pytest.raises(Refused, match="no such file"):
        affair.act(start)
    affair.lacking = []
    affair.reader = FakeTarget("dst")  # a consumer who sees another bucket of that name
    with pytest.raises(Refused, match="does not see an object that is there"):
        affair.act(start)
    affair.reader = affair.world.target
    affair.script.fail("head", AccessDenied("HTTP 403"))
    with pytest.raises(Refused, match="may not read: HTTP 403"):
        affair.act(start)
    assert affair.pointer.swaps == []


def test_failed_smoke_tests_stop_and_are_run_again_by_the_next_start(affair: Affair) -> None:
    affair.programs = [program("site", ok=True)]
    affair.world.target.spoil("dst", f"t/{chosen(affair)[0]}.c4gh", 300)
    with pytest.raises(SmokeFailed, match="1 object of dataset d") as failed:
        affair.act(start)
    assert failed.value.exit_code is Exit.VERIFICATION_FAILED
    assert "cutover rollback" in (failed.value.hint or "")
    assert affair.pointer.value == NEW
    assert affair.standing().stage is CutoverStage.SWITCHED

    affair.world.target.spoil("dst", f"t/{chosen(affair)[0]}.c4gh", 300)  # flips it back
    affair.act(start)
    assert affair.standing().stage is CutoverStage.OPEN
    assert affair.pointer.swaps == [(OLD, NEW)]


def test_failed_smoke_tests_roll_back_where_the_plan_says_so(affair: Affair) -> None:
    affair.terms = replace(affair.terms, roll_back=True)
    affair.programs = [program("site", ok=False)]
    with pytest.raises(SmokeFailed, match="rolled back, as the plan says"):
        affair.act(start)
    assert affair.pointer.value == OLD
    assert affair.standing().stage is CutoverStage.ROLLED_BACK


def test_a_consumer_key_that_is_gone_after_the_switch_is_a_failed_test(affair: Affair) -> None:
    """It ended as if nothing had been begun: nobody read that the pointer is switched."""
    affair.terms, had = replace(affair.terms, roll_back=True), affair.consumer

    def consumer() -> Consumer:
        if affair.pointer.value == NEW:
            raise KeyUnavailable("keys/consumer.sec: cannot be read")
        return had()

    affair.consumer = consumer
    with pytest.raises(SmokeFailed, match="3 objects of dataset d: keys/consumer"):
        affair.act(start)
    assert affair.pointer.value == OLD


def test_the_manifest_root_chooses_what_is_read(affair: Affair) -> None:
    one = chosen(affair)
    assert len(one) == 3
    assert chosen(affair) == one
    affair.world.source.put("src", "o0", b"changed")
    with pytest.raises(ApprovalMissing):
        affair.act(start)
    assert any(chosen(affair, salt) != one for salt in ("", "1", "2", "3"))


def chosen(affair: Affair, salt: str = "") -> list[str]:
    ledger = affair.world.open()
    try:
        scene = affair.scene(ledger, Track.CUTOVER)
        return [key for _, key in sample(scene, affair.root(ledger) + salt)]
    finally:
        ledger.close()


def test_a_batch_of_nothing_is_not_cut_over(tmp_path: Path) -> None:
    """Rules that leave nothing, or an empty source, give consumers nothing to be switched to."""
    made = Affair(tmp_path, (replace(ONE[0], exclude=("**",), allow_empty=True),))
    made.world.source.put("src", "o1", b"x")
    assert made.world.run() is Exit.OK
    made.approve("cutover")

    with pytest.raises(Refused) as refused:
        made.act(start)

    assert "no object of the batch is verified" in "\n".join(refused.value.blockers)
    assert made.pointer.swaps == []
