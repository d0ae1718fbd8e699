"""Passes over the source of a batch: what each listed and found, as the journal tells it."""

from __future__ import annotations

from dataclasses import field

from hdh_migrate.events.refreshes import PassAmount, Refreshed, RefreshEnded, Refreshing
from hdh_migrate.frozen import frozen, mutable
from hdh_migrate.model import Tally
from hdh_migrate.ports.ledger import Ledger

NONE = Tally()


@frozen
class PassDifference:
    """What a listing found against the ledger; `left` is the part of `vanished` left behind."""

    new: Tally = NONE
    changed: Tally = NONE
    vanished: Tally = NONE
    left: Tally = NONE

    def __add__(self, other: PassDifference) -> PassDifference:
        return PassDifference(
            new=self.new + other.new,
            changed=self.changed + other.changed,
            vanished=self.vanished + other.vanished,
            left=self.left + other.left,
        )

    @property
    def any(self) -> bool:
        """Whether there is something to move, or to decide."""
        return any(one.objects for one in (self.new, self.changed, self.vanished))


@frozen
class Pass:
    """One pass over a batch: what the source listed, and how it differed."""

    batch: str
    number: int
    listed: Tally
    found: PassDifference


@mutable
class RecordedPass:
    """One pass as the journal tells it; `listed` is None while it has not ended."""

    number: int
    begun: str
    ended: str | None = None
    listed: Tally | None = None
    found: PassDifference = field(default_factory=PassDifference)
    datasets: set[str] = field(default_factory=set)
    """Those in which something was found."""


def passes(ledger: Ledger) -> dict[str, list[RecordedPass]]:
    """Return every pass over each batch that has one, the oldest first; scans the journal."""
    found: dict[str, dict[int, RecordedPass]] = {}
    for at, begun in ledger.events(Refreshing):
        of_batch = found.setdefault(begun.batch, {})
        of_batch.setdefault(begun.number, RecordedPass(number=begun.number, begun=at))
    if not found:
        return {}
    for _, event in ledger.events(Refreshed):
        one = found[event.batch][event.number]
        one.datasets.add(event.dataset)
        one.found += PassDifference(
            new=_read(event.new), changed=_read(event.changed),
            vanished=_read(event.vanished), left=_read(event.left),
        )  # fmt: skip
    for at, ended in ledger.events(RefreshEnded):
        one = found[ended.batch][ended.number]
        one.listed, one.ended = _read(ended.listed), at
    return {batch: [known[n] for n in sorted(known)] for batch, known in found.items()}


def amount_of(tally: Tally) -> PassAmount:
    """Return an amount as events tell it."""
    return PassAmount(objects=tally.objects, bytes=tally.size)


def _read(amount: PassAmount) -> Tally:
    return Tally(objects=amount.objects, size=amount.bytes)
