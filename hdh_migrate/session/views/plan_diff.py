"""How a plan differs from what its ledger is bound to; the ledger is only looked at."""

from __future__ import annotations

import json

from hdh_migrate.pipeline.binding import bindings
from hdh_migrate.results.plans import PlanChange, PlanDiff
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.changing import PUT_BACK, Change, judged


def plan_diff(desk: Desk) -> PlanDiff:
    """Return every change of the plan: its class, the batches that bind it, and what can do it.

    Raises:
        UsageError: no run of this plan has begun.
    """
    ledger = desk.read_ledger()
    try:
        with ledger.snapshot():
            bound = bindings(ledger)
            changes = judged(ledger, json.loads(desk.loaded.canonical))
            return {
                "migration": desk.loaded.plan.migration,
                "plan_digest": desk.loaded.digest,
                "bound_digest": ledger.meta("plan_digest"),
                "allowed": all(one.allowed for one in changes),
                "bound": [
                    {"batch": one.batch, "revision": one.revision, "digest": one.digest}
                    for one in bound.values()
                ],
                "free": [one.name for one in desk.batches(()) if one.name not in bound],
                "changes": [_row(one) for one in changes],
            }
    finally:
        ledger.close()


def _row(change: Change) -> PlanChange:
    one = change.difference
    return {
        "field": one.place,
        "field_class": change.kind.value,
        "change": one.change,
        "was": one.was,
        "now": one.now,
        "bound_by": list(change.batches),
        "verb": change.verb or (PUT_BACK if change.batches else None),
    }
