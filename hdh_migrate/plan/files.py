"""Reads small regular files with a bound: never a pipe, a device, or more than was allowed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path


class NotRegularError(OSError):
    """The path leads to a directory, a pipe, a socket or a device."""


def read_bounded(path: Path, limit: int, check: Callable[[int], object] | None = None) -> bytes:
    """Return a file's bytes, or its first `limit` + 1 when it is larger than `limit`.

    `check` gets the descriptor of what was opened, before anything is read, and may raise.

    Raises:
        NotRegularError: it is no regular file.
        OSError: it cannot be opened or read.
    """
    try:
        # Without O_NONBLOCK, opening a pipe would wait for whoever might write into it.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:  # a null byte in the path
        raise OSError("no path can be like this") from error
    try:
        mode = os.fstat(handle).st_mode  # of what was opened, not of what the path now names
        if not stat.S_ISREG(mode):
            raise NotRegularError("not a regular file")
        if check is not None:
            check(handle)
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read(limit + 1)
    finally:
        os.close(handle)
