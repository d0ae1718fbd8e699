"""Where a grant is written, and what is kept beside the ledger while it is being made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hdh_migrate.errors import UsageError
from hdh_migrate.folders import PARTIAL, make_private
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.selections import salt_file

FOLDER: Final = "grants"
"""Beside the ledger: what grants that are being made need, their headers and salts."""


@contextmanager
def on_disk(out: Path) -> Iterator[None]:
    """Say in a line what a disk refuses: the folder, or what is kept beside the ledger.

    Raises:
        UsageError: it refuses.
    """
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{error.filename or out}: cannot be written: {error.strerror or error}",
            hint="make room, or choose another --out; the same command goes on, and nothing was"
            " granted yet",
        ) from error


def demand_writable(out: Path) -> None:
    """Demand that a folder can be made, before anything is read for it; leave none.

    Raises:
        UsageError: it cannot.
    """
    with on_disk(out):
        make_private(out)
        out.rmdir()


def is_partial(path: Path) -> bool:
    """Return whether a file is one that a killed command had not finished."""
    return path.name.startswith(PARTIAL)


def kept_in(desk: Desk) -> Path:
    """Return the folder beside the ledger with what grants that are being made need."""
    return desk.ledger_path.with_name(FOLDER)


def forget(desk: Desk, grant: str) -> None:
    """Remove what was kept beside the ledger while a grant was being made."""
    folder = kept_in(desk)
    for path in (folder / f"{grant}.headers", salt_file(folder, grant)):
        path.unlink(missing_ok=True)


def place_of(grant: str) -> str:
    """Return how the ledger's memory calls the folder that a grant's pack was written to."""
    return f"grant.{grant}"


def file_digest(path: Path) -> str | None:
    """Return the SHA-256 of a file, in hexadecimal; None where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
