"""What the journal tells of a transaction, gathered while it goes on and written at its end.

From these events alone anybody can count again what was inventoried, excluded, verified and
failed, and which findings are open (decisions/0021). They are written in the transaction of the
change that they tell of; a long one is split, so that a line of the journal stays short.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import partial
from typing import Any

from hdh_migrate.bounded import in_lists
from hdh_migrate.events.adoption import ObjectsAdopted
from hdh_migrate.events.inventory import InventoryChanged, InventoryCounts, InventorySealed
from hdh_migrate.events.objects import (
    FindingsChanged,
    ObjectsFailed,
    ObjectsSent,
    ObjectsVerified,
    OpenedFinding,
)
from hdh_migrate.fixity import canonical_json, inventory_leaf
from hdh_migrate.frozen import mutable_row
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.ledger import chain
from hdh_migrate.ledger.coverage import FAILED_ROWS, VERIFIED_ROWS, Coverage
from hdh_migrate.model import KeptBack, Origin, State

EVENT_BYTES = 250_000
"""Bytes of an event's list in the journal; written into a line of a bundle they are twice that at
the most, of the one MiB that its readers take."""

LEAVES = 3_000
"""Leaves, or pairs of them, in one list of an event."""

IDS = 15_000
"""Ids in one event."""

ENDED = (State.REFUSED, State.FAILED)
"""States that the journal calls failed."""


@mutable_row
class Changes:
    """What changed in one sealed inventory, as leaves in hexadecimal."""

    joined: list[str] = field(default_factory=list)
    joined_excluded: list[str] = field(default_factory=list)
    changed: list[tuple[str, str]] = field(default_factory=list)
    changed_excluded: list[tuple[str, str]] = field(default_factory=list)
    changed_included: list[tuple[str, str]] = field(default_factory=list)

    def split(self, dataset: str) -> Iterator[InventoryChanged]:
        """Yield one event after another, each with one list."""
        make = partial(
            InventoryChanged, dataset=dataset,
            joined=ABSENT, joined_excluded=ABSENT, changed=ABSENT, changed_excluded=ABSENT,
            changed_included=ABSENT,
        )  # fmt: skip
        for leaves in in_lists(self.joined, LEAVES):
            yield make(joined=tuple(leaves))
        for leaves in in_lists(self.joined_excluded, LEAVES):
            yield make(joined_excluded=tuple(leaves))
        for pairs in in_lists(self.changed_included, LEAVES):
            yield make(changed_included=tuple(pairs))
        for pairs in in_lists(self.changed, LEAVES):
            yield make(changed=tuple(pairs))
        for pairs in in_lists(self.changed_excluded, LEAVES):
            yield make(changed_excluded=tuple(pairs))


class JournallingLedger(Coverage):
    """Gathers, and writes on `commit`, or before what must come after it in the journal."""

    def __init__(self, *args: Any, **named: Any) -> None:  # noqa: ANN401 - those of Store
        super().__init__(*args, **named)
        self._receipts: dict[str, list[Mapping[str, Any]]] = {}
        self._adopted: dict[Origin, list[int]] = {}
        self._changes: dict[int, Changes] = {}
        self._ended: dict[int, int] = {}
        self._findings_opened: list[OpenedFinding] = []
        self._findings_closed: list[int] = []
        self._names: dict[int, str] = {}

    # --- gathering -----------------------------------------------------------------------------

    def _opened(self, number: int, row: Sequence[Any]) -> None:
        """Note a new finding: (dataset, object, code, severity, detail, at)."""
        dataset, entry, code, severity, detail, at = row
        self._findings_opened.append(
            OpenedFinding(
                number=number, at=at, code=code, severity=severity,
                dataset=None if dataset is None else self._name(dataset),
                object=entry, message=detail,
            )
        )  # fmt: skip

    def _close_findings(self, where: str, value: int) -> None:
        """Close the open findings of one object, dataset or number."""
        with self._using(write=True):
            query = f"UPDATE finding SET closed = 1 WHERE {where} = ? AND closed = 0 RETURNING id"  # noqa: S608 - a column of ours
            closed = [row[0] for row in self._con.execute(query, (value,))]
        self.pending += len(closed)
        self._findings_closed.extend(closed)

    def _close_findings_of(self, objects: Sequence[int]) -> None:
        """Close the open findings of some objects, in the order of these."""
        with self._using(write=True):
            query = (
                "UPDATE finding SET closed = 1 WHERE closed = 0"
                " AND object IN (SELECT value FROM json_each(?)) RETURNING object, id"
            )
            closed = [*self._con.execute(query, (json.dumps(objects),))]
        self.pending += len(closed)
        order = {number: place for place, number in enumerate(objects)}
        closed.sort(key=lambda row: (order[row[0]], row[1]))
        self._findings_closed.extend(number for _, number in closed)

    def kept_back(self, dataset: int) -> Iterator[list[KeptBack]]:
        """Yield the refused and failed objects of a dataset in the order of ids, by portions."""
        after = 0
        while rows := self._rows(self._sql["kept_back"], (dataset, after, IDS)):
            yield [KeptBack(row[0], State(row[1]), row[2]) for row in rows]
            after = rows[-1][0]

    def _fails(self, dataset: int, number: int) -> None:
        """Note a row that failed or was refused; before the seal the journal has no rows."""
        if self._is_sealed(dataset):
            self._ended[number] = dataset

    def _joins(self, dataset: int, leaf: bytes, *, excluded: bool) -> None:
        changes = self._changes.setdefault(dataset, Changes())
        (changes.joined_excluded if excluded else changes.joined).append(leaf.hex())

    def _changes_leaf(
        self, dataset: int, was: bytes, now: bytes, *, excluded: bool, was_excluded: bool = False
    ) -> None:
        if was == now and excluded is was_excluded:
            return
        changes = self._changes.setdefault(dataset, Changes())
        if was_excluded:  # recorded before the others: what is left behind again has two of them
            back = was if excluded else now
            changes.changed_included.append((was.hex(), back.hex()))
        if excluded:
            changes.changed_excluded.append((was.hex(), now.hex()))
        elif not was_excluded:
            changes.changed.append((was.hex(), now.hex()))

    def _leaf(self, number: int) -> bytes:
        row = self._rows("SELECT key, size, version FROM object WHERE id = ?", (number,))[0]
        return inventory_leaf(*row)

    # --- writing -------------------------------------------------------------------------------

    def _write_out(self) -> None:
        """Write what was gathered; the order in which it happened is the order of the events."""
        for dataset, changes in self._changes.items():
            for event in changes.split(self._name(dataset)):
                self.event(event)
        self._changes.clear()
        for of, adopted in self._adopted.items():
            for some in in_lists(adopted, IDS):
                told_of = ObjectsAdopted(**of._asdict(), ids=tuple(some))
                self.event(told_of)
        self._adopted.clear()
        for kind, rows in self._receipts.items():
            ids = tuple(row["id"] for row in rows)
            if kind == ObjectsVerified.kind:  # as the rows are now
                covered, counts = self._covers(VERIFIED_ROWS, ids)
                self.event(
                    ObjectsVerified(
                        ids=ids, datasets=counts,
                        rows_sha256=covered.rows, extras_sha256=covered.extras,
                    )
                )  # fmt: skip
            else:
                self.event(ObjectsSent(ids=ids, rows_sha256=chain.rows_digest(rows)))
        self._receipts.clear()
        self._write_ended()
        self._write_findings()

    def _write_ended(self) -> None:
        for some in in_lists(self._ended.items(), IDS):
            ids = tuple(number for number, _ in some)
            self.event(
                ObjectsFailed(
                    ids=ids,
                    rows_sha256=self._covers(FAILED_ROWS, ids)[0].rows,
                    datasets=Counter(self._name(dataset) for _, dataset in some),
                )
            )
        self._ended.clear()

    def _write_findings(self) -> None:
        for some in short(self._findings_opened):
            self.event(FindingsChanged(opened=tuple(some), closed=ABSENT))
        for numbers in in_lists(self._findings_closed, IDS):
            self.event(FindingsChanged(opened=ABSENT, closed=tuple(numbers)))
        self._findings_opened.clear()
        self._findings_closed.clear()

    def _inventoried(self, dataset: int, counts: InventoryCounts) -> None:
        """Tell what a dataset's inventory is now, after all that changed before."""
        self._write_out()
        self.event(InventorySealed.of(self._name(dataset), counts))

    # --- small tools ---------------------------------------------------------------------------

    def _name(self, dataset: int) -> str:
        if dataset not in self._names:
            query = "SELECT name FROM dataset WHERE id = ?"
            self._names[dataset] = str(self._rows(query, (dataset,))[0][0])
        return self._names[dataset]

    def _is_sealed(self, dataset: int) -> bool:
        return bool(self._rows("SELECT state FROM dataset WHERE id = ?", (dataset,))[0][0])


def short(items: Iterable[OpenedFinding]) -> Iterator[list[OpenedFinding]]:
    """Yield findings in lists whose JSON stays under `EVENT_BYTES`."""
    some: list[OpenedFinding] = []
    total = 0
    for item in items:
        size = len(canonical_json(item.as_json())) + 1
        if some and total + size > EVENT_BYTES:
            yield some
            some, total = [], 0
        some.append(item)
        total += size
    if some:
        yield some
