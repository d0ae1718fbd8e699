"""What uses cost at dated prices: decimal sums, by period, side and purpose; pure arithmetic."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final, Literal, NamedTuple, TypeAlias

from hdh_migrate.plan.prices import UnitPrice
from hdh_migrate.results.forecasts import Period

Purpose: TypeAlias = Literal["switching", "re-read", "parallel"]
PURPOSES: Final[tuple[Purpose, ...]] = ("switching", "re-read", "parallel")

NO_CHARGE_FROM: Final = "2027-01-12"
"""From this day on providers may charge nothing for switching; regulation (EU) 2023/2854 (Data
Act), article 29(1). For parallel use they may pass their costs on (article 34(2))."""

CENT: Final = Decimal("0.01")


class Use(NamedTuple):
    """Bytes that leave a side, and requests to it, on a day."""

    day: str
    side: str
    purpose: Purpose
    bytes: int
    requests: int


class PricedUse(NamedTuple):
    """All uses of a side for a purpose in a period; `amount` None: a day of them has no price."""

    period: Period
    side: str
    purpose: Purpose
    bytes: int
    requests: int
    amount: Decimal | None


def period_of(day: str) -> Period:
    """Return on which side of the first day without charges a day is."""
    return "before 2027-01-12" if day < NO_CHARGE_FROM else "from 2027-01-12"


def priced(prices: Iterable[UnitPrice], use: Use) -> Decimal | None:
    """Return what a use costs at the prices of its day; None: none of them counts.

    What has a price by bytes alone costs nothing by requests, and the other way round.
    """
    found: Decimal | None = None
    mine = [one for one in prices if (one.purpose, one.side) == (use.purpose, use.side)]
    for of_requests, count in ((False, use.bytes), (True, use.requests)):
        counting = [
            one for one in mine if one.is_of_requests is of_requests and one.valid_from <= use.day
        ]
        if counting:
            price = max(counting, key=lambda one: one.valid_from)
            found = (found or Decimal()) + price.of(count)
    return found


def summed(uses: Sequence[Use], prices: Sequence[UnitPrice]) -> Iterator[PricedUse]:
    """Yield the sums of uses, in the order of periods, sides and purposes."""
    grouped: dict[tuple[Period, str, Purpose], list[Use]] = defaultdict(list)
    for use in uses:
        grouped[period_of(use.day), use.side, use.purpose].append(use)
    for key in sorted(grouped, key=lambda one: (one[0], one[1], PURPOSES.index(one[2]))):
        amounts = [priced(prices, use) for use in grouped[key]]
        known = [one for one in amounts if one is not None]
        yield PricedUse(
            *key,
            bytes=sum(use.bytes for use in grouped[key]),
            requests=sum(use.requests for use in grouped[key]),
            amount=sum(known, Decimal()) if len(known) == len(amounts) else None,
        )


def cents(amount: Decimal) -> str:
    """Return an amount with two decimals."""
    return str(amount.quantize(CENT, rounding=ROUND_HALF_EVEN))
