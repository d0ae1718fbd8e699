"""Processes of a cluster without the second that each takes to import Dask.

One process imports it and forks for every scheduler and node: each is a process of its own, which
may be killed and stopped, and whose memory is its own.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.processes import alive, gone
from tests.support.workshop import FACTORY, ROOT

Ready = Callable[[str], None]


@dataclass
class ClusterProcess:
    """One that was forked: as much of `subprocess.Popen` as tests of a cluster use."""

    pid: int
    address: str

    def send_signal(self, number: signal.Signals) -> None:
        if alive(self.pid):
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self) -> None:
        assert gone(self.pid), "it does not end"


class Nursery:
    """The process that forks; it ends with whoever made it, or when it is closed."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()], cwd=ROOT,
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},  # who forks has one thread
            )  # fmt: skip

    def start(self, kind: str, *arguments: str) -> ClusterProcess:
        """Fork; return when the child says its address."""
        reading, writing = os.pipe()
        with open(reading, encoding="utf-8") as said:
            words = json.dumps([kind, *arguments]).encode()
            socket.send_fds(self._ours, [words], [writing])
            os.close(writing)
            pid = int(self._ours.recv(32))
            address = said.readline().strip()
        assert address, "it did not start"
        return ClusterProcess(pid, address)

    def close(self) -> None:
        self._ours.close()
        self._process.wait()


def scheduler(ready: Ready, certificates: str) -> None:
    """Be a scheduler at a port that is free."""
    from hdh_migrate.engines import dask_node

    dask_node.schedule("tls://127.0.0.1:0", Path(certificates), ready=ready, stop=threading.Event())


def node(
    ready: Ready, certificates: str, scheduler: str, processes: str, connections: str, plan: str
) -> None:
    """Be a node whose workers are those of `workshop`."""
    from hdh_migrate import __version__
    from hdh_migrate.engines import dask_node
    from hdh_migrate.engines.local import LocalEngine
    from hdh_migrate.engines.node import Node, NodeIdentity, Tools
    from hdh_migrate.software import code_digest

    def tools(session: object) -> Tools:
        del session
        engine = LocalEngine(
            FACTORY, {}, processes=int(processes), connections=int(connections), search=[ROOT]
        )
        return Tools(engine=engine, share=lambda part: None)

    identity = NodeIdentity(version=__version__, code_sha256=code_digest(), plan_sha256=plan)
    with tempfile.TemporaryDirectory() as scratch:
        dask_node.serve(
            Node(uuid.uuid4().hex, identity, tools), scheduler, Path(certificates),
            host="127.0.0.1", threads=16, scratch=Path(scratch), ready=ready,
            stop=threading.Event(),
        )  # fmt: skip


_KINDS: Final[Mapping[str, Callable[..., None]]] = {"scheduler": scheduler, "node": node}


def _fork_for(asking: socket.socket) -> None:
    """Fork for each who asks, until there is nobody."""
    import distributed  # noqa: F401 - what all of this is for

    from hdh_migrate import software  # noqa: F401 - so are these
    from hdh_migrate.engines import dask_node, local, node  # noqa: F401

    while True:
        words, handles, _, _ = socket.recv_fds(asking, 65536, 1)
        if not words:
            return
        pid = os.fork()
        if not pid:
            asking.close()
            _be(handles[0], *json.loads(words))
        os.close(handles[0])
        asking.send(str(pid).encode())


def _be(saying: int, kind: str, *arguments: str) -> None:
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        said = open(saying, "w", encoding="utf-8")  # noqa: SIM115 - it is closed once it is said

        def ready(address: str) -> None:
            with said:
                print(address, file=said)

        _KINDS[kind](ready, *arguments)
        code = 0
    except BaseException:  # noqa: BLE001 - said to whoever reads why it did not start
        traceback.print_exc()
    finally:
        os._exit(code)


def main(arguments: Sequence[str]) -> None:
    """Fork for whoever asks at a socket that was left open."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who ended
    with socket.socket(fileno=int(arguments[0])) as asking:
        _fork_for(asking)


if __name__ == "__main__":
    main(sys.argv[1:])
