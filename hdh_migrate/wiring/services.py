"""Everything a coordinator needs, opened with the credentials as they are now.

What its worker processes hold is less: see `wiring.hands`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from hdh_migrate.clocks import Sighting, Witness
from hdh_migrate.door import Door
from hdh_migrate.errors import KeyUnavailable, ShortRead
from hdh_migrate.frozen import frozen, mutable
from hdh_migrate.model import TargetLimits
from hdh_migrate.plan.model import Plan
from hdh_migrate.ports.run import Clock
from hdh_migrate.ports.sealing import Envelopes
from hdh_migrate.ports.stores import Source, TargetReader, TargetWriter
from hdh_migrate.targets.s3_endpoint import S3Endpoint
from hdh_migrate.transport import Transport
from hdh_migrate.wiring.chosen import limits_of
from hdh_migrate.wiring.opened import Contact, OpenedAdapter, T, traffic_of
from hdh_migrate.wiring.sealing import load_recipients, open_envelopes
from hdh_migrate.wiring.sources import SOURCES, Sources, open_source, source_claims
from hdh_migrate.wiring.sources.kind import CredentialClaims
from hdh_migrate.wiring.targets import Network, open_target
from hdh_migrate.wiring.unopened import UnopenedSource
from hdh_migrate.wiring.vault import Vault

if TYPE_CHECKING:
    from hdh_migrate.receipts import EndpointTraffic

ASK_SECONDS = 10
"""How long a request for the time may stand still."""


@mutable
class Services:
    """A plan's adapters, opened with the credentials as they are now."""

    plan: Plan
    vault: Vault
    source: Source
    reader: TargetReader
    writer: TargetWriter | None
    envelopes: Envelopes
    recipients: tuple[str, ...]
    """The keys that everything is sealed for, as they were loaded; in hexadecimal."""
    limits: TargetLimits
    transports: tuple[Contact, ...]
    doors: tuple[Door, ...]
    """Those to the target that the gate opens and shuts."""
    network: Network
    place: S3Endpoint
    """The target, to look at its buckets: with the credential that writes, where that is read."""
    looks: bool
    """Whether the credential that writes was read."""
    reads: bool
    """Whether they are for somebody who reads at the source."""
    sources: Sources
    """What there is of each kind of source."""

    @classmethod
    def open(
        cls,
        plan: Plan,
        base: Path,
        *,
        write: bool,
        looks: bool = True,
        reads: bool = True,
        network: Network | None = None,
        limits: TargetLimits | None = None,
        recipients: Sequence[str] | None = None,
        sources: Sources = SOURCES,
    ) -> Services:
        """Open a plan's adapters; without `write` nothing that could write is built.

        Without `looks` either, the credential that writes is not even read. Who `reads` nothing at
        the source needs no secret of it: it may be gone with its account.

        Nothing is contacted, and a target off this machine cannot be before `admit`. `limits`
        stands in for the profile's, where more is known of the target. `recipients` are keys that
        were loaded before: they stay, whatever lies in their files now.

        Raises:
            KeyUnavailable: a reference or a key file cannot be read.
        """
        network = network or Network()
        vault = Vault.open(base)
        limits = limits or limits_of(plan, base)
        if recipients is None:
            recipients = load_recipients(plan, base)
        try:
            source = open_source(plan, vault, sources)
        except KeyUnavailable as error:
            if reads:
                raise
            source = OpenedAdapter(thing=cast("Source", UnopenedSource(error)))
        from hdh_migrate.targets.s3 import S3Writer
        from hdh_migrate.targets.s3_reader import S3Reader

        credential = plan.verify.credential or plan.target.credential
        readable = open_target(plan, credential, vault, network=network)
        place, looks = readable, write or looks
        if looks and credential != plan.target.credential:
            place = open_target(plan, plan.target.credential, vault, network=network)
        transports = dict.fromkeys(one.transport for one in (place, readable))
        return cls(
            plan=plan,
            vault=vault,
            source=source.thing,
            reader=S3Reader(readable, limits),
            writer=S3Writer(place, limits) if write else None,
            envelopes=open_envelopes(plan, vault, recipients=recipients),
            recipients=tuple(recipients),
            limits=limits,
            transports=(*source.contacts, *(("target", one) for one in transports)),
            doors=tuple(one.door for one in transports),
            network=network,
            place=place,
            looks=looks,
            reads=reads,
            sources=sources,
        )

    def admit(self) -> None:
        """Open the doors to the target; for whoever has asked the gate (`session.gate`)."""
        for door in self.doors:
            door.admitted = True

    def shut(self) -> None:
        """Shut the doors to the target again."""
        for door in self.doors:
            door.admitted = False

    @property
    def admitted(self) -> bool:
        """Whether the target may be contacted."""
        return all(door.admitted for door in self.doors)

    def take(self, opened: OpenedAdapter[T]) -> T:
        """Return what was opened beside these adapters, and count what it exchanges from here on.

        Its doors stay its own: they are opened by whoever opened it.
        """
        self.transports = (*self.transports, *opened.contacts)
        return opened.thing

    def source_claims(self) -> CredentialClaims | None:
        """Return what the credential that reads the source says of itself; None: nothing.

        Raises:
            KeyUnavailable: the reference cannot be read, or is no such credential.
        """
        return source_claims(self.plan, self.vault, self.sources)

    def unprotected_keys(self) -> list[str]:
        """Return the references of private keys that have no passphrase."""
        seal, report = self.plan.seal, self.plan.report
        keys = [
            (report.signer, report.signer_passphrase),
            (seal.identity, seal.identity_passphrase),
        ]
        return [key for key, phrase in keys if key is not None and phrase is None]

    def witnesses(self) -> Sequence[Witness]:
        """Return the endpoints that tell the time, those of credentials that came later too."""
        # A pointer's host is asked for its pointer alone, and nobody tells the time over SSH.
        asked = [
            reached
            for side, reached in self.transports
            if side != "pointer" and isinstance(reached, Transport)
        ]
        return witnesses_of(asked)

    def traffic(self, clock: Clock) -> list[EndpointTraffic]:
        """Return what was exchanged with each endpoint so far; see `opened.traffic_of`."""
        return traffic_of(self.transports, clock)


@frozen
class _Endpoint:
    """One address, and every way in which it is contacted."""

    endpoint: str
    transports: tuple[Transport, ...]

    @property
    def may_ask(self) -> bool:
        return any(_open(transport) for transport in self.transports)

    def seen(self) -> Sighting | None:
        found = [transport.newest_date() for transport in self.transports]
        return max((one for one in found if one is not None), key=_heard, default=None)

    def ask(self) -> None:
        # No credential: the time is asked for before it is sure that one may be sent.
        transport = next(one for one in self.transports if _open(one))
        with suppress(ShortRead):  # what else the reply says is of no interest
            transport.request("GET", f"{self.endpoint}/", {}, signed=True, stall=ASK_SECONDS)


def witnesses_of(transports: Iterable[Transport]) -> Sequence[Witness]:
    """Return the endpoints that these transports reach; a folder has none."""
    by_endpoint: dict[str, list[Transport]] = {}
    for transport in transports:
        parts = urlsplit(transport.door.endpoint)
        if parts.netloc:  # nobody answers for a folder
            by_endpoint.setdefault(f"{parts.scheme}://{parts.netloc}", []).append(transport)
    return [
        _Endpoint(endpoint=endpoint, transports=tuple(found))
        for endpoint, found in by_endpoint.items()
    ]


def _open(transport: Transport) -> bool:
    return transport.door.admitted


def _heard(sighting: Sighting) -> float:
    return sighting.heard
