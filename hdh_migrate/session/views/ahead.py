"""What is left of each batch, and when it ends: at the earliest, most likely, at the latest.

Batches are followed as a run goes through them: one after the other, each when what it needs is
verified and its day has come.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Final, NamedTuple

from hdh_migrate.frozen import frozen, mutable_row
from hdh_migrate.model import Step, Tally
from hdh_migrate.pipeline.pace.fitting import MARGIN, NO_WORK, CostFit, WorkSpan, together_in_time
from hdh_migrate.pipeline.pace.until import Calendar, WorkedPiece, by_day, moment_text
from hdh_migrate.plan.datasets import Batch
from hdh_migrate.results.forecasts import (
    Basis,
    BatchEnd,
    BatchOutlook,
    MomentRange,
    SecondsEstimate,
)
from hdh_migrate.session.views.progress import BatchProgress, LedgerMoment, amount_of, blocked
from hdh_migrate.telemetry import counted

SLOWER: Final = 3.0
"""At the latest it takes so many times as long as at a bandwidth that is only stated."""

LIKELY: Final = 1
"""The place of what is most likely in a span."""

NO_BASIS: Final = (
    "nothing was measured yet, and the plan states no limits.bandwidth: move a small batch first"
)


@frozen
class Pace:
    """What a step is counted on for."""

    fit: CostFit | None
    """What was measured; None: nothing was."""
    stated: float | None
    """Bytes a second that the plan states; None: it does not."""
    calendar: Calendar = field(default_factory=Calendar)
    elsewhere: bool = False
    """Whether it was measured in another step."""
    asked: float | None = None
    """Bytes a second that somebody asks about; what an object costs stays as it was measured."""

    @property
    def basis(self) -> Basis:
        """On what the stated times rest."""
        if self.asked is not None:
            return "asked"
        if self.fit is not None:
            return "measured"
        return "none" if self.stated is None else "stated"

    def span(self, left: Tally) -> WorkSpan | None:
        """Return the seconds of work for what is left; None: nobody can tell."""
        if self.asked is not None:
            return self._at(self.asked, left)
        if self.fit is not None:
            span = self.fit.span(left)
            return span.from_elsewhere() if span is not None and self.elsewhere else span
        if not left.objects and not left.size:
            return NO_WORK
        if self.stated is None or not left.size:
            return None
        return _about(left.size / self.stated)

    def _at(self, rate: float, left: Tally) -> WorkSpan:
        """Return the span at a rate: without what objects cost, unless that was measured."""
        least = left.size / rate
        if self.fit is None or self.fit.per_object is None:
            return _about(least)
        likely = least + left.objects * self.fit.per_object
        return WorkSpan(least, likely, likely * (1 + MARGIN))


def _about(least: float) -> WorkSpan:
    """Return the span of a time that nobody measured, from the least that it can be."""
    return WorkSpan(least, least * math.sqrt(SLOWER), least * SLOWER)


class WorkLater(NamedTuple):
    """A day, at most, in which a share of what is left of a step will most likely be done."""

    batch: str
    step: Step
    left: Tally
    piece: WorkedPiece


@mutable_row
class BatchAhead:
    """One batch, what is left of it, and when that ends."""

    batch: Batch
    send: Tally
    prove: Tally
    state: BatchOutlook
    basis: Basis
    why: list[str] = field(default_factory=list)
    """Why it has no end, or what its end is without."""
    spans: Mapping[Step, WorkSpan] | None = None
    """None: nobody can tell."""
    ends: list[float] = field(default_factory=list)
    """At the earliest, most likely, at the latest; empty: it has no end."""

    def told(self) -> BatchEnd:
        """Return it as a result."""
        return {
            "batch": self.batch.name,
            "state": self.state,
            "transfer": amount_of(self.send),
            "verify": amount_of(self.prove),
            "seconds": _seconds(self.spans) if self.ends else None,
            "ends": moments(self.ends),
            "basis": self.basis,
            "why": self.why,
        }


class BatchesAhead:
    """Follows the batches of a plan from one moment on."""

    def __init__(
        self,
        seen: LedgerMoment,
        batches: Sequence[tuple[Batch, BatchProgress]],
        paces: Mapping[Step, Pace],
        start: float,
        not_before: Callable[[Batch], float | None],
    ) -> None:
        """`batches` in the order in which a run takes them; `start` is in seconds since 1970."""
        self._paces, self._start, self._not_before = paces, start, not_before
        self.later: list[WorkLater] = []
        """What is done when, most likely, in the order of time."""
        self.batches = [self._seen(seen, *one) for one in batches]
        self._moved = self._settled()
        columns = [self._follow(place) for place in range(3)]
        for one in self._moved:
            found = [column.get(one.batch.name) for column in columns]
            known = [at for at in found if at is not None]
            if len(known) == len(columns):
                one.ends = known
            else:
                one.why.append("it does not end in twenty years of these hours")

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return all(one.state == "done" for one in self.batches)

    @property
    def ends(self) -> list[float]:
        """When every batch is verified, empty where one has no end."""
        open_ones = [one for one in self.batches if one.state != "done"]
        if not open_ones or not all(one.ends for one in open_ones):
            return []
        return [max(one.ends[place] for one in open_ones) for place in range(3)]

    def _seen(self, seen: LedgerMoment, batch: Batch, progress: BatchProgress) -> BatchAhead:
        send, prove = progress.to_send(), progress.to_verify()
        paces = [self._paces[step] for step in (Step.TRANSFER, Step.VERIFY)]
        found = BatchAhead(batch, send, prove, "left", paces[0].basis)
        spans = [pace.span(left) for pace, left in zip(paces, (send, prove), strict=True)]
        if all(span is not None for span in spans):
            found.spans = {
                step: span
                for step, span in zip((Step.TRANSFER, Step.VERIFY), spans, strict=True)
                if span is not None
            }
        if not progress.is_listed:
            found.state = "not listed"
            found.why.append(
                f'not everything of it is listed: "hdh-migrate inventory PLAN --batch {batch.name}"'
            )
        elif why := blocked(seen, batch.name):
            found.state, found.why = "held back", [one.en for one in why]
        elif progress.failed:
            found.why.append(f"without {counted(progress.failed, 'object')} that failed")
            if not prove.objects:
                found.state = "held back"
        elif not prove.objects:
            found.state = "done"
        if found.state == "left" and found.spans is None:
            found.why.append(NO_BASIS if found.basis == "none" else "of this no pace is known")
        return found

    def _settled(self) -> list[BatchAhead]:
        """Hold back what needs a batch that does not get done; return what can be followed.

        Nothing can that comes after a batch of which nobody knows how much there is.
        """
        stuck = {one.batch.name for one in self.batches if one.why and one.state != "not listed"}
        unlisted, found = None, []
        for one in self.batches:
            needs = [need for need in one.batch.needs if need in stuck]
            if one.state == "not listed":
                unlisted = unlisted or one.batch.name
            elif one.state == "left" and needs:
                one.state = "held back"
                one.why.append(f"it needs batch {needs[0]}, which will not be verified as it is")
                stuck.add(one.batch.name)
            elif one.state == "left" and unlisted is not None:
                one.why.append(f"it comes after batch {unlisted}, which is not listed")
            elif one.state == "left" and one.spans is not None:
                found.append(one)
        return found

    def _follow(self, place: int) -> dict[str, float]:
        """Return when each batch ends, at one place of each span."""
        at, found = self._start, dict[str, float]()
        done = {one.batch.name for one in self.batches if one.state == "done"}
        todo = [*self._moved]
        while todo:
            one = self._next(todo, done, at)
            if one is None:
                break
            todo.remove(one)
            end = self._through(one, max(at, self._not_before(one.batch) or at), place)
            if end is None:
                break
            at = found[one.batch.name] = end
            done.add(one.batch.name)
        return found

    def _next(self, todo: Sequence[BatchAhead], done: set[str], at: float) -> BatchAhead | None:
        """Return which batch a run takes now, or whose day comes first."""
        ready = [one for one in todo if done.issuperset(one.batch.needs)]
        days = [max(at, self._not_before(one.batch) or at) for one in ready]
        first = min(days, default=at)
        return next((one for one, day in zip(ready, days, strict=True) if day == first), None)

    def _through(self, one: BatchAhead, at: float, place: int) -> float | None:
        assert one.spans is not None, "a batch that moves has a span"
        for step, left in ((Step.TRANSFER, one.send), (Step.VERIFY, one.prove)):
            seconds, calendar = one.spans[step][place], self._paces[step].calendar
            # At the latest no ceiling is made full use of: no end is one number.
            size = left.size * (1 + MARGIN if place > LIKELY else 1)
            if place == LIKELY:
                pieces, end = by_day(calendar, at, seconds, size)
                self.later += [WorkLater(one.batch.name, step, left, piece) for piece in pieces]
            else:
                end = calendar.ends(at, seconds, size)
            if end is None:
                return None
            at = end
        return at


def moments(ends: Sequence[float]) -> MomentRange | None:
    """Return three moments as a result; None for none."""
    if not ends:
        return None
    earliest, likely, latest = map(moment_text, ends)
    return {"earliest": earliest, "likely": likely, "latest": latest}


def _seconds(spans: Mapping[Step, WorkSpan] | None) -> SecondsEstimate | None:
    span = together_in_time([*spans.values()]) if spans is not None else None
    return None if span is None else seconds_fact(span)


def seconds_fact(span: WorkSpan) -> SecondsEstimate:
    """Return seconds of work as a result."""
    return {"low": round(span.low), "likely": round(span.likely), "high": round(span.high)}
