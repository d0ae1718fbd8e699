"""What is moved: datasets, where each comes from and goes to, and the batches they form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from hdh_migrate.fidelity import Contract
from hdh_migrate.model import Keeping, Place
from hdh_migrate.plan import fields
from hdh_migrate.plan.fidelity import Fidelity
from hdh_migrate.plan.fields import (
    Bucket,
    Container,
    FilePath,
    Instant,
    Name,
    Prefix,
    Reason,
    unsaid,
)
from hdh_migrate.plan.hours import DayOrTime
from hdh_migrate.plan.pointers import Pointer
from hdh_migrate.plan.selection import Exclusion, Included
from hdh_migrate.plan.sides import Section


class AsOf(Section):
    """Which version of each blob is moved: the one that was current at a moment."""

    as_of: Instant = Field(
        description="The moment. It must be over, and the account must have kept versions since"
        " before it (or snapshots that tell); what was deleted or written after it is moved as it"
        " was. Nothing but the bytes of that version is read, whatever is written later.",
        examples=["2026-01-31T18:00:00Z"],
    )


A_WORD: Final = "a word"
A_MOMENT: Final = "a moment"
FORMS: Final = frozenset({A_WORD, A_MOMENT})
"""What pydantic puts into the place of `versions`; no field has such a name."""


CURRENT: Final = "current"
ALL: Final = "all"


def _some_versions(value: object) -> object:
    if value not in (CURRENT, ALL) and not isinstance(value, Mapping | AsOf):
        raise fields.refusal("must be `current`, `all`, or a mapping with `as_of` and a moment")
    return value


_Versions = Annotated[
    Annotated[Literal["current", "all"], Tag(A_WORD)] | Annotated[AsOf, Tag(A_MOMENT)],
    Discriminator(lambda value: A_WORD if value in (CURRENT, ALL) else A_MOMENT),
    BeforeValidator(_some_versions),
]


class FromContainer(Section):
    """A part of a container; for a source that has containers, as `azure-blob` has."""

    container: Container = Field(description="The container's name.", examples=["emc2"])
    prefix: Prefix = Field(
        default="",
        description="Only blobs whose name begins with this; end it with `/` to mean a folder.",
        examples=["pmsi/"],
    )
    versions: _Versions | None = Field(
        default=None,
        exclude_if=unsaid,
        description="Which versions of each blob are moved: what is `current`, which it is by"
        " default, what was current at a moment (`as_of`), or `all`: every version and snapshot,"
        " each an object of its own, sent with the oldest first into a bucket that keeps versions.",
        examples=[{"as_of": "2026-01-31T18:00:00Z"}],
    )

    @property
    def place(self) -> Place:
        """Where the source adapter finds the dataset."""
        return Place(
            bucket=self.container,
            prefix=self.prefix,
            as_of=self.moment,
            every_version=self.every_version,
        )

    @property
    def moment(self) -> str | None:
        """The moment as of which it is meant; None: as it is now."""
        return self.versions.as_of if isinstance(self.versions, AsOf) else None

    @property
    def every_version(self) -> bool:
        """Whether all versions are moved."""
        return self.versions == ALL


class FromFolder(Section):
    """A folder; for the source kinds `folder` and `azure-sftp`."""

    path: FilePath = Field(
        description="The folder: relative to the plan, or absolute. Of `azure-sftp` on the server:"
        " relative to where the login begins, or absolute; `.` is all of it.",
        examples=["data/pmsi"],
    )

    @property
    def place(self) -> Place:
        """Where the source adapter finds the dataset: the folder stands for the bucket."""
        return Place(bucket=self.path)

    @property
    def moment(self) -> None:
        """None: files have no versions."""
        return

    @property
    def every_version(self) -> bool:
        """False: files have no versions."""
        return False


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


def _origin(value: object) -> str | None:
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
                "must be a mapping with `container` or `path`, whichever the source's kind has"
            ),
        ),
    ] = Field(description="Where the objects are.", examples=[{"container": "emc2"}])
    target: ToBucket = Field(description="Where they go.", examples=[{"bucket": "hds-emc2"}])
    include: tuple[Included, ...] = Field(
        default=(),
        description="Take only objects that match one of these, globs or rules; none given: all of"
        " them.",
        examples=[["2024/**/*.parquet"], [{"keys_from": "lists/cohort.txt"}]],
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
    vanished: Literal["finding", "keep-at-target"] | None = Field(
        default=None,  # not "finding": what is not given has no part in the plan's digest
        description="What it means that an object is gone from the source when it is listed again"
        " (`--refresh`, and the final delta of a cutover). Either way what the target has of it"
        " stays there. `finding`, which it is by default, asks for a person; `keep-at-target` makes"
        " a note of it, for a source in which objects are deleted day by day.",
    )
    fidelity: Fidelity | None = Field(
        default=None,
        exclude_if=unsaid,
        description="What becomes of what the source says of objects beside their bytes; what is"
        " not given is as safe as can be.",
        examples=[{"tier": "sidecar", "lease": "dropped"}],
    )
    allow_leased: Reason | None = Field(
        default=None,
        exclude_if=unsaid,
        description="Why objects are moved that somebody holds at the source by a lease without"
        " end; otherwise they are refused, for a writer is likely.",
        examples=["the backup agent holds a lease and writes nothing since July"],
    )
    collisions: Literal["refuse", "keep"] = Field(
        default="refuse",
        description="What to do when two keys differ only in case or accents' encoding: refuse,"
        " or keep both as they are.",
    )
    collisions_reason: Reason | None = Field(
        default=None, description="Why keeping both is safe; needed with `keep`."
    )

    @property
    def contract(self) -> Contract:
        """What becomes of each feature of its objects."""
        return Contract.chosen({} if self.fidelity is None else self.fidelity.said)


class Batch(Section):
    """Datasets that are moved and cut over together."""

    name: Name = Field(description="Unique in the plan; what `--batch` takes.", examples=["pilot"])
    datasets: tuple[Name, ...] = Field(
        min_length=1, description="Names of datasets.", examples=[["pmsi"]]
    )
    needs: tuple[Name, ...] = Field(
        default=(), description="Batches that must be verified first.", examples=[["pilot"]]
    )
    priority: int = Field(
        default=0,
        ge=-100,
        le=100,
        exclude_if=unsaid,
        description="Of batches that could be moved, one with a higher number comes first; what it"
        " needs comes with it. Of equal ones the first in the plan does.",
        examples=[10],
    )
    not_before: DayOrTime | None = Field(
        default=None,
        exclude_if=unsaid,
        description="It is not moved before; a day is one of `windows.zone` (else UTC).",
        examples=["2027-01-04", "2027-01-04T20:00+01:00"],
    )
    done_by: DayOrTime | None = Field(
        default=None,
        exclude_if=unsaid,
        description="When it is to be verified, a day included; a run that will miss it at the rate"
        " that is measured says so (`batch-late`).",
        examples=["2027-01-31"],
    )
    pointer: Pointer | None = Field(
        default=None,
        exclude_if=unsaid,
        description="What consumers follow to find this batch's data; cutover switches it.",
    )
