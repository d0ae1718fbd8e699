"""Rows that were changed behind the journal's back are noticed, whatever else is changed to fit."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from hdh_migrate.codes import Code
from hdh_migrate.errors import Exit, LedgerDamaged
from hdh_migrate.events.inventory import InventoryChanged
from hdh_migrate.events.objects import ObjectsFailed, ObjectsRetried
from hdh_migrate.fixity import Inventoried, canonical_json, inventory_leaf
from hdh_migrate.folders import make_private
from hdh_migrate.ledger import SqliteLedger, chain
from hdh_migrate.ledger.coverage import FAILED_ROWS, VERIFIED_ROWS
from hdh_migrate.ledger.database import connect
from hdh_migrate.ledger.journalling import IDS
from hdh_migrate.model import Listed, ObjectInfo, State
from tests.support.events import run_started
from tests.support.quiet import FakeClock
from tests.unit.ledger.test_ledger import matched, sent

ROWS = {
    "a-verified": (State.LISTED, None),
    "b-verified": (State.LISTED, None),
    "c-failed": (State.LISTED, None),
    "d-excluded": (State.EXCLUDED, "exclude-0"),
    "e-symlink": (State.FAILED, "kind-symlink"),
    "f-waits": (State.LISTED, None),
    "g-excluded": (State.EXCLUDED, "exclude-0"),
}


def listed(key: str, state: State, reason: str | None, version: str = "v1") -> Listed:
    obj = ObjectInfo(key=key, size=len(key), version=version)
    return Listed(obj=obj, state=state, reason=reason, parts=0, fold=None)


def inventoried(ledger: SqliteLedger, dataset: int) -> dict[str, object]:
    found = Inventoried()
    for _, key, size, version, state, _ in ledger.listing(dataset):
        leaf = inventory_leaf(key, size, version)
        found.add(leaf, size, excluded=state == State.EXCLUDED)
    return found.counts()


def end(ledger: SqliteLedger, dataset: int, key: str, *, well: bool) -> None:
    """Send an object and let it end verified, or failed."""
    found = ledger.find(dataset, key)
    assert found is not None
    entry = replace(found[0], attempt=found[0].attempt + 1)
    ledger.claim(found[0])
    if not well:
        ledger.failed(entry, State.SENDING, "denied", "unverifiable")
        ledger.finding(Code.DENIED, "may not be read", dataset=dataset, entry=entry.id)
        return
    ledger.sent(entry, sent(entry))
    ledger.verified(entry, matched(entry, "2026-01-01T00:00:00.000Z"))


def story(ledger: SqliteLedger) -> None:
    """Play a history with everything in it: both datasets sealed, a delta, drift, failures."""
    ledger.start("d" * 64, b"{}", [("one", "pilot"), ("two", "pilot")], diff=lambda was, now: ())
    ledger.event(run_started("d" * 64))
    for dataset in (1, 2):
        rows = [listed(key, state, reason) for key, (state, reason) in ROWS.items()]
        ledger.add_page(dataset, rows, None)
        entry = ledger.find(dataset, "e-symlink")
        assert entry is not None
        ledger.finding(Code.KIND_SYMLINK, "not a plain object", dataset=dataset, entry=entry[0].id)
        ledger.finding(Code.LEASED, "1 objects have a lease", dataset=dataset)
        ledger.seal(dataset, inventoried(ledger, dataset))
        ledger.commit()
        for key in ("a-verified", "b-verified"):
            end(ledger, dataset, key, well=True)
        end(ledger, dataset, "c-failed", well=False)
        ledger.commit()
    # A delta finds a late object, one to leave out, and another version of a verified one.
    changed = ledger.find(1, "b-verified")
    assert changed is not None
    ledger.update(
        1,
        [listed("bb-late", State.LISTED, None), listed("cc-late", State.EXCLUDED, "exclude-0")],
        [(changed[0].id, listed("b-verified", State.LISTED, None, "v2"))],
    )
    ledger.finding(Code.LISTING_UNSTABLE, "closed later", dataset=1)
    ledger.seal(1, inventoried(ledger, 1))
    ledger.commit()
    for key in ("b-verified", "bb-late"):
        end(ledger, 1, key, well=True)
    last = max(ledger.findings(), key=lambda one: one["id"])
    ledger.close_finding(last["id"])
    ledger.commit()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ledger of that story; each test has a copy."""
    path = tmp_path_factory.mktemp("played") / "state" / "essai" / "ledger.db"
    ledger = SqliteLedger.open(path, FakeClock())
    story(ledger)
    ledger.close()
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "essai" / "ledger.db"


