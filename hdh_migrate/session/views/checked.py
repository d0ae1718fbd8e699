"""A ledger checked as a whole: every page, the whole journal, every row as the journal tells it."""

from __future__ import annotations

from hdh_migrate.model import State
from hdh_migrate.results.ledgers import LedgerChecked
from hdh_migrate.session.desk import Desk


def checked(desk: Desk) -> LedgerChecked:
    """Check the ledger of a plan; changes nothing, and a run may be under way.

    Raises:
        UsageError: no run of this plan has begun.
        LedgerDamaged: something does not add up; one line says what.
    """
    ledger = desk.read_ledger()
    try:
        with ledger.snapshot():
            ledger.reconcile()
            return {
                "ledger": ledger.meta("run_tag"),
                "events": ledger.length(),
                "head": ledger.head(),
                "objects": sum(ledger.tally(row.id, *State).objects for row in ledger.datasets()),
                "bytes": ledger.size(),
            }
    finally:
        ledger.close()
