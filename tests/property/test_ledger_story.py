"""Whatever a ledger lives through, its rows give again what its journal tells.

And whatever is changed by hand afterwards, they do not.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hdh_migrate.codes import Code
from hdh_migrate.errors import LedgerDamaged
from hdh_migrate.fixity import Inventoried, inventory_leaf
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Entry, Listed, ObjectInfo, State
from tests.support.events import run_started
from tests.support.examples import many
from tests.support.quiet import FakeClock
from tests.unit.ledger.test_ledger import matched, sent

pytestmark = pytest.mark.slow

KEYS = [f"{letter}{number}" for letter in "abc" for number in range(6)]
DATASETS = (1, 2)
AT = "2026-01-01T00:00:00.000Z"

TAMPERINGS = (
    "UPDATE object SET size = size + 1",
    "UPDATE object SET state = (state + 1) % 2, verdict = NULL",
    "DELETE FROM object",
    "UPDATE object SET version = version || '0'",
)

keys = st.sampled_from(KEYS)
datasets = st.sampled_from(DATASETS)
versions = st.sampled_from(["v1", "v2", "v3"])
fates = st.sampled_from(
    [
        (State.LISTED, None),
        (State.LISTED, "leased"),
        (State.EXCLUDED, "exclude-0"),
        (State.REFUSED, "key-control"),
        (State.FAILED, "kind-symlink"),
    ]
)
picks = st.integers(0, 10_000)


def listed(key: str, version: str, fate: tuple[State, str | None]) -> Listed:
    obj = ObjectInfo(key=key, size=len(version) + len(key), version=version)
    return Listed(obj=obj, state=fate[0], reason=fate[1], parts=0, fold=None)


class Story(RuleBasedStateMachine):
    """Plays what the pipeline does with a ledger, in any order that is legal."""

    ledger: SqliteLedger

    @initialize()
    def begin(self) -> None:
        self.ledger = SqliteLedger.temporary(FakeClock())
        pairs = [("one", "pilot"), ("two", "pilot")]
        self.ledger.start("d" * 64, b"{}", pairs, diff=lambda was, now: ())
        self.ledger.event(run_started("d" * 64))
        self.ledger.commit()

    # --- inventory ---------------------------------------------------------------------------

    @rule(dataset=datasets, found=st.dictionaries(keys, st.tuples(versions, fates), max_size=8))
    def list_anew(self, dataset: int, found: dict[str, Any]) -> None:
        if self.sealed(dataset):
            return
        self.ledger.restart_listing(dataset)
        rows = [listed(key, *found[key]) for key in sorted(found)]
        self.ledger.add_page(dataset, rows, None)

    @rule(dataset=datasets)
    def seal(self, dataset: int) -> None:
        for number, _, _, _, state, reason in list(self.ledger.listing(dataset)):
            if state in {State.REFUSED, State.FAILED} and not self.sealed(dataset):
                self.find(dataset, number, str(reason))
        told = Inventoried()
        for _, key, size, version, state, _ in self.ledger.listing(dataset):
            leaf = inventory_leaf(key, size, version)
            told.add(leaf, size, excluded=state == State.EXCLUDED)
        self.ledger.seal(dataset, told.counts())

    @rule(pick=picks)
    def collide(self, pick: int) -> None:
        rows = [
            (row[0], dataset)
            for dataset in DATASETS
            for row in self.ledger.listing(dataset)
            if row[4] == State.LISTED
        ]
        if rows:
            number, dataset = rows[pick % len(rows)]
            assert self.ledger.refuse(number, dataset, "collision")
            self.find(dataset, number, Code.COLLISION)

    @rule(dataset=datasets, key=keys)
    def survey(self, dataset: int, key: str) -> None:
        self.ledger.occupied(dataset, key)

    # --- transfer and verify -----------------------------------------------------------------

    @rule(pick=picks)
    def claim(self, pick: int) -> None:
        if entry := self.waiting("small", pick):
            self.ledger.claim(entry)

    @rule(pick=picks, version=versions, end=st.sampled_from(["sent", "failed", "back", "drifts"]))
    def end_of_sending(self, pick: int, version: str, end: str) -> None:
        if not (entry := self.waiting("sending", pick)):
            return
        if end == "sent":
            assert self.ledger.sent(entry, sent(entry))
        elif end == "failed":
            self.ledger.failed(entry, State.SENDING, "denied", "unverifiable")
            self.find(entry.dataset, entry.id, Code.DENIED)
        elif end == "back":
            self.ledger.unclaim(entry)
        else:
            obj = replace(entry.obj, version=version, size=entry.obj.size + 1)
            if self.ledger.drifted(entry, obj, 0) > 1:
                self.ledger.failed(replace(entry, obj=obj), State.LISTED, "drifted", "drifted")
                self.find(entry.dataset, entry.id, Code.DRIFTED)

    @rule(pick=picks, well=st.booleans())
    def end_of_verifying(self, pick: int, well: bool) -> None:
        if not (entry := self.waiting("verify", pick)):
            return
        if well:
            assert self.ledger.verified(entry, matched(entry, AT))
        else:
            self.ledger.failed(entry, State.SENT, Code.VERIFY_MISMATCH, "mismatch")
            self.find(entry.dataset, entry.id, Code.VERIFY_MISMATCH)

    @rule(dataset=datasets)
    def try_again(self, dataset: int) -> None:
        self.ledger.retry_failed(dataset)

    # --- after the seal ----------------------------------------------------------------------

    @rule(dataset=datasets, found=st.dictionaries(keys, st.tuples(versions, fates), max_size=5))
    def delta(self, dataset: int, found: dict[str, Any]) -> None:
        if not self.sealed(dataset):
            return
        new, changed = list[Listed](), list[tuple[int, Listed]]()
        for key in sorted(found):
            one, known = listed(key, *found[key]), self.ledger.pinned(dataset, key)
            if known is None:
                new.append(one)
            elif known.brief.version != one.obj.version or known.state is State.EXCLUDED:
                changed.append((known.number, one))
        self.ledger.update(dataset, new, changed)

    @rule(pick=picks, many=st.integers(1, 4))
    def leave(self, pick: int, many: int) -> None:
        ids = [
            row[0]
            for dataset in DATASETS
            if self.sealed(dataset)
            for row in self.ledger.listing(dataset)
        ]
        waits = {State.LISTED, State.REFUSED, State.SENDING, State.FAILED}
        if ids:
            start = pick % len(ids)
            states = {
                row[0]: row[4] for dataset in DATASETS for row in self.ledger.listing(dataset)
            }
            chosen = ids[start : start + many]
            left = self.ledger.leave(chosen)
            assert set(left) == {number for number in chosen if states[number] in waits}

    @rule(pick=picks)
    def close_a_finding(self, pick: int) -> None:
        if open_ones := list(self.ledger.findings()):
            self.ledger.close_finding(open_ones[pick % len(open_ones)]["id"])

    @rule()
    def note(self) -> None:
        self.ledger.finding(Code.BATCH_HELD_BACK, "it waits")

    @rule()
    def commit(self) -> None:
        self.ledger.commit()

    # --- what must hold ----------------------------------------------------------------------

    @precondition(lambda self: hasattr(self, "ledger") and not self.ledger.pending)
    @invariant()
    def rows_and_journal_agree(self) -> None:
        self.ledger.check()
        self.ledger.reconcile()

    def teardown(self) -> None:
        if not hasattr(self, "ledger"):
            return
        self.ledger.reconcile()
        rows = self.ledger._rows(
            "SELECT o.id FROM object o JOIN dataset d ON d.id = o.dataset WHERE d.state = 1"
            " AND o.state IN (0, 1, 2, 6) ORDER BY (o.id * 7919) % 31"
        )
        for (number,), query in zip(rows, TAMPERINGS, strict=False):
            self.refused(f"{query} WHERE id = {number}")
        for (number,) in self.ledger._rows("SELECT max(id) FROM finding WHERE closed = 0"):
            if number is not None:
                self.refused(f"UPDATE finding SET closed = 1 WHERE id = {number}")
        self.ledger.close()

    def refused(self, statement: str) -> None:
        """Change something by hand, its counters with it, and take it back."""
        con = self.ledger._con
        con.execute("BEGIN")
        con.execute("PRAGMA defer_foreign_keys = ON")
        con.execute(statement)
        con.execute(
            "DELETE FROM counter; INSERT INTO counter"
            " SELECT dataset, state, count(*), sum(size) FROM object GROUP BY 1, 2"
        )
        with pytest.raises(LedgerDamaged):
            self.ledger.reconcile()
        con.execute("ROLLBACK")

    # --- small tools -------------------------------------------------------------------------

    def sealed(self, dataset: int) -> bool:
        return next(row.sealed for row in self.ledger.datasets() if row.id == dataset)

    def waiting(self, kind: str, pick: int) -> Entry | None:
        """Return an object of a sealed dataset that waits for a step."""
        more = {"small": (100,), "sending": (), "verify": (0, 100)}[kind]
        found = [
            entry
            for dataset in DATASETS
            if self.sealed(dataset)
            for entry in self.ledger.todo(kind, dataset, *more)
        ]
        return found[pick % len(found)] if found else None

    def find(self, dataset: int, number: int, code: str) -> None:
        self.ledger.finding(Code(code), "something", dataset=dataset, entry=number)


TestStory = Story.TestCase
TestStory.settings = settings(
    max_examples=many(30),
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
