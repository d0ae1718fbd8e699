"""Divides a shared limit among the nodes of a cluster, while nodes come and go.

A share is given out only when no other node can still be using it: a node that is to have less
confirms first, and the share of a node that is gone is withheld for as long as it may still be
running unseen. So the shares in use never exceed the whole.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Final, Generic, TypeVar

from hdh_migrate.frozen import mutable_row

Member = TypeVar("Member", bound=Hashable)

_EVEN: Final = 1e-9
"""Parts that differ by less are the same."""


@mutable_row
class _Holding:
    part: float = 0.0
    """The most that its member may be using now."""
    asked: float | None = None
    """What it was sent last and has not confirmed."""


@mutable_row
class _Kept:
    part: float
    until: float


class Shares(Generic[Member]):
    """Equal shares for all nodes of what is not withheld. Not thread-safe.

    Times are seconds of any clock that never goes back.
    """

    def __init__(self) -> None:
        self._held = dict[Member, _Holding]()
        self._kept = dict[Member, _Kept]()

    def join(self, member: Member) -> None:
        """Add a node, which has no share yet."""
        self._held[member] = _Holding()

    def leave(self, member: Member, until: float | None = None) -> None:
        """Remove a node; its share is withheld `until` then, or not at all."""
        holding = self._held.pop(member, None)
        if holding is not None and until is not None and holding.part > _EVEN:
            self._kept[member] = _Kept(holding.part, until)

    def ended(self, member: Member) -> None:
        """Release the withheld share of a node at once: it is known not to use it any more."""
        self._kept.pop(member, None)

    def took(self, member: Member, part: float) -> None:
        """Note a node's confirmation that it uses no more than this from now on."""
        holding = self._held.get(member)
        if holding is not None and holding.asked == part:
            holding.part, holding.asked = part, None

    def part(self, member: Member) -> float:
        """Return the most that a node may be using now."""
        return self._held[member].part if member in self._held else 0.0

    @property
    def in_use(self) -> float:
        """The sum of all shares that may be in use now, those withheld included."""
        return sum(one.part for one in self._held.values()) + self._back

    @property
    def _back(self) -> float:
        return sum(one.part for one in self._kept.values())

    def due(self, now: float) -> Iterator[tuple[Member, float]]:
        """Return which share is to be sent to which node now; confirm each with `took`."""
        for member in [one for one, kept in self._kept.items() if kept.until <= now]:
            del self._kept[member]
        if not self._held:
            return
        goal = (1.0 - self._back) / len(self._held)
        if goal <= _EVEN:
            return
        for member, holding in self._held.items():
            if holding.asked is None and holding.part > goal + _EVEN:
                holding.asked = goal
                yield member, goal
        for member, holding in self._held.items():
            more = goal - holding.part
            if holding.asked is None and more > _EVEN and self.in_use + more <= 1.0 + _EVEN:
                holding.part = holding.asked = goal
                yield member, goal


class Unlimited(Shares[Member]):
    """The same without a limit: no node waits for another."""

    def leave(self, member: Member, until: float | None = None) -> None:
        """Forget a worker, so that the others share what it had."""
        del until
        super().leave(member)

    def due(self, now: float) -> Iterator[tuple[Member, float]]:
        """Return each new node, which may begin; the share has no meaning."""
        del now
        for member, holding in self._held.items():
            if not holding.part:
                holding.part = holding.asked = 1.0
                yield member, 1.0
