"""One writable connection: its transactions, and what becomes of a change that fails.

Changes gather in one transaction until `commit`, which also writes the tallies and the journal's
events about them (journalling.py). Nothing may be promised to the outside before `commit` returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, NoReturn, ParamSpec, TypeVar

import apsw

from hdh_migrate.ledger.database import copy_pages, guarded, queries
from hdh_migrate.ledger.holding import RunLock
from hdh_migrate.model import JournalEnd
from hdh_migrate.ports.run import Clock

S = TypeVar("S", bound="LedgerConnection")
P = ParamSpec("P")
R = TypeVar("R")


def all_or_nothing(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Let a method of several statements go in whole or not at all; see `whole` below."""

    @wraps(method)
    def guarded_method(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(self, *args, **kwargs)
        except BaseException as error:
            self._give_up(error)
            raise

    return guarded_method


class LedgerConnection:
    """The database of a ledger, opened by one process."""

    def __init__(self, con: apsw.Connection, clock: Clock, lock: RunLock | None = None) -> None:
        self._con = con
        self._clock = clock
        self._lock = lock
        self._sql = queries()
        self._deltas: dict[tuple[int, int], list[int]] = {}
        self._failure: BaseException | None = None
        self._closed = False
        self._written: JournalEnd | None = None
        """The last event of ours, durable or not."""
        self.kept_end: JournalEnd | None = None
        """How far the journal goes for certain; None: nothing was written into it here."""
        self.pending = 0

    def close(self) -> None:
        """Give up what was not committed, and the lock; closing again does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            with guarded():
                if self._con.in_transaction:
                    self._con.execute("ROLLBACK")
                self._con.close()
        finally:
            if self._lock is not None:
                self._lock.release()

    @contextmanager
    def _using(self, *, write: bool) -> Iterator[None]:
        """Guard statements; after one failure, whatever it was, the ledger takes nothing more.

        SQLite may have rolled back by itself what our tallies still count, and an fsync that
        failed must not be tried again: whoever wants to go on opens the ledger anew.
        """
        self._demand_whole()
        try:
            if write:
                self._begin()
            yield
        except BaseException as error:  # noqa: BLE001 - raised again
            self._fail(error)

    def _demand_whole(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _begin(self) -> None:
        if not self._con.in_transaction:
            self._con.execute("BEGIN IMMEDIATE")

    def _fail(self, error: BaseException) -> NoReturn:
        """Raise an error of a statement in our words, and take nothing more."""
        try:
            with guarded():
                raise error  # noqa: TRY301 - what is to be translated
        except BaseException as known:
            self._give_up(known)
            raise

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Take the changes inside together: whatever is raised there, none of them stays.

        What was not committed before goes too, and the ledger takes nothing more: every later
        call raises the same error again, so that no `finally` can commit one half of a change.
        """
        try:
            yield
        except BaseException as error:
            self._give_up(error)
            raise

    def _give_up(self, error: BaseException) -> None:
        if self._failure is None:
            self._failure = error
        with suppress(apsw.Error):
            if self._con.in_transaction:
                self._con.execute("ROLLBACK")

    # These two are asked several times for each object: `_using`, written out.

    def _do(self, query: str, values: Sequence[Any] = ()) -> int:
        self._demand_whole()
        try:
            self._begin()
            self._con.execute(query, values)
            self.pending += 1
            return self._con.changes()
        except BaseException as error:  # noqa: BLE001 - raised again
            self._fail(error)

    def _each(self, query: str, rows: Sequence[Sequence[Any]]) -> None:
        """Do the same with the values of each row."""
        with self._using(write=True):
            self._con.executemany(query, rows)
            self.pending += len(rows)

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        self._demand_whole()
        try:
            return list(self._con.execute(query, values))
        except BaseException as error:  # noqa: BLE001 - raised again
            self._fail(error)

    @all_or_nothing
    def commit(self) -> None:
        """Make everything since the last commit durable.

        Raises:
            NoSpace: the disk is full; everything since the last commit is rolled back.
        """
        if self._failure is None and not self._con.in_transaction:
            return
        for (dataset, state), (objects, size) in self._deltas.items():
            self._do(self._sql["count"], (dataset, state, objects, size))
        self._write_out()
        with self._using(write=True):
            self._con.execute("COMMIT")
        self._deltas.clear()
        self.kept_end = self._written
        self.pending = 0

    def _write_out(self) -> None:
        """Write into the journal what was gathered for it; see `JournallingLedger`."""

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See one moment of a ledger that another process may be writing; for looking only."""
        if self._con.in_transaction:
            yield
            return
        with self._using(write=False):
            self._con.execute("BEGIN")
        try:
            yield
        finally:
            with self._using(write=False):
                self._con.execute("ROLLBACK")

    # --- copies ------------------------------------------------------------------------------

    def pages_into(self, to: Path, portion: int, stopped: Callable[[], bool]) -> None:
        """Copy the pages into a new file; see `database.copy_pages`."""
        with self._using(write=False):
            copy_pages(self._con, to, portion, stopped)

    def in_one_file(self) -> None:
        """Take everything into the file itself: nothing stays beside it; for copies."""
        with guarded():
            self._con.execute("PRAGMA journal_mode = DELETE").fetchall()
