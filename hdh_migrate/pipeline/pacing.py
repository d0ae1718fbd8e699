"""How fast steps went, from samples, and how long what is left may take: pure arithmetic.

What a step costs is taken to be so much for an object and so much for a byte. A pace that was
measured shows one sum of both, so the time for other objects lies between what it would be if only
bytes cost something and if only objects did.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hdh_migrate.frozen import frozen
from hdh_migrate.model import Sample, Tally

LATELY_SECONDS = 60.0
"""What a pace of this moment is measured over."""

GAP_SECONDS = 30.0
"""Samples come every second; where two are further apart, nobody was at work between them."""

OBJECT_SECONDS = 0.05
"""More than a small object takes, at the side of others, on a slow line: where a pace shows large
objects only, it says nothing of small ones."""

LINE = 1 << 30
"""More bytes a second than a line carries: where a pace shows small objects only."""


@frozen
class Rate:
    """What passed in so many seconds of work."""

    seconds: float
    objects: int
    size: int

    @property
    def bytes_per_second(self) -> float:
        """Bytes at the source."""
        return self.size / self.seconds

    @property
    def objects_per_second(self) -> float:
        """Objects, whatever their size."""
        return self.objects / self.seconds


def measured(samples: Iterable[Sample], *, lately: float | None = None) -> Rate | None:
    """Return the rate of a step over its samples, or over the last seconds of them.

    None when nothing was measured. Time between two runs does not count.
    """
    stretches = list(_stretches(samples))
    if lately is not None:
        stretches = stretches[-1:]
        stretches = [
            [one for one in stretch if stretch[-1].seconds - one.seconds <= lately]
            for stretch in stretches
        ]
    seconds = sum(one[-1].seconds - one[0].seconds for one in stretches)
    if seconds <= 0:
        return None
    return Rate(
        seconds=seconds,
        objects=sum(one[-1].objects - one[0].objects for one in stretches),
        size=sum(one[-1].size - one[0].size for one in stretches),
    )


def _stretches(samples: Iterable[Sample]) -> Iterable[list[Sample]]:
    """Split samples where a run, a batch or the machine started anew."""
    stretch: list[Sample] = []
    for one in samples:
        if stretch and not _follows(stretch[-1], one):
            yield stretch
            stretch = []
        stretch.append(one)
    if stretch:
        yield stretch


def _follows(last: Sample, one: Sample) -> bool:
    return (
        0 <= one.seconds - last.seconds <= GAP_SECONDS
        and one.batch == last.batch
        and one.objects >= last.objects
        and one.size >= last.size
    )


def seconds_left(left: Tally, rates: Sequence[Rate]) -> tuple[float, float] | None:
    """Return the least and the most seconds that what is left may take; None: nobody can tell."""
    if not left.objects and not left.size:
        return (0.0, 0.0)
    found = [time for rate in rates if (time := _span(left, rate)) is not None]
    if not found:
        return None
    return min(low for low, _ in found), max(high for _, high in found)


def _span(left: Tally, rate: Rate) -> tuple[float, float] | None:
    """Return the time for what is left if only bytes cost something, and if only objects do."""
    if not rate.size and not rate.objects:
        return None
    if not rate.size:  # all of them were empty
        each = left.objects / rate.objects_per_second
        return (each, each) if not left.size else None
    by_bytes = left.size / rate.bytes_per_second
    least, most = left.size / LINE, by_bytes + left.objects * OBJECT_SECONDS
    by_objects = left.objects / rate.objects_per_second if rate.objects else most
    return min(by_bytes, max(by_objects, least)), max(by_bytes, min(by_objects, most))
