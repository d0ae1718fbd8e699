"""Results of the verbs that look at all of a migration: status, errors."""

from __future__ import annotations

from typing import Literal, NotRequired, final

from typing_extensions import TypedDict

from hdh_migrate.results import Amount
from hdh_migrate.results.courses import CourseStatus
from hdh_migrate.results.keys import StoredOpened
from hdh_migrate.results.switches import Waits

StepState = Literal["not begun", "begun", "under way", "held back", "failed", "done"]
"""`begun`: some of it is done, and nobody is at it now."""


class SecondsRange(TypedDict):
    """Seconds that something may take: at least, and at most."""

    low: int
    high: int


class PaceFact(TypedDict):
    """How fast a step goes now and how long it will take; None when that is not known."""

    bytes_per_second: int | None
    objects_per_second: float | None
    eta_seconds: int | None
    eta_range: SecondsRange | None


class InventoryProgress(TypedDict):
    """How far the inventory of a batch has come; `done`: nothing of it is left, nothing failed."""

    state: StepState
    done: bool
    objects: int
    bytes: int


class ArrivedParts(Amount):
    """Large objects under way, of which parts have arrived; `bytes` are those of the parts."""

    parts: int


class StepProgress(InventoryProgress, PaceFact):
    """How far a step of a batch has come, and how fast it goes."""

    of_objects: int
    of_bytes: int
    failed: Amount


class Transferred(StepProgress):
    """A transfer; its `bytes` have those of `arrived`."""

    arrived: ArrivedParts


class Amounts(TypedDict):
    """Everything that was listed, each object in one of these.

    `waiting`: to be sent or verified. `held_back`: so too, but no run moves it now (see `waits`).
    `failed`: it is not at the target as it should be, or cannot be moved.
    """

    verified: Amount
    waiting: Amount
    failed: Amount
    held_back: Amount
    excluded: Amount


class Work(TypedDict):
    """Whether a command holds the ledger now, and how the last run ended.

    `last_word`: when the ledger was last written to. `steps` and `batches` (none: all) are
    those of the last run; `ended`, `exit` and `why` are None while it goes on, and when it was
    killed. `over`: what ended it holds no more, as far as clock and ledger can tell (the target's
    fence was taken over since, or the time has come until which it was refused). `troubled`: a full
    disk, a full target, a machine without memory or a store that was away ended it.
    """

    alive: bool
    pid: int | None
    host: str | None
    since: str | None
    last_word: str | None
    steps: list[str]
    batches: list[str]
    ended: str | None
    exit: int | None
    why: str | None
    over: bool
    troubled: bool


class WorkerFact(TypedDict):
    """One worker of a cluster, as the run that it works for saw it last.

    `state`: `begins` (has not answered yet, or waits for its share), `works`, or `gone` (takes no
    orders: `why`). `share`: its part of `limits.bandwidth` and of the target's request rates.
    `orders`, of `orders_at_most`, are under way there; `objects` and `bytes` came back from it in
    this step, `bytes_per_second` over the last minute.
    """

    worker: str
    address: str
    state: Literal["begins", "works", "gone"]
    share: float
    orders: int
    orders_at_most: int
    objects: int
    bytes: int
    bytes_per_second: int
    last_word: str
    why: str | None


class MonitorVerdict(TypedDict):
    """What a monitor needs: the exit code of `status --check`, and why it is not 0."""

    exit: int
    why: list[str]


class ReadBack(StepProgress):
    """A verify; its `bytes` have those of `reading`: large objects that are being read."""

    reading: Amount


class StepsStatus(TypedDict):
    """The steps of a batch."""

    inventory: InventoryProgress
    transfer: Transferred
    verify: ReadBack


class InSpiteOf(TypedDict):
    """What a switch was made final in spite of, because somebody said so."""

    late: int
    """Objects that were new or changed at the source then: nobody moved them."""
    unlisted: bool
    """The source could not be listed."""
    let_go: int
    """Verified objects that the target did not hold so any more."""


class CutoverStatus(TypedDict):
    """Where a batch's cutover stands, why it waits, and who holds the door."""

    stage: str
    since: str | None
    waits: Waits | None
    held: str | None
    window_until: str | None
    in_spite_of: NotRequired[InSpiteOf]
    """Only where there was something."""


class BatchStatus(TypedDict):
    """One batch: its steps, and its objects by what is to be done with them and by state."""

    batch: str
    state: StepState
    amounts: Amounts
    waived: Amount
    """Those of its failed objects that signed waivers let go: they hold nothing back."""
    waits: list[str]
    """Why no run moves it now."""
    waits_fr: list[str]
    """The same in French."""
    steps: StepsStatus
    cutover: CutoverStatus | None
    states: dict[str, int]


