"""Bring a ledger of an earlier version up: one event adds the counts its journal did not have.

The rows are compared with what the earlier journal did tell, then everything is recorded anew after
one event, `ledger-upgraded`, all of it in one transaction. From there on the journal tells every
count. A ledger whose journal is of the new form already cannot be brought up again: otherwise
rows could be changed first and be recorded as right afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from hdh_migrate.errors import LedgerDamaged
from hdh_migrate.events.cutover import CutoverRelisting
from hdh_migrate.events.inventory import InventoryCounts, InventorySealed
from hdh_migrate.events.objects import ObjectDrifted
from hdh_migrate.events.run import LedgerUpgraded
from hdh_migrate.fixity import Inventoried, inventory_leaf
from hdh_migrate.ledger.connection import all_or_nothing
from hdh_migrate.ledger.database import guarded
from hdh_migrate.ledger.journalling import JournallingLedger
from hdh_migrate.ledger.reconciling import Reconciling, is_new_form
from hdh_migrate.model import DatasetRow, State

UNCOUNTED = "untold"
"""What the ledger's memory calls a journal that was begun by an earlier version (schema-3.sql)."""

COUNTED_SINCE = 3
"""The version of the ledger from which on its journal tells every count."""


class Upgrading(JournallingLedger, Reconciling):
    """Tells once, and compares whatever the journal tells."""

    @property
    def outdated(self) -> bool:
        """Whether the journal lacks some counts yet; opening it to write adds them."""
        version = self._rows("PRAGMA user_version")[0][0]
        return version < COUNTED_SINCE or self.meta(UNCOUNTED) is not None

    def reconcile(self) -> None:
        """Check all pages and the whole journal, and compute again from the rows what it tells.

        In bounded memory. What this process changed is committed first. Of a ledger that was not
        brought up yet only what its journal said then can be compared.

        Raises:
            LedgerDamaged: they differ; one line says in what.
        """
        if self.pending:
            self.commit()
        with self.snapshot():
            self.check()
            if self.outdated:
                self._reconcile_earlier()
            else:
                super().reconcile()

    def _reconcile_earlier(self) -> None:
        self._refuse_new_form()
        self.check_receipts()
        self.check_plan()
        for dataset in self.datasets():
            if dataset.sealed:
                self._compare_earlier(dataset, self._inventory_of(dataset))

    @all_or_nothing
    def bring_up(self) -> None:
        """Tell once what an earlier version did not; does nothing when that is done.

        Raises:
            LedgerDamaged: the rows contradict the journal, or it is of the new form already.
        """
        if self.meta(UNCOUNTED) is None:
            return
        self._refuse_new_form()
        self.check_receipts()
        self.check_plan()
        sealed = {row.id: (row, self._inventory_of(row)) for row in self.datasets() if row.sealed}
        for row, found in sealed.values():
            self._compare_earlier(row, found)
        self.event(LedgerUpgraded(schema=COUNTED_SINCE, verified=self._verified_counts()))
        for number, (row, found) in sealed.items():
            self._do("UPDATE dataset SET root = ? WHERE id = ?", (found.root, row.id))
            self._inventoried(number, found)
            for portion in self.kept_back(number):
                self._ended.update((one.id, number) for one in portion)
        for finding in self._open_findings():
            self._opened(*finding)
        self._do("DELETE FROM meta WHERE name = ?", (UNCOUNTED,))
        self.commit()

    def _refuse_new_form(self) -> None:
        for seq, event in self._all_numbered():
            if is_new_form(event):
                raise LedgerDamaged(f"event {seq}: the ledger's format was set back")

    def _inventory_of(self, dataset: DatasetRow) -> InventoryCounts:
        found = Inventoried()
        query = "SELECT key, size, version, state FROM object WHERE dataset = ? ORDER BY key"
        with guarded():
            for key, size, version, state in self._con.execute(query, (dataset.id,)):
                leaf = inventory_leaf(key, size, version)
                found.add(leaf, size, excluded=state == State.EXCLUDED)
        return found.counts()

    def _compare_earlier(self, dataset: DatasetRow, found: InventoryCounts) -> None:
        """Compare with the last inventory in the events of an earlier version."""
        seals = [
            (seq, event)
            for seq, event in self._numbered(InventorySealed)
            if event.dataset == dataset.name
        ]
        if not seals:
            raise LedgerDamaged(f"dataset {dataset.name} is closed, and no event closed it")
        seq, last = seals[-1]
        fewer = found.objects < last.objects
        if fewer or (found.root != last.root and not self._changed_since(dataset, seq)):
            raise LedgerDamaged(
                f"dataset {dataset.name}: event {seq} tells of {last.objects} objects and a"
                f" root, the rows of {found.objects} and another one"
            )

    def _changed_since(self, dataset: DatasetRow, seq: int) -> bool:
        """Return whether an object may have joined or been pinned anew since without an event."""
        mine = "SELECT 1 FROM object WHERE id = ? AND dataset = ?"
        return any(
            at > seq and self._rows(mine, (event.id, dataset.id))
            for at, event in self._numbered(ObjectDrifted)
        ) or any(
            at > seq and event.batch == dataset.batch
            for at, event in self._numbered(CutoverRelisting)
        )

    def _verified_counts(self) -> Counter[str]:
        query = (
            "SELECT d.name, count(*) FROM object o JOIN dataset d ON d.id = o.dataset"
            " WHERE o.state = 5 GROUP BY d.name"
        )
        return Counter(dict(self._rows(query)))

    def _open_findings(self) -> Iterator[tuple[int, tuple[Any, ...]]]:
        query = (
            "SELECT id, dataset, object, code, severity, detail, at FROM finding"
            " WHERE closed = 0 ORDER BY id"
        )
        for number, *row in self._rows(query):
            yield number, tuple(row)
