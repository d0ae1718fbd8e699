"""Switches that were made final in spite of something, and what else was passed over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hdh_migrate.events.cutover import CutoverFinalized, CutoverWaits, ListingDifferences, Track
from hdh_migrate.events.decommission import CutoverRequested
from hdh_migrate.events.event import Event
from hdh_migrate.events.hold import HoldNoticed
from hdh_migrate.events.notices import NoticeGivenUp
from hdh_migrate.events.objects import CleanupAbort
from hdh_migrate.events.run import BucketProvisioned, ClocksCompared, ProbeEnded
from hdh_migrate.jsonform import ABSENT
from tests.unit.evidence.builders import record
from tests.unit.evidence.worlds import entry

NONE = {"new": 0, "changed": 0, "gone": 0}
ENDED_AT = "2026-03-02T09:00:00Z"
UNSAID: dict[str, Any] = {"early": True, "reason": "le service le sait"}
LATE = {**UNSAID, "target": NONE, "source": {"new": 1, "changed": 2, "gone": 9}}
UNLISTED = {**UNSAID, "target": NONE, "source": None}
LET_GO = {**UNSAID, "target": {"new": 4, "changed": 1, "gone": 1}, "source": NONE}
CLEAN = {**UNSAID, "target": NONE, "source": NONE}
WHY = (
    "blocked", "approval", "not-frozen", "source-written", "terms", "held", "pointer-moved",
    "switch-unknown", "smoke-failed", "target-differs", "rollback-failed", "clock", "not-counted",
)  # fmt: skip
"""Why a cutover waits, as docs/cutover.md has it."""
GUARDS: tuple[dict[str, Any], ...] = (
    {"guard_found": "conditional"}, {"guard_found": "checked"}, {"guard_found": None}, {},
)  # fmt: skip
Told = tuple[str, str, dict[str, Any]]


def story(said: dict[str, Any] | None, **changes: Any) -> dict[str, Any]:
    """Return what a statement says of a switch that is final."""
    times = {"switched": "2026-03-01T09:00:00Z", "finalized": ENDED_AT}
    return entry(**{"stage": "finalized", "finalized": said, "times": times, **changes})


def guarded(found: dict[str, Any], guard: str = "conditional") -> dict[str, Any]:
    pointer = {"kind": "s3-object", "guard": guard, "old_sha256": "aa" * 32, **found}
    return story(CLEAN, pointer={**pointer, "new_sha256": "bb" * 32})


def line(event: Event, at: str = "2026-03-02T10:00:00Z") -> Told:
    return at, event.kind, event.as_json()


def finalized(**target: int) -> Told:
    """Return the event of an earlier version, which looked at no source."""
    event = CutoverFinalized(
        batch="pilot", track=Track.CUTOVER, early=False, reason="le service le sait",
        user="ops", approvals=(), approved_stage="finalize", terms=None, root="cc" * 32,
        target=ListingDifferences(**{**NONE, **target}),
    )  # fmt: skip
    assert event.source is ABSENT
    return line(event)


def alone(*, so: bool) -> Told:
    return line(ClocksCompared(batch="pilot", stage="cutover", clock_offsets={}, alone=so))


def requested(*, keep_going: bool) -> Told:
    return line(
        CutoverRequested(
            batch="pilot", track=Track.CUTOVER, outcomes={}, user="ops", keep_going=keep_going
        )
    )


def probed(left: int | None) -> Told:
    return line(ProbeEnded(bucket="b", prefix="p/", left=left, swept=ABSENT))


def noticed(*, held: bool) -> Told:
    return line(HoldNoticed(held=held, user="ops"))


def waited(why: str, *told: str, user: str | None = "ops") -> Told:
    """Return that a step of a switch was refused; None: an early journal does not say to whom."""
    return line(
        CutoverWaits(
            batch="pilot", track=Track.CUTOVER, why=why, told=told,
            user=ABSENT if user is None else user,
        )
    )  # fmt: skip


def aborted() -> Told:
    return line(CleanupAbort(id=None, upload_id="u", reason="elle est partie", user="ops"))


def provisioned(*, ok: bool) -> Told:
    return line(
        BucketProvisioned(bucket="b", step="versioning", seen="x", wanted="y", done="z", ok=ok)
    )


def given_up() -> Told:
    return line(NoticeGivenUp(channel="pager", notice="n", type="t", tries=9, why="404"))


def situations() -> Iterator[dict[str, Any]]:
    """Yield what makes a page say every sentence about what was passed over."""
    for many in (1, 2):
        some = {**NONE, "new": many}
        lacking = {"new": many, "changed": many, "gone": 0}
        for said in ({**LATE, "source": some}, UNLISTED, {**LET_GO, "target": lacking}):
            yield {"cutovers": [
                story(said, batch=batch, not_ours_before_the_switch=many)
                for batch in ("pilot", "later")[:many]
            ]}  # fmt: skip
        yield {"months": [*[given_up(), aborted()] * many, probed(many)]}
    for said in (CLEAN, UNSAID):
        yield {"cutovers": [story(said)]}
    more = {"records": [record("a", dataset="more-0"), record("a")], "more": 1}
    yield {"cutovers": [story(LATE)], **more}
    yield {"cutovers": [story(UNSAID)], "months": [finalized()]}
    yield {"cutovers": [guarded(found) for found in GUARDS]}
    at = "2026-03-02T10:00:00Z"
    yield {"cutovers": [
        story(None, stage="preparing", waits={"why": why, "told": [], "at": at}) for why in WHY
    ]}  # fmt: skip
    yield {"months": [
        *[waited("blocked", "the pointer cannot be read: x", "something else")] * 3,
        waited("held", user=None), *[waited("approval")] * 2,
        alone(so=True), requested(keep_going=True), noticed(held=True), noticed(held=False),
        probed(None), provisioned(ok=False),
    ]}  # fmt: skip
