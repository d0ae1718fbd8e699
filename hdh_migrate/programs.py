"""Run one program of this machine: an argument list, a bare environment, a time limit."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from hdh_migrate.errors import CommandFailed
from hdh_migrate.frozen import frozen_row

OUTPUT_MAX: Final = 64 << 10
"""Bytes of each of a program's two outputs that are kept."""

INPUT_MAX: Final = 32 << 10
"""Bytes that a program may be given: they fit a pipe, so that nobody waits until it reads."""

_GRACE_SECONDS: Final = 1.0


@frozen_row
class Ended:
    """How a program ended: its status, None when the time ran out, and what it printed."""

    status: int | None
    output: bytes
    errors: bytes


class CapturedOutput:
    """Reads one output to its end in a thread and keeps the beginning: nobody waits to print."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._data = bytearray()
        self._thread = threading.Thread(target=self._take, args=(read,), daemon=True)
        self._thread.start()

    def taken(self) -> bytes:
        """Return what came. What a program left running still holds open is not waited for."""
        self._thread.join(_GRACE_SECONDS)
        return bytes(self._data)

    def _take(self, read: Callable[[int], bytes]) -> None:
        while piece := read(OUTPUT_MAX):
            self._data += piece[: OUTPUT_MAX - len(self._data)]


class LocalRun:
    """Runs a program in a process group of its own, so that all of it can be ended."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        *,
        seconds: float,
        called: str = "pointer command",
    ) -> None:
        """Programs start in `folder` and see no other `environment`; messages use `called`."""
        self._folder = folder
        self._environment = environment
        self._seconds = seconds
        self._called = called
        self._process: subprocess.Popen[bytes] | None = None
        self._over = False

    @property
    def over(self) -> bool:
        """Whether nobody waits for it any more."""
        return self._over

    def end(self) -> None:
        """End the program that another thread runs, with all it started; none runs from now on."""
        self._over = True
        if (process := self._process) is not None:
            _kill(process)

    def __call__(
        self,
        command: Sequence[str],
        variables: Mapping[str, str],
        given: bytes = b"",
        *,
        inherits: int | None = None,
    ) -> Ended:
        """Run one program to its end; what it is `given` is its standard input.

        It, and what it starts, `inherits` a descriptor besides.

        Raises:
            CommandFailed: it could not be started.
        """
        assert len(given) <= INPUT_MAX, "more than a pipe holds"
        process = self._process = self._started(
            command, {**self._environment, **variables}, () if inherits is None else (inherits,)
        )
        if self._over:  # since before it had started
            _kill(process)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        output, errors = (
            CapturedOutput(_reader(process.stdout)),
            CapturedOutput(_reader(process.stderr)),
        )
        with suppress(BrokenPipeError):  # it wants none of it
            process.stdin.write(given)
        process.stdin.close()
        status = None
        try:
            status = process.wait(self._seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            if status is None:
                _kill(process)
                process.wait()
            self._process = None
        # Something that it left running may hold the outputs open; that is not waited for.
        return Ended(status, output.taken(), errors.taken())

    def _started(
        self, command: Sequence[str], environment: Mapping[str, str], inherited: Collection[int]
    ) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=self._folder,
                env=environment,
                start_new_session=True,
                pass_fds=inherited,
            )
        except OSError as error:
            why = os.strerror(error.errno or 0).lower()
            raise CommandFailed(
                f"{self._called} {command[0]}: cannot be started: {why}",
                hint="give its path, absolute or from the plan's folder; PATH is only what"
                " its environment in the plan says",
            ) from error


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _reader(pipe: IO[bytes]) -> Callable[[int], bytes]:
    def read(size: int) -> bytes:
        piece = os.read(pipe.fileno(), size)
        if not piece:
            pipe.close()
        return piece

    return read
