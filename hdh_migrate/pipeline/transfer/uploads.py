"""What the target holds before we write, and what earlier runs of ours left behind there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice

from hdh_migrate.clocks import seconds_of
from hdh_migrate.codes import Code, Severity
from hdh_migrate.errors import IF_IT_HAS, AccessDenied, Unsupported
from hdh_migrate.events.objects import OrphanAborted
from hdh_migrate.events.run import TargetSurveyed
from hdh_migrate.model import DatasetRow, Entry, Place, Stamp, State, Upload, is_reserved
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.transfer.known import ASKED, demand_known
from hdh_migrate.pipeline.verify.version_order import demand_bare
from hdh_migrate.pipeline.workers.work import Route
from hdh_migrate.ports.ledger import Ledger
from hdh_migrate.telemetry import counted

PROBE = ".hdh-migrate-may-write"
"""The key, under a dataset's prefix, of the upload that shows whether we may write."""


PORTION = 5_000
"""Objects at the target between two commits."""


def may_be_ours(
    ledger: Ledger, batch: str, named: Sequence[tuple[Entry, State]], upload: Upload, began: str
) -> bool:
    """Say whether an open upload under the key of these objects can be one that we began.

    Consumers upload under the same keys, before we come and above all after a switch. Ours was not
    there before us, and is of an object that was tried and was not verified yet when it `began`.
    """
    if ledger.is_foreign(upload.upload_id):
        return False
    tried = [(entry, state) for entry, state in named if entry.attempt]
    if any(state is not State.VERIFIED for _, state in tried):
        return True
    rows = ledger.erasable_of(batch, [entry.id for entry, _ in tried], whole=True)
    ends = [row.verified_at for row in rows if row.verified_at is not None]
    return any(seconds_of(began) <= seconds_of(end) for end in ends)


def is_elsewhere(routes: Iterable[Route], route: Route, upload: Upload) -> bool:
    """Say whether an upload is in the place of another dataset that lies within this one's."""
    inner = (one.target for one in routes if one.target.bucket == upload.bucket)
    prefixes = [one.prefix for one in inner if upload.key.startswith(one.prefix)]
    return len(max(prefixes, key=len, default="")) > len(route.target.prefix)


def tell_others(ledger: Ledger, dataset: DatasetRow, begun: Sequence[str]) -> None:
    """Keep a note of how many uploads of others are open in a dataset's place, and since when.

    Only people can tell whose they are: a restored or new ledger takes uploads that an earlier one
    began for somebody else's. If there are none, the note is closed.
    """
    detail = None
    if begun:
        detail = f"{counted(len(begun), _STANDS, _STAND)} {min(begun, key=seconds_of)}"
    noted = [
        one
        for one in ledger.findings(severity=Severity.NOTE)
        if one["code"] == Code.UPLOADS_OF_OTHERS and one["dataset"] == dataset.name
    ]
    if [one["detail"] for one in noted] == [detail] * (detail is not None):
        return
    for one in noted:
        ledger.close_finding(one["id"])
    if detail is not None:
        ledger.finding(Code.UPLOADS_OF_OTHERS, detail, dataset=dataset.id)


_STANDS = (
    "multipart upload that this ledger did not begin stands open in the dataset's place at the"
    " target, since"
)
_STAND = (
    "multipart uploads that this ledger did not begin stand open in the dataset's place at the"
    " target, the oldest since"
)


