"""Renew a grant: a new pack in the place of one that names objects as they were.

It is a grant of its own, asked for, approved and given as any other, with the words of the one that
it renews. With the event that gives it the earlier one is over, and its place in the host's policy
is the new one's; then the earlier pack is withdrawn. Killed anywhere, the same command goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hdh_migrate.errors import UsageError
from hdh_migrate.events.grants import PackWithdrawn
from hdh_migrate.grants.statement import Revoked
from hdh_migrate.results.grants import GrantMade
from hdh_migrate.sealing.keys import PublicKey
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy import selections
from hdh_migrate.session.policy.bound_ledger import held_ledger
from hdh_migrate.session.policy.dating import dating_judge
from hdh_migrate.session.policy.freshness import choice_of
from hdh_migrate.session.policy.granting import GrantWish
from hdh_migrate.session.verbs.backup import copied_after
from hdh_migrate.session.verbs.grant import grant as give
from hdh_migrate.session.verbs.grant_policy import account_of
from hdh_migrate.session.verbs.withdrawing import withdraw


def renew(desk: Desk, grant: str, include: Sequence[str], out: Path) -> GrantMade:
    """Give a grant anew, with a pack of the objects as they are now; withdraw the earlier pack.

    `include` names the globs of the earlier one, needed only where the ledger does not have them.

    Raises:
        UsageError: there is no such grant, it cannot be renewed, its globs are not known or others,
            or `out` is in use.
        Refused, ApprovalMissing, TargetDiffers, Interrupted, StorageError: as `verbs.grant`.
    """
    made = give(desk, renewal_of(desk, grant, include), out)
    take_away(desk, grant, made["grant"])
    return made


def take_away(desk: Desk, grant: str, renewed_as: str) -> None:
    """Take the pack of a grant away that another one has the place of; again is safe.

    Raises:
        MigrateError: its folder cannot be written to.
    """
    account = account_of(desk, grant)
    if account.withdrawn is None or not account.withdrawn.found:
        about = Revoked(
            grant=grant, reason="renewed", revoked_at=account.renewed_at or "",
            renewed_as=renewed_as,
        )  # fmt: skip
        found = withdraw(desk, account, about)
        with copied_after(desk), held_ledger(desk, dating_judge(desk)) as ledger:
            ledger.event(PackWithdrawn(grant=grant, found=found))
            ledger.commit()


def renewal_of(desk: Desk, grant: str, include: Sequence[str]) -> GrantWish:
    """Return what an earlier grant was, to be given once more.

    Raises:
        UsageError: there is no such grant, or its globs are not known, or others.
    """
    account = account_of(desk, grant)
    asked = account.asked
    ledger = desk.read_ledger()
    try:
        kept = choice_of(ledger, account)
        salt = selections.salt_of(ledger, account.id)
    finally:
        ledger.close()
    if asked.selection is not None and salt is None:
        raise UsageError(
            f"grant {account.id} is of a part of dataset {asked.dataset}, and this ledger, which"
            " adopted it, has nothing that says which",
            hint='give it anew, "hdh-migrate grant PLAN --dataset NAME --include GLOB...", and'
            f" revoke {account.id}; nothing was granted",
        )
    chosen = tuple(include) or kept
    if chosen is None:
        raise UsageError(
            f"grant {account.id} is of a part of dataset {asked.dataset}, and this ledger does not"
            " know which",
            hint="give its globs once more, --include GLOB...; nothing was granted",
        )
    if not selections.is_selected(asked, chosen, salt):
        raise UsageError(
            f"--include: grant {account.id} is of other objects",
            hint="a renewal changes nothing of a grant; give another one for other objects",
        )
    return GrantWish(
        dataset=asked.dataset, include=chosen, reader=PublicKey(bytes.fromhex(asked.key)),
        permit=asked.permit, purpose=asked.purpose, until=asked.until, renews=account.id,
    )  # fmt: skip