@final
class FindingGroup(TypedDict):
    """All open findings of one code in one dataset."""

    code: str
    severity: str
    dataset: str | None
    detail: str
    count: int


@final
class NamedFinding(TypedDict):
    """One open finding, with the object's name: what --show-names asks for."""

    id: int
    dataset: str | None
    object: int | None
    key: str | None
    code: str
    severity: str
    detail: str
    at: str
    batch: str | None


class ConnectionChange(TypedDict):
    """When the number of requests under way changed, to how many, and why."""

    at: str
    now: int
    why: str


class ConnectionsFact(TypedDict):
    """How many requests may be under way at once now, how many at most; the newest change last."""

    now: int
    most: int
    changes: list[ConnectionChange]


class HappenedFact(TypedDict):
    """One event of the journal, or all findings of one code that it tells of."""

    at: str
    event: str
    batch: str | None
    dataset: str | None
    step: str | None
    code: str | None
    count: int | None


class NoticeStanding(TypedDict):
    """Notices that did not arrive yet; `why` the last try failed, None: none was made."""

    waiting: int
    since: str | None
    why: str | None


@final
class LeftFact(TypedDict):
    """One thing that is left to do, as a report written now would say it.

    `names` are batches, datasets, keys, codes or what ends, by `task`; `at` is a day or a moment,
    and `over` says that it is past.
    """

    task: str
    names: list[str]
    objects: int
    at: str | None
    over: bool
    en: str
    fr: str


@final
class EndFact(TypedDict):
    """Something that ends: through a day, or at a moment; `over`: it has ended.

    `what` is `basis`, `attestation`, `waiver`, `window`, `grant`, `relied` (a credential or a key)
    or `kept`; `name` is how it is called, by `what`.
    """

    what: str
    name: str
    at: str
    over: bool
    en: str
    fr: str


@final
class NextStep(TypedDict):
    """A command that somebody may give next, PLAN for the plan's path; and why."""

    command: str
    why: str


@final
class GraveFact(TypedDict):
    """Something that somebody must look into, as a report written now would say it at its head."""

    state: Literal["lost", "replaced", "gone", "failed"]
    objects: int
    en: str
    fr: str


class KeyTrial(TypedDict):
    """A recipient, and when its private key last opened a test envelope, and what is stored."""

    recipient: str
    proved: str | None
    stored: StoredOpened | None


class Status(TypedDict):
    """Where a run stands at a moment."""

    migration: str
    at: str
    grave: NotRequired[list[GraveFact]]
    """What somebody must look into, the gravest first; absent: nothing. While it is watched, what
    the last looks missed (`gone`) is not told."""
    run: Work
    course: CourseStatus
    erased: NotRequired[list[str]]
    """Of each dataset whose headers were erased, that and when; absent: there is none."""
    open: NotRequired[list[str]]
    """What was begun and holds up other verbs until its command went through; absent: nothing."""
    workers: NotRequired[list[WorkerFact]]
    """Those of the cluster that the run under way has, where the plan names one."""
    check: MonitorVerdict
    next: list[NextStep]
    """What waits for somebody, the most pressing first; empty: nothing, or a run is under way."""
    total: Amounts
    eta: SecondsRange | None
    """Until all that is listed is verified, at the pace of now; None when nobody can tell."""
    plan_digest: str | None
    plan_changed: bool
    behind: str | None
    """What the newest copy of the ledger knows that the ledger here does not; None: nothing."""
    held: str | None
    """Who holds what cannot be taken back: switches, deletions, erasures; None: nobody."""
    batches: list[BatchStatus]
    findings: list[FindingGroup] | list[NamedFinding]
    left: NotRequired[list[LeftFact]]
    """What is left to do, the list of the report; absent: while it is watched."""
    ends: NotRequired[list[EndFact]]
    """What ends when, the list of the report, the first end first; absent: while it is watched."""
    keys: list[KeyTrial]
    """Of the recipients that are bound: what the journal has of `keys drill`."""
    notices: NoticeStanding
    connections: ConnectionsFact | None
    """Of the run under way; None: there is none."""
    lately: list[HappenedFact]
    """The last events of the journal, the newest last."""


class Example(TypedDict):
    """The oldest finding of a cause; `object` is None when it is about no single one."""

    object: int | None
    detail: str
    at: str
    key: NotRequired[str | None]


class Cause(TypedDict):
    """All open findings of one code in one dataset: what is safe, and what mends them.

    `waived`: how many of them a signed waiver lets go; when it is all, `exit` is 0.
    """

    code: str
    severity: str
    batch: str | None
    dataset: str | None
    count: int
    waived: int
    example: Example
    exit: int
    safe: str
    next: str


class Causes(TypedDict):
    """The open findings by cause, the gravest first; `exit` is how a run would end with them."""

    migration: str
    causes: list[Cause]
    exit: int