@pytest.fixture
def ledger(path: Path, played: Path) -> Iterator[SqliteLedger]:
    make_private(path.parent)
    shutil.copy(played, path)
    opened = SqliteLedger.open(path, FakeClock())
    yield opened
    opened.close()


def reconciled(path: Path) -> None:
    looked = SqliteLedger.read_only(path, FakeClock())
    try:
        looked.check()
        looked.reconcile()
    finally:
        looked.close()


FIT = """
DELETE FROM counter;
INSERT INTO counter SELECT dataset, state, count(*), sum(size) FROM object GROUP BY 1, 2;
"""
"""What a careful forger adds, so that the counters are those of the rows."""

GONE = (
    "DELETE FROM finding WHERE object IN (SELECT id FROM object WHERE state = 6);"
    "DELETE FROM object WHERE state = 6;" + FIT
)

TAMPERED: dict[str, tuple[str, str]] = {
    "failed objects deleted, with findings and counters": (GONE, "tells of 7 objects, the rows of"),
    "one failed object deleted": (
        "DELETE FROM finding WHERE object = 10; DELETE FROM object WHERE id = 10;" + FIT,
        "tells of 7 objects, the rows of 6",
    ),
    "failed objects excluded": (
        "UPDATE finding SET closed = 1 WHERE object IN (SELECT id FROM object WHERE state = 6);"
        "UPDATE object SET state = 1, reason = 'exclude-0', verdict = NULL WHERE state = 6;" + FIT,
        "objects left out",
    ),
    "a failed object waits again": (
        "UPDATE object SET state = 0, reason = NULL, verdict = NULL WHERE id = 3;" + FIT,
        "tells of 2 objects failed, the rows of 1",
    ),
    "a failed object has another reason": (
        "UPDATE object SET reason = 'waived' WHERE id = 3", "that failed",
    ),
    "a failed object has another verdict": (
        "UPDATE object SET verdict = 'waived' WHERE id = 3", "that failed",
    ),
    "an excluded object waits": (
        "UPDATE object SET state = 0, reason = NULL WHERE id = 4;" + FIT, "objects left out",
    ),
    "a waiting object is excluded": (
        "UPDATE object SET state = 1, reason = 'exclude-0' WHERE id = 6;" + FIT,
        "objects left out",
    ),
    "one waits and another is left out instead": (
        "UPDATE object SET state = 0, reason = NULL WHERE id = 4;"
        "UPDATE object SET state = 1, reason = 'exclude-0' WHERE id = 6;" + FIT,
        "the root that event",
    ),
    "a late excluded object waits": (
        "UPDATE object SET state = 0 WHERE key = CAST('cc-late' AS BLOB);" + FIT,
        "joined or changed later",
    ),
    "an excluded object deleted": (
        "DELETE FROM object WHERE id = 4;" + FIT, "tells of 7 objects, the rows of 6",
    ),
    "a late object deleted": (
        "DELETE FROM object WHERE key = CAST('cc-late' AS BLOB);" + FIT,
        "tells of 9 objects, the rows of 8",
    ),
    "an object put in": (
        "INSERT INTO object (dataset, key, size, version, state) VALUES (1, x'7a', 1, 'v', 1);"
        + FIT,
        "tells of 7 objects, the rows of 8",
    ),
    "a failed object's size": ("UPDATE object SET size = 1 WHERE id = 3;" + FIT, "is not"),
    "a failed object's version": ("UPDATE object SET version = 'v9' WHERE id = 3", "is not"),
    "a failed object's key": ("UPDATE object SET key = x'63' WHERE id = 3", "is not"),
    "a waiting object's size": ("UPDATE object SET size = 1 WHERE id = 6;" + FIT, "the root"),
    "a waiting object's version": ("UPDATE object SET version = 'v9' WHERE id = 6", "the root"),
    "a waiting object's key": ("UPDATE object SET key = x'66' WHERE id = 6", "the root"),
    "an excluded object's size": ("UPDATE object SET size = 1 WHERE id = 4;" + FIT, "the root"),
    "an excluded object's version": ("UPDATE object SET version = 'v9' WHERE id = 4", "the root"),
    "an excluded object's key": ("UPDATE object SET key = x'64' WHERE id = 4", "the root"),
    "a waiting object is called a match": (
        "UPDATE object SET verdict = 'match', level = 'full' WHERE id = 6", "has a verdict",
    ),
    "a verified object has no verdict, and its event was made anew": (
        "UPDATE object SET verdict = NULL WHERE id = 8", "verified without its verdict",
    ),
    "a verified object differs, and its event was made anew": (
        "UPDATE object SET verdict = 'mismatch' WHERE id = 9", "verified without its verdict",
    ),
    "what a verified object has beside its bytes is no JSON, and its event was made anew": (
        "UPDATE object SET extra = 'x' WHERE id = 8", "no JSON",
    ),
    "an object in another dataset": (
        "UPDATE object SET dataset = 2, key = x'7a' WHERE id = 6;" + FIT, "is not",
    ),
    "an object of no dataset": (
        "INSERT INTO object (dataset, key, size, version, state) VALUES (9, x'7a', 1, 'v', 1);"
        + FIT,
        "objects of no dataset",
    ),
    "a finding's code": ("UPDATE finding SET code = 'leased' WHERE id = 3", "finding 3"),
    "a finding's severity": ("UPDATE finding SET severity = 'note' WHERE id = 3", "finding 3"),
    "a finding's detail": ("UPDATE finding SET detail = 'nothing' WHERE id = 3", "finding 3"),
    "a finding's time": ("UPDATE finding SET at = '2020-01-01' WHERE id = 3", "finding 3"),
    "a finding's object": ("UPDATE finding SET object = 1 WHERE id = 3", "finding 3"),
    "a finding's dataset": ("UPDATE finding SET dataset = 2 WHERE id = 3", "finding 3"),
    "a finding closed": ("UPDATE finding SET closed = 1 WHERE id = 3", "finding 3"),
    "a finding deleted": ("DELETE FROM finding WHERE id = 3", "finding 3"),
    "the last finding deleted": ("DELETE FROM finding WHERE id = 7", "finding 7"),
    "a closed finding opened": ("UPDATE finding SET closed = 0 WHERE closed = 1", "finding 7"),
    "a finding put in": (
        "INSERT INTO finding (code, severity, detail, at) VALUES ('x', 'note', 'y', '')",
        "finding 8",
    ),
    "a dataset opened again": ("UPDATE dataset SET state = 0 WHERE id = 2", "dataset two"),
    "a dataset's root": ("UPDATE dataset SET root = hex(zeroblob(32)) WHERE id = 2", "dataset two"),
    "a dataset's name": ("UPDATE dataset SET name = 'ten' WHERE id = 2", "acknowledged by"),
    "a dataset dropped": (
        "DELETE FROM finding WHERE dataset = 2; DELETE FROM object WHERE dataset = 2;"
        "DELETE FROM dataset WHERE id = 2;" + FIT,
        "acknowledged by",
    ),
    "a dataset dropped, its rows left": ("DELETE FROM dataset WHERE id = 2", "acknowledged"),
    "an object that waits was read": (
        "UPDATE object SET level = 'full' WHERE id = 6", "has a verdict",
    ),
    "an object that waits was read at some time": (
        "UPDATE object SET verified_at = '2026-01-01T00:00:00Z' WHERE id = 6", "has a verdict",
    ),
    "what a verified object had beside its bytes": (
        """UPDATE object SET extra = '{"tier":"Cool"}' WHERE id = 1""", "acknowledged by",
    ),
    "a trigger that forgets findings": (
        "CREATE TRIGGER t AFTER INSERT ON finding BEGIN DELETE FROM finding; END", "triggers",
    ),
    "a trigger that keeps names out of an inventory": (
        "CREATE TRIGGER t BEFORE INSERT ON object BEGIN SELECT raise(IGNORE); END", "triggers",
    ),
    "a view in a table's place": (
        "DROP TABLE part; CREATE VIEW part AS SELECT 1 AS object", "triggers or views",
    ),
    "another plan": ("UPDATE meta SET value = 'e' WHERE name = 'plan_digest'", "another plan"),
    "a counter": ("UPDATE counter SET objects = objects + 1 WHERE state = 5", "the counters"),
    "a counter's bytes": ("UPDATE counter SET bytes = bytes - 1 WHERE state = 6", "the counters"),
    "a counter put in": ("INSERT INTO counter VALUES (3, 5, 1, 1)", "the counters"),
    "the format set back": ("PRAGMA user_version = 2", "set back"),
    "the journal called untold": ("INSERT INTO meta VALUES ('untold', '2')", "set back"),
}  # fmt: skip


