"""Sums over measured stretches of work, from which the cost per object and per byte is fitted.

The sums have a constant size however long the work lasts. They are kept by hour of the day (UTC),
because a line that is shared by day is faster at night.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

from hdh_migrate.model.rows import Sample

GAP_SECONDS = 30.0
"""Samples come every second; where two are further apart, nobody was at work between them."""

STRETCH_SECONDS = 60.0
"""No stretch is longer, unless nothing was reported meanwhile."""

STRETCHES = 30.0
"""A stretch is as long as all before divided by this: short ones show how a short run varies, long
ones are not misled by parts that arrive in lumps."""

REMEMBERED_SECONDS = 14 * 86_400.0
"""Of longer work all sums are halved: what is older counts for less."""


class PaceSums(NamedTuple):
    """Sums over stretches of work of seconds, objects and bytes, and of their products."""

    stretches: float = 0.0
    seconds: float = 0.0
    objects: float = 0.0
    size: float = 0.0
    seconds_2: float = 0.0
    objects_2: float = 0.0
    size_2: float = 0.0
    objects_seconds: float = 0.0
    size_seconds: float = 0.0
    objects_size: float = 0.0

    @classmethod
    def of(cls, seconds: float, objects: int, size: int) -> PaceSums:
        """Return the sums of one stretch."""
        return cls(
            1.0, seconds, objects, size, seconds * seconds, float(objects * objects),
            float(size * size), objects * seconds, size * seconds, float(objects * size),
        )  # fmt: skip

    def plus(self, other: PaceSums) -> PaceSums:
        """Return the sums of both."""
        return PaceSums(*map(sum, zip(self, other, strict=True)))

    def halved(self) -> PaceSums:
        """Return sums that count half as much."""
        return PaceSums(*(one / 2 for one in self))


HourlyPaces: TypeAlias = Mapping[int, PaceSums]
"""What was measured of one step, by hour of the day in UTC."""


def follows(last: Sample, one: Sample) -> bool:
    """Return whether work on one batch went on between two samples of a step."""
    return (
        0 <= one.seconds - last.seconds <= GAP_SECONDS
        and one.batch == last.batch
        and one.objects >= last.objects
        and one.size >= last.size
    )


class Stretching:
    """Cuts the samples of one step, as they come, into stretches."""

    def __init__(self) -> None:
        self._begin: Sample | None = None
        self._last: Sample | None = None

    def take(self, one: Sample, measured: float) -> PaceSums | None:
        """Return the stretch that ends here, if one does; `measured` seconds came before it."""
        begin, last = self._begin, self._last
        self._last = one
        if begin is None or last is None or not follows(last, one) or not (one.objects or one.size):
            self._begin = one  # until something passes, workers are being started
            return None
        seconds = one.seconds - begin.seconds
        if seconds < min(STRETCH_SECONDS, measured / STRETCHES) or seconds <= 0:
            return None
        self._begin = one
        return PaceSums.of(seconds, one.objects - begin.objects, one.size - begin.size)


def added(paces: HourlyPaces, hour: int, stretch: PaceSums) -> HourlyPaces:
    """Return what was measured with one more stretch."""
    found = {**paces, hour: paces.get(hour, PaceSums()).plus(stretch)}
    if total(found).seconds > REMEMBERED_SECONDS:
        return {one: sums.halved() for one, sums in found.items()}
    return found


def total(paces: HourlyPaces) -> PaceSums:
    """Return the sums of all hours."""
    found = PaceSums()
    for sums in paces.values():
        found = found.plus(sums)
    return found


def hour_of(at: str) -> int:
    """Return the hour of a time in RFC 3339 and UTC."""
    return int(at[11:13])


def paces_of(samples: Iterable[Sample]) -> HourlyPaces:
    """Return what the samples of one step come to; for ledgers that kept no sums."""
    cutting = Stretching()
    found: HourlyPaces = {}
    measured = 0.0
    for one in samples:
        stretch = cutting.take(one, measured)
        if stretch is not None:
            found, measured = added(found, hour_of(one.at), stretch), measured + stretch.seconds
    return found
