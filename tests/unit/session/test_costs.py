"""Costs are decimal sums of dated prices; a day without a price has no cost that is told."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from hdh_migrate.errors import PlanInvalid
from hdh_migrate.events.exchange import ExchangeCount, TrafficCounted
from hdh_migrate.events.run import RunStarted
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Step, Tally
from hdh_migrate.pipeline.pace.until import WorkedPiece
from hdh_migrate.plan.loader import load
from hdh_migrate.plan.model import Plan
from hdh_migrate.results.forecasts import CostFact, CostLine
from hdh_migrate.session.views.ahead import WorkLater
from hdh_migrate.session.views.costs import costs
from tests.support.quiet import WallClock
from tests.unit.session.test_forecast import PLAN

GB = 10**9
BYTES = "purpose: switching, side: source, unit: GB, source: list"
ASKED = "purpose: switching, side: source, unit: 10000-requests, source: list"
AGAIN = "purpose: re-read, side: target, unit: TB, source: list"
PRICES = f"""\
prices:
  - {{amount: 0.08 EUR, valid_from: 2026-01-01, {BYTES}}}
  - {{amount: 0.05 EUR, valid_from: 2026-11-27, {BYTES}}}
  - {{amount: 0.004 EUR, valid_from: 2026-01-01, {ASKED}}}
  - {{amount: 0 EUR, valid_from: 2027-01-12, {BYTES}}}
  - {{amount: 0 EUR, valid_from: 2027-01-12, {ASKED}}}
  - {{amount: 10 EUR, valid_from: 2026-12-01, {AGAIN}}}
"""
JANUARY = 1_799_712_000.0
"""2027-01-12T00:00:00Z"""


def plan(folder: Path, prices: str = PRICES) -> Plan:
    (folder / "plan.yaml").write_text(PLAN + prices)
    return load(folder / "plan.yaml").plan


class Book:
    """A journal in which somebody wrote what was exchanged."""

    def __init__(self, folder: Path) -> None:
        self.clock = WallClock("2026-11-26T10:00:00.000Z")
        self.ledger = SqliteLedger.open(folder / "s" / "m" / "ledger.db", self.clock)
        self.ledger.event(
            RunStarted(
                plan_digest="0" * 64, steps=("run",), batches=(), tool="0", code_sha256=ABSENT,
                user="u", pid=1,
            )
        )  # fmt: skip

    def passed(self, day: str, step: str, side: str, read: int, requests: int) -> None:
        self.clock.at = f"{day}T12:00:00.000Z"
        count = ExchangeCount(
            side=side, endpoint="https://x", requests=requests, bytes_read=read, bytes_written=0
        )
        event = TrafficCounted(since=self.clock.now(), batch="all", step=step, traffic=(count,))
        self.ledger.event(event)


def line(told: CostFact, **wanted: str) -> CostLine:
    (found,) = [
        one
        for one in told["lines"]
        if all(one[key] == word for key, word in wanted.items())  # type: ignore[literal-required]
    ]
    return found


def test_each_day_has_the_price_of_that_day(tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.passed("2026-11-26", "transfer", "source", 100 * GB, 20_000)
    book.passed("2026-11-27", "transfer", "source", 100 * GB, 0)
    book.passed("2027-01-12", "transfer", "source", 100 * GB, 10_000)
    told = costs(book.ledger, plan(tmp_path), ())
    assert line(told, period="before 2027-01-12")["amount"] == "13.01"  # 8 + 0.008 + 5
    assert line(told, period="from 2027-01-12")["amount"] == "0.00"
    assert (told["recorded"], told["left"], told["total"]) == ("13.01", "0.00", "13.01")
    assert told["currency"] == "EUR"


def test_a_day_without_a_price_has_no_amount_and_a_note_says_so(tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.passed("2026-11-30", "verify", "target", 50 * GB, 5)
    book.passed("2026-12-02", "verify", "target", 50 * GB, 5)
    told = costs(book.ledger, plan(tmp_path), ())
    only = line(told, side="target")
    assert (only["bytes"], only["requests"], only["amount"]) == (100 * GB, 10, None)
    assert any("no price" in note for note in told["notes"])


def test_amounts_are_decimal_and_only_rounded_when_they_are_shown(tmp_path: Path) -> None:
    book = Book(tmp_path)
    for _ in range(1_000):
        book.passed("2026-11-26", "transfer", "source", GB // 1_000, 0)
    assert costs(book.ledger, plan(tmp_path), ())["total"] == str(Decimal("0.08"))


def test_what_is_left_is_priced_on_the_days_on_which_it_will_pass(tmp_path: Path) -> None:
    left = Tally(objects=1_000, size=1_000 * GB)
    pieces = [
        WorkedPiece(JANUARY - 7_200, JANUARY, 0.75), WorkedPiece(JANUARY, JANUARY + 3_600, 0.25),
    ]  # fmt: skip
    later = [WorkLater("all", Step.TRANSFER, left, one) for one in pieces]
    later.append(WorkLater("all", Step.VERIFY, left, WorkedPiece(JANUARY, JANUARY + 9, 1.0)))
    told = costs(Book(tmp_path).ledger, plan(tmp_path), later)
    before = line(told, side="source", period="before 2027-01-12")
    assert (before["bytes"], before["requests"]) == (750 * GB, 750)
    assert before["amount"] == "37.50"
    assert line(told, side="source", period="from 2027-01-12")["amount"] == "0.00"
    assert line(told, side="target", purpose="re-read")["amount"] == "10.00"
    assert told["left"] == "47.50"


def test_who_still_prices_switching_after_the_data_act_is_told(tmp_path: Path) -> None:
    dear = "".join(PRICES.splitlines(keepends=True)[:3])
    ledger = Book(tmp_path).ledger
    assert any("article 29" in note for note in costs(ledger, plan(tmp_path, dear), ())["notes"])
    assert not any("article 29" in note for note in costs(ledger, plan(tmp_path), ())["notes"])


def test_without_prices_amounts_are_told_by_bytes_alone(tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.passed("2026-11-26", "transfer", "source", GB, 1)
    told = costs(book.ledger, plan(tmp_path, ""), ())
    assert told["currency"] is None
    assert not any("price" in note for note in told["notes"])
    assert any("the last run has not ended" in note for note in told["notes"])
    assert line(told, side="source")["amount"] is None


@pytest.mark.parametrize(
    ("was", "now", "place"),
    [
        ("valid_from: 2026-12-01, ", "", "prices[5].valid_from"),
        ("10 EUR", "10 USD", "prices[5].amount"),
        ("10 EUR", "10", "prices[5].amount"),
        ("2026-11-27", "2026-01-01", "prices[1]"),
        ("unit: TB", "unit: PB", "prices[5].unit"),
    ],
)
def test_a_price_that_is_not_clear_is_refused_at_its_place(
    tmp_path: Path, was: str, now: str, place: str
) -> None:
    with pytest.raises(PlanInvalid) as refused:
        plan(tmp_path, PRICES.replace(was, now))
    (problem,) = refused.value.problems
    assert place in problem
