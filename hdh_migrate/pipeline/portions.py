"""Portions of the verified objects of a batch that are written anew, and how far that has come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from hdh_migrate.events.rotation import HeadersExchanged, KeysRotated
from hdh_migrate.model import Tally, Verified
from hdh_migrate.ports.ledger import Ledger

PORTION_OBJECTS: Final = 500
PORTION_BYTES: Final = 64 << 30
"""Stored bytes of a portion; that many are read back again at most after a kill."""


class RotationSoFar:
    """What the journal tells of one rotation."""

    def __init__(self, ledger: Ledger, number: int) -> None:
        self.objects = self.lost = 0
        self.last: dict[str, int] = {}
        """By batch: the last id that was gone through."""
        self.left: dict[str, set[int]] = {}
        for _, event in ledger.events(HeadersExchanged):
            if event.number == number:
                self.objects += len(event.ids)
                self.lost += len(event.lost)
                self.last[event.batch] = max(self.last.get(event.batch, 0), event.last)
                stay = self.left.setdefault(event.batch, set())
                stay.difference_update(event.ids, event.lost)
                stay.update(event.left)
        self.ended = any(event.number == number for _, event in ledger.events(KeysRotated))
        """Whether all objects were gone through once."""


def exchangeable(
    ledger: Ledger, batch: str, after: int, most: int = PORTION_OBJECTS, *, apart: bool
) -> list[Verified]:
    """Return some of what has its header in front of its body at the target, after an id."""
    if apart:
        return ledger.own_verified(batch, after, most)
    return ledger.erasable(batch, after, most, whole=True)


def left_of(ledger: Ledger, batch: str, after: int, *, apart: bool) -> Tally:
    """Return how much of that a batch has after an id."""
    if apart:
        return ledger.own_left(batch, after)
    return ledger.erasable_left(batch, after, whole=True)


def cut(rows: Sequence[Verified]) -> Iterator[list[Verified]]:
    """Cut rows into portions that are not too large to be read back at once."""
    portion, size = list[Verified](), 0
    for row in rows:
        if portion and size + (row.stored_size or 0) > PORTION_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(row)
        size += row.stored_size or 0
    if portion:
        yield portion
