"""What every S3 verb needs: addresses, two signed clients, and errors put into our words.

botocore speaks for buckets, locks, tags and what an upload holds, and is loaded when that is first
asked; what every run begins with is ours (docs/decisions/0049-what-a-start-costs.md). It opens no
connection of its own: what it has signed goes through the same `Transport` as object bytes, with
its door, pins and counters. Both ignore the host's ambient AWS settings, follow no redirect and
leave retrying to the caller.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final, Unpack
from urllib.parse import quote, unquote, urlencode, urlsplit

from hdh_migrate import markup
from hdh_migrate.bounded import word
from hdh_migrate.errors import (
    AccessDenied,
    AuthFailed,
    Conflict,
    ConnectionLost,
    HostRefused,
    Missing,
    Permanent,
    ShortRead,
    SignatureRefused,
    StorageError,
    TargetFull,
    Throttled,
    TimeRefused,
    Transient,
    Unsupported,
)
from hdh_migrate.fixity import EMPTY_SHA256
from hdh_migrate.model import key_bytes, path_of
from hdh_migrate.targets.s3_lists import Lists
from hdh_migrate.targets.s3_matching import Matching
from hdh_migrate.transport import Reply, RequestDetails, SigV4, Transport, pause

PROVISION: Final = '"hdh-migrate provision PLAN" shows what is missing, with --execute it makes it'
"""What to do where there is no bucket."""

CONTROL_SECONDS = 300
"""Without a byte: completing a large upload may take minutes."""

CONTROL_BODY_MAX = 16 << 20
CONTROL_ELEMENTS_MAX = 100_000
"""Bytes and elements of one reply that botocore reads: a thousand entries, and room to spare."""

Pace = Callable[[str, str], None]
"""Waits until one more request (its method, its bucket) may be sent."""

_AUTH_CODES = frozenset(
    ("ExpiredToken", "ExpiredTokenException", "InvalidToken", "InvalidAccessKeyId",
     "TokenRefreshRequired", "InvalidSecurity", "NotSignedUp", "AccountProblem")
)  # fmt: skip
_REGION_HINT = "check target.region and target.endpoint; nothing was sent there"
_TIME_CODES = frozenset(("RequestTimeTooSkewed", "RequestExpired"))
_FULL_CODES = frozenset(
    ("QuotaExceeded", "StorageQuotaExceeded", "InsufficientStorage", "InsufficientCapacity",
     "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded")
)  # fmt: skip
"""What hosts say that are full; Amazon's is never."""
_THROTTLED_CODES = frozenset(
    ("SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests",
     "ServiceUnavailable", "BandwidthLimitExceeded")
)  # fmt: skip
_TRANSIENT_CODES = frozenset(
    ("InternalError", "RequestTimeout", "OperationAborted", "ConditionalRequestConflict",
     "IncompleteBody", "BadDigest", "XAmzContentSHA256Mismatch")
)  # fmt: skip
_PERMANENT: dict[int | str, type[Permanent]] = {
    403: AccessDenied,
    404: Missing,
    405: Unsupported,
    412: Conflict,
    501: Unsupported,
    "NotImplemented": Unsupported,
    "PreconditionFailed": Conflict,
    "NoSuchUpload": Missing,
}
_THROTTLED_STATUS = frozenset((429, 503))
_TRANSIENT_STATUS = frozenset((408, 500, 502, 504))


