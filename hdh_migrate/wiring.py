"""Composition root: from a plan to the objects that carry it out. Kinds are rows in tables.

SDKs are imported when their kind is used, never before.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hdh_migrate.door import Door
from hdh_migrate.errors import AuthFailed, KeyUnavailable
from hdh_migrate.model import TargetLimits
from hdh_migrate.pipeline.buffers import BufferPool
from hdh_migrate.pipeline.context import DatasetRules
from hdh_migrate.pipeline.cutover.scene import Consumer
from hdh_migrate.pipeline.perform import Performer
from hdh_migrate.pipeline.planning import Pace
from hdh_migrate.pipeline.retrying import Gate, Retrying
from hdh_migrate.pipeline.selecting import compile_rules
from hdh_migrate.pipeline.throttling import Bandwidth, RequestPace, ThrottledSource
from hdh_migrate.pipeline.work import Route, Toolbox
from hdh_migrate.plan.consent import DeniedWrite
from hdh_migrate.plan.cutover import Decommission, Smoke
from hdh_migrate.plan.model import Plan
from hdh_migrate.plan.pointers import (
    CommandPointer,
    FilePointer,
    S3ObjectPointer,
    SshCommandPointer,
)
from hdh_migrate.plan.pointers import Pointer as AnyPointer
from hdh_migrate.plan.secrets import Secret, ref_path, resolve
from hdh_migrate.plan.sides import AccessKey, AzureBlob, Crypt4gh
from hdh_migrate.ports import (
    Clock,
    Engine,
    Envelopes,
    Eraser,
    FreezeProbe,
    Pointer,
    Source,
    TargetReader,
    TargetWriter,
)
from hdh_migrate.targets.chosen import profile_of
from hdh_migrate.targets.opening import Network, opened
from hdh_migrate.targets.s3_endpoint import S3Endpoint
from hdh_migrate.telemetry import SystemClock
from hdh_migrate.transport import Traffic, Transport


@dataclass(slots=True)
class Vault:
    """Resolves a plan's references and remembers what it gave out, to notice a renewal."""

    base: Path
    environ: Mapping[str, str]
    given: dict[str, Secret]

    @classmethod
    def open(cls, base: Path, environ: Mapping[str, str] | None = None) -> Vault:
        """Return a vault over this process's environment."""
        return cls(base, os.environ if environ is None else environ, {})

    def reveal(self, ref: str) -> str:
        """Return the secret behind a reference, for the one call that needs it.

        Raises:
            KeyUnavailable: it cannot be read.
        """
        secret = resolve(ref, self.base, self.environ)
        self.given[ref] = secret
        return secret.reveal()

    def renewed(self) -> bool:
        """Say whether any reference gives another secret than it gave."""
        return any(
            resolve(ref, self.base, self.environ) != secret for ref, secret in self.given.items()
        )


# --- sources ---------------------------------------------------------------------------------


def _azure_blob(plan: Plan, vault: Vault, transport: Transport) -> Source:
    from hdh_migrate.sources.azure_blob import AzureBlobSource
    from hdh_migrate.sources.azure_credentials import (
        Authorizer,
        IdentityAuthorizer,
        SasAuthorizer,
        SharedKeyAuthorizer,
    )

    source = plan.source
    assert isinstance(source, AzureBlob)
    url, credential = source.account_url, source.credential
    authorizer: Authorizer
    if credential.kind == "sas":
        authorizer = SasAuthorizer(vault.reveal(credential.value))
    elif credential.kind == "shared-key":
        authorizer = SharedKeyAuthorizer(
            _account(url), vault.reveal(credential.value),
            secure=url.startswith("https:"), monotonic=time.monotonic,
        )  # fmt: skip
    else:
        authorizer = IdentityAuthorizer()
    return AzureBlobSource(url, authorizer, transport)


def _account(url: str) -> str:
    """Return the account: the first segment of an emulator's path, or the first host label."""
    parts = urlsplit(url)
    return parts.path.strip("/").split("/")[0] or (parts.hostname or "").split(".")[0]


