"""Prices of what is exchanged, as dated data, and what a claim for egress rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import Field

from hdh_migrate.plan.fields import Day, Money, Reason, matching, unsaid
from hdh_migrate.plan.origins import Section
from hdh_migrate.plan.shapes import Broken, mappings, place_text

UNITS: Final[Mapping[str, int]] = {
    "GB": 10**9, "GiB": 1 << 30, "TB": 10**12, "TiB": 1 << 40, "10000-requests": 10_000,
}  # fmt: skip
"""How many bytes or requests each unit is."""

REQUESTS: Final = "10000-requests"

_AS = r"AS[0-9]{1,10}"
_AsNumber = Annotated[
    str,
    matching(_AS, "must be the number of an autonomous system, such as AS12876"),
    Field(json_schema_extra={"title": "AS number", "pattern": f"^(?:{_AS})$"}),
]


class UnitPrice(Section):
    """What one unit costs from a day on, by a document that says so."""

    purpose: Literal["switching", "re-read", "parallel"] = Field(
        description="`switching`: what is read and sent to change the provider; `re-read`: what is"
        " read once more, to verify it or to look again; `parallel`: what is exchanged for a batch"
        " after its cutover."
    )
    side: Literal["source", "target"] = Field(
        description="Whose price: bytes count that leave this side; requests that it is sent."
    )
    unit: Literal["GB", "GiB", "TB", "TiB", "10000-requests"] = Field(
        description="GB and TB are 10^9 and 10^12 bytes, GiB and TiB 2^30 and 2^40."
    )
    amount: Money = Field(
        description="For one unit; 0 where nothing is charged.", examples=["0.075 EUR"]
    )
    valid_from: Day = Field(
        description="The first day (UTC) on which it counts, until another price of the same"
        " purpose, side and kind of unit does.",
        examples=["2026-09-01"],
    )
    source: Reason = Field(
        description="The document that says so.",
        examples=["price list of 2026-09-01, France Central, internet egress"],
    )

    @property
    def is_of_requests(self) -> bool:
        """Whether it is of requests, and not of bytes."""
        return self.unit == REQUESTS

    @property
    def value(self) -> Decimal:
        """The amount, without its currency."""
        return Decimal(self.amount.partition(" ")[0])

    @property
    def currency(self) -> str:
        """The currency of the amount."""
        return self.amount.partition(" ")[2]

    def of(self, count: int) -> Decimal:
        """Return what so many bytes or requests cost; nothing is rounded."""
        return self.value * Decimal(count) / Decimal(UNITS[self.unit])


class EgressClaim(Section):
    """Who claims from whom, and by which contract: what `forecast --dossier` puts on its page."""

    provider: Reason = Field(
        description="The provider of the source, as the contract names it.",
        examples=["Microsoft Ireland Operations Limited"],
    )
    customer: Reason = Field(
        description="Who claims.", examples=["Plateforme des données de santé"]
    )
    contract: Reason = Field(
        description="The contract's reference.", examples=["marché 2020-017, inscription 12345678"]
    )
    account: Reason | None = Field(
        default=None,
        exclude_if=unsaid,
        description="What the provider bills: a subscription, or a billing account.",
    )
    notice_day: Day | None = Field(
        default=None,
        exclude_if=unsaid,
        description="The day on which the provider was given notice of the switch.",
        examples=["2026-10-01"],
    )
    target_asn: _AsNumber | None = Field(
        default=None,
        exclude_if=unsaid,
        description="The autonomous system of the target, which providers ask for.",
        examples=["AS12876"],
    )
    contact: Reason | None = Field(
        default=None, exclude_if=unsaid, description="Whom the provider may ask."
    )


def _prices_are_of_one_currency(plan: Mapping[str, object]) -> Iterator[Broken]:
    """All `prices` are of one currency."""
    first: str | None = None
    for index, one in mappings(plan, "prices"):
        amount = one.get("amount")
        currency = amount.partition(" ")[2] if isinstance(amount, str) else ""
        if currency and first not in {None, currency}:
            yield Broken(("prices", index, "amount"), "of another currency than the first price")
        first = first or currency or None


def _prices_are_clear(plan: Mapping[str, object]) -> Iterator[Broken]:
    """On each day one price of a purpose, side and kind of unit counts."""
    seen: dict[tuple[object, ...], int] = {}
    for index, one in mappings(plan, "prices"):
        about = tuple(one.get(name) for name in ("purpose", "side", "valid_from"))
        key = (*map(str, about), one.get("unit") == REQUESTS)
        if key in seen and None not in about:
            where = place_text(("prices", seen[key]))
            yield Broken(("prices", index), f"the same purpose, side, kind and day as {where}")
        seen.setdefault(key, index)


RULES: tuple[Callable[[Mapping[str, object]], Iterator[Broken]], ...] = (
    _prices_are_of_one_currency,
    _prices_are_clear,
)
