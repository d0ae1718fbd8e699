"""Keep an engine busy and apply its receipts, until nothing is left or the run must stop.

All of this happens in the coordinator's one thread. Every early end is the same: workers return the
orders that they have not begun, receipts for those begun are applied, the ledger is committed, and
only then the reason is raised.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import assert_never

from hdh_migrate.codes import Code
from hdh_migrate.errors import (
    AuthFailed,
    Fenced,
    HeldUp,
    HostRefused,
    Interrupted,
    LedgerBehind,
    MigrateError,
    Permanent,
    Starved,
    TargetFull,
    TimeRefused,
    Transient,
)
from hdh_migrate.model import Entry, Role, Step, Tally, Verdict
from hdh_migrate.orders import Order
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.deadline import DueWatch
from hdh_migrate.pipeline.pace.under_way import UnderWay
from hdh_migrate.ports.work import Engine, Recorder
from hdh_migrate.receipts import (
    Failed,
    Lost,
    ObjectReceipt,
    OrderDone,
    Paced,
    PartSent,
    ReadOn,
    Returned,
    ReturnReason,
)

COMMIT_ROWS = 1000
COMMIT_SECONDS = 0.1
SAMPLE_SECONDS = 1.0
WAIT_SECONDS = 0.2
DRAIN_SECONDS = 30.0
STOP_SECONDS = 2.0
"""How long what workers have begun is waited for: when a run ends early, and when it is told to."""

UNREACHABLE_MAX = 3
"""Objects given back as unreachable in a row, each after its whole retry budget, after which the
stores are asked whether they are there at all."""

SICK_MAX = 12
"""So many in a row are not these objects' own trouble, whatever the stores answer."""

DENIED_MAX = 8
"""Objects whose reading back is denied while none is read, after which it is the credential."""

PACED = frozenset({Step.TRANSFER, Step.VERIFY})
"""Steps of which a report shows the pace."""

OWN_TROUBLE_TIMES = 2
"""Whole retry budgets that one object may use up before it is set aside, and the run goes on."""


Apply = Callable[[ObjectReceipt], None]
"""Takes what came of one object."""

Bury = Callable[[Lost], None]
"""Takes an order that a worker, of this number, died with."""


def unasked(receipt: ObjectReceipt) -> MigrateError:
    """Return the error for a worker that sends a receipt of the wrong kind."""
    return MigrateError(
        f"a worker process answered {type(receipt).__name__} to an order of another kind",
        hint="nothing is lost; run the same plan again, and report this as a fault",
    )


