"""Portions of the verified objects of a batch that are written anew, and how far that has come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from hdh_migrate.events.adoption import ObjectsAdopted
from hdh_migrate.events.rotation import (
    DataKeysRotating,
    HeadersExchanged,
    KeysRotated,
    KeysRotating,
)
from hdh_migrate.model import SIDECAR_VERSION, Tally, Verified
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
        """By batch: what stays as it was, and what was adopted since it began.

        Who stored that may not have known of it.
        """
        self.told: KeysRotated | None = None
        """What it came to when all objects were last gone through; None: they were not."""
        self.untold: dict[str, set[int]] = {}
        """By batch: what was adopted since, and not gone through."""
        begun = False
        for _, event in ledger.told(
            KeysRotating, DataKeysRotating, HeadersExchanged, ObjectsAdopted, KeysRotated
        ):
            match event:
                case KeysRotating() | DataKeysRotating():
                    begun = event.number == number
                case HeadersExchanged() if event.number == number:
                    self._go_through(event)
                case ObjectsAdopted() if begun:
                    for found in (self.left, self.untold):
                        found.setdefault(event.batch, set()).update(event.ids)
                case KeysRotated() if event.number == number:
                    self.told = event
                    self.untold.clear()

    def _go_through(self, event: HeadersExchanged) -> None:
        self.objects += len(event.ids)
        self.lost += len(event.lost)
        self.last[event.batch] = max(self.last.get(event.batch, 0), event.last)
        stay = self.left.setdefault(event.batch, set())
        stay.difference_update(event.ids, event.lost)
        stay.update(event.left)
        self.untold.get(event.batch, set[int]()).difference_update(event.ids, event.lost)

    @property
    def ended(self) -> bool:
        """Whether all objects were gone through once."""
        return self.told is not None


def staying(
    ledger: Ledger, so_far: RotationSoFar, batch: str, *, apart: bool
) -> Iterator[list[Verified]]:
    """Yield what was gone through and is to be gone through once more, portion by portion.

    What was adopted meanwhile and comes after the last id is gone through in its turn.
    """
    last = None if so_far.ended else so_far.last.get(batch, 0)
    ids = sorted(one for one in so_far.left.get(batch, ()) if last is None or one <= last)
    for at in range(0, len(ids), PORTION_OBJECTS):
        rows = ledger.erasable_of(batch, ids[at : at + PORTION_OBJECTS], whole=True)
        yield [row for row in rows if not apart or (row.version or "").startswith(SIDECAR_VERSION)]


def tally_of(ledger: Ledger, batch: str, ids: Iterable[int]) -> Tally:
    """Return how much some ids are of a batch's verified objects; they may be nearly all of them.

    Neither the tool's own files nor what was erased counts, as nothing of it is ever deleted.
    """
    objects, size, wanted = 0, 0, sorted(ids)
    for at in range(0, len(wanted), PORTION_OBJECTS):
        rows = ledger.erasable_of(batch, wanted[at : at + PORTION_OBJECTS])
        objects, size = objects + len(rows), size + sum(row.size for row in rows)
    return Tally(objects=objects, size=size)


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


def portions_of(rows: Sequence[Verified]) -> Iterator[list[Verified]]:
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
