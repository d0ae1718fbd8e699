"""Programs on this machine as a pointer: argument lists, a bare environment, a time limit."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from hdh_migrate.errors import CommandFailed
from hdh_migrate.plan import pointers as plans
from hdh_migrate.pointers.process import CapturedOutput, Ended, Programs


class PointerByCommand(Programs):
    """Programs on this machine; see `ports.Pointer`."""

    kind = "command"


class LocalRun:
    """Runs a program in a process group of its own, so that all of it can be ended."""

    def __init__(self, folder: Path, environment: Mapping[str, str], *, seconds: float) -> None:
        self._folder = folder
        self._environment = environment
        self._seconds = seconds

    def __call__(self, command: Sequence[str], variables: Mapping[str, str]) -> Ended:
        """Run one program to its end; see `process.RunsProgram`."""
        process = self._started(command, {**self._environment, **variables})
        assert process.stdout is not None
        assert process.stderr is not None
        output, errors = (
            CapturedOutput(_reader(process.stdout)),
            CapturedOutput(_reader(process.stderr)),
        )
        status = None
        try:
            status = process.wait(self._seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            if status is None:
                _end(process)
        # Something that it left running may hold the outputs open; that is not waited for.
        return Ended(status, output.taken(), errors.taken())

    def _started(
        self, command: Sequence[str], environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self._folder,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            told = os.strerror(error.errno or 0).lower()
            raise CommandFailed(
                f"pointer command {command[0]}: cannot be started: {told}",
                hint="give its path, absolute or from the plan's folder; PATH is only what"
                " the pointer's environment says",
            ) from error


def opened(
    section: plans.CommandPointer, base: Path, reveal: Callable[[str], str]
) -> PointerByCommand:
    """Return the pointer that a section of a plan describes; programs start in `base`.

    Raises:
        KeyUnavailable: a reference of its environment cannot be read.
    """
    environment = {name: reveal(ref) for name, ref in section.environment.items()}
    return PointerByCommand(
        LocalRun(base, environment, seconds=section.timeout_seconds),
        check=section.check,
        apply=section.apply,
        revert=section.revert,
        value=section.value,
        where=f"pointer command {section.check[0]}",
        secrets=tuple(environment.values()),
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _reader(pipe: IO[bytes]) -> Callable[[int], bytes]:
    def read(size: int) -> bytes:
        piece = os.read(pipe.fileno(), size)
        if not piece:
            pipe.close()
        return piece

    return read
