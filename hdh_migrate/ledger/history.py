"""One dataset's inventory as the journal has it, undone step by step from the rows of today.

Every seal told a count and a root over all rows, and the same over those left out. What joined
or changed since is told as leaves. So each earlier inventory follows from the rows: leaves that
joined later are left away, leaves that changed later are put back. Memory is bounded by the number
of changes, not of objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hdh_migrate.errors import LedgerDamaged
from hdh_migrate.fixity import Inventoried


class History:
    """The seals of one dataset, and what changed between and after them."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._seals: list[tuple[int, Mapping[str, Any]]] = []
        self._last_change = 0
        # Of a leaf that a row has today: what it was before each change; None: not there yet.
        self._past: dict[bytes, list[tuple[int, bytes | None]]] = {}
        self._left_out: dict[bytes, int] = {}

    @property
    def root(self) -> str | None:
        """The root in the newest event; None before the first seal."""
        return str(self._seals[-1][1]["root"]) if self._seals else None

    def sealed(self, seq: int, told: Mapping[str, Any]) -> None:
        """Take in one `inventoried` event."""
        self._seals.append((seq, {name: told[name] for name in told if name != "dataset"}))

    def changed(self, seq: int, told: Mapping[str, Any]) -> None:
        """Take in one `inventory-changed` event.

        Raises:
            LedgerDamaged: it contradicts an earlier one.
        """
        self._last_change = seq
        for name in ("joined", "joined_excluded"):
            for leaf in map(bytes.fromhex, told.get(name, ())):
                self._add(seq, leaf, [(seq, None)], excluded=name == "joined_excluded")
        for name in ("changed", "changed_excluded"):
            for pair in told.get(name, ()):
                was, now = map(bytes.fromhex, pair)
                if was in self._left_out:
                    raise LedgerDamaged(f"event {seq} changes an object that was left out")
                past = [*self._past.pop(was, []), (seq, was)]
                self._add(seq, now, past, excluded=name == "changed_excluded")

    def _add(
        self, seq: int, leaf: bytes, past: list[tuple[int, bytes | None]], *, excluded: bool
    ) -> None:
        if leaf in self._past:
            raise LedgerDamaged(f"event {seq} tells of an object that is there already")
        self._past[leaf] = past
        if excluded:
            self._left_out[leaf] = seq

    def compare(self, rows: Iterable[tuple[bytes, int, bool]]) -> None:
        """Compare (leaf, size, excluded) of every row, in the order of keys, with the events.

        Raises:
            LedgerDamaged: they differ.
        """
        counted = [Inventoried() for _ in self._seals]
        met = 0
        for leaf, size, excluded in rows:
            past = self._past.get(leaf)
            if past is None:
                for one in counted:
                    one.add(leaf, size, excluded=excluded)
                continue
            met += 1
            if excluded != (leaf in self._left_out):
                raise self._differs("what became of an object that joined or changed later")
            for (seq, _), one in zip(self._seals, counted, strict=True):
                then = next((was for at, was in past if at > seq), leaf)
                if then is not None:
                    one.add(then, size, excluded=excluded and self._left_out[leaf] <= seq)
        for (seq, told), one in zip(self._seals, counted, strict=True):
            self._compare_seal(seq, told, one.told())
        if met != len(self._past):
            raise self._differs(f"{len(self._past) - met} objects that joined or changed later")

    def _compare_seal(self, seq: int, told: Mapping[str, Any], found: dict[str, Any]) -> None:
        if seq < self._last_change:  # sizes of then are in the root, and nowhere else
            told = {**told, "bytes": 0, "excluded": {**told["excluded"], "bytes": 0}}
            found = {**found, "bytes": 0, "excluded": {**found["excluded"], "bytes": 0}}
        if told == found:
            return
        for what, was, now in (
            ("objects", told, found),
            ("objects left out", told["excluded"], found["excluded"]),
        ):
            if was["objects"] != now["objects"]:
                raise self._differs(
                    f"event {seq} tells of {was['objects']} {what}, the rows of {now['objects']}"
                )
        raise self._differs(f"the root that event {seq} tells is not that of the rows")

    def _differs(self, what: str) -> LedgerDamaged:
        return LedgerDamaged(f"dataset {self._name} is not as the journal tells it: {what}")
