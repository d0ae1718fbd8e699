"""Compare the target's list of versions with the ledger: same order, and nothing else between.

Verify reads every version by its id, which does not say where it stands. So when a dataset with all
versions was read back, the target lists its versions, and those of each name must stand in the
ledger's order. What stands between them is reported: versions that cut-off attempts of ours left,
and what somebody else has written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from hdh_migrate.codes import Code
from hdh_migrate.errors import Refused
from hdh_migrate.frozen import mutable_row
from hdh_migrate.model import AT_TARGET, DatasetRow, State, StoredVersion, Verdict, is_reserved
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.tags import Tag
from hdh_migrate.pipeline.workers.work import Route
from hdh_migrate.telemetry import counted

CODES: Final = frozenset((Code.VERIFY_VERSION_ORDER, Code.VERSION_TWICE, Code.VERSION_FOREIGN))
PORTION: Final = 1_000
WAITS: Final = "a version of this name that comes before it is not at the target"
ASKED_MAX: Final = 1_000
"""Versions beside the manifest's that are asked for one by one whose they are."""

VERSIONING_HINT: Final = (
    "nothing was written; turn its versioning on (PutBucketVersioning), or leave `versions` out to"
    " move what is current"
)
MISPLACED: Final = "its versions do not stand at the target in the order of the source"


def ready(route: Route, kind: str) -> str:
    """Return the to-do query for what may be sent now: of versions, the next one of each name."""
    return f"ready_{kind}" if route.every_version else kind


def demand_bare(ctx: Context, dataset: DatasetRow) -> None:
    """Check that a target keeps versions, and has none yet under a dataset's names.

    Called before the first write: no version can be inserted below an existing one.

    Raises:
        Refused: it keeps none, or has some.
    """
    route, ledger = ctx.route(dataset), ctx.ledger
    if not ctx.retry(lambda: ctx.reader.keeps_versions(route.target)):
        raise Refused(
            f"bucket {route.target.bucket} keeps no versions, which all versions of dataset"
            f" {dataset.name} need",
            hint=VERSIONING_HINT,
        )

    def there() -> bool:
        for target_key, _ in groupby(ctx.reader.versions(route.target), key=lambda one: one.key):
            name = route.source_key(target_key)
            if name is not None and not is_reserved(target_key) and ledger.named(dataset.id, name):
                return True
        return False

    if ctx.retry(there):
        raise Refused(
            f"dataset {dataset.name}: the target has versions already under names of its objects,"
            " and nothing can be put beneath them",
            hint="nothing was written; give the dataset a target prefix under which nothing is",
        )


def set_aside(ctx: Context, dataset: DatasetRow) -> None:
    """End with a finding the versions that wait for a failed one; they are retried with it.

    Called when nothing is under way and everything was sent that could be.
    """
    ledger = ctx.ledger
    for kind in ("small", "big"):
        while waiting := ledger.todo(kind, dataset.id, PORTION):
            with ledger.whole():
                for entry in waiting:
                    ledger.failed(entry, State.LISTED, Code.VERSION_WAITS, Verdict.UNVERIFIABLE)
                    ledger.finding(Code.VERSION_WAITS, WAITS, dataset=dataset.id, entry=entry.id)
                ledger.commit()


@mutable_row
class VersionsBeside:
    """What the target has under a dataset's names beside the versions of the manifest."""

    ours: int = 0
    others: int = 0
    deleted: int = 0
    """Names whose last entry at the target is a delete."""
    asked: int = 0


_NONE_OF_OURS = "version at the target is none of this migration"
_ALL_NONE_OF_OURS = "versions at the target are none of this migration"
_TWICE = (
    "version at the target was left by an attempt that was cut off; it stands right before the one"
    " that was sent again, which the manifest has"
)
_ALL_TWICE = (
    "versions at the target were left by attempts that were cut off; each stands right before the"
    " one that was sent again, which the manifest has"
)


class VersionOrder:
    """Compares the order of versions for one dataset; again is safe, and says the same."""

    def __init__(self, ctx: Context, dataset: DatasetRow) -> None:
        self._ctx, self._dataset, self._beside = ctx, dataset, VersionsBeside()
        self._wrong: list[int] = []

    def check(self) -> None:
        """List the target's versions and write down what is not as it should be.

        Raises:
            StorageError: they cannot be listed.
        """
        self._beside, self._wrong = self._ctx.retry(self._listed)
        ledger, dataset = self._ctx.ledger, self._dataset
        with ledger.whole():
            for found in ledger.findings():
                if found["dataset"] == dataset.name and found["code"] in CODES:
                    ledger.close_finding(found["id"])
            for number in self._wrong:
                ledger.finding(
                    Code.VERIFY_VERSION_ORDER, MISPLACED, dataset=dataset.id, entry=number
                )
            for code, detail in self._said():
                ledger.finding(code, detail, dataset=dataset.id)
            ledger.commit()

    def _said(self) -> Iterator[tuple[Code, str]]:
        if ours := self._beside.ours:
            yield Code.VERSION_TWICE, counted(ours, _TWICE, _ALL_TWICE)
        if self._beside.others or self._beside.deleted:
            foreign = (
                f"{counted(self._beside.others, _NONE_OF_OURS, _ALL_NONE_OF_OURS)}, and"
                f" {counted(self._beside.deleted, 'name was', 'names were')} deleted there since"
            )
            yield Code.VERSION_FOREIGN, foreign

    # --- what the target lists ---------------------------------------------------------------

    def _listed(self) -> tuple[VersionsBeside, list[int]]:
        route, beside, wrong = self._ctx.route(self._dataset), VersionsBeside(), list[int]()
        versions = self._ctx.reader.versions(route.target)
        for target_key, some in groupby(versions, key=lambda one: one.key):
            name = route.source_key(target_key)
            if name is None or is_reserved(target_key) or route.is_sidecar(name):
                continue
            oldest_first = [*some][::-1]
            wrong.extend(self._name(route.target.bucket, name, oldest_first, beside))
        return beside, wrong

    def _name(
        self, bucket: str, name: str, listed: Sequence[StoredVersion], beside: VersionsBeside
    ) -> Iterator[int]:
        """Give the number of the first version of a name that does not stand where it should."""
        held = [
            entry
            for entry, state in self._ctx.ledger.named(self._dataset.id, name)
            if state in AT_TARGET and entry.version_id is not None
        ]
        if not held:
            return  # nothing of ours: it is of another dataset, or of nobody here
        at = {one.version_id: number for number, one in enumerate(listed)}
        places = [at.get(str(entry.version_id), -1) for entry in held]
        for entry, before, place in zip(held, [-1, *places], places, strict=False):
            if place <= before:
                yield entry.id
                break
        known, numbers = {entry.version_id for entry in held}, {entry.id for entry in held}
        beside.deleted += any(one.marker and one.latest for one in listed)
        for one in listed:
            if one.version_id not in known and not one.marker:
                self._whose(bucket, one, numbers, beside)

    def _whose(
        self, bucket: str, one: StoredVersion, numbers: set[int], beside: VersionsBeside
    ) -> None:
        beside.asked += 1
        stored = None
        if beside.asked <= ASKED_MAX:
            stored = self._ctx.reader.head(bucket, one.key, version_id=one.version_id)
        tag = None if stored is None else Tag.of(stored)
        ours = (
            tag is not None
            and tag.entry in numbers
            and (tag.ledger == self._ctx.run_tag or tag.ledger in self._ctx.adopted)
        )
        beside.ours += ours
        beside.others += not ours
