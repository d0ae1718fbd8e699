"""Whether the batch under way will be verified in time: a warning as soon as its pace shows."""

from __future__ import annotations

from typing import Final

from hdh_migrate.clocks import seconds_of, text_of_seconds
from hdh_migrate.codes import Code, Severity
from hdh_migrate.events.course import BatchLate
from hdh_migrate.model import State, Step, Tally
from hdh_migrate.model.paces import HourlyPaces, total
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.pace.fitting import CostFit, fitted
from hdh_migrate.pipeline.working_set import working_set

EVERY_SECONDS: Final = 15.0
MEASURED_MIN: Final = 20.0
"""Seconds of work, of whichever run, of which the pace is believed."""


class DueWatch:
    """Looks at one batch while it is moved or verified; one without a day costs nothing."""

    def __init__(self, ctx: Context, batch: str) -> None:
        self._ctx, self._batch = ctx, batch
        self._due = ctx.due.get(batch)
        self._looked: float | None = None

    def look(self) -> None:
        """Say, once, that the batch will be late, if that is how it looks at the measured pace."""
        if self._due is None:
            return
        now = self._ctx.clock.monotonic()
        if self._looked is not None and now - self._looked < EVERY_SECONDS:
            return
        self._looked = now
        at = seconds_of(self._ctx.clock.now())
        seconds = self._left()
        if seconds is None:
            return
        end = self._ctx.course.ends(at, seconds)
        if end is not None and end <= self._due:
            return
        self._report(self._due, end)

    def _report(self, due: float, end: float | None) -> None:
        ledger = self._ctx.ledger
        if noted(self._ctx, self._batch):
            return
        day = _minute(due)
        when = "in no window that is still to open" if end is None else f"about {_minute(end)}"
        detail = (
            f"batch {self._batch} is to be verified by {day}; at the measured pace it is {when}"
        )
        ledger.finding(Code.BATCH_LATE, detail)
        ledger.event(
            BatchLate(
                batch=self._batch,
                due=text_of_seconds(due),
                expected=None if end is None else text_of_seconds(end),
            )
        )
        ledger.commit()
        self._ctx.progress.note(detail)

    def _left(self) -> float | None:
        """Return how many seconds of work are left, most likely; None: too little was measured."""
        ledger = self._ctx.ledger
        rows = working_set(ledger, self._batch)
        send, prove = Tally(), Tally()
        for row in rows:
            waiting = ledger.tally(row.id, State.LISTED, State.SENDING)
            send, prove = send + waiting, prove + waiting + ledger.tally(row.id, State.SENT)
        paces = ledger.paces()
        sending = _fit(paces.get(Step.TRANSFER))
        proving = _fit(paces.get(Step.VERIFY)) or sending
        if proving is None or (sending is None and send.objects):
            return None
        spans = [proving.span(prove), None if sending is None else sending.span(send)]
        return sum(one.likely for one in spans if one is not None)


def settle(ctx: Context, batch: str) -> None:
    """Take back that a batch will be late, once all of it is verified in time."""
    due = ctx.due.get(batch)
    if due is None or seconds_of(ctx.clock.now()) > due:
        return
    left = sum(
        ctx.ledger.tally(row.id, State.LISTED, State.SENDING, State.SENT).objects
        for row in working_set(ctx.ledger, batch)
    )
    for number in noted(ctx, batch) if not left else ():
        ctx.ledger.close_finding(number)


def noted(ctx: Context, batch: str) -> list[int]:
    """Return the numbers of what the ledger says of a batch that will be late."""
    return [
        found["id"]
        for found in ctx.ledger.findings(severity=Severity.NOTE)
        if found["code"] == Code.BATCH_LATE and found["detail"].startswith(f"batch {batch} ")
    ]


def _fit(paces: HourlyPaces | None) -> CostFit | None:
    if total(paces or {}).seconds < MEASURED_MIN:
        return None
    return fitted(paces)


def _minute(at: float) -> str:
    return text_of_seconds(at)[:16] + "Z"
