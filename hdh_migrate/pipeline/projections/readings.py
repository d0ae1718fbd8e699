"""When which objects were read again at the target: spans of ledger ids, each with a moment.

A span says that every object of the batch with an id in it was read. Later spans take the place of
earlier ones, so that what was read anew counts with its new moment.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Final

from hdh_migrate.frozen import frozen_row

LEVELS: Final = ("head", "stored", "full")
"""How closely an object was read, the closest last; each covers those before it."""


@frozen_row
class Reading:
    """Every object from `first` to `last` was read, no earlier than `at` (RFC 3339)."""

    first: int
    last: int
    at: str
    level: str


class Readings:
    """Disjoint readings in the order of their ids."""

    def __init__(self) -> None:
        self._kept: list[Reading] = []
        self._lasts: list[int] = []

    def __iter__(self) -> Iterator[Reading]:
        return iter(self._kept)

    def add(self, new: Reading) -> None:
        """Take one more reading; it replaces what was known of its ids."""
        start = bisect_left(self._lasts, new.first)
        end = start
        pieces: list[Reading] = []
        while end < len(self._kept) and self._kept[end].first <= new.last:
            old = self._kept[end]
            if old.first < new.first:
                pieces.append(Reading(old.first, new.first - 1, old.at, old.level))
            if old.last > new.last:
                pieces.append(Reading(new.last + 1, old.last, old.at, old.level))
            end += 1
        pieces = sorted([*pieces, new], key=lambda one: one.first)
        self._kept[start:end] = pieces
        self._lasts[start:end] = [one.last for one in pieces]

    def of(self, number: int) -> Reading | None:
        """Return the last reading of an object, None when there was none."""
        at = bisect_left(self._lasts, number)
        if at < len(self._kept) and self._kept[at].first <= number:
            return self._kept[at]
        return None


def covers(level: str, wanted: str) -> bool:
    """Return whether a reading of one level is as close as another level asks for."""
    return LEVELS.index(level) >= LEVELS.index(wanted)


def merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans in their order, with those that touch each other made one."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found
