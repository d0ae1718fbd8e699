"""How an S3 server behaves: limits, what it knows, what it demands, and how it may be nasty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hdh_migrate.targets.profiles import Profile

Condition = Literal["honoured", "refused", "ignored"]
"""What becomes of If-Match and If-None-Match on a write: kept, 501, or silently not looked at."""

Quoting = Literal["either", "bare"]
"""In which form an ETag is known again in If-Match: with its quotes or without, or only without."""

EVERY_CHECKSUM = frozenset(("crc32", "crc32c", "crc64nvme", "sha1", "sha256"))

MD5_OPERATIONS = frozenset(
    ("DeleteObjects", "PutBucketVersioning", "PutObjectRetention", "PutObjectLegalHold",
     "PutObjectLockConfiguration", "PutBucketLifecycleConfiguration", "PutBucketPolicy",
     "PutBucketEncryption", "PutObjectTagging", "PutBucketAcl")
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """One way to be an S3 server; the defaults are those of Amazon's."""

    name: str = "plain"

    # limits
    max_parts: int = 10_000
    min_part: int = 5 << 20
    max_part: int = 5 << 30
    max_put: int = 5 << 30
    max_object: int = 5 << 40
    max_key: int = 1024
    max_metadata: int = 2048
    max_tags: int = 10
    page: int = 1000
    parts_page: int = 1000

    # what it knows
    checksums: frozenset[str] = EVERY_CHECKSUM
    trailers: Literal["verified", "refused", "kept"] = "verified"
    """What becomes of an aws-chunked body: undone, refused, or its framing kept as content."""
    conditional_put: Condition = "honoured"
    conditional_complete: Condition = "honoured"
    part_copy: Literal["kept", "refused", "ignored", "swapped"] = "kept"
    """What becomes of UploadPartCopy: kept; 501; taken for a part without bytes; other bytes."""
    keeps_removed: bool = False
    """A version that is removed is still there, though the reply says that it is gone."""
    list_parts: bool = True
    list_uploads: bool = True
    tags: bool = True
    versioning: bool = True
    object_lock: bool = True
    bucket_encryption: bool = True
    bucket_policy: bool = True
    lifecycle: bool = True
    ranges: Literal["206", "200", "ignored"] = "206"
    etag: Literal["md5", "opaque"] = "md5"
    part_etag: Literal["md5", "opaque"] = "md5"
    quoting: Quoting = "either"
    """OVHcloud's guide of 2026-04-29 wants "a bare string without surrounding quotes"."""
    bare_etags: bool = False
    """ETags are shown without quotes, as in Scaleway's own samples of replies."""
    repeated_complete: Literal["repeated", "gone"] = "repeated"
    lock_modes: frozenset[str] = frozenset(("GOVERNANCE", "COMPLIANCE"))
    """Modes of retention that are known; the other one is refused (Outscale: COMPLIANCE only)."""
    min_retention: float = 0.0
    """Seconds that a retention lasts at least (OVHcloud's guide: a day)."""
    lock_later: bool = False
    """Object lock can be turned on for a bucket that is there, when it is versioned."""
    max_open_uploads: int | None = None

    # what it demands
    checks_signature: bool = True
    checks_sha256: bool = True
    checks_md5: bool = True
    unsigned_payload: bool = True
    md5_needed: frozenset[str] = frozenset(("DeleteObjects",))
    md5_means_md5: bool = True
    """Whether a checksum header does not stand in for a missing Content-MD5."""
    lock_needs_digest: bool = True
    """Whether writes under a lock need Content-MD5 or a checksum header, as Amazon's do."""
    minimal_xml: bool = False
    ascii_metadata: bool = True
    spoken_keys: bool = True
    """Whether control characters in keys are refused."""

    # how it is nasty
    deny_unless_allowed: bool = False
    """A bucket policy denies whatever it does not allow, to the bucket's owner as well."""
    principal: str | None = None
    """Whom the server's key is of: statements of a policy about others do not count."""
    policy_actions: frozenset[str] | None = None
    """Actions that a policy may name, without `s3:`; a policy with another one is refused."""
    fold_case: bool = False
    normalise: bool = False
    clock_offset: float = 0.0
    request_seconds: float | None = None
    """A request that is not whole within this time is cut."""
    denied: frozenset[tuple[str, str]] = frozenset()
    """Operations, each with a key, that are answered AccessDenied."""
    denied_though_done: frozenset[tuple[str, str]] = frozenset()
    """The same; and what was asked for is done."""
    busy_every: int = 0
    """Every n-th object request is answered SlowDown."""
    retry_after: int | None = None
    complete_conflicts: int = 0
    """So many conditional completions meet 409 ConditionalRequestConflict and lose the upload."""
    conflict_stays: bool = False
    """An upload whose completion met that conflict stays, and meets it for ever (OVHcloud: begin
    another one)."""
    gone_is_412: bool = False
    """If-Match where there is nothing fails with 412 (OVHcloud), not with 404."""
    no_rules_is_200: bool = False
    """A bucket without encryption or rules answers 200 and a document with nothing in it
    (Scaleway's guide to SSE-ONE), not 404."""
    spaced_complete: bool = False
    """A completion answers 200 at once, then white space until it knows the end (Amazon's)."""
    error_in_complete: int = 0
    """So many completions answer 200 with an error in it, and are not done."""
    closes: bool = False
    """Each reply ends its connection, as in Scaleway's own samples."""
    chunked: bool = False
    """Documents come in pieces, and nobody says how long they are."""
    ignores_encoding: bool = False
    """Keys in listings are not percent-encoded, though that was asked for (older Ceph)."""
    title_case: bool = False
    """Names of headers are in title case: `Etag`, `X-Amz-Meta-Hdh-Attempt`."""
    says: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """Status and code of error replies by what Amazon calls them: hosts have their own words."""
    redirects_to: str | None = None
    ignores_max_parts: bool = False
    loses_upload_locks: bool = False
    """CreateMultipartUpload takes no object lock headers, only the bucket's default (Ceph 16)."""
    loses_upload_tags: bool = False
    """CreateMultipartUpload does not take x-amz-tagging (Ceph 16)."""
    loses_put_tags: bool = False
    """PUT does not take x-amz-tagging; PutObjectTagging does."""
    refuses_put_tagging: bool = False
    """PutObjectTagging and GetObjectTagging are not known."""
    hides_tag_count: bool = False
    """No reply has x-amz-tagging-count."""
    hyphenates_metadata: bool = False
    """`_` in the names of metadata becomes `-` (Ceph 16)."""
    marker_at_the_end: bool = False
    """Listings of uploads say IsTruncated false with a next marker, however many follow."""
    mishears_if_match: bool = False
    """If-Match on a PUT fails even with the ETag that is shown (Ceph 16)."""
    does_what_it_refuses: bool = False
    """Conditions that fail, and locks, are told and hold nothing back."""
    feigned_complete: bool = False
    """Completions are answered as if they were done, and nothing is."""
    empty_complete: bool = False
    """Completions are answered 200 with nothing in them."""


