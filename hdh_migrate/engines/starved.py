"""Distinguish a machine out of memory, threads or files from a fault in an object."""

from __future__ import annotations

import errno
from typing import Final

STARVED: Final = 71
"""Exit status of a worker that could not get what it needs from this machine."""

_NO_MORE: Final = {errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE}


def is_starved(error: BaseException) -> bool:
    """Return whether an error, or its cause, is that the machine is out of some resource."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, MemoryError):
            return True
        if isinstance(seen, OSError) and seen.errno in _NO_MORE:
            return True
        # Neither has a type of its own: Python's threads, and those of a library in Rust.
        if "can't start new thread" in str(seen) or (
            "spawn" in str(seen).lower() and (type(seen).__name__ == "PanicException")
        ):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
