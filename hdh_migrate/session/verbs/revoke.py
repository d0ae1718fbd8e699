"""Take a grant back: in the journal, at the host, and where its pack was written.

The journal comes first: from then on the grant is over, whatever else is still to be undone, and
the same command goes on with that. What it cannot undo is said.
"""

from __future__ import annotations

import os
from pathlib import Path

from hdh_migrate.errors import Exit, LedgerLocked, MigrateError, PackDamaged, UsageError
from hdh_migrate.events.grants import GrantRevoked, PackWithdrawn
from hdh_migrate.evidence.lines.granted import GrantAccount, GrantStage
from hdh_migrate.fixity import canonical_json
from hdh_migrate.folders import PARTIAL, sync, whole
from hdh_migrate.grants import pack, statement
from hdh_migrate.grants.statement import Revoked
from hdh_migrate.results.grants import GrantTakenBack
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy.bound_ledger import held_ledger
from hdh_migrate.session.policy.granting import accounts, line_of
from hdh_migrate.session.policy.keyring import signer_of
from hdh_migrate.session.policy.timekeeping import offline
from hdh_migrate.session.verbs.backup import copied_after
from hdh_migrate.session.verbs.grant_folder import digest_of, forget, place_of
from hdh_migrate.session.verbs.grant_policy import (
    HostAdministrator,
    account_of,
    in_plan,
    let_out,
    shut_out,
    sid_of,
)
from hdh_migrate.session.views.grants import at_host
from hdh_migrate.wiring import Vault

READ = "what the reader has read, and copies of the pack that somebody made, cannot be taken back"


def revoke(
    desk: Desk,
    grant: str,
    reason: str,
    administrator: HostAdministrator | None,
    folder: Path | None = None,
) -> tuple[Exit, GrantTakenBack]:
    """Revoke a grant, or go on with what is left to do of it; say what remains.

    `folder` is where its pack is now, if it is not where it was written.

    Raises:
        UsageError: there is no such grant, nothing of it was given or asked for, or `folder` is
            not of this grant.
        TargetDiffers, StorageError: the host was not told; the grant is revoked all the same.
        LedgerLocked: somebody holds the ledger; the host was told all the same, if it can be.
    """
    try:
        return _revoke(desk, grant, reason, administrator, folder)
    except LedgerLocked as error:
        raise _unwritten(desk, grant, administrator, error) from error


def _revoke(
    desk: Desk,
    grant: str,
    reason: str,
    administrator: HostAdministrator | None,
    folder: Path | None,
) -> tuple[Exit, GrantTakenBack]:
    why = line_of("--reason", reason)
    account = account_of(desk, grant)
    if folder is not None and not _holds(folder, account):
        raise UsageError(
            f"{folder}: holds no pack of grant {grant}",
            hint="nothing was done; name the folder with its pack and statement, or leave --folder"
            " out",
        )
    if account.stage(desk.clock.now()) is GrantStage.DROPPED:
        raise UsageError(f"grant {grant} was never given", hint="there is nothing to take back")
    if account.revoked is None:
        _note(desk, GrantRevoked(grant=grant, reason=why, user=operator()))
    account = account_of(desk, grant)
    if account.withdrawn is None or not account.withdrawn.found or folder is not None:
        found = _withdraw(desk, account, folder)
        if account.given is not None or found:
            _note(desk, PackWithdrawn(grant=grant, found=found))
    forget(desk, grant)
    if administrator is not None:
        let_out(desk, account, administrator)
    account = account_of(desk, grant)
    remains = list(_remains(account))
    still = any(entry.allowed or not entry.sure for entry in account.at_host.values())
    if administrator is not None and not in_plan(desk, account):
        remains.append(
            f"dataset {account.asked.dataset} is not in the plan any more, so only buckets whose"
            f" policy was set from here were looked at: if another one has {sid_of(grant)}, take"
            " it out there"
        )
        still = still or not account.at_host
    result: GrantTakenBack = {
        "grant": grant,
        "revoked_at": account.revoked_at or "",
        "pack_withdrawn": account.withdrawn is not None and account.withdrawn.found,
        "at_host": at_host(account),
        "remains": remains,
        "exit": int(Exit.FINDINGS if still else Exit.OK),
    }
    return Exit(result["exit"]), result


