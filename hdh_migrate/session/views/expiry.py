"""What a migration relies on that ends by itself: credentials and attested periods."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from hdh_migrate.clocks import text_of
from hdh_migrate.errors import KeyUnavailable, PlanInvalid
from hdh_migrate.frozen import frozen
from hdh_migrate.plan.attestation import load_attestation
from hdh_migrate.session.desk import Desk
from hdh_migrate.wiring.nodes import certificates_period
from hdh_migrate.wiring.sources import source_claims
from hdh_migrate.wiring.vault import Vault

Relied = Literal["source-credential", "secnumcloud", "hds", "cluster-certificates"]
"""What ends: the credential that reads the source, one of the periods that are attested, or what
the machines of a cluster show each other."""


@frozen
class Expiry:
    """When something ends, as RFC 3339 in UTC; from then on it does not count."""

    what: Relied
    ends: str


def expiries(desk: Desk) -> list[Expiry]:
    """Return what is known to end, the first end first; nobody is asked for it.

    What cannot be read here and now (a variable that only the run has) is left out: whoever needs
    it says so.
    """
    found = [*_credential(desk), *_attested(desk), *_cluster(desk)]
    return sorted(found, key=lambda one: one.ends)


def _credential(desk: Desk) -> Iterator[Expiry]:
    try:
        claims = source_claims(desk.loaded.plan, Vault.open(desk.loaded.base), desk.sources)
    except KeyUnavailable:
        return
    if claims is not None and claims.ends is not None:
        yield Expiry(what="source-credential", ends=text_of(claims.ends.astimezone(UTC)))


def _attested(desk: Desk) -> Iterator[Expiry]:
    named = desk.loaded.plan.target.attestation
    if named is None:
        return
    try:
        attestation = load_attestation(desk.loaded.base / named).attestation
    except PlanInvalid:
        return
    yield Expiry(what="secnumcloud", ends=_after(attestation.secnumcloud.valid_until))
    yield Expiry(what="hds", ends=_after(attestation.hds.valid_until))


def _cluster(desk: Desk) -> Iterator[Expiry]:
    now = datetime.fromisoformat(desk.clock.now())
    try:
        period = certificates_period(desk.loaded.plan, desk.loaded.base, now)
    except KeyUnavailable:
        return
    if period is not None:
        yield Expiry(what="cluster-certificates", ends=text_of(period.ends.astimezone(UTC)))


def _after(day: str) -> str:
    """Return when a day is over: it counts to its end, in UTC."""
    midnight = datetime.combine(date.fromisoformat(day), time(), UTC)
    return text_of(midnight + timedelta(days=1))
