"""Before anything is contacted: every waiver that counts by the plan counts by the journal, too.

The gate before the target is judged before the ledger is opened, so that its journal is dated by a
clock that is right. What the journal knows of keys (who may waive by the terms of a cutover, who
signed reports before) is therefore looked up here, where services are opened.
"""

from __future__ import annotations

from pathlib import Path

from hdh_migrate.errors import Refused
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.plan.loader import LoadedPlan
from hdh_migrate.ports.run import Clock
from hdh_migrate.session.policy import waivers
from hdh_migrate.session.policy.timekeeping import offline


def demand_agreed(loaded: LoadedPlan, path: Path, clock: Clock) -> None:
    """Demand of the waivers beside a plan what the ledger at `path` knows; none is no harm.

    Raises:
        Refused: one counts by the plan alone; nothing was contacted.
        KeyUnavailable: a key of the plan cannot be read.
        LedgerDamaged: the journal cannot be read.
    """
    plan, base = loaded.plan, loaded.base
    if plan.waivers is None or not (base / waivers.FOLDER).is_dir() or not path.exists():
        return
    now = offline(clock, path).unchecked()
    ledger = SqliteLedger.read_only(path, clock)
    try:
        found = waivers.unagreed(ledger, plan, base, now)
    finally:
        ledger.close()
    if found:
        raise Refused(
            "waivers that nobody who may has signed", blockers=[str(one) for one in found],
            hint="nothing was contacted; take them away, or let somebody of waivers.keys sign anew",
        )  # fmt: skip
