"""S3 as a target that is read: listings, descriptions, and checked reads of what was stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Unpack

from hdh_migrate.bounded import as_count, token
from hdh_migrate.errors import (
    IF_IT_HAS,
    AccessDenied,
    AuthFailed,
    Conflict,
    HostRefused,
    ListingBroken,
    Missing,
    ShortRead,
    StorageError,
    of_access,
)
from hdh_migrate.fixity import EMPTY_SHA256
from hdh_migrate.model import (
    Lock,
    Place,
    Problem,
    Span,
    Stored,
    StoredVersion,
    TargetLimits,
)
from hdh_migrate.ports.stores import Write
from hdh_migrate.targets import s3_beside
from hdh_migrate.targets.s3_endpoint import (
    PROVISION,
    S3Endpoint,
    from_reply,
    translated,
)
from hdh_migrate.targets.s3_pages import (
    PAGE,
    object_pages,
    version_pages,
)
from hdh_migrate.transport import Reply, RequestDetails

_NO_REASON = (400, 403)
"""What a credential that has ended may be told: no reply to HEAD has a body, where the code is."""


class S3Reader:
    """The reading half; in a dry run there is no other."""

    reads_together = True

    def __init__(self, endpoint: S3Endpoint, limits: TargetLimits) -> None:
        self.limits = limits
        self._endpoint = endpoint

    def check(self, place: Place) -> Sequence[Problem]:
        """Try to list one key."""
        where = f"target bucket {place.bucket}"
        try:
            next(iter(object_pages(self._endpoint, place, size=1)), None)
        except Missing:
            return [Problem(where=where, what="there is no such bucket", hint=PROVISION)]
        except AuthFailed as error:
            return [Problem(where=where, what=str(error), hint=error.hint, auth=of_access(error))]
        except AccessDenied as error:
            hint = f"the credential needs s3:ListBucket on the bucket; {IF_IT_HAS}"
            what = "no right to list" + (f": {error.code}" if error.code else "")
            return [Problem(where=where, what=what, hint=hint, auth=True)]
        return []

    def locks(self, place: Place) -> bool:
        """Ask for the bucket's object lock configuration."""
        return s3_beside.object_lock_of(self._endpoint, place.bucket)

    def default_retention(self, place: Place) -> str | None:
        """Ask for the bucket's object lock configuration; who does not tell has none."""
        return s3_beside.default_retention_of(self._endpoint, place.bucket)

    def lock(self, bucket: str, stored: Stored) -> Lock:
        """Ask what keeps one stored version; see `ports.TargetReader.lock`."""
        return s3_beside.lock_of(self._endpoint, bucket, stored)

    def tags(self, bucket: str, stored: Stored) -> Mapping[str, str]:
        """Ask for the tags of one stored version; see `ports.TargetReader.tags`."""
        return s3_beside.tags_of(self._endpoint, bucket, stored)

    def keys(self, place: Place) -> Iterator[Stored]:
        """List everything under the prefix; see `ports.TargetReader.keys`."""
        for page in object_pages(self._endpoint, place, size=PAGE):
            with translated("the target's listing"):
                found = [_listed(entry) for entry in page.get("Contents", ())]
            yield from found

    def keeps_versions(self, place: Place) -> bool:
        """Ask for the bucket's versioning; see `ports.TargetReader.keeps_versions`."""
        return s3_beside.versioning_of(self._endpoint, place.bucket) == "Enabled"

    def has_kept_versions(self, place: Place) -> bool:
        """Ask for the bucket's versioning; see `ports.TargetReader.has_kept_versions`."""
        return s3_beside.versioning_of(self._endpoint, place.bucket) is not None

    def versions(self, place: Place) -> Iterator[StoredVersion]:
        """List every version under the prefix; see `ports.TargetReader.versions`."""
        for page in version_pages(self._endpoint, place):
            with translated("the target's list of versions"):
                found = [_version_listed(entry) for entry in page.get("Versions", ())]
            yield from found

    def _demand_taken(self, bucket: str) -> None:
        """Tell a credential that is refused everywhere from one that lacks a right.

        Raises:
            AuthFailed, HostRefused: it is, and why.
        """
        try:
            next(iter(object_pages(self._endpoint, Place(bucket=bucket), size=1)), None)
        except (AuthFailed, HostRefused):
            raise
        except StorageError:
            return

    def head(self, bucket: str, key: str, *, version_id: str | None = None) -> Stored | None:
        """Describe one object, or one version of it; None when there is none."""
        query = None if version_id is None else {"versionId": version_id}
        reply = self._send("HEAD", bucket, key, {}, EMPTY_SHA256, query=query)
        if reply.status == 404:
            return None
        if reply.status in _NO_REASON:
            self._demand_taken(bucket)
        if reply.status != 200:
            raise from_reply(reply, "a target object")
        if reply.length is None:
            raise ShortRead("the target describes an object without its size")
        return Stored(
            key=key,
            size=reply.length,
            etag=reply.etag,
            **s3_beside.beside_of(reply),
        )

    def read(self, bucket: str, stored: Stored, span: Span | None, write: Write) -> Stored:
        """Hand over the object or a span of it; see `ports.TargetReader.read`."""
        part = None if span is None or span.length == stored.size else span
        want = stored.size if part is None else part.length
        spanned = {} if part is None else {"Range": f"bytes={part.start}-{part.end - 1}"}
        got = 0

        def count(data: bytes | memoryview) -> None:
            nonlocal got
            got += len(data)
            if got > want:
                raise ShortRead("the target sent more than was stored")
            write(data)

        accept = _exactly(stored, part)
        query = {"versionId": stored.version_id or "null"} if stored.exact else None

        def ask(condition: Mapping[str, str]) -> Reply:
            return self._send(
                "GET", bucket, stored.key, {**spanned, **condition}, EMPTY_SHA256, query=query,
                accept=accept, gathered=count,
            )  # fmt: skip

        reply = self._endpoint.matching.read(ask, stored.etag)
        if reply.status == 412:
            raise Conflict(_REPLACED)
        if not 200 <= reply.status < 300:
            raise from_reply(reply, "a target object")
        if got != want:
            raise ShortRead("the target sent less than was stored")
        return Stored(
            key=stored.key, size=stored.size, etag=stored.etag, **s3_beside.beside_of(reply)
        )

    def _send(
        self,
        method: str,
        bucket: str,
        key: str,
        headers: Mapping[str, str],
        sha256: str,
        *,
        query: Mapping[str, str] | None = None,
        **more: Unpack[RequestDetails],
    ) -> Reply:
        return self._endpoint.send(
            method, bucket, key, {"x-amz-content-sha256": sha256, **headers}, query=query, **more
        )


