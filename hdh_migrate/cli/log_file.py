"""What a command does, as lines of a log file, beside what people see of it."""

from __future__ import annotations

import time

from hdh_migrate.cli.output import LineProgress, Output
from hdh_migrate.log_lines import LogFile
from hdh_migrate.session.views.happened import Happened


class LoggedProgress(LineProgress):
    """What another progress shows, and its beginnings, ends and notes in a log file."""

    def __init__(self, output: Output, shown: LineProgress, file: LogFile) -> None:
        super().__init__(output, quiet=True)
        self._shown, self._file = shown, file
        self._batch = self._step = ""
        self._begun: float | None = None

    def step(self, batch: str, step: str, *, objects: int, size: int) -> None:
        """A step of a batch begins."""
        self._end_step()
        self._shown.step(batch, step, objects=objects, size=size)
        self._batch, self._step, self._begun = batch, step, time.monotonic()
        self.objects = self.size = 0
        self._file.write("step-begun", batch=batch, step=step, objects=objects, bytes=size)

    def advance(self, objects: int, size: int) -> None:
        """Count so many more objects and bytes as done."""
        self.objects += objects
        self.size += size
        self._shown.advance(objects, size)

    def note(self, text: str) -> None:
        """One line for people."""
        self._shown.note(text)
        self._file.write("note", text=text)

    def happened(self, one: Happened) -> None:
        """The journal tells something."""
        more = {"dataset": one.dataset, "count": one.count}
        self._file.write(
            one.kind, at=one.at, batch=one.batch, step=one.step, code=one.code, seq=one.seq,
            **{name: value for name, value in more.items() if value is not None},
        )  # fmt: skip

    def close(self) -> None:
        """The step is over."""
        self._end_step()
        self._shown.close()

    def _end_step(self) -> None:
        if self._begun is not None:
            self._file.write(
                "step-ended", batch=self._batch, step=self._step, objects=self.objects,
                bytes=self.size, seconds=round(time.monotonic() - self._begun),
            )  # fmt: skip
            self._begun = None
