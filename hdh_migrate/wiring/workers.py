"""What a worker process runs, and the engines that start worker processes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hdh_migrate.model import Role, TargetLimits
from hdh_migrate.pipeline.buffers import BufferPool
from hdh_migrate.pipeline.lanes import lane, shared_file
from hdh_migrate.pipeline.perform import Performer
from hdh_migrate.pipeline.retrying import Retrying, SharedPause
from hdh_migrate.pipeline.throttling import (
    Bandwidth,
    RequestPace,
    ThrottledReader,
    ThrottledSource,
    ThrottledWriter,
)
from hdh_migrate.pipeline.work import Toolbox
from hdh_migrate.plan.model import Plan
from hdh_migrate.ports.run import Clock
from hdh_migrate.ports.work import Engine
from hdh_migrate.telemetry import SystemClock
from hdh_migrate.wiring.chosen import profile_of, take_profile
from hdh_migrate.wiring.hands import Hands, reach
from hdh_migrate.wiring.readings import routes_of
from hdh_migrate.wiring.sources import SOURCES, Sources, plan_of
from hdh_migrate.wiring.vault import Vault

if TYPE_CHECKING:
    from hdh_migrate.receipts import EndpointTraffic


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerConfig:
    """What a worker process is told when it starts; it goes over its own pipe alone."""

    plan: str
    """The canonical plan, as JSON."""
    base: Path
    secrets: Mapping[str, str] = field(repr=False)
    """By reference; see `worker_secrets`."""
    recipients: tuple[str, ...]
    run_tag: str
    epoch: int
    """In which objects are written; see `pipeline.fence`."""
    role: Role
    write: bool
    admitted: bool
    limits: TargetLimits
    adopted: tuple[str, ...] = ()
    """Names of other ledgers whose objects are ours."""
    profile: str | None = None
    """What the coordinator read of the plan's own profile."""
    processes: int = 1
    """How many share what the target allows; the engine says it."""
    lane: int | None = None
    """The descriptor of the file through which they share the bandwidth; None: in equal parts."""

    def as_json(self) -> dict[str, Any]:
        """Return it as the engine sends it."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return values | {
            "base": str(self.base),
            "secrets": dict(self.secrets),
            "recipients": list(self.recipients),
            "adopted": list(self.adopted),
            "role": str(self.role),
            "limits": asdict(self.limits),
        }

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> WorkerConfig:
        """Return what an engine sent; what else it adds is its own."""
        values = {one.name: told[one.name] for one in fields(cls) if one.name in told}
        return cls(**values | {
            "base": Path(told["base"]),
            "recipients": tuple(told["recipients"]),
            "adopted": tuple(told["adopted"]),
            "role": Role(told["role"]),
            "limits": TargetLimits(**told["limits"]),
        })  # fmt: skip


class WorkerService:
    """What a worker process runs: a performer over its own connections."""

    def __init__(
        self,
        told: Mapping[str, Any],
        halt: threading.Event | None = None,
        sources: Sources = SOURCES,
    ) -> None:
        config = WorkerConfig.of(told)
        plan = plan_of(sources).model_validate_json(config.plan)
        take_profile(plan, config.base, config.profile)
        limits, processes = config.limits, config.processes
        plan = plan.model_copy(update={"source": plan.source.shared(processes)})
        clock: Clock = SystemClock()
        self.halt = halt or threading.Event()
        # The target counts per bucket for everybody; each process takes an equal share of it.
        pace = RequestPace.of(limits, processes, clock.monotonic, self.halt)
        vault = Vault.of(config.base, config.secrets)
        hands = Hands.open(
            plan,
            config.role,
            vault,
            write=config.write,
            limits=limits,
            recipients=config.recipients,
            pace=pace,
            sources=sources,
        )
        if config.admitted:
            hands.admit()
        self._hands, self._clock = hands, clock
        source, reader, writer = hands.source, hands.reader, hands.writer
        rate = plan.limits.bytes_per_second
        if rate is not None:
            share = rate if config.lane is not None else rate / processes
            line = Bandwidth(share, clock.monotonic, self.halt, lane(config.lane))
            source = None if source is None else ThrottledSource(source, line)
            reader = None if reader is None else ThrottledReader(reader, line)
            writer = None if writer is None else ThrottledWriter(writer, line)
        pause = SharedPause(clock.monotonic, self.halt)
        self.perform = Performer(
            Toolbox(
                source=source,
                reader=reader,
                writer=writer,
                envelopes=hands.envelopes,
                routes=routes_of(plan),
                run_tag=config.run_tag,
                epoch=config.epoch,
                level=plan.verify.level,
                reread=plan.reads_twice,
                checked=plan.verify.source == "range-md5",
                retry=Retrying(
                    budget=plan.limits.retry_budget_seconds, pause=pause, halt=self.halt
                ),
                pool=BufferPool(plan.limits.memory_bytes // processes),
                clock=clock,
                halt=self.halt,
                adopted=frozenset(config.adopted),
            )
        ).perform

    def traffic(self) -> list[EndpointTraffic]:
        """Return what this worker exchanged with each endpoint."""
        return self._hands.traffic(self._clock)


def worker(config: Mapping[str, Any]) -> WorkerService:
    """Build what a worker process runs; named by `engines.worker` on its command line."""
    return WorkerService(config)


def _local(config: Mapping[str, Any], plan: Plan) -> Engine:
    from hdh_migrate.engines.local import LocalEngine, processors

    wanted = plan.engine.processes
    processes = processors() if wanted == "auto" else int(wanted)
    reads = reach(plan, Role(config["role"]), write=bool(config["write"])).source
    if reads and (most := plan.source.sessions_at_most) is not None:
        processes = min(processes, most)  # each has one session at least
    shared = None if plan.limits.bandwidth is None else shared_file()
    return LocalEngine(
        "hdh_migrate.wiring:worker", {**config, "lane": shared},
        processes=processes, connections=plan.engine.connections,
        kept=plan.source.variables if reads else (),
        shared=() if shared is None else (shared,),
    )  # fmt: skip


def worker_secrets(plan: Plan, role: Role, vault: Vault, *, write: bool) -> dict[str, str]:
    """Return what workers of a role are given, by reference: what it reaches, and nothing else.

    What freezes, erases, consumes, signs or moves a pointer is of no role.

    Raises:
        KeyUnavailable: a reference cannot be read.
    """
    far = reach(plan, role, write=write)
    sections = (plan.source if far.source else None, far.reads, far.writes)
    refs = [ref for one in sections if one is not None for ref in _refs(one.model_dump())]
    phrase = plan.seal.identity_passphrase
    if far.opens and phrase is not None:
        refs.append(phrase)
    return {ref: vault.reveal(ref) for ref in refs}


def _refs(value: Any) -> Iterator[str]:  # noqa: ANN401 - any value of a section
    """Return every reference to a secret in a credential."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _refs(inner)
    elif isinstance(value, str) and value.startswith(("env:", "file:")):
        yield value