def _version_listed(entry: Mapping[str, Any]) -> StoredVersion:
    """Return one entry of a list of versions.

    Raises:
        KeyError, ValueError: it lacks what every entry has, or calls itself by what is no name.
    """
    version_id = str(entry["VersionId"])
    if not token(version_id):
        raise ValueError("no name of a version")
    return StoredVersion(
        key=entry["Key"],
        version_id=version_id,
        marker=bool(entry["DeleteMarker"]),
        latest=entry.get("IsLatest") == "true",
    )


def _listed(entry: Mapping[str, Any]) -> Stored:
    size = as_count(entry["Size"])
    if size is None:
        raise ListingBroken("the target gives an object a size that is no number of bytes")
    return Stored(key=entry["Key"], size=size, etag=entry.get("ETag", "").strip('"'))


_REPLACED = "the target holds another object than the one that was stored"


def _exactly(stored: Stored, part: Span | None) -> Callable[[Reply], None]:
    """Return the check of a reply's head; `part` is None when the whole object was asked for."""
    want = stored.size if part is None else part.length
    wanted = None if part is None else f"bytes {part.start}-{part.end - 1}/{stored.size}"

    def accept(reply: Reply) -> None:
        if stored.etag and reply.etag not in {"", stored.etag}:
            raise Conflict(_REPLACED)  # first: of another object the size is another one, too
        # Some servers answer 200 to a range and say in Content-Range that they kept to it.
        if reply.status not in ({200} if part is None else {200, 206}):
            raise ShortRead(f"the target answered {reply.status} to a read")
        if wanted is not None and reply.headers.get("content-range") != wanted:
            raise ShortRead("the target sent another range than was asked for")
        if reply.length not in {None, want}:
            raise ShortRead("the target announced another length than was stored")
        if stored.etag and reply.etag != stored.etag:
            raise Conflict(_REPLACED)

    return accept
