"""What the pipeline wants to know of a plan, in its own words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hdh_migrate.pipeline.planning import PlannedPace
from hdh_migrate.plan.model import Plan

if TYPE_CHECKING:
    from hdh_migrate.pipeline.context import DatasetRules
    from hdh_migrate.pipeline.work import Route


def pace_of(plan: Plan) -> PlannedPace:
    """Return what the plan says of speed."""
    return PlannedPace(
        connections=plan.engine.connections,
        bandwidth=plan.limits.bytes_per_second,
        connection_rate=plan.limits.connection_bytes_per_second,
    )


def header_size_of(plan: Plan) -> int:
    """Return the bytes that stand before every sealed object; no key is read."""
    if not plan.seal.encrypts:
        return 0
    from hdh_migrate.sealing.packets import header_size

    return header_size(len(plan.seal.recipients))


def routes_of(plan: Plan) -> dict[str, Route]:
    """Return where each dataset comes from and goes to."""
    from hdh_migrate.pipeline.work import Route

    return {
        dataset.name: Route(
            source=dataset.source.place,
            target=dataset.target.place,
            suffix=plan.seal.suffix,
            keeping=dataset.target.keeping,
        )
        for dataset in plan.datasets
    }


def rules_of(plan: Plan) -> dict[str, DatasetRules]:
    """Return each dataset's rules, compiled."""
    from hdh_migrate.pipeline.context import DatasetRules
    from hdh_migrate.pipeline.selecting import compile_rules

    return {
        dataset.name: DatasetRules(
            rules=compile_rules(
                dataset.include,
                [rule.glob for rule in dataset.exclude],
                fold=dataset.collisions == "refuse",
                allowed_unused=(n for n, rule in enumerate(dataset.exclude) if rule.allow_unused),
            ),
            allow_empty=dataset.allow_empty,
            live=dataset.live,
            compare_md5=dataset.ignore_md5 is None,
            keep_vanished=dataset.vanished == "keep-at-target",
        )
        for dataset in plan.datasets
    }
