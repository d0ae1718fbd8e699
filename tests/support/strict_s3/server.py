"""The server: HTTP/1.1 on asyncio, in a thread of its own, and the table of what it answers."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import format_datetime
from http.client import responses
from typing import Any, Self
from urllib.parse import unquote_to_bytes

from hdh_migrate.model import FENCES
from tests.support.strict_s3 import buckets, multipart, objects
from tests.support.strict_s3.manner import Manner
from tests.support.strict_s3.signing import Judge
from tests.support.strict_s3.store import Store
from tests.support.strict_s3.words import Reply, Request, S3Error

Handler = Callable[[Store, Request], Reply]

_ANY = ""

ROUTES: Mapping[tuple[str, str, str], tuple[str, Handler]] = {
    # (what is named, method, first query parameter that decides): (operation, handler)
    ("service", "GET", _ANY): ("ListBuckets", buckets.list_buckets),
    ("bucket", "PUT", "versioning"): ("PutBucketVersioning", buckets.put_versioning),
    ("bucket", "PUT", "object-lock"): ("PutObjectLockConfiguration", buckets.put_object_lock),
    ("bucket", "PUT", "policy"): ("PutBucketPolicy", buckets.put_document),
    ("bucket", "PUT", "lifecycle"): ("PutBucketLifecycleConfiguration", buckets.put_document),
    ("bucket", "PUT", "encryption"): ("PutBucketEncryption", buckets.put_document),
    ("bucket", "PUT", "tagging"): ("PutBucketTagging", buckets.put_document),
    ("bucket", "PUT", "acl"): ("PutBucketAcl", buckets.put_acl),
    ("bucket", "PUT", _ANY): ("CreateBucket", buckets.create_bucket),
    ("bucket", "HEAD", _ANY): ("HeadBucket", buckets.head_bucket),
    ("bucket", "DELETE", "policy"): ("DeleteBucketPolicy", buckets.delete_document),
    ("bucket", "DELETE", "lifecycle"): ("DeleteBucketLifecycle", buckets.delete_document),
    ("bucket", "DELETE", "encryption"): ("DeleteBucketEncryption", buckets.delete_document),
    ("bucket", "DELETE", _ANY): ("DeleteBucket", buckets.delete_bucket),
    ("bucket", "GET", "location"): ("GetBucketLocation", buckets.get_location),
    ("bucket", "GET", "versioning"): ("GetBucketVersioning", buckets.get_versioning),
    ("bucket", "GET", "object-lock"): ("GetObjectLockConfiguration", buckets.get_object_lock),
    ("bucket", "GET", "policy"): ("GetBucketPolicy", buckets.get_document),
    ("bucket", "GET", "lifecycle"): ("GetBucketLifecycleConfiguration", buckets.get_document),
    ("bucket", "GET", "encryption"): ("GetBucketEncryption", buckets.get_document),
    ("bucket", "PUT", "replication"): ("PutBucketReplication", buckets.put_document),
    ("bucket", "GET", "replication"): ("GetBucketReplication", buckets.get_document),
    ("bucket", "GET", "tagging"): ("GetBucketTagging", buckets.get_document),
    ("bucket", "GET", "acl"): ("GetBucketAcl", buckets.get_acl),
    ("bucket", "GET", "uploads"): ("ListMultipartUploads", multipart.list_uploads),
    ("bucket", "GET", "versions"): ("ListObjectVersions", buckets.list_versions),
    ("bucket", "GET", "list-type"): ("ListObjectsV2", buckets.list_objects_v2),
    ("bucket", "GET", _ANY): ("ListObjects", buckets.list_objects),
    ("bucket", "POST", "delete"): ("DeleteObjects", objects.delete_objects),
    ("object", "GET", "uploadId"): ("ListParts", multipart.list_parts),
    ("object", "GET", "tagging"): ("GetObjectTagging", objects.get_tagging),
    ("object", "GET", "retention"): ("GetObjectRetention", objects.get_retention),
    ("object", "GET", "legal-hold"): ("GetObjectLegalHold", objects.get_legal_hold),
    ("object", "GET", "acl"): ("GetObjectAcl", objects.get_acl),
    ("object", "GET", _ANY): ("GetObject", objects.get_object),
    ("object", "HEAD", _ANY): ("HeadObject", objects.get_object),
    ("object", "PUT", "uploadId"): ("UploadPart", multipart.upload_part),
    ("object", "PUT", "tagging"): ("PutObjectTagging", objects.put_tagging),
    ("object", "PUT", "retention"): ("PutObjectRetention", objects.put_retention),
    ("object", "PUT", "legal-hold"): ("PutObjectLegalHold", objects.put_legal_hold),
    ("object", "PUT", _ANY): ("PutObject", objects.put_object),
    ("object", "POST", "uploads"): ("CreateMultipartUpload", multipart.create_upload),
    ("object", "POST", "uploadId"): ("CompleteMultipartUpload", multipart.complete_upload),
    ("object", "DELETE", "uploadId"): ("AbortMultipartUpload", multipart.abort_upload),
    ("object", "DELETE", "tagging"): ("DeleteObjectTagging", objects.delete_tagging),
    ("object", "DELETE", _ANY): ("DeleteObject", objects.delete_object),
}

_ACTIONS = {
    "HeadObject": "GetObject", "UploadPart": "PutObject", "CreateMultipartUpload": "PutObject",
    "CompleteMultipartUpload": "PutObject", "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket", "HeadBucket": "ListBucket", "DeleteObjects": "DeleteObject",
    "ListParts": "ListMultipartUploadParts", "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketReplication": "GetReplicationConfiguration",
    "PutBucketReplication": "PutReplicationConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
}  # fmt: skip
"""The policy action of an operation, where it has another name."""

_OF_VERSIONS = {
    "DeleteObject": "DeleteObjectVersion", "GetObject": "GetObjectVersion",
    "GetObjectTagging": "GetObjectVersionTagging", "PutObjectTagging": "PutObjectVersionTagging",
}  # fmt: skip
"""The action where a version is named: a right of its own."""


def _action(request: Request) -> str:
    action = _ACTIONS.get(request.operation, request.operation)
    return _OF_VERSIONS.get(action, action) if "versionId" in request.params else action


_PARAMETERS = {parameter for _, _, parameter in ROUTES} | {
    "versionId", "partNumber", "prefix", "delimiter", "max-keys", "max-parts", "max-uploads",
    "marker", "key-marker", "upload-id-marker", "version-id-marker", "part-number-marker",
    "continuation-token", "start-after", "encoding-type", "fetch-owner", "x-id",
}  # fmt: skip
"""Every query parameter that is understood."""

_COPY = "x-amz-copy-source"
"""Understood where a part is made; nowhere else."""
_HEAD_MAX = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request that was answered."""

    operation: str
    bucket: str
    key: str
    status: int
    headers: Mapping[str, str]


