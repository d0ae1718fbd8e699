"""What every S3 verb needs: addresses, two signed clients, and errors put into our words.

boto3 speaks for buckets, listings and multipart control; object bytes go through `Transport`.
Both ignore the host's ambient AWS settings, follow no redirect and leave retrying to the caller.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

from hdh_migrate.errors import (
    AccessDenied,
    AuthFailed,
    Conflict,
    ConnectionLost,
    Missing,
    Permanent,
    StorageError,
    Throttled,
    Transient,
    Unsupported,
)
from hdh_migrate.model import key_bytes
from hdh_migrate.transport import Reply, SigV4, Transport

CONTROL_SECONDS = 300

_AUTH_CODES = frozenset(
    ("ExpiredToken", "ExpiredTokenException", "InvalidToken", "InvalidAccessKeyId",
     "SignatureDoesNotMatch", "TokenRefreshRequired", "RequestTimeTooSkewed", "RequestExpired",
     "AuthorizationHeaderMalformed", "InvalidSecurity", "NotSignedUp", "AccountProblem")
)  # fmt: skip
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

    def __init__(self, url: str, *, addressing: str, sign: SigV4, transport: Transport) -> None:
        self.url = url.rstrip("/")
        self.transport = transport
        self._addressing = addressing
        self._sign = sign
        self._client: Any = None

    def object_url(self, bucket: str, key: str) -> str:
        """Return the address of an object, percent-encoded as Signature Version 4 wants it."""
        path = quote(key_bytes(key), safe="/-_.~")
        if self._addressing == "virtual" and "." not in bucket:  # a dot would break TLS
            parts = urlsplit(self.url)
            return f"{parts.scheme}://{bucket}.{parts.netloc}/{path}"
        return f"{self.url}/{quote(bucket)}/{path}"

    @property
    def client(self) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """The boto3 client for control calls, made when first used."""
        if self._client is None:
            self._client = self._make_client()
        return self._client

    def _make_client(self) -> Any:  # noqa: ANN401 - see above
        import boto3
        import botocore.session
        from botocore.config import Config

        unset: tuple[None, None, str | None, None] = (None, None, None, None)
        ambient = dict.fromkeys(("profile", "region", "ca_bundle"), unset)
        ambient |= dict.fromkeys(
            ("config_file", "credentials_file"), (None, None, os.devnull, None)
        )
        session = boto3.session.Session(
            botocore_session=botocore.session.Session(session_vars=ambient),
            aws_access_key_id=self._sign.access_key,
            aws_secret_access_key=self._sign.secret_key,
            aws_session_token=self._sign.token,
            region_name=self._sign.region,
        )
        client = session.client(
            "s3",
            endpoint_url=self.url,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": self._addressing, "payload_signing_enabled": True},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                retries={"total_max_attempts": 1, "mode": "standard"},
                connect_timeout=15,
                read_timeout=CONTROL_SECONDS,
                proxies={},
                ignore_configured_endpoint_urls=True,
                parameter_validation=False,
            ),
        )
        client.meta.events.register_first("needs-retry.s3", _refuse_redirect)
        return client


def _refuse_redirect(response: Any = None, **_: Any) -> None:  # noqa: ANN401 - botocore's event
    if response is not None and 300 <= response[0].status_code < 400:
        raise Permanent(
            "the target redirects elsewhere; not followed",
            hint="check target.region and target.endpoint; nothing was sent on",
        )


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn botocore's exceptions into ours; the message names no object and no secret."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise from_client_error(error, what) from error
    except BotoCoreError as error:
        raise ConnectionLost(f"{what}: {type(error).__name__}") from error


def from_client_error(error: Any, what: str) -> StorageError:  # noqa: ANN401 - ClientError
    """Return the error that a botocore ClientError means."""
    meta = error.response.get("ResponseMetadata", {})
    status = int(meta.get("HTTPStatusCode") or 0)
    code = str(error.response.get("Error", {}).get("Code", ""))
    wait = str(meta.get("HTTPHeaders", {}).get("retry-after", ""))
    return classified(code, status, what, float(wait) if wait.isdigit() else None)


def from_reply(reply: Reply, what: str) -> StorageError:
    """Return the error that a reply of the data path means."""
    return classified(_xml_code(reply.body), reply.status, what, reply.retry_after)


def classified(code: str, status: int, what: str, retry_after: float | None) -> StorageError:
    """Return the error that an S3 error code and HTTP status mean."""
    label = f"{what}: {code or 'no reason given'} (HTTP {status})"
    if code in _AUTH_CODES or status == 401:
        return AuthFailed(f"the target refuses the credential: {code or status}")
    if code in _THROTTLED_CODES or status in _THROTTLED_STATUS:
        return Throttled(label, retry_after=retry_after)
    if code in _TRANSIENT_CODES or status in _TRANSIENT_STATUS or status < 300:
        return Transient(label, retry_after=retry_after)
    if 300 <= status < 400:
        return Permanent(f"{what}: the target redirects elsewhere; not followed (HTTP {status})")
    return _PERMANENT.get(code, _PERMANENT.get(status, Permanent))(label)


def _xml_code(body: bytes) -> str:
    if not body or b"<!DOCTYPE" in body:
        return ""
    try:
        return ET.fromstring(body).findtext("{*}Code") or ""  # noqa: S314 - no DOCTYPE
    except ET.ParseError:
        return ""
