"""Translate parts of a plan into what the pipeline needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hdh_migrate.fidelity import Way
from hdh_migrate.model import Role
from hdh_migrate.pipeline.planning import PlannedPace
from hdh_migrate.plan.model import Plan

if TYPE_CHECKING:
    from hdh_migrate.pipeline.context import DatasetRules
    from hdh_migrate.pipeline.pack_keeping import PackKeeping
    from hdh_migrate.pipeline.workers.work import Route
    from hdh_migrate.plan.datasets import Dataset
    from hdh_migrate.plan.selection import Conditions


def pace_of(plan: Plan) -> PlannedPace:
    """Return what the plan says of speed."""
    tables = plan.rates(Role.MOVE)
    return PlannedPace(
        connections=plan.engine.connections,
        bandwidth=min((max(table.rates) for table in tables), default=None),
        slowest=min((min(table.rates) for table in tables), default=None),
        connection_rate=plan.limits.connection_bytes_per_second,
    )


def header_size_of(plan: Plan) -> int:
    """Return the bytes that stand before every sealed object; no key is read."""
    if plan.seal.form != "inline":
        return 0
    from hdh_migrate.sealing.packets import header_size

    return header_size(len(plan.seal.recipients))


def packs_of(plan: Plan, base: Path) -> PackKeeping:
    """Return what keeps the header packs of a plan, if it has any."""
    from hdh_migrate.pipeline.own_files.folder_packs import FolderPacks
    from hdh_migrate.pipeline.pack_keeping import NoPacks

    place = plan.seal.second_copy
    if place is None:
        return NoPacks()
    return FolderPacks(base / place.path / plan.migration, named=place.path)


def routes_of(plan: Plan) -> dict[str, Route]:
    """Return where each dataset comes from and goes to."""
    from hdh_migrate.pipeline.workers.work import Route

    return {
        dataset.name: Route(
            source=dataset.source.place,
            target=dataset.target.place,
            suffix=plan.seal.suffix,
            keeping=dataset.target.keeping,
        )
        for dataset in plan.datasets
    }


def moments_of(plan: Plan, known: Mapping[str, str], now: str) -> dict[str, str]:
    """Return from when the relative ages of each batch count that asks for some.

    What is not `known` counts from `now`.
    """
    from hdh_migrate.pipeline.rules.ruling import RELATIVE

    found = {}
    for batch in plan.batches:
        rules = [rule for name in batch.datasets for rule in _conditions(plan.dataset(name))]
        if any(rule.model_fields_set & RELATIVE for rule in rules):
            found[batch.name] = known.get(batch.name, now)
    return found


def rules_of(plan: Plan, base: Path, moments: Mapping[str, str]) -> dict[str, DatasetRules]:
    """Return each dataset's rules, compiled; lists of keys are read when they are first asked.

    `moments` are those of `moments_of`.
    """
    from hdh_migrate.pipeline.context import DatasetRules
    from hdh_migrate.pipeline.rules.ruling import compile_rules
    from hdh_migrate.wiring.conditions import Compiler

    compiler = Compiler(plan, base)
    batch_of = {name: batch.name for batch in plan.batches for name in batch.datasets}
    found = {}
    for dataset in plan.datasets:
        moment = moments.get(batch_of[dataset.name])
        found[dataset.name] = DatasetRules(
            rules=compile_rules(
                [compiler.rule(dataset, one, moment, takes=True) for one in dataset.include],
                [compiler.rule(dataset, one, moment, takes=False) for one in dataset.exclude],
                fold=dataset.collisions == "refuse",
                allowed_unused=[
                    f"{field}[{number}]"
                    for field, entries in (
                        ("include", dataset.include),
                        ("exclude", dataset.exclude),
                    )
                    for number, one in enumerate(entries)
                    if not isinstance(one, str) and one.allow_unused
                ],
                moment=moment,
                keep_directories=dataset.contract.directories is Way.KEPT,
                allow_leased=dataset.allow_leased is not None,
            ),
            allow_empty=dataset.allow_empty,
            live=dataset.live,
            compare_md5=dataset.ignore_md5 is None,
            keep_vanished=dataset.vanished == "keep-at-target",
            contract=dataset.contract,
        )
    return found


def _conditions(dataset: Dataset) -> Iterator[Conditions]:
    yield from (one for one in dataset.include if not isinstance(one, str))
    yield from dataset.exclude
