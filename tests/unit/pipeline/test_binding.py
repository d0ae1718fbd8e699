"""A batch is bound with the first page of its inventory, and the journal keeps what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import LedgerDamaged
from hdh_migrate.events.batches import BatchBound
from hdh_migrate.events.run import RecipientsBound
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.binding import BOUND, Binder, adopt, bindings
from hdh_migrate.plan.diff import changes
from tests.support.quiet import FakeClock

PLAN: dict[str, Any] = {
    "datasets": [{"name": "d", "source": {"path": "d"}, "live": True}, {"name": "e"}],
    "batches": [
        {"name": "b", "datasets": ["d"], "needs": []}, {"name": "c", "datasets": ["e"]},
    ],
    "limits": {"bandwidth": "1MiB/s"},
}  # fmt: skip
WHAT = canonical_json(
    {
        "datasets": [{"name": "d", "source": {"path": "d"}}],
        "batches": [{"name": "b", "datasets": ["d"]}],
    }
).decode()
KEYS = ("aa" * 32, "bb" * 32)


@pytest.fixture
def ledger(tmp_path: Path) -> SqliteLedger:
    ledger = SqliteLedger.open(tmp_path / "state" / "m" / "ledger.db", FakeClock())
    start(ledger, PLAN)
    return ledger


def start(ledger: SqliteLedger, plan: dict[str, Any], *, free: bool = True) -> None:
    text = canonical_json(plan)
    batches = {name: one["name"] for one in plan["batches"] for name in one["datasets"]}
    rows = [(one["name"], batches[one["name"]]) for one in plan["datasets"]]
    ledger.start(sha256_hex(text), text, rows, diff=changes, may_change=lambda *_: free)
    adopt(ledger)
    ledger.commit()


def begin(ledger: SqliteLedger, batch: str, plan: dict[str, Any] | None = None) -> None:
    """Begin a batch as its inventory does: with the first page."""
    Binder(plan=plan or PLAN, recipients=KEYS).begin(ledger, batch)
    for row in ledger.datasets(batch):
        ledger.add_page(row.id, (), "more")


def test_a_batch_is_bound_once_and_told_with_for_whom_is_sealed(ledger: SqliteLedger) -> None:
    assert bindings(ledger) == {}
    begin(ledger, "b")
    begin(ledger, "b", {**PLAN, "limits": {}})
    begin(ledger, "c")

    told = [event for _, event in ledger.events(BatchBound)]
    assert [(one.batch, one.revision) for one in told] == [("b", 1), ("c", 1)]
    assert told[0].digest == sha256_hex(WHAT.encode())
    assert bindings(ledger)["b"].text == WHAT
    ((_, bound),) = ledger.events(RecipientsBound)
    assert (bound.recipients, bound.first) == (KEYS, True)
    ledger.reconcile()


def test_nothing_is_bound_until_there_is_a_page(ledger: SqliteLedger, tmp_path: Path) -> None:
    Binder(plan=PLAN, recipients=KEYS).begin(ledger, "b")
    ledger.close()  # killed before the page

    again = SqliteLedger.open(tmp_path / "state" / "m" / "ledger.db", FakeClock())
    assert bindings(again) == {}
    assert list(again.events(BatchBound)) == []


def test_what_was_bound_behind_the_journals_back_is_seen(ledger: SqliteLedger) -> None:
    begin(ledger, "b")
    ledger.set_meta(f"{BOUND}b", f"1 {WHAT.replace('path', 'pith')}")
    with pytest.raises(LedgerDamaged, match="batch b is bound to something else"):
        ledger.reconcile()


def test_a_batch_that_was_put_in_behind_the_journals_back_is_seen(ledger: SqliteLedger) -> None:
    ledger.set_meta(f"{BOUND}c", "1 {}")
    with pytest.raises(LedgerDamaged, match="batch c is bound to something else"):
        ledger.reconcile()


def test_a_batch_that_was_begun_and_is_bound_to_nothing_is_seen(ledger: SqliteLedger) -> None:
    ledger.add_page(1, (), "more")
    with pytest.raises(LedgerDamaged, match="batch b was begun, and nothing binds it"):
        ledger.reconcile()


def test_datasets_that_were_not_begun_come_go_and_change_their_batch(ledger: SqliteLedger) -> None:
    begin(ledger, "b")
    grown = {
        **PLAN,
        "datasets": [PLAN["datasets"][0], {"name": "f"}, {"name": "g"}],
        "batches": [PLAN["batches"][0], {"name": "z", "datasets": ["f", "g"]}],
    }
    start(ledger, grown)
    assert {(row.name, row.batch) for row in ledger.datasets()} == {
        ("d", "b"), ("f", "z"), ("g", "z"),
    }  # fmt: skip
    start(ledger, PLAN)
    assert {(row.name, row.batch) for row in ledger.datasets()} == {("d", "b"), ("e", "c")}
    ledger.reconcile()


@pytest.mark.parametrize(
    "plan",
    [
        {**PLAN, "datasets": PLAN["datasets"][1:], "batches": PLAN["batches"][1:]},
        {**PLAN, "batches": [{"name": "c", "datasets": ["d", "e"]}]},
    ],
)
def test_a_dataset_that_was_begun_never_goes_nor_changes_its_batch(
    ledger: SqliteLedger, plan: dict[str, Any]
) -> None:
    begin(ledger, "b")
    with pytest.raises(LedgerDamaged, match="dataset d was begun in batch b"):
        start(ledger, plan)
