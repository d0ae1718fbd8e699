"""Results of the verbs that move: preflight, inventory, transfer, verify, run."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from hdh_migrate.results import Amount
from hdh_migrate.results.plans import Outlook
from hdh_migrate.results.proofs import ReportFact


class ConditionFact(TypedDict):
    """One rule for health data at one bucket: what was seen, what is wanted, what mends it."""

    rule: str
    bucket: str
    holds: bool
    seen: str
    wanted: str
    fix: str
    reason: str
    source: str
    as_of: str


class WaiverFact(TypedDict):
    """A signed waiver that counts now."""

    what: str
    reason: str
    until: str
    made_at: str
    by: str
    key_id: str
    file: str
    sha256: str


class Check(TypedDict):
    """One thing that was looked at; `auth`: a credential is the problem."""

    check: str
    ok: bool
    problems: NotRequired[list[str]]
    auth: NotRequired[bool]
    notes: NotRequired[list[str]]
    warnings: NotRequired[list[str]]
    offsets: NotRequired[dict[str, float]]
    target: NotRequired[Outlook]
    waivers: NotRequired[list[WaiverFact]]
    condition: NotRequired[ConditionFact]
    rehearsal: NotRequired[bool]
    mend: NotRequired[str]
    waiver: NotRequired[str]


class Preflight(TypedDict):
    """Every check; `exit` is the command's exit code."""

    checks: list[Check]
    exit: int


class DatasetStates(TypedDict):
    """One dataset: `sealed` says whether its inventory is closed; objects and bytes by state."""

    dataset: str
    batch: str
    sealed: bool
    states: dict[str, Amount]


class RefreshFound(TypedDict):
    """What a pass found; `left` is the part of `vanished` that had not been moved."""

    new: Amount
    changed: Amount
    vanished: Amount
    left: Amount


class EarlierPass(RefreshFound):
    """An earlier pass over the batch, and when it ended; null: it was stopped."""

    number: int
    ended: str | None


class RefreshPass(RefreshFound):
    """One batch whose source was listed again, with the passes before this one, oldest first."""

    batch: str
    number: int
    listed: Amount
    before: list[EarlierPass]


class Steps(TypedDict):
    """Where every dataset stands after the steps; `exit` is the command's exit code."""

    exit: int
    plan_digest: str
    datasets: list[DatasetStates]


class AskedSteps(Steps):
    """The same, with `refreshes` under --refresh.

    Under --retry-failed `retried`: how many failed objects were tried again, by code.
    """

    refreshes: NotRequired[list[RefreshPass]]
    retried: NotRequired[dict[str, int]]


class Differing(TypedDict):
    """A verified object that the target does not hold as verified, by its number in the ledger.

    `found`: gone or damaged (the next run sends it), replaced (somebody decides), unread, lost
    (whichever of the first three, of what was deleted at the source since: no verb sends it), or
    beside (its bytes are right, its metadata or tags are not: somebody decides); `key` under
    --show-names.
    """

    id: int
    found: Literal["gone", "damaged", "replaced", "unread", "lost", "beside"]
    key: NotRequired[str]


class BatchLook(TypedDict):
    """What a look at one batch read again, of how many verified objects, and what differs.

    `before` of the objects were read by the same look before it was stopped, none before `since`,
    and not now; `--afresh` reads all.
    """

    batch: str
    level: str
    objects: int
    bytes: int
    verified: int
    before: int
    since: str | None
    differing: list[Differing]


class LooksMade(Steps):
    """What `verify --again` found; `next` is the command that mends it, where one does."""

    looks: list[BatchLook]
    next: list[str]


class DecidedObject(TypedDict):
    """What became of somebody else's object, by the number of ours in the ledger.

    `kept`: the end of the name of its copy; null: the bucket keeps it as an earlier version, or
    it was accepted. `left`: there was nothing of somebody else's any more, so nothing was done.
    """

    id: int
    became: Literal["restored", "accepted", "left"]
    kept: str | None


class DecidedObjects(Steps):
    """What became of the objects that `verify --again` was told to restore or to accept."""

    objects: list[DecidedObject]
    next: list[str]


class FullRun(AskedSteps):
    """A run to its end, with its report; `report_written`: now, for there was something to tell."""

    report: ReportFact
    report_written: bool


class Requests(TypedDict):
    """How many requests each side would get, by kind."""

    source: dict[str, int]
    target: dict[str, int]


class Expected(TypedDict):
    """What there is to move, and what there is besides.

    `objects` would be sent, those that failed before (`again`) among them; `sent` only read back.
    `refused` cannot be moved; of the keys that are taken at the target (`occupied`) `conflicts`
    are somebody else's. `arrived_bytes`: parts of large objects that the target has.
    """

    objects: int
    bytes: int
    stored_bytes: int
    excluded: int
    refused: int
    occupied: int
    conflicts: int
    again: int
    sent: Amount
    verified: Amount
    arrived_bytes: int
    parts: int
    requests: Requests


class LeftByRule(Amount):
    """What one rule leaves behind; `rule` is its place, `include` or `directory`."""

    rule: str
    asks: str
    reason: str | None


class DatasetForecast(Expected):
    """One dataset; `existing` stands under its prefix at the target already."""

    dataset: str
    existing: int
    left_behind: NotRequired[list[LeftByRule]]


class Assumed(TypedDict):
    """The pace that the low end of the time rests on; `measured`: by earlier runs."""

    bytes_per_second: int
    objects_per_second: int
    measured: bool


class Seconds(TypedDict):
    """How long it may take."""

    transfer: float
    verify: float
    low: float
    high: float


class Forecasted(Expected):
    """What there is to do of one batch."""

    batch: str
    egress_bytes: int
    assumed: Assumed
    seconds: Seconds
    notes: list[str]
    datasets: list[DatasetForecast]


class BatchForecast(Forecasted):
    """What a run would do with one batch, and why no more than that."""

    would: Literal["nothing to do", "moved", "held back", "refused", "not reached"]
    why: list[str]


class DryRun(TypedDict):
    """What a run would do; nothing was changed and nothing is kept.

    `exit`: how the run would end, and the command ends so, too; `why`: what makes it that code.
    `ledger`: whether there is one of earlier runs. Batches stand in the order of the run.
    """

    dry_run: Literal[True]
    exit: int
    why: list[str]
    ledger: bool
    plan_digest: str
    batches: list[BatchForecast]


class ThirdCountFact(TypedDict):
    """One dataset beside the source's own report: objects, and how many of them differ.

    `newer` were changed after the report was begun: nothing follows from them. `report_only`,
    `inventory_only`, `unlike` (size or version) and `twice` are the `differences`.
    """

    dataset: str
    reported: Amount
    same: int
    newer: int
    report_only: int
    inventory_only: int
    unlike: int
    twice: int
    differences: int


class ReportCompared(TypedDict):
    """What is frozen beside a report that the source began to write at `taken_at`."""

    taken_at: str
    datasets: list[ThirdCountFact]
    exit: int
