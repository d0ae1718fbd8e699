"""Which buckets a plan writes to, and where in them."""

from __future__ import annotations

from collections.abc import Sequence

from hdh_migrate.plan.model import Plan
from hdh_migrate.targets.lifecycles import MovedTo


def buckets_of(plan: Plan, selected: Sequence[str] = ()) -> list[str]:
    """Return the target buckets of some batches, all when none is named, in the plan's order."""
    chosen = {
        name
        for batch in plan.ordered_batches()
        if not selected or batch.name in selected
        for name in batch.datasets
    }
    return list(dict.fromkeys(one.target.bucket for one in plan.datasets if one.name in chosen))


def places_in(plan: Plan, bucket: str) -> list[MovedTo]:
    """Return where in a bucket a plan puts objects, whatever batches are asked for."""
    found = [
        MovedTo(prefix=one.target.prefix, every_version=one.source.every_version)
        for one in plan.datasets
        if one.target.bucket == bucket
    ]
    return list(dict.fromkeys(found))
