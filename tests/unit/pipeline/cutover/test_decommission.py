"""The end of a batch at the source: only on evidence, only what was inventoried, one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import ApprovalMissing, ConnectionLost, DoorHeld, Exit, Refused
from hdh_migrate.ledger import Ledger
from hdh_migrate.model import Erased, Erasing, Place, Remnant, State, Trace
from hdh_migrate.pipeline import erasing
from hdh_migrate.pipeline.cutover.finalize import finalize
from hdh_migrate.pipeline.cutover.scene import Scene, Story
from hdh_migrate.pipeline.cutover.standing import Stage, Track
from hdh_migrate.pipeline.cutover.start import start
from hdh_migrate.pipeline.decommission import execute, forecast, observe
from hdh_migrate.pipeline.undertaking import Undertaking
from tests.support.cutover import Affair
from tests.support.script import Killed
from tests.support.world import ONE, Dataset, World

DATASET = Dataset(
    name="d", batch="b", source=ONE[0].source, target=ONE[0].target, exclude=("tmp/**",)
)


class FakeEraser:
    """Deletes from a world's source, by version."""

    def __init__(self, world: World) -> None:
        self.script, self.source = world.script, world.source
        self.kept: dict[str, str] = {}
        self.left: list[Remnant] = []
        self.asked: list[tuple[str, str]] = []

    def erase(self, place: Place, key: str, version: str) -> Erased:
        with self.script.call("erase"):
            self.asked.append((key, version))
            blob = self.source._blobs.get((place.bucket, key))
            if blob is None:
                return Erased(outcome=Erasing.MISSING, told="it was not there")
            if key in self.kept:
                return Erased(outcome=Erasing.KEPT, told=self.kept[key])
            if blob.info.version != version:
                return Erased(outcome=Erasing.DRIFTED, told="it has another version now")
            self.source.drop(place.bucket, key)
            return Erased(outcome=Erasing.DELETED)

    def remnants(self, place: Place) -> Iterator[Remnant]:
        with self.script.call("remnants"):
            yield from self.left
            for bucket, key in sorted(self.source._blobs):
                if bucket == place.bucket:
                    yield Remnant(key=key, trace=Trace.CURRENT)

    def unseen(self) -> Sequence[Trace]:
        return [Trace.VERSION]


class End:
    """A finalized batch and what is to delete it."""

    def __init__(self, folder: Path) -> None:
        self.affair = Affair(folder, (DATASET,))
        put = self.affair.world.source.put
        for number in range(5):
            put("src", f"o{number}", b"%d" % number * 9)
        put("src", "tmp/scratch", b"left behind")
        assert self.affair.world.run() is Exit.OK
        self.eraser = FakeEraser(self.affair.world)
        self.lacks: list[str] = []
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

    def undertaking(self, scene: Scene) -> Undertaking:
        shared = {field.name: getattr(scene, field.name) for field in fields(Story)}
        return Undertaking(
            **shared, eraser=self.eraser, evidence=lambda root: list(self.lacks),
            pointer=scene.pointer, attested=lambda: list(self.affair.closed), level=self.level,
            reason=None, within_seconds=self.within, cooling_seconds=3600,
            connections=self.connections,
        )  # fmt: skip

    def execute(self, *, keep_going: bool = False) -> dict[str, Any]:
        act = self.affair.act
        return act(lambda scene: execute(self.undertaking(scene), keep_going=keep_going))

    def forecast(self, *, quick: bool = False) -> dict[str, Any]:
        return self.affair.act(lambda scene: forecast(self.undertaking(scene), quick=quick))

    def observe(self) -> dict[str, object]:
        return self.affair.act(lambda scene: observe(self.undertaking(scene)))

    def left(self) -> set[str]:
        return {key for _, key in self.affair.world.source._blobs}


@pytest.fixture
def end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> End:
    monkeypatch.setattr(erasing, "BATCH_OBJECTS", 2)
    return End(tmp_path)


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
    with pytest.raises(DoorHeld):
        end.execute()
    assert end.eraser.asked == []


def test_only_verified_objects_go_each_at_its_inventoried_version(end: End) -> None:
    end.finalized()
    versions = {key: end.affair.world.source.version("src", key) for key in end.left()}
    told = end.execute()
    assert end.left() == {"tmp/scratch"}
    assert end.eraser.asked == [(f"o{n}", versions[f"o{n}"]) for n in range(5)]
    assert told["requested"] == {"deleted": 5}
    assert end.affair.standing().stage is Stage.REQUESTED
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


def test_a_lost_reply_is_no_missing_object(end: End) -> None:
    end.finalized()
    end.affair.script.fail("erase", ConnectionLost("reset"), when="after")
    assert end.execute()["requested"] == {"deleted": 4, "gone": 1}
    assert end.affair.world.findings() == []


def test_many_at_once_come_to_the_same(end: End) -> None:
    end.connections = 4
    assert end.finalized().execute()["requested"] == {"deleted": 5}
    assert end.left() == {"tmp/scratch"}


def test_a_decommission_killed_at_any_event_or_delete_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "BATCH_OBJECTS", 2)
    whole = End(tmp_path / "whole").finalized()
    whole.affair.script.calls.clear()
    whole.execute()
    points = [
        point
        for point in whole.affair.script.points()
        if point.method == "erase" or (point.method, point.when) == ("now", "before")
    ]
    assert len(points) > 15
    for number, point in enumerate(points):
        end = End(tmp_path / str(number)).finalized()
        end.affair.script.calls.clear()
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
    assert end.affair.standing().stage is Stage.OBSERVED


def test_a_manifest_that_is_another_one_now_is_not_deleted_on(end: End) -> None:
    end.finalized()
    root = end.affair.root
    end.affair.root = lambda ledger: root(ledger)[::-1]  # type: ignore[method-assign]
    with pytest.raises(Refused, match="the manifest is not the one that was cut over"):
        end.execute()


def test_the_rows_of_the_ledger_stay_verified(end: End) -> None:
    end.finalized().execute()
    ledger: Ledger = end.affair.world.open()
    try:
        ledger.check_receipts()
        assert ledger.tally(1, State.VERIFIED).objects == 5
        assert ledger.pinned(1, "o1") is not None
    finally:
        ledger.close()
    assert end.affair.standing(Track.REHEARSAL).stage is Stage.NONE
