"""How fast a step went, from samples. What that says of other work: `fitting`."""

from __future__ import annotations

from collections.abc import Iterable

from hdh_migrate.frozen import frozen
from hdh_migrate.model import Sample
from hdh_migrate.model.paces import follows

LATELY_SECONDS = 60.0
"""What a pace of this moment is measured over."""


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
        if stretch and not follows(stretch[-1], one):
            yield stretch
            stretch = []
        stretch.append(one)
    if stretch:
        yield stretch
