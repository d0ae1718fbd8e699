"""How a plan differs from what its ledger is bound to; the ledger is only looked at."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hdh_migrate.events.cutover import Track
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.binding import bindings
from hdh_migrate.pipeline.projections.standing import standings
from hdh_migrate.plan.classes import FieldClass
from hdh_migrate.results.plans import PlanChange, PlanDiff
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.changing import PUT_BACK, TOOL, Change, judged
from hdh_migrate.session.policy.terms import terms_digest, terms_of


def plan_diff(desk: Desk) -> PlanDiff:
    """Return every change of the plan: its class, the batches that bind it, and what can do it.

    Raises:
        UsageError: no run of this plan has begun.
        KeyUnavailable: a public key that the plan names cannot be read.
    """
    ledger = desk.read_ledger()
    try:
        with ledger.snapshot():
            bound = bindings(ledger)
            changes = judged(ledger, json.loads(desk.loaded.canonical))
            other = _of_other_terms(desk, ledger)
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
                "changes": [_row(one, other) for one in changes],
            }
    finally:
        ledger.close()


def _of_other_terms(desk: Desk, ledger: SqliteLedger) -> list[str]:
    """Return the batches whose cutover has terms in force that the plan says otherwise."""
    return [
        batch
        for (batch, track), story in standings(ledger.cutovers()).items()
        if track is Track.CUTOVER
        and story.terms is not None
        and any(one.name == batch for one in desk.loaded.plan.batches)
        and terms_digest(terms_of(desk.loaded, batch)) != terms_digest(story.terms)
    ]


def _consent(change: Change, other: Sequence[str]) -> list[str]:
    """Return the batches for which a change of who consents must be agreed to first."""
    place = change.difference.place
    if change.kind is not FieldClass.WHO or change.batches or "pointer" in place:
        return []
    if not place.startswith("cutovers["):
        return [*other]
    batch, _, field = place.removeprefix("cutovers[").partition("]")
    return [batch] if batch in other and not field.startswith((".smoke", ".canary")) else []


def _row(change: Change, other: Sequence[str]) -> PlanChange:
    one, consent = change.difference, _consent(change, other)
    agree = consent and f"{TOOL} approve PLAN --batch {consent[0]} --stage terms --key FILE"
    return {
        "field": one.place,
        "field_class": change.kind.value,
        "change": one.change,
        "was": one.was,
        "now": one.now,
        "bound_by": list(change.batches),
        "consent": consent,
        "verb": agree or change.verb or (PUT_BACK if change.batches else None),
    }
