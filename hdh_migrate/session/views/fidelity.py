"""What a plan chose for what stands beside the bytes, dataset by dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hdh_migrate.fidelity import OVERFLOW, Way
from hdh_migrate.plan.model import Plan
from hdh_migrate.results.plans import FidelityFact


def fidelity(plan: Plan) -> list[FidelityFact]:
    """Return each dataset's contract."""
    return [
        {
            "dataset": one.name,
            "ways": one.contract.as_ways(),
            "as_of": one.source.moment,
            "all_versions": one.source.every_version,
        }
        for one in plan.datasets
    ]


def fidelity_text(facts: Sequence[FidelityFact]) -> Iterator[str]:
    """Give the contracts as lines for people; datasets with the same one share them."""
    for one in facts:
        if one["all_versions"]:
            yield f"versions of {one['dataset']}: all of them, with the snapshots, oldest first"
        if one["as_of"] is not None:
            yield f"versions of {one['dataset']}: what was current at {one['as_of']}"
    sharing: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for one in facts:
        sharing.setdefault(tuple(one["ways"].items()), []).append(one["dataset"])
    for ways, datasets in sharing.items():
        yield f"beside the bytes of {', '.join(datasets)}:"
        for way in Way:
            if names := [name for name, chosen in ways if chosen == way and name != OVERFLOW]:
                yield f"  {way}: {', '.join(names)}"
        yield f"  what is to be kept and does not fit: {dict(ways)[OVERFLOW]}"
