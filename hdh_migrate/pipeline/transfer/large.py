"""Large objects: begin, parts in any order, complete.

After a crash the target is asked what it holds before a part is trusted.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from enum import Enum, auto
from typing import assert_never

from hdh_migrate.codes import Code
from hdh_migrate.errors import (
    LedgerBehind,
    MigrateError,
    Missing,
    Stopped,
    StorageError,
    Unsupported,
)
from hdh_migrate.frozen import mutable_row
from hdh_migrate.model import (
    DatasetRow,
    Entry,
    OpenUpload,
    PartPlan,
    Upload,
    Verdict,
)
from hdh_migrate.orders import (
    BeginOrder,
    CompleteItem,
    CompleteOrder,
    HeldPart,
    Order,
    OrderItem,
    PartItem,
    PartOrder,
    ResumeItem,
    ResumeOrder,
)
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.dispatch import Dispatcher, number_of, unasked
from hdh_migrate.pipeline.ends import Ends
from hdh_migrate.pipeline.queue import Attempted
from hdh_migrate.pipeline.tags import UNKNOWN
from hdh_migrate.pipeline.verify.version_order import ready
from hdh_migrate.receipts import (
    Begun,
    Completed,
    Digested,
    Doubted,
    Drifted,
    Failed,
    Gone,
    Matched,
    ObjectReceipt,
    PartSent,
    Rechecked,
    Resumed,
    Returned,
    SealIntent,
    Sent,
)
from hdh_migrate.telemetry import counted

BIG_AT_ONCE = 4
"""Large objects under way, each with an upload of its own; fewer where the target bears fewer."""

KEPT_MAX = 16
"""Uploads of objects that failed in this run and whose parts stay at the target for the next."""

VANISHED_MAX = 3
STAGE = 0
"""Stands among part numbers for the order of a stage: begin, resume or complete."""


class UploadStage(Enum):
    """The next kind of order for a large object."""

    BEGIN = auto()
    RESUME = auto()
    PARTS = auto()
    COMPLETE = auto()


@mutable_row
class Big:
    """A large object being transferred."""

    entry: Entry
    dataset: DatasetRow
    plan: PartPlan
    upload: OpenUpload | None = None
    waiting: deque[int] = field(default_factory=deque)
    flying: set[int] = field(default_factory=set)  # numbers of parts under way, or STAGE
    stage: UploadStage = UploadStage.BEGIN


_KEPT_AT: Mapping[UploadStage, frozenset[Code]] = {
    UploadStage.PARTS: frozenset((Code.DENIED, Code.UNANSWERED, Code.UNREADABLE)),
    UploadStage.COMPLETE: frozenset((Code.DENIED, Code.UNANSWERED)),
}
"""Why an object may fail whose upload is good still, by the stage in which it does."""


class Large:
    """The large objects of a batch on their way."""

    def __init__(
        self, ctx: Context, dispatch: Dispatcher, datasets: Mapping[int, DatasetRow], ends: Ends
    ) -> None:
        self._ctx, self._dispatch, self._datasets, self._ends = ctx, dispatch, datasets, ends
        self._big: dict[int, Big] = {}
        self._vanished: dict[int, int] = {}
        self._kept = 0
        self._at_once = min(BIG_AT_ONCE, ctx.limits.max_open_uploads or BIG_AT_ONCE)
        self.began: set[int] = set()
        """The datasets of which an upload may have begun that nobody heard of."""

    def resume(self, entry: Entry, upload: OpenUpload) -> None:
        """Go on with an upload of an earlier run."""
        plan = PartPlan.begun(upload.segments, entry.obj.size)
        dataset = self._datasets[entry.dataset]
        self._big[entry.id] = Big(entry, dataset, plan, upload, stage=UploadStage.RESUME)

    # --- orders --------------------------------------------------------------------------------

    def next(self) -> Order | None:
        """Return the next order, None when nothing waits."""
        while len(self._big) < self._at_once and (entry := self._claim()) is not None:
            self._plan(entry)
        for big in self._big.values():
            if big.stage is not UploadStage.PARTS and not big.flying:
                return self._stage_order(big)
            if big.stage is UploadStage.PARTS and big.waiting:
                return self._part_order(big)
        return None

    def _plan(self, entry: Entry) -> None:
        try:
            plan = self._ctx.cut(entry.obj.size)
        except Unsupported as error:  # a probe has lowered a limit since the inventory
            self._ends.failed(entry, Code.REFUSED, Verdict.UNVERIFIABLE, str(error))
            return
        self._big[entry.id] = Big(entry, self._datasets[entry.dataset], plan)

    def _stage_order(self, big: Big) -> Order:
        about, dataset = self._ctx.about(big.entry, big.dataset), big.dataset.name
        big.flying.add(STAGE)
        self.began.add(big.dataset.id)
        if big.stage is UploadStage.BEGIN:
            return BeginOrder(dataset=dataset, objects=(OrderItem(**about),))
        assert big.upload is not None
        upload_id, parts = big.upload.upload_id, tuple(self._held(big))
        if big.stage is UploadStage.RESUME:
            resume = ResumeItem(**about, upload_id=upload_id, parts=parts)
            return ResumeOrder(dataset=dataset, objects=(resume,))
        complete = CompleteItem(**about, upload_id=upload_id, parts=parts)
        return CompleteOrder(dataset=dataset, objects=(complete,))

    def _held(self, big: Big) -> Iterator[HeldPart]:
        for part in self._ctx.ledger.parts(big.entry.id):
            yield HeldPart(number=part.number, etag=part.etag, stored_size=part.stored_size)

    def _part_order(self, big: Big) -> PartOrder:
        assert big.upload is not None
        number = big.waiting.popleft()
        big.flying.add(number)
        one = PartItem(
            **self._ctx.about(big.entry, big.dataset),
            number=number,
            segments=big.plan.segments,
            count=big.plan.count,
            upload_id=big.upload.upload_id,
            header=big.upload.header,
            sealed=tuple(self._ctx.ledger.sealed(big.entry.id, number)),
        )
        return PartOrder(dataset=big.dataset.name, objects=(one,))

    def _claim(self) -> Entry | None:
        for dataset in self._datasets:
            kind = ready(self._ctx.route(self._datasets[dataset]), "big")
            for entry in self._ctx.ledger.todo(kind, dataset, 1):
                return self._dispatch.claimed([entry])[0]
        return None

    # --- receipts ------------------------------------------------------------------------------

    def seals(self, intent: SealIntent) -> bool:
        """Record what is about to be sealed; False if the attempt is no longer current."""
        big = self._waits_for(intent)
        return (
            big is not None
            and intent.number in big.flying
            and self._ctx.ledger.seals(big.entry.id, intent.number, intent.size, intent.sha256)
        )

    def _waits_for(self, receipt: Attempted) -> Big | None:
        big = self._big.get(receipt.id)
        return big if big is not None and receipt.attempt == big.entry.attempt else None

    def apply(self, receipt: ObjectReceipt) -> None:
        """Record the receipt of an object, part or stage, unless its attempt is not current."""
        big, token = self._waits_for(receipt), number_of(receipt) or STAGE
        if big is None:
            return
        if not isinstance(receipt, Drifted | Failed) and token not in big.flying:
            return  # a second word on it: its worker died between receipt and goodbye
        big.flying.discard(token)
        self._apply(big, receipt)

    def _apply(self, big: Big, receipt: ObjectReceipt) -> None:
        match receipt:
            case Begun():
                self._begun(big, receipt)
            case PartSent():
                self._part(big, receipt)
            case Resumed():
                self._resumed(big, receipt)
            case Completed():
                self._completed(big)
            case Gone():
                self._restart(big)
            case Sent():
                self._sent(big, receipt)
            case Returned():
                self._returned(big, receipt)
            case Drifted() | Failed():
                self._ended(big, receipt)
            case Matched() | Doubted() | Rechecked() | Digested():
                raise unasked(receipt)
            case _:
                assert_never(receipt)

    def _begun(self, big: Big, receipt: Begun) -> None:
        big.upload = OpenUpload(
            entry=big.entry.id,
            attempt=big.entry.attempt,
            upload_id=receipt.upload_id,
            header=receipt.header,
            segments=big.plan.segments,
        )
        self._ctx.ledger.begun(big.upload)
        self._dispatch.under_way.anew(big.entry.id)
        self._dispatch.commit()  # no sealed byte leaves before its header is safe
        big.waiting.extend(range(1, big.plan.count + 1))
        big.stage = UploadStage.PARTS

    def _part(self, big: Big, receipt: PartSent) -> None:
        self._ctx.ledger.add_part(big.entry.id, receipt.part)
        self._dispatch.advance(0, receipt.size)
        self._dispatch.under_way.more(big.entry.id, receipt.size)
        self._when_all_parts(big)

    def _when_all_parts(self, big: Big) -> None:
        if not big.waiting and not big.flying and big.stage is UploadStage.PARTS:
            self._dispatch.commit()  # every part's receipt is safe before they become one object
            big.stage = UploadStage.COMPLETE

    def _resumed(self, big: Big, receipt: Resumed) -> None:
        held, done = set(receipt.held), 0
        for part in self._ctx.ledger.parts(big.entry.id):
            if part.number in held:
                done += big.plan.span(part.number, big.entry.obj.size).length
            else:
                self._ctx.ledger.drop_part(big.entry.id, part.number)
        known = {part.number for part in self._ctx.ledger.parts(big.entry.id)}
        big.waiting.extend(n for n in range(1, big.plan.count + 1) if n not in known)
        big.stage = UploadStage.PARTS
        done_parts, count = len(known), big.plan.count
        where = f"at part {done_parts + 1} of {count}"
        if done_parts == count:
            where = f"of which all {count} parts had arrived"
        self._ctx.progress.note(f"resumed a large object {where}")
        self._dispatch.found(done)
        self._when_all_parts(big)

    def _completed(self, big: Big) -> None:
        known = {part.number for part in self._ctx.ledger.parts(big.entry.id)}
        if len(known) == big.plan.count:
            big.stage = UploadStage.COMPLETE
        else:  # whoever completed it had every part's receipt
            self._dispatch.end(LedgerBehind(UNKNOWN))

    def _restart(self, big: Big) -> None:
        """Start an object again under a new data key; the attempt still counts."""
        self._ctx.ledger.drop_upload(big.entry.id)
        self._ctx.ledger.unclaim(big.entry)
        self._dispatch.under_way.ended(big.entry.id)
        del self._big[big.entry.id]

    def _sent(self, big: Big, receipt: Sent) -> None:
        assert big.upload is not None
        header = self._ctx.envelopes.apart(big.upload.header)
        self._ctx.ledger.sent(big.entry, replace(receipt, header=header))
        self._dispatch.advance(1, 0, of=big.entry.id)
        del self._big[big.entry.id]

    def _returned(self, big: Big, receipt: Returned) -> None:
        if receipt.number:
            insort(big.waiting, receipt.number)  # some servers take parts in order
        elif big.stage is UploadStage.BEGIN:
            self._restart(big)

    def _ended(self, big: Big, receipt: Drifted | Failed) -> None:
        if isinstance(receipt, Failed) and self._keeps(big, receipt.code):
            self._keep(big, receipt)
            return
        if big.upload is not None:
            self._abort(big)
        self._dispatch.under_way.ended(big.entry.id)
        del self._big[big.entry.id]
        missing = isinstance(receipt, Failed) and receipt.code is Code.MISSING
        if missing and big.upload is not None and self._source_has(big):
            self._upload_vanished(big)  # hosts drop an upload whose completion met a conflict
        else:
            self._ends.take(big.entry, receipt)

    def _keeps(self, big: Big, code: Code) -> bool:
        """Return whether to keep the parts of a failing object for the next run.

        Not if the failure means that other bytes or another key will be needed. An upload that
        cannot be resumed is given up, and so is one whose completion had an unclear result.
        """
        most = self._ctx.limits.max_open_uploads
        room = KEPT_MAX if most is None else min(KEPT_MAX, most - self._at_once)
        lasting = _KEPT_AT.get(big.stage, frozenset())
        return (
            code in lasting
            and self._kept < room
            and next(iter(self._ctx.ledger.parts(big.entry.id)), None) is not None
        )

    def _keep(self, big: Big, receipt: Failed) -> None:
        """Let an object fail; the next run goes on with its upload."""
        self._kept += 1
        arrived = len(self._ctx.ledger.parts(big.entry.id))
        self._dispatch.under_way.ended(big.entry.id)
        del self._big[big.entry.id]
        self._ends.failed(
            big.entry, receipt.code, receipt.verdict, receipt.detail, keeps_upload=True
        )
        self._ctx.progress.note(
            f"a large object failed ({receipt.code}); {arrived} of its {big.plan.count} parts have"
            " arrived and stay at the target, the next run goes on there"
            ' ("hdh-migrate cleanup PLAN" gives them up)'
        )

    def _upload_vanished(self, big: Big) -> None:
        """Start an object again whose upload is gone, up to a limit."""
        number = big.entry.id
        times = self._vanished[number] = self._vanished.get(number, 0) + 1
        if times < VANISHED_MAX:
            self._ctx.ledger.drop_upload(number)
            self._ctx.ledger.unclaim(big.entry)
            return
        detail = f"the target dropped the object's upload {counted(times, 'time')}"
        self._ends.failed(big.entry, Code.UPLOAD_DROPPED, Verdict.UNVERIFIABLE, detail)

    def _source_has(self, big: Big) -> bool:
        """Return whether the source may still have the object: perhaps only the upload is gone.

        True also if the source does not answer; the next attempt finds out.
        """
        ctx, route = self._ctx, self._ctx.route(big.dataset)
        try:
            ctx.retry(lambda: ctx.source.head(route.source, big.entry.obj.key))
        except Missing:
            return False
        except MigrateError:
            return True
        return True

    def _abort(self, big: Big) -> None:
        assert big.upload is not None
        ctx, route = self._ctx, self._ctx.route(big.dataset)
        writer = ctx.writer
        assert writer is not None
        upload = Upload(
            bucket=route.target.bucket,
            key=route.target_key(big.entry.obj.key),
            upload_id=big.upload.upload_id,
        )
        try:
            ctx.retry(lambda: writer.abort(upload))
        except (StorageError, Stopped):
            ctx.progress.note("an upload could not be aborted; the next run sweeps it")
