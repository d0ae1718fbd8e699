"""The workbench of a probe: signed requests in any shape, and everything removed afterwards.

Requests go out over the same transport and the same boto3 client as the main job's, so that what
is observed is what a run will meet. Object names and payloads are made up here: nothing of the
customer's is used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import field
from functools import partial
from typing import Any

from hdh_migrate.errors import (
    AuthFailed,
    ConnectionLost,
    ShortRead,
    SignatureRefused,
    StorageError,
    TargetFull,
)
from hdh_migrate.frozen import frozen
from hdh_migrate.model import PROBES
from hdh_migrate.targets.s3_endpoint import S3Endpoint, classified, translated, xml_code
from hdh_migrate.targets.s3_lists import ListedPage
from hdh_migrate.targets.s3_pages import Markers, uploads_asked
from hdh_migrate.transport import pause

ROOT = PROBES
"""The prefix under which every probe writes, each in a folder of its own."""

_DENIALS = frozenset(("", "AccessDenied", "Forbidden", "AccessForbidden", "Unauthorized"))
"""What hosts say to who lacks a right, or whose key is of another project."""
_BUSY = frozenset((429, 500, 502, 503, 504))
_PAUSES = (0.25, 0.5, 1.0)
_LONGEST_WAIT = 30.0
_SILENT_MAX = 3


class Unclear(Exception):
    """The answer decides nothing; the message says what came instead."""


class CannotBegin(Unclear):
    """The host refused what a check needs before it can begin."""


@frozen
class HostAnswer:
    """What the host said to one request; `data` is botocore's parse where botocore asked."""

    status: int
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    data: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"HTTP {self.status}" + (f" {self.code}" if self.code else "")

    @property
    def good(self) -> bool:
        """Whether the host did what was asked."""
        return 200 <= self.status < 300

    @property
    def etag(self) -> str:
        """The ETag without its quotes."""
        return str(self.data.get("ETag") or self.headers.get("etag", "")).strip('"')

    def took(self) -> bool:
        """Return whether the host took the request, or refused it in words that mean no.

        Raises:
            Unclear: a right is missing, or the host failed: that says nothing of the feature.
        """
        if self.good:
            return True
        denied = self.status == 401 or (self.status == 403 and self.code in _DENIALS)
        if self.status < 400 or denied or (self.status >= 500 and self.status != 501):
            raise Unclear(str(self))
        return False


def _lines(arguments: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in arguments.items()}


