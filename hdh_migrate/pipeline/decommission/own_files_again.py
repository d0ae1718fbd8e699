"""Files of the tool's own beside a batch, looked at once more before its source is deleted.

A sidecar keeps what the source said of its objects and no object at the target can have. Once the
source is gone nobody else says it, so its files are read again as the objects are. Header packs
have looks of their own (`folder_packs.py`), with their second copies.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from hdh_migrate.errors import Conflict, Missing, TargetDiffers
from hdh_migrate.model import Verified
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.rotation.renewing import stored_of
from hdh_migrate.pipeline.workers.rechecking import compared, demand_lasting
from hdh_migrate.pipeline.workers.work import Route

_AT_ONCE = 500


def demand_sidecars(ctx: Context, batch: str) -> None:
    """Demand that the target holds each file of a batch's sidecars as it was verified; reads them.

    Raises:
        TargetDiffers: one is not there, or has other bytes.
        StorageError: the target does not answer.
    """
    for route, row in _files(ctx, batch):

        def digest(route: Route = route, row: Verified = row) -> str:
            read = hashlib.sha256()
            ctx.reader.read(route.target.bucket, stored_of(route, row), None, read.update)
            return read.hexdigest()

        try:
            same = ctx.retry(digest) == row.stored_sha256
        except (Missing, Conflict):
            same = False
        if not same:
            raise _lost()


def glance_at_sidecars(ctx: Context, batch: str) -> int:
    """Demand that these files are there still, without reading; return how many there are.

    Raises:
        TargetDiffers: one is not, or is another one by its size, ETag or version.
        Refused: the target announces that it will delete one by itself.
        StorageError: the target does not answer.
    """
    seen = 0
    for route, row in _files(ctx, batch):
        where = (route.target.bucket, route.target_key(row.key))
        now = ctx.retry(lambda where=where: ctx.reader.head(*where))  # type: ignore[misc]
        if compared(now, (row.stored_size, row.etag, row.version_id)) is not None:
            raise _lost()
        demand_lasting(now)
        seen += 1
    return seen


def _files(ctx: Context, batch: str) -> Iterator[tuple[Route, Verified]]:
    rows, after = {row.id: row for row in ctx.ledger.datasets(batch)}, 0
    while some := ctx.ledger.own_verified(batch, after, _AT_ONCE):
        for one in some:
            dataset = rows[one.dataset]
            route = ctx.route(dataset)
            if not one.key.startswith(route.header_packs(dataset.name)):
                yield route, one
        after = some[-1].id


def _lost() -> TargetDiffers:
    return TargetDiffers(
        "the target does not hold a file of the sidecar as it was verified: it keeps what the"
        " source says of its objects",
        hint='nothing more is deleted; "hdh-migrate verify PLAN --again" tells which it is, and'
        " lets the next run make it again; then give the same command again",
    )
