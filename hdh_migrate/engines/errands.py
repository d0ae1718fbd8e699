"""The coordinator's end of a process that performs one task for it; see `errand`.

Any failure means only that there is no answer: the caller then performs the task itself, and meets
the cause itself.
"""

from __future__ import annotations

import json
import logging
import os
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from hdh_migrate.confined import bare
from hdh_migrate.engines import boot
from hdh_migrate.engines.errand import ASKED_MAX

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.2
"""How soon it is seen that nobody wants the answer any more."""


def answered(
    function: str,
    asked: Mapping[str, Any],
    *,
    unwanted: Callable[[], bool],
    kept: Sequence[str] = (),
    search: Sequence[str] = (),
) -> Mapping[str, Any] | None:
    """Run one task in a separate process and wait for its answer; None: it gave none.

    `asked` goes over its own descriptor and may hold secrets. It sees variables of the environment
    that begin with one of `kept`; `search` are folders of a function that is not in this package.
    It is ended when its answer is `unwanted`. When this returns, the process is no more.
    """
    try:
        ours, theirs = socket.socketpair()
    except OSError as error:
        log.info("no process can be asked: %s", error.strerror)
        return None
    with ours:
        # -I: see `local`.
        command = [
            sys.executable, "-I", boot.__file__, "errand", str(theirs.fileno()), function, *search
        ]  # fmt: skip
        try:
            process = subprocess.Popen(
                command,
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=2,
                env=bare(os.environ, *kept),
            )
        except OSError as error:
            log.info("no process can be started: %s", error.strerror)
            return None
        finally:
            theirs.close()
        try:
            ours.sendall(json.dumps(asked).encode() + b"\n")
            found = _heard(ours, unwanted)
        except OSError:
            found = None  # it is gone
        finally:
            process.kill()
            process.wait()
    if found is None and not unwanted():
        log.info("a process of its own gave no answer (exit status %s)", process.returncode)
    return found


def _heard(ours: socket.socket, unwanted: Callable[[], bool]) -> Mapping[str, Any] | None:
    """Return the line that the other end says, if it is one whole object."""
    heard, poll = b"", select.poll()
    poll.register(ours, select.POLLIN)
    while not heard.endswith(b"\n"):
        if unwanted():
            return None
        if not poll.poll(LOOK_SECONDS * 1_000):
            continue
        piece = ours.recv(65_536)
        if not piece or len(heard) > ASKED_MAX:
            return None
        heard += piece
    try:
        found = json.loads(heard)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
