"""Move every listed object of a batch: intents, orders, receipts.

Small objects are sent many to an order (`small`); each large object takes several orders (`large`).
Failures of both are handled in `ends`.
"""

from __future__ import annotations

from collections.abc import Sequence

from hdh_migrate.errors import Unsupported
from hdh_migrate.events.objects import SendingAgain
from hdh_migrate.model import DatasetRow, Entry, Role, State, Step, Tally
from hdh_migrate.orders import Order
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.dispatch import Dispatcher
from hdh_migrate.pipeline.ends import Ends
from hdh_migrate.pipeline.excused import retry
from hdh_migrate.pipeline.own_files.header_packs import HeaderPacks
from hdh_migrate.pipeline.own_files.sidecar import Sidecars
from hdh_migrate.pipeline.projections.earlier_limits import remember
from hdh_migrate.pipeline.queue import DIED, Deaths, died
from hdh_migrate.pipeline.transfer.known import ASKED_ALL, demand_adopted, demand_known, waiting
from hdh_migrate.pipeline.transfer.large import Large
from hdh_migrate.pipeline.transfer.small import Small
from hdh_migrate.pipeline.transfer.uploads import TargetSurvey
from hdh_migrate.pipeline.verify.version_order import set_aside
from hdh_migrate.pipeline.working_set import working_set
from hdh_migrate.receipts import Lost, ObjectReceipt, PartSent, Returned, ReturnReason, SealIntent


class Transfer:
    """Performs the transfer of one batch; run again, it converges to the same result."""

    def __init__(self, ctx: Context, batch: str, *, again: bool = True) -> None:
        """Prepare; unless `again` is false, what failed before is tried again."""
        self._ctx, self._batch, self._again = ctx, batch, again
        self._dispatch = Dispatcher(ctx, batch, Step.TRANSFER)
        self._datasets = {row.id: row for row in working_set(ctx.ledger, batch)}
        self._deaths = Deaths()
        ends = Ends(ctx, self._dispatch)
        self._small = Small(ctx, self._dispatch, self._datasets, ends, self._deaths)
        self._large = Large(ctx, self._dispatch, self._datasets, ends)
        self._turn = 0

    def run(self) -> None:
        """Send everything that is listed.

        Raises:
            AuthFailed, Interrupted, Transient: the run ended early and can be resumed.
            Fenced: another ledger, or another copy of this one, writes at the target by now.
        """
        if not self._ctx.fence.settled and self._left().objects:
            self._ctx.engines.get(Role.MOVE)  # workers start while the fence is left alone
        self._ctx.fence.settle()
        self._ctx.demand_writer()  # the uploads of who took over would look like ours
        demand_adopted(self._ctx, self._batch)
        for dataset in self._datasets.values():
            self._prepare(dataset)
        self._ctx.pins = self._ctx.ledger.pins()
        self._move()
        for files in (Sidecars(self._ctx), HeaderPacks(self._ctx)):
            if sum(files.renew(row) for row in self._datasets.values()):  # each of them
                self._move()

    def _move(self) -> None:
        left = self._left()
        if not left.objects:
            return
        self._ctx.progress.step(self._batch, Step.TRANSFER, objects=left.objects, size=left.size)
        self._dispatch.run(Role.MOVE, self._next, self._apply, self._lost, self._record)
        self._ctx.demand_writer()
        for dataset in self._datasets.values():
            if self._ctx.route(dataset).every_version:
                set_aside(self._ctx, dataset)
        for number in self._large.began:
            # A begin whose reply was lost, or whose worker died, left an upload nobody knows.
            TargetSurvey(self._ctx).sweep(self._datasets[number])

    def _left(self) -> Tally:
        """Return what is listed and not sent."""
        left = [self._ctx.ledger.tally(row, State.LISTED, State.SENDING) for row in self._datasets]
        return Tally(objects=sum(t.objects for t in left), size=sum(t.size for t in left))

    # --- before the first order --------------------------------------------------------------

    def _prepare(self, dataset: DatasetRow) -> None:
        ledger = self._ctx.ledger
        uploads = TargetSurvey(self._ctx)
        if not dataset.surveyed:
            uploads.survey(dataset)
        elif left := waiting(self._ctx, dataset):
            # Who finds out only by asking, or has taken over from somebody, asks for all.
            if self._ctx.fence.epoch or not self._ctx.limits.conditional_put:
                uploads.occupy(dataset, most=ASKED_ALL)
            demand_known(self._ctx, dataset, left)
        if self._again:
            retry(ledger, dataset, self._ctx.waivers)
            ledger.drop_kept(dataset.id, State.FAILED)  # what is waived goes on no more
        for entry in ledger.todo("kept", dataset.id):
            self._go_on_with(entry)
        remember(ledger, self._ctx.limits, self._ctx.clock.now())
        going_on = [self._goes_on(entry) for entry in ledger.todo("sending", dataset.id)]
        if going_on:
            resumed = sum(going_on)
            anew = len(going_on) - resumed
            ledger.event(SendingAgain(dataset=dataset.name, unacknowledged=anew, going_on=resumed))
        ledger.commit()
        uploads.sweep(dataset)

    def _go_on_with(self, entry: Entry) -> None:
        """Go on with the upload of an object that failed, if it would be cut into the same parts.

        Under other limits than those under which it was refused it may be taken.
        """
        upload = self._ctx.ledger.upload(entry.id)
        assert upload is not None, "it was asked for by it"
        try:
            same = self._ctx.cut(entry.obj.size).segments == upload.segments
        except Unsupported:
            same = False
        if same:
            self._ctx.ledger.reclaim(entry)
        else:
            self._ctx.ledger.drop_upload(entry.id)

    def _goes_on(self, entry: Entry) -> bool:
        """Resume an object that was under way when the last run ended; False: start it again."""
        ledger = self._ctx.ledger
        upload = ledger.upload(entry.id) if entry.parts else None
        if upload is not None and upload.attempt == entry.attempt:
            if upload.recorded:
                self._large.resume(entry, upload)
                return True
            ledger.drop_upload(entry.id)  # the sweep aborts it at the target
        ledger.unclaim(entry)
        return False

    # --- while it runs -------------------------------------------------------------------------

    def _next(self) -> Order | None:
        """Return the next order, taking turns between large and small objects."""
        self._turn ^= 1
        for pick in (self._large, self._small)[:: 1 if self._turn else -1]:
            order = pick.next()
            if order is not None:
                return order
        return None

    def _record(self, asked: Sequence[SealIntent]) -> list[bool]:
        """Make durable what is about to be sealed; False if the attempt is no longer current."""
        answers = [self._large.seals(intent) for intent in asked]
        self._dispatch.commit()
        return answers

    def _apply(self, receipt: ObjectReceipt) -> None:
        receipt = self._dispatch.judged(receipt)
        if isinstance(receipt, PartSent):
            self._deaths.moved_on(receipt.id)
        # An object is with one of them at a time, and the other waits for no receipt of it.
        self._large.apply(receipt)
        self._small.apply(receipt)

    def _lost(self, lost: Lost) -> None:
        """Handle an order whose worker died; an object that kills workers again is left out."""
        for back in Returned.all_of(lost.order, ReturnReason.LOST, DIED):
            fatal = self._deaths.fatal(back.id, lost)
            self._apply(died(back) if fatal else back)
