"""The end of a batch at the source: only on evidence, only what was inventoried, one by one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from hdh_migrate.codes import Code
from hdh_migrate.errors import (
    AccessDenied,
    ApprovalMissing,
    ClocksDiffer,
    ConnectionLost,
    Exit,
    Interrupted,
    Missing,
    NoSpace,
    PointerMoved,
    Refused,
    Stopped,
    SwitchHeld,
    TargetDiffers,
    Throttled,
    Transient,
)
from hdh_migrate.events.cutover import Track
from hdh_migrate.events.decommission import CutoverAgreed, CutoverErasing, PresentedEvidence
from hdh_migrate.jsonform import ABSENT, Absent
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Problem, Remnant, State, Trace, Untagged, Verified
from hdh_migrate.pipeline import queue
from hdh_migrate.pipeline.cutover.finalize import finalize
from hdh_migrate.pipeline.cutover.scene import Consent, Scene, Story
from hdh_migrate.pipeline.cutover.start import start
from hdh_migrate.pipeline.decommission import erasing, recheck
from hdh_migrate.pipeline.decommission.decommission import execute, forecast, observe
from hdh_migrate.pipeline.decommission.undertaking import ShownEvidence, Undertaking
from hdh_migrate.pipeline.looks import rereading
from hdh_migrate.pipeline.looks.rereading import Portion, Rereading, RereadWanted
from hdh_migrate.pipeline.projections.facts import cutover_facts
from hdh_migrate.pipeline.projections.standing import CutoverStage
from tests.support.cutover import NEW, OLD, Affair, FakeEraser
from tests.support.fakes import FakeTarget
from tests.support.narrow import files_of_at_most
from tests.support.script import Killed, Point
from tests.support.world import ONE, Dataset

DATASET = Dataset(
    name="d", batch="b", source=ONE[0].source, target=ONE[0].target, exclude=("tmp/**",)
)


class End:
    """A finalized batch and what is to delete it."""

    def __init__(
        self,
        folder: Path,
        *,
        untagged: Untagged | None = None,
        tags: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    ) -> None:
        self.affair = Affair(folder, (DATASET,))
        self.affair.world.source.untagged_for = untagged
        put = self.affair.world.source.put
        for number in range(5):
            put("src", f"o{number}", b"%d" % number * 9, tags=tags.get(f"o{number}", {}))
        put("src", "tmp/scratch", b"left behind")
        assert self.affair.world.run() is Exit.OK
        self.eraser = FakeEraser(self.affair.world)
        self.lacks: list[str] = []
        self.presented: PresentedEvidence | Absent = ABSENT
        self.fenced: list[str] = []
        self.connections = 1
        self.level, self.within = "stored", 7 * 86_400

    def finalized(self) -> End:
        self.affair.approve("cutover")
        self.affair.act(start)
        self.affair.approve("finalize")
        self.affair.act(finalize, "now")
        self.affair.world.clock.seconds += 86_400
        self.affair.approve("decommission")
        return self

    def twin(self, folder: Path) -> End:
        """Return an end that is as this one is between two processes, in a folder of its own."""
        copied: dict[int, Any] = {}
        self.affair.twin(folder, copied)
        return deepcopy(self, copied)

    def undertaking(self, scene: Scene) -> Undertaking:
        shared = {field.name: getattr(scene, field.name) for field in fields(Story) if field.init}
        return Undertaking(
            **shared, eraser=self.eraser, evidence=self.shown,
            pointer=scene.pointer, attested=lambda: list(self.affair.closed),
            unfit=lambda: list(self.affair.unfit), wanted=list,
            fenced=lambda: list(self.fenced), level=self.level, reason=None,
            within_seconds=self.within, cooling_seconds=3600,
            connections=self.connections,
        )  # fmt: skip

    def shown(self, _root: str) -> ShownEvidence:
        return ShownEvidence(list(self.lacks), self.presented)

    def execute(self, *, keep_going: bool = False) -> dict[str, Any]:
        act = self.affair.act
        return act(lambda scene: execute(self.undertaking(scene), keep_going=keep_going))

    def forecast(self, *, quick: bool = False) -> dict[str, Any]:
        return self.affair.act(lambda scene: forecast(self.undertaking(scene), quick=quick))

    def observe(self) -> dict[str, object]:
        return self.affair.act(lambda scene: observe(self.undertaking(scene)))

    def left(self) -> set[str]:
        return {key for _, key in self.affair.world.source._blobs}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> End:
    """A batch that is verified, and what is to delete it: each test has a copy."""
    return End(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def end(tmp_path: Path, whole: End, monkeypatch: pytest.MonkeyPatch) -> End:
    monkeypatch.setattr(erasing, "BATCH_OBJECTS", 2)
    return whole.twin(tmp_path)


def test_everything_that_stands_against_it_is_told_at_once_and_nothing_is_deleted(
    end: End,
) -> None:
    end.lacks = ["it does not prove batch b"]
    before = end.left()
    with pytest.raises(Refused) as refused:
        end.execute()
    assert refused.value.blockers == (
        "the cutover of batch b is not finalized (not started)",
        "evidence: it does not prove batch b",
        "approval: 0 of 1 approvals",
    )
    assert end.left() == before
    assert end.eraser.asked == []


def test_the_journal_tells_on_whose_approvals_each_deletion_rests(end: End) -> None:
    """Only what was agreed to at the start was told, and weeks may lie between two portions."""
    end.finalized()
    given, keys = end.affair._consent, ["SHA256:dpo"]

    def consent(stage: str, root: str) -> Consent:
        return replace(given(stage, root), keys=tuple(keys))

    def withdrawn() -> None:
        keys[0] = "SHA256:ciso"

    end.affair._consent = consent  # type: ignore[method-assign]
    end.affair.script.at("erase", 2, "after", withdrawn)
    assert end.execute()["requested"] == {"deleted": 5}
    story = ("agreed", "erasing", "erased")
    told = [kind for kind in end.affair.events() if kind in story]
    assert told == ["agreed", *story[1:], "agreed", *story[1:], *story[1:]]
    ledger = end.affair.world.open()
    agreed = [event.approvals for _, event in ledger.events(CutoverAgreed)]
    ledger.close()
    assert agreed == [("SHA256:dpo",), ("SHA256:ciso",)]


def test_the_journal_tells_which_report_was_presented(end: End) -> None:
    """Another one for what still goes: what went before was deleted on the first one."""
    first, second = (
        PresentedEvidence(statement=one * 64, written="2026-03-01T00:00:00Z", events=1, head=one)
        for one in "12"
    )
    end.finalized()
    end.presented = first
    stop = end.affair.world.stop
    end.affair.script.at("erase", 1, "after", stop.set)
    with pytest.raises(Interrupted):
        end.execute()
    stop.clear()
    end.presented = second
    assert end.execute()["requested"] == {"deleted": 5}
    ledger = end.affair.world.open()
    presented = [event.evidence for _, event in ledger.events(CutoverAgreed)]
    ledger.close()
    assert presented == [first, second]


def test_the_cooling_period_is_kept(end: End) -> None:
    end.finalized()
    end.affair.world.clock.seconds -= 86_400
    with pytest.raises(Refused, match="cooling period lasts until"):
        end.execute()
    assert end.eraser.asked == []


def test_it_needs_approvals_of_its_own_and_an_open_door(end: End) -> None:
    end.finalized()
    approved, end.affair.approved = end.affair.approved, set()
    with pytest.raises(ApprovalMissing):
        end.execute()
    end.affair.approved, end.affair.holder = approved, "by ward 3"
    with pytest.raises(SwitchHeld):
        end.execute()
    assert end.eraser.asked == []


def test_only_verified_objects_go_each_at_its_inventoried_version(end: End) -> None:
    end.finalized()
    versions = {key: end.affair.world.source.version("src", key) for key in end.left()}
    told = end.execute()
    assert end.left() == {"tmp/scratch"}
    assert end.eraser.asked == [(f"o{n}", versions[f"o{n}"]) for n in range(5)]
    assert told["requested"] == {"deleted": 5}
    assert end.affair.standing().stage is CutoverStage.REQUESTED
    assert end.affair.standing().approvals["decommission"] == ["SHA256:dpo"]
    assert end.execute()["requested"] == {"deleted": 5}
    assert len(end.eraser.asked) == 5


def test_what_changed_is_gone_or_is_held_is_kept_and_becomes_a_finding(end: End) -> None:
    end.finalized()
    source = end.affair.world.source
    source.put("src", "o1", b"written after all")
    source.drop("src", "o2")
    end.eraser.kept["o3"] = "a legal hold holds it"

    told = end.execute()

    assert told["requested"] == {"deleted": 2, "drifted": 1, "missing": 1, "kept": 1}
    assert end.left() == {"o1", "o3", "tmp/scratch"}
    assert end.affair.world.findings() == [
        ("decommission-drifted", "o1"), ("decommission-missing", "o2"), ("decommission-kept", "o3"),
    ]  # fmt: skip


@pytest.mark.parametrize("code", [Code.VANISHED, Code.VANISHED_KEPT])
def test_what_a_listing_found_vanished_is_no_second_finding(end: End, code: Code) -> None:
    end.finalized()
    end.affair.world.source.drop("src", "o2")
    end.affair.world.source.drop("src", "o4")
    ledger = end.affair.world.open()
    ledger.finding(code, "the source no longer has the object", dataset=1, entry=3)
    ledger.commit()
    ledger.close()

    assert end.execute()["requested"] == {"deleted": 3, "missing": 2}

    assert end.affair.world.findings() == [(code, "o2"), ("decommission-missing", "o4")]


def test_index_tags_that_changed_since_keep_the_object_until_they_are_set_back(
    tmp_path: Path,
) -> None:
    """They change without a new version, so no delete by version stops at them."""
    end = End(tmp_path, tags={"o2": {"ward": "3"}, "o3": {"ward": "3"}}).finalized()
    source = end.affair.world.source
    source.touch("src", "o1", tags={"legal": "keep"})
    source.touch("src", "o2", tags={"ward": "4"})

    assert end.execute()["requested"] == {"deleted": 3, "drifted": 2}

    assert end.left() == {"o1", "o2", "tmp/scratch"}
    assert end.affair.world.findings() == [
        ("decommission-drifted", "o1"), ("decommission-drifted", "o2"),
    ]  # fmt: skip
    source.touch("src", "o2", tags={"ward": "3"})
    assert end.execute()["requested"] == {"deleted": 4, "drifted": 1}
    assert end.left() == {"o1", "tmp/scratch"}
    assert end.affair.world.findings() == [("decommission-drifted", "o1")]


def test_tags_that_may_not_be_read_any_more_stop_everything(end: End) -> None:
    end.finalized()
    end.affair.world.source.untagged_for = Untagged.DENIED
    (why,) = end.forecast()["blockers"]
    with pytest.raises(Refused) as refused:
        end.execute()
    assert str(refused.value) == why
    assert why.startswith("dataset d: its index tags were read when it was listed")
    assert "sp=t" in (refused.value.hint or "")
    assert len(end.left()) == 6
    end.affair.world.source.untagged_for = None
    assert end.execute()["requested"] == {"deleted": 5}


def test_tags_that_nobody_ever_read_keep_nothing(tmp_path: Path) -> None:
    end = End(tmp_path, untagged=Untagged.UNSUPPORTED)
    assert end.finalized().execute()["requested"] == {"deleted": 5}


def test_a_lost_reply_is_no_missing_object(end: End) -> None:
    end.finalized()
    end.affair.script.fail("erase", ConnectionLost("reset"), when="after")
    assert end.execute()["requested"] == {"deleted": 4, "gone": 1}
    assert end.affair.world.findings() == []


def test_many_at_once_come_to_the_same(end: End) -> None:
    end.connections = 4
    assert end.finalized().execute()["requested"] == {"deleted": 5}
    assert end.left() == {"tmp/scratch"}


def test_all_portions_have_the_same_threads(end: End) -> None:
    """Each portion had new ones, and so a new connection for each of its few requests."""
    end.connections = 2
    threads = set[threading.Thread]()
    for number in range(1, 6):
        end.affair.script.at(
            "erase", number, "before", lambda: threads.add(threading.current_thread())
        )
    assert end.finalized().execute()["requested"] == {"deleted": 5}
    assert 1 <= len(threads) <= 2
    assert threading.main_thread() not in threads


@pytest.mark.slow
def test_a_decommission_killed_at_any_event_or_delete_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "BATCH_OBJECTS", 2)
    first = End(tmp_path / "first").finalized()
    first.affair.script.calls.clear()
    whole = first.twin(tmp_path / "whole")
    whole.execute()
    points = [
        point
        for point in whole.affair.script.points()
        if point.method == "erase"
        or (point.method, point.when) in {("now", "before"), ("read", "after"), ("head", "after")}
    ]
    assert len(points) > 40
    for number, point in enumerate(points):
        end = first.twin(tmp_path / str(number))
        end.affair.kill_at(point)
        with pytest.raises(Killed):
            end.execute()
        told = end.execute()["requested"]
        assert isinstance(told, dict)
        assert sum(told.values()) == 5, point
        assert told.keys() <= {"deleted", "gone"}, point
        assert end.left() == {"tmp/scratch"}, point
        assert end.affair.world.findings() == [], point


def test_a_dry_run_tells_what_would_happen_and_writes_nothing(end: End) -> None:
    end.affair.holder = "by ward 3"
    before = end.affair.events()
    told = end.forecast()
    assert told["would_delete"] == {"objects": 5, "bytes": 45}
    kept = told["kept"]
    assert isinstance(kept, dict)
    assert kept["excluded"] == {"objects": 1, "bytes": 11}
    assert "held by ward 3" in str(told["blockers"])
    assert end.affair.events() == before
    assert end.eraser.asked == []

    end.affair.holder = None
    assert end.finalized().forecast()["blockers"] == []


def test_what_is_observed_is_what_the_service_shows(end: End) -> None:
    with pytest.raises(Refused, match="no deletion was requested"):
        end.observe()
    end.finalized()
    end.eraser.kept["o3"] = "it has snapshots"
    end.execute()
    end.eraser.left = [
        Remnant(key="o0", trace=Trace.SOFT_DELETED, days=7),
        Remnant(key="o1", trace=Trace.SOFT_DELETED, days=14),
        Remnant(key="o3", trace=Trace.SNAPSHOT),
        Remnant(key="somebody's", trace=Trace.UNCOMMITTED),
    ]
    seen = end.observe()["observed"]
    assert isinstance(seen, dict)
    assert {name: count for name, count in seen.items() if count} == {
        "current": 1, "snapshot": 1, "soft-deleted": 2, "not_ours": 2,
        "until": seen["until"], "not_shown": ["version"],
    }  # fmt: skip
    assert seen["until"].startswith("2026-12-0")
    assert end.affair.standing().stage is CutoverStage.OBSERVED


def test_a_manifest_that_is_another_one_now_takes_approvals_of_its_own(end: End) -> None:
    """What the target had lost was sent anew after the finalization: nobody agreed to that yet."""
    end.finalized()
    root = end.affair.root
    end.affair.root = lambda ledger: root(ledger)[::-1]  # type: ignore[method-assign]
    with pytest.raises(ApprovalMissing, match="another one than was finalized"):
        end.execute()
    assert end.affair.standing().stage is CutoverStage.FINALIZED
    end.affair.approve("decommission")
    end.execute()
    assert end.affair.standing().stage is CutoverStage.REQUESTED


def test_the_rows_of_the_ledger_stay_verified(end: End) -> None:
    end.finalized().execute()
    ledger: SqliteLedger = end.affair.world.open()
    try:
        ledger.check_receipts()
        assert ledger.tally(1, State.VERIFIED).objects == 5
        assert ledger.pinned(1, "o1") is not None
    finally:
        ledger.close()
    assert end.affair.standing(Track.REHEARSAL).stage is CutoverStage.NONE


# --- the target is looked at again -------------------------------------------------------------


def key(number: int) -> str:
    return f"t/o{number}.c4gh"


def test_a_target_that_lost_or_changed_an_object_keeps_the_whole_source(end: End) -> None:
    end.finalized()
    target = end.affair.world.target
    target.drop("dst", key(1))
    target.keep("dst", key(3), b"garbage")
    before = end.left()

    with pytest.raises(TargetDiffers) as stopped:
        end.execute()

    assert stopped.value.exit_code is Exit.VERIFICATION_FAILED
    assert end.left() == before
    assert end.eraser.asked == []
    assert end.affair.world.findings() == [
        ("decommission-target-gone", "o1"), ("decommission-target-differs", "o3"),
    ]  # fmt: skip
    waits = end.affair.standing().waits
    assert waits is not None
    assert waits.why == "target-differs"
    dry = end.forecast()
    assert dry["would_delete"] == {"objects": 3, "bytes": 27}
    assert dry["would_keep"] == {"target-differs": 1, "target-gone": 1}


def test_what_was_mended_is_read_again_and_goes(end: End) -> None:
    end.finalized()
    target = end.affair.world.target
    kept = target._buckets["dst"].pop(key(1))
    with pytest.raises(TargetDiffers):
        end.execute()
    target._buckets["dst"][key(1)] = kept

    assert end.execute()["requested"] == {"deleted": 5}
    assert end.left() == {"tmp/scratch"}
    assert end.affair.world.findings() == []


def test_keep_going_deletes_the_good_ones_only_and_a_later_run_the_mended(end: End) -> None:
    end.finalized()
    target = end.affair.world.target
    kept = target._buckets["dst"].pop(key(1))
    target.spoil("dst", key(4), 40)  # the ETag stays: only reading all bytes can tell

    told = end.execute(keep_going=True)

    assert told["requested"] == {"deleted": 3, "target-gone": 1, "target-differs": 1}
    assert end.left() == {"o1", "o4", "tmp/scratch"}
    assert end.affair.standing().stage is CutoverStage.REQUESTED
    events = end.affair.events()
    with pytest.raises(TargetDiffers):
        end.execute()
    assert end.execute(keep_going=True)["requested"] == told["requested"]
    assert end.left() == {"o1", "o4", "tmp/scratch"}
    assert "erasing" not in end.affair.events()[len(events) :]

    target._buckets["dst"][key(1)] = kept
    target.spoil("dst", key(4), 40)
    assert end.forecast()["would_delete"] == {"objects": 2, "bytes": 18}
    assert end.execute()["requested"] == {"deleted": 5}
    assert end.left() == {"tmp/scratch"}
    assert end.affair.world.findings() == []


def test_an_object_that_is_lost_between_its_reading_and_its_delete_is_kept(end: End) -> None:
    end.finalized()
    target, script = end.affair.world.target, end.affair.script
    script.at("erase", 2, "after", lambda: target.drop("dst", key(3)))

    with pytest.raises(TargetDiffers):
        end.execute()

    assert end.left() == {"o3", "o4", "tmp/scratch"}
    assert end.affair.world.findings() == [("decommission-target-gone", "o3")]
    assert end.affair.standing().erasure.outcomes == {"deleted": 3, "target-gone": 1}
    dry = end.forecast()
    assert dry["done"] == {"deleted": 3}
    assert dry["would_delete"] == {"objects": 1, "bytes": 9}


def test_a_disk_that_is_full_after_a_delete_hides_from_nobody_what_is_deleted(end: End) -> None:
    end.finalized()
    full = ExitStack()
    end.affair.script.at("erase", 2, "after", lambda: full.enter_context(files_of_at_most(0)))

    def act(scene: Scene) -> None:
        with full:
            execute(end.undertaking(scene), keep_going=False)

    with pytest.raises(NoSpace) as error:
        end.affair.act(act)
    hint = error.value.hint or ""
    assert hint.startswith("deleted at the source were 2 of 2 objects, and only the receipt of it")
    assert end.execute()["requested"] == {"deleted": 3, "gone": 2}


def test_one_difference_stops_the_others_of_its_portion(end: End) -> None:
    end.finalized()
    target, script = end.affair.world.target, end.affair.script
    script.at("erase", 1, "before", lambda: None)
    kept = target._buckets["dst"][key(0)]
    reads = 0

    def lose() -> None:
        nonlocal reads
        reads += 1
        if reads == 5:  # everything was read again by now
            target.drop("dst", key(0))

    for number in range(1, 200):
        script.at("read", script.calls["read"] + number, "after", lose)
    with pytest.raises(TargetDiffers):
        end.execute()
    assert end.left() == {"o0", "o1", "o2", "o3", "o4", "tmp/scratch"}
    done = end.affair.standing().erasure
    assert done.pending == {1: "target-gone", 2: "unasked"}
    target._buckets["dst"][key(0)] = kept
    assert end.execute()["requested"] == {"deleted": 5}
    assert end.left() == {"tmp/scratch"}


def test_a_version_on_top_of_the_verified_one_is_not_what_was_verified(end: End) -> None:
    end.finalized()
    held = end.affair.world.target._buckets["dst"]
    same = held[key(2)]
    held[key(2)] = replace(same, stored=replace(same.stored, version_id="another"))
    with pytest.raises(TargetDiffers):
        end.execute()
    assert end.eraser.asked == []
    assert end.affair.world.findings() == [("decommission-target-differs", "o2")]


def test_what_was_never_read_back_whole_is_not_deleted(end: End) -> None:
    end.finalized()
    row = Verified(
        id=1, dataset=1, key="o", size=1, version="v", sha256=None, stored_size=1,
        stored_sha256=None, etag="e", version_id=None,
    )  # fmt: skip
    assert not row.proven
    assert replace(row, sha256="a", stored_sha256="b").proven

    def tried(scene: Scene) -> dict[int, str]:
        found: list[Portion] = []
        wanted = iter([RereadWanted(row=row, level="head", first=1)])
        Rereading(
            scene.ctx, "b", wanted, found.append, moment=scene.ctx.clock.now, sampled=False
        ).run()
        return found[0].differing

    assert end.affair.act(tried) == {1: "target-unproven"}


@pytest.mark.parametrize("level", ["head", "stored", "full"])
def test_each_level_sees_what_it_can(end: End, level: str) -> None:
    end.level = level
    end.finalized()
    end.affair.world.target.spoil("dst", key(2), 240)
    if level == "head":
        assert end.execute()["requested"] == {"deleted": 5}
    else:
        with pytest.raises(TargetDiffers):
            end.execute()
        assert end.eraser.asked == []
    told = next(
        fact["decommission"]["recheck"]
        for fact in end.affair.act(lambda scene: cutover_facts(scene.ctx.ledger))
    )
    assert (told["level"], told["objects"]) == (level, 5)


def test_a_reading_of_before_the_cooling_ended_or_of_long_ago_does_not_count(end: End) -> None:
    end.finalized()
    reads = end.affair.script.calls
    end.affair.holder = "by ward 3"
    with pytest.raises(SwitchHeld):
        end.execute()
    assert end.affair.standing().recheck.objects == 0

    def hold() -> None:
        end.affair.holder = "by ward 3"

    end.affair.holder = None
    end.affair.script.at("read", reads["read"] + 5, "after", hold)
    with pytest.raises(SwitchHeld):
        end.execute()
    assert end.affair.standing().recheck.objects == 5
    end.affair.holder = None
    before = reads["read"]
    end.affair.script.at("erase", 1, "after", hold)
    with pytest.raises(SwitchHeld):
        end.execute()  # read a moment ago: not again
    assert reads["read"] == before

    end.affair.holder = None
    end.affair.world.clock.seconds += 5 * 86_400
    end.within = 4 * 86_400
    assert end.execute()["requested"] == {"deleted": 5}
    assert reads["read"] == before + 3  # two were deleted already


def test_a_decommission_that_takes_long_reads_again_what_became_old(end: End) -> None:
    end.finalized()
    clock, calls = end.affair.world.clock, end.affair.script.calls

    def pass_time() -> None:
        clock.seconds += 50_000

    end.within = 86_400
    before = calls["read"]
    for number in range(1, 6):
        end.affair.script.at("erase", number, "after", pass_time)
    assert end.execute()["requested"] == {"deleted": 5}
    assert calls["read"] == before + 5 + 3

    told = end.forecast()
    assert told["done"] == {"deleted": 5}
    assert told["would_delete"] == {"objects": 0, "bytes": 0}


def test_a_reading_that_takes_longer_than_it_may_be_old_deletes_nothing(end: End) -> None:
    end.finalized()
    end.within = 0
    with pytest.raises(Refused, match="takes longer than a reading may be old"):
        end.execute()
    assert end.eraser.asked == []


def test_a_clock_that_was_set_back_makes_no_reading_younger(end: End) -> None:
    end.finalized()
    end.affair.script.at(
        "read", end.affair.script.calls["read"] + 5, "after",
        lambda: setattr(end.affair, "holder", "by ward 3"),
    )  # fmt: skip
    with pytest.raises(SwitchHeld):
        end.execute()
    end.affair.holder = None
    end.affair.world.clock.seconds -= 3600
    before = end.affair.script.calls["read"]
    with pytest.raises(ClocksDiffer, match="behind its last event"):
        end.execute()
    assert end.affair.script.calls["read"] == before
    end.affair.world.clock.seconds += 3600 - 30  # no further back than clocks may be apart
    end.execute()
    assert end.affair.script.calls["read"] >= before


# --- the pointer, the consent, the hold -----------------------------------------------------------


def test_a_pointer_that_was_set_back_after_finalize_keeps_the_source(end: End) -> None:
    end.finalized()
    end.affair.pointer.value = OLD
    assert any("pointer" in line for line in end.forecast()["blockers"])
    with pytest.raises(Refused, match="pointer does not have the value"):
        end.execute()
    assert end.eraser.asked == []


@pytest.mark.parametrize("moved", [OLD, "s3://elsewhere/"])
def test_a_pointer_that_moves_midway_stops_the_rest_until_it_is_right_again(
    end: End, moved: str
) -> None:
    end.finalized()

    def move() -> None:
        end.affair.pointer.value = moved

    end.affair.script.at("erase", 1, "after", move)
    with pytest.raises(PointerMoved):
        end.execute()
    assert end.left() == {"o2", "o3", "o4", "tmp/scratch"}
    waits = end.affair.standing().waits
    assert waits is not None
    assert waits.why == "pointer-moved"
    end.affair.pointer.value = NEW
    assert end.execute()["requested"] == {"deleted": 5}


def test_a_pointer_that_moves_at_the_last_delete_is_not_called_through(end: End) -> None:
    end.finalized()
    end.affair.script.at("erase", 5, "after", lambda: setattr(end.affair.pointer, "value", OLD))
    with pytest.raises(PointerMoved):
        end.execute()
    assert end.affair.standing().stage is CutoverStage.ERASING


def test_a_pointer_that_cannot_be_read_stops_it_as_well(end: End) -> None:
    end.finalized()
    end.affair.script.always("pointer read", ConnectionLost("no answer"))
    with pytest.raises(ConnectionLost) as stopped:
        end.execute()
    assert stopped.value.exit_code is Exit.STOPPED
    end.affair.script.heal()
    end.affair.script.always("pointer read", Missing("no pointer"))
    with pytest.raises(Refused, match="there is no pointer any more"):
        end.execute()
    assert end.eraser.asked == []
    end.affair.script.heal()
    assert end.execute()["requested"] == {"deleted": 5}


def test_consent_attestation_and_hold_are_asked_for_at_every_portion(end: End) -> None:
    end.finalized()
    script = end.affair.script
    kept = set(end.affair.approved)
    script.at("erase", 1, "after", end.affair.approved.clear)
    with pytest.raises(ApprovalMissing):
        end.execute()
    assert len(end.left()) == 4
    end.affair.approved = kept
    script.at("erase", 3, "after", lambda: end.affair.closed.append("the attestation has ended"))
    with pytest.raises(Refused, match="the attestation has ended"):
        end.execute()
    assert len(end.left()) == 2
    end.affair.closed.clear()
    assert end.execute()["requested"] == {"deleted": 5}


def test_a_bucket_that_is_not_as_it_must_be_any_more_keeps_the_source(end: End) -> None:
    end.finalized()
    unfit, script = end.affair.unfit, end.affair.script
    unfit.append("target bucket dst: seen 1 lifecycle rules, wanted none")
    assert any("lifecycle" in line for line in end.forecast()["blockers"])
    with pytest.raises(Refused, match="lifecycle rules"):
        end.execute()
    assert end.eraser.asked == []
    unfit.clear()
    script.at("erase", 2, "after", lambda: unfit.append("target bucket dst: public"))
    with pytest.raises(Refused, match="any more"):
        end.execute()
    assert len(end.left()) == 4
    unfit.clear()
    assert end.execute()["requested"] == {"deleted": 5}


def test_what_the_target_will_delete_by_itself_is_not_deleted_at_the_source(end: End) -> None:
    end.finalized()
    target = end.affair.world.target
    keys = [("dst", key) for key in sorted(target._buckets["dst"])]
    for key in keys:
        target.announce(*key, "2027-01-02T00:00:00.000Z")
    assert any("2027-01-02" in line for line in end.forecast()["blockers"])
    for going in (False, True):
        with pytest.raises(Refused, match="will delete objects, one of them on 2027-01-02"):
            end.execute(keep_going=going)
    assert end.eraser.asked == []
    for key in keys:
        target.announce(*key, None)
    target.announce(*keys[-1], "")
    with pytest.raises(Refused, match="on a day that it does not tell"):
        end.execute()
    assert len(end.eraser.asked) == 4
    target.announce(*keys[-1], None)
    assert end.execute()["requested"] == {"deleted": 5}


def test_a_ledger_that_is_not_the_one_that_wrote_last_deletes_nothing_more(end: End) -> None:
    end.finalized()
    end.affair.script.at("erase", 2, "after", lambda: end.fenced.append("another copy wrote"))
    with pytest.raises(Refused, match="another copy wrote"):
        end.execute()
    assert len(end.left()) == 4
    with pytest.raises(Refused, match="another copy wrote"):
        end.execute()
    end.fenced.clear()
    assert end.execute()["requested"] == {"deleted": 5}


# --- a side that is away, and kills ---------------------------------------------------------------


def test_a_target_that_is_away_stops_it_and_it_goes_on(end: End) -> None:
    end.finalized()
    end.affair.script.always("read", ConnectionLost("away"))
    end.affair.script.always("check target", ConnectionLost("away"))
    with pytest.raises(Transient) as stopped:
        end.execute()
    assert stopped.value.exit_code is Exit.STOPPED
    end.affair.script.heal()
    end.affair.script.at(
        "head", end.affair.script.calls["head"] + 2, "after",
        lambda: end.affair.script.always("head", ConnectionLost("away")),
    )  # fmt: skip
    with pytest.raises(ConnectionLost):
        end.execute()
    assert end.left() == {"o2", "o3", "o4", "tmp/scratch"}
    assert end.affair.standing().erasure.outcomes == {"deleted": 2, "unasked": 2}
    assert end.affair.world.findings() == []
    end.affair.script.heal()
    assert end.execute()["requested"] == {"deleted": 5}


def test_an_object_that_nobody_asked_for_is_missing_not_gone(end: End) -> None:
    """A portion that stopped halfway knows of each object whether it was asked for."""
    end.finalized()
    end.affair.script.always("erase", ConnectionLost("away"))
    with pytest.raises(ConnectionLost):
        end.execute()
    assert end.affair.standing().erasure.pending == {1: "unsure", 2: "unasked"}
    end.affair.script.heal()
    end.affair.world.source.drop("src", "o0")
    end.affair.world.source.drop("src", "o1")
    assert end.execute()["requested"] == {"deleted": 3, "gone": 1, "missing": 1}
    assert end.affair.world.findings() == [("decommission-missing", "o1")]


def test_what_the_service_held_is_asked_for_again_by_a_later_run(end: End) -> None:
    end.finalized()
    end.eraser.kept["o3"] = "it is leased"
    assert end.execute()["requested"] == {"deleted": 4, "kept": 1}
    assert end.execute()["requested"] == {"deleted": 4, "kept": 1}
    assert end.affair.world.findings() == [("decommission-kept", "o3")]
    end.eraser.kept.clear()
    assert end.execute()["requested"] == {"deleted": 5}
    assert end.affair.world.findings() == []


def test_what_is_gone_though_its_delete_was_refused_is_not_called_kept(end: End) -> None:
    end.finalized()
    end.eraser.kept["o3"] = "it is leased"
    source = end.affair.world.source
    end.affair.script.at("erase", 4, "after", lambda: source.drop("src", "o3"))

    assert end.execute()["requested"] == {"deleted": 4, "gone": 1}

    assert end.affair.world.findings() == []


def test_a_dry_run_after_a_kill_counts_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "BATCH_OBJECTS", 500)
    end = End(tmp_path).finalized()
    end.affair.kill_at(Point("erase", 2, "after"))
    with pytest.raises(Killed):
        end.execute()
    assert len(end.left()) == 4
    before = end.affair.events()
    told = end.forecast()
    assert told["would_delete"] == {"objects": 3, "bytes": 27}
    assert told["done"] == {"gone": 2}
    assert end.affair.events() == before


def test_a_target_object_lost_after_its_source_was_deleted_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "BATCH_OBJECTS", 2)
    end = End(tmp_path).finalized()
    end.affair.kill_at(Point("erase", 1, "after"))
    with pytest.raises(Killed):
        end.execute()
    end.affair.world.target.drop("dst", key(0))
    with pytest.raises(TargetDiffers):
        end.execute()
    assert end.left() == {"o1", "o2", "o3", "o4", "tmp/scratch"}
    assert end.affair.world.findings() == [("decommission-target-lost", "o0")]
    with pytest.raises(TargetDiffers):
        end.execute()
    told = {"target-lost": 1, "deleted": 4}
    assert end.execute(keep_going=True)["requested"] == told
    assert end.execute(keep_going=True)["requested"] == told
    assert end.left() == {"tmp/scratch"}
    assert end.affair.world.findings() == [("decommission-target-lost", "o0")]


def test_a_dry_run_reads_the_target_and_a_quick_one_says_that_it_did_not(end: End) -> None:
    end.finalized()
    end.affair.world.target.spoil("dst", key(2), 40)
    before, reads = end.affair.events(), end.affair.script.calls["read"]
    told = end.forecast(quick=True)
    assert told["recheck"]["skipped"] == "it was asked not to be"
    assert told["would_delete"]["objects"] == 5
    assert end.affair.script.calls["read"] == reads
    told = end.forecast()
    assert told["would_keep"] == {"target-differs": 1}
    assert told["would_delete"] == {"objects": 4, "bytes": 36}
    assert told["recheck"]["objects"] == 5
    assert end.affair.events() == before
    assert end.affair.world.findings() == []


@pytest.mark.slow
def test_a_decommission_attacked_at_every_moment_deletes_nothing_that_the_target_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each call of a port one target object goes; at most the delete under way may still go."""
    monkeypatch.setattr(erasing, "BATCH_OBJECTS", 2)
    first = End(tmp_path / "first").finalized()
    first.affair.script.calls.clear()
    whole = first.twin(tmp_path / "whole")
    whole.execute()
    points = [
        point
        for point in whole.affair.script.points()
        if point.method in {"read", "head", "erase", "held", "consent", "pointer read"}
        and point.when == "after"
    ]
    for number, point in enumerate(points):
        end = first.twin(tmp_path / str(number))
        script, target = end.affair.script, end.affair.world.target
        lost: list[set[str]] = []

        def lose(end: End = end, target: FakeTarget = target, lost: list[set[str]] = lost) -> None:
            target.drop("dst", key(4))
            lost.append(end.left())

        script.at(point.method, point.number, "after", lose)
        try:
            end.execute()
        except TargetDiffers:
            assert "o4" in end.left(), point
        else:  # the last look was over: one object on one connection
            assert "o4" not in lost[0] or point.method in {"head", "erase"}, point


