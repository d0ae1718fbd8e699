"""Where `run --out` puts its bundle when the same command is given again.

The command that finishes a killed run is the command that began it, `--out` included. A bundle of
the same migration that is already there, whatever its plan was then, is put aside under the time at
which it was written; anything else there is refused before a byte moves.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from hdh_migrate.errors import Refused, UsageError
from hdh_migrate.evidence.signatures.checkpoint import sidecar, taken
from hdh_migrate.evidence.signatures.dsse import statement_in
from hdh_migrate.folders import PARTIAL, sync


def earlier_bundle(out: Path, migration: str) -> str | None:
    """Return when the bundle at `out` was written, None when there is nothing there.

    Raises:
        UsageError: what is there is not a bundle of this migration, or the checkpoint of one that
            is not there any more.
    """
    if not out.is_symlink() and (not out.exists() or (out.is_dir() and not any(out.iterdir()))):
        if sidecar(out).exists():
            raise taken(sidecar(out))
        return None
    try:
        predicate = json.loads(statement_in(json.loads((out / "statement.json").read_bytes())))[
            "predicate"
        ]
        if predicate["migration"] == migration:
            return str(predicate["times"]["written"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise UsageError(
        f"{out}: exists and holds something other than a report of this migration",
        hint="name another folder with --out; nothing there was touched",
    )


def try_place(out: Path) -> None:
    """Try whether a bundle can be written at a place; leave nothing there.

    Raises:
        Refused: no folder can be made there.
    """
    place = out.absolute()
    nearest = next(one for one in place.parents if os.path.lexists(one))
    try:
        Path(tempfile.mkdtemp(prefix=PARTIAL, dir=nearest)).rmdir()
    except OSError as error:
        raise Refused(
            f"{out}: no report can be written there: {nearest}: {error.strerror}",
            hint="nothing was moved; name another folder with --out",
        ) from error


def put_aside(out: Path, migration: str) -> Path | None:
    """Move an earlier bundle of the same migration, and its checkpoint, out of the way.

    Returns where it is now.

    Raises:
        UsageError: what is there is not a bundle of this migration.
    """
    written = earlier_bundle(out, migration)
    if written is None:
        return None
    stamp = written.translate(str.maketrans("", "", "-:."))
    aside = out.with_name(f"{out.name}-{stamp}")
    if sidecar(out).exists():
        sidecar(out).rename(sidecar(aside))  # first: a bundle that is there can be put aside again
    out.rename(aside)
    sync(aside.parent)
    return aside
