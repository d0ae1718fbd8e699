"""The engines that a plan may name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from hdh_migrate.model import Role, TargetLimits
from hdh_migrate.pipeline.lanes import shared_file
from hdh_migrate.plan.model import Plan
from hdh_migrate.ports.work import Engine
from hdh_migrate.wiring.vault import Vault
from hdh_migrate.wiring.worker_config import WorkerConfig
from hdh_migrate.wiring.workers import config_of, local_engine


def _local(config: Mapping[str, object], plan: Plan) -> Engine:
    return local_engine(config, plan, shared_file())


def _dask(config: Mapping[str, object], plan: Plan) -> Engine:
    """Drive the nodes of a cluster; no secret is sent to them: each has its own."""
    from hdh_migrate.wiring.nodes import cluster_engine

    return cluster_engine(WorkerConfig.of(config), plan)


OpenEngine = Callable[[Mapping[str, object], Plan], Engine]
"""Starts an engine from what workers are sent, and the plan."""

ENGINES: Mapping[str, OpenEngine] = {"local": _local, "dask": _dask}


def open_engine(
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
    engines: Mapping[str, OpenEngine],
    adopted: Collection[str] = (),
) -> Engine:
    """Start the plan's engine, of `engines` by its kind, for one role.

    `admitted` is what `Services.admitted` says. Workers seal for `recipients` and read no key file
    for it.

    Raises:
        KeyUnavailable: a secret that the workers need cannot be read.
    """
    config = config_of(
        plan, role, vault, run_tag,
        epoch=epoch, write=write, admitted=admitted, limits=limits, recipients=recipients,
        adopted=adopted,
    )  # fmt: skip
    return engines[plan.engine.kind](config.as_json(), plan)