class StrictS3:
    """An S3 server in a thread; a context manager. It keeps everything in memory."""

    def __init__(
        self,
        manner: Manner | None = None,
        *,
        region: str = "us-east-1",
        host: str = "127.0.0.1",
        port: int = 0,
        project: str = "",
    ) -> None:
        """`project`: what stands behind the access key (Scaleway's `KEY@PROJECT`)."""
        self.manner = manner or Manner()
        self.region = region
        self.access_key = "STRICT" + secrets.token_hex(7).upper() + project
        self.secret_key = secrets.token_urlsafe(30)
        self.store = Store(self.manner)
        self.seen: list[Seen] = []
        self.failures: list[Exception] = []
        self.endpoint = ""
        self._host, self._port = host, port
        self._judge = self._new_judge()
        self._busy = 0
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="strict-s3", daemon=True)
        self._ready = threading.Event()
        self._end: asyncio.Event | None = None

    def successor(self) -> StrictS3:
        """Return a server for the time after this one: with its port, its keys and what it holds.

        Any number of them may follow it, one after the other; each begins with what this one has.
        """
        made = StrictS3(self.manner, region=self.region, host=self._host, port=self._port)
        made.access_key, made.secret_key = self.access_key, self.secret_key
        made.store, made._judge = self.store.copy(), made._new_judge()
        return made

    def _new_judge(self) -> Judge:
        keys = {"access_key": self.access_key, "secret_key": self.secret_key}
        return Judge(self.manner, **keys, region=self.region)

    def behave(self, manner: Manner) -> None:
        """Go on in another manner, with everything that is held."""
        self.manner = self.store.manner = self._judge._manner = manner

    def count(self, operation: str) -> int:
        """Return how many requests of an operation were answered, but for those about a fence."""
        return sum(
            seen.operation == operation and not seen.key.startswith(FENCES) for seen in self.seen
        )

    # --- the thread --------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(120), "the strict server did not start"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._end is not None
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)
        assert not self._thread.is_alive()
        if self.failures:
            raise self.failures[0]

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        server = await asyncio.start_server(self._accept, self._host, self._port, limit=1 << 20)
        port = server.sockets[0].getsockname()[1]
        self.endpoint = f"http://{self._host}:{port}"
        self._ready.set()
        await self._end.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    # --- one request -------------------------------------------------------------------------

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head[:-4].decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = (
                value.strip().encode("latin-1").decode("utf-8", "surrogateescape")
            )
        path, _, query = target.partition("?")
        request = Request(method, path, query, headers, b"")
        try:
            self._place(request)
            length = _length(headers)
        except S3Error as error:
            await self._send(writer, request, error.reply, close=True)
            return False
        if headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        async with asyncio.timeout(self.manner.request_seconds):
            request.body = await reader.readexactly(length) if length else b""
        close = self.manner.closes or headers.get("connection", "").lower() == "close"
        await self._send(writer, request, self._answered(request), close=close)
        return not close

    def _place(self, request: Request) -> None:
        """Find out bucket, key, parameters and operation."""
        host = request.headers.get("host", "").rpartition(":")[0]
        path = unquote_to_bytes(request.path).decode("utf-8", "surrogateescape")
        if host.endswith((f".{self._host}", ".localhost")):
            request.bucket = host.removesuffix(f".{self._host}").removesuffix(".localhost")
            request.key = path.removeprefix("/")
        else:
            request.bucket, _, request.key = path.removeprefix("/").partition("/")
        for pair in request.query.split("&") if request.query else ():
            name, _, value = pair.partition("=")
            text = unquote_to_bytes(value.replace("+", " ")).decode("utf-8", "surrogateescape")
            request.params[unquote_to_bytes(name).decode()] = text
        named = "object" if request.key else "bucket" if request.bucket else "service"
        for (what, method, parameter), (operation, _) in ROUTES.items():
            if (what, method) == (named, request.method) and (
                parameter == _ANY or parameter in request.params
            ):
                request.operation = operation
                return
        raise S3Error("MethodNotAllowed")

    def _demand_known(self, request: Request) -> None:
        """Refuse what is asked beside the operation: a listing is no answer to `?website`."""
        unknown = request.params.keys() - _PARAMETERS
        if unknown:
            raise S3Error("NotImplemented", f"unknown parameters: {', '.join(sorted(unknown))}")

    def _answered(self, request: Request) -> Reply:
        try:
            reply = self._answer(request)
        except S3Error as error:
            reply = error.said(self.manner.says)
        except Exception as error:  # noqa: BLE001 - a fault of this server's own: the test that met it fails
            self.failures.append(error)
            reply = Reply(500)
        return reply

    def _answer(self, request: Request) -> Reply:
        manner = self.manner
        if manner.redirects_to is not None:
            raise S3Error("PermanentRedirect", Location=manner.redirects_to + request.path)
        self._judge.admit(
            request.method, request.path, request.query, request.headers, self.store.now()
        )
        self._slow_down(request)
        request.body = self._judge.content(request.headers, request.body)
        if request.operation in manner.md5_needed and "content-md5" not in request.headers:
            digests = [h for h in request.headers if h.startswith("x-amz-checksum-")]
            if manner.md5_means_md5 or not digests:
                raise S3Error(
                    "InvalidRequest", "Missing required header for this request: Content-MD5"
                )
        self._demand_known(request)
        if _COPY in request.headers and request.operation != "UploadPart":
            raise S3Error("NotImplemented")
        buckets.judge_policy(self.store, request, _action(request))
        asked = (request.operation, request.key)
        if asked in manner.denied:
            raise S3Error("AccessDenied")
        reply = _HANDLERS[request.operation](self.store, request)
        if asked in manner.denied_though_done:
            raise S3Error("AccessDenied")
        return reply

    def _slow_down(self, request: Request) -> None:
        if request.key and self.manner.busy_every:
            self._busy += 1
            if self._busy % self.manner.busy_every == 0:
                wait = self.manner.retry_after
                more = {} if wait is None else {"Retry_After": str(wait)}
                raise S3Error("SlowDown", "please reduce your request rate", **more)

    async def _send(
        self, writer: asyncio.StreamWriter, request: Request, reply: Reply, *, close: bool
    ) -> None:
        self.seen.append(
            Seen(
                operation=request.operation, bucket=request.bucket, key=request.key,
                status=reply.status, headers=request.headers,
            )
        )  # fmt: skip
        lines = [f"HTTP/1.1 {reply.status} {responses.get(reply.status, 'Status')}"]
        headers: dict[str, Any] = {
            "Date": format_datetime(self.store.now(), usegmt=True), "Server": "strict-s3",
            **reply.headers,
        }  # fmt: skip
        in_pieces = self.manner.chunked and headers.get("Content-Type") == "application/xml"
        if in_pieces:
            headers["Transfer-Encoding"] = "chunked"
        elif reply.status not in {204, 304}:
            headers["Content-Length"] = len(reply.body)
        if close:
            headers["Connection"] = "close"
        if self.manner.title_case:
            headers = {name.title(): value for name, value in headers.items()}
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape"))
        if request.method != "HEAD" and reply.status not in {204, 304}:
            writer.write(_pieces(bytes(reply.body)) if in_pieces else reply.body)
        await writer.drain()


def _pieces(body: bytes) -> bytes:
    """Return a body in chunks of the smallest kind that shows a reader who expects it whole."""
    cut = [body[at : at + 100] for at in range(0, len(body), 100)]
    return b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in [*cut, b""])


_HANDLERS = dict(ROUTES.values())


def _length(headers: Mapping[str, str]) -> int:
    if "transfer-encoding" in headers:
        raise S3Error("NotImplemented", "a header you provided implies functionality that is not")
    text = headers.get("content-length", "0")
    if not text.isdigit():
        raise S3Error("InvalidArgument")
    return int(text)
