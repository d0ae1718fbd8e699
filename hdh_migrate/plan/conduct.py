"""How a migration is done: what is proved, who does the work, within which limits and days."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PlainValidator, WithJsonSchema

from hdh_migrate.plan import fields
from hdh_migrate.plan.fields import (
    Bandwidth,
    ClusterUrl,
    Day,
    Duration,
    FilePath,
    Memory,
    unsaid,
)
from hdh_migrate.plan.hours import RateOrTable, Said
from hdh_migrate.plan.sides import AccessKey, Section


class Verify(Section):
    """What must be proved of each object."""

    level: Literal["full", "stored", "head"] = Field(
        default="full",
        description="`full` reads back, unseals and compares every byte, and alone unlocks"
        " cutover; `stored` reads back the stored bytes; `head` compares size and ETag.",
    )
    source: Literal["once", "again", "range-md5"] = Field(
        default="once",
        description="`again` reads every object from the source a second time when it is"
        " verified, pinned to the same version: finds bytes that the source once gave wrongly,"
        " and costs its egress twice. `range-md5` reads objects without a Content-MD5 in ranges"
        " of at most 4 MiB and compares each with the MD5 that the service computes of it: no more"
        " egress, and a request for every 4 MiB. Objects whose Content-MD5 differs are always"
        " read again.",
    )
    credential: AccessKey | None = Field(
        default=None, description="A read-only key for reading back; default: the target's."
    )


def _processes(value: object) -> int | str:
    if value == "auto" or (type(value) is int and 1 <= value <= 64):
        return "auto" if value == "auto" else int(value)
    raise fields.refusal("must be auto or a whole number from 1 to 64")


def _own(value: object) -> bool:
    """Leave the default out of a plan's digest: older plans did not say it."""
    return value == "own"


class EngineSection(Section):
    """Who does the work."""

    kind: Literal["local", "dask"] = Field(
        default="local",
        description="`local`: processes on this machine; `dask`: those of every worker of a cluster"
        " (hdh-migrate docs scaling).",
    )
    processes: Annotated[
        int | Literal["auto"],
        PlainValidator(_processes),
        WithJsonSchema(
            {"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1, "maximum": 64}]}
        ),
    ] = Field(
        default="auto", description="1 to 64, on each machine; `auto`: one for each processor."
    )
    connections: int = Field(
        default=16,
        ge=1,
        le=256,
        description="Requests under way at the same time, of all processes of a machine together.",
    )
    scheduler: ClusterUrl | None = Field(
        default=None,
        exclude_if=unsaid,
        description="Kind dask: where the cluster's scheduler listens.",
        examples=["tls://10.0.0.5:8786"],
    )
    certificates: FilePath | None = Field(
        default=None,
        exclude_if=unsaid,
        description="Kind dask: the folder that `hdh-migrate worker --new-ca DIR` made, which every"
        " machine of the cluster has.",
        examples=["keys/cluster"],
    )
    level: Literal["own", "fixed"] = Field(
        default="own",
        exclude_if=_own,
        description="`own`: fewer requests at a time than `connections` where a store asks for"
        " less (SlowDown), loses requests or answers ever slower, and more again while all goes"
        " well; `fixed`: always as many.",
    )


class Limits(Section):
    """What a run may use."""

    bandwidth: RateOrTable | None = Field(
        default=None,
        description="Ceiling of all processes together for bytes of objects: those that a transfer"
        " reads and sends, those that a verification reads back. One rate, or a timetable of rates;"
        " its hours are those of `windows.zone` unless it has a `zone` of its own (without either:"
        " UTC).",
        examples=["800MiB/s", {"default": "800MiB/s", "mon-fri 08:00-19:00": "100MiB/s"}],
    )
    to_target: RateOrTable | None = Field(
        default=None,
        exclude_if=unsaid,
        description="A ceiling for what a transfer reads and sends, besides `bandwidth`.",
        examples=["400MiB/s"],
    )
    from_target: RateOrTable | None = Field(
        default=None,
        exclude_if=unsaid,
        description="A ceiling for what a verification reads back, besides `bandwidth`.",
        examples=[{"default": "1GiB/s", "daily 07:00-20:00": "200MiB/s"}],
    )
    connections: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        exclude_if=unsaid,
        description="Requests under way at the same time, of all machines of a cluster together, in"
        " equal parts; each worker process has one at least. On one machine `engine.connections`"
        " says the same.",
        examples=[64],
    )
    retry_budget: Duration = Field(
        default="10m",
        description="How long a failing request is tried again before the run stops, resumable.",
        examples=["90s", "2h"],
    )
    connection_rate: Bandwidth | None = Field(
        default=None,
        description="What one connection to the target carries, as measured or agreed; parts are"
        " cut so that each is sent within the target's deadline. Default: a cautious 4MiB/s.",
        examples=["20MiB/s"],
    )
    memory: Memory = Field(
        default="128MiB", description="Ceiling of all part buffers together.", examples=["1GiB"]
    )

    @property
    def said(self) -> tuple[Said, ...]:
        """Every ceiling for bytes of objects that is set, as the plan says it."""
        return tuple(
            one for one in (self.bandwidth, self.to_target, self.from_target) if one is not None
        )

    @property
    def connection_bytes_per_second(self) -> int | None:
        """The stated rate of one connection in bytes per second; None: not stated."""
        rate = self.connection_rate
        return None if rate is None else fields.bytes_per_second(rate)

    @property
    def retry_budget_seconds(self) -> int:
        """The retry budget in seconds."""
        return fields.period_seconds(self.retry_budget)

    @property
    def memory_bytes(self) -> int:
        """The memory ceiling in bytes."""
        return fields.bytes_of(self.memory)


class Planned(Section):
    """The days in which the migration is to run; the attestation must cover those still to come."""

    first_day: Day = Field(description="The first day.", examples=["2026-12-01"])
    last_day: Day = Field(description="The last day, included.", examples=["2027-01-31"])


class Backup(Section):
    """Copies of the ledger, which is the only memory of a migration."""

    folder: FilePath = Field(
        description="Where `run` puts a copy of the ledger when a batch is done and at its end;"
        " relative to the plan or absolute. On another disk it outlives this one's.",
        examples=["/mnt/other-disk/ledgers"],
    )
    keep: int = Field(
        default=7,
        ge=1,
        le=1000,
        description="How many copies stay. The oldest goes first, and none that knows more than"
        " the newest.",
    )
