"""What one worker process holds: the sides that its role works at, and no other.

Which those are stands in one place, `reach`: what is opened follows from it, and so do the secrets
that a process is given at all (`wiring.workers.worker_secrets`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hdh_migrate.model import Role, TargetLimits
from hdh_migrate.plan.model import Plan
from hdh_migrate.plan.sides import AccessKey
from hdh_migrate.ports.run import Clock
from hdh_migrate.ports.sealing import Envelopes
from hdh_migrate.ports.stores import Source, TargetReader, TargetWriter
from hdh_migrate.transport import Transport
from hdh_migrate.wiring.opened import Contact, traffic_of
from hdh_migrate.wiring.sealing import open_envelopes
from hdh_migrate.wiring.sources import SOURCES, Sources, open_source
from hdh_migrate.wiring.targets import open_target
from hdh_migrate.wiring.vault import Vault

if TYPE_CHECKING:
    from hdh_migrate.receipts import EndpointTraffic


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far a role reaches."""

    source: bool
    """Whether it reads the source."""
    reads: AccessKey | None
    """What it reads the target back with."""
    writes: AccessKey | None
    """What it writes the target with."""
    opens: bool
    """Whether it opens what was sealed, be it the header of an open upload."""


def reach(plan: Plan, role: Role, *, write: bool) -> Reach:
    """Return how far a role reaches under a plan; nothing writes unless the run is to `write`."""
    if role is Role.PROVE:
        return Reach(
            source=plan.reads_twice,
            reads=plan.verify.credential or plan.target.credential,
            writes=None,
            opens=True,
        )
    writes = plan.target.credential if write else None
    return Reach(source=True, reads=None, writes=writes, opens=write)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """A role's adapters, opened with what its process was given."""

    source: Source | None
    reader: TargetReader | None
    writer: TargetWriter | None
    envelopes: Envelopes
    contacts: tuple[Contact, ...]
    _targets: tuple[Transport, ...]

    @classmethod
    def open(
        cls,
        plan: Plan,
        role: Role,
        vault: Vault,
        *,
        write: bool,
        limits: TargetLimits,
        recipients: Sequence[str],
        pace: Callable[[str, str], None] | None = None,
        sources: Sources = SOURCES,
    ) -> Hands:
        """Open what a role reaches; nothing is contacted, and the target cannot be before `admit`.

        `pace` waits before each request to the target.

        Raises:
            KeyUnavailable: a secret or a key is not there.
        """
        from hdh_migrate.targets.s3 import S3Reader, S3Writer

        far = reach(plan, role, write=write)
        source = open_source(plan, vault, sources) if far.source else None
        reads = None if far.reads is None else open_target(plan, far.reads, vault, pace=pace)
        writes = None if far.writes is None else open_target(plan, far.writes, vault, pace=pace)
        targets = tuple(one.transport for one in (reads, writes) if one is not None)
        return cls(
            source=None if source is None else source.thing,
            reader=None if reads is None else S3Reader(reads, limits),
            writer=None if writes is None else S3Writer(writes, limits),
            envelopes=open_envelopes(
                plan, vault, None if far.opens else (None, None), recipients=recipients
            ),
            contacts=(
                *(() if source is None else source.contacts),
                *(("target", one) for one in targets),
            ),
            _targets=targets,
        )

    def admit(self) -> None:
        """Open the doors to the target; only for who knows that the gate is open."""
        for transport in self._targets:
            transport.door.admitted = True

    def traffic(self, clock: Clock) -> list[EndpointTraffic]:
        """Return what was exchanged with each endpoint so far; see `opened.traffic_of`."""
        return traffic_of(self.contacts, clock)
