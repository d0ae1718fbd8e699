"""A worker process as seen by the engine that started it; `worker.py` is what runs in it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

from hdh_migrate.confined import bare
from hdh_migrate.engines import boot
from hdh_migrate.engines.frames import Frames
from hdh_migrate.engines.messages import FromWorker, MakeRoom, Pause, Start, ToWorker
from hdh_migrate.engines.starved import STARVED
from hdh_migrate.engines.wire import FROM_WORKER, TO_WORKER, Wire
from hdh_migrate.errors import Starved
from hdh_migrate.orders import Order
from hdh_migrate.receipts import EndpointTraffic


class WorkerProcess:
    """One worker: its process, its pipe, and what it was given."""

    def __init__(
        self,
        factory: str,
        start: Start,
        kept: Sequence[str],
        search: Sequence[str],
        shared: Sequence[int],
    ) -> None:
        """Start it; see `LocalEngine`.

        Raises:
            Starved: the machine gives no more processes, files or memory.
        """
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            raise _no_more(error) from error
        # -I: what lies in the current directory, or is named in PYTHONPATH, is no code of ours.
        command = [
            sys.executable, "-I", boot.__file__, "worker", str(theirs.fileno()), factory, *search
        ]  # fmt: skip
        try:
            self.process = subprocess.Popen(
                command,
                pass_fds=(theirs.fileno(), *shared),
                stdin=subprocess.DEVNULL,
                stdout=2,
                env=bare(os.environ, *kept),
            )
        except OSError as error:
            ours.close()
            raise _no_more(error) from error
        finally:
            theirs.close()
        self.wire = Wire[ToWorker, FromWorker](Frames(ours), says=TO_WORKER, hears=FROM_WORKER)
        with suppress(OSError):  # it died at once; receipts() will say so
            self.wire.send(start)
        self.orders: dict[int, Order] = {}
        self.exchanged: tuple[EndpointTraffic, ...] = ()
        """As it reported last."""
        self.ready = False

    def say(self, word: Pause | MakeRoom) -> None:
        """Send it a message that may be lost."""
        with suppress(OSError):  # it died; receipts() will say so
            self.wire.send(word)

    def innocent(self) -> str | None:
        """Return a cause for its end other than its orders; None if none is known."""
        status = self.process.returncode
        if status == STARVED:
            return "this machine gives a worker process no more memory, threads or files"
        if not self.ready:
            return f"a worker process cannot start (exit status {status})"
        return None


def _no_more(error: OSError) -> Starved:
    return Starved(f"no worker process can be started: {error.strerror}")