def test_a_signal_stops_it_between_two_deletes(end: End) -> None:
    end.finalized()
    stop = end.affair.world.stop
    end.affair.script.at("erase", 1, "after", stop.set)
    with pytest.raises(Interrupted):
        end.execute()
    assert end.affair.standing().erasure.outcomes == {"deleted": 1, "unasked": 1}
    stop.clear()
    assert end.execute()["requested"] == {"deleted": 5}


def test_intents_of_larger_portions_are_remembered_to_their_end(end: End) -> None:
    """A ledger of before has an intent over more objects than a portion has now."""
    end.finalized()

    def begin(scene: Scene) -> None:
        scene.note(CutoverErasing(**scene.about, first=1, last=5, objects=5, again=ABSENT))

    end.affair.act(begin)
    for name in ("o1", "o4"):
        end.affair.world.source.drop("src", name)
    assert end.forecast()["done"] == {"gone": 2}
    end.affair.script.at("erase", 2, "after", lambda: setattr(end.affair, "holder", "by ward 3"))
    with pytest.raises(SwitchHeld):
        end.execute()
    assert end.affair.standing().erasure.open_until == 5
    end.affair.holder = None
    assert end.execute()["requested"] == {"deleted": 3, "gone": 2}


def test_a_target_that_is_lost_is_not_read_to_its_end(
    end: End, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recheck, "DIFFERING_MAX", 2)
    monkeypatch.setattr(rereading, "PORTION_OBJECTS", 1)
    monkeypatch.setattr(queue, "ORDER_OBJECTS", 1)
    end.finalized()
    for number in range(4):
        end.affair.world.target.drop("dst", key(number))
    for _ in range(2):
        with pytest.raises(TargetDiffers):
            end.execute()
        assert len(end.affair.world.findings()) == 2
    told = end.execute(keep_going=True)["requested"]
    assert told == {"deleted": 1, "target-gone": 4}


