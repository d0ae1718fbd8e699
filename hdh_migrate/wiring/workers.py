"""What the coordinator tells worker processes, and what starts them on this machine."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from hdh_migrate.frozen import frozen
from hdh_migrate.model import Role, TargetLimits
from hdh_migrate.pipeline.pace.lanes import limited
from hdh_migrate.plan.model import Plan
from hdh_migrate.plan.sides import AccessKey
from hdh_migrate.ports.work import Engine
from hdh_migrate.wiring.readings import routes_of
from hdh_migrate.wiring.sources import as_plain
from hdh_migrate.wiring.targets import access_of
from hdh_migrate.wiring.vault import Vault
from hdh_migrate.wiring.worker_config import WorkerConfig

if TYPE_CHECKING:
    from pathlib import Path

    from hdh_migrate.wiring.worker_config import TargetAccess


@frozen
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


def worker_secrets(plan: Plan, role: Role, vault: Vault, *, write: bool) -> dict[str, str]:
    """Return what workers of a role are given, by reference: what it reaches, and nothing else.

    What freezes, erases, consumes, signs or moves a pointer is of no role.

    Raises:
        KeyUnavailable: a reference cannot be read.
    """
    far = reach(plan, role, write=write)
    sections = (plan.source if far.source else None, far.reads, far.writes)
    refs = [ref for one in sections if one is not None for ref in _refs(one)]
    phrase = plan.seal.identity_passphrase
    if far.opens and phrase is not None:
        refs.append(phrase)
    return {ref: vault.reveal(ref) for ref in refs}


def source_secrets(plan: Plan, vault: Vault) -> dict[str, str]:
    """Return, by reference, what it takes to read the source.

    Raises:
        KeyUnavailable: a reference cannot be read.
    """
    return {ref: vault.reveal(ref) for ref in _refs(plan.source)}


def _refs(value: Any) -> Iterator[str]:  # noqa: ANN401 - any value of a section
    """Return every reference to a secret in a credential."""
    if isinstance(value, BaseModel):
        # Not by `model_dump`: a section has no serializer until the first use of one builds it.
        for _, inner in value:
            yield from _refs(inner)
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _refs(inner)
    elif isinstance(value, str) and value.startswith(("env:", "file:")):
        yield value


def config_of(
    plan: Plan,
    role: Role,
    vault: Vault,
    run_tag: str,
    *,
    epoch: int,
    write: bool,
    admitted: bool,
    limits: TargetLimits,
    recipients: Sequence[str],
    adopted: Collection[str] = (),
) -> WorkerConfig:
    """Return what workers of a role are sent.

    Raises:
        KeyUnavailable: a secret that they need cannot be read.
    """
    far, seal = reach(plan, role, write=write), plan.seal
    return WorkerConfig(
        base=vault.base,
        secrets=worker_secrets(plan, role, vault, write=write),
        run_tag=run_tag,
        epoch=epoch,
        role=role,
        write=write and role is Role.MOVE,
        admitted=admitted,
        limits=limits,
        source=as_plain(plan.source) if far.source else None,
        reads=_entry(plan, far.reads, vault.base),
        writes=_entry(plan, far.writes, vault.base),
        form=seal.form,
        recipients=tuple(recipients),
        identity=seal.identity if far.opens else None,
        identity_passphrase=seal.identity_passphrase if far.opens else None,
        routes=routes_of(plan),
        level=plan.verify.level,
        reread=plan.reads_twice,
        checked=plan.verify.source == "range-md5",
        retry_budget=plan.limits.retry_budget_seconds,
        memory=plan.limits.memory_bytes,
        fixed=plan.engine.level == "fixed",
        together=plan.limits.connections,
        adopted=tuple(sorted(adopted)),
    )


def _entry(plan: Plan, credential: AccessKey | None, base: Path) -> TargetAccess | None:
    return None if credential is None else access_of(plan, credential, base)


def local_engine(config: WorkerConfig, plan: Plan, lane: int) -> Engine:
    """Start processes on this machine; `lane` is the file through which they share limits."""
    from hdh_migrate.engines.free import FreeProcessors, processors
    from hdh_migrate.engines.local import ALONE_UNTIL, LocalEngine
    from hdh_migrate.fibers import possible

    wanted = plan.engine.processes
    processes = processors() if wanted == "auto" else int(wanted)
    connections = plan.engine.connections
    reads = reach(plan, config.role, write=config.write).source
    if reads:
        most = plan.source.sessions_at_most
        # Each has one connection at least, and one session where these are counted.
        processes = max(1, min(processes, connections if most is None else most, connections))
        config = replace(config, source=as_plain(plan.source.shared(processes)))
    together = possible() and (not reads or plan.source.traits.reads_together)
    return LocalEngine(
        "hdh_migrate.wiring.service:worker", replace(config, lane=lane).as_json(),
        processes=processes, connections=connections,
        kept=plan.source.variables if reads else (),
        shared=(lane,),
        limit=limited(lane),
        alone_until=ALONE_UNTIL if together else None,
        # Who says how many are to work is believed, however busy the machine is.
        free=FreeProcessors() if wanted == "auto" else lambda: math.inf,
    )  # fmt: skip
