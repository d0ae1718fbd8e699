"""One dataset's inventory as the journal has it, undone step by step from the rows of today.

Every seal gave a count and a root over all rows, and the same over those left out. What joined
or changed since stands there as leaves. So each earlier inventory follows from the rows: those that
joined later are left away, leaves that changed later are put back. Memory is bounded by the number
of changes, not of objects.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hdh_migrate.errors import LedgerDamaged
from hdh_migrate.events.inventory import Covered, InventoryChanged, InventorySealed
from hdh_migrate.fixity import Inventoried
from hdh_migrate.telemetry import counted

_Was = tuple[int, bytes | None, bool]


class History:
    """The seals of one dataset, and what changed between and after them."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._seals: list[tuple[int, InventorySealed]] = []
        self._last_change = 0
        # Of a leaf that a row has today: what it was before each change (None: not there yet),
        # and whether it was left out then.
        self._past: dict[bytes, list[_Was]] = {}
        self._left_out: set[bytes] = set()

    @property
    def root(self) -> str | None:
        """The root in the newest event; None before the first seal."""
        return self._seals[-1][1].root if self._seals else None

    def sealed(self, seq: int, seal: InventorySealed) -> None:
        """Take in one `inventoried` event."""
        self._seals.append((seq, seal))

    def changed(self, seq: int, change: InventoryChanged) -> None:
        """Take in one `inventory-changed` event.

        Raises:
            LedgerDamaged: it contradicts an earlier one.
        """
        self._last_change = seq
        came: list[_Was] = [(seq, None, False)]  # one for all: of as many as there are objects
        for leaves, excluded in ((change.joined, False), (change.joined_excluded, True)):
            for leaf in map(bytes.fromhex, leaves or ()):
                self._add(seq, leaf, came, excluded=excluded)
        for pairs, excluded, was_excluded in (
            (change.changed_included, False, True),
            (change.changed, False, False),
            (change.changed_excluded, True, False),
        ):
            for pair in pairs or ():
                was, now = map(bytes.fromhex, pair)
                if was in self._past and was_excluded is not (was in self._left_out):
                    how = "was not" if was_excluded else "was"
                    raise LedgerDamaged(f"event {seq} changes an object that {how} left out")
                self._left_out.discard(was)
                past = [*self._past.pop(was, []), (seq, was, was_excluded)]
                self._add(seq, now, past, excluded=excluded)

    def _add(self, seq: int, leaf: bytes, past: list[_Was], *, excluded: bool) -> None:
        if leaf in self._past:
            raise LedgerDamaged(f"event {seq} tells of an object that is there already")
        self._past[leaf] = past
        if excluded:
            self._left_out.add(leaf)

    def compare(self, rows: Iterable[tuple[bytes, int, bool]]) -> None:
        """Compare (leaf, size, excluded) of every row, in the order of keys, with the events.

        Raises:
            LedgerDamaged: they differ.
        """
        sums = [Inventoried() for _ in self._seals]
        met = 0
        for leaf, size, excluded in rows:
            past = self._past.get(leaf)
            if past is None:
                for one in sums:
                    one.add(leaf, size, excluded=excluded)
                continue
            met += 1
            if excluded != (leaf in self._left_out):
                raise self._differs("what became of an object that joined or changed later")
            for (seq, _), one in zip(self._seals, sums, strict=True):
                then, left_out = next(
                    ((was, out) for at, was, out in past if at > seq), (leaf, excluded)
                )
                if then is not None:
                    one.add(then, size, excluded=left_out)
        for (seq, seal), one in zip(self._seals, sums, strict=True):
            self._compare_seal(seq, seal, InventorySealed.of(self._name, one.counts()))
        if met != len(self._past):
            late = counted(len(self._past) - met, "object")
            raise self._differs(f"{late} that joined or changed later")

    def _compare_seal(self, seq: int, stated: InventorySealed, found: InventorySealed) -> None:
        was_excluded, now_excluded = stated.excluded, found.excluded
        if not was_excluded or not now_excluded:
            raise LedgerDamaged(f"event {seq} of the journal is not of this version")
        if seq < self._last_change:  # sizes of then are in the root, and nowhere else
            stated, found = _sizeless(stated, was_excluded), _sizeless(found, now_excluded)
        if stated == found:
            return
        for what, was, now in (
            ("objects", stated.objects, found.objects),
            ("objects left out", was_excluded.objects, now_excluded.objects),
        ):
            if was != now:
                raise self._differs(f"event {seq} tells of {was} {what}, the rows of {now}")
        raise self._differs(f"the root that event {seq} tells is not that of the rows")

    def _differs(self, what: str) -> LedgerDamaged:
        return LedgerDamaged(f"dataset {self._name} is not as the journal tells it: {what}")


def _sizeless(seal: InventorySealed, excluded: Covered) -> InventorySealed:
    return replace(seal, bytes=0, excluded=replace(excluded, bytes=0))
