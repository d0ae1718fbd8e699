"""A real Dask scheduler and real nodes on loopback, each a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from hdh_migrate import __version__
from hdh_migrate.engines.cluster import ClusterSession
from hdh_migrate.engines.coordinator import ClusterEngine
from hdh_migrate.engines.dask import dask_engine
from hdh_migrate.engines.dask_authority import new_authority
from hdh_migrate.model import Role, TargetLimits
from hdh_migrate.software import code_digest
from tests.support.workshop import ROOT

SCHEDULER = """
import pathlib, sys, threading
from hdh_migrate.engines import dask_node
dask_node.schedule(
    sys.argv[2], pathlib.Path(sys.argv[1]),
    ready=lambda address: print(address, flush=True), stop=threading.Event(),
)
"""

NODE = """
import pathlib, sys, tempfile, threading, uuid
from hdh_migrate.engines import dask_node
from hdh_migrate.engines.local import LocalEngine
from hdh_migrate.engines.node import NodeIdentity, Node, Tools
from hdh_migrate import __version__
from hdh_migrate.software import code_digest
from tests.support.workshop import FACTORY, ROOT

certificates, scheduler, processes, connections, plan = sys.argv[1:]

def tools(session):
    engine = LocalEngine(
        FACTORY, {}, processes=int(processes), connections=int(connections), search=[ROOT]
    )
    return Tools(engine=engine, share=lambda part: None)

identity = NodeIdentity(version=__version__, code_sha256=code_digest(), plan_sha256=plan)
with tempfile.TemporaryDirectory() as scratch:
    dask_node.serve(
        Node(uuid.uuid4().hex, identity, tools), scheduler, pathlib.Path(certificates),
        host="127.0.0.1", threads=16, scratch=pathlib.Path(scratch),
        ready=lambda address: print(address, flush=True), stop=threading.Event(),
    )
"""

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
    scheduler: subprocess.Popen[str]
    address: str
    nodes: list[subprocess.Popen[str]] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    """Of the nodes, in the same order."""

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
        scheduler = through or self.address
        arguments = [str(self.certificates), scheduler, str(processes), str(connections), plan]
        node = _started(NODE, arguments)
        self.nodes.append(node)
        self.addresses.append(_line(node))
        return self.addresses[-1]

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
            assert process.stdout is not None
            process.stdout.close()


@contextmanager
def cluster(*, nodes: int = 2) -> Iterator[Cluster]:
    """Run a scheduler and some nodes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        new_authority(folder / "ca", datetime.now(UTC), 2)
        scheduler = _started(SCHEDULER, [str(folder / "ca"), "tls://127.0.0.1:0"])
        made = Cluster(folder, scheduler, _line(scheduler))
        try:
            for _ in range(nodes):
                made.add()
            yield made
        finally:
            made.close()


def _started(code: str, arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line, "it did not start"
    return line