def manner_of(profile: Profile, **knobs: Any) -> Manner:
    """Return the manner in which a host behaves that is exactly as a profile claims.

    What a profile does not count on is refused here, so that a run that needs it fails.
    """
    says = profile.value
    told: dict[str, Any] = {
        name: says(name)
        for name in (
            "max_parts", "min_part", "max_part", "max_put", "max_object", "max_key",
            "max_metadata", "max_tags", "list_parts", "list_uploads", "tags", "versioning",
            "object_lock", "bucket_encryption", "bucket_policy", "lifecycle", "request_seconds",
        )
    }  # fmt: skip
    told |= {
        "name": profile.name,
        "checksums": frozenset(n for n in EVERY_CHECKSUM if says(f"checksum_{n}")),
        "trailers": "verified" if says("trailers") else "refused",
        "conditional_put": "honoured" if says("conditional_put") else "refused",
        "conditional_complete": "honoured" if says("conditional_complete") else "refused",
        "part_copy": "kept" if says("part_copy") else "refused",
        "ranges": "206" if says("range_reads") else "200",
        "etag": says("etag_single"),
        "repeated_complete": "repeated" if says("repeated_complete") == "same" else "gone",
        "md5_needed": frozenset(says("content_md5_required")) or MD5_OPERATIONS,
        "ascii_metadata": says("metadata_charset") == "ascii",
        "loses_put_tags": not says("tags_with_put"),
        "loses_upload_tags": not says("tags_with_upload"),
        "hyphenates_metadata": says("metadata_names") == "hyphens",
        "lock_modes": frozenset(mode.upper() for mode in says("lock_modes")),
        "lock_later": says("object_lock_later"),
        "max_open_uploads": says("max_open_uploads"),
        "deny_unless_allowed": says("implicit_deny"),
        "fold_case": says("keys_case_folded"),
        "normalise": says("keys_normalised"),
        "minimal_xml": True,
    }
    return Manner(**told | knobs)
