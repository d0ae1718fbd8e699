"""Which objects a grant is of: a digest of the globs that nobody without its salt can guess.

Globs may be names of objects, and the journal names none: what stands there, and so in evidence, is
a digest of the globs and of a random salt that the ledger alone keeps. Whoever has both, an
approver for one, can say whether the request is of what he was told.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hdh_migrate.errors import Refused, UsageError
from hdh_migrate.events.grants import GrantAsked
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.folders import write_whole
from hdh_migrate.frozen import frozen
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.plan.files import read_named

_SALT_BYTES: Final = 32
_SALT: Final = re.compile(r"[0-9a-f]{64}")


@frozen
class SelectionProof:
    """The globs that an approver was given, and the file with the salt where no ledger is."""

    include: tuple[str, ...]
    salt: Path | None


def new_salt() -> str:
    """Return a salt for the globs of one grant, in hexadecimal."""
    return secrets.token_hex(_SALT_BYTES)


def selection_of(include: Sequence[str], salt: str | None) -> str | None:
    """Return the digest of some globs, in whatever order, under a salt; None without globs."""
    if not include or salt is None:
        return None
    return sha256_hex(canonical_json({"include": sorted(set(include)), "salt": salt}))


def keep_salt(ledger: SqliteLedger, grant: str, salt: str) -> None:
    """Have the ledger remember the salt of a grant; it stands in no journal."""
    ledger.set_meta(_place(grant), salt)


def salt_of(ledger: SqliteLedger, grant: str) -> str | None:
    """Return the salt of a grant's globs, None where the ledger has none."""
    return ledger.meta(_place(grant))


def is_selected(asked: GrantAsked, include: Sequence[str], salt: str | None) -> bool:
    """Return whether a request is of these globs: of all objects, if there are none."""
    if asked.selection is None or not include:
        return asked.selection is None and not include
    return asked.selection == selection_of(include, salt)


def demand_selected(asked: GrantAsked, include: Sequence[str], salt: str | None) -> None:
    """Demand that a request is of what an approver was told.

    Raises:
        Refused: it is of other objects, or nobody here can say.
    """
    if asked.selection is None:
        raise Refused(
            f"grant {asked.grant} is of all objects of dataset {asked.dataset}, not of those that"
            " --include names",
            hint="nothing was approved; leave --include out only if all of them are meant",
        )
    if salt is None:
        raise Refused(
            f"this ledger has no salt for grant {asked.grant}, so nobody can say what it is of",
            hint='nothing was approved; give "hdh-migrate grant" again: it makes a new request',
        )
    if not is_selected(asked, include, salt):
        raise Refused(
            f"grant {asked.grant} is of other objects than --include names",
            hint="nothing was approved; give every --include of the request, each written as there",
        )


def salt_file(folder: Path, grant: str) -> Path:
    """Return the file with the salt of a request, for who approves it elsewhere."""
    return folder / f"{grant}.salt"


def write_salt(folder: Path, grant: str, salt: str) -> Path:
    """Write that file, in a folder that is there, and return it.

    Raises:
        OSError: it cannot be written.
    """
    path = salt_file(folder, grant)
    write_whole(path, f"{salt}\n".encode(), replace=True)
    return path


def read_salt(path: Path) -> str:
    """Read the salt that somebody carried here.

    Raises:
        UsageError: the file has none.
    """
    text = read_named(path, 1 << 10, what="--salt ").decode("ascii", "replace").strip()
    if _SALT.fullmatch(text) is None:
        raise UsageError(
            f"--salt {path}: no salt of a grant",
            hint="it is the file ID.salt in the folder grants beside the ledger",
        )
    return text


def _place(grant: str) -> str:
    return f"grant-salt.{grant}"
