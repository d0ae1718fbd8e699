"""Keys and certificates that a command line names to check evidence with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from hdh_migrate.errors import KeyUnavailable, UsageError

T = TypeVar("T")


def given(load: Callable[[Path], T], paths: Iterable[Path]) -> list[T]:
    """Load what is trusted.

    Raises:
        UsageError: a file cannot be read or is none; wrong usage, as in verify.py.
    """
    try:
        return [load(path) for path in paths]
    except KeyUnavailable as error:
        raise UsageError(str(error), hint=error.hint) from None