def _folder(plan: Plan, vault: Vault, transport: Transport) -> Source:
    from hdh_migrate.sources.folder import FolderSource

    del plan, transport
    return FolderSource(vault.base)


SOURCES: Mapping[str, Callable[[Plan, Vault, Transport], Source]] = {
    "azure-blob": _azure_blob,
    "folder": _folder,
}


# --- targets ---------------------------------------------------------------------------------


def open_target(
    plan: Plan,
    credential: AccessKey,
    vault: Vault,
    *,
    network: Network | None = None,
    pace: Callable[[str, str], None] | None = None,
) -> S3Endpoint:
    """Return the plan's target with one credential; see `targets.opening.opened`.

    Raises:
        KeyUnavailable: a reference cannot be read.
    """
    return opened(
        plan, vault.base, credential, vault.reveal, network=network or Network(), pace=pace
    )


# --- pointers --------------------------------------------------------------------------------


def _file_pointer(plan: Plan, section: FilePointer, vault: Vault) -> Pointer:
    from hdh_migrate.pointers.file import opened

    del plan
    return opened(section, vault.base)


def _command_pointer(plan: Plan, section: CommandPointer, vault: Vault) -> Pointer:
    from hdh_migrate.pointers.command import opened

    del plan
    return opened(section, vault.base, vault.reveal)


def _ssh_command_pointer(plan: Plan, section: SshCommandPointer, vault: Vault) -> Pointer:
    from hdh_migrate.pointers.ssh_command import opened

    del plan
    return opened(section, vault.base, vault.reveal)


def _s3_object_pointer(plan: Plan, section: S3ObjectPointer, vault: Vault) -> Pointer:
    from hdh_migrate.pointers.s3_object import S3ObjectPointer as Kind
    from hdh_migrate.targets import profiles
    from hdh_migrate.targets.opening import elsewhere
    from hdh_migrate.targets.s3_bucket import S3Bucket

    credential = section.credential or plan.target.credential
    if section.endpoint is None:
        profile = profile_of(plan, vault.base)
        endpoint = open_target(plan, credential, vault)
        if endpoint.transport.door is not None:
            # A pointer's value is no patient's data, and a way back must not wait for a paper.
            endpoint.transport.door.admitted = True
    else:
        profile = profiles.unknown()
        endpoint = elsewhere(section.endpoint, section.region, credential, vault.reveal)
    conditional = section.conditional
    return Kind(
        S3Bucket(endpoint, section.bucket), section.bucket, section.key,
        conditional=profile.limits.conditional_put if conditional is None else conditional,
    )  # fmt: skip


POINTERS: Mapping[str, Callable[[Plan, Any, Vault], Pointer]] = {
    "file": _file_pointer,
    "s3-object": _s3_object_pointer,
    "command": _command_pointer,
    "ssh-command": _ssh_command_pointer,
}


def open_pointer(plan: Plan, section: AnyPointer, vault: Vault) -> Pointer:
    """Open what a batch's `pointer` section describes; nothing is contacted yet.

    Raises:
        KeyUnavailable: a reference or a file of keys cannot be read.
    """
    return POINTERS[section.kind](plan, section, vault)


# --- the freeze proof --------------------------------------------------------------------------


def _denied_write(plan: Plan, freeze: DeniedWrite, vault: Vault) -> FreezeProbe:
    from hdh_migrate.sources.azure_credentials import IdentityAuthorizer, SasAuthorizer
    from hdh_migrate.sources.azure_freeze import AzureFreezeProbe, writer_token

    assert isinstance(plan.source, AzureBlob)
    url, credential = plan.source.account_url, freeze.credential
    writer: Any
    if credential.kind == "sas":
        writer = SasAuthorizer(vault.reveal(credential.value))
    elif credential.kind == "shared-key":
        writer = writer_token(
            _account(url), vault.reveal(credential.value),
            secure=url.startswith("https:"), now=SystemClock().now,
        )  # fmt: skip
    else:
        writer = IdentityAuthorizer()
    return AzureFreezeProbe(url, writer, _source_transport(plan))


FREEZE_PROBES: Mapping[str, Callable[[Plan, Any, Vault], FreezeProbe]] = {
    "denied-write": _denied_write,
}


