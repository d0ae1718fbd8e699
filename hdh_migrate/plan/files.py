"""Reads small regular files with a bound: never a pipe, a device, or more than was allowed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from hdh_migrate.errors import KeyUnavailable, UsageError

CHECK_PATH: Final = "check the path, and whether you may read what is there"
"""What to do about a file that somebody named and that cannot be read."""


class NotRegularError(OSError):
    """The path leads to a directory, a pipe, a socket or a device."""


class KeyFileUnreadable(KeyUnavailable):
    """A key file is not there, not this user's to read, or no regular file."""

    default_hint = CHECK_PATH

    def __init__(self, path: Path, why: OSError | str, *, hint: str | None = None) -> None:
        reason = (why.strerror or why) if isinstance(why, OSError) else why
        super().__init__(f"{path}: the key file cannot be read: {reason}", hint=hint)
        self.path = path


def read_bounded(path: Path, limit: int, check: Callable[[int], object] | None = None) -> bytes:
    """Return a file's bytes, or its first `limit` + 1 when it is larger than `limit`.

    `check` gets the descriptor of what was opened, before anything is read, and may raise.

    Raises:
        NotRegularError: it is no regular file.
        OSError: it cannot be opened or read.
    """
    with open_regular(path) as file:
        if check is not None:
            check(file.fileno())
        return file.read(limit + 1)


def read_named(path: Path, limit: int, *, what: str = "") -> bytes:
    """Return what a file holds that a command line names, as `read_bounded` does.

    `what` stands before its path in the error: the option that names it.

    Raises:
        UsageError: it is no regular file, or cannot be read.
    """
    try:
        return read_bounded(path, limit)
    except OSError as error:
        why = error.strerror or error
        raise UsageError(f"{what}{path}: cannot be read: {why}", hint=CHECK_PATH) from None


def open_regular(path: Path) -> IO[bytes]:
    """Open a file for reading, and nothing else that may have its name: no pipe, no device.

    Raises:
        NotRegularError: it is no regular file.
        OSError: it cannot be opened.
    """
    try:
        # Without O_NONBLOCK, opening a pipe would wait for whoever might write into it.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:  # a null byte in the path
        raise OSError("no path can be like this") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):  # of what was opened, whatever the path is now
        os.close(handle)
        raise NotRegularError("not a regular file")
    return os.fdopen(handle, "rb")