def _unwritten(
    desk: Desk, grant: str, administrator: HostAdministrator | None, error: LedgerLocked
) -> LedgerLocked:
    """Shut the reader out at the host, which needs no ledger, and say what is still to be done.

    A run may hold the ledger for weeks; a reader who is to read no more does not wait for it.
    """
    again = (
        'have the run give it back with "hdh-migrate pause PLAN", give the same command again, then'
        ' "hdh-migrate resume PLAN"'
    )
    if administrator is None:
        return LedgerLocked(
            f"{error}; so the journal cannot tell of the revocation now",
            hint=f"{again}; at once, and without the ledger, --credential-id and"
            " --credential-secret have this command shut the reader out at the host; or take"
            f" {sid_of(grant)} out of the bucket's policy there",
        )
    looked = ", ".join(shut_out(desk, account_of(desk, grant), administrator))
    return LedgerLocked(
        f"{error}; so the journal cannot tell of the revocation now, but the host was told: no"
        f" policy of {looked or 'a known bucket'} has {sid_of(grant)} any more, as was read back",
        hint=f"{again}: it writes that, and takes the pack away",
    )


def _withdraw(desk: Desk, account: GrantAccount, folder: Path | None) -> bool:
    """Put the statement of the revocation in the pack's place; say whether the pack was there."""
    assert account.revoked is not None
    place = folder or _place(desk, account.id)
    if place is None or not place.is_dir():
        return False
    if not _holds(place, account) and (folder is not None or not _unfinished(place, account)):
        return False
    for one in place.glob(f"{PARTIAL}*"):
        one.unlink(missing_ok=True)
    signer = signer_of(desk.loaded.plan, Vault.open(desk.loaded.base))
    begun = os.path.lexists(place / statement.REVOKED)
    digest = digest_of(place / pack.NAME) if account.given is None else account.given.pack_sha256
    if signer is not None and digest is not None and not begun:
        about = Revoked(
            grant=account.id, reason=account.revoked.reason, revoked_at=account.revoked_at or ""
        )
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
            hint="the grant is revoked; remove it yourself, or give the same command again",
        ) from error
    return True


def _holds(place: Path, account: GrantAccount) -> bool:
    """Say whether a folder is that of this grant: another one may lie there by now.

    Where its statement is missing, its pack tells.
    """
    try:
        claimed = statement.claimed(place)
    except PackDamaged:
        claimed = None
    if claimed is not None:
        return claimed == account.id
    return account.given is not None and digest_of(place / pack.NAME) == account.given.pack_sha256


def _unfinished(place: Path, account: GrantAccount) -> bool:
    """Say whether what is there may be of a killed command: unsigned, but the reader opens it."""
    left = (statement.GIVEN, statement.REVOKED)
    return account.given is None and not any(os.path.lexists(place / name) for name in left)


def _write(path: Path, data: bytes) -> None:
    try:
        whole(path, data)
    except OSError as error:
        raise MigrateError(
            f"{path}: cannot be written: {error.strerror}",
            hint="the grant is revoked; give the same command again",
        ) from error


def _place(desk: Desk, grant: str) -> Path | None:
    ledger = desk.read_ledger()
    try:
        found = ledger.meta(place_of(grant))
    finally:
        ledger.close()
    return None if found is None else Path(found)


def _remains(account: GrantAccount) -> list[str]:
    if account.given is None and account.withdrawn is None:
        return ["nothing was given, so nothing remains"]
    remains = [READ]
    if account.withdrawn is not None and not account.withdrawn.found:
        remains.append(
            "the pack is not where it was written: whoever has it can still open its headers; if"
            " you have it, give the same command with --folder"
        )
    for bucket, entry in sorted(account.at_host.items()):
        if entry.allowed or not entry.sure:
            remains.append(
                f"the policy of bucket {bucket} may still let {entry.principal} in: give the same"
                " command with --credential-id and --credential-secret"
            )
    if not account.at_host:
        remains.append(
            "no policy was set from here: if the host serves the bucket to the reader, take that"
            " credential back there"
        )
    remains.append(
        "an object's data key stays what it is until the object is sealed anew: the header opens"
        " what the host still serves"
    )
    return remains


def _note(desk: Desk, event: GrantRevoked | PackWithdrawn) -> None:
    judge = offline(desk.clock, desk.ledger_path)
    with copied_after(desk), held_ledger(desk, judge) as ledger:
        known = accounts(ledger).by_id[event.grant]
        if isinstance(event, GrantRevoked) and known.revoked is not None:
            return  # somebody else did meanwhile
        ledger.event(event)
        ledger.commit()
