"""What ends by itself, so far as a plan says it: the legal bases of the processing."""

from __future__ import annotations

from pydantic import Field

from hdh_migrate.plan.fields import Day, Reason
from hdh_migrate.plan.origins import Section


class LegalBasis(Section):
    """What allows the data to be processed, and until when."""

    reference: Reason = Field(
        description="Its number or title, as its issuer gives it.",
        examples=["CNIL, délibération 2023-146"],
    )
    valid_until: Day = Field(
        description="The last day on which it counts.", examples=["2026-12-21"]
    )
