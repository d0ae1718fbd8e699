"""What egress and requests cost: recorded ones as the journal tells, and those that are left.

All amounts are decimal; nothing is rounded before it is shown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal

from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Step, Tally
from hdh_migrate.pipeline.pace.accounting import KINDS, ExchangeAccount, account, purpose_of
from hdh_migrate.pipeline.pace.until import day_of
from hdh_migrate.plan.model import Plan
from hdh_migrate.plan.pricing import NO_CHARGE_FROM, PricedUse, Use, cents, priced, summed
from hdh_migrate.results.forecasts import CostFact, CostLine
from hdh_migrate.session.views.ahead import WorkLater


def account_of(ledger: SqliteLedger, plan: Plan) -> ExchangeAccount:
    """Return what the journal tells was exchanged."""
    return account(ledger.told(*KINDS), [batch.name for batch in plan.batches])


def costs(ledger: SqliteLedger, plan: Plan, later: Sequence[WorkLater]) -> CostFact:
    """Return what was recorded and what is left, each by period, side and purpose."""
    known = account_of(ledger, plan)
    recorded = [
        Use(row.last_day, row.side, row.purpose, row.bytes_read, row.requests)
        for row in known.rows
        if row.side in {"source", "target"}
    ]
    lines = [
        *(("recorded", one) for one in summed(recorded, plan.prices)),
        *(
            ("left", one)
            for one in summed([*_left(ledger, plan, later, known.switched)], plan.prices)
        ),
    ]
    sums = {
        state: sum((one.amount for of, one in lines if of == state and one.amount), Decimal())
        for state in ("recorded", "left")
    }
    shown = [_line(state, one) for state, one in lines]
    return {
        "currency": plan.prices[0].currency if plan.prices else None,
        "lines": shown,
        "recorded": cents(sums["recorded"]),
        "left": cents(sums["left"]),
        "total": cents(sums["recorded"] + sums["left"]),
        "notes": [*_notes(plan, known, shown)],
    }


def _line(state: str, one: PricedUse) -> CostLine:
    return {
        "state": "recorded" if state == "recorded" else "left",
        "period": one.period,
        "side": one.side,
        "purpose": one.purpose,
        "bytes": one.bytes,
        "requests": one.requests,
        "amount": None if one.amount is None else cents(one.amount),
    }


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


def _notes(plan: Plan, known: ExchangeAccount, lines: Sequence[CostLine]) -> Iterator[str]:
    if known.cut_off:
        yield (
            f"{known.cut_off} of {known.runs} runs ended without a last word: what they exchanged"
            " after they last reported, an hour at most, is missing"
        )
    if known.unended:
        yield "the last run has not ended: what it exchanged since it last reported is missing"
    if plan.prices and any(line["amount"] is None and line["bytes"] for line in lines):
        yield "lines without an amount have no price that counts on all of their days (prices)"
    source = [one for one in plan.prices if (one.purpose, one.side) == ("switching", "source")]
    ahead = Use(NO_CHARGE_FROM, "source", "switching", bytes=10**9, requests=10_000)
    if priced(source, ahead):
        yield (
            f"the plan still prices switching at the source on {NO_CHARGE_FROM}: from that day on"
            " no charge may be made for it (regulation (EU) 2023/2854, article 29); give a price of"
            " 0 from then on"
        )
