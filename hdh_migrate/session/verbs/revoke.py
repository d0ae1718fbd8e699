"""Take a grant back: in the journal, at the host, and where its pack was written.

The journal comes first: from then on the grant is over, whatever else is still to be undone, and
the same command goes on with that. What it cannot undo is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hdh_migrate.errors import (
    Exit,
    LedgerBehind,
    LedgerLocked,
    LedgerWithheld,
    MigrateError,
    NoSpace,
    Refused,
    UsageError,
)
from hdh_migrate.events.grants import (
    GrantClosedByHand,
    GrantDropped,
    GrantRevoked,
    PackWithdrawn,
)
from hdh_migrate.evidence.lines.granted import GrantAccount, GrantStage
from hdh_migrate.grants.statement import Revoked
from hdh_migrate.results.grants import GrantTakenBack
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy.bound_ledger import held_ledger
from hdh_migrate.session.policy.dating import dating_judge
from hdh_migrate.session.policy.granting import accounts, line_of
from hdh_migrate.session.verbs.backup import copied_after
from hdh_migrate.session.verbs.grant_folder import forget
from hdh_migrate.session.verbs.grant_policy import (
    HostAdministrator,
    account_of,
    in_plan,
    let_out,
    shut_out,
    sid_of,
)
from hdh_migrate.session.verbs.withdrawing import holds, withdraw
from hdh_migrate.session.views.grants import at_host

_PAUSED: Final = (
    'have the run give it back with "hdh-migrate pause PLAN", give the same command again, then'
    ' "hdh-migrate resume PLAN"'
)
_BROUGHT: Final = (
    "put the newest copy of the ledger in its place (hdh-migrate docs operations), or have this one"
    ' "hdh-migrate adopt PLAN", then give the same command again'
)

_KINDS: Final[Mapping[type[MigrateError], tuple[type[MigrateError], str]]] = {
    LedgerLocked: (LedgerLocked, _PAUSED),
    LedgerBehind: (Refused, _BROUGHT),
    LedgerWithheld: (LedgerWithheld, "mend what is named, then give the same command again"),
    NoSpace: (NoSpace, "make room, then give the same command again"),
}
"""What a ledger that takes no revocation is called, and when it takes one."""

READ = "what the reader has read, and copies of the pack that somebody made, cannot be taken back"


def revoke(
    desk: Desk,
    grant: str,
    reason: str,
    administrator: HostAdministrator | None,
    folder: Path | None = None,
    closed: str | None = None,
) -> tuple[Exit, GrantTakenBack]:
    """Revoke a grant, or go on with what is left to do of it; say what remains.

    `folder` is where its pack is now, if it is not where it was written; `closed` says how the
    reader's access was closed at the host by other means, which nothing here can see.

    Raises:
        UsageError: there is no such grant, nothing of it was given or asked for, or `folder` is
            not of this grant.
        TargetDiffers, StorageError: the host did not take it; the grant is revoked all the same.
        LedgerLocked, Refused, LedgerWithheld, NoSpace: somebody holds the ledger, it is not the
            newest, or it cannot be written; the host was asked all the same, if it can be.
    """
    try:
        return _revoke(desk, grant, reason, administrator, folder, closed)
    except (LedgerLocked, LedgerBehind, LedgerWithheld, NoSpace) as error:
        raise _unwritten(desk, grant, administrator, error) from error


def _revoke(
    desk: Desk,
    grant: str,
    reason: str,
    administrator: HostAdministrator | None,
    folder: Path | None,
    closed: str | None,
) -> tuple[Exit, GrantTakenBack]:
    why = line_of("--reason", reason)
    how = None if closed is None else line_of("--closed-at-host", closed)
    account = account_of(desk, grant)
    if folder is not None and not holds(folder, account):
        raise UsageError(
            f"{folder}: holds no pack of grant {grant}",
            hint="nothing was done; name the folder with its pack and statement, or leave --folder"
            " out",
        )
    if account.stage(desk.clock.now()) is GrantStage.DROPPED:
        raise UsageError(f"grant {grant} was never given", hint="there is nothing to take back")
    _demand_last(account)
    if account.revoked is None:
        _note(desk, GrantRevoked(grant=grant, reason=why, user=operator()))
    account = account_of(desk, grant)
    if account.withdrawn is None or not account.withdrawn.found or folder is not None:
        assert account.revoked is not None
        found = withdraw(
            desk,
            account,
            Revoked(
                grant=grant, reason=account.revoked.reason, revoked_at=account.revoked_at or ""
            ),
            folder,
        )
        if account.given is not None or found:
            _note(desk, PackWithdrawn(grant=grant, found=found))
    forget(desk, grant)
    if how is not None:
        _note(desk, GrantClosedByHand(grant=grant, how=how, user=operator()))
    if administrator is not None:
        with _after_revoking(grant):
            let_out(desk, account, administrator)
    account = account_of(desk, grant)
    remains = list(_remains(account))
    still = any(entry.allowed or not entry.sure for entry in account.at_host.values())
    # No policy of ours lets the reader in, so somebody else must: who has not said that it is shut.
    still = still or (account.given is not None and not account.at_host and account.closed is None)
    if administrator is not None and not in_plan(desk, account):
        remains.append(
            f"dataset {account.asked.dataset} is not in the plan any more, so only buckets whose"
            " policy was set from here were looked at: if another one has"
            f" {sid_of(account.origin)}, take it out there"
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


@contextmanager
def _after_revoking(grant: str) -> Iterator[None]:
    """Add to any error of the host's side that the grant is over in the journal."""
    try:
        yield
    except MigrateError as error:
        error.hint = (
            f"grant {grant} is revoked, and its pack was taken away where it was written; the"
            f" host's policy may still stand: {error.hint or 'give the same command again'}"
        )
        raise


