"""The rows of the ledger against its journal: everything is computed again before it is believed.

Whoever holds the ledger's file can change rows, and the counters with them. The journal tells
every count and root as well, in a chain; a report, an approval, a switch and a deletion are made
only from rows that give the same again (decisions/0021).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Final, TypeAlias, assert_never, get_args

from hdh_migrate.errors import LedgerDamaged
from hdh_migrate.events.inventory import InventoryChanged, InventorySealed
from hdh_migrate.events.objects import (
    FindingsChanged,
    ObjectsFailed,
    ObjectsRetried,
    ObjectsSuperseded,
    ObjectsVerified,
    OpenedFinding,
)
from hdh_migrate.events.rotation import HeadersExchanged
from hdh_migrate.events.run import LedgerUpgraded
from hdh_migrate.fixity import inventory_leaf, sha256_hex
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.ledger.coverage import FAILED_ROWS, VERIFIED_ROWS, Cover, Coverage
from hdh_migrate.ledger.database import guarded
from hdh_migrate.ledger.history import History
from hdh_migrate.model import DatasetRow, State
from hdh_migrate.telemetry import counted

Counting: TypeAlias = (
    InventorySealed
    | InventoryChanged
    | ObjectsVerified
    | ObjectsSuperseded
    | HeadersExchanged
    | ObjectsFailed
    | ObjectsRetried
    | FindingsChanged
    | LedgerUpgraded
)
"""The events from which every count follows."""

COUNTING: Final[Mapping[str, type[Counting]]] = {one.kind: one for one in get_args(Counting)}
_Tallies = dict[tuple[int, int], list[int]]


def is_new_form(event: Counting) -> bool:
    """Return whether an event is of the form that has every count: from version 3 on."""
    match event:
        case InventorySealed():
            return event.excluded is not ABSENT
        case ObjectsVerified():
            return event.datasets is not ABSENT
        case ObjectsSuperseded():
            return event.dropped_datasets is not ABSENT
        case _:  # no ledger before wrote these
            return True


class JournalSums:
    """The journal's events, added up; lists of leaves and closed findings are all that is kept."""

    def __init__(self) -> None:
        self.base = 0
        self._begin()

    def _begin(self) -> None:
        self.histories: dict[str, History] = {}
        self.verified, self.failed = Counter[str](), Counter[str]()
        self.closed: set[int] = set()
        self._new = False

    def take(self, seq: int, event: Counting) -> None:
        """Take in one event.

        Raises:
            LedgerDamaged: it may not stand there.
        """
        if isinstance(event, LedgerUpgraded):
            if self.base or self._new:
                raise LedgerDamaged(f"event {seq}: the ledger's format was set back")
            self._begin()
            self.base = seq
            self.verified.update(event.verified)
            return
        self._new = self._new or is_new_form(event)
        match event:
            case InventorySealed():
                self._history(event.dataset).sealed(seq, event)
            case InventoryChanged():
                self._history(event.dataset).changed(seq, event)
            case ObjectsVerified() | HeadersExchanged():
                self.verified.update(event.datasets or {})
            case ObjectsSuperseded():
                self.verified.subtract(event.dropped_datasets or {})
            case ObjectsFailed():
                self.failed.update(event.datasets)
            case ObjectsRetried():
                self.failed.subtract(event.datasets)
            case FindingsChanged():
                self.closed.update(event.closed or ())
            case _:
                assert_never(event)

    def _history(self, name: str) -> History:
        return self.histories.setdefault(name, History(name))


