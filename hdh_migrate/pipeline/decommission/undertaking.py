"""What a batch's end at the source rests on, and who must still agree to it at each moment.

A decommission may take days. So whatever allows it is asked for again at every portion of it: the
hold, the approvals, the cooling, the target's attestation, and the pointer that consumers follow.
The evidence is checked whole once, at the start: it does not change by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hdh_migrate.clocks import between, later
from hdh_migrate.errors import (
    ApprovalMissing,
    ClocksDiffer,
    Interrupted,
    Missing,
    PointerMoved,
    Refused,
    SwitchHeld,
)
from hdh_migrate.events.decommission import CutoverAgreed, PresentedEvidence
from hdh_migrate.events.registry import CutoverEvent
from hdh_migrate.fixity import text_digest
from hdh_migrate.frozen import frozen_row, mutable
from hdh_migrate.jsonform import ABSENT, Absent
from hdh_migrate.model import Verified
from hdh_migrate.pipeline.cutover.scene import Consent, Story
from hdh_migrate.pipeline.excused import rested_on
from hdh_migrate.pipeline.projections.readings import covers
from hdh_migrate.pipeline.projections.standing import FINAL, CutoverStanding
from hdh_migrate.pipeline.workers.rechecking import LOST
from hdh_migrate.pipeline.workers.work import Route
from hdh_migrate.ports.switching import Eraser, Pointer

STAGE = "decommission"

UNASKED = "unasked"
"""Why an object is pending: everything was stopped before it had its turn."""

UNSURE = "unsure"
"""Why an object is pending: a delete was asked for and no answer came."""

_POINTER = (
    "the pointer does not have the value that was switched to: consumers are led to somewhere else"
)


@frozen_row
class ShownEvidence:
    """What a bundle that was presented proves."""

    lacks: Sequence[str]
    """Why it does not prove the batch; empty: it does."""
    presented: PresentedEvidence | Absent = ABSENT
    """Which one it is; absent where it could not be judged."""


@mutable
class Undertaking(Story):
    """One batch's end at the source."""

    eraser: Eraser | None
    """None in a dry run: there is nothing that could delete."""
    pointer: Pointer
    evidence: Callable[[str], ShownEvidence]
    """Judges, for a manifest root, the evidence that was presented."""
    attested: Callable[[], Sequence[str]]
    """Says why the target may not be asked; empty means that it may be."""
    unfit: Callable[[], Sequence[str]]
    """Says which rules for health data the target's buckets do not keep to now; empty: all."""
    fenced: Callable[[], Sequence[str]]
    """Says why another ledger is the one that wrote last at the target; empty means: this one."""
    wanted: Callable[[], Sequence[str]]
    """Says what others still have to move of the same source; it does not change meanwhile."""
    level: str
    """How closely the target is read again: head, stored or full."""
    reason: str | None
    """Why the level is no higher one, where the plan must say so."""
    within_seconds: int
    """How old a reading may be when the source object is deleted."""
    cooling_seconds: int
    connections: int
    presented: PresentedEvidence | Absent = ABSENT
    """The evidence on which what is deleted rests, once it was demanded."""

    def moment(self) -> str:
        """Return the time at which something is read, by the clock that is furthest behind.

        Raises:
            ClocksDiffer: it cannot be learned which time it is.
        """
        return self.ctx.judge.now().earliest

    def noted(self, now: CutoverStanding, event: CutoverEvent) -> None:
        """Write one event and fold it into `now`: the fold over all events costs too much here."""
        self.note(event)
        now.take(now.since or "", event.kind, event)

    def unseen(self, now: CutoverStanding, number: int) -> bool:
        """Return whether the source may have deleted an object without our knowing."""
        done = now.erasure
        return (
            number in done.reopened
            or done.pending.get(number) in {UNSURE, LOST}
            or (done.open_until is not None and done.after < number <= done.open_until)
        )

    def routes(self) -> dict[int, Route]:
        """Return where each of the batch's datasets comes from and goes to, by id."""
        return {row.id: self.ctx.route(row) for row in self.datasets()}

    def gone(self, route: Route, row: Verified) -> bool:
        """Ask the source whether it has no object under a key any more; never asks the ledger."""
        try:
            self.ctx.retry(lambda: self.ctx.source.head(route.source, row.key))
        except Missing:
            return True
        return False

    def fresh(self, now: CutoverStanding, number: int, moment: str) -> bool:
        """Return whether an object was read again after the cooling, lately and closely enough.

        A reading of the future, which a clock that was set back leaves, does not count.
        """
        reading = now.recheck.readings.of(number)
        return (
            reading is not None
            and covers(reading.level, self.level)
            and between(self.cooled(now), reading.at) >= 0
            and 0 <= between(reading.at, moment) <= self.within_seconds
        )

    def cooled(self, now: CutoverStanding) -> str:
        """Return when the cooling of a finalized batch ends."""
        return later(now.times["finalized"], self.cooling_seconds)


