"""Kinds of lives: what is drawn in them besides moving. The high bits of a seed name its kind.

So a number alone tells a life, and what is new has seeds of its own: earlier ones stay what they
were.
"""

from __future__ import annotations

from enum import IntEnum

KIND_BITS = 32


class LifeKind(IntEnum):
    """What may happen to what was moved."""

    MOVED = 0
    """Nothing but moving, cutting over, deleting at the source."""
    REKEYED = 1
    """Besides: recipients' keys are exchanged, and objects sealed anew, at a host with versions."""
    APART = 2
    """Besides: headers are apart, in packs at two places, whose recipients' keys are exchanged."""

    ERASED = 3
    """Besides: objects are sealed anew beside their packs, and a second dataset is erased."""

    GRANTED = 4
    """As with exchanges of keys; besides, readers are granted objects, and read them."""

    MONTHS = 5
    """As the first, always with a switch, and what months bring: see `months`."""

    JUDGED = 6
    """As with months; besides, people judge whether what was lost is a breach to be notified."""

    ATTENDED = 7
    """As with months; besides, people attend to runs: they tell them something meanwhile."""

    CLUSTERED = 8
    """As the first; machines work for its runs, some of which die, or go on though given up."""

    PREPARED = 9
    """As the first; besides, a bucket is made what it is to be, and others change it."""

    @property
    def lasts(self) -> bool:
        """Whether months go by."""
        return self in (LifeKind.MONTHS, LifeKind.JUDGED, LifeKind.ATTENDED)

    @property
    def apart(self) -> bool:
        """Whether headers are apart, in packs."""
        return self in (LifeKind.APART, LifeKind.ERASED)

    @property
    def reseals(self) -> bool:
        """Whether objects are sealed anew, under other data keys."""
        return self.rekeys and self is not LifeKind.APART

    @property
    def rekeys(self) -> bool:
        """Whether recipients' keys are exchanged."""
        moves = self in (LifeKind.MOVED, LifeKind.CLUSTERED, LifeKind.PREPARED)
        return not moves and not self.lasts

    @classmethod
    def of(cls, seed: int) -> LifeKind:
        """Return the kind of a seed's life."""
        return cls(seed >> KIND_BITS)

    def seed(self, number: int) -> int:
        """Return the seed of this kind with a number."""
        return (int(self) << KIND_BITS) + number
