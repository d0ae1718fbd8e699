"""Open a ledger only after all of it was checked: for reports and approvals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.bound_ledger import held_ledger, name_of
from hdh_migrate.session.policy.changing import demand_datasets
from hdh_migrate.session.policy.dating import dating_judge


@contextmanager
def sound_ledger(desk: Desk) -> Iterator[SqliteLedger]:
    """Open the ledger for looking at one moment of it, computed again from its rows.

    A ledger of an earlier version is brought up first, and one of a plan that was changed since
    is bound to the changed plan, under the lock: what is signed stands in its journal. A run that
    goes on meanwhile changes nothing of what is seen.

    Raises:
        UsageError: no run of this plan has begun.
        LedgerDamaged: the rows, or its name, are not as the journal tells them, or not of the
            plan's datasets.
        LedgerLocked: it has to be brought up or bound, and another command holds it.
        PlanChanged: what the plan changes is bound, or its pointer is one that was switched.
    """
    ledger = desk.read_ledger()
    if ledger.outdated or ledger.meta("plan_digest") != desk.loaded.digest:
        ledger.close()
        with held_ledger(desk, dating_judge(desk)):
            pass  # to open it is all
        ledger = desk.read_ledger()
    try:
        with ledger.snapshot():
            ledger.reconcile()
            demand_datasets(ledger, desk.loaded)
            name_of(ledger)
            yield ledger
    finally:
        ledger.close()