class Bench:
    """Sends requests about one throw-away prefix of one bucket."""

    def __init__(
        self,
        endpoint: S3Endpoint,
        bucket: str,
        prefix: str,
        claims: Mapping[str, Any],
        *,
        wait: Callable[[float], object],
        consents_to_compliance: bool = False,
    ) -> None:
        self.bucket = bucket
        self.prefix = prefix
        self.claims = claims
        self.consents_to_compliance = consents_to_compliance
        self.requests = 0
        self.busy = 0
        self._endpoint = endpoint
        self._wait = wait
        self._number = 0
        self._silent = 0
        self._versioned = False
        self._keys: dict[str, None] = {}
        self._uploads: dict[tuple[str, str], None] = {}

    def key(self, name: str = "x") -> str:
        """Return a key that no earlier check used."""
        self._number += 1
        return f"{self.prefix}{self._number:03d}/{name}"

    def pause(self, seconds: float) -> None:
        """Wait so many seconds, or less when the probe is told to stop."""
        self._wait(seconds)

    # --- raw requests ----------------------------------------------------------------------

    def put(
        self, key: str, body: bytes = b"probe", *, sha256: str | None = None, **headers: str
    ) -> HostAnswer:
        """PUT an object; keyword arguments are headers, `_` standing for `-`."""
        return self.send("PUT", key, body, sha256=sha256, headers=_lines(headers))

    def get(self, key: str, **headers: str) -> HostAnswer:
        """GET an object."""
        return self.send("GET", key, headers=_lines(headers))

    def head(self, key: str) -> HostAnswer:
        """HEAD an object."""
        return self.send("HEAD", key)

    def send(
        self,
        method: str,
        key: str,
        body: bytes | None = None,
        *,
        sha256: str | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HostAnswer:
        """Send one signed request, again after a while where the host is busy.

        Raises:
            Unclear: no whole reply came, however often it was asked.
        """
        if method == "PUT" and query is None:
            self._keys[key] = None
        digest = sha256 or hashlib.sha256(body or b"").hexdigest()

        def once() -> tuple[HostAnswer, float | None]:
            reply = self._endpoint.send(
                method, self.bucket, key, {"x-amz-content-sha256": digest, **(headers or {})},
                query=query, body=None if body is None else memoryview(body),
            )  # fmt: skip
            self._versioned |= reply.headers.get("x-amz-version-id", "null") != "null"
            answer = HostAnswer(
                status=reply.status, code=xml_code(reply.body), headers=reply.headers,
                body=reply.body,
            )  # fmt: skip
            return answer, reply.retry_after

        return self._patiently(once)

    def _patiently(self, once: Callable[[], tuple[HostAnswer, float | None]]) -> HostAnswer:
        """Return the answer to a request, asked again where the host is busy.

        Raises:
            AuthFailed, TargetFull: every other request would be answered so as well, a session that
                ended for one: that says nothing of what was asked.
            Unclear: nor does it that no whole reply came, or that the host stays busy.
        """
        answer = self._asked(once)
        if answer.status in _BUSY - {500}:
            raise Unclear(str(answer))
        if answer.good or answer.status == 401:  # some say so where a right is missing: see `took`
            return answer
        why = classified(answer.code, answer.status, "a check", None)
        if isinstance(why, AuthFailed | TargetFull) and not isinstance(why, SignatureRefused):
            raise why
        return answer

    def _asked(self, once: Callable[[], tuple[HostAnswer, float | None]]) -> HostAnswer:
        answer = None
        for standard in (*_PAUSES, None):
            if answer is not None and answer.status == 500:
                return answer  # said twice: it is the answer, not a bad moment
            self.requests += 1
            try:
                answer, wanted = once()
            except (ConnectionLost, ShortRead) as error:
                if standard is None:
                    raise Unclear(str(error)) from error
                wanted = None
            else:
                if answer.status not in _BUSY or standard is None:
                    return answer
                self.busy += answer.status in {429, 503}
            self._wait(min(wanted or standard, _LONGEST_WAIT))
        raise Unclear(str(answer))  # pragma: no cover - the last round returns or raises

    # --- calls that the main job makes through boto3 ----------------------------------------

    def call(self, operation: str, *, key: str | None = None, **arguments: Any) -> HostAnswer:  # noqa: ANN401 - botocore's
        """Call a boto3 operation on the bucket, and return what the host said to it."""
        from botocore.exceptions import ClientError

        if key is not None:
            arguments["Key"] = key

        def once() -> tuple[HostAnswer, float | None]:
            try:
                with translated(operation):
                    data = getattr(self._endpoint.client, operation)(
                        Bucket=self.bucket, **arguments
                    )
            except StorageError as error:
                refused = error.__cause__
                if not isinstance(refused, ClientError):
                    raise  # no reply, or none that can be understood: asked again
                meta = refused.response.get("ResponseMetadata", {})
                wanted = str(meta.get("HTTPHeaders", {}).get("retry-after", ""))
                return HostAnswer(
                    status=int(meta.get("HTTPStatusCode") or 0), code=error.code
                ), pause(wanted)
            meta = data.get("ResponseMetadata", {})
            return HostAnswer(
                status=int(meta.get("HTTPStatusCode") or 200),
                headers=meta.get("HTTPHeaders", {}), data=data,
            ), None  # fmt: skip

        return self._patiently(once)

    def begin(self, key: str, **more: str) -> str:
        """Open a multipart upload and return its id; `more` are boto3's arguments.

        Raises:
            Refusal: the host opens none.
        """
        answer = self.call("create_multipart_upload", key=key, **more)
        if not answer.took():
            raise CannotBegin(f"CreateMultipartUpload: {answer}")
        upload_id = str(answer.data.get("UploadId") or "")
        if not upload_id:
            raise Unclear(f"CreateMultipartUpload: {answer} without an id")
        self._keys[key] = None
        self._uploads[key, upload_id] = None
        return upload_id

    def part(self, key: str, upload_id: str, number: int, body: bytes = b"p") -> HostAnswer:
        """Send one part."""
        query = {"partNumber": str(number), "uploadId": upload_id}
        return self.send("PUT", key, body, query=query)

    def complete(
        self, key: str, upload_id: str, parts: Mapping[int, str], **conditions: str
    ) -> HostAnswer:
        """Complete an upload from part numbers and ETags."""
        listed = [{"PartNumber": n, "ETag": f'"{etag}"'} for n, etag in sorted(parts.items())]
        return self.call(
            "complete_multipart_upload", key=key, UploadId=upload_id,
            MultipartUpload={"Parts": listed}, **conditions,
        )  # fmt: skip

    # --- leaving nothing behind --------------------------------------------------------------

    def clear(self) -> int | None:
        """Remove everything under the prefix that can be found; return how much is still there.

        What was written is remembered as well, for hosts whose listings do not show it. None
        means that the host no longer says what is there.
        """
        for key, upload_id in dict.fromkeys([*self._uploads, *self._open_uploads()]):
            if not self._removed(partial(self._abort, key, upload_id)):
                return None
        stored = list(self._stored() or ())
        if not self._versioned:  # there, deleting a key without a version adds a delete marker
            stored += [(key, None) for key in self._keys]
        for key, version_id in dict.fromkeys(stored):
            if not self._removed(partial(self._delete, key, version_id)):
                return None
        self._uploads.clear()
        left = self._stored()
        return None if left is None else len(left) + len(list(self._open_uploads()))

    def _removed(self, remove: Callable[[], None]) -> bool:
        """Try to remove one thing; False when the host has gone silent, so that more is in vain."""
        try:
            remove()
        except (Unclear, StorageError):
            self._silent += 1
        else:
            self._silent = 0
        return self._silent < _SILENT_MAX

    def _abort(self, key: str, upload_id: str) -> None:
        self.call("abort_multipart_upload", key=key, UploadId=upload_id)

    def _delete(self, key: str, version_id: str | None) -> None:
        query = {"versionId": version_id} if version_id else None
        answer = self.send("DELETE", key, query=query)
        if not answer.good and version_id:
            self.send(
                "DELETE", key, query=query, headers={"x-amz-bypass-governance-retention": "true"}
            )  # only ever a lock that this probe set

    def _stored(self) -> list[tuple[str, str | None]] | None:
        """List versions and delete markers, or plain keys; None when the host does not list."""
        found: list[tuple[str, str | None]] = []
        with suppress(Unclear, StorageError), translated("the versions"):
            listing = self.call("list_object_versions", Prefix=self.prefix).data
            listed = (*listing.get("Versions", ()), *listing.get("DeleteMarkers", ()))
            found.extend((one["Key"], one.get("VersionId")) for one in listed)
        if found:
            return found
        with suppress(Unclear, StorageError), translated("the listing"):
            answer = self.call("list_objects_v2", Prefix=self.prefix)
            if answer.took():
                return [(one["Key"], None) for one in answer.data.get("Contents", ())]
        return None

    def _open_uploads(self) -> Iterator[tuple[str, str]]:
        def ask(more: Markers) -> ListedPage:
            return self.call("list_multipart_uploads", Prefix=self.prefix, **more).data

        with suppress(Unclear, StorageError):
            for page in uploads_asked(ask):
                with translated("the list of uploads"):
                    found = [(str(one["Key"]), one["UploadId"]) for one in page.get("Uploads", ())]
                yield from (one for one in found if one[0].startswith(self.prefix))
