"""Whether a place can be reached, and keeps what the plan wants kept and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from hdh_migrate.errors import Permanent, Transient, of_access
from hdh_migrate.model import Place, Problem
from hdh_migrate.pipeline.verify.version_order import VERSIONING_HINT
from hdh_migrate.plan.datasets import Dataset
from hdh_migrate.wiring import Services


def tried(
    where: str, check: Callable[[Place], Sequence[Problem]], place: Place, *, demand: bool
) -> Sequence[Problem]:
    """Check a place; a store that does not let it be checked is a problem, too.

    Raises:
        Transient: it did not answer, and `demand`: who asks will not go on without.
    """
    try:
        return check(place)
    except (Transient, Permanent) as error:
        if demand and isinstance(error, Transient):
            raise
        return [Problem(where=where, what=str(error), hint=error.hint, auth=of_access(error))]


def _has(
    dataset: Dataset, has: Callable[[Place], bool], lack: str, hint: str, *, demand: bool
) -> Sequence[Problem]:
    """Check that a dataset's bucket has something that it needs."""
    where = f"target bucket {dataset.target.bucket}"

    def check(place: Place) -> Sequence[Problem]:
        return [] if has(place) else [Problem(where=where, what=lack, hint=hint)]

    return tried(where, check, dataset.target.place, demand=demand)


def keeps(services: Services, dataset: Dataset, *, demand: bool) -> Sequence[Problem]:
    """Check that a bucket has object lock if it is wanted, and has none that nobody planned.

    Most hosts cannot add it later, and refuse what is written to a bucket that keeps everything
    when it is not sent as under a lock.
    """
    if dataset.target.keeping is None:
        return tried(
            f"target bucket {dataset.target.bucket}", partial(_kept, services, dataset),
            dataset.target.place, demand=False,
        )  # fmt: skip
    hint = 'object lock is set when a bucket is made: "hdh-migrate provision PLAN" makes one so'
    lack = f"no object lock, which the retention of dataset {dataset.name} needs"
    return _has(dataset, services.reader.locks, lack, hint, demand=demand)


def _kept(services: Services, dataset: Dataset, place: Place) -> Sequence[Problem]:
    kept = services.reader.default_retention(place)
    if kept is None:
        return []
    return [
        Problem(
            where=f"target bucket {place.bucket}",
            what=f"its default retention keeps whatever is written for {kept}, and the plan does"
            " not say so",
            hint=f"say it in the plan (dataset {dataset.name}: target.retention) or name another"
            " bucket; once its batch has begun, which binds both, take the bucket's default"
            " retention away: what has a lock keeps it",
        )
    ]


def keeps_versions(services: Services, dataset: Dataset, *, demand: bool) -> Sequence[Problem]:
    """Check that a bucket keeps versions if all of them are wanted."""
    if not dataset.source.every_version:
        return []
    lack = f"it keeps no versions, which all versions of dataset {dataset.name} need"
    return _has(dataset, services.reader.keeps_versions, lack, VERSIONING_HINT, demand=demand)
