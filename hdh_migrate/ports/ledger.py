"""Ports of the ledger for all steps; `hdh_migrate.ledger` implements them.

What is recorded is durable only after `commit`. Every call may raise LedgerDamaged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, TypeVar

from hdh_migrate.events.event import Event
from hdh_migrate.model import OpenFinding
from hdh_migrate.model.paces import HourlyPaces
from hdh_migrate.ports.moving_ledger import AdoptionLedger, InventoryLedger, TransferLedger
from hdh_migrate.ports.proving_ledger import (
    DecommissionLedger,
    ExchangeLedger,
    HeaderLedger,
    VerifyLedger,
)

if TYPE_CHECKING:
    from hdh_migrate.codes import Code
    from hdh_migrate.events.registry import CutoverEvent, UnknownOfCutover
    from hdh_migrate.model import (
        Arrived,
        DatasetRow,
        JournalEnd,
        State,
        Tally,
        Waiting,
    )

E = TypeVar("E", bound=Event)


class Transactions(Protocol):
    """Transactions: changes become durable together, or not at all."""

    pending: int
    """Rows that were changed since the last commit."""

    def whole(self) -> AbstractContextManager[None]:
        """Take the changes inside together: whatever is raised there, none of them stays.

        What was not committed before goes too, and the ledger takes nothing more: every later
        call raises the same error again, so that no `finally` can commit one half of a change.
        """

    def commit(self) -> None:
        """Make everything since the last commit durable.

        Raises:
            NoSpace: the disk is full; everything since the last commit is rolled back.
        """


class JournalPort(Protocol):
    """The journal: everything that happened, in order."""

    def event(self, event: Event) -> None:
        """Append one event to the journal; its time is never before that of the last one."""

    @property
    def kept_end(self) -> JournalEnd | None:
        """How far the durable part of the journal goes; may be called from any thread.

        None: nothing was written into it since it was opened.
        """

    def length(self) -> int:
        """Return how many events the journal has."""

    def goes_on_from(self, events: int, head: str) -> bool:
        """Return whether this journal continues one with that many events and that last digest."""

    def last_at(self) -> str | None:
        """Return the time of the last event, which no later one is before; None: there is none."""

    def events(self, of: type[E]) -> Iterator[tuple[str, E]]:
        """Return (time, event) of every event of one kind, oldest first; scans the journal.

        Raises:
            LedgerDamaged: one is not of its kind's form.
        """

    def told(self, *kinds: type[Event], since: int = 0) -> Iterator[tuple[str, Event]]:
        """Return (time, event) of every event of some kinds, oldest first.

        With `since`, only of those from that number on.

        Raises:
            LedgerDamaged: one is not of its kind's form.
        """

    def looks_began(self) -> dict[tuple[str, int], int]:
        """Return the number of the event with which each look began, by batch and its number."""

    def cutovers(self) -> Iterator[tuple[str, str, CutoverEvent | UnknownOfCutover]]:
        """Return (time, kind, event) of every event of a cutover, oldest first; never scans.

        Raises:
            LedgerDamaged: one is not of its kind's form.
        """

    def meta(self, name: str) -> str | None:
        """Return the value of a name in the table `meta`, None when there is none."""

    def metas(self, prefix: str) -> dict[str, str]:
        """Return every value of the table `meta` whose name begins so, by the rest of its name."""

    def set_meta(self, name: str, value: str) -> None:
        """Store a value under a name in the table `meta`, in place of what was there."""

    def reconcile(self) -> None:
        """Check the whole ledger, and recompute from its rows what its journal records.

        Raises:
            LedgerDamaged: they differ, or it is damaged; one line says in what.
        """


class CountsLedger(Protocol):
    """What every step reads and records: datasets, their progress, findings, and the pace."""

    def datasets(self, batch: str | None = None) -> list[DatasetRow]:
        """Return the datasets, of one batch or all."""

    def tally(self, dataset: int, *states: State) -> Tally:
        """Return objects and bytes of a dataset in some states; does not scan."""

    def findings(self, *, severity: str | None = None) -> Iterator[OpenFinding]:
        """Return open findings with the object's key, oldest first."""

    def finding(
        self,
        code: Code,
        detail: str,
        *,
        dataset: int | None = None,
        entry: int | None = None,
    ) -> int:
        """Record a finding and return its number; the detail names no object, holds no secret."""

    def close_finding(self, number: int) -> None:
        """Close a finding."""

    def sample(self, batch: str, step: str, objects: int, size: int) -> None:
        """Record how far a step has come, for rates and time left."""

    def set_reading(self, batch: str, reading: Tally) -> None:
        """Remember how much of a batch's objects that are being read back is read."""

    def paces(self) -> Mapping[str, HourlyPaces]:
        """Return what was measured of each step, in sums by hour of the day."""

    def arrived(self) -> dict[int, Arrived]:
        """Return by dataset what has arrived of large objects that are under way."""

    def waiting(self, dataset: int) -> Iterator[Waiting]:
        """Yield the objects of a dataset that are neither verified nor excluded."""


class Ledger(
    Transactions,
    JournalPort,
    CountsLedger,
    InventoryLedger,
    TransferLedger,
    HeaderLedger,
    AdoptionLedger,
    VerifyLedger,
    ExchangeLedger,
    DecommissionLedger,
    Protocol,
):
    """All of it: the one writable ledger of a run, which only the coordinator has."""
