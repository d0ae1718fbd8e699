"""Unexpected errors: one line for people and no traceback, which may contain object names."""

from __future__ import annotations

import errno
from pathlib import Path
from traceback import extract_tb, format_exception

from hdh_migrate.errors import FAILING_DISK, MigrateError, NoSpace, Refused, Starved
from hdh_migrate.folders import FULL
from hdh_migrate.software import installing

_PACKAGE = Path(__file__).parents[1]


def unforeseen(error: Exception) -> MigrateError:
    """Return an error with a message for people: a disk that does not obey, or a fault of ours."""
    if _is_starved(error):
        return Starved("this machine gives no more memory, threads or files")
    if isinstance(error, OSError) and error.strerror:
        where = "" if error.filename is None else f"{error.filename}: "
        if error.errno in FULL:
            return NoSpace(f"{where}no space left on the disk")
        if error.errno in {errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE}:
            return MigrateError(f"{where}the disk fails: {error.strerror}", hint=FAILING_DISK)
        if where:
            hint = "mend what is named and run the same command again; nothing is lost"
            if error.errno == errno.EROFS:
                hint += "; --state-dir DIR puts the state elsewhere, as --out does a report"
            return MigrateError(f"{where}{error.strerror}", hint=hint)
    if isinstance(error, ModuleNotFoundError) and (missing := _foreign(error)):
        return Refused(
            f"the Python package {missing} is not installed",
            hint=f"nothing was done; install what the tool needs: {installing()}",
        )
    return MigrateError(
        f"a fault of ours: {type(error).__name__} at {_place(error)}",
        hint="nothing is lost; run the same command again with -vv and report what it says",
    )


def trace(error: Exception) -> str:
    """Return the way that an error came, for whoever asked for everything; it may name objects."""
    return "".join(format_exception(error)).rstrip()


def _foreign(error: ModuleNotFoundError) -> str | None:
    """Return the package that is missing, None where it is a module of ours."""
    package = (error.name or "").partition(".")[0]
    return package if package not in {"", _PACKAGE.name} else None


def _is_starved(error: Exception) -> bool:
    return (
        isinstance(error, MemoryError)
        or "can't start new thread" in str(error)
        or (
            isinstance(error, OSError) and error.errno in {errno.ENOMEM, errno.EMFILE, errno.ENFILE}
        )
    )


def _place(error: Exception) -> str:
    """Return the last line of ours that the error came through."""
    ours = [
        f"{path.relative_to(_PACKAGE)}:{frame.lineno}"
        for frame in extract_tb(error.__traceback__)
        if (path := Path(frame.filename)).is_relative_to(_PACKAGE)
    ]
    return ours[-1] if ours else "an unknown place"
