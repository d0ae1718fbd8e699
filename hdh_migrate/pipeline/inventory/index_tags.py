"""Index tags of the source: they change without a new version, so a version vouches for none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hdh_migrate.codes import Code
from hdh_migrate.errors import Missing, Refused
from hdh_migrate.fidelity import Way
from hdh_migrate.model import DatasetRow, Verified
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.workers.work import Route

OTHER_TAGS = "it has other index tags now"
"""Why a source object is kept whose version is the one that was moved."""

_NEVER_READ = frozenset((Code.TAGS_UNREAD, Code.TAGS_UNSUPPORTED))


def are_followed(ctx: Context, dataset: DatasetRow) -> bool:
    """Say whether a dataset's objects are moved with their index tags, as they are now.

    What is wanted of a moment, or with its history, has the tags that it was listed with.
    """
    source = ctx.route(dataset).source
    kept = ctx.contract(dataset).ways["tags"] is not Way.DROPPED
    return kept and source.as_of is None and not source.every_version


class MovedTags:
    """The index tags with which a batch's objects were moved, held against the source's."""

    def __init__(self, ctx: Context, batch: str) -> None:
        self._ctx = ctx
        self._names = {
            row.id: row.name for row in ctx.ledger.datasets(batch) if are_followed(ctx, row)
        }
        self._never_read = {
            one["dataset"] for one in ctx.ledger.findings() if one["code"] in _NEVER_READ
        }

    def of(self, rows: Sequence[Verified]) -> dict[int, Mapping[str, str]]:
        """Return the tags of some objects by their ids, without those whose tags do not matter."""
        known = (
            self._ctx.ledger.pinned(row.dataset, row.key)
            for row in rows
            if row.dataset in self._names
        )
        return {one.number: one.tags for one in known if one is not None}

    def differ(self, route: Route, row: Verified, moved: Mapping[str, str]) -> bool:
        """Ask the source whether an object has other tags than were moved; never asks the ledger.

        What is not there has none that differ.

        Raises:
            Refused: the source let them be listed once, and does not now.
            Transient: no answer.
        """
        source = self._ctx.source
        try:
            now = source.listed(route.source, row.key)
        except Missing:
            return False
        if source.untagged(route.source) is None:
            return now.tags != moved
        if (name := self._names[row.dataset]) in self._never_read:
            return False
        raise Refused(
            f"dataset {name}: its index tags were read when it was listed, and may not be read"
            " now, so nobody knows whether they are those that were moved",
            hint="nothing more is deleted; give the source's credential the right to read tags"
            " (sp=t), and give the same command again",
        )