def test_an_object_that_may_not_be_read_again_is_kept_and_a_lost_credential_blames_none(
    end: End,
) -> None:
    end.finalized()
    script, target = end.affair.script, end.affair.world.target
    script.fail("read", AccessDenied("of this one alone"))
    with pytest.raises(TargetDiffers):
        end.execute()
    assert end.affair.world.findings() == [("decommission-target-unread", "o0")]

    script.fail("head", AccessDenied("for a moment"))
    script.at("erase", 1, "after", lambda: script.fail("head", *[AccessDenied("for good")] * 2))
    with pytest.raises(TargetDiffers):
        end.execute()
    assert end.left() == {"o1", "o2", "o3", "o4", "tmp/scratch"}
    assert end.affair.world.findings() == [("decommission-target-unread", "o1")]

    target.problems = [Problem(where="target", what="no right to list", auth=True)]
    script.fail("head", AccessDenied("of everything"))
    with pytest.raises(AccessDenied):
        end.execute()
    assert len(end.eraser.asked) == 1
    target.problems = []
    script.heal()
    assert end.execute()["requested"] == {"deleted": 5}
    assert end.affair.world.findings() == []


def test_a_reading_that_was_killed_goes_on_where_it_was(
    end: End, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rereading, "PORTION_OBJECTS", 1)
    monkeypatch.setattr(queue, "ORDER_OBJECTS", 1)
    end.finalized()
    calls = end.affair.script.calls
    calls.clear()
    end.affair.kill_at(Point("read", 4, "after"))
    with pytest.raises(Killed):
        end.execute()
    assert end.affair.standing().recheck.objects == 3
    assert end.affair.standing().stage is CutoverStage.FINALIZED
    before = calls["read"]
    assert end.execute()["requested"] == {"deleted": 5}
    assert calls["read"] == before + 2


