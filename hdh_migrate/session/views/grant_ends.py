"""When grants end that are given and not taken back: what a host's credential must end by then."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hdh_migrate.clocks import seconds_of
from hdh_migrate.errors import UsageError
from hdh_migrate.evidence.lines.granted import GRANT_EVENTS, GrantAccounts
from hdh_migrate.frozen import frozen
from hdh_migrate.session.desk import Desk

PAST_SECONDS: Final = 30 * 86_400
"""How long a grant that has ended is still listed; always, while its reader may be let in."""


@frozen
class GrantEnd:
    """The end of one grant, RFC 3339 in UTC: its last moment, or when it was taken back."""

    grant: str
    dataset: str
    ends: str
    open: bool
    """Whether a policy of a bucket may still let its reader in."""


def grant_ends(desk: Desk) -> list[GrantEnd]:
    """Return the grants whose end is to come, or not done; the first end first; nobody is asked.

    Not done: the time is over or it was revoked, and a policy may still let its reader in.

    Raises:
        LedgerDamaged: the journal cannot be read.
    """
    try:
        ledger = desk.read_ledger()
    except UsageError:
        return []  # nothing has begun here
    try:
        found = GrantAccounts.of(ledger.told(*GRANT_EVENTS))
    finally:
        ledger.close()
    return sorted(_ends(found, seconds_of(desk.clock.now())), key=lambda one: one.ends)


def _ends(accounts: GrantAccounts, now: float) -> Iterator[GrantEnd]:
    for one in accounts.by_id.values():
        if one.given is None or one.renewed_by is not None:  # the other one is listed with its end
            continue
        still = any(entry.allowed or not entry.sure for entry in one.at_host.values())
        ends = one.asked.until
        if one.revoked_at is not None:
            ends = min(ends, one.revoked_at, key=seconds_of)
        past = one.revoked is not None or now - seconds_of(ends) > PAST_SECONDS
        if past and not still:
            continue
        yield GrantEnd(grant=one.id, dataset=one.asked.dataset, ends=ends, open=still)
