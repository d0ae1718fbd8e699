"""Which event covers a row is found without a walk of the journal, and is what a walk finds."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdh_migrate.errors import LedgerDamaged
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.ledger.coverage import FAILED_ROWS, VERIFIED_ROWS, Cover
from hdh_migrate.ledger.covering import CoveringEvents, runs
from hdh_migrate.model import RenewedRow
from tests.support.quiet import FakeClock
from tests.unit.ledger.test_ledger import edited, ledger, listed, matched, path, sent

__all__ = ["ledger", "path"]

PORTION = 5
"""Objects whose headers are exchanged at once."""


def filled(ledger: SqliteLedger, count: int, *, at_once: int) -> None:
    """List, send and verify objects; one event tells of so many that were verified."""
    ledger.add_page(1, [listed(number) for number in range(count)], None)
    for entry in ledger.todo("small", 1, count):
        ledger.claim(entry)
    for entry in ledger.todo("sending", 1):
        ledger.sent(entry, sent(entry))
    ledger.commit()
    for place, entry in enumerate(ledger.todo("verify", 1, 0, count), start=1):
        ledger.verified(entry, matched(entry))
        if place % at_once == 0:
            ledger.commit()
    ledger.commit()


def exchange(ledger: SqliteLedger, after: int = 0) -> int:
    """Exchange the headers of a portion; return where it ended, or 0: there is none."""
    rows = ledger.erasable("pilot", after, PORTION, whole=True)
    if not rows:
        return 0
    last = rows[-1].id
    ledger.exchange(1, "pilot", last, {row.id: b"header" for row in rows}, left=())
    renewed = []
    for row in rows:
        found = ledger.find(1, row.key)
        assert found is not None
        assert row.stored_sha256 is not None
        renewed.append(
            RenewedRow(
                id=row.id, attempt=found[0].attempt, stored_size=7, stored_sha256=row.stored_sha256,
                etag="anew", version_id=None, level="full", at="2026-11-27T08:00:00Z",
            )
        )  # fmt: skip
    ledger.exchanged(1, "pilot", last, renewed, left=(), lost=())
    return last


def by_walking(ledger: SqliteLedger, cover: Cover) -> dict[int, int]:
    return {number: seq for seq, ids in ledger._covered(cover) for number in ids}


def by_index(ledger: SqliteLedger, cover: Cover, ids: range) -> dict[int, int]:
    found = {number: ledger._events_of(cover, {number}) for number in ids}
    assert all(len(events) <= 1 for events in found.values())
    return {number: event for number, events in found.items() for event in events}


@contextlib.contextmanager
def opened() -> Iterator[SqliteLedger]:
    one = SqliteLedger.temporary(FakeClock())
    one.start("d" * 64, b"{}", [("all", "pilot")], diff=lambda was, now: ())
    try:
        yield one
    finally:
        one.close()


@pytest.mark.slow
@given(st.lists(st.sampled_from(["exchange", "goes on", "lost", "looked up"]), max_size=6),
       st.randoms(use_true_random=False))  # fmt: skip
def test_it_finds_what_a_walk_of_the_journal_finds(steps: list[str], draw: Random) -> None:
    with opened() as ledger:
        filled(ledger, 23, at_once=7)
        last = 0
        for step in steps:
            if step == "lost":
                ledger.relist(draw.sample(range(1, 24), 3))
                ledger.commit()
            elif step == "looked up":
                ledger._events_of(VERIFIED_ROWS, {draw.randrange(1, 24)})
            else:
                last = exchange(ledger, last if step == "goes on" else draw.randrange(24))
        for cover in (VERIFIED_ROWS, FAILED_ROWS):
            assert by_index(ledger, cover, range(25)) == by_walking(ledger, cover)
        ledger.reconcile()


def test_another_process_computes_it_again(path: Path, ledger: SqliteLedger) -> None:
    filled(ledger, 12, at_once=4)
    assert exchange(ledger) == 5
    before = by_index(ledger, VERIFIED_ROWS, range(14))
    ledger.close()
    again = SqliteLedger.open(path, FakeClock())
    assert by_index(again, VERIFIED_ROWS, range(14)) == before == by_walking(again, VERIFIED_ROWS)
    again.close()


@pytest.mark.slow
def test_what_a_portion_reads_of_the_ledger_does_not_grow_with_those_before(
    ledger: SqliteLedger,
) -> None:
    """Counted in rows that SQLite gives, which no other program on the machine changes."""
    filled(ledger, 600, at_once=3)
    read, last, costs = [0], 0, []

    def counted(_cursor: object, row: object) -> object:
        read[0] += 1
        return row

    ledger._con.row_trace = counted
    while True:
        before = read[0]
        if not (last := exchange(ledger, last)):
            break
        costs.append(read[0] - before)
    assert len(costs) == 120
    # The first has the journal read once, and every third event is cut by a portion's end.
    assert max(costs[60:]) <= max(costs[1:60])


def test_a_verified_row_that_no_event_covers_is_not_exchanged(
    path: Path, ledger: SqliteLedger
) -> None:
    filled(ledger, 6, at_once=2)
    ledger.relist([3])
    ledger.commit()
    ledger.close()
    edited(
        path,
        "UPDATE object SET state = 5, verdict = 'match', level = 'full',"
        " verified_at = '2026-11-27T08:00:00Z' WHERE id = 3",
    )
    again = SqliteLedger.open(path, FakeClock())
    with pytest.raises(LedgerDamaged, match="no event of the journal covers 1 object "):
        exchange(again)
    again.close()


@pytest.mark.parametrize("ids", [(3, 4, 5), (1, 2, 3), (3,), (9, 7, 5, 3)])
def test_two_events_that_cover_one_row_are_damage(ids: tuple[int, ...]) -> None:
    index = CoveringEvents()
    index.take(4, (3, 8, 9), instead_of=None)
    with pytest.raises(LedgerDamaged, match="event 6 of the journal covers an object that another"):
        index.take(6, ids, instead_of=None)
    index.close()


@pytest.mark.parametrize(
    ("ids", "found"),
    [
        ((), []),
        ((4,), [(4, 4)]),
        ((3, 1, 2), [(1, 3)]),
        ((1, 2, 9, 4, 5), [(1, 2), (4, 5), (9, 9)]),
    ],
)
def test_runs(ids: tuple[int, ...], found: list[tuple[int, int]]) -> None:
    assert list(runs(ids)) == found
