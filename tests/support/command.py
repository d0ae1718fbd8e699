"""The command as a process of its own, without the second that a Python takes to start.

A server process, one for each process of pytest, has imported the tool and forks for every command:
arguments, environment, folder, descriptors, signals and exit code are the child's own, as they are
of `python -m hdh_migrate`. Work is done in the child's own thread; what is about workers, about the
start of the program, or about standard streams that are closed or full, starts the program itself.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path

from tests.support.schemas import hold

SECONDS = 240


def command(
    *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `hdh-migrate` with these arguments to its end."""
    with tempfile.TemporaryDirectory(prefix="command-") as kept:
        out, err = Path(kept, "out"), Path(kept, "err")
        given = (arguments, str(cwd or Path.cwd()), dict(os.environ if env is None else env))
        child = _forking().Process(target=_begin, args=(*given, str(out), str(err)))
        child.start()
        child.join(SECONDS)
        if child.exitcode is None:
            child.kill()
            child.join()
            raise subprocess.TimeoutExpired(list(arguments), SECONDS)
        done = subprocess.CompletedProcess(
            list(arguments), child.exitcode, out.read_text(), err.read_text()
        )
        child.close()
    hold(arguments, done.returncode, done.stdout)
    return done


@cache
def _forking() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.warm"])
    return context


def _begin(
    arguments: tuple[str, ...], folder: str, environ: Mapping[str, str], out: str, err: str
) -> None:
    from hdh_migrate.cli.app import main
    from tests.support.here import HERE

    for descriptor, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, out, os.O_WRONLY | os.O_CREAT),
        (2, err, os.O_WRONLY | os.O_CREAT),
    ):
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = ["hdh-migrate", *arguments]
    main(list(arguments), engines=HERE)
