"""The shape of a plan: frozen, strict, and closed to unknown fields.

Validate JSON (`Plan.model_validate_json`), for strict mode takes no list for a tuple in Python.
A `Plan` that exists obeys the fields' rules and the rules across fields (`rules`). It holds
references to secrets and never a secret.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from hdh_migrate.model import Keeping, Place
from hdh_migrate.plan import fields, rules
from hdh_migrate.plan.consent import Approvals, Freeze
from hdh_migrate.plan.cutover import Cutover
from hdh_migrate.plan.fields import (
    AuthorityUrl,
    Bandwidth,
    Bucket,
    Container,
    Day,
    Duration,
    FilePath,
    Glob,
    Memory,
    Name,
    Prefix,
    Reason,
    Ref,
    unsaid,
)
from hdh_migrate.plan.pointers import Pointer
from hdh_migrate.plan.sides import AccessKey, AzureBlob, Crypt4gh, Folder, Section, Target, Unsealed

BROKEN_RULE = "plan_rule"
"""The pydantic error type of a broken rule across fields."""


# --- what is moved -------------------------------------------------------------------------


class FromContainer(Section):
    """A part of a container; for source kind `azure-blob`."""

    container: Container = Field(description="The container's name.", examples=["emc2"])
    prefix: Prefix = Field(
        default="",
        description="Only blobs whose name begins with this; end it with `/` to mean a folder.",
        examples=["pmsi/"],
    )

    @property
    def place(self) -> Place:
        """Where the source adapter finds the dataset."""
        return Place(bucket=self.container, prefix=self.prefix)


class FromFolder(Section):
    """A folder; for source kind `folder`."""

    path: FilePath = Field(
        description="The folder, relative to the plan or absolute.", examples=["data/pmsi"]
    )

    @property
    def place(self) -> Place:
        """Where the source adapter finds the dataset: the folder stands for the bucket."""
        return Place(bucket=self.path)


class Retention(Section):
    """How long the target keeps every object from being deleted or overwritten (object lock)."""

    mode: Literal["governance", "compliance"] = Field(
        description="`compliance`: nobody can shorten it, not even the account's owner;"
        " `governance`: who has a special right can."
    )
    days: int = Field(
        ge=1, le=36_500, description="Days from the moment an object is sent.", examples=[3650]
    )


class ToBucket(Section):
    """Where a dataset lands."""

    bucket: Bucket = Field(description="The bucket's name.", examples=["hds-emc2"])
    prefix: Prefix = Field(
        default="",
        description="Replaces the source prefix in front of every key.",
        examples=["pmsi/"],
    )
    retention: Retention | None = Field(
        default=None,
        description="Keep every object so long; the bucket needs object lock, which is set when a"
        " bucket is made (`hdh-migrate provision`). Read back in verify.",
        examples=[{"mode": "governance", "days": 30}],
    )
    legal_hold: bool | None = Field(
        default=None,  # not False: what is not given has no part in the plan's digest
        description="Put every object under legal hold, which lasts until it is lifted; needs"
        " object lock as well.",
    )

    @property
    def keeping(self) -> Keeping | None:
        """What every object is kept by; None: by nothing."""
        kept = self.retention
        if kept is None and not self.legal_hold:
            return None
        return Keeping(
            mode=None if kept is None else kept.mode,
            days=0 if kept is None else kept.days,
            hold=bool(self.legal_hold),
        )

    @property
    def place(self) -> Place:
        """Where the target adapter puts the dataset."""
        return Place(bucket=self.bucket, prefix=self.prefix)


class Exclusion(Section):
    """Objects that are left behind on purpose; each one is counted with this reason."""

    glob: Glob = Field(
        description="Matched against the key without the source prefix; `*` and `?` stay inside"
        " one folder, `**` does not.",
        examples=["**/_temporary/**"],
    )
    reason: Reason = Field(
        description="Why it is left behind; it is printed in the report.",
        examples=["Spark scratch"],
    )
    allow_unused: bool = Field(
        default=False,
        exclude_if=unsaid,
        description="Accept that it matches no object; otherwise that is a finding.",
    )


def _origin(value: Any) -> str | None:  # noqa: ANN401 - whatever stands in the plan
    if isinstance(value, FromFolder) or (isinstance(value, Mapping) and "path" in value):
        return "path"
    if isinstance(value, FromContainer) or (
        isinstance(value, Mapping) and ("container" in value or "prefix" in value)
    ):
        return "container"
    return None


class Dataset(Section):
    """One part of the source, mapped to one part of the target."""

    name: Name = Field(description="Unique in the plan.", examples=["pmsi"])
    source: Annotated[
        Annotated[FromContainer, Tag("container")] | Annotated[FromFolder, Tag("path")],
        Discriminator(
            _origin,
            custom_error_type=fields.REFUSAL,
            custom_error_message=(
                "must be a mapping with `container` (source kind azure-blob) or `path` (folder)"
            ),
        ),
    ] = Field(description="Where the objects are.", examples=[{"container": "emc2"}])
    target: ToBucket = Field(description="Where they go.", examples=[{"bucket": "hds-emc2"}])
    include: tuple[Glob, ...] = Field(
        default=(),
        description="Take only objects that match one of these; none given: all of them.",
        examples=[["2024/**/*.parquet"]],
    )
    exclude: tuple[Exclusion, ...] = Field(
        default=(), description="Leave these behind, each with its reason; wins over `include`."
    )
    allow_empty: bool = Field(
        default=False,
        description="Accept that there is no object, or that the rules leave none; otherwise that"
        " is refused.",
    )
    ignore_md5: Reason | None = Field(
        default=None,
        description="Why the source's Content-MD5 values are not to be compared. Without it, an"
        " object whose bytes have another MD5 each time they are read is never verified.",
        examples=["set by a client that computed them before compression"],
    )
    live: bool = Field(
        default=False,
        description="The source may be written to while it is listed: two listings that differ"
        " become a finding; otherwise they are a refusal.",
    )
    collisions: Literal["refuse", "keep"] = Field(
        default="refuse",
        description="What to do when two keys differ only in case or accents' encoding: refuse,"
        " or keep both as they are.",
    )
    collisions_reason: Reason | None = Field(
        default=None, description="Why keeping both is safe; needed with `keep`."
    )


class Batch(Section):
    """Datasets that are moved and cut over together."""

    name: Name = Field(description="Unique in the plan; what `--batch` takes.", examples=["pilot"])
    datasets: tuple[Name, ...] = Field(
        min_length=1, description="Names of datasets.", examples=[["pmsi"]]
    )
    needs: tuple[Name, ...] = Field(
        default=(), description="Batches that must be verified first.", examples=[["pilot"]]
    )
    pointer: Pointer | None = Field(
        default=None,
        exclude_if=unsaid,
        description="What consumers follow to find this batch's data; cutover switches it.",
    )


# --- how it is done ------------------------------------------------------------------------


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


def _processes(value: Any) -> int | str:  # noqa: ANN401 - whatever stands in the plan
    if value == "auto" or (type(value) is int and 1 <= value <= 64):
        return "auto" if value == "auto" else int(value)
    raise fields.refusal("must be auto or a whole number from 1 to 64")


class Engine(Section):
    """Who does the work."""

    kind: Literal["local"] = Field(default="local", description="Processes on this machine.")
    processes: Annotated[
        int | Literal["auto"],
        PlainValidator(_processes),
        WithJsonSchema(
            {"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1, "maximum": 64}]}
        ),
    ] = Field(default="auto", description="1 to 64; `auto`: one for each processor.")
    connections: int = Field(
        default=16, ge=1, le=256, description="Requests under way at the same time, all together."
    )


class Limits(Section):
    """What a run may use."""

    bandwidth: Bandwidth | None = Field(
        default=None, description="Ceiling of all transfers together.", examples=["800MiB/s"]
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
    def bytes_per_second(self) -> int | None:
        """The bandwidth in bytes per second; None: no ceiling."""
        return None if self.bandwidth is None else fields.bytes_per_second(self.bandwidth)

    @property
    def connection_bytes_per_second(self) -> int | None:
        """The stated rate of one connection in bytes per second; None: not stated."""
        rate = self.connection_rate
        return None if rate is None else fields.bytes_per_second(rate)

    @property
    def retry_budget_seconds(self) -> int:
        """The retry budget in seconds."""
        return fields.seconds_of(self.retry_budget)

    @property
    def memory_bytes(self) -> int:
        """The memory ceiling in bytes."""
        return fields.bytes_of(self.memory)


class StampAuthority(Section):
    """A time-stamping authority (RFC 3161)."""

    url: AuthorityUrl = Field(
        description="Where it answers; it is sent a digest, after the report is written.",
        examples=["https://tsa.example/stamp"],
    )
    trust: FilePath = Field(
        description="Certificates in PEM, relative to the plan or absolute: one of them must be in"
        " the chain of the authority's answer.",
        examples=["trust/tsa.pem"],
    )


class Planned(Section):
    """The days in which the migration is to run; the attestation must cover those still to come."""

    first_day: Day = Field(description="The first day.", examples=["2026-12-01"])
    last_day: Day = Field(description="The last day, included.", examples=["2027-01-31"])


class Waivers(Section):
    """Who may waive a condition of the target, for this plan and until a day."""

    keys: tuple[FilePath, ...] = Field(
        min_length=1,
        description="Public keys (Ed25519); what they sign in `waivers/` beside the plan counts.",
        examples=[["keys/dpo.pub"]],
    )


class Report(Section):
    """The signed evidence."""

    signer: Ref | None = Field(
        default=None,
        description="The Ed25519 secret key file that signs; without it there is no signed report.",
        examples=["file:keys/report.key"],
    )
    signer_passphrase: Ref | None = Field(
        default=None, description="Where the passphrase of `signer` stands, if it has one."
    )
    languages: tuple[Literal["fr", "en"], ...] = Field(
        default=("fr", "en"), min_length=1, description="Languages of the readable report."
    )
    tsa: StampAuthority | None = Field(
        default=None,
        description="Who is asked for a time-stamp on each signed report. Without an answer the"
        " report is valid all the same, and can be stamped later.",
        examples=[{"url": "https://tsa.example/stamp", "trust": "trust/tsa.pem"}],
    )


# --- the whole -----------------------------------------------------------------------------


def _whole(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the plan
    """Keep `true` and `1.0`, which equal 1 in Python, from passing for it."""
    return value if type(value) is int else None


def _one_batch(validated: Mapping[str, Any]) -> tuple[Batch, ...]:
    return (Batch(name="all", datasets=tuple(d.name for d in validated["datasets"])),)


class Plan(Section):
    """What to move, from where to where, how it is sealed and proved."""

    version: Annotated[Literal[1], BeforeValidator(_whole)] = Field(
        description="The version of this format."
    )
    migration: Name = Field(
        description="Names the run's ledger and its evidence; another name starts anew.",
        examples=["emc2-exit"],
    )
    source: Annotated[AzureBlob | Folder, Discriminator("kind")] = Field(
        description="Where objects are read; nothing is ever written there."
    )
    target: Target = Field(description="Where objects go.")
    seal: Annotated[Crypt4gh | Unsealed, Discriminator("format")] = Field(
        description="How objects are encrypted before they leave."
    )
    datasets: tuple[Dataset, ...] = Field(min_length=1, description="What is moved.")
    batches: tuple[Batch, ...] = Field(
        default_factory=_one_batch,
        min_length=1,
        description="In which order; default: one batch named `all` with every dataset.",
    )
    verify: Verify = Field(default=Verify(), description="What must be proved of each object.")
    engine: Engine = Field(default=Engine(), description="Who does the work.")
    limits: Limits = Field(default=Limits(), description="What a run may use.")
    planned: Planned | None = Field(
        default=None, description="The days in which the migration is to run."
    )
    waivers: Waivers | None = Field(
        default=None, description="Who may waive a condition of the target."
    )
    report: Report = Field(default=Report(), description="The signed evidence.")
    approvals: Approvals | None = Field(
        default=None,
        exclude_if=unsaid,
        description="Who must agree before a cutover goes on; default: nobody.",
    )
    freeze: Freeze | None = Field(
        default=None,
        exclude_if=unsaid,
        description="How it is shown, before a cutover, that nobody writes any more.",
    )
    cutovers: tuple[Cutover, ...] = Field(
        default=(), exclude_if=unsaid, description="How batches are cut over."
    )

    @model_validator(mode="after")
    def _obey_rules(self) -> Self:
        for broken in rules.broken(self.model_dump(mode="json", exclude_unset=True)):
            raise PydanticCustomError(BROKEN_RULE, "{message}", {"message": broken.message})
        return self

    def dataset(self, name: str) -> Dataset:
        """Return the dataset of this name.

        Raises:
            KeyError: there is none.
        """
        return {dataset.name: dataset for dataset in self.datasets}[name]

    def cutover(self, batch: str) -> Cutover | None:
        """Return how a batch is cut over, None when the plan does not say."""
        return {cutover.batch: cutover for cutover in self.cutovers}.get(batch)

    def pointer(self, batch: str) -> Pointer | None:
        """Return the pointer of a batch."""
        return {found.name: found for found in self.batches}[batch].pointer

    def ordered_batches(self) -> tuple[Batch, ...]:
        """Return the batches so that each comes after its needs, else in the plan's order."""
        rank = {batch.name: rank for rank, batch in enumerate(self.batches)}
        waiting = {batch.name: set(batch.needs) for batch in self.batches}
        dependants: dict[str, list[str]] = {name: [] for name in rank}
        for name, needs in waiting.items():
            for need in needs:
                dependants[need].append(name)
        ready = [rank[name] for name, needs in waiting.items() if not needs]
        order: list[Batch] = []
        while ready:
            batch = self.batches[heapq.heappop(ready)]
            order.append(batch)
            for name in dependants[batch.name]:
                waiting[name].discard(batch.name)
                if not waiting[name]:
                    heapq.heappush(ready, rank[name])
        return tuple(order)
