"""The shape of a provider profile: claims about one host, each dated, sourced and confirmed or not.

A profile is data that ages. Every claim says what the tool counts on (`value`), as of which day,
where that was read, and whether the source says it outright (`confirmed: yes`) or it is a cautious
guess (`no`) that `hdh-migrate probe` should settle. Sizes are bytes, durations seconds.
"""

from __future__ import annotations

from typing import Annotated, Generic, Literal, Self, TypeVar

from pydantic import Field, StringConstraints, model_validator

from hdh_migrate.plan.fields import Day, Name, Reason, Region, matching, refusal
from hdh_migrate.plan.sides import Section

T = TypeVar("T")

Count = Annotated[int, Field(ge=1)]
Amount = Annotated[int, Field(ge=0)]
Rate = Annotated[float, Field(gt=0)]
LockMode = Literal["governance", "compliance"]
_PART = r"(?:[a-z0-9-]|\{region\})+"
_ONLY_REGION = "nothing else stands in braces than {region}"
HostPattern = Annotated[
    str,
    matching(
        rf"(?:\*|{_PART})(?:\.{_PART})+(?::[0-9]{{1,5}})?",
        f"must be a host in small letters such as s3.{{region}}.example.com; {_ONLY_REGION}",
    ),
]
Template = Annotated[
    str,
    matching(
        r"https://(?:[a-z0-9.:-]|\{region\})+",
        f"must be an address such as https://s3.{{region}}.example.com; {_ONLY_REGION}",
    ),
]
SignatureRegion = Annotated[
    str,
    matching(r"[a-z0-9-]{1,40}|\{region\}", "must be {region}, or a region such as eu-west-3"),
]
Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9 ._:*-]{1,60}$")]


class WrittenClaim(Section, Generic[T]):
    """One claim about a host."""

    value: T = Field(description="What the tool counts on.")
    as_of: Day = Field(description="The day of the source, or of the reading.")
    source: Reason = Field(description="Where that stands; a name from `sources`, or the words.")
    confirmed: Literal["yes", "no"] = Field(
        description="yes: the source says so; no: assumed, and not counted on where it matters."
    )
    note: Reason | None = Field(
        default=None, description="What else is said of it, such as a source that contradicts."
    )


class Citation(Section):
    """A document that claims refer to by a short name."""

    title: Reason = Field(description="What it is called, so that it can be found again.")
    read: Day = Field(description="When it was last read.")


