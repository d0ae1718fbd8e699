"""Move every listed object of a batch: intents, orders, receipts, and what to do when it fails.

Small objects travel in orders of many. A large one is a little story of its own: begin, parts in
any order, complete; after a crash the target is asked what it holds before a part is trusted.
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hdh_migrate.errors import MigrateError, StorageError, Unsupported
from hdh_migrate.model import (
    MIB,
    DatasetRow,
    Entry,
    OpenUpload,
    PartPlan,
    PartReceipt,
    State,
    Step,
    Upload,
    Verdict,
)
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.dispatch import Dispatcher
from hdh_migrate.pipeline.queue import DIED, Deaths, Queue
from hdh_migrate.pipeline.uploads import Uploads
from hdh_migrate.pipeline.work import repinned
from hdh_migrate.ports import Order
from hdh_migrate.receipts import returned

CLAIM_OBJECTS = 256
ORDER_BYTES = 16 * MIB
BIG_AT_ONCE = 4
"""Large objects under way, each with an upload of its own; fewer where the target bears fewer."""

DRIFTS_MAX = 3
VANISHED_MAX = 3
BYTES_DIFFER = "the source gave other bytes for a part than before, under the same version"
STAGE = 0
"""Stands among part numbers for the order of a stage: begin, resume or complete."""


@dataclass(slots=True)
class Big:
    """A large object under way."""

    entry: Entry
    dataset: DatasetRow
    plan: PartPlan
    upload: OpenUpload | None = None
    waiting: deque[int] = field(default_factory=deque)
    flying: set[int] = field(default_factory=set)  # numbers of parts under way, or STAGE
    stage: str = "begin"  # begin, resume, parts, complete; the order that comes next


class Transfer:
    """Performs the transfer of one batch; run again, it converges to the same end."""

    def __init__(self, ctx: Context, batch: str) -> None:
        self._ctx, self._batch = ctx, batch
        self._dispatch = Dispatcher(ctx, batch, Step.TRANSFER)
        self._datasets = {row.id: row for row in ctx.ledger.datasets(batch)}
        self._deaths = Deaths()
        self._small = Queue[Entry](self._claim_small, order_bytes=ORDER_BYTES, deaths=self._deaths)
        self._big: dict[int, Big] = {}
        self._vanished: dict[int, int] = {}
        self._began: set[int] = set()
        self._turn = 0
        self._big_at_once = min(BIG_AT_ONCE, ctx.limits.max_open_uploads or BIG_AT_ONCE)

    def run(self) -> None:
        """Send everything that is listed.

        Raises:
            AuthFailed, Interrupted, Transient: the run ended early and can be resumed.
        """
        for dataset in self._datasets.values():
            self._prepare(dataset)
        left = [self._ctx.ledger.tally(row, State.LISTED, State.SENDING) for row in self._datasets]
        objects, size = sum(t.objects for t in left), sum(t.size for t in left)
        if not objects:
            return
        self._ctx.progress.step(self._batch, Step.TRANSFER, objects=objects, size=size)
        self._dispatch.run(self._next, self._apply, self._record)
        for number in self._began:
            # A begin whose reply was lost, or whose worker died, left an upload nobody knows.
            Uploads(self._ctx).sweep(self._datasets[number])

    # --- before the first order --------------------------------------------------------------

    def _prepare(self, dataset: DatasetRow) -> None:
        ledger = self._ctx.ledger
        uploads = Uploads(self._ctx)
        if not dataset.surveyed:
            uploads.survey(dataset)
        ledger.retry_failed(dataset.id)
        for entry in ledger.todo("sending", dataset.id):
            upload = ledger.upload(entry.id) if entry.parts else None
            if upload is None or upload.attempt != entry.attempt:
                ledger.unclaim(entry)
            elif not upload.recorded:
                ledger.drop_upload(entry.id)  # the sweep aborts it at the target
                ledger.unclaim(entry)
            else:
                self._big[entry.id] = self._resumed(dataset, entry, upload)
        ledger.commit()
        uploads.sweep(dataset)

    def _resumed(self, dataset: DatasetRow, entry: Entry, upload: OpenUpload) -> Big:
        plan = PartPlan.begun(upload.segments, entry.obj.size)
        return Big(entry, dataset, plan, upload, stage="resume")

    # --- orders --------------------------------------------------------------------------------

    def _next(self) -> Order | None:
        """Return the next order, taking turns between large and small objects."""
        self._turn ^= 1
        for pick in (self._next_big, self._next_small)[:: 1 if self._turn else -1]:
            order = pick()
            if order is not None:
                return order
        return None

    def _next_big(self) -> Order | None:
        while len(self._big) < self._big_at_once and (entry := self._claim_one_big()) is not None:
            self._plan_big(entry)
        for big in self._big.values():
            if big.stage in {"begin", "resume", "complete"} and not big.flying:
                return self._stage_order(big)
            if big.stage == "parts" and big.waiting:
                return self._part_order(big)
        return None

    def _plan_big(self, entry: Entry) -> None:
        try:
            plan = self._ctx.cut(entry.obj.size)
        except Unsupported as error:  # a probe has lowered a limit since the inventory
            self._failed(
                entry, {"code": "refused", "verdict": "unverifiable", "detail": str(error)}
            )
            return
        self._big[entry.id] = Big(entry, self._datasets[entry.dataset], plan)

    def _stage_order(self, big: Big) -> Order:
        one = self._item(big.entry)
        big.flying.add(STAGE)
        self._began.add(big.dataset.id)
        if big.upload is not None and big.stage != "begin":
            receipts = self._ctx.ledger.parts(big.entry.id)
            one["upload_id"] = big.upload.upload_id
            if big.stage == "resume":
                one["receipts"] = [(p.number, p.etag, p.stored_size) for p in receipts]
            else:
                one["etags"] = [(p.number, p.etag) for p in receipts]
                one["stored_size"] = sum(p.stored_size for p in receipts)
        return {"kind": big.stage, "dataset": big.dataset.name, "objects": [one]}

    def _part_order(self, big: Big) -> Order:
        assert big.upload is not None
        number = big.waiting.popleft()
        big.flying.add(number)
        one = self._item(big.entry) | {
            "number": number,
            "segments": big.plan.segments,
            "parts": big.plan.count,
            "upload_id": big.upload.upload_id,
            "header": base64.b64encode(big.upload.header).decode(),
            "sealed": self._ctx.ledger.sealed(big.entry.id, number),
        }
        return {"kind": "part", "dataset": big.dataset.name, "objects": [one]}

    def _claim_one_big(self) -> Entry | None:
        for dataset in self._datasets:
            for entry in self._ctx.ledger.todo("big", dataset, 1):
                return self._claimed([entry])[0]
        return None

    def _next_small(self) -> Order | None:
        taken = self._small.take()
        if not taken:
            return None
        dataset = self._datasets[taken[0].dataset].name
        return {"kind": "put", "dataset": dataset, "objects": [self._item(one) for one in taken]}

    def _claim_small(self) -> list[Entry]:
        for dataset in self._datasets:
            found = self._ctx.ledger.todo("small", dataset, CLAIM_OBJECTS)
            if found:
                return self._claimed(found)
        return []

    def _claimed(self, entries: list[Entry]) -> list[Entry]:
        for entry in entries:
            self._ctx.ledger.claim(entry)
        self._dispatch.commit()  # the intent is durable before anything is sent
        return [replace(entry, attempt=entry.attempt + 1) for entry in entries]

    def _item(self, entry: Entry) -> dict[str, Any]:
        return self._ctx.item(entry, self._datasets[entry.dataset])

    # --- receipts ------------------------------------------------------------------------------

    def _record(self, asked: Sequence[Mapping[str, Any]]) -> list[bool]:
        """Make durable what is about to be sealed; False for what nobody waits for any more."""
        answers = [self._seals(receipt) for receipt in asked]
        self._dispatch.commit()
        return answers

    def _seals(self, receipt: Mapping[str, Any]) -> bool:
        big = self._big.get(receipt["id"])
        if big is None or receipt["attempt"] != big.entry.attempt:
            return False
        number = int(receipt["number"])
        return number in big.flying and self._ctx.ledger.seals(
            big.entry.id, number, receipt["size"], receipt["sha256"]
        )

    def _apply(self, receipt: Mapping[str, Any]) -> None:
        if receipt["kind"] == "lost":
            self._lost(receipt["lost"], receipt["worker"])
            return
        receipt = self._dispatch.judged(receipt)
        big = self._big.get(receipt["id"])
        if big is not None:
            if receipt["attempt"] == big.entry.attempt:
                self._apply_big(big, receipt)
        elif (entry := self._small.landed(receipt)) is not None:
            self._apply_small(entry, receipt)

    def _apply_small(self, entry: Entry, receipt: Mapping[str, Any]) -> None:
        kind = receipt["kind"]
        if kind == "sent":
            self._sent(entry, receipt)
            self._dispatch.advance(1, entry.obj.size)
        elif kind == "returned":
            self._ctx.ledger.unclaim(entry)
        elif kind == "drifted":
            self._drifted(entry, receipt)
        elif kind == "failed":
            self._failed(entry, receipt)

    def _sent(self, entry: Entry, receipt: Mapping[str, Any]) -> None:
        self._ctx.ledger.sent(entry, receipt)

    def _apply_big(self, big: Big, receipt: Mapping[str, Any]) -> None:
        ended = receipt["kind"] in {"drifted", "failed"}
        token = receipt.get("number") or STAGE
        if not ended and token not in big.flying:
            return  # a second word on it: its worker died between receipt and goodbye
        big.flying.discard(token)
        {
            "begun": self._begun,
            "part": self._part,
            "resumed": self._resumed_parts,
            "completed": self._completed,
            "gone": self._gone,
            "sent": self._big_sent,
            "returned": self._big_returned,
            "drifted": self._big_ended,
            "failed": self._big_ended,
        }[receipt["kind"]](big, receipt)

    def _begun(self, big: Big, receipt: Mapping[str, Any]) -> None:
        big.upload = OpenUpload(
            entry=big.entry.id,
            attempt=big.entry.attempt,
            upload_id=receipt["upload_id"],
            header=base64.b64decode(receipt["header"]),
            segments=big.plan.segments,
        )
        self._ctx.ledger.begun(big.upload)
        self._dispatch.commit()  # no sealed byte leaves before its header is safe
        big.waiting.extend(range(1, big.plan.count + 1))
        big.stage = "parts"

    def _part(self, big: Big, receipt: Mapping[str, Any]) -> None:
        fields = ("number", "sha256", "sealed_sha256", "stored_size", "etag")
        part = PartReceipt(**{name: receipt[name] for name in fields})
        self._ctx.ledger.add_part(big.entry.id, part)
        self._dispatch.advance(0, int(receipt["size"]))
        self._when_all_parts(big)

    def _when_all_parts(self, big: Big) -> None:
        if not big.waiting and not big.flying and big.stage == "parts":
            self._dispatch.commit()  # every part's receipt is safe before they become one object
            big.stage = "complete"

    def _resumed_parts(self, big: Big, receipt: Mapping[str, Any]) -> None:
        held, done = set(receipt["held"]), 0
        for part in self._ctx.ledger.parts(big.entry.id):
            if part.number in held:
                done += big.plan.span(part.number, big.entry.obj.size).length
            else:
                self._ctx.ledger.drop_part(big.entry.id, part.number)
        known = {part.number for part in self._ctx.ledger.parts(big.entry.id)}
        big.waiting.extend(n for n in range(1, big.plan.count + 1) if n not in known)
        big.stage = "parts"
        self._ctx.progress.note(
            f"resumed a large object at part {len(known) + 1} of {big.plan.count}"
        )
        self._dispatch.advance(0, done)
        self._when_all_parts(big)

    def _completed(self, big: Big, receipt: Mapping[str, Any]) -> None:
        del receipt
        known = {part.number for part in self._ctx.ledger.parts(big.entry.id)}
        if len(known) == big.plan.count:
            big.stage = "complete"
        else:
            self._restart(big)

    def _gone(self, big: Big, receipt: Mapping[str, Any]) -> None:
        del receipt
        self._restart(big)

    def _restart(self, big: Big) -> None:
        """Begin an object anew, under a new data key; its attempt stays counted."""
        self._ctx.ledger.drop_upload(big.entry.id)
        self._ctx.ledger.unclaim(big.entry)
        del self._big[big.entry.id]

    def _big_sent(self, big: Big, receipt: Mapping[str, Any]) -> None:
        self._sent(big.entry, receipt)
        self._dispatch.advance(1, 0)
        del self._big[big.entry.id]

    def _big_returned(self, big: Big, receipt: Mapping[str, Any]) -> None:
        if receipt.get("number"):
            big.waiting.append(int(receipt["number"]))
        elif big.stage == "begin":
            self._restart(big)

    def _big_ended(self, big: Big, receipt: Mapping[str, Any]) -> None:
        if big.upload is not None:
            self._abort(big)
        del self._big[big.entry.id]
        if receipt["kind"] == "drifted":
            self._drifted(big.entry, receipt)
        elif receipt["code"] == "missing" and big.upload is not None and self._source_has(big):
            self._upload_vanished(big)  # hosts drop an upload whose completion met a conflict
        else:
            self._failed(big.entry, receipt)

    def _upload_vanished(self, big: Big) -> None:
        """Begin anew, but not for ever."""
        number = big.entry.id
        times = self._vanished[number] = self._vanished.get(number, 0) + 1
        if times < VANISHED_MAX:
            self._ctx.ledger.drop_upload(number)
            self._ctx.ledger.unclaim(big.entry)
            return
        detail = f"the target dropped the object's upload {times} times"
        verdict = str(Verdict.UNVERIFIABLE)
        self._failed(big.entry, {"code": "upload-dropped", "verdict": verdict, "detail": detail})

    def _source_has(self, big: Big) -> bool:
        """Tell a vanished upload from a vanished source object."""
        ctx, route = self._ctx, self._ctx.route(big.dataset)
        try:
            ctx.retry(lambda: ctx.source.head(route.source, big.entry.obj.key))
        except MigrateError:
            return False
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
        except StorageError:
            ctx.progress.note("an upload could not be aborted; the next run sweeps it")

    # --- what may go wrong with one object -------------------------------------------------------

    def _drifted(self, entry: Entry, receipt: Mapping[str, Any]) -> None:
        """Pin what the source describes now, and begin anew with it, but not for ever.

        Whether the source changed or its listing was wrong makes no difference: size, version and
        MD5 are those of a fresh look, and parts are cut for that size.
        """
        obj = repinned(entry.obj, receipt)
        if obj.kind != "object":
            told = f"not a plain object: {obj.kind}"
            self._failed(entry, {"code": f"kind-{obj.kind}", "verdict": "drifted", "detail": told})
            return
        try:
            parts = self._ctx.cut(obj.size).count
        except Unsupported as error:
            self._failed(entry, {"code": "refused", "verdict": "drifted", "detail": str(error)})
            return
        with self._ctx.ledger.whole():
            drifts = self._ctx.ledger.drifted(entry, obj, parts)
            event: dict[str, Any] = {"id": entry.id, "attempt": entry.attempt}
            if receipt["same_version"]:
                event["same_version"] = True
                self._finding(entry, "source-bytes-differ", BYTES_DIFFER)
            self._ctx.ledger.event("drifted", event)
            if drifts >= DRIFTS_MAX:
                changed = replace(entry, obj=obj)
                detail = f"the source changed during each of {drifts} attempts"
                self._ctx.ledger.failed(changed, State.LISTED, "drifted", Verdict.DRIFTED)
                self._finding(entry, "drifted", detail)

    def _failed(self, entry: Entry, receipt: Mapping[str, Any]) -> None:
        code = receipt["code"]
        with self._ctx.ledger.whole():
            self._ctx.ledger.drop_upload(entry.id)
            self._ctx.ledger.failed(entry, State.SENDING, code, receipt["verdict"])
            self._finding(entry, code, receipt["detail"])
        self._dispatch.advance(1, entry.obj.size)

    def _finding(self, entry: Entry, code: str, detail: str) -> None:
        self._ctx.ledger.finding(code, "finding", detail, dataset=entry.dataset, entry=entry.id)

    def _lost(self, order: Mapping[str, Any], worker: int) -> None:
        """A worker died with this order; who dies with the same object again leaves it out."""
        for one in order["objects"]:
            receipt = returned(order, one, "lost", DIED)
            if self._deaths.fatal(one["id"], worker):
                verdict = str(Verdict.UNVERIFIABLE)
                receipt = {**receipt, "kind": "failed", "code": "worker-lost", "verdict": verdict}
            self._apply(receipt)
