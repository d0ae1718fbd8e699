"""Who may read: every grant of a migration as its journal tells it, with how it stands now."""

from __future__ import annotations

from hdh_migrate.evidence.lines.granted import GrantAccount
from hdh_migrate.results.grants import BOUNDS, GrantAtHost, GrantListed, GrantsListed
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.freshness import PackState, pack_states, standing_accounts
from hdh_migrate.session.policy.granting import accounts
from hdh_migrate.wiring import routes_of


def grants(desk: Desk) -> GrantsListed:
    """List the grants, the oldest first; nobody is contacted.

    Raises:
        UsageError: no run of this plan has begun.
    """
    ledger = desk.read_ledger()
    try:
        known = accounts(ledger)
        found = list(known.by_id.values())
        routes = routes_of(desk.loaded.plan)
        packs = pack_states(ledger, standing_accounts(known), routes)
    finally:
        ledger.close()
    now = desk.clock.now()
    rows = [fact_of(one, now, packs.get(one.id)) for one in found]
    return {"grants": rows, "bounds": BOUNDS}


def fact_of(account: GrantAccount, now: str, pack: PackState | None) -> GrantListed:
    """Return one grant as it stands at a moment, RFC 3339 in UTC."""
    asked, given, revoked = account.asked, account.given, account.revoked
    return {
        "grant": account.id,
        "stage": account.stage(now).value,
        "dataset": asked.dataset,
        "batch": asked.batch,
        "permit": asked.permit,
        "purpose": asked.purpose,
        "reader": asked.reader,
        "until": asked.until,
        "whole": asked.selection is None,
        "objects": asked.objects,
        "bytes": asked.bytes,
        "asked_at": account.asked_at,
        "asked_by": asked.user,
        "given_at": account.given_at,
        "approvals": [] if given is None else list(given.approvals),
        "revoked_at": account.revoked_at,
        "reason": None if revoked is None else revoked.reason,
        "pack_withdrawn": None if account.withdrawn is None else account.withdrawn.found,
        "at_host": at_host(account),
        "closed": None
        if account.closed is None
        else {"by": account.closed.user, "how": account.closed.how},
        "seen": None
        if account.seen is None
        else {"by": account.seen.user, "how": account.seen.how},
        "renews": asked.renews or None,
        "renewed_by": account.renewed_by,
        "renewed_at": account.renewed_at,
        "pack": None
        if pack is None
        else {
            "stale": [one.value for one in pack.why],
            "unverified": pack.unverified,
            "newer": pack.newer,
        },
    }


def at_host(account: GrantAccount) -> list[GrantAtHost]:
    """Return what the host was last told of a grant's reader, by bucket."""
    return [
        {
            "bucket": bucket, "principal": entry.principal, "allowed": entry.allowed,
            "sure": entry.sure,
        }
        for bucket, entry in sorted(account.at_host.items())
    ]  # fmt: skip
