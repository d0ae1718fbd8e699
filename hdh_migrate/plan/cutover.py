"""How each batch is cut over, and later given up at the source."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Discriminator, Field

from hdh_migrate.plan import fields
from hdh_migrate.plan.fields import (
    RECHECK_WITHIN,
    Duration,
    FilePath,
    Name,
    Period,
    Reason,
    Ref,
)
from hdh_migrate.plan.pointers import Command, Pointer, Variable
from hdh_migrate.plan.sides import AccessKey, Identity, Sas, Section, SharedKey


class SmokeCommand(Section):
    """A program that must end with status 0 once the pointer is switched; never through a shell."""

    name: Name = Field(description="What reports call it.", examples=["catalogue"])
    run: Command = Field(
        description="The program and its arguments; it starts in the plan's folder.",
        examples=[["bin/check", "pmsi"]],
    )
    timeout: Duration = Field(
        default="60s", description="After this the program and all it started are ended."
    )
    environment: dict[Variable, Ref] = Field(
        default={},
        description="The program's whole environment besides HDH_POINTER: names of variables and"
        " references.",
        examples=[{"PATH": "env:PATH"}],
    )

    @property
    def timeout_seconds(self) -> int:
        """The time limit in seconds."""
        return fields.period_seconds(self.timeout)


class Smoke(Section):
    """What is tried behind the new pointer, with what consumers have."""

    objects: int = Field(
        default=20, ge=1, le=10_000,
        description="How many objects are read, opened and compared; the manifest root chooses"
        " which.",
    )  # fmt: skip
    credential: AccessKey = Field(description="A consumer's own key; it may only read.")
    identity: Ref | None = Field(
        default=None,
        description="The consumer's secret key file, of one of the recipients; needed when objects"
        " are sealed.",
        examples=["file:keys/consumer.sec"],
    )
    identity_passphrase: Ref | None = Field(
        default=None, description="Where the passphrase of `identity` stands, if it has one."
    )
    commands: tuple[SmokeCommand, ...] = Field(
        default=(), max_length=50, description="Programs that must succeed, too."
    )
    on_failure: Literal["stop", "rollback"] = Field(
        default="stop",
        description="What to do when a test fails: stop and leave it to people, or roll back.",
    )


class Thresholds(Section):
    """How many different keys must approve each stage; default: `approvals.threshold`."""

    cutover: int | None = Field(default=None, ge=1, le=64, description="Before the switch.")
    finalize: int | None = Field(default=None, ge=1, le=64, description="To give rollback up.")
    decommission: int | None = Field(
        default=None, ge=1, le=64, description="To delete objects at the source."
    )


RECHECK: Final = "stored"


class Decommission(Section):
    """Who may delete the source's objects, when, and on whose evidence."""

    credential: Annotated[Sas | SharedKey | Identity, Discriminator("kind")] = Field(
        description="A credential of its own that may delete blobs; nothing else ever uses it."
    )
    cooling: Period = Field(
        default="30d",
        description="How long after `cutover finalize` nothing may be deleted.",
        examples=["30d"],
    )
    trust: tuple[FilePath, ...] = Field(
        min_length=1,
        description="Public keys whose signatures on the evidence count.",
        examples=[["keys/report.pub"]],
    )
    signatures: int = Field(
        default=1, ge=1, le=64, description="How many different ones must have signed it."
    )
    recheck: Literal["stored", "full", "head"] = Field(
        default=RECHECK,
        exclude_if=lambda value: bool(value == RECHECK),
        description="How the target is read again, after the cooling, before anything is deleted:"
        " `stored` reads all stored bytes and compares their SHA-256 with the one taken in verify;"
        " `full` unseals them, too; `head` asks for size, ETag and version only and needs"
        " `recheck_reason`.",
    )
    recheck_reason: Reason | None = Field(
        default=None, description="Why `head` is enough; it is printed in the report."
    )
    recheck_within: Period = Field(
        default=RECHECK_WITHIN,
        exclude_if=lambda value: bool(value == RECHECK_WITHIN),
        description="How long before a source object is deleted its target object may have been"
        " read again, at most; longer than the reading takes.",
        examples=["7d"],
    )

    @property
    def cooling_seconds(self) -> int:
        """The cooling period in seconds."""
        return fields.period_seconds(self.cooling)

    @property
    def recheck_within_seconds(self) -> int:
        """How old a reading may be, in seconds."""
        return fields.period_seconds(self.recheck_within)


class Cutover(Section):
    """The cutover of one batch."""

    batch: Name = Field(description="The batch; it has a `pointer`.", examples=["pilot"])
    canary: Pointer | None = Field(
        default=None,
        description="A pointer that no consumer follows, for `hdh-migrate rehearse`.",
    )
    relist_interval: Duration = Field(
        default="60s",
        description="The time between the two listings of the source that must be equal.",
    )
    rounds: int = Field(
        default=3, ge=2, le=20,
        description="How many listings the final delta may take until one finds nothing to move.",
    )  # fmt: skip
    smoke: Smoke = Field(description="What is tried behind the new pointer.")
    window: Period = Field(
        default="72h",
        description="How long rollback stays the usual way back after a switch; `finalize` before"
        " its end needs a reason.",
        examples=["7d"],
    )
    approvals: Thresholds = Field(
        default=Thresholds.model_construct(), description="How many must approve each stage."
    )
    decommission: Decommission | None = Field(
        default=None,
        description="How the batch is deleted at the source in the end; without it, never.",
    )

    @property
    def relist_seconds(self) -> int:
        """The time between two listings in seconds."""
        return fields.period_seconds(self.relist_interval)

    @property
    def window_seconds(self) -> int:
        """The fallback window in seconds."""
        return fields.period_seconds(self.window)
