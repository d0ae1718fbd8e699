"""Opening costs the same whatever the ledger holds; what it does not read is checked later.

See docs/decisions/0050-opening-a-ledger.md.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from hdh_migrate.errors import LedgerDamaged
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.ledger.database import connect
from hdh_migrate.ledger.store import WALK_EVENTS, WALKED
from hdh_migrate.model import State
from tests.support.events import made_up
from tests.support.narrow import files_of_at_most
from tests.support.quiet import FakeClock
from tests.unit.ledger.test_ledger import edited, filled, listed

LOTS = 3 * WALK_EVENTS + 7


def opened(path: Path) -> SqliteLedger:
    return SqliteLedger.open(path, FakeClock())


def begun(path: Path) -> SqliteLedger:
    ledger = opened(path)
    ledger.start("d" * 64, b"{}", [("all", "pilot")], diff=lambda was, now: ())
    ledger.commit()
    return ledger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "essai" / "ledger.db"


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger whose journal was walked more than once, for tests that copy it."""
    path = tmp_path_factory.mktemp("walked") / "state" / "essai" / "ledger.db"
    ledger = begun(path)
    filled(ledger, 5)
    for number in range(LOTS):
        ledger.event(made_up("word", number=number))
    ledger.commit()
    ledger.close()
    return path


@pytest.fixture
def long(walked: Path, path: Path) -> Path:
    """A copy of that ledger, to be spoilt."""
    shutil.copytree(walked.parents[1], path.parents[1])
    return path


def pages_read(path: Path) -> int:
    """Return how many pages opening to write, and the tallies that `status` tells, read."""
    ledger = opened(path)
    try:
        for row in ledger.datasets():
            ledger.tally(row.id, *State)
        ledger.last_at()
        return int(ledger._con.status(apsw.SQLITE_DBSTATUS_CACHE_MISS)[0])
    finally:
        ledger.close()


@pytest.mark.slow
def test_opening_reads_as_many_pages_of_a_large_ledger_as_of_a_small_one(tmp_path: Path) -> None:
    found = []
    for count in (10, 20_000):
        path = tmp_path / str(count) / "essai" / "ledger.db"
        ledger = begun(path)
        ledger.add_page(1, [listed(number) for number in range(count)], None)
        ledger.commit()
        size = ledger.size() // 4096
        ledger.close()
        found.append((size, pages_read(path)))

    (small, of_small), (large, of_large) = found
    assert large > 7 * small
    assert of_large <= of_small + 2


@pytest.mark.slow
def test_opening_walks_the_journal_from_where_it_was_walked(long: Path) -> None:
    ledger = opened(long)
    number = int((ledger.meta(WALKED) or "").partition(" ")[0])
    assert LOTS - WALK_EVENTS < number <= ledger.length()
    before = ledger._walked()
    ledger.close()

    assert before[0] == number
    assert len(before[1]) == 32


OLD = "UPDATE event SET at = '2020-01-01T00:00:00.000Z' WHERE seq = 9"


@pytest.mark.slow
def test_an_old_event_that_was_edited_is_noticed_before_anything_that_cannot_be_taken_back(
    long: Path,
) -> None:
    edited(long, OLD)
    ledger = opened(long)
    try:
        with pytest.raises(LedgerDamaged, match="event 9 was edited"):
            ledger.reconcile()
    finally:
        ledger.close()


@pytest.mark.parametrize("mark", ["", "x y", "9", "-1 aa", "99999 aa", f"{WALK_EVENTS} aa"])
def test_a_wrong_word_of_how_far_it_was_walked_has_all_of_it_walked(long: Path, mark: str) -> None:
    edited(long, OLD)
    edited(long, f"UPDATE meta SET value = '{mark}' WHERE name = '{WALKED}'")
    with pytest.raises(LedgerDamaged, match="event 9 was edited"):
        opened(long)


@pytest.mark.parametrize("number", [LOTS, LOTS - 1])
def test_a_new_event_that_was_edited_is_noticed_at_once(long: Path, number: int) -> None:
    edited(long, f"UPDATE event SET body = '{{}}' WHERE seq = {number}")
    with pytest.raises(LedgerDamaged, match=f"event {number} was edited"):
        opened(long)


def test_events_up_to_where_it_was_walked_that_are_gone_are_missed(long: Path) -> None:
    edited(long, f"DELETE FROM event WHERE seq BETWEEN 9 AND {3 * WALK_EVENTS}")
    with pytest.raises(LedgerDamaged, match="lacks event 9"):
        opened(long)


