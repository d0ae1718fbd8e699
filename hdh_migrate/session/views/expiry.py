"""What a migration relies on that ends by itself, and when: credentials and attested periods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

from hdh_migrate.clocks import day_over
from hdh_migrate.errors import KeyUnavailable, PlanInvalid
from hdh_migrate.evidence.signatures.signing import signs_until
from hdh_migrate.frozen import frozen
from hdh_migrate.pipeline.pace.until import moment_text
from hdh_migrate.plan.attestation import load_attestation
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.views.credentials import CredentialRole, credential_ends
from hdh_migrate.wiring import Vault, identity_path

Relied: TypeAlias = Literal[CredentialRole, "secnumcloud", "hds", "report-key"]
"""What ends: a credential, one of the periods that are attested, or the use of the report's key."""


@frozen
class Expiry:
    """When something ends, as RFC 3339 in UTC; from then on it does not count."""

    what: Relied
    ends: str


def expiries(desk: Desk) -> list[Expiry]:
    """Return when each thing that is known to end does so first, the first end first.

    Nobody is asked. What cannot be read here and now (a variable that only the run has) is left
    out: whoever needs it says so.
    """
    first: dict[Relied, float] = {}
    for what, ends in (*_credentials(desk), *_attested(desk), *_signed(desk)):
        first[what] = min(ends, first.get(what, ends))
    found = sorted(first.items(), key=lambda one: one[1])
    return [Expiry(what=what, ends=moment_text(ends)) for what, ends in found]


def _credentials(desk: Desk) -> Iterator[tuple[Relied, float]]:
    for one in credential_ends(desk):
        if one.ends is not None:
            yield one.role, one.ends


def _signed(desk: Desk) -> Iterator[tuple[Relied, float]]:
    plan = desk.loaded.plan
    if plan.report.signer is None:
        return
    try:
        until = signs_until(identity_path(plan.report.signer, Vault.open(desk.loaded.base)))
    except KeyUnavailable:
        return
    if until is not None:
        yield "report-key", day_over(until)


def _attested(desk: Desk) -> Iterator[tuple[Relied, float]]:
    named = desk.loaded.plan.target.attestation
    if named is None:
        return
    try:
        attestation = load_attestation(desk.loaded.base / named).attestation
    except PlanInvalid:
        return
    yield "secnumcloud", day_over(attestation.secnumcloud.valid_until)
    yield "hds", day_over(attestation.hds.valid_until)
