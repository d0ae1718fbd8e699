"""Results of the verbs around a switch: rehearse, approve, cutover, hold, decommission."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from hdh_migrate.results import Amount


class Waits(TypedDict):
    """Why a cutover does not go on."""

    why: str
    told: list[str]
    at: str


class PointerMeans(TypedDict, total=False):
    """How the pointer is changed, and what keeps others from changing it meanwhile."""

    kind: str
    guard: str
    """What was expected of it."""
    guard_found: str | None
    """What kept others off when it was switched; None: nobody saw it, the value was found there."""


class PointerState(PointerMeans):
    """The pointer, its values as digests: what it was before may hold anything."""

    old_sha256: str | None
    new_sha256: str | None


class KeyTerms(TypedDict):
    """A key that approves or is trusted, told by what it is."""

    fingerprint: str
    public: str
    until: str | None


class FreezeTermsFact(TypedDict):
    """What proves that nobody writes to the source any more."""

    how: dict[str, object] | None
    longest_seconds: int
    relist_seconds: int | None


class DecommissionTermsFact(TypedDict):
    """What must hold before anything is deleted at the source."""

    cooling_seconds: int
    recheck: str
    recheck_reason: str | None
    recheck_within_seconds: int | None
    trust: list[KeyTerms]
    signatures: int


class TermsInForce(TypedDict):
    """Who approves, how many, with what delays."""

    approvers: list[KeyTerms]
    thresholds: dict[str, int]
    window_seconds: int | None
    freeze: FreezeTermsFact
    waivers: list[KeyTerms]
    decommission: DecommissionTermsFact | None


class TermsChangeFact(TypedDict):
    """A change of the terms: digests before and after, and who agreed."""

    at: str
    was: str
    now: str
    difference: list[str]
    approvals: list[str]
    terms_before: TermsInForce | None


class TrialFact(TypedDict):
    """A write that was tried at the source and refused, in words."""

    dataset: str
    told: str


class DeniedWriteFact(TypedDict):
    """Nobody writes: the writers' own credential was tried and refused."""

    kind: Literal["denied-write"]
    trials: list[TrialFact]


class Statement(TypedDict):
    """Nobody writes: it was signed, with these keys."""

    kind: Literal["statement"]
    keys: list[str]


class RelistingFact(TypedDict):
    """One of the listings of the source that had to be the same."""

    at: str
    objects: int
    digest: str


class FreezeProof(TypedDict):
    """How it was seen that nobody writes."""

    how: DeniedWriteFact | Statement
    relists: list[RelistingFact]
    interval_seconds: int


class Round(TypedDict):
    """One listing of the final delta and what it found."""

    round: int
    new: int
    changed: int
    vanished: int


class Command(TypedDict):
    """How a program of the plan ended."""

    name: str
    ok: bool
    told: str


class SmokeFact(TypedDict):
    """What a consumer found behind the new pointer."""

    ok: bool
    objects: int
    bytes: int
    commands: list[Command]
    failures: list[str]


class Written(TypedDict, total=False):
    """How many objects consumers wrote at the target; without keys: nobody was led there."""

    new: int
    changed: int
    gone: int


class Differences(TypedDict):
    """How many objects a listing showed besides, or otherwise than, what was moved and verified."""

    new: int
    changed: int
    gone: int


class Finalization(TypedDict):
    """Whether rollback was given up before its window ended, why, and in spite of what.

    What listings right before it showed is not known where an earlier version made it final.
    """

    early: bool
    reason: str | None
    target: NotRequired[Differences]
    source: NotRequired[Differences | None]
    """None: it could not be listed."""


class RecheckFact(TypedDict):
    """How the target was read again before anything was deleted."""

    level: str
    reason: str | None
    objects: int
    bytes: int
    differing: int


_SoftDeleted = TypedDict("_SoftDeleted", {"soft-deleted": int})


class Remains(_SoftDeleted):
    """What the source still shows of a batch, by form; what was never ours is counted apart."""

    current: int
    version: int
    snapshot: int
    uncommitted: int
    until: str | None
    not_ours: int
    not_shown: list[str]


class ErasureFact(TypedDict):
    """What became of the batch at the source; None: not yet."""

    recheck: RecheckFact | None
    outcomes: dict[str, int]
    requested: dict[str, int] | None
    observed: Remains | None