class S3Endpoint:
    """One endpoint with one credential."""

    def __init__(
        self,
        url: str,
        *,
        addressing: str,
        sign: SigV4,
        transport: Transport,
        pace: Pace | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.transport = transport
        self._pace = pace
        self._addressing = addressing
        self._sign = sign
        self._client: Any = None
        self.lists = Lists(self._asked)
        self.matching = Matching()

    def object_url(self, bucket: str, key: str) -> str:
        """Return the address of an object, percent-encoded as Signature Version 4 wants it."""
        return f"{self._bucket_url(bucket)}/{path_of(key)}"

    def _bucket_url(self, bucket: str) -> str:
        if self._addressing == "virtual" and "." not in bucket:  # a dot would break TLS
            parts = urlsplit(self.url)
            return f"{parts.scheme}://{bucket}.{parts.netloc}"
        return f"{self.url}/{path_of(bucket)}"

    def _asked(self, bucket: str, query: Mapping[str, str], what: str) -> bytes:
        """Ask about a bucket; see `s3_lists.Asks`."""
        url = self._bucket_url(bucket)
        path = "" if urlsplit(url).path else "/"
        words = "&".join(f"{n}={quote(key_bytes(v), safe='-_.~')}" for n, v in query.items())
        if self._pace is not None:
            self._pace("GET", bucket)
        reply = self.transport.request(
            "GET",
            f"{url}{path}?{words}",
            {"x-amz-content-sha256": EMPTY_SHA256},
            limit=CONTROL_BODY_MAX,
            stall=CONTROL_SECONDS,
        )
        _demand_here(reply)
        if not 200 <= reply.status < 300:
            raise from_reply(reply, what)
        return _plain(reply)

    def send(
        self,
        method: str,
        bucket: str,
        key: str,
        headers: Mapping[str, str],
        *,
        query: Mapping[str, str] | None = None,
        **more: Unpack[RequestDetails],
    ) -> Reply:
        """Make one request about an object; see `Transport.request`."""
        url = self.object_url(bucket, key)
        if query:
            url = f"{url}?{urlencode(query, quote_via=quote, safe='-_.~')}"
        if self._pace is not None:
            self._pace(method, bucket)
        return self.transport.request(method, url, headers, together=True, **more)

    @property
    def client(self) -> Any:  # noqa: ANN401 - botocore makes its clients at run time
        """The client for control calls, as boto3 has it, made when first used."""
        if self._client is None:
            self._client = self._make_client()
        return self._client

    def _make_client(self) -> Any:  # noqa: ANN401 - see above
        from botocore.config import Config

        with _MAKING:
            client = _session().create_client(
                "s3",
                endpoint_url=self.url,
                region_name=self._sign.region,
                aws_access_key_id=self._sign.access_key,
                aws_secret_access_key=self._sign.secret_key,
                aws_session_token=self._sign.token,
                config=Config(
                    signature_version="s3v4",
                    s3={"addressing_style": self._addressing, "payload_signing_enabled": True},
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                    retries={"total_max_attempts": 1, "mode": "standard"},
                    proxies={},
                    ignore_configured_endpoint_urls=True,
                    parameter_validation=False,
                ),
            )
        client.meta.events.register_first("before-send.s3", self._carry)
        client.meta.events.register("before-call.s3", _with_content_md5)
        return client

    def _carry(self, request: Any, **_: Any) -> Any:  # noqa: ANN401 - botocore's event
        """Send what botocore has signed, in its place: a reply given here is all it looks at."""
        from botocore.awsrequest import AWSResponse

        headers = {
            name: value.decode() if isinstance(value, bytes) else str(value)
            for name, value in request.headers.items()
            if name.lower() not in _OF_THE_CONNECTION
        }
        body = request.body if request.body is None else _bytes_of(request.body)
        if body is None and request.method in {"PUT", "POST"}:
            body = b""  # without a length some hosts wait, others refuse
        if self._pace is not None:
            self._pace(request.method, self._bucket_in(request.url))
        reply = self.transport.request(
            request.method,
            request.url,
            headers,
            body=None if body is None else memoryview(body),
            limit=CONTROL_BODY_MAX,
            signed=True,
            stall=CONTROL_SECONDS,
        )
        _demand_here(reply)
        return AWSResponse(request.url, reply.status, reply.headers, _Raw(_plain(reply)))

    def _bucket_in(self, url: str) -> str:
        parts, own = urlsplit(url), urlsplit(self.url)
        if parts.netloc != own.netloc:
            return parts.netloc.removesuffix(f".{own.netloc}")
        return unquote(parts.path.lstrip("/").split("/")[0])


def _demand_here(reply: Reply) -> None:
    if 300 <= reply.status < 400:
        raise Permanent(
            "the target redirects elsewhere; not followed",
            hint="check target.region and target.endpoint; nothing was sent on",
        )


_MAKING = threading.Lock()
"""Held while a client is made: a session makes one at a time."""


@cache
def _session() -> Any:  # noqa: ANN401 - see above
    """Return what makes clients, once a process, of nothing that is set outside.

    Of every setting that botocore knows it has neither the environment's nor a file's, only the
    default, and no model from a person's `~/.aws`. It holds no credential: each client has its own.
    """
    import botocore
    import botocore.session
    from botocore.loaders import Loader

    known = botocore.session.Session.SESSION_VARIABLES
    ambient = {name: (None, None, default, cast) for name, (*_, default, cast) in known.items()}
    for name in ("config_file", "credentials_file"):
        ambient[name] = (None, None, os.devnull, None)
    made = botocore.session.Session(session_vars=ambient)
    own = str(Path(botocore.__file__).with_name("data"))
    models = Loader(extra_search_paths=[own], include_default_search_paths=False)
    made.register_component("data_loader", models)
    made.get_component("config_store").set_config_variable("s3", {})
    return made


class _Raw(io.BytesIO):
    """A whole reply, read the way botocore reads one."""

    def stream(self, amount: int = 65_536, **_: Any) -> Iterator[bytes]:  # noqa: ANN401 - urllib3's
        while piece := self.read(amount):
            yield piece


_OF_THE_CONNECTION = frozenset(("content-length", "transfer-encoding", "expect", "host"))


def _bytes_of(body: Any) -> bytes:  # noqa: ANN401 - bytes, text or a file
    found = body.read() if hasattr(body, "read") else body
    return found.encode() if isinstance(found, str) else bytes(found)


def _with_content_md5(model: Any, params: Any, **_: Any) -> None:  # noqa: ANN401 - botocore's event
    """Send Content-MD5 where S3 demands a digest of the body, instead of botocore's CRC32.

    Every host knows Content-MD5; some refuse DeleteObjects, retention, versioning and other
    settings without it, and some refuse the CRC32 headers.
    """
    body = params.get("body")
    wanted = model.http_checksum_required or model.http_checksum.get("requestChecksumRequired")
    if wanted and isinstance(body, bytes):
        digest = hashlib.md5(body, usedforsecurity=False).digest()
        params["headers"]["Content-MD5"] = base64.b64encode(digest).decode()
        params["context"].pop("checksum", None)


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn botocore's exceptions into a `StorageError`; it names no object and no secret."""
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        if "botocore" in sys.modules:
            _translate(error, what)
        if isinstance(error, _NOT_UNDERSTOOD):
            # Numbers and times of a reply are read as they come; the words may hold anything.
            raise ShortRead(f"{what}: a reply that cannot be understood") from None
        raise


_NOT_UNDERSTOOD = (
    ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError, SyntaxError,
)  # fmt: skip
"""An `ET.ParseError` is a SyntaxError."""


def _translate(error: Exception, what: str) -> None:
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    if isinstance(error, ClientError):
        raise from_client_error(error, what) from error
    if isinstance(error, BotoCoreError):
        raise ConnectionLost(f"{what}: {type(error).__name__}") from error
    if isinstance(error, ResponseParserError):
        raise ShortRead(f"{what}: a reply that cannot be understood") from None


def from_client_error(error: Any, what: str) -> StorageError:  # noqa: ANN401 - ClientError
    """Return the error that a botocore ClientError means."""
    meta = error.response.get("ResponseMetadata", {})
    status = int(meta.get("HTTPStatusCode") or 0)
    code = word(str(error.response.get("Error", {}).get("Code", "")))
    wait = str(meta.get("HTTPHeaders", {}).get("retry-after", ""))
    return classified(code, status, what, pause(wait))


def from_reply(reply: Reply, what: str) -> StorageError:
    """Return the error that a reply of the data path means."""
    return classified(xml_code(reply.body), reply.status, what, reply.retry_after)


def classified(code: str, status: int, what: str, retry_after: float | None) -> StorageError:
    """Return the error that an S3 error code and HTTP status mean."""
    found = _classified(code, status, what, retry_after)
    found.code = "" if code.isdigit() else code  # botocore's word for a reply without one
    return found


def _classified(code: str, status: int, what: str, retry_after: float | None) -> StorageError:
    if (everybody := _of_everybody(code, status)) is not None:
        return everybody
    label = f"{what}: {code or 'no reason given'} (HTTP {status})"
    if code in _THROTTLED_CODES or status in _THROTTLED_STATUS:
        return Throttled(label, retry_after=retry_after)
    if code in _TRANSIENT_CODES or status in _TRANSIENT_STATUS or status < 300:
        return Transient(label, retry_after=retry_after)
    if code == "InvalidObjectState":
        return Unsupported(f"{label}: it lies in an archive class, restore it at the host first")
    if 300 <= status < 400:
        return Permanent(f"{what}: the target redirects elsewhere; not followed (HTTP {status})")
    return _PERMANENT.get(code, _PERMANENT.get(status, Permanent))(label)


def _of_everybody(code: str, status: int) -> Permanent | None:
    """Return the error of a reply that every other request would get as well, if it is one."""
    if code == "SignatureDoesNotMatch":
        return SignatureRefused(f"the target refuses the signature: {code}")
    if code in _TIME_CODES:
        return TimeRefused(f"the target refuses the time of the request: {code}")
    if code == "AuthorizationHeaderMalformed":
        return HostRefused(f"the target is in another region: {code}", hint=_REGION_HINT)
    if code in _AUTH_CODES or status == 401:
        return AuthFailed(f"the target refuses the credential: {code or status}")
    if code in _FULL_CODES or status == 507:
        return TargetFull(f"the target is full: {code or status}")
    return None


def xml_code(body: bytes) -> str:
    """Return the code of an S3 error reply, empty when it has none."""
    return word(markup.text_in(body, "{*}Code")) if body else ""


def _plain(reply: Reply) -> bytes:
    """Return the body of a control reply as botocore may make a tree of it.

    Raises:
        ShortRead: a success says what no host has a reason to say.
    """
    # What begins so is JSON, which some control calls answer, and no parser takes it for XML.
    if not reply.body or reply.body[:64].lstrip()[:1] in {b"{", b"["}:
        return reply.body
    try:
        markup.demand(reply.body, elements=CONTROL_ELEMENTS_MAX)
    except (markup.NotWhole, markup.Unwanted) as error:
        if 200 <= reply.status < 300:
            raise ShortRead(f"the target's reply cannot be read: {error}") from error
        return b""  # a page of a proxy in between, say: the status is what counts
    return reply.body
