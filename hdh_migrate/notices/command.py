"""A program that is given each document on its standard input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hdh_migrate.errors import CommandFailed
from hdh_migrate.programs import LocalRun


class ProgramChannel:
    """See `ports.Channel`. What the program prints is read and not kept: it may be anything."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        *,
        seconds: float,
    ) -> None:
        self._name, self._command = name, command
        self._run = LocalRun(folder, environment, seconds=seconds, called=f"notify {name}: program")
        self._seconds = seconds

    def deliver(self, notice: str, document: bytes) -> None:
        """Run the program once; see `ports.Channel`."""
        del notice  # the document tells it
        ended = self._run(self._command, {}, document)
        if self._run.over and ended.status != 0:
            raise CommandFailed(f"notify {self._name}: the run was over before the program")
        if ended.status is None:
            raise CommandFailed(
                f"notify {self._name}: the program took longer than {self._seconds:.0f} s and was"
                " ended"
            )
        if ended.status:
            raise CommandFailed(f"notify {self._name}: the program ended with {ended.status}")

    def close(self) -> None:
        """End the program if it goes on: nobody would, once the run is over."""
        self._run.end()
