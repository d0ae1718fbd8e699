"""What a report is told of cutovers can be told at any moment of their story."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.events.cutover import Track
from hdh_migrate.events.decommission import (
    CutoverErased,
    CutoverErasing,
    CutoverObserved,
    CutoverRequested,
)
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.pipeline.cutover.finalize import finalize
from hdh_migrate.pipeline.cutover.rehearse import rehearse
from hdh_migrate.pipeline.cutover.rollback import roll_back
from hdh_migrate.pipeline.cutover.start import start
from hdh_migrate.pipeline.projections.facts import cutover_facts
from hdh_migrate.pipeline.projections.standing import CutoverStage, StoryEvent
from tests.support.cutover import BATCH, Affair
from tests.unit.evidence.builders import record
from tests.unit.evidence.test_html import written

Event = tuple[str, str, StoryEvent]


class Prefix:
    """A journal as it was at some moment."""

    def __init__(self, events: list[Event]) -> None:
        self._events = events

    def cutovers(self) -> Iterator[Event]:
        return iter(self._events)


def story(folder: Path) -> list[Event]:
    """Return every event of a batch that is rehearsed, cut over twice, and deleted."""
    affair = Affair(folder)
    affair.world.source.put("src", "a", b"one")
    assert affair.world.run() is Exit.OK
    affair.act(rehearse, track=Track.REHEARSAL)
    affair.approve("cutover")
    affair.act(start)
    affair.world.target.keep("dst", "t/theirs", b"x")
    affair.act(roll_back)
    affair.act(start)
    affair.approve("finalize")
    affair.act(finalize, "now")
    ledger = affair.world.open()
    try:
        events = list(ledger.cutovers())
    finally:
        ledger.close()
    about = {"batch": BATCH, "track": Track.CUTOVER}
    at = events[-1][0]
    remains = {
        "current": 0,
        "soft-deleted": 1,
        "until": at,
        "not_ours": 0,
        "not_shown": ("version",),
    }
    deleted = {"deleted": 1}
    ending = (
        CutoverErasing(**about, first=1, last=1, objects=1, again=ABSENT),
        CutoverErased(
            **about, first=ABSENT, last=1, again=ABSENT, outcomes=deleted, pending=ABSENT
        ),
        CutoverRequested(**about, outcomes=deleted, user="ops", keep_going=ABSENT),
        CutoverObserved(**about, remains=remains),
    )
    return [*events, *((at, event.kind, event) for event in ending)]


@pytest.mark.slow
def test_a_report_can_be_written_at_every_moment_of_a_cutover(tmp_path: Path) -> None:
    events = story(tmp_path / "world")
    moments = [
        fact for number in range(len(events) + 1) for fact in cutover_facts(Prefix(events[:number]))
    ]
    stages = {fact["stage"] for fact in moments}
    assert stages == {str(stage) for stage in CutoverStage} - {"not started"}

    pages = written(tmp_path / "bundle", [record("a")], cutovers=tuple(moments))

    assert len(pages) == 2