def test_an_honest_history_agrees(path: Path, ledger: SqliteLedger) -> None:
    ledger.reconcile()
    ledger.close()
    reconciled(path)


@pytest.mark.parametrize("what", list(TAMPERED))
def test_what_was_changed_by_hand_is_noticed(path: Path, ledger: SqliteLedger, what: str) -> None:
    ledger.close()
    statements, told = TAMPERED[what]
    con = connect(path)
    con.execute("PRAGMA foreign_keys = OFF")
    con.execute(statements)
    con.close()
    if "made anew" in what:
        cover_anew(path)
    with pytest.raises(LedgerDamaged, match=told) as damaged:
        reconciled(path)
    assert damaged.value.exit_code is Exit.DAMAGED
    assert "\n" not in str(damaged.value)


def cover_anew(path: Path) -> None:
    """Give the events that cover rows the digests of the rows as they are, and chain all again."""
    con = connect(path)
    looked = SqliteLedger(con, FakeClock())
    head = bytes(32)
    for seq, at, kind, text, _ in list(looked.journal()):
        told = json.loads(text)
        for cover in (VERIFIED_ROWS, FAILED_ROWS):
            if kind in (cover.event.kind, cover.later.kind):
                ids = told["kept" if kind == "retried" else "ids"]
                digests, _ = looked._covers(cover, ids)
                told["rows_sha256"] = digests.rows
                if cover is VERIFIED_ROWS:
                    told["extras_sha256"] = digests.extras
        body = canonical_json(told).decode()
        head = chain.link(head, seq, at, kind, body)
        con.execute("UPDATE event SET body = ?, digest = ? WHERE seq = ?", (body, head, seq))
    con.close()


