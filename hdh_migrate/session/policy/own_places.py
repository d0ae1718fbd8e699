"""What a migration lives by is not among the data that it moves: its plan, keys, ledger, copies.

A folder of this machine may hold them beside the data. They would be sent as objects, private keys
among them, and the ledger changes while it is read, so that no run would ever come to its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from hdh_migrate.model import Problem
from hdh_migrate.plan.loader import LoadedPlan
from hdh_migrate.session.policy.unshared import named_paths


def problems(loaded: LoadedPlan, state_dir: Path, selected: Sequence[str]) -> list[Problem]:
    """Return which datasets' folders hold something that the migration lives by."""
    plan, base = loaded.plan, loaded.base
    if plan.source.is_contacted:
        return []
    own = dict(_own(loaded, state_dir))
    chosen = {
        name for batch in plan.ordered_batches() if not selected or batch.name in selected
        for name in batch.datasets
    }  # fmt: skip
    return [
        Problem(
            where=f"dataset {dataset.name}",
            what=f"its folder {root} holds what is no data: {', '.join(found)}",
            hint="move the data into a folder of its own, or that out of it; nothing was sent",
        )
        for dataset in plan.datasets
        if dataset.name in chosen
        for root in [(base / dataset.source.place.bucket).resolve()]
        if (found := [what for path, what in own.items() if path.is_relative_to(root)])
    ]


def _own(loaded: LoadedPlan, state_dir: Path) -> Iterator[tuple[Path, str]]:
    yield loaded.path.resolve(), "the plan"
    yield state_dir.resolve(), "the folder of the ledger"
    copies = loaded.plan.seal.second_copy
    for name in (*named_paths(loaded.plan), *([] if copies is None else [copies.path])):
        yield (loaded.base / name).resolve(), name
