"""The gate before the target: except in a rehearsal it opens for an attested host only.

Judged before anything is sent, the credential included; what it opens are the doors of the
transports (`hdh_migrate.door`), which keep to the judgement at every connection. A rehearsal has
both ends on this machine and needs no attestation; its report says so. One end alone may be the
mouth of a tunnel: the attestation then names it and what it leads to. What is not known fails
closed.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from hdh_migrate.clocks import Judge, Moment
from hdh_migrate.door import Addresses
from hdh_migrate.errors import ClocksDiffer, PlanInvalid, Refused
from hdh_migrate.frozen import frozen_row
from hdh_migrate.model import Problem
from hdh_migrate.plan.attestation import Attestation, LoadedAttestation, load_attestation
from hdh_migrate.plan.fields import is_loopback
from hdh_migrate.plan.model import Plan
from hdh_migrate.session.policy import waivers
from hdh_migrate.session.policy.timekeeping import judge_for
from hdh_migrate.targets.profiles import Profile
from hdh_migrate.targets.s3_endpoint import S3Endpoint
from hdh_migrate.wiring import Services
from hdh_migrate.wiring.chosen import endpoint_of, host_fits, is_rehearsal, profile_of
from hdh_migrate.wiring.targets import Network

if TYPE_CHECKING:
    from hdh_migrate.session.desk import Desk

WHERE = "target.attestation"


def addresses(host: str) -> Sequence[str]:
    """Return the addresses that a host name stands for now, none when it has none."""
    try:
        found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return sorted({str(entry[4][0]) for entry in found})


class Doors(Protocol):
    """The doors to the target of one set of transports."""

    def admit(self) -> None:
        """Let the target be contacted."""

    def shut(self) -> None:
        """Let nothing contact the target any more."""


def opened(services: Services, plan: Plan, judge: Judge) -> list[Problem]:
    """Open the gate to the target, or return why it stays shut, the clocks among the reasons."""
    try:
        return _opened(services, plan, services.vault.base, judge, services.network)
    except ClocksDiffer as error:
        return list(error.problems)


def shut(services: Services, plan: Plan, judge: Judge) -> list[Problem]:
    """Return why the gate that opened would stay shut by now; it is left as it is."""
    try:
        return judged(plan, services.vault.base, judge.glance(), services.network)
    except ClocksDiffer as error:
        return list(error.problems)


def admit(services: Services, plan: Plan, judge: Judge) -> None:
    """Let the services contact the target, or nothing at all.

    Raises:
        Refused: the gate stays shut; with every reason.
        ClocksDiffer: it cannot be learned which time it is; the gate is shut again.
    """
    _demand(_opened(services, plan, services.vault.base, judge, services.network))


def admitted(desk: Desk, services: Services) -> Judge:
    """Let a verb's services contact the target, or nothing at all; return who judges of time.

    Raises:
        Refused, ClocksDiffer: as `admit`.
    """
    judge = judge_for(desk.clock, [services], desk.ledger_path)
    admit(services, desk.loaded.plan, judge)
    return judge


def admit_target(target: S3Endpoint, plan: Plan, base: Path, judge: Judge) -> None:
    """Let one way to the target be used, or nothing at all; see `admit`.

    Raises:
        Refused, ClocksDiffer: as `admit`.
    """
    _demand(_opened(_Way(target), plan, base, judge, None))


@frozen_row
class _Way:
    target: S3Endpoint

    def admit(self) -> None:
        self._set(admitted=True)

    def shut(self) -> None:
        self._set(admitted=False)

    def _set(self, *, admitted: bool) -> None:
        self.target.transport.door.admitted = admitted


def _opened(
    doors: Doors, plan: Plan, base: Path, judge: Judge, network: Network | None
) -> list[Problem]:
    """Open doors when nothing stands against it; they are shut whenever this returns otherwise.

    The target is asked for the time before anything else, without a credential. In a rehearsal
    nothing is attested, so the clocks are compared and keep nothing shut.

    Raises:
        ClocksDiffer: it cannot be learned which time it is.
    """
    rehearsal, is_open = is_rehearsal(plan, base), False
    try:
        closed = judged(plan, base, judge.unchecked() if rehearsal else judge.now(), network)
        if not closed:
            doors.admit()
            if rehearsal:
                judge.look()
            else:
                judge.now()
            is_open = True
    finally:
        if not is_open:
            doors.shut()
    return closed


def _demand(problems: Sequence[Problem]) -> None:
    if problems:
        raise Refused(
            "the target is not attested for this",
            blockers=[str(problem) for problem in problems],
            hint="nothing is sent there while it stays so; what was sent before is untouched",
        )


def judged(plan: Plan, base: Path, now: Moment, network: Network | None = None) -> list[Problem]:
    """Return why nothing may be sent to the plan's target; empty means that the gate is open.

    The attested periods are whole days in UTC.
    """
    network, endpoint = network or Network(), endpoint_of(plan, base)
    firm = [*_about_the_address(plan, base, endpoint, network)]
    if is_rehearsal(plan, base):
        return firm
    attested: list[Problem] = []
    for problem, is_firm in _about_the_attestation(plan, base, endpoint, now):
        (firm if is_firm else attested).append(problem)
    subjects = {waivers.ATTESTATION: attested, waivers.LEGAL_BASIS: [*_about_the_bases(plan, now)]}
    if any(subjects.values()):
        counted, refused = waivers.in_force(plan, base, now)
        waived = {waiver.what for waiver in counted}
        left = [one for what, found in subjects.items() if what not in waived for one in found]
        if left:
            firm += [*left, *(Problem(where="waivers", what=what) for what in refused)]
    return firm


# --- what nobody can waive ---------------------------------------------------------------------


def _about_the_address(
    plan: Plan, base: Path, endpoint: str, network: Network
) -> Iterator[Problem]:
    """Judge scheme, host, region and every address that the host's name leads to."""
    where, local = "target.endpoint", is_loopback(endpoint)
    profile, parts = profile_of(plan, base), urlsplit(endpoint)
    if not local and parts.scheme != "https":
        yield Problem(where=where, what=f"{endpoint} is not https")
    if not local and not host_fits(profile, endpoint, plan.target.region):
        what = f"{parts.netloc} is no host of {profile.name} in {plan.target.region}"
        yield Problem(where=where, what=what)
    if profile.regions and plan.target.region not in profile.regions:
        yield Problem(where="target.region", what=f"{profile.name} has no such region")
    allowed = network.addresses or Addresses(
        loopback=local, private=profile.value("private_network")
    )
    host = parts.hostname or ""
    for address in (network.resolve or addresses)(host):
        if (objection := allowed.objection(address)) is not None:
            what = f"{host} leads to {address}, {objection}"
            hint = "a wrong or poisoned name would send the data elsewhere; check the DNS"
            yield Problem(where=where, what=what, hint=hint)