def open_freeze_probe(plan: Plan, vault: Vault) -> FreezeProbe | None:
    """Open what the plan's `freeze` section tries; None when nothing is tried but stated.

    Raises:
        KeyUnavailable: a reference cannot be read, or is no credential.
    """
    opens = None if plan.freeze is None else FREEZE_PROBES.get(plan.freeze.kind)
    try:
        return None if opens is None else opens(plan, plan.freeze, vault)
    except AuthFailed as error:
        raise KeyUnavailable(str(error), hint=error.hint) from error


# --- decommission ------------------------------------------------------------------------------


def _azure_eraser(plan: Plan, section: Decommission, vault: Vault) -> tuple[Eraser, Transport]:
    from hdh_migrate.sources.azure_credentials import (
        IdentityAuthorizer,
        SasAuthorizer,
        SharedKeyAuthorizer,
    )
    from hdh_migrate.sources.azure_eraser import AzureEraser

    assert isinstance(plan.source, AzureBlob)
    url, credential = plan.source.account_url, section.credential
    authorizer: Any
    if credential.kind == "sas":
        authorizer = SasAuthorizer(vault.reveal(credential.value))
    elif credential.kind == "shared-key":
        authorizer = SharedKeyAuthorizer(
            _account(url), vault.reveal(credential.value),
            secure=url.startswith("https:"), monotonic=time.monotonic, may_delete=True,
        )  # fmt: skip
    else:
        authorizer = IdentityAuthorizer()
    transport = Transport()
    return AzureEraser(url, authorizer, transport), transport


ERASERS: Mapping[str, Callable[[Plan, Decommission, Vault], tuple[Eraser, Transport]]] = {
    "azure-blob": _azure_eraser,
}


def open_eraser(plan: Plan, section: Decommission, vault: Vault) -> tuple[Eraser, Transport]:
    """Open the only thing that can delete at the source, with its own credential.

    Raises:
        KeyUnavailable: a reference cannot be read, or is no credential.
    """
    try:
        return ERASERS[plan.source.kind](plan, section, vault)
    except AuthFailed as error:
        raise KeyUnavailable(str(error), hint=error.hint) from error


# --- sealing ---------------------------------------------------------------------------------


def open_envelopes(
    plan: Plan, vault: Vault, identity: tuple[str | None, str | None] | None = None
) -> Envelopes:
    """Load the keys that a plan names; `identity` is another one's key and passphrase.

    Raises:
        KeyUnavailable: one is missing, unreadable, or does not belong to the others.
    """
    if not isinstance(plan.seal, Crypt4gh):
        from hdh_migrate.sealing.plain import PlainEnvelopes

        return PlainEnvelopes()
    from hdh_migrate.sealing.crypt4gh import Envelopes as Crypt4ghEnvelopes
    from hdh_migrate.sealing.keys import PrivateKey, PublicKey

    seal = plan.seal
    recipients = [PublicKey.load(vault.base / path) for path in seal.recipients]
    if len({key.raw for key in recipients}) < len(recipients):
        raise KeyUnavailable(
            "seal.recipients: two recipients have the same key",
            hint="a lost key must not make the data unreadable; give two different ones",
        )
    ref, phrase = identity or (seal.identity, seal.identity_passphrase)
    private = None
    if ref is not None:
        private = PrivateKey.load(
            identity_path(ref, vault), vault.reveal(phrase) if phrase is not None else None
        )
    return Crypt4ghEnvelopes(recipients, private)


def open_consumer(
    plan: Plan, smoke: Smoke, vault: Vault, network: Network | None = None
) -> tuple[Consumer, S3Endpoint]:
    """Open what a consumer of the data has: its own key to read with, its own key that opens.

    Off this machine the endpoint's door is shut until the gate has let it in.

    Raises:
        KeyUnavailable: a reference or a key file cannot be read.
    """
    from hdh_migrate.targets.s3 import S3Reader

    place = open_target(plan, smoke.credential, vault, network=network)
    envelopes = open_envelopes(plan, vault, (smoke.identity, smoke.identity_passphrase))
    reader = S3Reader(place, profile_of(plan, vault.base).limits)
    return Consumer(reader=reader, envelopes=envelopes), place


