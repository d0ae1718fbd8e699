"""What egress and requests cost: recorded ones as the journal tells, and those that are left.

All amounts are decimal; nothing is rounded before it is shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final, NamedTuple

from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Step, Tally
from hdh_migrate.pipeline.accounting import (
    KINDS,
    PURPOSES,
    ExchangeAccount,
    Purpose,
    account,
    purpose_of,
)
from hdh_migrate.pipeline.until import day_of
from hdh_migrate.plan.model import Plan
from hdh_migrate.plan.prices import UnitPrice
from hdh_migrate.results.forecasts import CostFact, CostLine, Period
from hdh_migrate.session.views.ahead import WorkLater

NO_CHARGE_FROM: Final = "2027-01-12"
"""From this day on providers may charge nothing for switching; regulation (EU) 2023/2854 (Data
Act), article 29(1). For parallel use they still may, at cost (article 34(2))."""

CENT: Final = Decimal("0.01")


class Use(NamedTuple):
    """Bytes that leave a side, and requests to it, on a day."""

    day: str
    side: str
    purpose: Purpose
    bytes: int
    requests: int


def account_of(ledger: SqliteLedger, plan: Plan) -> ExchangeAccount:
    """Return what the journal tells was exchanged."""
    return account(ledger.told(*KINDS), [batch.name for batch in plan.batches])


def costs(ledger: SqliteLedger, plan: Plan, later: Sequence[WorkLater]) -> CostFact:
    """Return what was recorded and what is left, each by period, side and purpose."""
    told = account_of(ledger, plan)
    recorded = [
        Use(row.last_day, row.side, row.purpose, row.bytes_read, row.requests)
        for row in told.rows
        if row.side in {"source", "target"}
    ]
    lines = [
        *_lines("recorded", recorded, plan.prices),
        *_lines("left", list(_left(ledger, plan, later, told.switched)), plan.prices),
    ]
    sums = {
        state: sum(
            (amount for line, amount in lines if line["state"] == state and amount), Decimal()
        )
        for state in ("recorded", "left")
    }
    return {
        "currency": plan.prices[0].currency if plan.prices else None,
        "lines": [line for line, _ in lines],
        "recorded": _cents(sums["recorded"]),
        "left": _cents(sums["left"]),
        "total": _cents(sums["recorded"] + sums["left"]),
        "notes": [*_notes(plan, told, [line for line, _ in lines])],
    }


def priced(prices: Iterable[UnitPrice], use: Use) -> Decimal | None:
    """Return what a use costs at the prices of its day; None: none of them counts.

    What has a price by bytes alone costs nothing by requests, and the other way round.
    """
    found: Decimal | None = None
    for of_requests, count in ((False, use.bytes), (True, use.requests)):
        counting = [
            one
            for one in prices
            if (one.purpose, one.side) == (use.purpose, use.side)
            and one.is_of_requests is of_requests
            and one.valid_from <= use.day
        ]
        if counting:
            price = max(counting, key=lambda one: one.valid_from)
            found = (found or Decimal()) + price.of(count)
    return found


def _lines(
    state: str, uses: Sequence[Use], prices: Sequence[UnitPrice]
) -> Iterator[tuple[CostLine, Decimal | None]]:
    grouped: dict[tuple[Period, str, Purpose], list[Use]] = defaultdict(list)
    for use in uses:
        grouped[period_of(use.day), use.side, use.purpose].append(use)
    for key in sorted(grouped, key=lambda one: (one[0], one[1], PURPOSES.index(one[2]))):
        period, side, purpose = key
        amounts = [priced(prices, use) for use in grouped[key]]
        known = [one for one in amounts if one is not None]
        amount = sum(known, Decimal()) if len(known) == len(amounts) else None
        line: CostLine = {
            "state": "recorded" if state == "recorded" else "left",
            "period": period,
            "side": side,
            "purpose": purpose,
            "bytes": sum(use.bytes for use in grouped[key]),
            "requests": sum(use.requests for use in grouped[key]),
            "amount": None if amount is None else _cents(amount),
        }
        yield line, amount


def period_of(day: str) -> Period:
    """Return on which side of the day without charges a day is."""
    return "before 2027-01-12" if day < NO_CHARGE_FROM else "from 2027-01-12"


def _cents(amount: Decimal) -> str:
    return str(amount.quantize(CENT, rounding=ROUND_HALF_EVEN))


# --- what is left --------------------------------------------------------------------------------


def _left(
    ledger: SqliteLedger, plan: Plan, later: Sequence[WorkLater], switched: Collection[str]
) -> Iterator[Use]:
    """Yield what will be exchanged, on the days on which it most likely will be."""
    cut = {row.batch: Tally() for row in ledger.datasets()}
    for row in ledger.datasets():
        cut[row.batch] += ledger.parts_left(row.id)
    for one in later:
        parts = cut.get(one.batch, Tally())
        for side, step, size, requests in _of_step(plan, one, parts):
            purpose = purpose_of(side, step, switched=one.batch in switched)
            share = one.piece.share
            yield Use(
                day_of(one.piece.begin), side, purpose, round(size * share), round(requests * share)
            )


def _of_step(plan: Plan, one: WorkLater, parts: Tally) -> Iterator[tuple[str, str, int, int]]:
    """Yield side, step, bytes that leave it and requests of all that is left of a step.

    `parts` are the large objects that are left, and, as its size, their parts.
    """
    small = one.left.objects - parts.objects
    if one.step is Step.TRANSFER:
        yield "source", "transfer", one.left.size, small + parts.size
        yield "target", "transfer", 0, small + parts.size + 2 * parts.objects
        return
    yield "target", "verify", one.left.size if plan.verify.level != "head" else 0, one.left.objects
    if plan.reads_twice:
        yield "source", "verify", one.left.size, one.left.objects


def _notes(plan: Plan, told: ExchangeAccount, lines: Sequence[CostLine]) -> Iterator[str]:
    if told.cut_off:
        yield (
            f"{told.cut_off} of {told.runs} runs ended without a last word: what they exchanged"
            " after it was last told, an hour at most, is missing"
        )
    if told.unended:
        yield "the last run has not ended: what it exchanged since it was last told is missing"
    if plan.prices and any(line["amount"] is None for line in lines):
        yield "lines without an amount have no price that counts on all of their days (prices)"
    source = [one for one in plan.prices if (one.purpose, one.side) == ("switching", "source")]
    ahead = Use(NO_CHARGE_FROM, "source", "switching", bytes=10**9, requests=10_000)
    if priced(source, ahead):
        yield (
            f"the plan still prices switching at the source on {NO_CHARGE_FROM}: from that day on"
            " no charge may be made for it (regulation (EU) 2023/2854, article 29); give a price of"
            " 0 from then on"
        )