OpenEngine = Callable[[Mapping[str, Any], Plan], Engine]
"""Starts an engine from what workers are told, and the plan."""

ENGINES: Mapping[str, OpenEngine] = {"local": _local}


def open_engine(
    plan: Plan,
    role: Role,
    vault: Vault,
    canonical: bytes,
    run_tag: str,
    *,
    epoch: int,
    write: bool,
    admitted: bool,
    limits: TargetLimits,
    recipients: Sequence[str],
    engines: Mapping[str, OpenEngine],
    adopted: Collection[str] = (),
) -> Engine:
    """Start the plan's engine, of `engines` by its kind, for one role.

    `admitted` is what `Services.admitted` says. Workers seal for `recipients` and read no key file
    for it.

    Raises:
        KeyUnavailable: a secret that the workers need cannot be read.
    """
    own = profile_of(plan, vault.base).own
    config = WorkerConfig(
        plan=canonical.decode(),
        base=vault.base,
        secrets=worker_secrets(plan, role, vault, write=write),
        recipients=tuple(recipients),
        run_tag=run_tag,
        epoch=epoch,
        role=role,
        write=write and role is Role.MOVE,
        admitted=admitted,
        limits=limits,
        adopted=tuple(sorted(adopted)),
        profile=None if own is None else own.text,
    )
    return engines[plan.engine.kind](config.as_json(), plan)
