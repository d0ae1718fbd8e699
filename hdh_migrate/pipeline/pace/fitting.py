"""What an object and a byte cost, fitted to what was measured, and how long what is left takes.

A step is taken to need so many seconds for an object and so many for a byte. Where stretches of
work differed enough in what passed, both prices are fitted to them (least squares, neither below
nothing) and scaled so that together they explain the time that was measured. Where they did not,
the prices cannot be told apart: the range then goes from "only bytes cost" to "only objects do".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hdh_migrate.frozen import frozen
from hdh_migrate.model import Tally
from hdh_migrate.model.paces import HourlyPaces, PaceSums, total
from hdh_migrate.pipeline.pace.pacing import Rate

OBJECT_SECONDS = 0.05
"""More than a small object takes, at the side of others, on a slow line: where only large objects
were measured, it says nothing of small ones."""

LINE = 1 << 30
"""More bytes a second than a line carries: where only small objects were measured."""

STRETCHES_MIN = 6.0
"""Of fewer stretches nothing is fitted."""

STRETCHES_SURE = 30.0
"""Only from so many stretches on it is believed that one of both costs nothing."""

ALIKE = 0.00001
"""Stretches whose mix of objects and bytes differs by less cannot tell the two prices apart."""

MARGIN, SHORT_MARGIN = 0.1, 1.0
"""No range is narrower than this share to each side, and the second one divided by the square root
of the seconds that were measured: a line is not tomorrow what it was for a minute today."""

DEVIATIONS = 4.0
"""How many standard deviations a range reaches to each side: neighbouring stretches are more alike
than chance would have them."""

HOUR_SECONDS = 600.0
"""An hour of the day counts for itself once so much work was measured in it."""

ELSEWHERE = 1.5
"""How many times as long, or as short, a step may take as another one that was measured."""

LATELY_MIN = 20.0
"""Seconds of work from which on the pace of late widens a range."""


class WorkSpan(NamedTuple):
    """Seconds of work: at least, most likely, at most."""

    low: float
    likely: float
    high: float

    def plus(self, other: WorkSpan) -> WorkSpan:
        """Return the time for one after the other."""
        return WorkSpan(*map(sum, zip(self, other, strict=True)))

    def from_elsewhere(self) -> WorkSpan:
        """Return the span where it was measured in another step, which may cost something else."""
        return WorkSpan(self.low / ELSEWHERE, self.likely, self.high * ELSEWHERE)

    def at_least(self, seconds: float) -> WorkSpan:
        """Return the span where it takes so many seconds at least; it is no single number."""
        low, likely = max(self.low, seconds), max(self.likely, seconds)
        return WorkSpan(low, likely, max(self.high, seconds * (1 + MARGIN)))


NO_WORK = WorkSpan(0.0, 0.0, 0.0)


@frozen
class CostFit:
    """What an object and a byte cost in one step."""

    sums: PaceSums
    per_object: float | None
    """Seconds; None: it cannot be learned from the price of a byte."""
    per_byte: float | None
    hours: Mapping[int, float]
    """By hour of the day (UTC): how many times as long work takes; hours not measured: as long."""
    lately: float | None
    """How many times as long work took lately; None: too little passed."""

    @property
    def told_apart(self) -> bool:
        """Whether both prices are known."""
        return self.per_object is not None

    def span(self, left: Tally) -> WorkSpan | None:
        """Return how long what is left takes; None: nobody can tell."""
        if not left.objects and not left.size:
            return NO_WORK
        ends = _ends(left, self.sums)
        if ends is None:
            return None
        low, high = ends
        likely = self._likely(left)
        if likely is None:
            likely = math.sqrt(low * high)
        else:
            reach = DEVIATIONS * self._deviation(left, likely)
            low, high = max(low, likely - reach), min(high, likely + reach)
            likely = min(max(likely, ends[0]), ends[1])
        most = 1 + MARGIN + SHORT_MARGIN / math.sqrt(self.sums.seconds)
        low, high = min(low, likely / most), max(high, likely * most)
        if self.lately is not None:
            low, high = min(low, likely * self.lately), max(high, likely * self.lately)
        return WorkSpan(low, likely, high)

    def _likely(self, left: Tally) -> float | None:
        if self.per_object is None or self.per_byte is None:
            return None
        return left.objects * self.per_object + left.size * self.per_byte

    def _deviation(self, left: Tally, likely: float) -> float:
        """Return the standard deviation of the time for what is left, as the stretches varied."""
        sums = self.sums
        raw = _prices(sums)
        assert raw is not None, "prices were fitted"
        variance = max(0.0, _squares(sums, *raw)) / max(1.0, sums.stretches - 2)
        spread = (
            left.objects**2 * sums.size_2
            - 2 * left.objects * left.size * sums.objects_size
            + left.size**2 * sums.objects_2
        ) / _determinant(sums)
        stretches_left = likely * sums.stretches / sums.seconds
        return math.sqrt(variance * (max(0.0, spread) + stretches_left))


def fitted(paces: HourlyPaces | None, lately: Rate | None = None) -> CostFit | None:
    """Fit the prices of a step to what was measured of it; None: nothing passed.

    `lately` is what passed in the last minutes, if somebody is at work.
    """
    sums = total(paces or {})
    if sums.seconds <= 0 or not (sums.objects or sums.size):
        return None
    raw = _prices(sums)
    if raw is None:
        return CostFit(sums=sums, per_object=None, per_byte=None, hours={}, lately=None)
    scale = sums.seconds / (raw[0] * sums.objects + raw[1] * sums.size)
    each, per_byte = raw[0] * scale, raw[1] * scale

    def times_as_long(seconds: float, objects: float, size: float) -> float | None:
        wanted = objects * each + size * per_byte
        return seconds / wanted if wanted > 0 else None

    hours = {
        hour: times
        for hour, one in (paces or {}).items()
        if one.seconds >= HOUR_SECONDS
        and (times := times_as_long(one.seconds, one.objects, one.size)) is not None
    }
    late = None
    if lately is not None and lately.seconds >= LATELY_MIN:
        late = times_as_long(lately.seconds, lately.objects, lately.size)
    return CostFit(
        sums=sums,
        per_object=each,
        per_byte=per_byte,
        hours=hours if len(hours) > 1 else {},
        lately=late,
    )


def together_in_time(spans: Sequence[WorkSpan | None]) -> WorkSpan | None:
    """Return the time for one after the other; None where nobody can tell of one."""
    found = NO_WORK
    for one in spans:
        if one is None:
            return None
        found = found.plus(one)
    return found


def _determinant(sums: PaceSums) -> float:
    return sums.objects_2 * sums.size_2 - sums.objects_size**2


def _prices(sums: PaceSums) -> tuple[float, float] | None:
    """Return what an object and a byte cost, not yet scaled; None: they cannot be told apart."""
    if sums.stretches < STRETCHES_MIN or not (sums.objects_2 and sums.size_2):
        return None
    determinant = _determinant(sums)
    if determinant < ALIKE * sums.objects_2 * sums.size_2:
        return None
    each = (
        sums.objects_seconds * sums.size_2 - sums.size_seconds * sums.objects_size
    ) / determinant
    byte = sums.size_seconds * sums.objects_2 - sums.objects_seconds * sums.objects_size
    per_byte = byte / determinant
    if min(each, per_byte) <= 0 and sums.stretches < STRETCHES_SURE:
        return None  # more likely chance than a price of nothing
    if each <= 0:
        return 0.0, sums.size_seconds / sums.size_2
    if per_byte <= 0:
        return sums.objects_seconds / sums.objects_2, 0.0
    return each, per_byte


def _squares(sums: PaceSums, each: float, per_byte: float) -> float:
    """Return the sum of the squares of what the prices do not explain."""
    return (
        sums.seconds_2
        - 2 * each * sums.objects_seconds
        - 2 * per_byte * sums.size_seconds
        + each**2 * sums.objects_2
        + 2 * each * per_byte * sums.objects_size
        + per_byte**2 * sums.size_2
    )


def _ends(left: Tally, sums: PaceSums) -> tuple[float, float] | None:
    """Return the time for what is left if only bytes cost something, and if only objects do."""
    if not sums.size:  # all of them were empty
        each = left.objects * sums.seconds / sums.objects
        return (each, each) if not left.size else None
    by_bytes = left.size * sums.seconds / sums.size
    least, most = left.size / LINE, by_bytes + left.objects * OBJECT_SECONDS
    by_objects = left.objects * sums.seconds / sums.objects if sums.objects else most
    return min(by_bytes, max(by_objects, least)), max(by_bytes, min(by_objects, most))
