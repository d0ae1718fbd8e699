"""A real Dask scheduler and real nodes on loopback, each a process of its own."""

from __future__ import annotations

import atexit
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from hdh_migrate import __version__
from hdh_migrate.engines.cluster import ClusterSession
from hdh_migrate.engines.coordinator import ClusterEngine
from hdh_migrate.engines.dask import dask_engine
from hdh_migrate.engines.dask_authority import new_authority
from hdh_migrate.model import Role, TargetLimits
from hdh_migrate.software import code_digest
from tests.support.cluster_processes import ClusterProcess, Nursery

PLAN = "aa" * 32


def session(**changes: object) -> ClusterSession:
    """Return a session such as a coordinator of this code begins."""
    unique = os.urandom(8).hex()
    told: dict[str, object] = {
        "id": unique, "coordinator": unique, "run_tag": "run", "version": __version__,
        "code_sha256": code_digest(), "plan_sha256": PLAN, "role": Role.MOVE, "epoch": 1,
        "write": True, "admitted": True,
        "limits": TargetLimits(
            max_parts=1000, min_part=1, max_part=2, max_put=2, max_object=2
        ),
        "recipients": (), "adopted": (), "share": 1.0,
    }  # fmt: skip
    return ClusterSession(**{**told, **changes})  # type: ignore[arg-type]


@dataclass
class Cluster:
    """A scheduler, and nodes that may be killed, stopped and joined by others."""

    folder: Path
    scheduler: ClusterProcess
    nodes: list[ClusterProcess] = field(default_factory=list)

    @property
    def address(self) -> str:
        return self.scheduler.address

    @property
    def addresses(self) -> list[str]:
        return [one.address for one in self.nodes]

    @property
    def certificates(self) -> Path:
        return self.folder / "ca"

    def add(
        self,
        *,
        processes: int = 1,
        connections: int = 2,
        plan: str = PLAN,
        through: str | None = None,
    ) -> str:
        """Start one more node and return its address; it may have another one of the scheduler."""
        node = _nursery().start(
            "node", str(self.certificates), through or self.address,
            str(processes), str(connections), plan,
        )  # fmt: skip
        self.nodes.append(node)
        return node.address

    def engine(
        self, *, patience: float = 60.0, silence: float = 45.0, **changes: object
    ) -> ClusterEngine:
        return dask_engine(
            self.address, self.certificates, session(**changes), patience=patience, silence=silence
        )

    def close(self) -> None:
        for process in [*self.nodes, self.scheduler]:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()


@contextmanager
def cluster(*, nodes: int = 2) -> Iterator[Cluster]:
    """Run a scheduler and some nodes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        new_authority(folder / "ca", datetime.now(UTC), 2)
        made = Cluster(folder, _nursery().start("scheduler", str(folder / "ca")))
        try:
            for _ in range(nodes):
                made.add()
            yield made
        finally:
            made.close()


@cache
def _nursery() -> Nursery:
    made = Nursery()
    atexit.register(made.close)
    return made
