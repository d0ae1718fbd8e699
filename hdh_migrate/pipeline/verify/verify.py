"""Give every sent object of a batch its verdict, from bytes that are read back.

Provers have no access to the source (unless the plan says to read it again for each object). A
large object whose bytes do not have the MD5 that the source claims is therefore set aside, and its
source is asked by the movers.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import assert_never

from hdh_migrate.codes import Code, Severity
from hdh_migrate.errors import LedgerDamaged, Unsupported
from hdh_migrate.model import (
    MIB,
    MOVABLE,
    Entry,
    ObjectInfo,
    PartPlan,
    Role,
    State,
    Step,
)
from hdh_migrate.orders import AgainOrder, Order, SentPart, VerifyItem, VerifyOrder
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.dating import Dating
from hdh_migrate.pipeline.dispatch import Dispatcher
from hdh_migrate.pipeline.queue import Queue, died
from hdh_migrate.pipeline.verify.version_order import VersionOrder
from hdh_migrate.pipeline.working_set import working_set
from hdh_migrate.receipts import (
    Begun,
    Completed,
    Digested,
    Doubted,
    Drifted,
    Failed,
    Gone,
    Lost,
    Matched,
    ObjectReceipt,
    PartSent,
    Rechecked,
    Resumed,
    Returned,
    Sent,
)
from hdh_migrate.telemetry import counted

FETCH_OBJECTS = 512
ORDER_BYTES = 32 * MIB

DOUBTED_MAX = 512
"""Objects that are set aside before the source is asked about them."""


class Verification:
    """Performs the verification of one batch; reading twice does no harm, so it has no intents."""

    def __init__(self, ctx: Context, batch: str, *, sampled: bool = True) -> None:
        self._ctx, self._batch = ctx, batch
        self._dispatch = Dispatcher(ctx, batch, Step.VERIFY, sampled=sampled)
        self._datasets = {row.id: row for row in working_set(ctx.ledger, batch)}
        self._after = dict.fromkeys(self._datasets, 0)
        self._queue = Queue[Entry](self._fetch, order_bytes=ORDER_BYTES)
        self._doubted: list[Entry] = []
        self._doubts = Queue[Entry](self._set_aside, order_bytes=ORDER_BYTES)
        self._reported: set[int] = set()
        self._apart = True
        """Whether headers may stand apart from their objects."""
        self._dated = Dating(ctx)

    def run(self) -> None:
        """Verify everything that was sent.

        Raises:
            AuthFailed, Interrupted, Transient: the run ended early and can be resumed.
        """
        self._read_all()
        for dataset in self._datasets.values():
            if self._ctx.route(dataset).every_version:
                VersionOrder(self._ctx, dataset).check()

    def _read_all(self) -> None:
        left = [self._ctx.ledger.tally(row, State.SENT) for row in self._datasets]
        objects, size = sum(t.objects for t in left), sum(t.size for t in left)
        if not objects:
            return
        self._ctx.progress.step(self._batch, Step.VERIFY, objects=objects, size=size)
        self._apart = self._ctx.ledger.has_headers()
        while True:
            self._dispatch.run(
                Role.PROVE,
                self._read_back,
                partial(self._apply, self._queue),
                partial(self._lost, self._queue),
            )
            more = len(self._doubted) >= DOUBTED_MAX
            if self._doubted:
                self._dispatch.run(
                    Role.MOVE,
                    partial(self._order, AgainOrder, self._doubts),
                    partial(self._apply, self._doubts),
                    partial(self._lost, self._doubts),
                )
            if not more:
                return

    def _read_back(self) -> Order | None:
        """Return the next order, None when none is left or enough was set aside."""
        if len(self._doubted) >= DOUBTED_MAX:
            return None
        return self._order(VerifyOrder, self._queue)

    def _order(
        self, kind: type[VerifyOrder | AgainOrder], queue: Queue[Entry]
    ) -> VerifyOrder | AgainOrder | None:
        taken = queue.take()
        if not taken:
            return None
        return kind(
            dataset=self._datasets[taken[0].dataset].name,
            objects=tuple(self._item(entry) for entry in taken),
        )

    def _fetch(self) -> list[Entry]:
        for dataset, after in self._after.items():
            found = self._ctx.ledger.todo("verify", dataset, after, FETCH_OBJECTS)
            if found:
                self._after[dataset] = found[-1].id
                return found
        return []

    def _set_aside(self) -> list[Entry]:
        """Give what the source is to be asked about; it is not set aside any more."""
        entries, self._doubted = self._doubted, []
        return entries

    def _item(self, entry: Entry) -> VerifyItem:
        if entry.stored_size is None or entry.etag is None:
            raise LedgerDamaged(f"object {entry.id} counts as sent and has no receipt")
        parts, header = self._parts(entry) if entry.sha256 is None else ((), None)
        if header is None and self._apart:
            header = self._ctx.ledger.header(entry.id)
        return VerifyItem(
            **self._ctx.about(entry, self._datasets[entry.dataset]),
            stored_size=entry.stored_size,
            etag=entry.etag,
            version_id=entry.version_id,
            sha256=entry.sha256,
            sealed_sha256=entry.sealed_sha256,
            parts=parts,
            header=header,
        )

    def _parts(self, entry: Entry) -> tuple[tuple[SentPart, ...], bytes]:
        upload = self._ctx.ledger.upload(entry.id)
        assert upload is not None, "a multipart object keeps its parts until it is verified"
        plan = PartPlan.begun(upload.segments, entry.obj.size)
        parts = (
            SentPart(
                size=plan.span(part.number, entry.obj.size).length,
                sha256=part.sha256,
                stored_size=part.stored_size,
                sealed_sha256=part.sealed_sha256,
            )
            for part in self._ctx.ledger.parts(entry.id)
        )
        return tuple(parts), upload.header

    def _apply(self, queue: Queue[Entry], receipt: ObjectReceipt) -> None:
        receipt = self._dispatch.judged(receipt)
        entry = queue.landed(receipt)
        if entry is None:
            return
        match receipt:
            case Failed():
                self._failed(entry, receipt)
            case Returned():
                if not self._ctx.stop.is_set():
                    queue.again(entry)
            case Matched() | Doubted():
                if queue is self._queue:  # of the others nobody has read the target back
                    self._read(entry, receipt)
            case (
                Sent() | Begun() | PartSent() | Resumed() | Completed() | Gone()
                | Drifted() | Rechecked() | Digested()
            ):  # fmt: skip
                pass  # no answer to what was asked: it stays unverified
            case _:
                assert_never(receipt)

    def _read(self, entry: Entry, receipt: Matched | Doubted) -> None:
        match receipt:
            case Matched():
                self._verified(entry, receipt)
            case Doubted():
                self._doubted.append(entry)
            case _:
                assert_never(receipt)

    def _verified(self, entry: Entry, receipt: Matched) -> None:
        ledger, receipt = self._ctx.ledger, self._dated.of(receipt)
        if receipt.beside:
            with ledger.whole():
                ledger.verified(entry, receipt)
                self._found_beside(entry, receipt)
        else:
            ledger.verified(entry, receipt)
        self._dispatch.advance(1, entry.obj.size, of=entry.id)

    def _found_beside(self, entry: Entry, receipt: Matched) -> None:
        for code, detail in receipt.beside:
            if code is Code.METADATA_RENAMED:
                self._renamed(entry.dataset, detail)
            else:
                self._ctx.ledger.finding(code, detail, dataset=entry.dataset, entry=entry.id)

    def _renamed(self, dataset: int, detail: str) -> None:
        """Tell once for a dataset that its host changes names of metadata, with a count."""
        ledger, name = self._ctx.ledger, self._datasets[dataset].name
        noted = (
            found["dataset"] == name and found["code"] == Code.METADATA_RENAMED
            for found in ledger.findings(severity=Severity.FINDING)
        )  # fmt: skip
        if dataset in self._reported or any(noted):
            self._reported.add(dataset)
            return
        count = sum(any("_" in name for name in names) for names in ledger.metadata(dataset))
        ledger.finding(
            Code.METADATA_RENAMED,
            f"{detail}; {counted(count, 'object has', 'objects have')} such names",
            dataset=dataset,
        )  # fmt: skip
        self._reported.add(dataset)

    def _failed(self, entry: Entry, receipt: Failed) -> None:
        ledger, code = self._ctx.ledger, receipt.code
        with ledger.whole():
            if receipt.now is not None:
                entry = self._amended(entry, receipt.now.pinned(entry.obj.key))
            ledger.failed(entry, State.SENT, code, receipt.verdict)
            ledger.finding(
                code.in_verify, receipt.detail,
                dataset=entry.dataset, entry=entry.id,
            )  # fmt: skip
        self._dispatch.advance(1, entry.obj.size, of=entry.id)

    def _amended(self, entry: Entry, now: ObjectInfo) -> Entry:
        """Let the next attempt be at the object as the source describes it now."""
        ctx = self._ctx
        if now.kind not in MOVABLE:
            return entry  # the next attempt finds that out, and says so
        try:
            plan = ctx.cut(now.size)
        except Unsupported:
            return entry
        ctx.ledger.amend(entry, now, plan.count)
        return replace(entry, obj=now)

    def _lost(self, queue: Queue[Entry], lost: Lost) -> None:
        for entry in queue.lost(lost):
            self._failed(entry, died(entry))
