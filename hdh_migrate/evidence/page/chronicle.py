"""What months brought, as a bundle's journal tells it: listed again, amended, adopted, taken over.

The statement says how things stand; that a source was followed, a rule was added later, or another
machine went on, only the journal says. A page shows both, so whoever reads it need not read lines
of JSON. Everything here follows from the bundle's own journal, so a page can be made again.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Final

from hdh_migrate.events.adoption import Adopting, AdoptionEnded
from hdh_migrate.events.batches import BatchAmended, BatchAmending
from hdh_migrate.events.cutover import (
    CutoverBegun,
    CutoverFinalized,
    CutoverOpen,
    CutoverRolledBack,
    CutoverRollingBack,
    CutoverSwitching,
    CutoverWaits,
    Track,
)
from hdh_migrate.events.decommission import CutoverAgreed, CutoverRequested, PresentedEvidence
from hdh_migrate.events.erasure import HeadersErasing
from hdh_migrate.events.event import Event
from hdh_migrate.events.fence import FenceTaking
from hdh_migrate.events.grants import GrantAsked, GrantClosedByHand, GrantRevoked
from hdh_migrate.events.looks import LookingAgain, ObjectAccepted, ObjectRestoring
from hdh_migrate.events.objects import ObjectDrifted, ObjectsVerified, SendingAgain
from hdh_migrate.events.refreshes import Refreshed, RefreshEnded, Refreshing, RetryingFailed
from hdh_migrate.events.registry import KINDS, read_body
from hdh_migrate.events.rotation import DataKeysRotating, KeysRotating
from hdh_migrate.events.run import ContentsRecorded, PlanRebound, RunEnded, RunStarted
from hdh_migrate.events.waivers import WaiversCounted
from hdh_migrate.evidence.lines.absences import LOOK_EVENTS, LooksInTurn
from hdh_migrate.evidence.lines.granted import GRANT_EVENTS, GrantAccounts
from hdh_migrate.evidence.lines.harm import HARM_EVENTS, HarmInTurn
from hdh_migrate.evidence.lines.listings import LISTING_EVENTS
from hdh_migrate.evidence.page.approved import ApprovalLine, approvals_of
from hdh_migrate.evidence.page.chronicle_lines import (
    AdoptionLine,
    OperatorLine,
    PassLine,
    ReplannedLine,
    RevisionLine,
    RollbackLine,
    TakeOverLine,
)
from hdh_migrate.evidence.page.passed import PASSING, PassedOver
from hdh_migrate.evidence.page.refused import Refusals
from hdh_migrate.evidence.page.taken_back import TELLING, TakenBackVerdicts
from hdh_migrate.evidence.page.waived import WaiverAccounts
from hdh_migrate.frozen import mutable_row
from hdh_migrate.jsonform import ABSENT, OtherForm

SHOWN: Final = 50
"""Of each kind the last so many are shown."""

ACTS: Final[Mapping[type[Event], str]] = {
    CutoverBegun: "cutover",
    CutoverRollingBack: "back",
    CutoverFinalized: "finalize",
    CutoverRequested: "decommission",
    KeysRotating: "rotate",
    DataKeysRotating: "reseal",
    HeadersErasing: "erase",
    GrantAsked: "grant",
    GrantRevoked: "revoke",
    GrantClosedByHand: "close",
    BatchAmending: "amend",
    Adopting: "adopt",
    Refreshing: "refresh",
    LookingAgain: "look",
    RetryingFailed: "retry",
    ObjectRestoring: "restore",
    ObjectAccepted: "accept",
    FenceTaking: "take-over",
}
"""What is done under somebody's login beside runs, as sentences `act.*` call it."""