@pytest.mark.slow
def test_a_pointer_that_moves_at_any_moment_costs_one_portion_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "BATCH_OBJECTS", 2)
    first = End(tmp_path / "first").finalized()
    first.affair.script.calls.clear()
    whole = first.twin(tmp_path / "whole")
    whole.execute()
    for number, point in enumerate(whole.affair.script.points()):
        if point.method not in {"read", "erase", "consent", "pointer read"}:
            continue
        end = first.twin(tmp_path / str(number))
        deleted: list[int] = []

        def move(end: End = end, deleted: list[int] = deleted) -> None:
            deleted.append(len(end.eraser.asked))
            end.affair.pointer.value = OLD

        end.affair.script.at(point.method, point.number, point.when, move)
        try:
            end.execute()
        except (PointerMoved, Refused):
            assert len(end.eraser.asked) <= deleted[0] + 2, point
        else:
            assert deleted[0] == 5, point  # nothing was left to stop
        end.affair.pointer.value = NEW
        assert end.execute()["requested"] == {"deleted": 5}, point


# --- between the last look and a delete that had to wait ------------------------------------------


@pytest.mark.parametrize("connections", [1, 2])
@pytest.mark.parametrize(
    "error", [ConnectionLost("reset"), Throttled("503"), Throttled("503", retry_after=300.0)]
)
def test_a_delete_that_is_repeated_is_preceded_by_a_look_of_its_own(
    end: End, error: Transient, connections: int
) -> None:
    """The service had asked for rest; meanwhile the target lost the object, and it was deleted."""
    end.connections = connections
    end.finalized()
    script, target = end.affair.script, end.affair.world.target
    script.at("erase", 1, "before", _both(lambda: target.drop("dst", key(0)), _raise(error)))

    with pytest.raises(TargetDiffers):
        end.execute()

    assert "o0" in end.left()
    assert ("decommission-target-gone", "o0") in end.affair.world.findings()


