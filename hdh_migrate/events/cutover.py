"""The story of a batch's switch, from its beginning to the end of its fallback window."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Final, Literal, TypedDict

from hdh_migrate.events.event import Event, SignedEnvelopes
from hdh_migrate.jsonform import ABSENT, Absent, JsonForm, json_form

PREFIX: Final = "cutover-"
"""How the kind of every event of a cutover begins."""


class Track(StrEnum):
    """Which pointer a story is about: the one that consumers follow, or the canary."""

    CUTOVER = "cutover"
    REHEARSAL = "rehearsal"


class StoryKey(TypedDict):
    """Which story an event is of, ready to be given to its type."""

    batch: str
    track: Track


@json_form
class OfCutover(Event):
    """An event of one batch's story."""

    batch: str
    track: Track


@json_form
class RestsOnApprovals(OfCutover):
    """An event that rests on approvals: the fingerprints of those who gave them."""

    approvals: tuple[str, ...]
    approved_stage: str
    terms: str | Absent | None
    """The digest of the terms under which they count; early events lack it."""
    signed: SignedEnvelopes | Absent = ABSENT
    waivers: tuple[str, ...] | Absent = ABSENT
    """The signed waivers that counted then, as `waivers-counted` names them; early ones lack it."""


@json_form
class CutoverWaits(OfCutover):
    """Why it does not go on: a word for programs, lines for people."""

    kind: ClassVar[str] = "cutover-waits"
    why: str
    told: tuple[str, ...]
    user: str | Absent = ABSENT
    """Under whose login it was asked for; early events lack it."""


@json_form
class PointerDescription(JsonForm):
    """Of what kind a pointer is, and how it guards its value."""

    kind: str
    guard: str


@json_form
class CutoverBegun(OfCutover):
    """A cutover begins; of the pointer's values the journal has the digests only."""

    kind: ClassVar[str] = "cutover-begun"
    pointer: PointerDescription
    old_sha256: str
    new_sha256: str
    user: str
    rehearsing: bool
    """Whether every endpoint lies on this machine."""


# --- the source stands still ---------------------------------------------------------------------


@json_form
class CutoverProbing(OfCutover):
    """A write to the source is about to be tried, under this name."""

    kind: ClassVar[str] = "cutover-probing"
    dataset: str
    name: str


@json_form
class CutoverProbed(OfCutover):
    """What came of a trial; nothing of it is left at the source."""

    kind: ClassVar[str] = "cutover-probed"
    dataset: str
    name: str
    proven: bool
    told: str


@json_form
class FreezeStatement(JsonForm):
    """Somebody signed that nobody writes any more."""

    kind: Literal["statement"] = "statement"
    keys: tuple[str, ...]


@json_form
class FreezeTrial(JsonForm):
    """How the source refused one write."""

    dataset: str
    told: str


@json_form
class FreezeTrials(JsonForm):
    """A writer's own credential was refused, once for each dataset."""

    kind: Literal["denied-write"] = "denied-write"
    trials: tuple[FreezeTrial, ...]


@json_form
class Relisting(JsonForm):
    """One whole listing of the source, and when it was through."""

    at: str
    objects: int
    digest: str


@json_form
class CutoverFrozen(OfCutover):
    """The source stands still: two listings so long apart are equal."""

    kind: ClassVar[str] = "cutover-frozen"
    how: FreezeStatement | FreezeTrials
    relists: tuple[Relisting, ...]
    interval_seconds: int
    signed: SignedEnvelopes | Absent = ABSENT
    """What the keys of a statement signed."""


@json_form
class CutoverRelisting(OfCutover):
    """A listing is about to be written into the ledger."""

    kind: ClassVar[str] = "cutover-relisting"
    round: int


@json_form
class CutoverDelta(OfCutover):
    """What a listing found otherwise than the ledger had it."""

    kind: ClassVar[str] = "cutover-delta"
    round: int
    new: int
    changed: int
    vanished: int