class Reconciling(Coverage):
    """Compares the rows of the ledger with its own journal; reads only."""

    def reconcile(self) -> None:
        """Compute again from the rows what the journal tells, in bounded memory.

        Raises:
            LedgerDamaged: they differ; one line says in what.
        """
        self.check_receipts()
        self.check_plan()
        try:
            sums = JournalSums()
            for event in self._all_numbered():
                sums.take(*event)
            tallies = self._compare_datasets(sums)
            self._compare_findings(sums)
        except ValueError as error:  # a leaf is no hexadecimal
            raise LedgerDamaged("an event of the journal is not of this version") from error
        self._compare_counters(tallies)
        self._compare_count(FAILED_ROWS, self._ended_rows(), "failed")

    def check_receipts(self) -> None:
        """Compare every verified row with the journal event that acknowledged it.

        Raises:
            LedgerDamaged: a row was changed, added or removed behind the journal's back.
        """
        query = "SELECT count(*) FROM object WHERE state = 5"
        self._compare_count(VERIFIED_ROWS, self._rows(query)[0][0], "verified")

    def check_plan(self) -> None:
        """Compare the plan that the ledger is bound to with those that the journal tells of.

        Raises:
            LedgerDamaged: it was bound to another one behind the journal's back.
        """
        query = (
            "SELECT seq, body ->> '$.was', coalesce(body ->> '$.now', body ->> '$.plan_digest')"
            " FROM event WHERE kind IN ('plan-changed', 'run-started') ORDER BY seq"
        )
        known = None
        for seq, was, now in self._rows(query):
            if known not in (None, was or now):
                raise LedgerDamaged(f"event {seq} is of another plan than the ones before it")
            known = now
        if known not in (None, self.meta("plan_digest")):
            raise LedgerDamaged("the ledger is bound to another plan than its journal tells")
        self._check_batches()

    def _check_batches(self) -> None:
        """Compare what each batch is bound to with what the journal last said of it."""
        query = (
            "SELECT body ->> '$.batch', body ->> '$.revision' || ' ' || (body ->> '$.digest')"
            " FROM event WHERE kind IN ('batch-bound', 'batch-amended') ORDER BY seq"
        )
        counted = dict(self._rows(query))
        kept = {
            name: f"{number} {sha256_hex(text.encode())}"
            for name, one in self.metas("bound/").items()
            for number, _, text in (one.partition(" "),)
        }
        if counted != kept:
            name = min(name for name in {*counted, *kept} if counted.get(name) != kept.get(name))
            raise LedgerDamaged(f"batch {name} is bound to something else than the journal tells")
        if self.meta("bound-by-batch") is None:
            return  # an earlier version bound the plan as a whole
        for dataset in self.datasets():
            if (dataset.sealed or dataset.pages) and dataset.batch not in kept:
                raise LedgerDamaged(f"batch {dataset.batch} was begun, and nothing binds it")

    def _compare_count(self, cover: Cover, there: int, state: str) -> None:
        acknowledged = sum(len(ids) for _, ids in self._covered(cover))
        if there != acknowledged:
            raise LedgerDamaged(
                f"{counted(there, 'object is', 'objects are')} marked {state}, the journal knows of"
                f" {acknowledged}"
            )

    def _ended_rows(self) -> int:
        query = (
            "SELECT count(*) FROM object WHERE state IN (2, 6)"
            " AND dataset IN (SELECT id FROM dataset WHERE state = 1)"
        )
        return int(self._rows(query)[0][0])

    def _all_numbered(self) -> Iterator[tuple[int, Counting]]:
        return self._in_order(COUNTING)

    # --- inventories -------------------------------------------------------------------------

    def _compare_datasets(self, sums: JournalSums) -> _Tallies:
        tallies: _Tallies = {}
        datasets = self.datasets()
        for dataset in datasets:
            history = sums.histories.pop(dataset.name, None)
            rows = self._leaves(dataset, tallies)
            if history is None or history.root is None:
                if dataset.sealed or history is not None:
                    raise _differs(dataset, "it is closed, and no event closed it")
                for _ in rows:
                    pass
                continue
            if not dataset.sealed or dataset.root != history.root:
                raise _differs(dataset, "it was closed with another root")
            history.compare(rows)
            self._compare_tallies(dataset, sums, tallies)
        if sums.histories:
            name = next(iter(sums.histories))
            raise LedgerDamaged(f"dataset {name} was inventoried, and is not there")
        query = "SELECT count(*) FROM object"
        if self._rows(query)[0][0] != sum(objects for objects, _ in tallies.values()):
            raise LedgerDamaged("there are objects of no dataset")
        return tallies

    def _leaves(self, dataset: DatasetRow, tallies: _Tallies) -> Iterator[tuple[bytes, int, bool]]:
        """Return (leaf, size, excluded) of a dataset's rows and add them up."""
        query = (
            "SELECT key, size, version, state, coalesce(verdict, level, verified_at),"
            " verdict IS 'match', json_valid(coalesce(extra, '{}')) FROM object"
            " WHERE dataset = ? ORDER BY key"
        )
        mine = [[0, 0] for _ in State]
        with guarded():
            rows = self._con.execute(query, (dataset.id,))
            for key, size, version, state, judged, matches, formed in rows:
                mine[state][0] += 1
                mine[state][1] += size
                if judged is not None and state not in _JUDGED:
                    raise _differs(dataset, "an object that waits has a verdict")
                if matches != (state == State.VERIFIED):
                    raise _differs(dataset, "an object is verified without its verdict, or has it")
                if not formed:
                    raise _differs(dataset, "what an object has beside its bytes is no JSON")
                yield inventory_leaf(key, size, version), size, state == State.EXCLUDED
        tallies.update({(dataset.id, state): sums for state, sums in enumerate(mine) if sums[0]})

    def _compare_tallies(self, dataset: DatasetRow, sums: JournalSums, tallies: _Tallies) -> None:
        def there(*states: State) -> int:
            return sum(tallies.get((dataset.id, int(state)), (0, 0))[0] for state in states)

        for what, count, known in (
            ("verified", there(State.VERIFIED), sums.verified[dataset.name]),
            ("failed", there(State.REFUSED, State.FAILED), sums.failed[dataset.name]),
        ):
            if count != known:
                objects = counted(known, "object")
                raise _differs(dataset, f"it tells of {objects} {what}, the rows of {count}")

    def _compare_counters(self, tallies: _Tallies) -> None:
        query = (
            "SELECT dataset, state, objects, bytes FROM counter WHERE objects <> 0 OR bytes <> 0"
        )
        if {(row[0], row[1]): list(row[2:]) for row in self._rows(query)} != tallies:
            raise LedgerDamaged("the counters are not those of the rows")

    # --- findings ----------------------------------------------------------------------------

    def _compare_findings(self, sums: JournalSums) -> None:
        """Compare the findings of the journal with those of the table, both in order of number."""
        closed = 0
        for known, kept in zip_longest(self._journal_findings(sums), self._kept_findings(sums)):
            if known is None or known != kept:
                number = min(one[0].number for one in (known, kept) if one is not None)
                raise LedgerDamaged(f"finding {number} is not as the journal tells it")
            closed += known[1]
        if closed != len(sums.closed):
            raise LedgerDamaged("the journal closes a finding that it did not open")

    def _journal_findings(self, sums: JournalSums) -> Iterator[tuple[OpenedFinding, bool]]:
        for seq, event in self._numbered(FindingsChanged):
            if seq > sums.base:
                for opened in event.opened or ():
                    yield opened, opened.number in sums.closed

    def _kept_findings(self, sums: JournalSums) -> Iterator[tuple[OpenedFinding, bool]]:
        """Return the table's findings and whether each is closed.

        Those that were closed before the journal held any are left out.
        """
        with guarded():
            rows = self._con.execute(
                "SELECT f.id, f.at, f.code, f.severity, d.name, f.object, f.detail, f.closed"
                " FROM finding f LEFT JOIN dataset d ON d.id = f.dataset ORDER BY f.id"
            )
            for number, at, code, severity, dataset, entry, detail, closed in rows:
                if not closed or number in sums.closed:
                    kept = OpenedFinding(
                        number=number, at=at, code=code, severity=severity,
                        dataset=dataset, object=entry, message=detail,
                    )  # fmt: skip
                    yield kept, bool(closed)


_JUDGED = (State.VERIFIED, State.FAILED)


def _differs(dataset: DatasetRow, what: str) -> LedgerDamaged:
    return LedgerDamaged(f"dataset {dataset.name} is not as the journal tells it: {what}")