def blockers(story: Undertaking, now: CutoverStanding) -> list[str]:
    """Return what stands against deleting, besides evidence, approvals, hold and pointer."""
    reasons = []
    if now.stage not in FINAL:
        reasons.append(f"the cutover of batch {story.batch} is not finalized ({now.stage})")
    elif not story.ctx.judge.firm().passed(story.cooled(now)):
        reasons.append(f"the cooling period lasts until {story.cooled(now)}")
    closed = story.attested()
    # Who is not attested is not even asked.
    return [*reasons, *(closed or (*story.unfit(), *story.fenced()))]


ANOTHER = "the manifest is another one than was finalized"


def unapproved(consent: Consent, root: str, now: CutoverStanding) -> list[str]:
    """Say why nobody has agreed to a decommission of this manifest.

    What was sent anew since the finalization makes another manifest, which nobody has seen yet:
    approvals and evidence are for the one that there is now.
    """
    # What was sent anew in the window was made final with it: that manifest was seen.
    final = now.root if now.finalized is None else now.finalized.root
    if final in {None, root}:
        return list(consent.reasons)
    return [f"{ANOTHER}: it takes a report, and approvals, of its own", *consent.reasons]


def elsewhere(story: Undertaking, now: CutoverStanding) -> str | None:
    """Read the pointer and say what is wrong with it, None when it leads to the target.

    Raises:
        StorageError: it cannot be read, so nothing is known of what consumers follow.
    """
    try:
        value = story.ctx.retry(story.pointer.read)
    except Missing:
        return "there is no pointer any more: consumers are led nowhere"
    return None if text_digest(value) == now.new_sha256 else _POINTER


def demand(story: Undertaking, root: str, now: CutoverStanding) -> None:
    """Demand that nothing stands against a decommission; everything is looked at.

    Raises:
        Refused: with everything that stands against it; nothing was deleted.
        ApprovalMissing: nothing but approvals is missing.
    """
    story.judged(STAGE)
    shown = story.evidence(root)
    story.presented = shown.presented
    reasons = [*blockers(story, now), *(f"evidence: {line}" for line in shown.lacks)]
    reasons += story.wanted()
    if now.stage in FINAL and (moved := elsewhere(story, now)) is not None:
        reasons.append(moved)
    consent = story.consent(STAGE, root)
    if reasons and not consent.given:
        reasons += [f"approval: {line}" for line in unapproved(consent, root, now)]
    if reasons:
        raise Refused(
            f"batch {story.batch} may not be deleted at the source", blockers=reasons,
            hint="nothing was deleted",
        )  # fmt: skip
    if not consent.given:
        raise _unapproved(story, unapproved(consent, root, now), "nothing was deleted")


def permit(story: Undertaking, root: str, now: CutoverStanding) -> None:
    """Let the next portion be deleted, if everything that can change still allows it.

    Raises:
        Interrupted, SwitchHeld, Refused, ApprovalMissing, PointerMoved: it does not; nothing more
            is deleted until the same command is given again.
        StorageError: the pointer cannot be read.
    """
    if story.ctx.stop.is_set():
        raise Interrupted("stopped between two deletes; the same command goes on")
    if (holder := story.held()) is not None:
        story.waits("held", [holder])
        raise SwitchHeld(f"held: {holder}")
    try:
        reasons = blockers(story, now)
    except ClocksDiffer as error:
        story.waits("clock", error.blockers)
        raise
    if reasons:
        story.waits("blocked", reasons)
        raise Refused(
            f"batch {story.batch} may not be deleted at the source any more", blockers=reasons,
            hint="nothing more is deleted; mend it and give the same command again",
        )  # fmt: skip
    consent = story.consent(STAGE, root)
    if not consent.given:
        story.waits("approval", consent.reasons)
        reasons = unapproved(consent, root, now)
        raise _unapproved(story, reasons, "nothing more is deleted until then")
    demand_pointer(story, now)
    _tell_agreed(story, root, now, consent)


def _tell_agreed(story: Undertaking, root: str, now: CutoverStanding, consent: Consent) -> None:
    """Tell on what deletions rest from here on, unless that was told last.

    Between two portions weeks may lie, in which somebody withdraws and somebody else approves, or
    what was sent anew makes another manifest.
    """
    agreed = CutoverAgreed(
        **story.about, approvals=consent.keys, approved_stage=STAGE, root=root,
        terms=consent.terms, signed=consent.signed, waivers=rested_on(story.ctx.waivers()),
        evidence=story.presented,
    )  # fmt: skip
    if now.agreed is None or agreed.as_json() != now.agreed.as_json():
        story.noted(now, agreed)


def demand_pointer(story: Undertaking, now: CutoverStanding) -> None:
    """Demand that consumers are led to the target.

    Raises:
        PointerMoved: they are not.
        StorageError: the pointer cannot be read.
    """
    if (moved := elsewhere(story, now)) is not None:
        story.waits("pointer-moved", [moved])
        raise PointerMoved(
            moved,
            hint="nothing more is deleted; find out who changed it and why, set it to the new value"
            " again, and give the same command again",
        )


def _unapproved(story: Undertaking, reasons: Sequence[str], safe: str) -> ApprovalMissing:
    return ApprovalMissing(
        f"decommission of batch {story.batch} is not approved:\n"
        + "\n".join(f"  {line}" for line in reasons),
        hint=f'"hdh-migrate approve PLAN --batch {story.batch} --stage decommission --key FILE";'
        f" {safe}",
    )