def _demand_last(account: GrantAccount) -> None:
    """Demand that no other grant has the place of this one.

    Raises:
        UsageError: one has: its pack is what opens the objects, and the host's policy is its own.
    """
    if account.renewed_by is not None:
        raise UsageError(
            f"grant {account.id} was renewed as {account.renewed_by} at {account.renewed_at}",
            hint=f"nothing was done; revoke {account.renewed_by}, which has its place",
        )


def _unwritten(
    desk: Desk,
    grant: str,
    administrator: HostAdministrator | None,
    error: LedgerLocked | LedgerBehind | LedgerWithheld | NoSpace,
) -> MigrateError:
    """Shut the reader out at the host, which needs no ledger, and say what is still to be done.

    A run may hold the ledger for weeks, an old copy wait for the newest as long, and a full disk
    for somebody to come; a reader who is to read no more waits for none of them.
    """
    account = account_of(desk, grant)
    _demand_last(account)
    sid = sid_of(account.origin)
    kind, again = _KINDS[type(error)]
    if administrator is None:
        return kind(
            f"{error}; so the journal cannot tell of the revocation now",
            hint=f"{again}; at once, and without the ledger, --credential-id and"
            " --credential-secret have this command shut the reader out at the host; or take"
            f" {sid} out of the bucket's policy there",
        )
    looked = ", ".join(shut_out(desk, account, administrator))
    return kind(
        f"{error}; so the journal cannot tell of the revocation now, but the host was told: no"
        f" policy of {looked or 'a known bucket'} has {sid} any more, as was read back",
        hint=f"{again}: it writes that, and takes the pack away",
    )


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
    if not account.at_host and account.closed is None:
        remains.append(
            "no policy was set from here: if the host serves the bucket to the reader, take that"
            " credential back there, then give the same command with --closed-at-host and how"
        )
    if account.closed is not None:
        second = account.seen
        more = "" if second is None else f", and of a second, {second.user} ({second.how})"
        remains.append(
            f"that the host serves the reader no more is the word of {account.closed.user}"
            f" ({account.closed.how}){more}: nothing here saw it"
        )
    if account.closed is not None and account.seen is None:
        remains.append(
            "somebody else is to see it there, and to say so under a login of their own by the same"
            " command with --closed-at-host"
        )
    remains.append(
        "an object's data key stays what it is until the object is sealed anew: the header opens"
        " what the host still serves"
    )
    return remains


def _note(desk: Desk, event: GrantRevoked | PackWithdrawn | GrantClosedByHand) -> None:
    with copied_after(desk), held_ledger(desk, dating_judge(desk)) as ledger:
        known = accounts(ledger).by_id[event.grant]
        if isinstance(event, GrantRevoked) and known.revoked is not None:
            return  # somebody else did meanwhile
        ledger.event(event)
        if isinstance(event, GrantRevoked):  # nobody could go on with what was to take its place
            for one in accounts(ledger).by_id.values():
                waits = one.given is None and one.revoked is None and not one.dropped
                if waits and one.asked.renews == event.grant:
                    ledger.event(GrantDropped(grant=one.id))
        ledger.commit()