class TargetSurvey:
    """Looks at a dataset's prefix on the target."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def survey(self, dataset: DatasetRow) -> None:
        """Look once, before the first write: existing objects and other people's uploads.

        An object that is there already is asked for before its key is written, so that nothing
        is ever overwritten in silence, whether or not the target knows conditional writes.
        """
        ctx, route = self._ctx, self._ctx.route(dataset)
        self.may_write(dataset)
        if route.every_version:
            demand_bare(ctx, dataset)
        found = self.occupy(dataset, most=ASKED)
        for upload, _ in self._open(route.target):
            if upload.key == route.target.prefix + PROBE:
                self._abort(upload)  # of an earlier run that died between begin and abort
            else:
                ctx.ledger.note_foreign(upload.upload_id)
        ctx.ledger.surveyed(dataset.id)
        ctx.ledger.event(TargetSurveyed(dataset=dataset.name, occupied=found))
        ctx.ledger.commit()

    def occupy(self, dataset: DatasetRow, *, most: int) -> int:
        """Note of each object whether the target holds something under its key; return how many.

        It is then asked for before anything is written there. At most so many that were never
        tried are asked for now: see `demand_known`.

        Raises:
            LedgerBehind: the target holds what was moved with another, or a newer, ledger.
        """
        ctx, route = self._ctx, self._ctx.route(dataset)

        def keys() -> Iterator[str]:
            for stored in ctx.reader.keys(route.target):
                key = route.source_key(stored.key)
                if key is not None and not is_reserved(stored.key):
                    yield key

        def first() -> list[Entry]:
            known = (ctx.ledger.find(dataset.id, key) for key in keys())
            waiting = (one[0] for one in known if one is not None and one[1] is State.LISTED)
            return list(islice((one for one in waiting if one.attempt == 0), most))

        def look() -> int:
            found = 0
            for number, key in enumerate(keys(), 1):
                found += ctx.ledger.occupied(dataset.id, key)
                if number % PORTION == 0:  # noted again it is the same: killed, it is looked anew
                    ctx.ledger.commit()
            return found

        if most:
            demand_known(ctx, dataset, ctx.retry(first))
        return ctx.retry(look)

    def sweep(self, dataset: DatasetRow) -> None:
        """Abort uploads of ours that the ledger does not know: begun, then the process died.

        Those of others are left alone, and a note tells of them.
        """
        ctx, route = self._ctx, self._ctx.route(dataset)
        others = list[str]()
        for upload, began in self._open(route.target):
            key = route.source_key(upload.key)
            found = ctx.ledger.named(dataset.id, key) if key is not None else []
            known = (ctx.ledger.upload(entry.id) for entry, _ in found)
            if any(one is not None and one.upload_id == upload.upload_id for one in known):
                continue
            if may_be_ours(ctx.ledger, dataset.batch, found, upload, began):
                self._abort(upload)
                ctx.ledger.event(OrphanAborted(id=found[0][0].id))
            elif not is_elsewhere(ctx.routes.values(), route, upload):
                others.append(began)
        tell_others(ctx.ledger, dataset, others)
        ctx.ledger.commit()

    def may_write(self, dataset: DatasetRow) -> None:
        """Open an upload and abort it, so that a missing right shows before any object does.

        Raises:
            AccessDenied: the credential may not write here; nothing was written.
        """
        ctx, target = self._ctx, self._ctx.route(dataset).target
        writer = ctx.writer
        assert writer is not None
        stamp = Stamp(attempt=f"{ctx.run_tag}.0.0")
        key = target.prefix + PROBE
        try:
            upload = ctx.retry(lambda: writer.begin(target.bucket, key, stamp=stamp))
            self._abort(upload)
        except AccessDenied as error:
            raise AccessDenied(
                f"target bucket {target.bucket}: no right to write",
                hint="nothing was written; the credential needs s3:PutObject and"
                f" s3:AbortMultipartUpload; {IF_IT_HAS}",
            ) from error

    def _abort(self, upload: Upload) -> None:
        writer = self._ctx.writer
        assert writer is not None
        try:
            self._ctx.retry(partial(writer.abort, upload))
        except Unsupported:
            self._ctx.progress.note("the target cannot abort uploads; what is left of them stays")

    def _open(self, place: Place) -> list[tuple[Upload, str]]:
        writer = self._ctx.writer
        assert writer is not None
        try:
            return self._ctx.retry(lambda: list(writer.open_uploads(place)))
        except Unsupported:
            self._ctx.progress.note("the target cannot list open uploads; none were swept")
            return []
