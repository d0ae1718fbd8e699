"""JSON Lines in a file that is kept small: one event a line; several processes may write it.

Lines hold names of the plan, counts, codes and our own words; no object names, no secrets. The file
is moved aside when it is full, and opened anew when somebody else moved it (logrotate needs no
signal). A line that cannot be written is lost; how many were is said with the next that can.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import stat
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from hdh_migrate.errors import Refused
from hdh_migrate.telemetry import SystemClock, counted, redact

BYTES_MAX: Final = 16 << 20
"""A file that is longer is moved aside."""

KEPT: Final = 5
"""So many that are full stay, as PATH.1 (the newest) to PATH.5."""

TEXT_MAX: Final = 2_000
_MODE: Final = 0o640
_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK

Value = str | int | None


class LogFile:
    """One command's lines in a file. Safe to share between threads, and the file with others."""

    def __init__(self, path: Path, *, run: str, bytes_max: int = BYTES_MAX) -> None:
        """Open the file; every line names the `run`.

        Raises:
            Refused: it cannot be written.
        """
        self._path, self._run, self._max = path.absolute(), run, bytes_max
        self._lock = threading.Lock()
        self._lost = 0
        self._why = ""
        """What the disk said of the last line that it did not take."""
        self._torn = False
        """Whether the disk took a part of the last line only."""
        self._handle = -1
        try:
            self._open()
        except OSError as error:
            raise _refused(path, error) from error

    @property
    def place(self) -> Mapping[str, str]:
        """What another process of the same command opens it with, as `LogFile(**place)`."""
        return {"path": str(self._path), "run": self._run}

    @property
    def lacks(self) -> str | None:
        """Say how many of the last lines are not there, and why; None: all are."""
        if not self._lost:
            return None
        lines = counted(self._lost, "line")
        return f"log file {self._path}: {lines} could not be written: {self._why or 'no room'}"

    def write(self, event: str, *, at: str | None = None, **more: Value) -> None:
        """Add a line, dated now or `at` another time; never raises for what the disk does."""
        with self._lock:
            if self._lost and self._put("lines-lost", SystemClock().now(), {"count": self._lost}):
                self._lost = 0
            if not self._put(event, at or SystemClock().now(), more):
                self._lost += 1

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._shut()

    def _put(self, event: str, at: str, more: dict[str, Value]) -> bool:
        line: dict[str, Value] = {
            "at": at, "run": self._run, "event": event,
            "batch": None, "step": None, "code": None, **more,
        }  # fmt: skip
        line = {name: _kept(value) for name, value in line.items()}
        data = json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        try:
            self._make_ready(len(data))
            data = b"\n" + data if self._torn else data
            written = os.write(self._handle, data)
        except OSError as error:
            self._why = os.strerror(error.errno).lower() if error.errno else str(error)
            return False
        self._torn = written < len(data)
        return not self._torn

    def _make_ready(self, size: int) -> None:
        """Have the file open that bears the name, with room for another line."""
        named = None
        with suppress(FileNotFoundError):
            named = self._path.stat()
        if self._handle >= 0:
            held = os.fstat(self._handle)
            if named is None or (held.st_dev, held.st_ino) != (named.st_dev, named.st_ino):
                self._shut()
            elif held.st_size and held.st_size + size > self._max:
                self._move_aside(held)
        if self._handle < 0:
            self._open()

    def _move_aside(self, held: os.stat_result) -> None:
        """Make room; where nothing can be moved the file grows, for lost lines are worse.

        Of several processes one does it: the others find it locked, or moved already.
        """
        with suppress(OSError):
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(held, self._path.stat()):
                self._shut()
                return
            for number in range(KEPT - 1, 0, -1):
                with suppress(FileNotFoundError):
                    self._aside(number).replace(self._aside(number + 1))
            self._path.replace(self._aside(1))
            self._shut()

    def _aside(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _open(self) -> None:
        self._handle = os.open(self._path, _FLAGS, _MODE)
        if not stat.S_ISREG(os.fstat(self._handle).st_mode):
            self._shut()
            raise OSError("no regular file")

    def _shut(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle, self._torn = -1, False


class LogFileHandler(logging.Handler):
    """Our own log, as far as it is on (-v), in the same file."""

    def __init__(self, file: LogFile, *, step: str | None = None) -> None:
        """Lines name the step of all that this process does, if it has one."""
        super().__init__()
        self.file, self._step = file, step

    def emit(self, record: logging.LogRecord) -> None:
        """Add a record, redacted and without its traceback."""
        with suppress(ValueError, TypeError):  # one that cannot be formatted
            self.file.write("log", level=record.levelname.lower(), logger=record.name,
                             process=record.process, text=record.getMessage(),
                             step=self._step)  # fmt: skip


def share_log() -> Mapping[str, Any] | None:
    """Return where this process keeps its log, for one that works for it; None: nowhere."""
    found = (one for one in logging.getLogger().handlers if isinstance(one, LogFileHandler))
    return next((one.file.place for one in found), None)


def log_to(place: Mapping[str, Any], *, step: str | None = None) -> None:
    """Have the log of this process, which works for a `step`, in the file of another one.

    Where it cannot be opened, it is not kept: whoever began the command has said what is wrong.
    """
    with suppress(Refused):
        file = LogFile(Path(place["path"]), run=str(place["run"]))
        logging.getLogger().addHandler(LogFileHandler(file, step=step))


def _kept(value: Value) -> Value:
    """Return a value as it stands in a line, whoever gave it: redacted, and no longer than that."""
    return redact(value)[:TEXT_MAX] if isinstance(value, str) else value


def _refused(path: Path, error: OSError) -> Refused:
    why = os.strerror(error.errno).lower() if error.errno else str(error)
    return Refused(
        f"log file {path}: cannot be written: {why}",
        hint="nothing was begun; give another with --log-file",
    )