LOOKED_AT: Final[tuple[type[Event], ...]] = (
    Adopting, AdoptionEnded, BatchAmended, BatchAmending, CutoverAgreed, CutoverFinalized,
    ContentsRecorded, CutoverOpen, CutoverRolledBack, CutoverRollingBack, CutoverSwitching,
    CutoverWaits, DataKeysRotating, FenceTaking, HeadersErasing, KeysRotating, ObjectDrifted,
    PlanRebound, Refreshed, RefreshEnded, Refreshing, RetryingFailed, RunEnded, RunStarted,
    SendingAgain, WaiversCounted, *TELLING, *GRANT_EVENTS, *LISTING_EVENTS, *LOOK_EVENTS,
    *HARM_EVENTS, *ACTS, *PASSING,
)  # fmt: skip

_VERIFIED: Final = f'"kind":"{ObjectsVerified.kind}"'.encode()
"""Looked at once something is to be verified again."""
_MARKS: Final = tuple(f'"kind":"{one.kind}"'.encode() for one in dict.fromkeys(LOOKED_AT))


@mutable_row
class Chronicle:
    """What a journal tells of the time after the first inventory."""

    passes: deque[PassLine] = field(default_factory=lambda: deque(maxlen=SHOWN))
    revisions: deque[RevisionLine] = field(default_factory=lambda: deque(maxlen=SHOWN))
    plans: deque[ReplannedLine] = field(default_factory=lambda: deque(maxlen=SHOWN))
    adoptions: deque[AdoptionLine] = field(default_factory=lambda: deque(maxlen=SHOWN))
    take_overs: deque[TakeOverLine] = field(default_factory=lambda: deque(maxlen=SHOWN))
    rollbacks: deque[RollbackLine] = field(default_factory=lambda: deque(maxlen=SHOWN))
    approvals: deque[ApprovalLine] = field(default_factory=lambda: deque(maxlen=SHOWN))
    """What rested on approvals."""
    presented: deque[tuple[str, PresentedEvidence]] = field(
        default_factory=lambda: deque(maxlen=SHOWN)
    )
    """By batch: a report that its deletion at the source rested on."""
    waivers: WaiverAccounts = field(default_factory=WaiverAccounts)
    """Every waiver that ever counted."""
    looks: LooksInTurn = field(default_factory=LooksInTurn)
    """Every look at the target."""
    harm: HarmInTurn = field(default_factory=HarmInTurn)
    """What was lost or replaced, and what people judged of that."""
    identity: str | None = None
    """The fingerprint of the private key with which the last run opened what is sealed."""
    erasing: dict[str, HeadersErasing] = field(default_factory=dict)
    """By dataset: by whom and why it was erased."""
    counts: dict[str, int] = field(default_factory=dict)
    """How many there are of each, shown or not."""
    codes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Runs by the tool's version and the digest of its code; an early journal has no digest."""
    runs: int = 0
    cut_off: int = 0
    """Runs that began and never said that they ended."""
    resent: int = 0
    """Objects that were sent anew because nobody had heard what became of them."""
    continued: int = 0
    """Large objects whose uploads went on after a run had ended."""
    drifted: int = 0
    """How often a source object had changed before it was read whole."""
    taken_back: TakenBackVerdicts = field(default_factory=TakenBackVerdicts)
    """Verified objects whose verdict was taken back."""
    retried: Counter[str] = field(default_factory=Counter)
    """Failed objects that somebody asked to be tried again, by the code of their failure."""
    grants: GrantAccounts = field(default_factory=GrantAccounts)
    """Who was let read."""
    listed: list[tuple[str, Event]] = field(default_factory=list)
    """The listings of the source, with their times."""
    passed: PassedOver = field(default_factory=PassedOver)
    """What was passed over."""
    refusals: Refusals = field(default_factory=Refusals)
    """Steps of switches that were asked for and did not go on."""
    others: Counter[str] = field(default_factory=Counter)
    """Endpoints beside source and target, at most `SHOWN`, each with its requests."""
    logins: dict[str, OperatorLine] = field(default_factory=dict)
    """Who did something, at most `SHOWN` of them, in the order of their first."""
    _open: bool = False
    _began_at: str | None = None
    _intent: BatchAmending | None = None
    _amended: set[str] = field(default_factory=set)
    """Changes of the plan that amended a batch, since a plan was last bound."""
    _led: dict[str, str] = field(default_factory=dict)
    """By batch: since when consumers are led to the target."""

    @property
    def going_on(self) -> str | None:
        """When the last run began, if the journal does not tell of its end."""
        return self._began_at if self._open else None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show: one run after another, each to its end."""
        everything = (
            *self.counts.values(),
            self.cut_off,
            self.resent,
            self.continued,
            self.drifted,
            self.taken_back.total,
            self.looks.lines,
            self.retried,
            self.passed.some,
            self.refusals.total,
        )
        return not any(everything)

    @property
    def operators(self) -> list[OperatorLine]:
        """Who did something, in the order of their first."""
        return list(self.logins.values())

    def take(self, at: str, event: Event) -> None:
        """Count one event; those of a journal come in its order."""
        self.approvals.extend(approvals_of(at, event))
        self.waivers.take(at, event)
        self.taken_back.take(event)
        self.looks.take(at, event)
        self.harm.take(at, event)
        self.passed.take(at, event)
        self.refusals.take(at, event)
        self._acted(at, event)
        if isinstance(event, CutoverAgreed):
            self._agreed(event)
        if isinstance(event, LISTING_EVENTS):
            self.listed.append((at, event))
        match event:
            case Refreshing():
                self._pass(event.batch, event.number)
            case Refreshed():
                self._passed(event)
            case RefreshEnded():
                one = self._pass(event.batch, event.number)
                one.ended = at
                one.listed_all = {"objects": event.listed.objects, "bytes": event.listed.bytes}
            case PlanRebound() | BatchAmending() | BatchAmended():
                self._planned(at, event)
            case Adopting():
                self._adopting(event)
            case AdoptionEnded():
                self._adopted(at, event)
            case FenceTaking():
                self._taken(at, event)
            case _:
                self._ran(at, event)

    def _ran(self, at: str, event: Event) -> None:
        match event:
            case RunStarted():
                self._began(at, event)
            case RunEnded():
                self._open = False
                for total in event.traffic:
                    beside = total.side not in {"source", "target"}
                    if beside and (total.endpoint in self.others or len(self.others) < SHOWN):
                        self.others[total.endpoint] += total.requests
            case SendingAgain():
                self.resent += event.unacknowledged
                self.continued += event.going_on
            case RetryingFailed():
                self.retried.update(event.reasons)
            case ObjectDrifted():
                self.drifted += 1
            case ContentsRecorded():
                self.identity = event.files.get("seal.identity")
            case _:
                self._switched(at, event)

    def _began(self, at: str, event: RunStarted) -> None:
        self.runs += 1
        self.codes[event.tool, "" if event.code_sha256 is ABSENT else event.code_sha256] += 1
        self.cut_off += self._open
        self._open, self._began_at = True, at
        if self.plans and not self.plans[-1].user:
            self.plans[-1].user = event.user
        if (one := self._login(event.user)) is not None:
            one.first, one.last, one.runs = one.first or at, at, one.runs + 1

    def _login(self, user: str) -> OperatorLine | None:
        if user not in self.logins and len(self.logins) >= SHOWN:
            return None
        return self.logins.setdefault(user, OperatorLine(user))

    def _agreed(self, event: CutoverAgreed) -> None:
        shown = event.batch, event.evidence
        if event.evidence and shown not in self.presented:
            self.presented.append((event.batch, event.evidence))

    def _acted(self, at: str, event: Event) -> None:
        act = ACTS.get(type(event))
        if act is None or getattr(event, "track", Track.CUTOVER) is not Track.CUTOVER:
            return
        if isinstance(event, FenceTaking) and not event.reason:
            return  # every run takes it
        if (one := self._login(getattr(event, "user", ""))) is not None:
            one.acts[act] = None
            one.acted_first, one.acted_last = one.acted_first or at, at

    def _pass(self, batch: str, number: int) -> PassLine:
        for one in reversed(self.passes):
            if (one.batch, one.number) == (batch, number):
                return one
        made = PassLine(batch, number)
        self.passes.append(made)
        self._count("passes")
        return made

    def _passed(self, event: Refreshed) -> None:
        one = self._pass(event.batch, event.number)
        one.new += event.new.objects
        one.changed += event.changed.objects
        one.gone += event.vanished.objects
        one.left += event.left.objects

    def _revised(self, at: str, event: BatchAmended) -> None:
        meant, self._intent = self._intent, None
        if meant is None or (meant.batch, meant.revision) != (event.batch, event.revision):
            meant = None
        self._count("revisions")
        self.revisions.append(
            RevisionLine(
                batch=event.batch,
                revision=event.revision,
                at=at,
                user="" if meant is None else meant.user,
                reason="" if meant is None else meant.reason,
                changes=() if meant is None else meant.changes,
                excluded=sum(event.excluded.values()),
                taken_back=sum(event.taken_back.values()),
                moved_before=sum(event.moved_before.values()),
                sealed_for=len(event.recipients) if event.recipients else None,
            )
        )

    def _planned(self, at: str, event: PlanRebound | BatchAmending | BatchAmended) -> None:
        match event:
            case PlanRebound():
                self._replanned(at, event)
            case BatchAmending():
                self._intent = event
                self._amended.update(event.changes)
            case BatchAmended():
                self._revised(at, event)

    def _replanned(self, at: str, event: PlanRebound) -> None:
        free = tuple(line for line in event.changes if line not in self._amended)
        self._amended.clear()
        if free:
            self._count("plans")
            self.plans.append(ReplannedLine(at, free))

    def _adopting(self, event: Adopting) -> None:
        for one in self.adoptions:
            if (one.batch, one.number) == (event.batch, event.number):
                return  # it goes on after a stop
        self._count("adoptions")
        bundles = sum(one.statement is not None for one in event.journals)
        self.adoptions.append(
            AdoptionLine(event.batch, event.number, event.user, len(event.journals), bundles)
        )

    def _adopted(self, at: str, event: AdoptionEnded) -> None:
        for one in self.adoptions:
            if (one.batch, one.number) == (event.batch, event.number):
                one.ended, one.adopted = at, event.adopted
                one.unproved, one.foreign = event.unproved, event.foreign

    def _taken(self, at: str, event: FenceTaking) -> None:
        if not event.reason:
            return  # every run takes it
        self._count("take_overs")
        self.take_overs.append(
            TakeOverLine(
                bucket=event.bucket,
                at=at,
                user=event.user,
                epoch=event.epoch,
                host=event.over.host if event.over else None,
                since=event.over.since if event.over else None,
                reason=event.reason,
            )
        )

    def _switched(self, at: str, event: Event) -> None:
        match event:
            case CutoverOpen() | CutoverRollingBack() | CutoverRolledBack() if (
                event.track is not Track.CUTOVER
            ):
                pass
            case CutoverOpen():
                self._led[event.batch] = at
            case CutoverRollingBack():
                standing = [one for one in self.rollbacks if one.batch == event.batch]
                if not standing or standing[-1].ended is not None:  # it may go on after a stop
                    led = self._led.pop(event.batch, None)
                    self.rollbacks.append(RollbackLine(event.batch, at, event.user, led))
            case CutoverRolledBack():
                for one in reversed(self.rollbacks):
                    if one.batch == event.batch:
                        one.ended = at
                        break
            case HeadersErasing():
                self.erasing[event.dataset] = event
            case _:
                self.grants.take(at, event)

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1


NOTHING: Final = Chronicle()


def chronicle_of(journal: Path) -> Chronicle:
    """Return what a bundle's journal tells; an event of another form tells nothing."""
    found = Chronicle()
    for at, event in _events(journal, found.looks.away):
        found.take(at, event)
    return found


def _events(journal: Path, away: Collection[int]) -> Iterator[tuple[str, Event]]:
    with journal.open("rb") as file:
        for line in file:
            if not any(mark in line for mark in _MARKS) and not (away and _VERIFIED in line):
                continue  # most are of objects: these are not parsed
            body = json.loads(line)
            try:
                yield body["at"], read_body(KINDS[body["kind"]], body["body"])
            except OtherForm:
                continue  # of a keyed bundle, or of another version
