"""Where a cutover stands: a fold over the journal's events, and nothing else.

Every effect outside the ledger has an intent event before it and a receipt event after it. So what
is not known after a kill is exactly what has an intent and no receipt, and the fold names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from enum import StrEnum
from typing import TypeAlias, assert_never

from hdh_migrate.clocks import seconds_of
from hdh_migrate.events import cutover, decommission
from hdh_migrate.events.consent import (
    ConsentEvent,
    ConsentTerms,
    CutoverApprovalWithdrawn,
    CutoverTermsChanged,
    CutoverTermsFixed,
)
from hdh_migrate.events.cutover import PREFIX, RestsOnApprovals, SwitchEvent, Track
from hdh_migrate.events.decommission import DecommissionEvent
from hdh_migrate.events.registry import CutoverEvent, UnknownOfCutover
from hdh_migrate.frozen import frozen_row, mutable_row
from hdh_migrate.jsonform import ABSENT, Absent
from hdh_migrate.pipeline.projections.erasure_progress import ErasureProgress, RecheckState

StoryEvent: TypeAlias = CutoverEvent | UnknownOfCutover
Events: TypeAlias = Iterable[tuple[str, str, StoryEvent]]
"""(time, kind, event), oldest first."""


class CutoverStage(StrEnum):
    """How far a cutover has come."""

    NONE = "not started"
    PREPARING = "preparing"
    SWITCHING = "switching"  # an intent without a receipt: only the pointer itself knows
    SWITCHED = "switched"  # the smoke tests have not passed yet
    OPEN = "fallback window"
    ROLLING_BACK = "rolling back"  # an intent without a receipt
    ROLLED_BACK = "rolled back"
    FINALIZED = "finalized"
    ERASING = "decommission under way"
    REQUESTED = "decommission requested"
    OBSERVED = "decommission observed"


BEFORE_SWITCH = frozenset({CutoverStage.NONE, CutoverStage.PREPARING, CutoverStage.ROLLED_BACK})

_NOT_FROZEN = frozenset({"source-written", "not-frozen"})

FINAL = frozenset(
    {CutoverStage.FINALIZED, CutoverStage.ERASING, CutoverStage.REQUESTED, CutoverStage.OBSERVED}
)


@frozen_row
class WaitReason:
    """Why a cutover does not go on: a word for programs, lines for people, and since when."""

    why: str
    reasons: tuple[str, ...]
    at: str


@frozen_row
class RecordedTermsChange:
    """A change of the terms, when it was told, and the terms before it."""

    at: str
    event: CutoverTermsChanged
    before: ConsentTerms | None


@mutable_row
class CutoverStanding:
    """One cutover (or rehearsal) of one batch: the state that its journal events add up to."""

    batch: str
    track: Track = Track.CUTOVER
    stage: CutoverStage = CutoverStage.NONE
    since: str | None = None
    waits: WaitReason | None = None
    """None while nothing holds it."""
    pointer: cutover.PointerDescription | None = None
    guard_found: str | Absent | None = ABSENT
    """See `CutoverSwitched`."""
    rehearsing: bool | None = None
    """Whether both endpoints lay on this machine."""
    old_sha256: str | None = None
    new_sha256: str | None = None
    root: str | None = None
    """The manifest root that the switch was approved for."""
    intended: bool = False
    """A switch was begun at some time since the last rollback, so it may still land."""
    late: bool = False
    """The switch landed after it had been withdrawn: only a rollback leads on."""
    probes: list[cutover.CutoverProbing] = field(default_factory=list)
    """Write trials without a receipt."""
    freeze: cutover.CutoverFrozen | None = None
    moving: bool = False
    """A listing is being written into the ledger, or what it found is not moved yet."""
    rounds: list[cutover.CutoverDelta] = field(default_factory=list)
    smoke: cutover.CutoverSmoked | None = None
    window_until: str | None = None
    strangers: int = 0
    """Objects at the target that were not ours already before the switch."""
    written: Mapping[str, int] | None = None
    """What consumers wrote to the target until a rollback; None: not counted yet."""
    approvals: dict[str, list[str]] = field(default_factory=dict)
    attempt: int = 1
    """Which attempt to switch this is; one more after each rollback."""
    moved_at: str | None = None
    """When a delta last made another manifest."""
    disproved_at: str | None = None
    """When the source was last seen not to be frozen."""
    terms: ConsentTerms | None = None
    """The terms in force: who approves, how many, with what delays; None: none were fixed yet."""
    terms_since: str | None = None
    """When the last consent to a change of the terms was signed."""
    terms_changes: list[RecordedTermsChange] = field(default_factory=list)
    terms_of: dict[str, str | None] = field(default_factory=dict)
    """The digest of the terms under which each stage was approved."""
    beside: list[str] = field(default_factory=list)
    """Fingerprints of keys that may approve or waive and whose private half lies with the plan."""
    withdrawn: set[tuple[str, str]] = field(default_factory=set)
    """Approvals, by digest, that the key with this fingerprint has withdrawn."""
    times: dict[str, str] = field(default_factory=dict)
    finalized: cutover.CutoverFinalized | None = None
    recheck: RecheckState = field(default_factory=RecheckState)
    erasure: ErasureProgress = field(default_factory=ErasureProgress)
    agreed: decommission.CutoverAgreed | None = None
    """On what the deletion rests, as it was told last."""
    requested: Mapping[str, int] | None = None
    observed: decommission.Remains | None = None

    def take(self, at: str, kind: str, event: StoryEvent) -> None:
        """Apply one event; of one that only a newer version knows, that it came."""
        self.times[kind.removeprefix(PREFIX)] = at
        if not isinstance(
            event, ConsentEvent
        ):  # those are others' doing: what was waited for still is
            self.waits = None
        if isinstance(event, RestsOnApprovals):
            self.approvals[event.approved_stage] = list(event.approvals)
            self.terms_of[event.approved_stage] = event.terms or None
        if isinstance(event, DecommissionEvent):
            _decommissioned(self, event)
        elif isinstance(event, ConsentEvent):
            _consented(self, at, event)
        elif not isinstance(event, UnknownOfCutover):
            _moved_on(self, at, event)
        stage = _STAGES.get(type(event))
        if stage is not None and stage is not self.stage:
            self.stage, self.since = stage, at

    def is_over(self, stage: str) -> bool:
        """Return whether a stage that is approved lies behind: nothing asks for its consent again.

        A decommission asks until all of it was requested; a rollback lets the way begin anew.
        """
        switched = self.stage in {CutoverStage.SWITCHED, CutoverStage.OPEN, *FINAL}
        done = self.stage in {CutoverStage.REQUESTED, CutoverStage.OBSERVED}
        over = {
            "freeze": switched,
            "cutover": switched,
            "finalize": self.stage in FINAL,
            "decommission": done and not self.erasure.pending,
        }
        return over.get(stage, False)

    def known_since(self, stage: str) -> str | None:
        """Return when what whoever approves a stage must know of came to be, None: always.

        An approval that was made before is void: it was given for a state of things that is over.
        """
        needed = {
            "freeze": (self.times.get("rolled-back"), self.disproved_at),
            "cutover": (self.times.get("rolled-back"), self.moved_at),
            "finalize": (self.times.get("switched"),),
            "decommission": (self.times.get("finalized"),),
            "terms": (),
            "grant": (),
            "rotate": (),
            "reseal": (),
            "erase": (),
        }
        moments = (*needed[stage], self.terms_since)
        return max((at for at in moments if at is not None), key=seconds_of, default=None)


def standings(events: Events) -> dict[tuple[str, Track], CutoverStanding]:
    """Return every cutover and rehearsal that the journal knows of, by batch and track."""
    found: dict[tuple[str, Track], CutoverStanding] = {}
    for at, kind, event in events:
        key = (event.batch, event.track)
        found.setdefault(key, CutoverStanding(*key)).take(at, kind, event)
    return found


def standing(events: Events, batch: str, track: Track = Track.CUTOVER) -> CutoverStanding:
    """Return how one batch stands."""
    return standings(events).get((batch, track), CutoverStanding(batch, track))


# --- what each event changes ---------------------------------------------------------------------


def _consented(now: CutoverStanding, at: str, event: ConsentEvent) -> None:
    match event:
        case CutoverTermsFixed():
            now.terms, now.beside = event.terms, list(event.beside)
        case CutoverTermsChanged():
            now.terms_changes.append(RecordedTermsChange(at, event, now.terms))
            now.terms_since = event.since
            now.terms, now.beside = event.terms, list(event.beside)
        case CutoverApprovalWithdrawn():
            now.withdrawn.add((event.approval, event.key))
        case _:
            assert_never(event)


def _moved_on(now: CutoverStanding, at: str, event: SwitchEvent) -> None:  # noqa: C901, PLR0912 - a table
    match event:
        case cutover.CutoverWaits():
            now.waits = WaitReason(event.why, event.told, at)
            if event.why in _NOT_FROZEN:
                now.disproved_at = at
        case cutover.CutoverBegun():
            now.pointer, now.rehearsing = event.pointer, event.rehearsing
            now.guard_found = ABSENT
            now.old_sha256, now.new_sha256 = event.old_sha256, event.new_sha256
            now.freeze = now.smoke = now.window_until = now.written = None
            now.rounds = []
        case cutover.CutoverProbing():
            now.probes.append(event)
        case cutover.CutoverProbed():
            now.probes = [probe for probe in now.probes if probe.name != event.name]
        case cutover.CutoverFrozen():
            now.freeze = event
        case cutover.CutoverRelisting():
            now.moving = True
        case cutover.CutoverDelta():
            if event.new + event.changed:
                now.moved_at = at
            now.rounds.append(event)
        case cutover.CutoverSettled():
            now.moving = False
        case cutover.CutoverSwitching():
            now.intended, now.strangers = True, event.strangers
            now.root = event.root
            now.old_sha256, now.new_sha256 = event.old_sha256, event.new_sha256
        case cutover.CutoverSwitched():
            now.late, now.guard_found = event.late, event.guard_found
        case cutover.CutoverSmoked():
            now.smoke = event
        case cutover.CutoverOpen():
            now.window_until = event.until
        case cutover.CutoverRolledBack():
            # What was never switched may still land late; what was switched has landed.
            now.intended = now.intended and not event.switched
            now.late, now.window_until = False, None
            now.attempt += 1
            now.written = None if event.switched else {}  # nobody was led to the target
        case cutover.CutoverCounted():
            now.written = {"new": event.new, "changed": event.changed, "gone": event.gone}
        case cutover.CutoverFinalized():
            now.finalized = event
        case (
            cutover.CutoverMoved()
            | cutover.CutoverWithdrawn()
            | cutover.CutoverSmoking()
            | cutover.CutoverRollingBack()
        ):
            pass  # that it came, and the stage it leads to, is all it says
        case _:
            assert_never(event)


def _decommissioned(now: CutoverStanding, event: DecommissionEvent) -> None:
    match event:
        case decommission.CutoverRechecking():
            now.recheck.level, now.recheck.reason = event.level, event.reason
        case decommission.CutoverRechecked():
            now.recheck.take(event)
        case decommission.CutoverErasing():
            _erasing(now, event)
        case decommission.CutoverErased():
            _erased(now, event)
        case decommission.CutoverRequested():
            now.requested = event.outcomes
        case decommission.CutoverObserved():
            now.observed = event.remains
        case decommission.CutoverAgreed():
            now.agreed = event
        case _:
            assert_never(event)


def _erasing(now: CutoverStanding, event: decommission.CutoverErasing) -> None:
    # What was requested and observed before says nothing of what is deleted from here on.
    now.requested = now.observed = None
    for name in ("requested", "observed"):
        now.times.pop(name, None)
    now.erasure.intend(event)


def _erased(now: CutoverStanding, event: decommission.CutoverErased) -> None:
    now.erasure.receive(event)
    # What the look right before a delete found wrong is to be read again, too.
    left = dict(event.pending or ())
    now.recheck.differing.update((n, why) for n, why in left.items() if "target-" in why)


_STAGES: Mapping[type[StoryEvent], CutoverStage] = {
    cutover.CutoverBegun: CutoverStage.PREPARING,
    cutover.CutoverSwitching: CutoverStage.SWITCHING,
    cutover.CutoverWithdrawn: CutoverStage.PREPARING,
    cutover.CutoverSwitched: CutoverStage.SWITCHED,
    cutover.CutoverOpen: CutoverStage.OPEN,
    cutover.CutoverRollingBack: CutoverStage.ROLLING_BACK,
    cutover.CutoverRolledBack: CutoverStage.ROLLED_BACK,
    cutover.CutoverFinalized: CutoverStage.FINALIZED,
    decommission.CutoverErasing: CutoverStage.ERASING,
    decommission.CutoverRequested: CutoverStage.REQUESTED,
    decommission.CutoverObserved: CutoverStage.OBSERVED,
}
