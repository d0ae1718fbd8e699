"""The door to the target: off this machine it opens for an attested host only, and fails closed.

Judged before anything is sent, the credential included. A loopback endpoint is a rehearsal and
needs no attestation; its report says so.
"""

from __future__ import annotations

import hashlib
import ipaddress
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from hdh_migrate.errors import PlanInvalid, Refused
from hdh_migrate.model import Problem
from hdh_migrate.plan.attestation import Attestation, LoadedAttestation, load_attestation
from hdh_migrate.plan.fields import is_loopback
from hdh_migrate.plan.model import Plan

WHERE = "target.attestation"

Resolve = Callable[[str], Sequence[str]]


def addresses(host: str) -> Sequence[str]:
    """Return the addresses that a host name stands for now, none when it has none."""
    try:
        found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    return sorted({str(entry[4][0]) for entry in found})


def demand_open(plan: Plan, base: Path, endpoint: str, now: str) -> None:
    """Go on only where the door is open.

    Raises:
        Refused: it is not; with every reason.
    """
    problems = judged(plan, base, endpoint, now)
    if problems:
        raise Refused(
            "the target is not attested for this",
            blockers=[str(problem) for problem in problems],
            hint="nothing was sent",
        )


def judged(
    plan: Plan, base: Path, endpoint: str, now: str, resolve: Resolve = addresses
) -> list[Problem]:
    """Return why nothing may be sent to this endpoint; empty means that the door is open.

    `now` is RFC 3339 in UTC; the attested periods are whole days.
    """
    if is_loopback(endpoint):
        return []
    if plan.target.attestation is None:
        hint = "name the file with your SecNumCloud and HDS references (docs/operations.md)"
        return [Problem(where=WHERE, what=f"{endpoint} is not attested", hint=hint)]
    try:
        loaded = load_attestation(base / plan.target.attestation)
    except PlanInvalid as error:
        return [Problem(where=WHERE, what=line, hint=error.hint) for line in error.problems]
    return [
        *_about_the_host(plan, loaded.attestation, endpoint),
        *_in_force(loaded.attestation, now[:10]),
        *_documents(loaded),
        *_public(endpoint, resolve),
    ]


def _about_the_host(plan: Plan, attestation: Attestation, endpoint: str) -> Iterator[Problem]:
    if attestation.provider != plan.target.provider:
        what = f"attests provider {attestation.provider}, the plan says {plan.target.provider}"
        yield Problem(where=WHERE, what=what)
    if plan.target.region not in attestation.regions:
        known = ", ".join(attestation.regions)
        yield Problem(where=WHERE, what=f"attests {known}, the plan says {plan.target.region}")
    if endpoint.rstrip("/") not in {known.rstrip("/") for known in attestation.endpoints}:
        yield Problem(where=WHERE, what=f"does not name the endpoint {endpoint}")


def _in_force(attestation: Attestation, today: str) -> Iterator[Problem]:
    for name, told in (("secnumcloud", attestation.secnumcloud), ("hds", attestation.hds)):
        if not told.valid_from <= today <= told.valid_until:
            what = f"{name} is in force from {told.valid_from} to {told.valid_until}, not {today}"
            yield Problem(where=WHERE, what=what)


def _documents(loaded: LoadedAttestation) -> Iterator[Problem]:
    for kept in loaded.attestation.documents:
        path = loaded.path.parent / kept.path
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            yield Problem(where=WHERE, what=f"the document {kept.path} cannot be read")
            continue
        if digest != kept.sha256:
            yield Problem(where=WHERE, what=f"the document {kept.path} is not the attested one")


def _public(endpoint: str, resolve: Resolve) -> Iterator[Problem]:
    """Refuse a name that leads to a private, link-local or metadata address."""
    host = urlsplit(endpoint).hostname or ""
    for address in resolve(host):
        if not ipaddress.ip_address(address.partition("%")[0]).is_global:
            what = f"{host} leads to {address}, which is no public address"
            hint = "a wrong or poisoned name would send the data elsewhere; check the DNS"
            yield Problem(where="target endpoint", what=what, hint=hint)
