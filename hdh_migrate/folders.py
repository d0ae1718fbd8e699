"""Folders of our own: made for us alone, judged before they are believed, synced after a rename."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

from hdh_migrate.errors import Refused

_OTHERS = 0o077


def make_private(folder: Path) -> None:
    """Make a folder, and each one above it that is missing, with mode 0700.

    Raises:
        OSError: it cannot be made.
    """
    if not folder.parent.exists():
        make_private(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def demand_private(folder: Path) -> None:
    """Refuse a folder that others may read or change; one that is not there is no harm.

    What lies in a private folder needs no guard of its own: nobody else comes that far.

    Raises:
        Refused: it belongs to somebody else, or its mode lets others in.
    """
    try:
        seen = folder.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise Refused(f"{folder}: cannot be looked at: {error.strerror}") from error
    if not stat.S_ISDIR(seen.st_mode):
        raise Refused(f"{folder}: is no folder", hint="name another one with --state-dir")
    if seen.st_uid != os.geteuid():
        raise Refused(
            f"{folder}: belongs to another user, who could change what is proved from it",
            hint="run as its owner, or name a folder of yours with --state-dir",
        )
    if stat.S_IMODE(seen.st_mode) & _OTHERS:
        raise Refused(
            f"{folder}: is open to others (mode {stat.S_IMODE(seen.st_mode):04o}); it holds names"
            " of objects and decides what is proved",
            hint=f"chmod 700 {shlex.quote(str(folder))}, after a look at who could write there",
        )


def sync(folder: Path) -> None:
    """Make the names in a folder durable: a rename is not before this.

    Raises:
        OSError: the disk does not obey.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
