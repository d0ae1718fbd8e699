"""Take a grant's pack away from where it was written, and leave a signed word of why."""

from __future__ import annotations

import os
from pathlib import Path

from hdh_migrate.errors import MigrateError, NoSpace, PackDamaged
from hdh_migrate.evidence.lines.granted import GrantAccount
from hdh_migrate.fixity import canonical_json
from hdh_migrate.folders import FULL, PARTIAL, sync, write_whole
from hdh_migrate.grants import pack, statement
from hdh_migrate.grants.statement import Revoked
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.keyring import signer_of
from hdh_migrate.session.verbs.grant_folder import file_digest, place_of
from hdh_migrate.wiring import Vault


def withdraw(desk: Desk, account: GrantAccount, about: Revoked, folder: Path | None = None) -> bool:
    """Put a signed statement of why in the pack's place; return whether the pack was there.

    `folder` is where the pack is now, if it is not where it was written. Repeating it is safe.

    Raises:
        MigrateError: the folder cannot be written to; it stands in the journal all the same.
    """
    place = folder or _place(desk, account.id)
    if place is None or not place.is_dir():
        return False
    if not holds(place, account) and (folder is not None or not _unfinished(place, account)):
        return False
    for one in place.glob(f"{PARTIAL}*"):
        one.unlink(missing_ok=True)
    signer = signer_of(desk.loaded.plan, Vault.open(desk.loaded.base))
    begun = os.path.lexists(place / statement.REVOKED)
    digest = file_digest(place / pack.NAME) if account.given is None else account.given.pack_sha256
    if signer is not None and digest is not None and not begun:
        envelope = statement.sign(signer, about, digest)
        _write(place / statement.REVOKED, canonical_json(envelope) + b"\n")
    try:
        (place / pack.NAME).unlink()
        sync(place)
    except FileNotFoundError:
        return begun
    except OSError as error:
        raise MigrateError(
            f"{place / pack.NAME}: cannot be removed: {error.strerror}",
            hint="the grant is over all the same; remove it yourself, or give the same command"
            " again",
        ) from error
    return True


def holds(place: Path, account: GrantAccount) -> bool:
    """Say whether a folder is that of this grant: another one may lie there by now.

    Where its statement is missing, its pack tells.
    """
    try:
        claimed = statement.claimed(place)
    except PackDamaged:
        claimed = None
    if claimed is not None:
        return claimed == account.id
    return account.given is not None and file_digest(place / pack.NAME) == account.given.pack_sha256


def _unfinished(place: Path, account: GrantAccount) -> bool:
    """Say whether what is there may be of a killed command: unsigned, but the reader opens it."""
    left = (statement.GIVEN, statement.REVOKED)
    return account.given is None and not any(os.path.lexists(place / name) for name in left)


def _write(path: Path, data: bytes) -> None:
    try:
        write_whole(path, data)
    except OSError as error:
        kind, room = (NoSpace, "make room and ") if error.errno in FULL else (MigrateError, "")
        raise kind(
            f"{path}: cannot be written: {error.strerror}",
            hint=f"the grant is over all the same; {room}give the same command again",
        ) from error


def _place(desk: Desk, grant: str) -> Path | None:
    ledger = desk.read_ledger()
    try:
        found = ledger.meta(place_of(grant))
    finally:
        ledger.close()
    return None if found is None else Path(found)
