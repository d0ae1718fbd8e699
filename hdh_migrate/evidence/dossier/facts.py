"""What a dossier says: frozen types with one JSON form."""

from __future__ import annotations

from hdh_migrate.jsonform import JsonForm, json_form
from hdh_migrate.plan.prices import EgressClaim, UnitPrice

PREDICATE = "urn:hdh-migrate:egress-dossier:v1"


@json_form
class ClaimParties(JsonForm):
    """Who claims from whom, as the plan says it."""

    provider: str
    customer: str
    contract: str
    account: str | None
    notice_day: str | None
    target_asn: str | None
    contact: str | None

    @classmethod
    def of(cls, claim: EgressClaim) -> ClaimParties:
        """Return what a plan says."""
        return cls(
            provider=claim.provider, customer=claim.customer, contract=claim.contract,
            account=claim.account, notice_day=claim.notice_day, target_asn=claim.target_asn,
            contact=claim.contact,
        )  # fmt: skip


@json_form
class JournalReference(JsonForm):
    """The journal that the rows are from: its length, last digest, and root (RFC 9162)."""

    events: int
    head: str
    root: str


@json_form
class DossierRow(JsonForm):
    """What was exchanged with one endpoint for one purpose, from a day to a day (UTC)."""

    first_day: str
    last_day: str
    side: str
    endpoint: str
    purpose: str
    requests: int
    bytes_read: int
    bytes_written: int


@json_form
class DossierCost(JsonForm):
    """A sum of rows with its cost; `amount` None: a day of it has no price."""

    period: str
    side: str
    purpose: str
    bytes: int
    requests: int
    amount: str | None


@json_form
class DossierPrice(JsonForm):
    """A price of the plan."""

    purpose: str
    side: str
    unit: str
    amount: str
    valid_from: str
    source: str

    @classmethod
    def of(cls, price: UnitPrice) -> DossierPrice:
        """Return a price of a plan."""
        return cls(
            purpose=price.purpose, side=price.side, unit=price.unit, amount=price.amount,
            valid_from=price.valid_from, source=price.source,
        )  # fmt: skip


@json_form
class BatchSwitch(JsonForm):
    """When consumers were last led to the target; from then on a batch is in parallel use."""

    batch: str
    at: str


@json_form
class EgressDossier(JsonForm):
    """All that a dossier says."""

    migration: str
    rehearsal: bool
    """Both ends were on one machine: it claims nothing from anybody."""
    written: str
    tool_version: str
    code_sha256: str
    plan_sha256: str
    journal: JournalReference
    parties: ClaimParties
    rows: tuple[DossierRow, ...]
    costs: tuple[DossierCost, ...]
    currency: str | None
    prices: tuple[DossierPrice, ...]
    switches: tuple[BatchSwitch, ...]
    runs: int
    cut_off: int
    unended: bool
