"""What people and machines see: data on stdout, everything else on stderr.

Rules: lower case, no full stop, nothing that needs colour to be understood, colours only on a
terminal, no object names unless `--show-names`, and then with control characters made visible.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence

from hdh_migrate.cli import streams
from hdh_migrate.cli.dressed import dressed
from hdh_migrate.cli.pasted import AsTyped
from hdh_migrate.errors import MigrateError
from hdh_migrate.model.naming import shown
from hdh_migrate.results import Amount, FailedVerb
from hdh_migrate.telemetry import counted, duration_text, redact, size_text

LINE_SECONDS = 15.0


class Output:
    """Prints one command's results (stdout) and messages (stderr)."""

    def __init__(self, *, as_json: bool, progress: bool) -> None:
        self.as_json = as_json
        self.given = AsTyped()
        """What commands in texts for people name; documents for machines say PLAN."""
        self.lost: str | None = None
        """Why stdout did not take everything; what a command did is done all the same."""
        self.shows_progress = progress and not as_json

    def data(self, document: Mapping[str, object]) -> None:
        """Print one JSON document on stdout."""
        self._print(json.dumps(document, ensure_ascii=True, sort_keys=True) + "\n")

    def result(self, document: Mapping[str, object], text: str) -> None:
        """Print a result: the document for machines, or the text for people; both on stdout."""
        if self.as_json:
            self.data(document)
        else:
            self._print(dressed(_shown(self.given.in_text(text)), sys.stdout) + "\n")

    def stream(self, pieces: Iterable[bytes]) -> None:
        """Write bytes to stdout as they come, for as long as it takes them."""
        for piece in pieces:
            self._print(piece)
            if self.lost is not None:
                return

    def say(self, text: str) -> None:
        """Print a message for people on stderr, redacted; a failure to print it is ignored."""
        told = _shown(redact(self.given.in_text(text)))
        streams.write(sys.stderr, dressed(told, sys.stderr) + "\n")

    def _print(self, data: str | bytes) -> None:
        if self.lost is None and (why := streams.write(sys.stdout, data)) is not None:
            self.lost = why
            if why != streams.READER_GONE:
                self.say(f"error: {streams.cannot_be_written(why)}")
                self.say(f"hint: {streams.HINT}")

    def warn(self, text: str | None) -> None:
        """Warn people on stderr of something, if there is anything."""
        if text is not None:
            self.say(f"warning: {text}")

    def fail(self, error: MigrateError) -> None:
        """Tell what went wrong, and what to do."""
        if self.as_json:
            self.data(error_document(error))
        self.say(f"error: {error}")
        if error.hint:
            self.say(f"hint: {error.hint}")


class LineProgress:
    """Progress for logs: a line when a step begins and ends, and one every now and then."""

    def __init__(self, output: Output, *, quiet: bool = False) -> None:
        self._output = output
        self._quiet = quiet
        self.title = ""
        self.objects = self.size = self.of_objects = 0
        self.began = self._line_at = time.monotonic()

    def step(self, batch: str, step: str, *, objects: int, size: int) -> None:
        """A step of a batch begins."""
        self.close()
        self.title = f"{batch}: {step}"
        self.objects = self.size = 0
        self.of_objects = objects
        self.began = self._line_at = time.monotonic()
        if not self._quiet:
            left = f" {counted(objects, 'object')}{_of_size(size)}" if objects else ""
            self._output.say(f"{self.title}{left}")

    def advance(self, objects: int, size: int) -> None:
        """Count so many more objects and bytes as done."""
        self.objects += objects
        self.size += size
        if not self._quiet and time.monotonic() - self._line_at >= LINE_SECONDS:
            self._line_at = time.monotonic()
            self._output.say(f"{self.title}: {self.pace()}")

    def note(self, text: str) -> None:
        """One line for people."""
        self._output.say(f"note: {text}")

    def pace(self) -> str:
        """Return how far the step has come, in words."""
        seconds = max(time.monotonic() - self.began, 1e-3)
        objects = counted(self.of_objects or self.objects, "object")
        of_all = f"{self.objects} of " if self.of_objects else ""
        if not self.of_objects or not self.size:  # a listing, and whatever reads no content
            rate = f"{self.objects / seconds:,.0f} objects/s"
        else:
            rate = f"{size_text(self.size / seconds)}/s"
        return f"{of_all}{objects}{_of_size(self.size)}, {rate}"

    def close(self) -> None:
        """The step is over."""
        if self.title and not self._quiet:
            took = duration_text(time.monotonic() - self.began)
            self._output.say(f"{self.title}: {self.pace()}, {took}")
        self.title = ""


def _of_size(size: int) -> str:
    """Return how much that is, behind a number of objects; nothing where it does not matter."""
    return f", {size_text(size)}" if size else ""


def error_document(error: MigrateError) -> FailedVerb:
    """Return an error as a machine reads it."""
    return {
        "error": {
            "kind": type(error).__name__,
            "message": redact(str(error)),
            "hint": None if error.hint is None else redact(error.hint),
            "exit": int(error.exit_code),
        }
    }


def visible(text: str) -> str:
    """Return one line that cannot drive a terminal: controls and bidi marks are escaped.

    A key of one version of a name is written as people give it.
    """
    return "".join(char if char.isprintable() else f"\\u{{{ord(char):x}}}" for char in shown(text))


def amount_text(amount: Amount) -> str:
    """Return an amount as people read it: `2 objects, 1.5 GiB`."""
    return f"{counted(amount['objects'], 'object')}, {size_text(amount['bytes'])}"


def table(rows: Sequence[Mapping[str, object]], columns: Mapping[str, str]) -> str:
    """Return rows as aligned text; `columns` maps field to heading."""
    cells = [list(columns.values())]
    cells += [[visible(str(row.get(field, ""))) for field in columns] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def _shown(text: str) -> str:
    """Return lines in which nothing can drive a terminal."""
    return "\n".join(visible(line) for line in text.split("\n"))
