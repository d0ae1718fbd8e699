"""The journal has every waiver that counts, as it was signed, before anything rests on it.

It is told in the transaction of what comes next, or before: there is no moment in which something
rests on a waiver that the journal does not have.
"""

from __future__ import annotations

from collections.abc import Callable

from hdh_migrate.clocks import Moment
from hdh_migrate.events.waivers import WaiversCounted
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.plan.loader import LoadedPlan
from hdh_migrate.session.policy.agreed import agreed
from hdh_migrate.session.policy.terms import by_content


def waivers_kept(ledger: SqliteLedger) -> tuple[str, ...]:
    """Return the waivers that count by the journal, by the digest of what was signed."""
    newest: tuple[str, ...] = ()
    for _, event in ledger.events(WaiversCounted):
        newest = event.counted
    return newest


def untold(ledger: SqliteLedger, loaded: LoadedPlan, now: Moment) -> WaiversCounted | None:
    """Return what the journal does not tell yet of the waivers that count now; None: nothing.

    Raises:
        KeyUnavailable: a key of the plan cannot be read.
    """
    keys, found = agreed(ledger, loaded.plan, loaded.base, now)
    last = (ledger.last_at() or "")[:10]  # by a clock that was ahead, it may have ended before
    counted = {one.digest: one.envelope for one in found if one.until >= last}
    earlier = [event for _, event in ledger.events(WaiversCounted)]
    named, digests = by_content(keys), tuple(sorted(counted))
    if earlier and (earlier[-1].keys, earlier[-1].counted) == (named, digests):
        return None
    if not digests and not (earlier and earlier[-1].counted):
        return None
    known = {digest for event in earlier for digest in event.counted}
    return WaiversCounted(
        keys=named,
        counted=digests,
        signed=tuple(counted[digest] for digest in digests if digest not in known),
    )


def keep_waivers(
    ledger: SqliteLedger, loaded: LoadedPlan, now: Callable[[], Moment]
) -> tuple[str, ...]:
    """Have the journal tell which waivers count now; return them, uncommitted.

    Raises:
        KeyUnavailable: a key of the plan cannot be read.
        ClocksDiffer: `now` cannot learn which day it is.
    """
    while (event := untold(ledger, loaded, now())) is not None:
        ledger.event(event)  # and once more: a day may have ended meanwhile
    return waivers_kept(ledger)