def test_a_repeated_delete_that_had_gone_through_tells_of_what_was_lost_since(end: End) -> None:
    end.finalized()
    script, target = end.affair.script, end.affair.world.target
    lost = _both(lambda: target.drop("dst", key(0)), _raise(ConnectionLost("reset")))
    script.at("erase", 1, "after", lost)
    with pytest.raises(TargetDiffers):
        end.execute()
    assert end.left() == {"o1", "o2", "o3", "o4", "tmp/scratch"}
    assert end.affair.world.findings() == [("decommission-target-lost", "o0")]


def test_a_reading_that_became_too_old_while_a_service_kept_us_waiting_does_not_count(
    end: End,
) -> None:
    """Within a portion nothing was read again, however long its deletes took."""
    end.within = 3600
    end.finalized()
    clock, script, target = end.affair.world.clock, end.affair.script, end.affair.world.target

    def wait() -> None:
        clock.seconds += 4000
        target.spoil("dst", key(1), 40)  # the ETag stays: only reading all bytes can tell

    script.at("erase", 1, "after", wait)
    with pytest.raises(Stopped, match="too old") as stopped:
        end.execute()
    assert stopped.value.exit_code is Exit.STOPPED
    assert end.left() == {"o1", "o2", "o3", "o4", "tmp/scratch"}
    with pytest.raises(TargetDiffers):
        end.execute()
    target.spoil("dst", key(1), 40)
    assert end.execute()["requested"] == {"deleted": 5}


def _raise(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


def _both(*acts: Callable[[], object]) -> Callable[[], None]:
    def act() -> None:
        for one in acts:
            one()

    return act
