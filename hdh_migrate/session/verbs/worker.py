"""Be one machine of a cluster: a worker, or where its scheduler runs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy import cluster_keys
from hdh_migrate.wiring.nodes import cluster_of, demand_installed, open_node

THREADS_BESIDE = 16
"""Orders that wait for a worker process, beside those under way."""


def serve(desk: Desk, host: str | None, ready: Callable[[str], None]) -> None:
    """Work for coordinators until the desk says stop; `ready` takes the address.

    Raises:
        Refused: the plan has no cluster, or what it needs is not installed.
        Starved: the scheduler cannot be reached, or is gone.
        KeyUnavailable: a certificate is not there.
    """
    demand_installed()
    from hdh_migrate.engines import dask_node

    plan, base = desk.loaded.plan, desk.loaded.base
    scheduler, certificates = cluster_of(plan, base)
    node = open_node(plan, base)
    _tell_of_the_end(desk)
    with tempfile.TemporaryDirectory(prefix="hdh-migrate-worker-") as scratch:
        dask_node.serve(
            node,
            scheduler,
            certificates,
            host=host,
            threads=2 * plan.engine.connections + THREADS_BESIDE,
            scratch=Path(scratch),
            ready=ready,
            stop=desk.stop,
        )


def schedule(desk: Desk, ready: Callable[[str], None]) -> None:
    """Run the plan's scheduler until the desk says stop; `ready` takes the address.

    Raises:
        Refused: the plan has no cluster, it cannot listen there, or Dask is not installed.
        KeyUnavailable: a certificate is not there.
    """
    demand_installed()
    from hdh_migrate.engines import dask_node

    scheduler, certificates = cluster_of(desk.loaded.plan, desk.loaded.base)
    _tell_of_the_end(desk)
    dask_node.schedule(scheduler, certificates, ready=ready, stop=desk.stop)


def _tell_of_the_end(desk: Desk) -> None:
    """Say when the certificates end: who starts a machine may make new ones in time."""
    loaded = desk.loaded
    for note in cluster_keys.notes(loaded.plan, loaded.base, desk.clock.now()):
        desk.progress.note(f"certificates of the cluster: {note}")
