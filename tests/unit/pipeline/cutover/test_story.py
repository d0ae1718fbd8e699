"""Kill a cutover around every event and effect, start again, compare with one that went through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import ApprovalMissing, Exit
from hdh_migrate.ledger import database
from hdh_migrate.model import State
from hdh_migrate.pipeline.cutover.finalize import finalize
from hdh_migrate.pipeline.cutover.rollback import roll_back
from hdh_migrate.pipeline.cutover.start import start
from hdh_migrate.pipeline.projections.standing import CutoverStage
from tests.support.corpus import recounted
from tests.support.cutover import NEW, OLD, Affair
from tests.support.script import Killed, Point

EFFECTS = {"pointer swap", "put", "probe"}
EVENT = "now"
"""Asked for before every event, so before it the ledger holds all events before and none after."""

AT_NEW = {
    CutoverStage.SWITCHED,
    CutoverStage.OPEN,
    CutoverStage.ROLLING_BACK,
    CutoverStage.FINALIZED,
}


class Story:
    """start, rollback, start with a delta and new approvals, finalize; killed at most once."""

    def __init__(self, folder: Path) -> None:
        self.affair = Affair(folder)
        put = self.affair.world.source.put
        put("src", "a", b"one")
        put("src", "b", b"two" * 1000)
        assert self.affair.world.run() is Exit.OK
        self.affair.script.calls.clear()
        self.stages: list[CutoverStage] = []
        self.kills = 0

    def tell(self, first: int = 0) -> None:
        """Go on from a chapter to the end."""
        for chapter in CHAPTERS[first:]:
            chapter(self)

    def twin(self, folder: Path) -> Story:
        """Return a story that goes on from here by itself."""
        made = copy(self)
        made.affair, made.stages = self.affair.twin(folder), [*self.stages]
        return made

    def comes_before(self, point: Point) -> bool:
        return self.affair.script.calls[point.method] < point.number

    def switches(self) -> None:
        self.affair.approve("cutover")
        self.act(start)

    def goes_back(self) -> None:
        self.act(roll_back)

    def lacks_approvals(self) -> None:
        self.affair.world.source.put("src", "c", b"three")
        self.affair.world.source.put("src", "a", b"another one")
        self.act(start, until=ApprovalMissing)

    def ends(self) -> None:
        self.affair.approve("finalize")
        self.act(finalize, "the window is short in tests")

    def act(
        self, verb: Callable[..., Any], *more: Any, until: type[Exception] | None = None
    ) -> None:
        before = self.affair.source_as_it_is()
        while True:
            try:
                self.affair.act(verb, *more)
            except Killed:
                self.kills += 1
                continue
            except ApprovalMissing:
                if until is not ApprovalMissing:
                    raise
            break
        now = self.affair.standing()
        assert (self.affair.pointer.value == NEW) == (now.stage in AT_NEW)
        assert now.stage not in {CutoverStage.SWITCHING, CutoverStage.ROLLING_BACK}
        assert now.probes == []
        assert self.affair.source_as_it_is() == before
        self.stages.append(now.stage)

    def end(self) -> dict[str, Any]:
        world = self.affair.world
        fields = ("state", "size", "version", "sha256", "verdict")
        return {
            "stages": self.stages,
            "pointer": self.affair.pointer.value,
            "swaps": self.affair.pointer.swaps,
            "records": {n: [r[f] for f in fields] for n, r in world.records().items()},
            "plain": {
                name: world.opened(world.datasets[0], record["key"])
                for name, record in world.records().items()
            },
            "keys": sorted(stored.key for stored in world.target.keys(world.datasets[0].target)),
            "counts": recounted(world),
            "findings": world.findings(),
        }


CHAPTERS: Sequence[Callable[[Story], None]] = (
    Story.switches, Story.goes_back, Story.lacks_approvals, Story.switches, Story.ends,
)  # fmt: skip


@pytest.fixture(autouse=True)
def without_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill here copies files that were written; whether they reached the disk is not tried."""
    pragmas = (*database._PRAGMAS, "PRAGMA synchronous = OFF")
    monkeypatch.setattr(database, "_PRAGMAS", pragmas)


@pytest.mark.slow
def test_a_cutover_killed_at_any_event_or_effect_ends_like_one_that_was_not(tmp_path: Path) -> None:
    whole = Story(tmp_path / "whole")
    whole.affair.world.watch(lambda: len(whole.stages))
    begun = []
    for number, chapter in enumerate(CHAPTERS):
        begun.append(whole.twin(tmp_path / f"chapter {number}"))
        chapter(whole)
    points = whole.affair.script.points(lambda one: one.method in EFFECTS or one.when == "before")
    expected = whole.end()
    assert expected["stages"] == [
        CutoverStage.OPEN, CutoverStage.ROLLED_BACK, CutoverStage.PREPARING,
        CutoverStage.OPEN, CutoverStage.FINALIZED,
    ]  # fmt: skip
    assert expected["swaps"] == [(OLD, NEW), (NEW, OLD), (OLD, NEW)]
    assert set(expected["plain"].values()) == {b"another one", b"two" * 1000, b"three"}
    assert {record[0] for record in expected["records"].values()} == {State.VERIFIED}

    assert len(points) > 100
    wrong = {}
    for number, point in enumerate(points):
        first = max(n for n, one in enumerate(begun) if one.comes_before(point))
        story = begun[first].twin(tmp_path / str(number))
        story.affair.kill_at(point)
        story.tell(first)
        assert story.kills == 1, point
        if (end := story.end()) != expected:
            wrong[str(point)] = {k: (end[k], expected[k]) for k in end if end[k] != expected[k]}
    assert wrong == {}


def test_the_moment_after_the_swap_is_found_out_by_asking_the_pointer(tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.affair.approve("cutover")
    story.affair.kill_at(Point("pointer swap", 1, "after"))
    with pytest.raises(Killed):
        story.affair.act(start)

    assert story.affair.pointer.value == NEW
    assert story.affair.standing().stage is CutoverStage.SWITCHING

    story.affair.act(start)

    assert story.affair.pointer.swaps == [(OLD, NEW)]
    assert story.affair.events().count("switching") == 1
