"""Who may waive, who must agree before a cutover goes on, and how a freeze is shown."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Discriminator, Field

from hdh_migrate.plan import fields
from hdh_migrate.plan.fields import FilePath, Period, Ref, unsaid
from hdh_migrate.plan.sides import Identity, Section


class Approvals(Section):
    """Signatures over this plan and what was verified, needed at each stage of a cutover."""

    keys: tuple[FilePath, ...] = Field(
        min_length=1,
        description="Public key files of those who may approve (`hdh-migrate keys new --purpose"
        " report`).",
        examples=[["keys/dpo.pub", "keys/ciso.pub"]],
    )
    threshold: int = Field(
        default=1, ge=1, le=64, description="How many different ones must approve a stage."
    )
    grant: int | None = Field(
        default=None, ge=1, le=64, exclude_if=unsaid,
        description="How many different ones must approve a grant, or its renewal; default:"
        " `threshold`.",
        examples=[2],
    )  # fmt: skip
    bar_operator: bool = Field(
        default=True,
        description="Kept for older plans: the key of `report.signer` never counts as an approval.",
    )


class Waivers(Section):
    """Who may waive a condition of the target, for this plan and until a day."""

    keys: tuple[FilePath, ...] = Field(
        min_length=1,
        description="Public keys (Ed25519); what they sign in `waivers/` beside the plan counts.",
        examples=[["keys/dpo.pub"]],
    )


AT_MOST: Final = "24h"


class WriterSas(Section):
    """The shared access signature with which a writer used to write."""

    kind: Literal["sas"] = Field(description="A writer's shared access signature.")
    value: Ref = Field(
        description="Where the signature stands; the token alone.", examples=["env:HDH_WRITER_SAS"]
    )


class WriterKey(Section):
    """An account key that writers used; only a token that may create and delete is made from it."""

    kind: Literal["shared-key"] = Field(description="An account key.")
    value: Ref = Field(description="Where the key stands.", examples=["file:secrets/account.key"])


class DeniedWrite(Section):
    """A writer's own credential must be refused when it tries to create an empty blob."""

    kind: Literal["denied-write"] = Field(description="Try to write, and be refused.")
    credential: Annotated[WriterSas | WriterKey | Identity, Discriminator("kind")] = Field(
        description="The writer's credential; it is used for this trial and nothing else."
    )

    @property
    def authorised_by(self) -> str | None:
        """The credential's kind."""
        return self.credential.kind

    @property
    def longest(self) -> int:
        """For how long a statement would count, in seconds, were there one instead."""
        return fields.period_seconds(AT_MOST)


class SignedStatement(Section):
    """Somebody signs that the source is frozen: `hdh-migrate approve --stage freeze`."""

    kind: Literal["statement"] = Field(description="A signed statement.")
    at_most: Period = Field(
        default=AT_MOST,
        exclude_if=lambda value: bool(value == AT_MOST),
        description="For how long one statement may say that nobody writes.",
        examples=["24h"],
    )

    @property
    def authorised_by(self) -> str | None:
        """None: nothing is tried."""
        return None

    @property
    def longest(self) -> int:
        """The longest time of a statement, in seconds."""
        return fields.period_seconds(self.at_most)


Freeze = Annotated[DeniedWrite | SignedStatement, Discriminator("kind")]
