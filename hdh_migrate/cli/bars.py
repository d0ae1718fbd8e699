"""The live progress bar; rich is imported only when there is a terminal to draw on."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from hdh_migrate.cli.dressed import dressed
from hdh_migrate.cli.output import LineProgress, Output, visible
from hdh_migrate.telemetry import size_text


class _Speed(ProgressColumn):
    """Bytes a second in the units of everything else; rich has those of disks."""

    def render(self, task: Task) -> Text:
        """Return how fast a step is."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{size_text(int(speed))}/s", "progress.data.speed")


class BarProgress(LineProgress):
    """One bar for the step under way; each finished step stays above it as a line."""

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[objects]} objects"),
            DownloadColumn(binary_units=True),
            _Speed(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task: TaskID | None = None

    def step(self, batch: str, step: str, *, objects: int, size: int) -> None:
        """A step of a batch begins."""
        self.close()
        self._quiet = True
        super().step(batch, step, objects=objects, size=size)
        self._quiet = False
        total = size or None
        self._task = self._bars.add_task(self.title, total=total, objects="0")
        self._bars.start()

    def advance(self, objects: int, size: int) -> None:
        """Move the bar on by so many objects and bytes."""
        self.objects += objects
        self.size += size
        if self._task is not None:
            of = f"/{self.of_objects}" if self.of_objects else ""
            self._bars.update(self._task, completed=self.size, objects=f"{self.objects}{of}")

    def note(self, text: str) -> None:
        """One line for people, above the bar."""
        line = visible(self._output.given.in_text(text))
        told = Text.from_ansi(dressed(f"note: {line}", sys.stderr))
        self._bars.console.print(told, soft_wrap=True)

    def close(self) -> None:
        """The step is over."""
        if self._task is not None:
            self._bars.stop()
            self._bars.remove_task(self._task)
            self._task = None
        super().close()