class ProfileClaims(Section):
    """Everything that is claimed of a host; the field names are the capability names."""

    # --- where it is -------------------------------------------------------------------------
    endpoint: WrittenClaim[Template | None] = Field(
        description="the S3 address, with {region}; null: the plan must name it"
    )
    host: WrittenClaim[HostPattern | None] = Field(
        description="what the endpoint's host must be; {region} is the plan's region, a leading *"
        " any one label; null: any"
    )
    regions: WrittenClaim[tuple[Region, ...]] = Field(description="its regions; none listed: any")
    addressing: WrittenClaim[Literal["path", "virtual"]] = Field(
        description="bucket in the path, or in front of the host"
    )
    dotted_buckets: WrittenClaim[Literal["path", "refuse"]] = Field(
        description="a bucket with a dot in its name: addressed by path, or refused"
    )
    signature_region: WrittenClaim[SignatureRegion] = Field(
        description="the region that requests are signed for; {region} is the plan's"
    )
    private_network: WrittenClaim[bool] = Field(
        description="the host lies in a private network, so that its addresses may be private"
    )
    # --- limits ------------------------------------------------------------------------------
    max_parts: WrittenClaim[Count] = Field(description="parts of one upload")
    min_part: WrittenClaim[Amount] = Field(description="bytes of every part but the last")
    max_part: WrittenClaim[Count] = Field(description="bytes of one part")
    max_put: WrittenClaim[Count] = Field(description="bytes of one single PUT")
    max_object: WrittenClaim[Count] = Field(description="bytes of one object")
    max_key: WrittenClaim[Count] = Field(description="UTF-8 bytes of a key")
    max_metadata: WrittenClaim[Amount] = Field(
        description="bytes of user metadata, names and values"
    )
    max_tags: WrittenClaim[Amount] = Field(description="tags of one object")
    max_tag_key: WrittenClaim[Amount] = Field(description="characters of a tag's name")
    max_tag_value: WrittenClaim[Amount] = Field(description="characters of a tag's value")
    max_open_uploads: WrittenClaim[Count | None] = Field(
        description="multipart uploads that may be open at once; null: no number is known"
    )
    quota_bytes: WrittenClaim[Count | None] = Field(
        description="bytes that a customer's project may hold; null: no number is known"
    )
    list_page: WrittenClaim[Count] = Field(description="keys in one page of a listing")
    # --- pace --------------------------------------------------------------------------------
    request_seconds: WrittenClaim[Rate | None] = Field(
        description="within which a request must be finished; null: no such limit is known"
    )
    writes_per_second: WrittenClaim[Rate | None] = Field(
        description="PUT, POST and DELETE requests to one bucket; null: no number is known"
    )
    reads_per_second: WrittenClaim[Rate | None] = Field(
        description="GET and HEAD requests to one bucket; null: no number is known"
    )
    connection_bytes_per_second: WrittenClaim[Rate | None] = Field(
        description="most bytes a second on one connection; null: no number is known"
    )
    objects_per_bucket: WrittenClaim[Count | None] = Field(
        description="objects (versions and delete markers included) advised at most; null: any"
    )
    # --- integrity ---------------------------------------------------------------------------
    signed_payload: WrittenClaim[bool] = Field(
        description="a body that is not the one that was signed is refused"
    )
    content_md5: WrittenClaim[bool] = Field(description="a wrong Content-MD5 is refused")
    content_md5_required: WrittenClaim[tuple[Label, ...]] = Field(
        description="operations that are refused without Content-MD5"
    )
    checksum_crc32: WrittenClaim[bool] = Field(
        description="x-amz-checksum-crc32 is taken and checked"
    )
    checksum_crc32c: WrittenClaim[bool] = Field(
        description="x-amz-checksum-crc32c is taken and checked"
    )
    checksum_crc64nvme: WrittenClaim[bool] = Field(
        description="x-amz-checksum-crc64nvme is taken and checked"
    )
    checksum_sha1: WrittenClaim[bool] = Field(
        description="x-amz-checksum-sha1 is taken and checked"
    )
    checksum_sha256: WrittenClaim[bool] = Field(
        description="x-amz-checksum-sha256 is taken and checked"
    )
    trailers: WrittenClaim[bool] = Field(
        description="aws-chunked bodies with a checksum trailer are taken"
    )
    etag_single: WrittenClaim[Literal["md5", "opaque"]] = Field(
        description="the ETag of a single PUT"
    )
    etag_multipart: WrittenClaim[Literal["md5-of-md5s", "opaque"]] = Field(
        description="the ETag of an object sent in parts"
    )
    # --- writing -----------------------------------------------------------------------------
    conditional_put: WrittenClaim[bool] = Field(description="If-None-Match and If-Match on PUT")
    conditional_complete: WrittenClaim[bool] = Field(
        description="If-None-Match and If-Match on CompleteMultipartUpload"
    )
    conditional_with_sse_c: WrittenClaim[bool] = Field(
        description="conditional writes together with SSE-C"
    )
    repeated_complete: WrittenClaim[Literal["same", "no-such-upload", "error"]] = Field(
        description="the answer to a completion that was done before"
    )
    part_copy: WrittenClaim[bool] = Field(
        description="UploadPartCopy from an object of the same bucket; else bytes travel twice"
    )
    list_parts: WrittenClaim[bool] = Field(description="ListParts")
    list_uploads: WrittenClaim[bool] = Field(description="ListMultipartUploads")
    range_reads: WrittenClaim[bool] = Field(description="Range on GET, answered with 206")
    read_after_write: WrittenClaim[bool] = Field(description="what was written is seen at once")
    # --- names and labels --------------------------------------------------------------------
    keys_normalised: WrittenClaim[bool] = Field(description="keys are changed to one Unicode form")
    keys_case_folded: WrittenClaim[bool] = Field(
        description="keys that differ in case only are one key"
    )
    key_charset: WrittenClaim[Literal["utf-8", "ascii"]] = Field(description="what keys may hold")
    metadata_charset: WrittenClaim[Literal["utf-8", "ascii"]] = Field(
        description="what user metadata may hold"
    )
    metadata_names: WrittenClaim[Literal["exact", "hyphens"]] = Field(
        description="names of user metadata: kept as they are, or `_` written as `-`"
    )
    tags: WrittenClaim[bool] = Field(description="object tags")
    tags_with_put: WrittenClaim[bool] = Field(
        description="x-amz-tagging on PUT; else they are set after it"
    )
    tags_with_upload: WrittenClaim[bool] = Field(
        description="x-amz-tagging on CreateMultipartUpload; else they are set after completion"
    )
    # --- keeping -----------------------------------------------------------------------------
    versioning: WrittenClaim[bool] = Field(description="bucket versioning")
    object_lock: WrittenClaim[bool] = Field(description="retention and legal hold")
    lock_modes: WrittenClaim[tuple[LockMode, ...]] = Field(
        description="modes of retention: governance, compliance; none listed: no retention"
    )
    object_lock_later: WrittenClaim[bool] = Field(
        description="object lock can be turned on after the bucket was created"
    )
    bucket_policy: WrittenClaim[bool] = Field(description="bucket policies")
    implicit_deny: WrittenClaim[bool] = Field(
        description="a bucket policy denies everybody what it does not allow"
    )
    policy_version: WrittenClaim[Label] = Field(
        description="the version that a bucket policy names, where there are bucket policies"
    )
    policy_principal: WrittenClaim[Label] = Field(
        description="what a bucket policy calls the namespace of whom it lets in"
    )
    policy_resource: WrittenClaim[
        Annotated[str, StringConstraints(pattern=r"^[a-z0-9:]*\{resource\}$")]
    ] = Field(description="how a bucket policy names objects; {resource} is BUCKET/PREFIX*")
    policy_dates: WrittenClaim[bool] = Field(
        description="a bucket policy ends by itself: DateLessThanEquals with aws:CurrentTime"
    )
    lifecycle: WrittenClaim[bool] = Field(description="lifecycle rules")
    bucket_encryption: WrittenClaim[bool] = Field(description="PutBucketEncryption")
    sse_modes: WrittenClaim[tuple[Label, ...]] = Field(description="encryption on the host's side")
    storage_classes: WrittenClaim[tuple[Label, ...]] = Field(
        description="storage classes; none: unknown"
    )

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if not self.min_part.value <= self.max_part.value <= self.max_object.value:
            raise refusal("min_part, max_part and max_object do not hold together")
        if self.max_put.value > self.max_object.value:
            raise refusal("max_put is more than max_object")
        return self