# --- what the customer attests -----------------------------------------------------------------


def _about_the_attestation(
    plan: Plan, base: Path, endpoint: str, now: Moment
) -> Iterator[tuple[Problem, bool]]:
    """Judge the attestation; a contradiction is firm, what is missing or has ended is not.

    Without it nobody knows where a tunnel leads, which is firm as well.
    """
    unknown = is_loopback(endpoint) or _through_here(plan)
    if plan.target.attestation is None:
        hint = (
            "name the file with your SecNumCloud and HDS references (hdh-migrate docs operations)"
        )
        what = f"{endpoint} is not attested"
        if unknown:
            what += "; only one end is on this machine, so this is no rehearsal"
        yield Problem(where=WHERE, what=what, hint=hint), unknown
        return
    try:
        loaded = load_attestation(base / plan.target.attestation)
    except PlanInvalid as error:
        for line in error.problems:
            yield Problem(where=WHERE, what=line, hint=error.hint), unknown
        return
    profile = profile_of(plan, base)
    for problem in (
        *_about_the_host(plan, loaded.attestation, endpoint, profile),
        *_about_the_source(plan, loaded.attestation),
    ):
        yield problem, True
    for problem in (*_in_force(plan, loaded.attestation, now), *_documents(loaded)):
        yield problem, False