def identity_path(ref: str, vault: Vault) -> Path:
    """Return the path of a key file that a plan refers to with `file:`."""
    return ref_path(ref, vault.base)


# --- everything one side of a run needs --------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Services:
    """A plan's adapters, opened with the credentials as they are now."""

    plan: Plan
    vault: Vault
    source: Source
    reader: TargetReader
    writer: TargetWriter | None
    envelopes: Envelopes
    limits: TargetLimits
    transports: tuple[tuple[str, Transport], ...]
    network: Network
    place: S3Endpoint
    """The target with the credential that writes, to look at its buckets."""

    @classmethod
    def open(
        cls,
        plan: Plan,
        base: Path,
        *,
        write: bool,
        network: Network | None = None,
        pace: Callable[[str, str], None] | None = None,
        limits: TargetLimits | None = None,
    ) -> Services:
        """Open a plan's adapters; without `write` nothing that could write is built.

        Nothing is contacted, and a target off this machine cannot be before `admit`. `pace` waits
        before each request to the target. `limits` stands in for the profile's, where more is
        known of the target.

        Raises:
            KeyUnavailable: a reference or a key file cannot be read.
        """
        vault, network = Vault.open(base), network or Network()
        limits = limits or profile_of(plan, base).limits
        source_transport = _source_transport(plan)
        try:
            source = SOURCES[plan.source.kind](plan, vault, source_transport)
        except AuthFailed as error:
            raise KeyUnavailable(str(error), hint=error.hint) from error
        from hdh_migrate.targets.s3 import S3Reader, S3Writer

        place = open_target(plan, plan.target.credential, vault, network=network, pace=pace)
        credential = plan.verify.credential or plan.target.credential
        readable = open_target(plan, credential, vault, network=network, pace=pace)
        return cls(
            plan=plan,
            vault=vault,
            source=source,
            reader=S3Reader(readable, limits),
            writer=S3Writer(place, limits) if write else None,
            envelopes=open_envelopes(plan, vault),
            limits=limits,
            transports=(
                ("source", source_transport),
                ("target", place.transport),
                ("target", readable.transport),
            ),
            network=network,
            place=place,
        )

    def admit(self) -> None:
        """Open the doors to the target; for whoever has asked the gate (`session.gate`)."""
        for door in self._doors():
            door.admitted = True

    @property
    def admitted(self) -> bool:
        """Whether the target may be contacted."""
        return all(door.admitted for door in self._doors())

    def _doors(self) -> Iterator[Door]:
        for side, transport in self.transports:
            if side == "target" and transport.door is not None:
                yield transport.door

    def unprotected_keys(self) -> list[str]:
        """Return the references of private keys that have no passphrase."""
        seal, report = self.plan.seal, self.plan.report
        keys = [(report.signer, report.signer_passphrase)]
        if isinstance(seal, Crypt4gh):
            keys.append((seal.identity, seal.identity_passphrase))
        return [key for key, phrase in keys if key is not None and phrase is None]

    def traffic(self) -> list[dict[str, Any]]:
        """Return what was exchanged with each endpoint so far, as JSON."""
        return [
            {"side": side, "endpoint": endpoint, **_traffic(traffic)}
            for side, transport in self.transports
            for endpoint, traffic in transport.traffic.items()
        ]


def _source_transport(plan: Plan) -> Transport:
    """Return a transport that reaches the plan's source and nothing else."""
    if not isinstance(plan.source, AzureBlob):
        return Transport()
    return Transport(door=Door(endpoint=plan.source.account_url, admitted=True))


def _traffic(traffic: Traffic) -> dict[str, Any]:
    return {
        "requests": traffic.requests,
        "bytes_read": traffic.received,
        "bytes_written": traffic.sent,
        "addresses": sorted(traffic.addresses),
        "clock_offset": traffic.clock_offset,
    }


def pace_of(plan: Plan) -> Pace:
    """Return what the plan says of speed."""
    return Pace(
        connections=plan.engine.connections,
        bandwidth=plan.limits.bytes_per_second,
        connection_rate=plan.limits.connection_bytes_per_second,
    )


