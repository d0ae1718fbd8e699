"""S3 as a target that is written: create-only, multipart that can be asked what happened."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar, Unpack

from hdh_migrate.bounded import as_count, token
from hdh_migrate.clocks import text_of
from hdh_migrate.errors import (
    AccessDenied,
    Conflict,
    ListingBroken,
    Missing,
    Permanent,
    StorageError,
    Transient,
    Unsupported,
)
from hdh_migrate.fixity import EMPTY_SHA256
from hdh_migrate.markup import escaped, text_in
from hdh_migrate.model import (
    Lock,
    PartInfo,
    Place,
    Span,
    Stamp,
    Stored,
    TargetLimits,
    Upload,
)
from hdh_migrate.targets import s3_beside, s3_versions
from hdh_migrate.targets.s3_beside import ATTEMPT
from hdh_migrate.targets.s3_endpoint import (
    CONTROL_BODY_MAX,
    CONTROL_SECONDS,
    S3Endpoint,
    classified,
    from_reply,
    translated,
    xml_code,
)
from hdh_migrate.targets.s3_matching import Asks
from hdh_migrate.targets.s3_pages import (
    part_pages,
    upload_pages,
)
from hdh_migrate.targets.s3_reader import S3Reader
from hdh_migrate.transport import Reply, RequestDetails

T = TypeVar("T")
UNSIGNED = "UNSIGNED-PAYLOAD"
_XMLNS = "http://s3.amazonaws.com/doc/2006-03-01/"
UPLOAD_ID_MAX = 4_096
PART_NUMBER_MAX = 100_000
"""Ten times what S3 knows."""

CONFLICTS_MAX = 3
"""How often the completion of an upload may meet a conflict before another one is begun."""

STALE_MAX = 100
"""Pages of parts that tell nothing new."""

UPLOADS_MAX_BYTES, ENTRY_BYTES = 128 << 20, 300
"""Memory for the open uploads of one prefix, and what each takes besides its names."""


class S3Writer(S3Reader):
    """Writes to one endpoint; see `ports.TargetWriter`."""

    def __init__(self, endpoint: S3Endpoint, limits: TargetLimits) -> None:
        super().__init__(endpoint, limits)
        self._conflicts: dict[str, int] = {}

    def put(
        self,
        bucket: str,
        key: str,
        body: memoryview,
        *,
        sha256: str,
        stamp: Stamp,
        replaces: str | None,
    ) -> Stored:
        """Store one object, create-only; see `ports.TargetWriter.put`."""
        headers = s3_beside.stamped(stamp, self.limits)
        if stamp.lock is not None:
            headers |= {**s3_beside.lock_headers(stamp.lock), "Content-MD5": _md5(body)}

        def ask(condition: Mapping[str, str]) -> Reply:
            return self._send("PUT", bucket, key, {**headers, **condition}, sha256, body=body)

        if not self.limits.conditional_put:
            return _kept(ask({}), key, len(body))
        reply = self._under_condition(ask, bucket, key, replaces)
        if self._misheard(reply, bucket, key, replaces):
            reply = ask({})
        return _kept(reply, key, len(body))

    def claim(
        self,
        bucket: str,
        key: str,
        body: memoryview,
        *,
        sha256: str,
        stamp: Stamp,
        replaces: str | None,
    ) -> Stored:
        """Store one object under a condition, or not at all; see `ports.TargetWriter.claim`."""
        if not self.limits.conditional_put:
            raise Unsupported("the target takes no conditions on writes")
        headers = s3_beside.stamped(stamp, self.limits) | {"Content-MD5": _md5(body)}

        def ask(condition: Mapping[str, str]) -> Reply:
            return self._send("PUT", bucket, key, {**headers, **condition}, sha256, body=body)

        reply = self._under_condition(ask, bucket, key, replaces)
        if reply.status == 404 and replaces is not None and xml_code(reply.body) == "NoSuchKey":
            raise Conflict("the object that was to be replaced is gone")
        return _kept(reply, key, len(body))

    def _under_condition(self, ask: Asks, bucket: str, key: str, replaces: str | None) -> Reply:
        """Send a write that creates an object, or replaces exactly the one of this ETag."""
        if replaces is None:
            return ask({"If-None-Match": "*"})
        shows = partial(self._shows, bucket, key, replaces)
        return self._endpoint.matching.write(ask, replaces, shows)

    def _shows(self, bucket: str, key: str, etag: str) -> bool:
        stored = self.head(bucket, key)
        return stored is not None and stored.etag == etag

    def _misheard(self, reply: Reply, bucket: str, key: str, replaces: str | None) -> bool:
        """Say whether a condition failed only because the host does not know or keep it rightly.

        Where it is not known, the survey before the transfer stands in for it. A host was seen
        that refuses If-Match with the very ETag that it shows.
        """
        if reply.status in {400, 501}:
            return isinstance(from_reply(reply, "a target object"), Unsupported)
        if reply.status != 412 or replaces is None:
            return False
        return self._shows(bucket, key, replaces)

    def retain(self, bucket: str, stored: Stored, lock: Lock) -> None:
        """Put an object that is already there under a lock."""
        s3_beside.retain(self._endpoint, bucket, stored, lock)

    def tag(self, bucket: str, stored: Stored, tags: Mapping[str, str]) -> None:
        """Set the tags of an object that is already there."""
        s3_beside.tag(self._endpoint, bucket, stored, tags)

    def begin(self, bucket: str, key: str, *, stamp: Stamp) -> Upload:
        """Open a multipart upload."""
        headers = s3_beside.begun(stamp, self.limits)
        reply = self._control("POST", bucket, key, {"uploads": ""}, headers)
        if reply.status != 200:
            raise from_reply(reply, "an upload")
        upload_id = token(text_in(reply.body, "{*}UploadId"), UPLOAD_ID_MAX)
        if not upload_id:
            raise Transient("the target opened an upload without an id")
        return Upload(bucket=bucket, key=key, upload_id=upload_id)

    def put_part(self, upload: Upload, number: int, body: memoryview, *, sha256: str) -> str:
        """Store one part and return its ETag."""
        headers = {"Content-MD5": _md5(body)} if upload.locked else {}
        return self._part(upload, number, sha256, headers, body=body)

    def stream_part(
        self, upload: Upload, number: int, size: int, pull: Callable[[int], bytes]
    ) -> str:
        """Store one part while it is made; its digest is checked when it is read back."""
        return self._part(upload, number, UNSIGNED, {}, pull=(size, pull))

    def copy_part(self, upload: Upload, number: int, stored: Stored, span: Span) -> str:
        """Make a part of what the host holds already; see `ports.TargetWriter.copy_part`."""
        return s3_versions.copy_part(self._endpoint, upload, number, stored, span)

    def remove_version(self, bucket: str, key: str, version_id: str) -> None:
        """Remove one version of an object; see `ports.TargetWriter.remove_version`."""
        s3_versions.remove_version(self._endpoint, bucket, key, version_id)

    def _part(
        self,
        upload: Upload,
        number: int,
        sha256: str,
        headers: Mapping[str, str],
        **more: Unpack[RequestDetails],
    ) -> str:
        query = {"partNumber": str(number), "uploadId": upload.upload_id}
        reply = self._send("PUT", upload.bucket, upload.key, headers, sha256, query=query, **more)
        if reply.status != 200:
            raise from_reply(reply, "a part")
        if not reply.etag:
            raise Transient("the target acknowledged a part without an ETag")
        return reply.etag

    def parts(self, upload: Upload) -> Mapping[int, PartInfo]:
        """List the parts that the target holds."""
        found: dict[int, PartInfo] = {}
        stale = 0
        for page in _named("s3:ListMultipartUploadParts", part_pages(self._endpoint, upload)):
            with translated("the target's list of parts"):
                parts = [_part_of(entry) for entry in page.get("Parts", ())]
            known = len(found)
            found |= {part.number: part for part in parts}
            stale += len(found) == known
            if stale > STALE_MAX:
                raise ListingBroken("the target's list of parts tells the same parts again")
        return found

    def complete(
        self,
        upload: Upload,
        parts: Sequence[tuple[int, str]],
        *,
        size: int,
        attempt: str,
        replaces: str | None,
    ) -> Stored:
        """Make the parts one object; see `ports.TargetWriter.complete`."""
        failure: StorageError | None = None
        try:
            if replaces is None or not self.limits.conditional_complete:
                once = {"If-None-Match": "*"} if self.limits.conditional_complete else {}
                self._complete(upload, parts, once)
            else:
                self._replacing(upload, parts, replaces)
        except StorageError as error:
            # lost, or a refusal of what was done: what HEAD shows decides
            failure = self._stuck(upload, error) or error
        # 200 with an empty or HTML body proves nothing either: HEAD decides.
        stored = self.head(upload.bucket, upload.key)
        if stored is None:
            raise failure or Transient("the target completed an upload but shows no object")
        if failure is None and stored.size == size and ATTEMPT not in stored.metadata:
            raise Unsupported("the target does not keep user metadata: no object can be told ours")
        if stored.metadata.get(ATTEMPT) != attempt or stored.size != size:
            if failure is not None and not isinstance(failure, Conflict):
                raise failure
            raise Conflict("another object appeared under the key while it was uploaded")
        return stored

    def _stuck(self, upload: Upload, error: StorageError) -> Missing | None:
        """Take an upload whose completion meets a conflict again and again for one that is gone.

        Hosts' own pages have one begun anew after it; some drop it, others leave it there.
        """
        if error.code != "ConditionalRequestConflict":
            return None
        times = self._conflicts[upload.upload_id] = self._conflicts.get(upload.upload_id, 0) + 1
        if times < CONFLICTS_MAX:
            return None
        del self._conflicts[upload.upload_id]
        return Missing(f"{error}, again and again: this upload makes no object any more")

    def _replacing(self, upload: Upload, parts: Sequence[tuple[int, str]], replaces: str) -> None:
        """Complete an upload in the place of exactly this ETag, or of nothing."""
        matching = self._endpoint.matching
        try:
            self._complete(upload, parts, matching.header(replaces))
        except (Conflict, Missing) as error:  # Missing: the upload, or what it was to replace
            stored = self.head(upload.bucket, upload.key)
            if stored is None:
                self._complete(upload, parts, {"If-None-Match": "*"})
                return
            if stored.etag != replaces or isinstance(error, Missing):
                raise
            try:
                self._complete(upload, parts, matching.header(replaces, other=True))
            except Permanent:
                # A host was seen that refuses If-Match with the very ETag that it shows.
                self._complete(upload, parts, {})
            else:
                matching.turn()

    def _complete(
        self, upload: Upload, parts: Sequence[tuple[int, str]], condition: Mapping[str, str]
    ) -> None:
        listed = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>&quot;{escaped(etag)}&quot;</ETag></Part>"
            for number, etag in parts
        )
        body = f'<CompleteMultipartUpload xmlns="{_XMLNS}">{listed}</CompleteMultipartUpload>'
        query = {"uploadId": upload.upload_id}
        reply = self._control("POST", upload.bucket, upload.key, query, condition, body.encode())
        code = xml_code(reply.body)
        if reply.status == 200 and not code:
            return
        # S3 answers before it knows the end, so an error may come under a 200.
        status = 500 if reply.status == 200 else reply.status
        error = classified(code, status, "completing an upload", reply.retry_after)
        if not (condition and isinstance(error, Unsupported)):
            raise error
        self._complete(upload, parts, {})

    def abort(self, upload: Upload) -> None:
        """Drop an upload and its parts."""
        query = {"uploadId": upload.upload_id}
        reply = self._control("DELETE", upload.bucket, upload.key, query)
        if 200 <= reply.status < 300:
            return
        error = from_reply(reply, "aborting an upload")
        if not isinstance(error, Missing):
            raise error

    def _control(
        self,
        method: str,
        bucket: str,
        key: str,
        query: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """Ask something of an upload. It may take long, and so may the reply."""
        sent = b"" if body is None and method == "POST" else body
        return self._send(
            method,
            bucket,
            key,
            headers or {},
            EMPTY_SHA256 if not sent else hashlib.sha256(sent).hexdigest(),
            query=query,
            body=None if sent is None else memoryview(sent),
            limit=CONTROL_BODY_MAX,
            stall=CONTROL_SECONDS,
        )

    def open_uploads(self, place: Place) -> Iterator[tuple[Upload, str]]:
        """List begun uploads under the prefix, each once."""
        seen: set[tuple[str, str]] = set()
        held = 0
        pages = upload_pages(self._endpoint, place)
        for page in _named("s3:ListBucketMultipartUploads", pages):
            with translated("the target's list of uploads"):
                found = [
                    (entry["Key"], entry["UploadId"], text_of(entry["Initiated"]))
                    for entry in page.get("Uploads", ())
                ]
            for key, upload_id, began in found:
                if (key, upload_id) in seen:
                    continue
                seen.add((key, upload_id))
                held += len(key) + len(upload_id) + ENTRY_BYTES
                if held > UPLOADS_MAX_BYTES:
                    raise ListingBroken("the target lists more open uploads than can be looked at")
                upload = Upload(bucket=place.bucket, key=key, upload_id=upload_id)
                yield upload, began


def _named(right: str, pages: Iterator[T]) -> Iterator[T]:
    """Pass pages on, and say which right a credential lacks that is denied one."""
    try:
        yield from pages
    except AccessDenied as error:
        error.hint = f"the credential needs {right}"
        raise


def _kept(reply: Reply, key: str, size: int) -> Stored:
    """Return what a PUT stored."""
    if reply.status != 200:
        raise from_reply(reply, "a target object")
    etag = reply.etag
    if not etag:
        raise Transient("the target acknowledged an object without an ETag")
    return Stored(key=key, size=size, etag=etag, version_id=s3_beside.version_of(reply))


def _part_of(entry: Mapping[str, Any]) -> PartInfo:
    number, size = as_count(entry["PartNumber"]), as_count(entry["Size"])
    if number is None or number > PART_NUMBER_MAX or size is None:
        raise ListingBroken("the target gives a part no number or no size")
    return PartInfo(number=number, size=size, etag=entry["ETag"].strip('"'))


def _md5(body: memoryview) -> str:
    """Return Content-MD5, which S3 demands of what will be under a lock."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
