"""The ledger of one migration: intents before effects, receipts after, both in one file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from hdh_migrate.errors import LedgerDamaged, PlanChanged
from hdh_migrate.events.run import PlanRebound
from hdh_migrate.fixity import sha256_hex
from hdh_migrate.folders import demand_private, make_private
from hdh_migrate.jsonform import CanonicalPlan
from hdh_migrate.ledger.database import connect
from hdh_migrate.ledger.exchanging import Exchanging
from hdh_migrate.ledger.findings import Findings
from hdh_migrate.ledger.holding import RunLock, opened
from hdh_migrate.ledger.reckoning import Reckoning
from hdh_migrate.ledger.upgrading import Upgrading
from hdh_migrate.ports.run import Clock

Diff = Callable[[CanonicalPlan, CanonicalPlan], Sequence[str]]
MayChange = Callable[[CanonicalPlan, CanonicalPlan], bool]


def _never(old: CanonicalPlan, new: CanonicalPlan) -> bool:
    del old, new
    return False


class SqliteLedger(Exchanging, Findings, Reckoning, Upgrading):
    """The one writable connection; only the coordinator has it."""

    @classmethod
    def open(cls, path: Path, clock: Clock) -> SqliteLedger:
        """Open or create a ledger for a run; folders are made with mode 0700, files with 0600.

        Raises:
            LedgerLocked: another run holds it.
            LedgerDamaged: the pages that are read or the journal's end do not check, or an earlier
                version wrote it and its rows contradict what it told. See `check` for the rest.
        """
        make_private(path.parent)
        for folder in (path.parent.parent, path.parent):
            demand_private(folder)
        lock = RunLock(path.with_name("lock"))
        try:
            # Made here, not by SQLite, so that its companions get the mode too.
            handle = opened(path)
            os.fchmod(handle, 0o600)  # a copy that was restored may have another mode
            os.close(handle)
            con = connect(path)
        except BaseException:
            lock.release()
            raise
        ledger = cls(con, clock, lock)
        try:
            if ledger.outdated:
                ledger.check()
                ledger.bring_up()
            else:
                ledger.check_end()
        except BaseException:
            ledger.close()
            raise
        return ledger

    @classmethod
    def temporary(cls, clock: Clock) -> SqliteLedger:
        """Return a ledger that leaves nothing behind; it spills to a nameless file when large."""
        return cls(connect(None), clock)

    @classmethod
    def read_only(cls, path: Path, clock: Clock) -> SqliteLedger:
        """Look at a ledger while another process may be writing it."""
        return cls(connect(path, read_only=True), clock)

    def start(
        self,
        digest: str,
        canonical: bytes,
        datasets: Sequence[tuple[str, str]],
        *,
        diff: Diff,
        may_change: MayChange = _never,
    ) -> None:
        """Bind the ledger to a plan; `datasets` are (name, batch) pairs, `diff` explains changes.

        A change that `may_change` allows is written into the journal, and the ledger is bound to
        the changed plan and has its datasets; none that was begun goes or changes its batch.

        Raises:
            PlanChanged: it was started with another plan.
            LedgerDamaged: a dataset that was begun would go.
        """
        known = self.meta("plan_digest")
        if known is None:
            with self.whole():
                self._bind(digest, canonical)
                self._assign(datasets)
        elif known != digest:
            kept = self.meta("plan") or "{}"
            if sha256_hex(kept.encode()) != known:
                raise LedgerDamaged("the plan that the ledger keeps is not the one it is bound to")
            old, new = json.loads(kept), json.loads(canonical)
            changed = diff(old, new)
            if not may_change(old, new):
                raise PlanChanged(changed)
            with self.whole():
                self._bind(digest, canonical)
                self._assign(datasets)
                self.event(PlanRebound(was=known, now=digest, changes=tuple(changed)))

    def _assign(self, datasets: Sequence[tuple[str, str]]) -> None:
        """Have these datasets, each in its batch, and no others."""
        there, planned = {row.name: row for row in self.datasets()}, dict(datasets)
        for name, row in there.items():
            if planned.get(name) == row.batch:
                continue
            if row.sealed or row.pages:
                raise LedgerDamaged(
                    f"dataset {name} was begun in batch {row.batch}: it stays there"
                )
            if name not in planned:
                self._do("DELETE FROM dataset WHERE id = ?", (row.id,))
        for name, batch in datasets:
            if name in there:
                self._do("UPDATE dataset SET batch = ? WHERE name = ?", (batch, name))
            else:
                self._do("INSERT INTO dataset (name, batch) VALUES (?, ?)", (name, batch))

    def _bind(self, digest: str, canonical: bytes) -> None:
        self.set_meta("plan_digest", digest)
        self.set_meta("plan", canonical.decode())
