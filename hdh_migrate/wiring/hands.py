"""What one worker process holds: the adapters that its role needs, and no others.

Which those are stands in one place, `workers.reach`: what is sent follows from it, what is opened
follows from what was sent, and so do the secrets that a process is given at all
(`workers.worker_secrets`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hdh_migrate.frozen import frozen
from hdh_migrate.ports.run import Clock
from hdh_migrate.ports.sealing import Envelopes
from hdh_migrate.ports.stores import Source, TargetReader, TargetWriter
from hdh_migrate.transport import Transport
from hdh_migrate.wiring.entries import open_entry
from hdh_migrate.wiring.envelopes import envelopes_for
from hdh_migrate.wiring.opened import Contact, traffic_of
from hdh_migrate.wiring.sources import SOURCES, Sources, open_plain
from hdh_migrate.wiring.vault import Vault
from hdh_migrate.wiring.worker_config import WorkerConfig

if TYPE_CHECKING:
    from hdh_migrate.receipts import EndpointTraffic


@frozen
class Hands:
    """The adapters of one role, opened with the secrets that its process was given."""

    source: Source | None
    reader: TargetReader | None
    writer: TargetWriter | None
    envelopes: Envelopes
    contacts: tuple[Contact, ...]
    _targets: tuple[Transport, ...]

    @classmethod
    def open(
        cls,
        config: WorkerConfig,
        vault: Vault,
        *,
        pace: Callable[[str, str], None] | None = None,
        sources: Sources = SOURCES,
    ) -> Hands:
        """Open what a role reaches; nothing is contacted, and the target cannot be before `admit`.

        `pace` waits before each request to the target.

        Raises:
            KeyUnavailable: a secret or a key is not there.
        """
        from hdh_migrate.targets.s3 import S3Writer
        from hdh_migrate.targets.s3_reader import S3Reader

        source = None if config.source is None else open_plain(config.source, vault, sources)
        reads = None if config.reads is None else open_entry(config.reads, vault, pace=pace)
        writes = None if config.writes is None else open_entry(config.writes, vault, pace=pace)
        targets = tuple(one.transport for one in (reads, writes) if one is not None)
        identity = (config.identity, config.identity_passphrase)
        return cls(
            source=None if source is None else source.thing,
            reader=None if reads is None else S3Reader(reads, config.limits),
            writer=None if writes is None else S3Writer(writes, config.limits),
            envelopes=envelopes_for(config.recipients, identity, vault, form=config.form),
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
