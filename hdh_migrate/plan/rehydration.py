"""Archived objects: who may ask the source to make them readable again, and how."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field

from hdh_migrate.plan import fields
from hdh_migrate.plan.fields import Money, Period, unsaid
from hdh_migrate.plan.sides import Identity, Sas, Section, SharedKey


class Price(Section):
    """Your own prices of bringing archived objects back, both in one currency."""

    per_gb: Money = Field(description="For 10^9 bytes.", examples=["0.02 EUR"])
    per_10000: Money = Field(description="For 10,000 objects.", examples=["5.50 EUR"])


class Rehydration(Section):
    """How archived objects are made readable; asked for by `hdh-migrate rehydrate` alone."""

    credential: Annotated[Sas | SharedKey | Identity, Discriminator("kind")] = Field(
        description="A credential of its own that may write blobs, for that is the right to set a"
        " tier; it is used for nothing else, but that `preflight` tries it on a name that nobody"
        " has."
    )
    tier: Literal["hot", "cool", "cold"] = Field(
        default="hot", description="The tier in which they are readable."
    )
    priority: Literal["standard", "high"] = Field(
        default="standard",
        description="`high` is sooner and dearer, and for few bytes: the service brings back no"
        " more than about 10 GiB an hour so.",
    )
    poll: Period = Field(
        default="10m",
        description="How often the source is asked how far it is.",
        examples=["10m"],
    )
    price: Price | None = Field(
        default=None,
        exclude_if=unsaid,
        description="What your contract says; default: dated list prices, which are named.",
    )

    @property
    def poll_seconds(self) -> int:
        """The time between two looks, in seconds."""
        return fields.period_seconds(self.poll)
