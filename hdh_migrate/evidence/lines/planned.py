"""The plan in a statement, as far as the report and its exports read it."""

from __future__ import annotations

from typing import NotRequired, TypedDict, cast

from hdh_migrate.evidence.verifier.members import Predicate
from hdh_migrate.jsonform import CanonicalPlan

# --- what people state for the report ------------------------------------------------------------


class StatedTitle(TypedDict):
    """A dataset's title, as it is stated."""

    name: str
    title: str


class StatedParty(TypedDict):
    """A person or an organisation, as it is stated."""

    name: str
    role: str
    contact: NotRequired[str]
    organisation: NotRequired[str]
    logins: NotRequired[list[str]]
    keys: NotRequired[list[str]]
    reads: NotRequired[list[str]]


class StatedSide(TypedDict):
    """Where a side keeps the data, as it is stated."""

    side: str
    country: str
    place: NotRequired[str]


class StatedHolder(TypedDict):
    """Who holds a recipient's private key, as it is stated."""

    recipient: str
    holder: str
    escrow: bool


class StatedFormer(TypedDict):
    """What became of a private key that was exchanged, as it is stated."""

    key: str
    became: str


class StatedCopies(TypedDict):
    """What became of copies of the ledger and the headers, as it is stated."""

    until: str
    became: str


class StatedKeeping(TypedDict):
    """Who keeps the evidence, and until which day, as it is stated."""

    by: str
    until: str
    place: NotRequired[str]


class StatedOrigin(TypedDict):
    """Who publishes the tool, and where its sources are."""

    publisher: str
    sources: str


class StatedByPeople(TypedDict, total=False):
    """The plan's `report.declared`, in its canonical form: what nobody stated is not there."""

    datasets: list[StatedTitle]
    people: list[StatedParty]
    organisations: list[StatedParty]
    places: list[StatedSide]
    keys: list[StatedHolder]
    former_keys: list[StatedFormer]
    former_copies: list[StatedCopies]
    kept: StatedKeeping
    tool: StatedOrigin


# --- what else is read of a plan -----------------------------------------------------------------


class PlannedReport(TypedDict, total=False):
    """What the report is to say, and who stamps it."""

    declared: StatedByPeople | None
    tsa: PlannedStamping | None


class PlannedStamping(TypedDict, total=False):
    """The time-stamping authority: the file of certificates by which it is trusted."""

    trust: str


class PlannedBasis(TypedDict):
    """A permit, a qualification or another basis, and its last day."""

    reference: str
    valid_until: str


class AttestedPeriods(TypedDict):
    """The two periods that an attestation of a host has."""

    secnumcloud: PlannedBasis
    hds: PlannedBasis


class PlannedBatch(TypedDict):
    """A batch, and the day or moment until which it is to be done."""

    name: str
    done_by: NotRequired[str | None]


class PlannedDataset(TypedDict):
    """A dataset: where it lies, what it takes of that, and how long the target keeps it."""

    name: str
    source: PlannedPlace
    include: NotRequired[list[str | dict[str, object]] | None]
    exclude: NotRequired[list[str | dict[str, object]] | None]
    retention: NotRequired[dict[str, object] | None]


class PlannedPlace(TypedDict, total=False):
    """Which versions of a dataset's source are moved: a word, or the moment `as_of`."""

    versions: str | dict[str, str] | None


class PlannedCutover(TypedDict):
    """How a batch is cut over; without `decommission` nothing is deleted at its source."""

    batch: str
    decommission: NotRequired[PlannedDeletion | None]


class PlannedDeletion(TypedDict, total=False):
    """How old a look at the target may be, as a period, before the source is deleted."""

    recheck_within: str | None


class PlannedPrice(TypedDict):
    """A price that somebody declared, from a day on."""

    side: str
    purpose: str
    unit: str
    amount: str
    valid_from: str


class PlannedDays(TypedDict):
    """The days between which all is to be done."""

    first_day: str
    last_day: str


class PlannedVerify(TypedDict, total=False):
    """How it is verified: whether the source is read `once` or `again`."""

    source: str


class PlannedSeal(TypedDict, total=False):
    """Files of the keys for which objects are sealed."""

    recipients: list[str] | None


class PlannedMembers(TypedDict, total=False):
    """A canonical plan; what it leaves out, or an earlier version did not know, is not there."""

    batches: list[PlannedBatch]
    cutovers: list[PlannedCutover] | None
    datasets: list[PlannedDataset]
    legal_basis: list[PlannedBasis] | None
    planned: PlannedDays | None
    prices: list[PlannedPrice] | None
    report: PlannedReport | None
    seal: PlannedSeal | None
    verify: PlannedVerify | None


def plan_of(predicate: Predicate) -> PlannedMembers:
    """Return the plan of a checked statement."""
    return members_of(predicate["plan"]["canonical"])


def members_of(plan: CanonicalPlan) -> PlannedMembers:
    """Return a canonical plan as what it is known to have: it was checked when it was read."""
    return cast("PlannedMembers", plan)