def _about_the_host(
    plan: Plan, attestation: Attestation, endpoint: str, profile: Profile
) -> Iterator[Problem]:
    if attestation.provider != plan.target.provider:
        what = f"attests provider {attestation.provider}, the plan says {plan.target.provider}"
        yield Problem(where=WHERE, what=what)
    if plan.target.region not in attestation.regions:
        known = ", ".join(attestation.regions)
        yield Problem(where=WHERE, what=f"attests {known}, the plan says {plan.target.region}")
    led = attestation.leads_to(endpoint) if is_loopback(endpoint) else endpoint
    if led is None:
        yield Problem(
            where=WHERE,
            what=f"{endpoint} is this machine and the source is not: this is no rehearsal, and no"
            " tunnel of the attestation begins there",
            hint="name the tunnel and what it leads to under `tunnels` (hdh-migrate docs"
            " operations)",
        )
        return
    if led.rstrip("/") not in {known.rstrip("/") for known in attestation.endpoints}:
        yield Problem(where=WHERE, what=f"does not name the endpoint {led}")
    if led != endpoint and not host_fits(profile, led, plan.target.region):
        what = f"the tunnel leads to {led}, no host of {profile.name} in {plan.target.region}"
        yield Problem(where=WHERE, what=what)


def _about_the_source(plan: Plan, attestation: Attestation) -> Iterator[Problem]:
    """Demand that a source which is asked through this machine is said to be what it is."""
    if _through_here(plan) and attestation.leads_to(plan.source.address) is None:
        yield Problem(
            where=WHERE,
            what=f"the source {plan.source.address} is this machine and the target is not: no"
            " tunnel of the attestation begins there",
            hint="name it and what it leads to under `tunnels` (hdh-migrate docs operations)",
        )


def _through_here(plan: Plan) -> bool:
    """Return whether the source is asked over the network, at an address of this machine."""
    return plan.source.is_local and plan.source.is_contacted


def _last_day(plan: Plan, now: Moment) -> str:
    """Return the last day on which something will be moved: the last planned one, or today."""
    return now.last_day if plan.planned is None else max(now.last_day, plan.planned.last_day)


def _in_force(plan: Plan, attestation: Attestation, now: Moment) -> Iterator[Problem]:
    """Demand that both periods cover today and the planned days that are still to come."""
    last = _last_day(plan, now)
    for name, certificate in (("secnumcloud", attestation.secnumcloud), ("hds", attestation.hds)):
        period = f"{name} is in force from {certificate.valid_from} to {certificate.valid_until}"
        if now.first_day < certificate.valid_from:
            yield Problem(where=WHERE, what=f"{period}, not {now.first_day}")
        elif now.last_day > certificate.valid_until:
            yield Problem(where=WHERE, what=f"{period}, not {now.last_day}")
        elif last > certificate.valid_until:
            what = f"{period}, not until the last planned day, {last}"
            yield Problem(where=WHERE, what=what)


def _about_the_bases(plan: Plan, now: Moment) -> Iterator[Problem]:
    """Demand that every legal basis counts today and on the planned days that are still to come."""
    last = _last_day(plan, now)
    for number, basis in enumerate(plan.legal_basis):
        if last > basis.valid_until:
            ended = now.last_day > basis.valid_until
            missed = now.last_day if ended else f"until the last planned day, {last}"
            yield Problem(
                where=f"legal_basis[{number}]",
                what=f"{basis.reference} counts until {basis.valid_until}, not {missed}",
                hint="name the one that follows it, or have it waived (waive PLAN --what"
                " legal-basis --until DAY --key FILE --reason TEXT)",
            )


def _documents(loaded: LoadedAttestation) -> Iterator[Problem]:
    for kept in loaded.attestation.documents:
        path = loaded.path.parent / kept.path
        digest = None
        with suppress(OSError):
            if path.is_file():  # a pipe would be waited for
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest is None:
            yield Problem(where=WHERE, what=f"the document {kept.path} cannot be read")
        elif digest != kept.sha256:
            yield Problem(where=WHERE, what=f"the document {kept.path} is not the attested one")
