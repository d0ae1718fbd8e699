"""Follow the journal while a run writes it, for whoever keeps a log of what happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from hdh_migrate.errors import MigrateError
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.meanwhile import meanwhile
from hdh_migrate.session.views.happened import Happened, since

LOOK_SECONDS: Final = 1.0
"""Between two looks at the journal."""


@contextmanager
def followed(desk: Desk, tell: Callable[[Happened], None] | None) -> Iterator[None]:
    """Tell of each event that is journalled meanwhile, in a thread, the last ones at the end.

    A journal that cannot be read is reported by the run itself, not here.
    """
    if tell is None:
        yield
        return
    follower = _Follower(desk, tell)
    follower.skip()
    with meanwhile(follower.look, LOOK_SECONDS, "journal"):
        yield


class _Follower:
    def __init__(self, desk: Desk, tell: Callable[[Happened], None]) -> None:
        self._desk, self._write = desk, tell
        self._seen = 0

    def skip(self) -> None:
        """Pass over what was journalled before."""
        with suppress(MigrateError):
            if self._desk.ledger_path.exists():
                self._seen = self._read(lambda ledger: ledger.length())

    def look(self) -> None:
        with suppress(MigrateError):
            if self._desk.ledger_path.exists():
                self._read(self._tell_new)

    def _tell_new(self, ledger: SqliteLedger) -> int:
        with ledger.snapshot():
            end = ledger.length()
            for one in since(ledger, self._seen):
                self._write(one)
        self._seen = max(self._seen, end)
        return end

    def _read(self, act: Callable[[SqliteLedger], int]) -> int:
        ledger = SqliteLedger.read_only(self._desk.ledger_path, self._desk.clock)
        try:
            return act(ledger)
        finally:
            ledger.close()