Seen = Literal[
    "region", "public-access", "seen-public", "lifecycle-rules", "seen-expiry",
    "seen-archiving", "default-encryption", "bucket-policy", "replication", "storage-classes",
    "versioning",
]  # fmt: skip
"""What can be looked at without changing anything; `targets.conditions` looks at each."""


class WrittenRule(Section):
    """One condition that a bucket for health data must meet before anything is written."""

    name: Name = Field(description="Unique in the profile; what a waiver names.")
    see: Seen = Field(description="What is looked at.")
    wanted: bool | tuple[Label, ...] = Field(
        description="Whether it must be so, or of which values it may be."
    )
    rule: Reason = Field(description="The rule, as a sentence.")
    fix: Reason = Field(description="What mends it; {bucket}, {endpoint}, {region} are filled in.")
    as_of: Day
    source: Reason
    confirmed: Literal["yes", "no"]


class WrittenNote(Section):
    """Something to know that the tool does not act on, above all about qualifications."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    as_of: Day
    source: Reason
    confirmed: Literal["yes", "no"]


class ProfileFile(Section):
    """A provider's file in the package: complete."""

    name: Name
    title: Reason
    as_of: Day = Field(description="When the whole was last gone through.")
    sources: dict[Name, Citation]
    claims: ProfileClaims
    health: tuple[WrittenRule, ...] = ()
    notes: tuple[WrittenNote, ...] = ()


class Merged(Section):
    """Claims after a customer's own were laid over those of the package."""

    claims: ProfileClaims


class OwnFile(Section):
    """A customer's own profile beside the plan: only what differs, claim by claim."""

    sources: dict[Name, Citation] = Field(default_factory=dict)
    claims: dict[str, object] = Field(default_factory=dict)
    health: tuple[WrittenRule, ...] = ()
