"""Which changes of a plan a ledger bears after its run has begun."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hdh_migrate.errors import LedgerDamaged
from hdh_migrate.events.cutover import Track
from hdh_migrate.ledger import Ledger
from hdh_migrate.pipeline.cutover.standing import BEFORE_SWITCH, standings
from hdh_migrate.plan.diff import moves_alike
from hdh_migrate.plan.loader import LoadedPlan


def may_change(ledger: Ledger, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Say whether the ledger goes on under the new plan.

    It does when both move and prove the same, and when no pointer is changed under a cutover that
    has touched it: a rollback must find the pointer that was switched.
    """
    if not moves_alike(old, new):
        return False
    for (batch, track), story in standings(ledger.cutovers()).items():
        touched = story.stage not in BEFORE_SWITCH or story.intended
        if touched and _pointer(old, batch, track) != _pointer(new, batch, track):
            return False
    return True


def bears(ledger: Ledger, loaded: LoadedPlan) -> bool:
    """Say whether a ledger is of this plan, or may be bound to it by the next run."""
    if ledger.meta("plan_digest") == loaded.digest:
        return True
    return may_change(ledger, _known(ledger), json.loads(loaded.canonical))


def demand_datasets(ledger: Ledger, loaded: LoadedPlan) -> None:
    """Demand that the ledger has the plan's datasets, each in its batch.

    Raises:
        LedgerDamaged: it has not; what is left out of a batch would be left out of every count.
    """
    planned = {
        (name, batch.name) for batch in loaded.plan.ordered_batches() for name in batch.datasets
    }
    there = {(row.name, row.batch) for row in ledger.datasets()}
    if there != planned:
        name, _ = min(there ^ planned)
        raise LedgerDamaged(f"dataset {name} does not stand in the ledger as in the plan")


def _known(ledger: Ledger) -> Mapping[str, Any]:
    return dict(json.loads(ledger.meta("plan") or "{}"))


def _pointer(plan: Mapping[str, Any], batch: str, track: Track) -> Any:  # noqa: ANN401 - JSON
    section, name, field = {
        Track.CUTOVER: ("batches", "name", "pointer"),
        Track.REHEARSAL: ("cutovers", "batch", "canary"),
    }[track]
    entries = plan.get(section) or ()
    return next((entry.get(field) for entry in entries if entry[name] == batch), None)
