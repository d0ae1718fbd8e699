"""The order of a probe: look without writing, try everything once, remove what was written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from hdh_migrate.errors import ConnectionLost, Missing, Permanent, Refused, StorageError
from hdh_migrate.frozen import frozen_row
from hdh_migrate.targets.probing import keeping, naming, parts, tagging, writing
from hdh_migrate.targets.probing.bench import Bench, HostAnswer, Unclear
from hdh_migrate.targets.probing.record import Observation, seen, unknown
from hdh_migrate.targets.s3_endpoint import classified, translated

Check = Callable[[Bench], Iterator[Observation]]


@frozen_row
class Row:
    """One check and the traits that it tells of; those it does not reach are unknown."""

    check: Check
    names: tuple[str, ...]


_CHECKSUMS = tuple(f"checksum_{n}" for n in ("crc32", "crc32c", "crc64nvme", "sha1", "sha256"))

CHECKS: Sequence[Row] = (
    Row(writing.plain, ("read_after_write", "etag_single", "etag_stable", "empty_objects")),
    Row(writing.signed_payload, ("signed_payload",)),
    Row(writing.unsigned_payload, ("unsigned_payload",)),
    Row(writing.content_md5, ("content_md5",)),
    Row(writing.checksums, _CHECKSUMS),
    Row(writing.trailers, ("trailers",)),
    Row(writing.conditional_put, ("conditional_put", "create_only", "if_match_form")),
    Row(writing.reads, ("range_reads", "ranges_exact", "if_match_reads")),
    Row(
        parts.whole,
        (
            "multipart", "etag_part", "list_parts", "list_parts_pages", "list_uploads", "min_part",
            "complete_reply", "etag_multipart", "repeated_complete",
        ),
    ),
    Row(parts.cap, ("max_parts",)),
    Row(parts.abort, ("abort_uploads",)),
    Row(parts.conditional_complete, ("conditional_complete",)),
    Row(parts.part_copy, ("part_copy",)),
    Row(naming.charset, ("keys_exact", "key_charset")),
    Row(naming.folding, ("keys_normalised", "keys_case_folded")),
    Row(naming.metadata, ("metadata", "max_metadata", "metadata_charset")),
    Row(naming.metadata_names, ("metadata_names",)),
    Row(tagging.tags, ("tags", "tags_with_put", "tags_with_upload", "max_tags")),
    Row(keeping.listing, ("list_v2",)),
    Row(keeping.deletion, ("delete_objects", "content_md5_required")),
    Row(keeping.versioning, ("bucket_versioning", "versioning")),
    Row(
        keeping.object_lock,
        ("bucket_object_lock", "lock_governance", "lock_compliance", "object_lock"),
    ),
    # Last, for a host was seen that dies of a name that is too long for its file system.
    Row(naming.length, ("max_key", "key_length_counts", "max_key_segment")),
)  # fmt: skip

NOT_TRIED = {
    "max_part": "it would take a part of that size",
    "max_put": "it would take an object of that size",
    "max_object": "it would take an object of that size",
    "list_page": "it would take more objects than a page holds",
    "request_seconds": "it would take a request that long",
    "max_open_uploads": "it would take as many uploads, and anybody else's count as well",
    "quota_bytes": "it would take as many bytes",
    "object_lock_later": "a probe changes no bucket",
    "bucket_policy": "a probe changes no bucket",
    **dict.fromkeys(
        ("policy_version", "policy_principal", "policy_resource", "policy_dates"),
        "a probe changes no bucket",
    ),
    "bucket_encryption": "a probe changes no bucket",
    "lifecycle": "a probe changes no bucket",
}
"""Traits that are known to matter and that no probe tries, with the reason."""


def look(bench: Bench) -> None:
    """Look, before the first write, whether a probe may write here at all; changes nothing.

    Raises:
        Permanent: the host redirects.
        StorageError: the bucket is not there, or may not be listed.
        Refused: what a probe writes could not be removed again.
    """
    try:
        answer = bench.send("GET", "", query={"list-type": "2", "max-keys": "1"})
    except Unclear as error:
        raise ConnectionLost(f"the target does not answer: {error}") from error
    if 300 <= answer.status < 400:
        # Without its query, in which a host may have signed something.
        where = answer.headers.get("location", "elsewhere").partition("?")[0]
        raise Permanent(
            f"the target redirects to {where}; not followed (HTTP {answer.status})",
            hint="check target.region and target.endpoint; nothing was written",
        )
    if answer.status == 404:
        raise Missing(f"there is no bucket {bench.bucket}", hint="name one with --bucket")
    if not answer.good:
        raise classified(answer.code, answer.status, f"listing bucket {bench.bucket}", None)
    lock = bench.call("get_object_lock_configuration")
    try:
        lock.took()
    except Unclear as error:
        raise Refused(
            f"it is not shown whether bucket {bench.bucket} keeps everything that is written, by a"
            f" default retention: {error}",
            hint="give the credential the right s3:GetBucketObjectLockConfiguration, or probe"
            " another bucket of this host with --bucket; nothing was written",
        ) from error
    rule = lock.data.get("ObjectLockConfiguration", {}).get("Rule")
    if rule:
        raise Refused(
            f"bucket {bench.bucket} keeps everything that is written, by a default retention",
            hint="probe another bucket of this host with --bucket; nothing was written",
        )


def observe(bench: Bench, *, stopped: Callable[[], bool]) -> Iterator[Observation]:
    """Try everything, in order; ends early when told to stop.

    Raises:
        Refused: the host does not even keep one plain object.
    """
    yield seen("redirects", False, "a listing was answered in place")
    for row in CHECKS:
        if stopped():
            return
        yield from _observed(bench, row)
    yield seen("throttled", bench.busy, "answers that asked for fewer requests")
    for name, why in NOT_TRIED.items():
        yield unknown(name, f"not tried: {why}")


def _observed(bench: Bench, row: Row) -> Iterator[Observation]:
    left = dict.fromkeys(row.names)
    why = "the check ended before it came to this"
    try:
        with translated("a check"):
            for observation in row.check(bench):
                left.pop(observation.name, None)
                yield observation
    except (Unclear, StorageError) as error:
        why = str(error)
        if row is CHECKS[0]:
            raise Refused(
                f"the target does not keep a plain object: {error}",
                hint="check the credential's rights (s3:PutObject, s3:GetObject) and the bucket",
            ) from error
    for name in left:
        yield unknown(name, why)


__all__ = ["CHECKS", "Bench", "HostAnswer", "look", "observe"]
