"""Results of `forecast`: when each batch ends, what ends before it, and what it costs."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from hdh_migrate.results import Amount
from hdh_migrate.results.looks import MonitorVerdict

Basis = Literal["measured", "asked", "stated", "none"]
"""What times rest on: work that was measured, a rate that was asked about, `limits.bandwidth` of
the plan, or nothing."""

BatchOutlook = Literal["done", "left", "held back", "not listed"]
"""How a batch goes on: nothing is left; something is; something is and no run moves it as things
are; not everything of it is listed."""


class MomentRange(TypedDict):
    """When something ends: at the earliest, most likely, at the latest; RFC 3339 in UTC."""

    earliest: str
    likely: str
    latest: str


class SecondsEstimate(TypedDict):
    """Seconds of work, without the hours in which no window is open."""

    low: int
    likely: int
    high: int


class StepRate(TypedDict):
    """What an object and a byte cost in a step, in seconds; None: it cannot be learned apart.

    `by_hour` is by hour of the day (UTC): how many times as long work takes; an hour of which too
    little was measured is not there.
    """

    step: str
    measured_seconds: int
    seconds_per_object: float | None
    seconds_per_gib: float | None
    objects_per_second: float
    bytes_per_second: int
    by_hour: dict[str, float]


class BatchEnd(TypedDict):
    """What is left of one batch and when it is verified; `ends` None: `why` says why not."""

    batch: str
    state: BatchOutlook
    transfer: Amount
    verify: Amount
    seconds: SecondsEstimate | None
    ends: MomentRange | None
    basis: Basis
    why: list[str]


class EndingFact(TypedDict):
    """Something that ends, and how many days before (negative) or after the forecast it does.

    `needed_until` is the latest moment at which the forecast needs it; None: it is not known, or
    no more. `ends` None: it is not known, and `note` says why.
    """

    what: str
    batch: str | None
    ends: str | None
    needed_until: str | None
    margin_days: float | None
    too_early: bool
    ended: bool
    """It has ended already."""
    note: NotRequired[str]


class CutoverAhead(TypedDict):
    """What a cutover still moves once everything is verified and its source is frozen.

    `listing_seconds`: how long the last whole listing took; `a_day`: what was new or changed each
    day between the last two; `delta`: what that comes to by then, most likely; `seconds`: of
    listing it all again and moving that. None: it is not known, and `why` says why.
    """

    batch: str
    listing_seconds: int | None
    a_day: Amount | None
    delta: Amount | None
    seconds: SecondsEstimate | None
    why: list[str]


class QuotaFact(TypedDict):
    """What the target lets a project hold, and what this plan brings there as far as is listed."""

    bytes: int
    brings: int
    exceeded: bool


Period = Literal["before 2027-01-12", "from 2027-01-12"]
"""On which side of the day from which no charge for switching may be made (regulation (EU)
2023/2854, article 29)."""


class CostLine(TypedDict):
    """What was exchanged, or will be, and what it costs; `amount` None: no price of it counts.

    `bytes` are those that leave the side.
    """

    state: Literal["recorded", "left"]
    period: Period
    side: str
    purpose: str
    bytes: int
    requests: int
    amount: str | None


class CostFact(TypedDict):
    """What the migration costs in egress and requests; amounts have two decimals, as text."""

    currency: str | None
    lines: list[CostLine]
    recorded: str
    left: str
    total: str
    notes: list[str]


class DossierFact(TypedDict):
    """The dossier that was written; days and sums are those of the source, None: nothing passed."""

    folder: str
    statement_sha256: str
    signed_by: str
    first_day: str | None
    last_day: str | None
    source_bytes: int
    source_requests: int
    rows: int


class DossierChecked(TypedDict):
    """A dossier that holds; `not_compared`: what nobody compared."""

    ok: Literal[True]
    migration: str
    signed_by: str
    journal_events: int
    journal_head: str
    journal_root: str
    not_compared: list[str]


class Supposition(TypedDict):
    """What was asked about instead of what is: a rate, and when work begins; None: as it is."""

    bytes_per_second: int | None
    begins: str | None


class PlanForecast(TypedDict):
    """When a plan ends, against what ends before; `check` is what `--check` exits with."""

    migration: str
    at: str
    supposed: Supposition
    check: MonitorVerdict
    done: bool
    """Every batch is verified."""
    basis: Basis
    ends: MomentRange | None
    """When every batch is verified; None when that is so already, or nobody can tell."""
    batches: list[BatchEnd]
    rates: list[StepRate]
    cutovers: list[CutoverAhead]
    """Those that are still to come."""
    deadlines: list[EndingFact]
    """The one with the least margin first."""
    quota: QuotaFact | None
    costs: CostFact
    notes: list[str]