def test_a_journal_of_an_earlier_version_is_walked_once(long: Path) -> None:
    edited(long, f"DELETE FROM meta WHERE name = '{WALKED}'")
    opened(long).close()

    ledger = SqliteLedger.read_only(long, FakeClock())
    try:
        assert ledger._walked()[0] == ledger.length()
    finally:
        ledger.close()


def spoilt(path: Path) -> None:
    """Flip one bit of a page that holds rows of objects, which opening does not read."""
    con = connect(path)
    query = "SELECT max(pageno) FROM dbstat WHERE name = 'object' AND pagetype = 'leaf'"
    (page,) = next(con.execute(query))
    con.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096 + 2000)
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 1]))


def test_a_page_that_opening_does_not_read_is_noticed_by_who_reads_it(path: Path) -> None:
    ledger = begun(path)
    filled(ledger, 1_000)
    ledger.close()
    spoilt(path)

    ledger = opened(path)
    assert ledger.tally(1, State.VERIFIED).objects == 1_000
    try:
        with pytest.raises(LedgerDamaged, match="pages do not match"):
            list(ledger.records(1))
    finally:
        ledger.close()
    for look in (SqliteLedger.check, SqliteLedger.reconcile):
        ledger = opened(path)
        try:
            with pytest.raises(LedgerDamaged, match="pages do not match"):
                look(ledger)
        finally:
            ledger.close()


def test_addresses_are_to_be_compared_again_only_when_an_object_got_one(path: Path) -> None:
    ledger = begun(path)
    assert not ledger.compared()
    comings: tuple[Callable[[SqliteLedger], object], ...] = (
        lambda it: it.add_page(1, [listed(1)], None),
        lambda it: it.update(1, [listed(2)], []),
        lambda it: it.update(1, [], [(1, listed(1))]),
    )
    for comes in comings:
        comes(ledger)
        ledger.close()
        ledger = opened(path)
        assert not ledger.compared()
        ledger.note_compared()
        ledger.commit()
        ledger.close()
        ledger = opened(path)
        assert ledger.compared()
    ledger.close()


def test_events_of_a_kind_are_found_without_a_walk_through_the_journal(long: Path) -> None:
    """As is a ledger that an earlier version made: the index is made by who opens it to write."""
    con = connect(long)
    con.execute("DROP INDEX event_kind")
    con.close()
    ledger = opened(long)
    try:
        asked = "SELECT seq, at, body FROM event WHERE kind = ? ORDER BY seq"
        (row,) = ledger._rows(f"EXPLAIN QUERY PLAN {asked}", ("word",))
        assert "SEARCH event USING INDEX event_kind" in row[3]
        assert len(list(ledger.events(made_up("word", number=1).__class__))) == LOTS
    finally:
        ledger.close()


@pytest.mark.parametrize("indexed", [True, False], ids=["indexed", "of an earlier version, read"])
def test_what_is_left_behind_is_found_without_a_look_at_what_is_moved(
    path: Path, indexed: bool
) -> None:
    ledger = begun(path)
    behind = listed(2)._replace(state=State.EXCLUDED, reason="exclude-0")
    ledger.add_page(1, [listed(1), behind, listed(3)], None)
    if not indexed:
        ledger._con.execute("DROP INDEX object_excluded")
    try:
        of_all = [row for row in ledger.records(1) if row["state"] is State.EXCLUDED]
        found = list(ledger.excluded(1))
        assert [(row["id"], row["key"], row["size"], row["reason"]) for row in of_all] == [
            (one.number, one.key, one.size, one.reason) for one in found
        ]
        assert len(found) == 1
        (row,) = ledger._rows(f"EXPLAIN QUERY PLAN {ledger._sql['excluded']}", (1,))
        assert ("USING INDEX object_excluded" in row[3]) is indexed
    finally:
        ledger.close()


def test_a_disk_that_is_full_to_the_last_byte_lets_who_looks_see_everything(
    path: Path, tmp_path: Path
) -> None:
    """What a killed command committed stands in the log beside the ledger, and nowhere else."""
    ledger = begun(path)
    ledger.event(made_up("word", number=7))
    ledger.commit()
    left = tmp_path / "left"
    left.mkdir()
    for name in ("ledger.db", "ledger.db-wal"):
        shutil.copyfile(path.with_name(name), left / name)
    with files_of_at_most(4096):
        looked = SqliteLedger.read_only(left / "ledger.db", FakeClock())
        assert [*looked.journal()] == [*ledger.journal()]
        looked.close()
    ledger.close()
