"""One program at a time sets a pointer, even when who started it was killed.

A program that outlives its command may still give the pointer another value: whoever reads it
meanwhile would believe a moment. So each program that sets one inherits a lock (`flock`, of an open
file: https://man7.org/linux/man-pages/man2/flock.2.html), which the kernel lets go when the last
process that has it ends. What a program leaves running that came to its own end is meant to stay.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hdh_migrate.errors import CommandFailed, Transient

FILE: Final = "pointer.lock"
_FLAGS: Final = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Alone:
    """The lock that programs which set pointers inherit; without a file nobody can be asked."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def demand(self) -> None:
        """Demand that no program that an earlier command started is still at work.

        Raises:
            Transient: one is; what it makes of the pointer is not known yet.
            CommandFailed: the file cannot be opened or locked.
        """
        if self._path is None or not os.path.lexists(self._path):
            return
        handle = self._opened(self._path, os.O_RDONLY)
        try:
            self._take(handle, fcntl.LOCK_SH)
        finally:
            os.close(handle)

    @contextmanager
    def taken(self) -> Iterator[int | None]:
        """Hold it, and yield the descriptor that a program is to inherit.

        Raises:
            Transient, CommandFailed: as `demand`.
        """
        if self._path is None:
            yield None
            return
        handle = self._opened(self._path, os.O_RDWR | os.O_CREAT)
        try:
            self._take(handle, fcntl.LOCK_EX)
            yield handle
        finally:
            os.close(handle)  # and not let go: who inherited it and goes on has it still

    def let_go(self, handle: int | None) -> None:
        """Let go for all who inherited it: the program came to its end."""
        if handle is not None:
            fcntl.flock(handle, fcntl.LOCK_UN)

    def _take(self, handle: int, how: int) -> None:
        try:
            fcntl.flock(handle, how | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Transient(
                "a program that an earlier command started to set a pointer is still running: what"
                " the pointer becomes is not known yet",
                hint=f'wait for it, or end it ("fuser {self._path}" names its processes), then give'
                " the same command again; the pointer is read first",
            ) from None
        except OSError as error:  # a file system without locks
            raise _unusable(self._path, "cannot be locked", error) from error

    def _opened(self, path: Path, flags: int) -> int:
        try:
            return os.open(path, flags | _FLAGS, 0o600)
        except OSError as error:
            raise _unusable(path, "cannot be opened", error) from error


def _unusable(path: Path | None, what: str, error: OSError) -> CommandFailed:
    return CommandFailed(
        f"{path}: {what}: {os.strerror(error.errno or 0).lower()}",
        hint="it tells whether a program still sets a pointer; look at what lies there, at its"
        " rights and its file system, then give the same command again",
    )
