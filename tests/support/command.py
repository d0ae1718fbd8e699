"""The command as a process of its own, without the second that a Python takes to start.

A server process, one for each process of pytest, has imported the tool and forks for every command:
arguments, environment, folder, descriptors, signals and exit code are the child's own, as they are
of `python -m hdh_migrate`. `command` runs one to its end; its work is done in the child's own
thread. `begin` starts one with the workers that its plan asks for, in a session of its own, so that
it can be watched, told to stop and killed. What is about the start of the program, or about streams
that are closed or full, starts the program itself.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import IO

from tests.support.parsed import hold_commands
from tests.support.schemas import hold

SECONDS = 240


def command(
    *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `hdh-migrate` with these arguments to its end."""
    with tempfile.TemporaryDirectory(prefix="command-") as kept:
        out, err = Path(kept, "out"), Path(kept, "err")
        given = (arguments, str(cwd or Path.cwd()), dict(os.environ if env is None else env))
        child = _forking().Process(target=_run_here, args=(*given, str(out), str(err)))
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
    hold_commands(arguments, done.stdout, done.stderr)
    return done


class ForkedCommand:
    """A command under way: as much of `subprocess.Popen` as tests use of it.

    It leads a session and a process group, of which its workers are too; what it says is text.
    """

    def __init__(self, child: ForkServerProcess, out: IO[str] | None, err: IO[str] | None) -> None:
        assert child.pid is not None
        self._child, self.pid = child, child.pid
        self.stdout, self.stderr = out, err

    @property
    def returncode(self) -> int | None:
        return self._child.exitcode

    def poll(self) -> int | None:
        return self._child.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; return its exit code, or what killed it as a negative number."""
        self._child.join(timeout)
        if (code := self._child.exitcode) is None:
            raise subprocess.TimeoutExpired("hdh-migrate", timeout or 0.0)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for its end; return all that it said and nobody has read."""
        heard = {"out": "", "err": ""}

        def listen(name: str, said: IO[str]) -> None:
            with said:
                heard[name] = said.read()

        threads = [
            threading.Thread(target=listen, args=(name, said), daemon=True)
            for name, said in (("out", self.stdout), ("err", self.stderr))
            if said is not None and not said.closed
        ]
        for thread in threads:
            thread.start()
        self.wait(timeout)
        for thread in threads:
            thread.join()
        return heard["out"], heard["err"]

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill this process, and no other."""
        self.send_signal(signal.SIGKILL)

    def kill_all(self) -> None:
        """Kill its whole tree and wait for the end of it; nothing, if that was before."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self.wait()


def begin(
    *arguments: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    out: Path | None = None,
    err: Path | None = None,
) -> ForkedCommand:
    """Start `hdh-migrate` with these arguments and the workers of its plan.

    What it says goes to files, or, without them, to `stdout` and `stderr` of what is returned.
    """
    forking = _forking()
    there, here = forking.Pipe(duplex=False)  # says that it leads a group, which may be killed
    pipes = [None if path else forking.Pipe(duplex=False) for path in (out, err)]
    streams = [pipe[1] if pipe else str(path) for pipe, path in zip(pipes, (out, err), strict=True)]
    given = (arguments, str(cwd or Path.cwd()), dict(os.environ if env is None else env))
    child = forking.Process(target=_run, args=(*given, *streams, here))
    child.start()
    here.close()
    with there, suppress(EOFError):  # it ended before it said so
        there.recv_bytes()
    heard = list[IO[str] | None]()
    for pipe in pipes:
        if pipe is None:
            heard.append(None)
            continue
        reading, writing = pipe
        writing.close()
        heard.append(os.fdopen(os.dup(reading.fileno()), encoding="utf-8"))
        reading.close()
    return ForkedCommand(child, *heard)


@cache
def _forking() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.warm"])
    return context


Stream = Connection | str
"""A pipe, or the path of a file."""


def _run_here(
    arguments: tuple[str, ...], folder: str, environ: Mapping[str, str], out: str, err: str
) -> None:
    """Be a command whose orders are performed in its own thread."""
    from hdh_migrate.cli.app import main
    from tests.support.here import HERE

    _become(arguments, folder, environ, out, err)
    with _ending():
        main(list(arguments), engines=HERE)


def _run(
    arguments: tuple[str, ...],
    folder: str,
    environ: Mapping[str, str],
    out: Stream,
    err: Stream,
    leads: Connection,
) -> None:
    """Be a command with workers, at the head of a session."""
    from hdh_migrate.cli.app import main

    os.setsid()
    with leads:
        leads.send_bytes(b"1")
    _become(arguments, folder, environ, out, err)
    with _ending():
        main(list(arguments))


def _become(
    arguments: tuple[str, ...], folder: str, environ: Mapping[str, str], out: Stream, err: Stream
) -> None:
    """Take over streams, folder, environment and arguments."""
    for descriptor, stream, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, out, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
        (2, err, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
    ):
        if isinstance(stream, Connection):
            os.dup2(stream.fileno(), descriptor)
            stream.close()
            continue
        opened = os.open(stream, flags, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    # What the server's own streams found out of its descriptors is not so of these.
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - it stays
    sys.stderr = open(2, "w", 1, "utf-8", "backslashreplace", closefd=False)  # noqa: SIM115
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = ["hdh-migrate", *arguments]


@contextmanager
def _ending() -> Iterator[None]:
    """End as an interpreter does; a process of multiprocessing leaves out what `atexit` keeps."""
    try:
        yield
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