def header_size_of(plan: Plan) -> int:
    """Return the bytes that stand before every sealed object; no key is read."""
    if not isinstance(plan.seal, Crypt4gh):
        return 0
    from hdh_migrate.sealing.packets import header_size

    return header_size(len(plan.seal.recipients))


def routes_of(plan: Plan) -> dict[str, Route]:
    """Return where each dataset comes from and goes to."""
    return {
        dataset.name: Route(
            source=dataset.source.place,
            target=dataset.target.place,
            suffix=plan.seal.suffix,
            keeping=dataset.target.keeping,
        )
        for dataset in plan.datasets
    }


def rules_of(plan: Plan) -> dict[str, DatasetRules]:
    """Return each dataset's rules, compiled."""
    return {
        dataset.name: DatasetRules(
            rules=compile_rules(
                dataset.include,
                [rule.glob for rule in dataset.exclude],
                fold=dataset.collisions == "refuse",
            ),
            allow_empty=dataset.allow_empty,
            live=dataset.live,
            compare_md5=dataset.ignore_md5 is None,
        )
        for dataset in plan.datasets
    }


# --- workers -----------------------------------------------------------------------------------


class WorkerService:
    """What a worker process runs: a performer over its own connections."""

    def __init__(self, config: Mapping[str, Any], halt: threading.Event | None = None) -> None:
        plan = Plan.model_validate_json(config["plan"])
        limits = TargetLimits(**config["limits"])
        processes = int(config["processes"])
        clock: Clock = SystemClock()
        self.halt = halt or threading.Event()
        base = Path(config["base"])
        # The target counts per bucket for everybody; each process takes an equal share of it.
        pace = RequestPace.of(limits, processes, clock.monotonic, self.halt)
        services = Services.open(plan, base, write=config["write"], pace=pace, limits=limits)
        if config["admitted"]:
            services.admit()
        self._services = services
        source = services.source
        rate = plan.limits.bytes_per_second
        if rate is not None:
            bandwidth = Bandwidth(rate / processes, clock.monotonic, self.halt)
            source = ThrottledSource(source, bandwidth)
        gate = Gate(clock.monotonic, self.halt)
        self.perform = Performer(
            Toolbox(
                source=source,
                reader=services.reader,
                writer=services.writer,
                envelopes=services.envelopes,
                routes=routes_of(plan),
                run_tag=config["run_tag"],
                level=plan.verify.level,
                reread=plan.verify.source == "again",
                retry=Retrying(budget=plan.limits.retry_budget_seconds, gate=gate, halt=self.halt),
                pool=BufferPool(plan.limits.memory_bytes // processes),
                clock=clock,
                halt=self.halt,
            )
        ).perform

    def traffic(self) -> list[dict[str, Any]]:
        """Return what this worker exchanged with each endpoint."""
        return self._services.traffic()


def worker(config: Mapping[str, Any]) -> WorkerService:
    """Build what a worker process runs; named by `engines.worker` on its command line."""
    return WorkerService(config)


def _local(config: Mapping[str, Any], plan: Plan) -> Engine:
    from hdh_migrate.engines.local import LocalEngine, processors

    wanted = plan.engine.processes
    processes = processors() if wanted == "auto" else int(wanted)
    return LocalEngine(
        "hdh_migrate.wiring:worker", config,
        processes=processes, connections=plan.engine.connections,
    )  # fmt: skip


ENGINES: Mapping[str, Callable[[Mapping[str, Any], Plan], Engine]] = {"local": _local}


def open_engine(
    plan: Plan,
    base: Path,
    canonical: bytes,
    run_tag: str,
    *,
    write: bool,
    admitted: bool,
    limits: TargetLimits,
) -> Engine:
    """Start the plan's engine; `admitted` is what `Services.admitted` says."""
    config = {
        "plan": canonical.decode(),
        "base": str(base),
        "run_tag": run_tag,
        "write": write,
        "admitted": admitted,
        "limits": asdict(limits),
    }
    return ENGINES[plan.engine.kind](config, plan)