def test_what_is_gathered_is_told_before_it_is_compared(ledger: SqliteLedger) -> None:
    end(ledger, 2, "f-waits", well=False)
    ledger.reconcile()
    assert [event.datasets for _, event in ledger.events(ObjectsFailed)][-1] == {"two": 1}


def test_failures_that_are_tried_again_leave_the_others_covered(
    path: Path, ledger: SqliteLedger
) -> None:
    assert ledger.retry_failed(1) == 1  # what is no plain object stays
    ledger.commit()
    ledger.reconcile()
    end(ledger, 1, "c-failed", well=False)
    assert ledger.retry_failed(1) == 1  # failed and let go before the journal told of it
    end(ledger, 1, "c-failed", well=True)
    ledger.commit()
    ledger.reconcile()
    told = [event.datasets for _, event in ledger.events(ObjectsRetried)]
    assert told == [{"one": 1}, {"one": 1}]
    ledger.close()
    con = connect(path)
    con.execute("UPDATE object SET reason = 'kind-append' WHERE id = 5")
    con.close()
    with pytest.raises(LedgerDamaged, match="that failed"):
        reconciled(path)


@pytest.mark.slow
def test_of_as_many_failures_as_there_are_objects_a_portion_at_a_time_is_held(
    tmp_path: Path,
) -> None:
    make_private(tmp_path / "state")
    ledger = SqliteLedger.open(tmp_path / "state" / "many" / "ledger.db", FakeClock())
    ledger.start("d" * 64, b"{}", [("one", "pilot")], diff=lambda was, now: ())
    ledger.event(run_started("d" * 64))
    rows = [listed(f"k{n:05}", State.LISTED, None) for n in range(IDS + 10)]
    ledger.add_page(1, rows, None)
    ledger.seal(1, inventoried(ledger, 1))
    for entry in ledger.todo("small", 1, IDS + 10):
        ledger.failed(entry, State.LISTED, "denied", "unverifiable")
        ledger.finding(Code.DENIED, "may not be read", dataset=1, entry=entry.id)
    ledger.commit()
    portions = list[int]()

    def which(failed: Mapping[int, str]) -> Collection[int]:
        portions.append(len(failed))
        return [number for number in failed if number > 5]

    assert ledger.retry_failed(1, which) == IDS + 5
    ledger.commit()
    assert portions == [IDS, 10]
    assert ledger.tally(1, State.FAILED).objects == 5
    assert sum(1 for _ in ledger.findings()) == 5
    ledger.reconcile()
    ledger.close()


