"""What to do next, where Python shows an error: in a notebook nobody sees a command's hint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hdh_migrate.errors import MigrateError


@contextmanager
def hinted() -> Iterator[None]:
    """Add an error's hint to what a traceback shows, once."""
    try:
        yield
    except MigrateError as error:
        if error.hint is not None and not hasattr(error, "__notes__"):
            error.add_note(f"hint: {error.hint}")
        raise