class Dispatcher:
    """Drives one step of one batch; if `sampled`, its pace is recorded in the ledger."""

    def __init__(self, ctx: Context, batch: str, step: str, *, sampled: bool = True) -> None:
        self._ctx = ctx
        self._batch, self._step, self._keeps_pace = batch, step, sampled
        self._out = 0
        self._unreachable = dict[int, str]()
        """Datasets by object."""
        self._denied: int | None = 0
        """Objects that the target let nobody read back; None: it let one be read."""
        self._troubles = Counter[tuple[int, int | None]]()
        """By object, and part if it is one."""
        self._ending: MigrateError | None = None
        self._apply: Apply
        self._bury: Bury
        self._record: Recorder | None = None
        self._committed = self._sampled = ctx.clock.monotonic()
        self._done = [0, 0]
        self._reading: dict[int, int] = {}
        """Bytes by object that is being read back."""
        self._reported: Tally | None = None
        """What of these the ledger knows."""
        self._began = False
        self._deadline = DueWatch(ctx, batch)
        self.under_way = UnderWay(ctx.ledger, ctx.clock, step)
        """What of large objects has passed; of a step that has no pace it is not told."""

    def run(
        self,
        role: Role,
        next_order: Callable[[], Order | None],
        apply: Apply,
        bury: Bury,
        record: Recorder | None = None,
    ) -> None:
        """Hand out orders to a role's workers until there are none left and all are answered.

        `apply` gets the receipt of each object, `bury` each order whose worker died; `record` makes
        durable the intents that workers wait for.

        Raises:
            Interrupted: a signal.
            AuthFailed: a credential was refused and renewing it did not help.
            Fenced: another ledger, or another copy of this one, now writes at the target.
            HeldUp: the plan's window has closed, or somebody paused the run.
            LedgerBehind: the target holds objects that a newer copy of the ledger moved.
            HostRefused: a host is not, or no longer, the right one; its orders must be repeated.
            Transient: a store did not answer for longer than the retry budget.
            TargetFull: the target accepts no more bytes.
            Starved: this machine is out of memory, threads or files.
        """
        if role is Role.MOVE:
            self._ctx.fence.settle()
        engine = self._ctx.engines.get(role)
        self._ctx.crew.look(engine.cluster(), self._ctx.clock.monotonic())
        self._ctx.meter.turn_to(self._step, self._batch)  # those before have reported all of theirs
        self._ctx.paces.begin(role)
        self._apply, self._bury, self._record = apply, bury, record
        try:
            while True:
                self._ctx.course.steer(engine, role)
                self._fill(engine, next_order)
                if not self._out:
                    break
                if not self._began:  # what passes is measured from here on
                    self._sample(self._ctx.clock.monotonic())
                self._drain(engine)
                if self._must_end():
                    self._wind_down(engine)
                    break
            if self._began:
                self._sample(self._ctx.clock.monotonic())
        finally:
            self._ctx.ledger.commit()
            self._ctx.crew.rest()
        if self._ending is not None:
            self._ctx.engines.drop(grace=0.5 if self._ctx.stop.is_set() else 2.0)
            raise self._ending

    def advance(self, objects: int, size: int, *, of: int | None = None) -> None:
        """Count finished objects and bytes; bytes counted before of object `of` are deducted."""
        if of is not None:
            size -= self._reading.pop(of, 0)
            self.under_way.ended(of)
        self._done[0] += objects
        self._done[1] += size
        self._unreachable.clear()
        self._ctx.progress.advance(objects, size)

    def found(self, size: int) -> None:
        """Count bytes that had arrived before this run began; they do not count for its pace."""
        self._unreachable.clear()
        self._ctx.progress.advance(0, size)

    def commit(self) -> None:
        """Make what was applied durable before acting on it."""
        self._ctx.ledger.commit()
        self._committed = self._ctx.clock.monotonic()

    def claimed(self, entries: Sequence[Entry]) -> list[Entry]:
        """Record the intent to send these objects, each under an attempt number of its own."""
        for entry in entries:
            self._ctx.ledger.claim(entry)
        self.commit()
        return [replace(entry, attempt=entry.attempt + 1) for entry in entries]

    def _fill(self, engine: Engine, next_order: Callable[[], Order | None]) -> None:
        while self._out < engine.capacity and not self._must_end():
            order = next_order()
            if order is None:
                return
            engine.submit(order)
            self._out += 1

    def _drain(self, engine: Engine) -> None:
        for receipt in engine.receipts(WAIT_SECONDS, self._record):
            match receipt:
                case OrderDone():
                    self._out -= 1
                case Lost():
                    self._out -= 1
                    self._bury(receipt)
                case Returned():
                    self._take_back(receipt)
                    self._apply(receipt)
                case Failed(code=Code.DENIED) if self._step != Step.TRANSFER:
                    self._read_denied(receipt)
                    self._apply(receipt)
                case ReadOn():
                    self._read_on(receipt)
                case Paced():
                    self._ctx.paces.take(receipt)
                case _:
                    self._denied = None
                    self._apply(receipt)
        now = self._ctx.clock.monotonic()
        if now - self._sampled >= SAMPLE_SECONDS:
            self._ctx.crew.look(engine.cluster(), now)
            self._sample(now)
        if self._ctx.ledger.pending >= COMMIT_ROWS or now - self._committed >= COMMIT_SECONDS:
            self.commit()

    def _sample(self, now: float) -> None:
        self._sampled, self._began = now, True
        self._ctx.progress.advance(0, 0)  # people see that somebody is there, whatever it waits for
        self._ctx.meter.look()
        if self._keeps_pace:
            self._ctx.ledger.sample(self._batch, self._step, *self._done)
            if self._step in PACED:
                self.under_way.look()
            reading = Tally(objects=len(self._reading), size=sum(self._reading.values()))
            if reading != self._reported:
                self._reported = reading
                self._ctx.ledger.set_reading(self._batch, reading)
            self._deadline.look()

    def _read_on(self, receipt: ReadOn) -> None:
        """Count how far an object is read back; a restarted reading is counted from zero."""
        before = self._reading.get(receipt.id, 0)
        more = receipt.size - before
        self._reading[receipt.id] = receipt.size
        if not 0 < before <= receipt.size:
            self.under_way.anew(receipt.id)
            before = 0
        self.under_way.more(receipt.id, receipt.size - before)
        self._done[1] += more
        self._ctx.progress.advance(0, more)

    def _take_back(self, receipt: Returned) -> None:
        match receipt.reason:
            case ReturnReason.UNREACHABLE:
                self._not_reached(receipt)
            case ReturnReason.LOST | ReturnReason.STOPPED:
                pass
            case ReturnReason.AUTH:
                self.end(AuthFailed(receipt.detail))
            case ReturnReason.TIME:
                self.end(TimeRefused(receipt.detail))
            case ReturnReason.FENCED:
                self.end(Fenced(receipt.detail))
            case ReturnReason.BEHIND:
                self.end(LedgerBehind(receipt.detail))
            case ReturnReason.HOST:
                self.end(HostRefused(receipt.detail))
            case ReturnReason.FULL:
                self.end(TargetFull(receipt.detail))
            case ReturnReason.STARVED:
                self.end(Starved(receipt.detail))
            case _:
                assert_never(receipt.reason)

    def _read_denied(self, receipt: Failed) -> None:
        """End the run if nothing may be read back at all: else each object would become a finding.

        The rights on the bucket do not show this beforehand. Only for reading back: at a source,
        single files may well be unreadable, so in a transfer objects fail one by one.
        """
        if self._denied is None:
            return
        self._denied += 1
        if self._denied >= DENIED_MAX:
            error = AuthFailed(
                f"the target lets no object be read back, {self._denied} were tried:"
                f" {receipt.detail}"
            )
            error.hint = (
                "grant the credential that reads back (verify.credential, or the target's)"
                " s3:GetObject on the datasets' places, and give the same command again; nothing"
                " is lost"
            )
            self.end(error)

    def _not_reached(self, receipt: Returned) -> None:
        """End the run if so many objects are unreachable that their store must be down."""
        self._unreachable[receipt.id] = receipt.dataset
        many, asked = len(self._unreachable), set(self._unreachable.values())
        if many >= SICK_MAX or (many >= UNREACHABLE_MAX and not self._stores_answer(asked)):
            self.end(Transient(receipt.detail))

    def judged(self, receipt: ObjectReceipt) -> ObjectReceipt:
        """Return the receipt, or a failure if the trouble concerns this object alone.

        One object must not hold up the others: when it, or one part of it, has used up its retry
        budget twice while its stores are there, it becomes a finding, to be tried again by the next
        run.
        """
        place = (receipt.id, number_of(receipt))
        if not isinstance(receipt, Returned):
            self._troubles.pop(place, None)  # what was answered in the end was no trouble
            return receipt
        if receipt.reason is not ReturnReason.UNREACHABLE:
            return receipt
        self._troubles[place] += 1
        if self._must_end():
            return receipt
        if self._troubles[place] < OWN_TROUBLE_TIMES:
            if sum(number == receipt.id for number, _ in self._troubles) == 1:  # not for each part
                self._ctx.progress.note(
                    f"object {receipt.id} used up its retry budget ({receipt.detail}): it is"
                    " tried once more, and then set aside until the next run"
                )
            return receipt
        if not self._stores_answer({receipt.dataset}):
            self.end(Transient(receipt.detail))
            return receipt
        return Failed(
            id=receipt.id,
            attempt=receipt.attempt,
            code=Code.UNANSWERED,
            verdict=Verdict.UNVERIFIABLE,
            detail=receipt.detail,
        )

    def _stores_answer(self, datasets: Iterable[str]) -> bool:
        """Ask both sides of some datasets once whether they are there."""
        ctx = self._ctx
        routes = [ctx.routes[dataset] for dataset in datasets]
        return all(
            _answers(partial(ctx.source.check, route.source))
            and _answers(partial(ctx.reader.check, route.target))
            for route in routes
        )

    def end(self, reason: MigrateError) -> None:
        """Make the run end early; only the first reason is kept."""
        if self._ending is None:
            self._ending = reason

    def _must_end(self) -> bool:
        if self._ctx.stop.is_set():
            self.end(Interrupted("interrupted; everything acknowledged is in the ledger"))
        if (lost := self._ctx.fence.lost) is not None:
            self.end(lost)
        if self._ending is None and (held := self._ctx.course.stops()) is not None:
            self.end(held)
        return self._ending is not None

    def _wind_down(self, engine: Engine) -> None:
        engine.pause()
        clock = self._ctx.clock
        began, stopped = clock.monotonic(), None
        # Who pauses wants the line now: one part for each connection is sent again at most.
        patience = STOP_SECONDS if isinstance(self._ending, HeldUp) else DRAIN_SECONDS
        while self._out and clock.monotonic() - began < patience:
            if self._ctx.stop.is_set():
                stopped = clock.monotonic() if stopped is None else stopped
                if clock.monotonic() - stopped >= STOP_SECONDS:
                    return
            self._drain(engine)


def number_of(receipt: ObjectReceipt) -> int | None:
    """Return the number of the part that a receipt is about, None: the object."""
    if isinstance(receipt, PartSent):
        return receipt.part.number
    return receipt.number if isinstance(receipt, Returned) else None


def _answers(check: Callable[[], object]) -> bool:
    """Return whether a store answers at all; a refusal is an answer, too."""
    try:
        check()
    except Permanent:
        return True
    except Transient:
        return False
    return True
