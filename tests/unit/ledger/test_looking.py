"""Looking costs the same with a thousand objects and with a hundred million: no row is walked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.codes import Code
from hdh_migrate.events.judgements import BreachJudged
from hdh_migrate.events.looks import LookedAgain
from hdh_migrate.events.objects import FindingsChanged
from hdh_migrate.evidence.verifier.judgements import LOSSES
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.ledger.findings import SAMPLES_KEPT
from hdh_migrate.model import Listed, ObjectInfo, OpenUpload, PartReceipt, State, Tally
from hdh_migrate.plan.diff import changes
from tests.support.quiet import FakeClock


@pytest.fixture
def ledger(tmp_path: Path) -> SqliteLedger:
    ledger = SqliteLedger.open(tmp_path / "state" / "m" / "ledger.db", FakeClock())
    ledger.start("digest", b"{}", [("d", "b"), ("e", "c")], diff=changes)
    listed = [
        Listed(
            obj=ObjectInfo(key=f"k{number}", size=100_000 * number, version="v"),
            state=State.LISTED, reason=None, parts=2 * (number > 1), fold=None,
        )
        for number in range(4)
    ]  # fmt: skip
    ledger.add_page(1, listed, None)
    return ledger


def test_nothing_that_status_asks_walks_objects_parts_or_the_journal(ledger: SqliteLedger) -> None:
    asked: list[tuple[str, Any]] = []

    def note(cursor: object, sql: str, values: Any) -> bool:
        del cursor
        asked.append((sql, values))
        return True

    ledger._con.exec_trace = note
    for question in (
        ledger.datasets, ledger.tallies, ledger.arrived, ledger.causes, ledger.samples,
        ledger.last_at, ledger.looks_began, lambda: list(ledger.harm()),
        lambda: list(ledger.missed()),
    ):  # fmt: skip
        question()
    ledger._con.exec_trace = None
    assert len(asked) == 9
    small = {"counter", "sample", "dataset", "d", "g", "(subquery-1)"}
    few = {"object_sending", "finding_open"}
    for sql, values in asked:
        for *_, step in ledger._con.execute(f"EXPLAIN QUERY PLAN {sql}", values):
            walked = re.match(r"SCAN (\S+)(?: USING (?:COVERING )?INDEX (\w+))?$", step)
            if walked is None or "DESC LIMIT 1" in sql:
                continue
            assert walked[1] in small or walked[2] in few, sql
    ledger.close()


def test_of_the_journal_only_that_is_read_which_tells_of_a_loss(ledger: SqliteLedger) -> None:
    for code in (Code.TARGET_UNREAD, *map(Code, LOSSES), Code.TARGET_BESIDE):
        ledger.finding(code, "of an object", dataset=1, entry=1)
        ledger.commit()
    judged = BreachJudged(looks=(), findings=((1, 9),), notified=False, key=ABSENT, signed=ABSENT)
    ledger.event(judged)
    portions = [portion(1, gone=(), damaged=()), portion(2, gone=(7,), damaged=()),
                portion(3, gone=(), damaged=(8,)), portion(4, gone=(), damaged=())]  # fmt: skip
    for one in portions:
        ledger.event(one)
    ledger.commit()

    plans = {
        step for query in ("harm", "missed")
        for *_, step in ledger._con.execute(f"EXPLAIN QUERY PLAN {ledger._sql[query]}")
    }  # fmt: skip
    assert plans >= {
        f"SEARCH event USING INDEX {index} (kind=?)" for index in ("event_losses", "event_missing")
    }
    told = [event for _, event in ledger.harm()]
    opened = [one.opened for one in told if isinstance(one, FindingsChanged)]
    codes = [one.code for some in opened for one in some or ()]
    assert codes == list(LOSSES)
    assert told[-1] == judged
    assert [event for _, event in ledger.missed()] == portions[1:3]
    ledger.close()


def portion(number: int, *, gone: tuple[int, ...], damaged: tuple[int, ...]) -> LookedAgain:
    return LookedAgain(
        number=number, batch="b", level="full", at="2026-11-28T10:00:00.000Z", spans=((1, 9),),
        objects=9, bytes=9, gone=gone, damaged=damaged, replaced=(), unread=(), lost=ABSENT,
        beside=ABSENT,
    )  # fmt: skip


def test_parts_of_an_attempt_count_until_their_object_is_sent(ledger: SqliteLedger) -> None:
    (entry,) = ledger.todo("big", 1, 1)
    assert ledger.arrived() == {}
    ledger.claim(entry)
    ledger.begun(OpenUpload(entry=entry.id, attempt=1, upload_id="u", header=b"", segments=2))
    for number in (1, 2):  # the second is the last, of 68,928 bytes
        part = PartReceipt(
            number=number, sha256="0" * 64, sealed_sha256="0" * 64, stored_size=1, etag="e"
        )
        ledger.add_part(entry.id, part)
    ledger.commit()
    assert ledger.arrived() == {1: (1, 2, 200_000)}
    ledger.drop_part(entry.id, 2)
    assert ledger.arrived() == {1: (1, 1, 131_072)}
    ledger.unclaim(entry)
    ledger.commit()
    assert ledger.arrived() == {}
    ledger.close()


def test_open_findings_are_told_by_cause_with_the_oldest_ones_words(ledger: SqliteLedger) -> None:
    ledger.finding(Code.RULE_UNUSED, "first", dataset=1)
    ledger.finding(Code.DENIED, "second", dataset=1, entry=1)
    ledger.finding(Code.DENIED, "third", dataset=1, entry=2)
    ledger.finding(Code.DENIED, "fourth", dataset=2)
    ledger.finding(Code.BATCH_HELD_BACK, "fifth")
    ledger.close_finding(2)
    ledger.commit()
    told = ledger.causes()
    assert [(one.code, one.dataset, one.batch, one.detail, one.many) for one in told] == [
        ("rule-unused", "d", "b", "first", 1), ("denied", "d", "b", "third", 1),
        ("denied", "e", "c", "fourth", 1), ("batch-held-back", None, None, "fifth", 1),
    ]  # fmt: skip
    ledger.close()


def test_tallies_are_those_of_each_dataset(ledger: SqliteLedger) -> None:
    assert ledger.tallies() == {(1, State.LISTED): Tally(objects=4, size=600_000)}
    ledger.close()


def test_the_samples_of_one_step_do_not_push_out_those_of_another(ledger: SqliteLedger) -> None:
    ledger.sample("b", "transfer", 0, 0)
    for number in range(SAMPLES_KEPT + 50):
        ledger.sample("b", "verify", number, 0)
    ledger.commit()
    assert len(ledger.samples("b", "transfer")) == 1
    told = ledger.samples(step="verify")
    assert [one.objects for one in told] == list(range(50, SAMPLES_KEPT + 50))
    ledger.close()
