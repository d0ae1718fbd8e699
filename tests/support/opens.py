"""How often this process opens a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

_watched: dict[str, list[str]] = {}


@contextmanager
def opens_of(path: Path) -> Iterator[list[str]]:
    """Give a list that grows with every opening of the file while the block lasts."""
    _hooked()
    found: list[str] = []
    _watched[str(path)] = found
    try:
        yield found
    finally:
        del _watched[str(path)]


@cache
def _hooked() -> None:
    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and _watched and isinstance(arguments[0], str | os.PathLike):
            opened = os.fspath(arguments[0])
            if opened in _watched:
                _watched[opened].append(opened)

    sys.addaudithook(hook)  # for good: there is no way to take one away
