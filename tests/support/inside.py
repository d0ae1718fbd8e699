"""A command in this process, its work in this thread: for a fraction of what a fork takes.

Arguments, environment, streams and exit code are the command's own; its process is not. What is
about a process (a kill, a signal, two of them at once) takes `command`.
"""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGTERM
from subprocess import CompletedProcess

from hdh_migrate.cli import app as cli
from tests.support.here import HERE
from tests.support.parsed import hold_commands
from tests.support.schemas import hold


def inside(
    *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None, typed: str = ""
) -> CompletedProcess[str]:
    """Run `hdh-migrate` with these arguments to its end; `typed` is what it finds at stdin."""
    stdin, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(typed.encode()), "utf-8")
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8", newline=""), io.StringIO()
    heard = {number: signal.getsignal(number) for number in (SIGINT, SIGTERM, SIGHUP)}
    kept, handlers = dict(os.environ), logging.root.handlers[:]
    folder = Path.cwd()
    put_back(kept if env is None else env)
    os.chdir(cwd or folder)
    try:
        with redirect_stdout(out), redirect_stderr(err):
            cli.main(list(arguments), engines=HERE)
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        os.chdir(folder)
        sys.stdin = stdin
        logging.root.handlers[:] = handlers
        put_back(kept)
        for number, handler in heard.items():
            signal.signal(number, handler)
    out.seek(0)
    said = out.read()
    hold(arguments, code, said)
    hold_commands(arguments, said, err.getvalue())
    return CompletedProcess(list(arguments), code, said, err.getvalue())


def put_back(kept: Mapping[str, str]) -> None:
    """Let variables of this process be these; what did not change is not touched."""
    for name in os.environ.keys() - kept.keys():
        del os.environ[name]
    for name, value in kept.items():
        if os.environ.get(name) != value:
            os.environ[name] = value
