"""How far the deletion of a batch at its source has come: what its events add up to."""

from __future__ import annotations

from dataclasses import field

from hdh_migrate.events.decommission import CutoverErased, CutoverErasing, CutoverRechecked
from hdh_migrate.frozen import mutable_row
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.pipeline.projections.readings import Reading, Readings


@mutable_row
class RecheckState:
    """What was read again at the target before the source is deleted."""

    level: str | None = None
    reason: str | None = None
    """Why the level is no higher one, where the plan must say so."""
    readings: Readings = field(default_factory=Readings)
    objects: int = 0
    size: int = 0
    """What all readings together came to; an object that was read twice counts twice."""
    differing: dict[int, str] = field(default_factory=dict)
    """What the last look found wrong, by object id; what was mended and read since is not here."""

    def take(self, event: CutoverRechecked) -> None:
        """Add what one round read again."""
        for first, last, level in event.spans:
            self.readings.add(Reading(first, last, event.at, level))
            few, known = last - first < len(self.differing), self.differing
            ids = range(first, last + 1) if few else [n for n in known if first <= n <= last]
            for number in ids:
                self.differing.pop(number, None)
        self.differing.update(event.differing)
        self.objects += event.objects
        self.size += event.bytes


@mutable_row
class ErasureProgress:
    """What decommission has done so far; `after` is the last object id with a receipt."""

    after: int = 0
    open_until: int | None = None
    """The last object id of an intent without a receipt."""
    pending: dict[int, str] = field(default_factory=dict)
    """Ids up to `after` that were left at the source and are to be asked for yet, and why."""
    reopened: set[int] = field(default_factory=set)
    """Ids of an intent without a receipt to ask again for some that were pending."""
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def begun(self) -> bool:
        """Whether an object may have been deleted at the source."""
        return bool(self.after or self.open_until is not None or self.pending or self.reopened)

    def may_be_deleted(self, number: int) -> bool:
        """Return whether the source may not hold an object any more, by our doing.

        It had its turn, or was about to when the execution stopped; what was left at the source
        for a later one is there.
        """
        turn = number <= max(self.after, self.open_until or 0)
        return number in self.reopened or (turn and number not in self.pending)

    @property
    def outcomes(self) -> dict[str, int]:
        """What became of every object that had its turn; counts that close."""
        found = dict(self.counts)
        for why in self.pending.values():
            found[why] = found.get(why, 0) + 1
        return found

    def intend(self, event: CutoverErasing) -> None:
        """Note what is about to be deleted."""
        if event.again is not ABSENT:
            self.reopened.update(event.again)
        else:
            # An intent of before may reach further: larger batches, or a kill right after this one.
            self.open_until = max(self.open_until or 0, event.last)

    def receive(self, event: CutoverErased) -> None:
        """Note what became of it."""
        if event.again is not ABSENT:
            self.reopened.difference_update(event.again)
            for number in event.again:
                self.pending.pop(number, None)
        else:
            self.after = event.last
            if self.open_until is not None and self.open_until <= self.after:
                self.open_until = None
        self.pending.update(dict(event.pending or ()))
        for outcome, count in event.outcomes.items():
            self.counts[outcome] = self.counts.get(outcome, 0) + count
