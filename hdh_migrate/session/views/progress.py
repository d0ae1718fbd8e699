"""How far the batches of a plan have come, from the sums of the ledger: it reads no object's row.

Counts close: what was listed is verified, waiting, failed, held back or excluded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import NamedTuple

from hdh_migrate.codes import Severity
from hdh_migrate.frozen import frozen
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Arrived, DatasetRow, Grouped, Sample, State, Step, Tally
from hdh_migrate.model.paces import HourlyPaces
from hdh_migrate.pipeline.excused import Waived, excused, nothing_waived
from hdh_migrate.pipeline.pace.fitting import CostFit, WorkSpan, fitted, together_in_time
from hdh_migrate.pipeline.pace.pacing import LATELY_SECONDS, measured
from hdh_migrate.pipeline.runner import BatchOrder
from hdh_migrate.results import Amount
from hdh_migrate.results.looks import (
    Amounts,
    InventoryProgress,
    PaceFact,
    SecondsRange,
    StepProgress,
    StepsStatus,
    StepState,
)
from hdh_migrate.telemetry import counted

FRESH_SECONDS = 15.0
"""A step that was sampled so lately is under way."""

NOTHING = Arrived(0, 0, 0)
TO_MOVE = (State.LISTED, State.SENDING, State.SENT)
FAILED = (State.REFUSED, State.FAILED)
REACHED = {Step.TRANSFER: (State.SENT, State.VERIFIED), Step.VERIFY: (State.VERIFIED,)}


@frozen
class LedgerMoment:
    """A snapshot of a ledger: everything that progress is computed from."""

    rows: Sequence[DatasetRow]
    tallies: Mapping[tuple[int, State], Tally]
    arrived: Mapping[int, Arrived]
    causes: Sequence[Grouped]
    samples: Sequence[Sample]
    paces: Mapping[str, HourlyPaces]
    """What was measured of each step since the migration began."""
    reading: Mapping[str, Tally]
    """What is being read back, by batch."""
    waived: Mapping[int, Tally]
    """Failed objects that waivers let go, by dataset."""
    now: float | None
    """The clock of the samples; None when nobody works, so that no pace is of now."""
    ceilings: Mapping[str, int] = field(default_factory=dict)
    """The most bytes a second that may pass now in a step, where there is a ceiling."""

    @classmethod
    def of(
        cls,
        ledger: SqliteLedger,
        now: float | None,
        waived: Waived,
        ceilings: Mapping[str, int] | None = None,
    ) -> LedgerMoment:
        """Look once; findings are gone through only where something failed and may be waived."""
        rows = ledger.datasets()
        return cls(
            rows=rows,
            reading={row.batch: ledger.reading(row.batch) for row in rows},
            waived={} if waived is nothing_waived else _let_go(ledger, rows, waived),
            tallies=ledger.tallies(),
            arrived=ledger.arrived(),
            causes=ledger.causes(),
            samples=ledger.samples(),
            paces=ledger.paces(),
            now=now,
            ceilings=ceilings or {},
        )

    def sum(self, rows: Iterable[DatasetRow], *states: State) -> Tally:
        """Return objects and bytes of some datasets in some states."""
        found = (self.tallies.get((row.id, state)) for row in rows for state in states)
        return sum((one for one in found if one is not None), Tally())

    def parts(self, rows: Iterable[DatasetRow]) -> Arrived:
        """Return what has arrived of large objects under way in some datasets."""
        found = [self.arrived.get(row.id, NOTHING) for row in rows]
        return Arrived(*(sum(column) for column in zip(*found, strict=True))) if found else NOTHING

    def fit(self, step: str) -> CostFit | None:
        """Return what objects and bytes cost in a step; None: nothing was measured of it."""
        lately = None
        if self.now is not None:  # the end of a run that is over says nothing of the next one
            mine = [one for one in self.samples if one.step == step]
            lately = measured(mine, lately=LATELY_SECONDS)
        return fitted(self.paces.get(step), lately)

    def span(self, step: Step, left: Tally) -> WorkSpan | None:
        """Return how long a step takes for what is left at this hour; None: nobody can tell."""
        fit = self.fit(step)
        other = fit is None
        fit = self.fit(Step.TRANSFER) if fit is None else fit
        span = None if fit is None else fit.span(left)
        if span is None:
            return None
        most = self.ceilings.get(step)
        span = span.from_elsewhere() if other else span
        return span if most is None else span.at_least(left.size / most)

    def fresh(self, batch: str, step: str) -> bool:
        """Return whether a step of a batch is under way now."""
        last = next((one for one in reversed(self.samples) if one.step == step), None)
        if self.now is None or last is None or last.batch != batch:
            return False
        return 0 <= self.now - last.seconds < FRESH_SECONDS


class HoldReason(NamedTuple):
    """Why no run moves a batch now; the French of it goes on from "le lot ... est bloqué : "."""

    en: str
    fr: str


class BatchProgress:
    """One batch of the plan in what was seen."""

    def __init__(self, seen: LedgerMoment, name: str, waits: Sequence[HoldReason]) -> None:
        self._seen, self.name, self.waits = seen, name, list(waits)
        self._rows = [row for row in seen.rows if row.batch == name]
        self._closed = bool(self._rows) and all(row.sealed for row in self._rows)

    def sum(self, *states: State) -> Tally:
        """Return objects and bytes in some states."""
        return self._seen.sum(self._rows, *states)

    @property
    def unverified(self) -> int | None:
        """How many objects are not verified; None: not all of them are listed."""
        left = self.sum(*TO_MOVE, *FAILED).objects - self.waived.objects
        return left if self._closed else None

    @property
    def is_listed(self) -> bool:
        """Whether all that there is to move is known."""
        return self._closed

    @property
    def failed(self) -> int:
        """How many objects failed that no waiver lets go."""
        return max(0, self.sum(*FAILED).objects - self.waived.objects)

    def to_send(self) -> Tally:
        """Return what is to be sent; parts of large objects that have arrived are not."""
        waiting = self.sum(State.LISTED, State.SENDING)
        return waiting + Tally(size=-self._seen.parts(self._rows).size)

    def to_verify(self) -> Tally:
        """Return what is to be read back, what is to be sent before it included."""
        return self.sum(*TO_MOVE)

    @property
    def waived(self) -> Tally:
        """What failed and is let go by waivers."""
        return sum((self._seen.waived.get(row.id, Tally()) for row in self._rows), Tally())

    def amounts(self) -> Amounts:
        """Return everything that was listed, by what is to be done with it."""
        waiting, none = amount_of(self.sum(*TO_MOVE)), amount_of(Tally())
        return {
            "verified": amount_of(self.sum(State.VERIFIED)),
            "waiting": none if self.waits else waiting,
            "failed": amount_of(self.sum(*FAILED)),
            "held_back": waiting if self.waits else none,
            "excluded": amount_of(self.sum(State.EXCLUDED)),
        }

    def steps(self) -> StepsStatus:
        """Return how far each step has come."""
        arrived, reading = self._seen.parts(self._rows), Tally()
        if self._seen.fresh(self.name, Step.VERIFY):  # a reading that was ended begins anew
            reading = self._seen.reading.get(self.name, reading)
        transfer = self._moved(Step.TRANSFER, arrived.size)
        return {
            "inventory": self._inventory(),
            "transfer": {
                **transfer,
                "arrived": {
                    "objects": arrived.objects, "parts": arrived.parts, "bytes": arrived.size,
                },
            },
            "verify": {**self._moved(Step.VERIFY, reading.size), "reading": amount_of(reading)},
        }  # fmt: skip

    def _inventory(self) -> InventoryProgress:
        everything, refused = self.sum(*State), self.sum(State.REFUSED)
        begun = any(row.sealed or row.pages for row in self._rows)
        state: StepState = "begun" if begun else "not begun"
        if self._closed:
            state = "failed" if refused.objects else "done"
        elif begun and self._seen.now is not None:
            state = "under way"
        return {
            "state": state,
            "done": state == "done",
            "objects": everything.objects,
            "bytes": everything.size,
        }

    def _moved(self, step: Step, parts: int) -> StepProgress:
        of, failed = self.sum(*TO_MOVE, *FAILED, State.VERIFIED), self.sum(*FAILED)
        reached = self.sum(*REACHED[step]) + Tally(size=parts)
        left = Tally(
            objects=of.objects - failed.objects - reached.objects,
            size=of.size - failed.size - reached.size,
        )
        state = self._state(step, left, failed, begun=bool(reached.objects or reached.size))
        return {
            "state": state,
            "done": state == "done",
            "objects": reached.objects,
            "of_objects": of.objects,
            "bytes": reached.size,
            "of_bytes": of.size,
            "failed": amount_of(failed),
            **self._pace(step, left),
        }

    def _state(self, step: Step, left: Tally, failed: Tally, *, begun: bool) -> StepState:
        if self._seen.fresh(self.name, step):
            return "under way"
        if self._closed and not left.objects:
            return "failed" if failed.objects > self.waived.objects else "done"
        if self.waits and self._rows:
            return "held back"
        return "begun" if begun else "not begun"

    def _pace(self, step: Step, left: Tally) -> PaceFact:
        mine = [one for one in self._seen.samples if (one.batch, one.step) == (self.name, step)]
        lately = measured(mine, lately=LATELY_SECONDS)
        if not self._seen.fresh(self.name, step) or lately is None:
            return {"bytes_per_second": None, "objects_per_second": None, "eta_seconds": None,
                    "eta_range": None}  # fmt: skip
        # At the pace of a step that has come to a stand nobody can tell when it ends.
        moves = lately.objects or lately.size
        span = self._seen.span(step, left) if moves else None
        return {
            "bytes_per_second": round(lately.bytes_per_second),
            "objects_per_second": round(lately.objects_per_second, 1),
            "eta_seconds": None if span is None else round(span.likely),
            "eta_range": _range(span),
        }


def _let_go(
    ledger: SqliteLedger, rows: Sequence[DatasetRow], waived: Waived
) -> Mapping[int, Tally]:
    return ledger.tallied(excused(ledger, rows, lambda: waived))


def batch_state(steps: StepsStatus) -> StepState:
    """Return how far a batch has come as a whole."""
    states = [steps["inventory"]["state"], steps["transfer"]["state"], steps["verify"]["state"]]
    if "under way" in states:
        return "under way"
    if "held back" in states:
        return "held back"
    if states[-1] == "not begun" and states != ["not begun"] * 3:
        return "begun"
    return states[-1]


def progress_of(seen: LedgerMoment, batches: Sequence[BatchOrder]) -> list[BatchProgress]:
    """Return every batch of a plan, in its order, each with why no run moves it now."""
    found: dict[str, BatchProgress] = {}
    for batch in batches:
        waits = [
            *(line for need in batch.needs for line in _unmet(batch.name, found[need])),
            *blocked(seen, batch.name),
        ]
        found[batch.name] = BatchProgress(seen, batch.name, waits)
    return list(found.values())


def _unmet(batch: str, need: BatchProgress) -> list[HoldReason]:
    left = need.unverified
    if left is None:
        return [
            HoldReason(
                f"batch {batch} needs batch {need.name}, of which not everything is listed yet",
                f"il a besoin du lot {need.name}, dont tout n'est pas encore inventorié",
            )
        ]
    if left:
        return [
            HoldReason(
                f"batch {batch} needs batch {need.name}, of which"
                f" {counted(left, 'object is', 'objects are')} not verified",
                f"il a besoin du lot {need.name}, dont {counted(left, _ONE_LEFT, _ALL_LEFT)}",
            )
        ]
    return []


_ONE_LEFT, _ALL_LEFT = "objet n'est pas vérifié", "objets ne sont pas vérifiés"
_ONE_BLOCKED = "de ses objets ne peut être déplacé comme prévu"
_ALL_BLOCKED = "de ses objets ne peuvent être déplacés comme prévu"


def blocked(seen: LedgerMoment, batch: str) -> list[HoldReason]:
    """Return why a batch cannot be moved whatever else is done; empty: it can."""
    count = sum(
        cause.many
        for cause in seen.causes
        if cause.batch == batch and cause.severity == Severity.BLOCKER
    )
    if not count:
        return []
    return [
        HoldReason(
            f"batch {batch} has {counted(count, 'object')} that cannot be moved as planned",
            counted(count, _ONE_BLOCKED, _ALL_BLOCKED),
        )
    ]


def together(amounts: Sequence[Amounts]) -> Amounts:
    """Return the sums of several batches."""
    return {
        "verified": _sum([one["verified"] for one in amounts]),
        "waiting": _sum([one["waiting"] for one in amounts]),
        "failed": _sum([one["failed"] for one in amounts]),
        "held_back": _sum([one["held_back"] for one in amounts]),
        "excluded": _sum([one["excluded"] for one in amounts]),
    }


def _sum(amounts: Sequence[Amount]) -> Amount:
    return {
        "objects": sum(one["objects"] for one in amounts),
        "bytes": sum(one["bytes"] for one in amounts),
    }


def eta_of(seen: LedgerMoment, batches: Sequence[BatchProgress]) -> SecondsRange | None:
    """Return how long it takes until all is verified, at the pace that was measured last.

    None when nobody works, something is not listed yet, or no pace is known.
    """
    if seen.now is None or any(one.unverified is None for one in batches):
        return None
    send = sum((one.to_send() for one in batches), Tally())
    prove = sum((one.to_verify() for one in batches), Tally())
    spans = [seen.span(Step.TRANSFER, send), seen.span(Step.VERIFY, prove)]
    return _range(together_in_time(spans))


def _range(span: WorkSpan | None) -> SecondsRange | None:
    """Return a span in whole seconds."""
    return None if span is None else {"low": round(span.low), "high": round(span.high)}


def amount_of(tally: Tally) -> Amount:
    """Return a tally as results have it."""
    return {"objects": tally.objects, "bytes": tally.size}
