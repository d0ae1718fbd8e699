"""The engines that a plan may name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hdh_migrate.pipeline.pace.lanes import shared_file
from hdh_migrate.plan.model import Plan
from hdh_migrate.ports.work import Engine
from hdh_migrate.wiring.worker_config import WorkerConfig
from hdh_migrate.wiring.workers import local_engine


def _local(config: WorkerConfig, plan: Plan) -> Engine:
    return local_engine(config, plan, shared_file())


def _dask(config: WorkerConfig, plan: Plan) -> Engine:
    """Drive the nodes of a cluster; no secret is sent to them: each has its own."""
    from hdh_migrate.wiring.nodes import cluster_engine

    return cluster_engine(config, plan)


OpenEngine = Callable[[WorkerConfig, Plan], Engine]
"""Starts an engine for one role, from what its workers are given, and the plan."""

ENGINES: Mapping[str, OpenEngine] = {"local": _local, "dask": _dask}