@json_form
class CutoverMoved(OfCutover):
    """What a listing found was moved and verified."""

    kind: ClassVar[str] = "cutover-moved"
    round: int


@json_form
class CutoverSettled(OfCutover):
    """A listing equals the ledger, after so many of them."""

    kind: ClassVar[str] = "cutover-settled"
    rounds: int


# --- the switch ----------------------------------------------------------------------------------


@json_form
class CutoverSwitching(RestsOnApprovals):
    """The intent to switch: the pointer is touched from here on."""

    kind: ClassVar[str] = "cutover-switching"
    old_sha256: str
    new_sha256: str
    root: str
    guard: str
    strangers: int
    """Objects of somebody else's that stand in the batch's places."""


@json_form
class CutoverWithdrawn(OfCutover):
    """The intent is over, and the pointer was not switched."""

    kind: ClassVar[str] = "cutover-withdrawn"
    why: str


@json_form
class CutoverSwitched(OfCutover):
    """The pointer has the new value; `found`: by a later look, `late`: after it was withdrawn."""

    kind: ClassVar[str] = "cutover-switched"
    found: bool
    late: bool
    guard: str
    guard_found: str | Absent | None = ABSENT
    """The guard that counted when the value was changed; None: nobody saw that, it was found
    changed. Early events lack it."""


@json_form
class CutoverSmoking(OfCutover):
    """Smoke tests are about to be run."""

    kind: ClassVar[str] = "cutover-smoking"
    objects: int
    programs: int
    root: str


@json_form
class SmokeCommandRan(JsonForm):
    """How a program of the plan ended."""

    name: str
    ok: bool
    told: str


@json_form
class CutoverSmoked(OfCutover):
    """How the smoke tests ended; `objects` and `bytes` were read as they should be."""

    kind: ClassVar[str] = "cutover-smoked"
    ok: bool
    objects: int
    bytes: int
    commands: tuple[SmokeCommandRan, ...]
    failures: tuple[str, ...]


@json_form
class CutoverOpen(OfCutover):
    """The fallback window is open."""

    kind: ClassVar[str] = "cutover-open"
    until: str


@json_form
class CutoverRollingBack(OfCutover):
    """The intent to give the pointer its old value."""

    kind: ClassVar[str] = "cutover-rolling-back"
    user: str


@json_form
class CutoverRolledBack(OfCutover):
    """It is taken back; `switched`: the pointer had the new value, and got its old one."""

    kind: ClassVar[str] = "cutover-rolled-back"
    switched: bool
    guard: str | Absent
    """Absent where the pointer was not touched."""


@json_form
class CutoverCounted(OfCutover):
    """What consumers wrote to the target until the rollback."""

    kind: ClassVar[str] = "cutover-counted"
    new: int
    changed: int
    gone: int


@json_form
class ListingDifferences(JsonForm):
    """How many objects a listing showed besides, or otherwise than, what was moved and verified."""

    new: int
    changed: int
    gone: int


@json_form
class CutoverFinalized(RestsOnApprovals):
    """There is no rollback from here on; `early`: within the window, for a reason."""

    kind: ClassVar[str] = "cutover-finalized"
    early: bool
    reason: str | None
    root: str
    user: str
    target: ListingDifferences | Absent
    """What a listing right before it showed; earlier versions looked at no target."""
    source: ListingDifferences | Absent | None = ABSENT
    """Likewise of the source; None: it could not be listed. Early events lack it."""


SwitchEvent = (
    CutoverWaits
    | CutoverBegun
    | CutoverProbing
    | CutoverProbed
    | CutoverFrozen
    | CutoverRelisting
    | CutoverDelta
    | CutoverMoved
    | CutoverSettled
    | CutoverSwitching
    | CutoverWithdrawn
    | CutoverSwitched
    | CutoverSmoking
    | CutoverSmoked
    | CutoverOpen
    | CutoverRollingBack
    | CutoverRolledBack
    | CutoverCounted
    | CutoverFinalized
)
