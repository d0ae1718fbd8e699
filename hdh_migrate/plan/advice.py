"""Notes about what is valid in a plan but probably not intended; never refusals."""

from __future__ import annotations

from collections.abc import Iterator

from hdh_migrate.model import Role
from hdh_migrate.plan.datasets import Dataset
from hdh_migrate.plan.hours import ZONE
from hdh_migrate.plan.model import Plan


def advice(plan: Plan) -> list[str]:
    """Return a note for each place of the plan that may have another effect than intended."""
    return [
        *(note for dataset in plan.datasets for note in _of_dataset(dataset)),
        *_of_hours(plan),
    ]


def _of_hours(plan: Plan) -> Iterator[str]:
    tables = [table for role in Role for table in plan.rates(role) if table.hours]
    if plan.zone is None and any(table.zone == ZONE for table in tables):
        yield (
            "limits: the hours of a timetable are UTC, for neither it nor `windows` names a zone;"
            " say zone: Europe/Paris, say, in the timetable"
        )


def _of_dataset(dataset: Dataset) -> Iterator[str]:
    name, source, target = dataset.name, dataset.source.place.prefix, dataset.target.prefix
    if source and not source.endswith("/"):
        yield (
            f"dataset {name}: the source's prefix ends without a slash: it takes every key that"
            " begins with it, such as those of a folder whose name goes on; end it in `/` to take"
            " one folder"
        )
    elif target and not target.endswith("/"):
        yield (
            f"dataset {name}: the target's prefix ends without a slash, so names are put right"
            " behind it; end it in `/` to put them in a folder"
        )
    globs = {
        **{
            f"include[{n}]": rule if isinstance(rule, str) else rule.glob
            for n, rule in enumerate(dataset.include)
        },
        **{f"exclude[{n}]": rule.glob for n, rule in enumerate(dataset.exclude)},
    }
    for place, glob in globs.items():
        if glob is not None and glob.endswith("/") and not glob.endswith("*/"):
            yield (
                f"dataset {name}: {place} ends in `/`, so it matches the folder's own marker only;"
                " end it in `/**` for what is in the folder"
            )