def test_a_failed_row_that_was_tampered_with_cannot_be_tried_again(
    path: Path, ledger: SqliteLedger
) -> None:
    ledger.close()
    con = connect(path)
    con.execute("UPDATE object SET version = 'v9' WHERE id = 3")
    con.close()
    again = SqliteLedger.open(path, FakeClock())
    try:
        with pytest.raises(LedgerDamaged, match="that failed"):
            again.retry_failed(1)
    finally:
        again.close()


def test_drift_is_told_as_leaves(path: Path, ledger: SqliteLedger) -> None:
    for version, size in (("v2", 3), ("v1", len("f-waits"))):  # and back again
        found = ledger.find(2, "f-waits")
        assert found is not None
        ledger.claim(found[0])
        entry = replace(found[0], attempt=found[0].attempt + 1)
        obj = ObjectInfo(key="f-waits", size=size, version=version)
        ledger.drifted(entry, obj, 0)
        ledger.reconcile()
    (first, second) = [event for _, event in ledger.events(InventoryChanged)][-2:]
    assert first.changed[0] == second.changed[0][::-1]
    ledger.close()
    reconciled(path)


def test_an_object_may_turn_into_one_to_leave_out(path: Path, ledger: SqliteLedger) -> None:
    found = ledger.find(2, "f-waits")
    assert found is not None
    directory = listed("f-waits", State.EXCLUDED, "directory", "v2")
    ledger.update(2, [], [(found[0].id, directory)])
    ledger.reconcile()
    ledger.seal(2, inventoried(ledger, 2))
    ledger.reconcile()
    ledger.close()
    con = connect(path)
    con.execute("UPDATE object SET state = 0, reason = NULL WHERE id = 13;" + FIT)
    con.close()
    with pytest.raises(LedgerDamaged, match="joined or changed later"):
        reconciled(path)


def test_a_refused_object_that_changes_is_told_again(ledger: SqliteLedger) -> None:
    found = ledger.find(1, "e-symlink")
    assert found is not None
    link = listed("e-symlink", State.REFUSED, "key-control", "v2")
    ledger.update(1, [], [(found[0].id, link)])
    ledger.reconcile()


def test_a_listing_begun_anew_leaves_no_trace(path: Path) -> None:
    ledger = SqliteLedger.open(path, FakeClock())
    ledger.start("d" * 64, b"{}", [("one", "pilot")], diff=lambda was, now: ())
    rows = [listed(key, state, reason) for key, (state, reason) in ROWS.items()]
    ledger.add_page(1, rows, "more")
    ledger.finding(Code.LISTING_UNSTABLE, "told and taken back", dataset=1)
    ledger.reconcile()
    ledger.restart_listing(1)
    ledger.reconcile()
    ledger.add_page(1, rows[1:], None)
    ledger.seal(1, inventoried(ledger, 1))
    ledger.reconcile()
    assert list(ledger.findings()) == []
    ledger.close()
    reconciled(path)


@pytest.mark.parametrize(
    "many",
    [
        lambda ledger: ledger.update(
            1, [listed(f"z{n:07}", State.LISTED, None) for n in range(6_001)], []
        ),
        lambda ledger: [
            ledger.finding(Code.METADATA_DIFFERS, '"\\' * 2500, dataset=1) for _ in range(90)
        ],
    ],
    ids=["late objects", "findings"],
)
def test_no_line_of_the_journal_is_long(
    ledger: SqliteLedger, many: Callable[[SqliteLedger], object]
) -> None:
    from hdh_migrate.evidence.lines.records import journal_line

    before = len(list(ledger.journal()))
    many(ledger)
    ledger.commit()
    assert len(list(ledger.journal())) >= before + 3
    assert max(len(journal_line(*event)) for event in ledger.journal()) < 512 << 10
    ledger.reconcile()


def test_a_report_sees_one_moment_while_a_run_goes_on(path: Path, ledger: SqliteLedger) -> None:
    looked = SqliteLedger.read_only(path, FakeClock())
    with looked.snapshot():
        before = list(looked.journal())
        end(ledger, 2, "f-waits", well=True)
        ledger.commit()
        looked.reconcile()
        assert list(looked.journal()) == before
    looked.reconcile()
    assert list(looked.journal()) != before
    looked.close()
