"""Standard streams that fail: a full disk, a closed descriptor, a reader that went away.

What a command does never depends on who listens. A reader that is gone (`| head`) is no news; every
other failure is said once on stderr, and ends the command with 1 unless it ended worse.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, Final

READER_GONE: Final = "its reader is gone"
CLOSED: Final = "it is closed"
HINT: Final = "what the command did is done; mend where stdout goes and run the same again to see"


def cannot_be_written(why: str) -> str:
    """Return one line about stdout."""
    return f"stdout cannot be written: {why}"


def write(stream: Any, data: str | bytes) -> str | None:  # noqa: ANN401 - a standard stream
    """Write all of it; return why that failed, None when it did not. Never raises for a stream.

    What is written after a failure goes nowhere, what is still in a buffer too.
    """
    if stream is None:  # its descriptor was closed when this process began
        return CLOSED
    try:
        if isinstance(data, bytes):
            stream.buffer.write(data)
        else:
            stream.write(data)
        stream.flush()
    except OSError as error:
        _to_nowhere(stream)
        if error.errno == errno.EPIPE:
            return READER_GONE
        return error.strerror or type(error).__name__
    return None


def _to_nowhere(stream: IO[str]) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def hold_descriptors() -> None:
    """Keep 0, 1 and 2 from becoming something else.

    Who starts us with one of them closed would have the next file that we open stand in its place:
    a worker's last words would go into a ledger or a connection.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != descriptor:
                os.dup2(nowhere, descriptor)
                os.close(nowhere)


def spell_out_what_is_unknown() -> None:
    """Write characters that the terminal's encoding lacks (Latin-1 has no dash) by their numbers.

    Python would raise instead, when the work is done. stderr is made so from the beginning.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


class _Forgiving:
    """A stderr that may be full or closed, for code that writes there without checking."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        write(self._stream, text)
        return len(text)

    def writelines(self, lines: Iterator[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        write(self._stream, "")

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a stream has
        return getattr(self._stream, name)


@contextmanager
def forgiving_stderr() -> Iterator[None]:
    """Let nothing end a command because stderr does not take it."""
    was = sys.stderr
    if was is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for the process
    else:
        sys.stderr = _Forgiving(was)
    try:
        yield
    finally:
        sys.stderr = was
