"""What changes after an inventory was sealed, and that the journal goes on covering the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

from hdh_migrate.codes import Code
from hdh_migrate.errors import LedgerDamaged, PlanChanged
from hdh_migrate.events.cutover import CutoverBegun, PointerDescription, Track
from hdh_migrate.events.inventory import Covered, InventoryCounts
from hdh_migrate.events.looks import ObjectRestored
from hdh_migrate.events.run import PlanRebound
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.ledger import SqliteLedger, chain, database
from hdh_migrate.ledger.database import connect
from hdh_migrate.ledger.upgrading import UNCOUNTED
from hdh_migrate.model import Listed, State
from tests.support.quiet import FakeClock
from tests.unit.ledger.test_ledger import (
    edited,
    filled,
    ledger,
    listed,
    matched,
    path,
    reopened,
    sent,
)

__all__ = ["ledger", "path"]


def changed(number: int) -> Listed:
    one = listed(number)
    return one._replace(obj=replace(one.obj, version="later", size=number + 5))


def ended(ledger: SqliteLedger) -> None:
    """Send and verify the one object that waits."""
    (entry,) = ledger.todo("small", 1, 10)
    ledger.claim(entry)
    ledger.commit()
    (entry,) = ledger.todo("sending", 1)
    ledger.sent(entry, sent(entry))
    ledger.commit()
    (entry,) = ledger.todo("verify", 1, 0, 10)
    ledger.verified(entry, matched(entry, "later"))
    ledger.commit()


def test_a_changed_object_is_verified_no_more_and_the_others_stay_covered(
    path: Path, ledger: SqliteLedger
) -> None:
    filled(ledger, 5)
    ledger.update(1, [], [(2, changed(1)), (4, changed(3))])
    ledger.check_receipts()
    assert ledger.tally(1, State.VERIFIED).objects == 3
    assert ledger.tally(1, State.LISTED).size == 6 + 8
    assert ledger.pinned(1, "k00001") == (
        2,
        ("k00001", 6, "later", "object", None),
        State.LISTED,
        None,
        {},
    )
    ledger.close()
    reopened(path)
    edited(path, "UPDATE object SET sha256 = zeroblob(32) WHERE id = 3")
    with pytest.raises(LedgerDamaged, match="was changed since"):
        reopened(path)


def test_a_row_that_was_tampered_with_cannot_be_superseded(
    path: Path, ledger: SqliteLedger
) -> None:
    filled(ledger, 3)
    ledger.close()
    edited(path, "UPDATE object SET sha256 = zeroblob(32) WHERE id = 3")
    again = SqliteLedger.open(path, FakeClock())
    try:
        with pytest.raises(LedgerDamaged, match="was changed since"):
            again.update(1, [], [(2, changed(1))])
    finally:
        again.close()


def test_a_delta_digests_only_what_its_events_cover(ledger: SqliteLedger) -> None:
    """Not every verified row: with many datasets each flush of a delta would read all of them."""
    filled(ledger, 40)
    for number in (0, 5, 9):  # each is verified anew, by an event of its own
        ledger.update(1, [], [(number + 1, changed(number))])
        ended(ledger)
    read: list[tuple[str, Any]] = []
    ledger._con.set_exec_trace(lambda _, sql, values: read.append((sql, values)) or True)
    ledger.update(1, [], [(6, changed(5))])
    ledger._con.set_exec_trace(None)

    ids = [
        number
        for sql, values in read if sql == ledger._sql["verified_row"]
        for number in json.loads(values[0])
    ]  # fmt: skip
    assert 0 < len(ids) < 5
    ledger.check_receipts()


def test_an_object_may_change_again_and_again(path: Path, ledger: SqliteLedger) -> None:
    filled(ledger, 3)
    for _ in range(3):
        ledger.update(1, [], [(2, changed(1))])
        ended(ledger)
        ledger.check_receipts()
    assert ledger.tally(1, State.VERIFIED).objects == 3
    ledger.close()
    reopened(path)


def test_a_late_object_is_asked_for_before_its_key_is_written(ledger: SqliteLedger) -> None:
    filled(ledger, 2)
    ledger.update(1, [listed(7)], [])
    (entry,) = ledger.todo("small", 1, 10)
    assert (entry.obj.key, entry.attempt) == ("k00007", 1)
    assert ledger.tally(1, State.LISTED).objects == 1


VERSION_1 = """
DROP INDEX event_cutover;
DROP TABLE sealed;
DROP TABLE header;
DROP TABLE header_block;
ALTER TABLE upload DROP COLUMN recorded;
PRAGMA user_version = 1;
"""


def told_as_then(con: apsw.Connection) -> None:
    """Leave out of the journal what no ledger before version 3 told."""
    head = chain.GENESIS
    for seq, at, kind, text in list(con.execute("SELECT seq, at, kind, body FROM event")):
        body = json.loads(text)
        for name in ("datasets", "extras_sha256"):
            body.pop(name, None)
        now = canonical_json(body).decode()
        head = chain.link(head, seq, at, kind, now)
        con.execute("UPDATE event SET body = ?, digest = ? WHERE seq = ?", (now, head, seq))


def test_a_ledger_of_version_1_that_tells_counts_was_set_back(path: Path) -> None:
    first = SqliteLedger.open(path, FakeClock())
    first.start("d" * 64, b"{}", [("all", "pilot")], diff=lambda was, now: ())
    filled(first, 3)
    first.close()
    con = connect(path)
    con.execute(VERSION_1)
    con.close()
    with pytest.raises(LedgerDamaged, match="format was set back"):
        SqliteLedger.open(path, FakeClock())


def test_a_ledger_of_version_1_is_brought_up_to_date(path: Path) -> None:
    first = SqliteLedger.open(path, FakeClock())
    first.start("d" * 64, b"{}", [("all", "pilot")], diff=lambda was, now: ())
    filled(first, 3)
    first.event(
        CutoverBegun(
            batch="pilot", track=Track.CUTOVER, old_sha256="a" * 64, new_sha256="b" * 64,
            pointer=PointerDescription(kind="file", guard="checked"), user="ops", rehearsing=True,
        )
    )  # fmt: skip
    first.commit()
    first.close()
    con = connect(path)
    con.execute(VERSION_1)
    told_as_then(con)
    con.close()
    looked = SqliteLedger.read_only(path, FakeClock())  # before it is brought up to date
    assert [kind for _, kind, _ in looked.cutovers()] == ["cutover-begun"]
    looked.close()

    again = SqliteLedger.open(path, FakeClock())
    try:
        again.check_receipts()
        assert [kind for _, kind, _ in again.cutovers()] == ["cutover-begun"]
    finally:
        again.close()
    con = connect(path)
    plan = " ".join(row[3] for row in con.execute(
        "EXPLAIN QUERY PLAN SELECT at, kind, body FROM event"
        " WHERE kind >= 'cutover-' AND kind < 'cutover.' ORDER BY seq"
    ))  # fmt: skip
    assert con.pragma("user_version") == len(database.MIGRATIONS)
    con.close()
    assert "SEARCH event USING INDEX" in plan


def test_a_plan_that_was_put_into_the_ledger_decides_nothing(ledger: SqliteLedger) -> None:
    with pytest.raises(LedgerDamaged, match="not the one it is bound to"):
        ledger.start("e" * 64, b'{"a":1}', (), diff=lambda was, now: [])


def test_a_plan_may_change_where_that_is_allowed(ledger: SqliteLedger) -> None:
    digest = sha256_hex(b"{}")
    ledger.set_meta("plan_digest", digest)
    with pytest.raises(PlanChanged):
        ledger.start("e" * 64, b'{"a":1}', (), diff=lambda was, now: ["a: added"])
    ledger.start(
        "e" * 64, b'{"a":1}', (), diff=lambda was, now: ["a: added"],
        may_change=lambda was, now: (was, now) == ({}, {"a": 1}),
    )  # fmt: skip
    ledger.commit()
    assert ledger.meta("plan_digest") == "e" * 64
    (told,) = ledger.events(PlanRebound)
    assert told[1].as_json() == {"was": digest, "now": "e" * 64, "changes": ["a: added"]}


def test_half_an_update_is_none(path: Path, ledger: SqliteLedger) -> None:
    filled(ledger, 3)
    too_large = changed(2)._replace(obj=replace(changed(2).obj, size=1 << 63))

    with pytest.raises(OverflowError):
        ledger.update(1, [listed(7)], [(2, changed(1)), (3, too_large)])
    with pytest.raises(OverflowError):
        ledger.commit()
    ledger.close()

    again = SqliteLedger.open(path, FakeClock())
    try:
        again.check_receipts()
        assert again.tally(1, State.VERIFIED).objects == 3
        assert again.pinned(1, "k00007") is None
    finally:
        again.close()


class Torn:
    """What an inventory tells, of which one half cannot be read."""

    root = "r"

    @property
    def objects(self) -> int:
        raise KeyboardInterrupt


def untold(ledger: SqliteLedger) -> None:
    ledger.set_meta(UNCOUNTED, "2")
    ledger.bring_up()


HALVES: dict[str, tuple[Callable[[SqliteLedger], Any], type[BaseException]]] = {
    "a seal": (lambda ledger: ledger.seal(1, Torn()), KeyboardInterrupt),
    "a finding": (lambda ledger: ledger.finding(Code.LEASED, "", dataset=9), IndexError),
    "another try": (lambda ledger: ledger.retry_failed(1), LedgerDamaged),
    "an upgrade": (untold, IndexError),
}


@pytest.mark.parametrize("name", HALVES)
def test_half_a_change_is_none(path: Path, ledger: SqliteLedger, name: str) -> None:
    change, error = HALVES[name]
    filled(ledger, 2)
    one, other = listed(7), listed(8)
    ledger.update(1, [one, other], [])
    none = Covered(objects=0, bytes=0, root="e")
    ledger.seal(1, InventoryCounts(root="r", objects=4, bytes=16, excluded=none))
    for entry in ledger.todo("small", 1, 10):
        ledger.claim(entry)
        ledger.failed(replace(entry, attempt=entry.attempt + 1), State.SENDING, "denied", None)
        ledger.commit()
    ledger.close()
    edited(path, SPOILED[name])
    before = events(path)

    again = SqliteLedger.open(path, FakeClock())
    with pytest.raises(error):
        change(again)
    with pytest.raises(error):
        again.commit()
    again.close()

    assert events(path) == before


SPOILED = {
    "a seal": "SELECT 1",
    "a finding": "SELECT 1",
    "another try": "UPDATE object SET verdict = 'waived' WHERE key = CAST('k00008' AS BLOB)",
    "an upgrade": "DELETE FROM event; UPDATE object SET state = 0; UPDATE dataset SET state = 0;"
    "INSERT INTO finding (dataset, code, severity, detail, at) VALUES (9, 'c', 'note', '', '')",
}


def events(path: Path) -> list[Any]:
    con = connect(path)
    rows = list(con.execute("SELECT * FROM event")) + list(con.execute("SELECT * FROM finding"))
    con.close()
    return rows


def test_what_the_target_lost_waits_again_and_the_others_stay_covered(
    path: Path, ledger: SqliteLedger
) -> None:
    filled(ledger, 5)
    assert ledger.relist([2, 4, 99]) == 2
    ledger.commit()
    ledger.check_receipts()
    ledger.reconcile()
    assert ledger.tally(1, State.VERIFIED).objects == 3
    assert [entry.attempt for entry in ledger.todo("small", 1, 10)] == [1, 1]
    assert ledger.relist([2]) == 0  # it is verified no more
    ledger.close()
    reopened(path)
    edited(path, "UPDATE object SET sha256 = zeroblob(32) WHERE id = 3")
    with pytest.raises(LedgerDamaged, match="was changed since"):
        reopened(path)


def test_a_row_that_was_tampered_with_is_not_listed_again(path: Path, ledger: SqliteLedger) -> None:
    filled(ledger, 3)
    ledger.close()
    edited(path, "UPDATE object SET sha256 = zeroblob(32) WHERE id = 3")
    again = SqliteLedger.open(path, FakeClock())
    try:
        with pytest.raises(LedgerDamaged, match="was changed since"):
            again.relist([2])
    finally:
        again.close()


def test_somebody_elses_etag_may_be_replaced_until_the_next_receipt_and_never_after(
    ledger: SqliteLedger,
) -> None:
    filled(ledger, 2)
    restored = ObjectRestored(batch="b", id=2, etag="foreign")
    ledger.relist([2])
    assert ledger.pins() == {}  # it was only lost
    ledger.forget_etag(2)
    ledger.event(restored)
    ledger.commit()
    assert ledger.pins() == {2: "foreign"}
    (entry,) = ledger.todo("small", 1, 10)
    ledger.claim(entry)
    ledger.commit()
    assert ledger.pins() == {2: "foreign"}  # killed here, the next attempt has it as well
    (entry,) = ledger.todo("sending", 1)
    ledger.sent(entry, sent(entry))
    ledger.commit()
    assert ledger.pins() == {}
    (entry,) = ledger.todo("verify", 1, 0, 10)
    ledger.verified(entry, matched(entry, "later"))
    ledger.relist([2])
    ledger.commit()
    assert ledger.pins() == {}


def test_what_a_portion_of_verified_objects_reads_does_not_grow_with_the_others(
    ledger: SqliteLedger,
) -> None:
    """Counted in instructions of SQLite, which no other program on the machine changes."""

    def did(after: int) -> int:
        steps = [0]

        def counted() -> bool:
            steps[0] += 1
            return False

        ledger._con.set_progress_handler(counted, 1)
        assert len(ledger.erasable("pilot", after, 10, whole=True)) == 10
        ledger._con.set_progress_handler(None, 1)
        return steps[0]

    filled(ledger, 400)
    assert abs(did(0) - did(380)) < 50  # of which ten rows need some 240
    ledger._con.execute("DROP INDEX object_verified")  # as an earlier version left it, looked at
    assert did(0) > 1_000
    assert [one.id for one in ledger.erasable("pilot", 7, 3)] == [8, 9, 10]