class CutoverFact(TypedDict):
    """One cutover of one batch, as the journal tells it; None: not so far yet."""

    batch: str
    track: str
    on_this_machine: bool | None
    stage: str
    since: str | None
    times: dict[str, str]
    waits: Waits | None
    pointer: PointerState
    root: str | None
    attempt: int
    terms: TermsInForce | None
    terms_changes: list[TermsChangeFact]
    approved_under: dict[str, str | None]
    keys_beside: list[str]
    approvals: dict[str, list[str]]
    freeze: FreezeProof | None
    delta: list[Round]
    smoke: SmokeFact | None
    window_until: str | None
    not_ours_before_the_switch: int
    written_by_consumers: Written | None
    finalized: Finalization | None
    decommission: ErasureFact


class ConsumerWrites(TypedDict):
    """What consumers wrote until a rollback; `names` is the file that names the objects."""

    stage: str
    written: Written
    names: str | None
    hint: str | None


class PointerNow(TypedDict):
    """Which value the pointer had when a rollback was done, looked at last; None: nobody knows.

    `none`: there is no pointer any more.
    """

    has: Literal["old", "new", "another", "none"] | None
    told: str


class SourceSince(TypedDict):
    """What the source lists that consumers are led to again, against what was moved of it.

    `unread` says why it could not be listed; then nothing was counted.
    """

    new: int
    changed: int
    gone: int
    unread: str | None


class RolledBack(CutoverFact):
    """A cutover that was taken back; `lines` are the names, when they were asked for.

    `source` is null where nothing had been switched: then nobody was led anywhere.
    """

    pointer_now: PointerNow
    source: SourceSince | None
    written: Written
    names: str | None
    hint: str | None
    lines: list[str]


class SideListing(TypedDict):
    """Objects of one side, with a digest of the listing."""

    objects: int
    digest: str


class RehearsalScene(TypedDict):
    """What must be the same before and after a rehearsal."""

    pointer: str
    source: SideListing
    target: SideListing


class Same(TypedDict):
    """What was the same before and after."""

    pointer: bool
    source: bool
    target: bool


class ToMove(TypedDict):
    """What changed at the source since the inventory."""

    new: int
    changed: int
    vanished: int


class Outstanding(TypedDict):
    """What a start would find now."""

    approved: bool
    approvals: list[str]
    to_move: ToMove


class Rehearsed(TypedDict):
    """A cutover on the canary pointer and back."""

    batch: str
    ok: bool
    smoke: SmokeFact | None
    failed: str | None
    before: RehearsalScene
    after: RehearsalScene
    same: Same
    written: Written
    a_start_would_find: Outstanding


class Held(TypedDict):
    """Who holds the door, None when nobody does; `was`: who did before it was let go."""

    held: str | None
    was: NotRequired[str | None]


class ApprovalKept(TypedDict):
    """Where an approval that was made elsewhere is kept now."""

    kept: str


class Withdrawn(TypedDict):
    """An approval that was taken back."""

    withdrawn: str
    batch: str
    stage: str
    by: str
    written: str


_From = TypedDict("_From", {"from": NotRequired[str]})


class ApprovalMade(_From):
    """An approval that was signed: of what, by whom, until when, and where it was written."""

    batch: str
    stage: str
    difference: NotRequired[list[str]]
    plan_digest: str
    root: str | None
    ledger: str | None
    attempt: int | None
    terms: str | None
    expires: str
    approval: str
    by: str
    written: str
    time: str


class KeptAtSource(TypedDict):
    """What is not deleted in any case."""

    excluded: Amount
    failed: Amount
    erased: Amount
    """What the source holds of datasets whose headers were erased: nobody can prove what the target
    holds of them."""


class RecheckForecast(TypedDict):
    """How the target was read again for a dry run; `skipped`: why it was not."""

    level: str
    reason: str | None
    objects: int
    bytes: int
    skipped: str | None


class DecommissionForecast(TypedDict):
    """What would be deleted at the source, and what stands against it."""

    batch: str
    executed: Literal[False]
    would_delete: Amount
    would_keep: dict[str, int]
    kept: KeptAtSource
    done: dict[str, int]
    recheck: RecheckForecast
    blockers: list[str]


class Decommissioned(TypedDict):
    """What was requested of the source, by outcome, and what it still showed afterwards."""

    batch: str
    executed: Literal[True]
    stage: str
    requested: dict[str, int] | None
    observed: Remains | None
