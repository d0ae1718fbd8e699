"""How long 100 TB would take at the measured pace: what a page says of it, with its limits."""

from __future__ import annotations

from collections.abc import Sequence

from hdh_migrate.evidence.page.text import Text
from hdh_migrate.evidence.verifier.members import StatedPace
from hdh_migrate.frozen import frozen

ASKED = 100 * 10**12
"""Bytes, as hosts and contracts count them: decimal."""


MOST_TIMES = 100_000
"""Of less than 1 GB nothing is reckoned."""


@frozen
class StepAhead:
    """What a step would take, in seconds: at its pace while it worked, and with its stops."""

    step: str
    working: int
    """Bytes per second over the slices of time in which something passed."""
    low: float
    high: float


@frozen
class WorkAhead:
    """What all steps would take one after another, and from how little that is reckoned."""

    steps: tuple[StepAhead, ...]
    low: int
    high: int
    measured: int
    """The bytes of the step of which least is known."""
    times: int
    """So many times as much is asked for as was measured."""
    mean_size: int
    """Bytes of an object on average."""

    @property
    def too_little(self) -> bool:
        """Whether so little was measured that nothing can be said of so much."""
        return self.times > MOST_TIMES


def ahead(paces: Sequence[StatedPace]) -> WorkAhead | None:
    """Reckon how long `ASKED` would take; None where no byte was measured."""
    steps, measured, sizes = [], [], []
    for pace in paces:
        bins, seconds = pace["bins"], pace["seconds"]
        whole = sum(one["bytes"] for one in bins)
        if not whole:
            continue
        worked = seconds * sum(one["bytes"] > 0 for one in bins)
        steps.append(
            StepAhead(
                step=pace["step"],
                working=int(whole / worked),
                low=ASKED * worked / whole,
                high=ASKED * seconds * len(bins) / whole,
            )
        )
        measured.append(whole)
        sizes.append(whole // max(1, sum(one["objects"] for one in bins)))
    if not steps:
        return None
    least = min(measured)
    return WorkAhead(
        steps=tuple(steps),
        low=_rounded(sum(one.low for one in steps)),
        high=_rounded(sum(one.high for one in steps)),
        measured=least,
        times=ASKED // least,
        mean_size=min(sizes),
    )


def _rounded(seconds: float) -> int:
    """Return it in whole days, hours or minutes: the smallest unit of which there are ten."""
    unit = next((one for one in (86_400, 3_600, 60) if seconds >= 10 * one), 1)
    return round(seconds / unit) * unit


AHEAD: dict[str, Text] = {
    "ahead": Text("À ce rythme, 100\u00a0téraoctets", "At this pace, 100\u00a0TB"),
    "ahead.answer": Text(
        "De {low} sans arrêt à {high} avec les arrêts mesurés, les étapes l'une après l'autre.",
        "From {low} without stops to {high} with the stops that were measured, one step after the "
        "other.",
    ),
    "ahead.same": Text(
        "Environ {low}, les étapes l'une après l'autre.",
        "About {low}, one step after the other.",
    ),
    "ahead.step": Text("{pace}/s hors arrêts", "{pace}/s while at work"),
    "ahead.limits": Text(
        "Ce n'est pas une promesse : le calcul part de {measured}, {times} fois moins, en objets "
        "de {size} en moyenne. Il vaut pour les mêmes machines, le même réseau, les mêmes réglages "
        "et des objets de ces tailles ; ni les quotas ni les lenteurs d'un hébergeur n'y sont "
        "comptés. Pour un "
        "plan précis, « hdh-migrate forecast » compte aussi les objets et les plages horaires.",
        "This is no promise: it is reckoned from {measured}, {times} times less, in objects of "
        "{size} on average. It holds for the same machines, network and settings and objects of "
        "these sizes; neither a quota nor a host that slows down is in it. For a plan of its own, "
        "“hdh-migrate forecast” also counts objects and hours of work.",
    ),
    "ahead.more": Text(
        "Le calcul part de {measured}, plus que ce qui est demandé, en objets de {size} en "
        "moyenne. Il vaut pour les mêmes machines, le même réseau et les mêmes réglages.",
        "It is reckoned from {measured}, more than is asked for, in objects of {size} on average. "
        "It holds for the same machines, network and settings.",
    ),
    "ahead.here": Text(
        "Tout s'est passé sur une seule machine : cela ne dit rien du réseau ni d'un hébergeur.",
        "Everything happened on one machine: this says nothing of a network or a host.",
    ),
}
