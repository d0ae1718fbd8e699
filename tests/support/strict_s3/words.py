"""Requests, replies, errors and XML, as S3 words them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"

_STATUS = {
    "AccessDenied": 403, "AuthorizationHeaderMalformed": 400, "BadDigest": 400,
    "BucketAlreadyOwnedByYou": 409, "BucketNotEmpty": 409, "ConditionalRequestConflict": 409,
    "EntityTooLarge": 400, "EntityTooSmall": 400, "IncompleteBody": 400, "InvalidAccessKeyId": 403,
    "InvalidArgument": 400, "InvalidDigest": 400, "InvalidPart": 400, "InvalidPartOrder": 400,
    "InvalidRange": 416, "InvalidRequest": 400, "InvalidTag": 400, "KeyTooLongError": 400,
    "InternalError": 500, "InvalidURI": 400, "InvalidBucketState": 409,
    "InvalidObjectState": 403,
    "MalformedXML": 400, "MalformedPolicy": 400, "MetadataTooLarge": 400, "MethodNotAllowed": 405,
    "MissingContentLength": 411, "NoSuchBucket": 404, "NoSuchBucketPolicy": 404, "NoSuchKey": 404,
    "NoSuchLifecycleConfiguration": 404, "NoSuchObjectLockConfiguration": 404,
    "NoSuchTagSet": 404, "NoSuchUpload": 404, "NoSuchVersion": 404, "NotImplemented": 501,
    "ObjectLockConfigurationNotFoundError": 404, "PermanentRedirect": 301,
    "PreconditionFailed": 412, "ReplicationConfigurationNotFoundError": 404,
    "RequestTimeTooSkewed": 403,
    "ServerSideEncryptionConfigurationNotFoundError": 404, "SignatureDoesNotMatch": 403,
    "SlowDown": 503, "XAmzContentSHA256Mismatch": 400,
}  # fmt: skip


class S3Error(Exception):
    """An error reply."""

    def __init__(self, code: str, message: str = "", **headers: str) -> None:
        super().__init__(message or code)
        self.code = code
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    @property
    def reply(self) -> Reply:
        return self.said({})

    def said(self, words: Mapping[str, tuple[int, str]]) -> Reply:
        """Return the reply of a server that has other words for some errors."""
        status, code = words.get(self.code, (_STATUS[self.code], self.code))
        body = document("Error", {"Code": code, "Message": str(self)}, namespace=None)
        headers = {"Content-Type": "application/xml", **self.headers}
        return Reply(status, headers, body)


@dataclass(slots=True)
class Request:
    """One request with its whole body, already undone from any aws-chunked framing."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    bucket: str = ""
    key: str = ""
    params: dict[str, str] = field(default_factory=dict)
    operation: str = ""

    @property
    def metadata(self) -> dict[str, str]:
        return {k[11:]: v for k, v in self.headers.items() if k.startswith("x-amz-meta-")}

    def xml(self, root: str) -> ET.Element:
        """Return the body as XML of this root, without namespaces."""
        try:
            found = ET.fromstring(self.body)
        except ET.ParseError as error:
            raise S3Error("MalformedXML") from error
        for element in found.iter():
            element.tag = element.tag.rpartition("}")[2]
        if found.tag != root:
            raise S3Error("MalformedXML", f"expected {root}")
        return found


@dataclass(slots=True)
class Reply:
    """One reply; a HEAD keeps the Content-Length of the body that it does not send."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | memoryview = b""


def document(root: str, value: Mapping[str, Any], *, namespace: str | None = NAMESPACE) -> bytes:
    """Return an XML document; lists repeat their element, None leaves it out."""
    attribute = f' xmlns="{namespace}"' if namespace else ""
    inner = _inner(value)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}{attribute}>{inner}</{root}>'.encode()


def xml(root: str, value: Mapping[str, Any]) -> Reply:
    return Reply(200, {"Content-Type": "application/xml"}, document(root, value))


def _inner(value: Any) -> str:
    if isinstance(value, Mapping):
        return "".join(_element(name, inner) for name, inner in value.items())
    if isinstance(value, bool):
        return str(value).lower()
    return _text(str(value))


def _text(value: str) -> str:
    """Escape what XML can say; servers do no better with what it cannot."""
    return "".join(c if c in "\t\n" or ord(c) >= 32 else f"&#{ord(c)};" for c in escape(value))


def _element(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return "".join(_element(name, one) for one in value)
    return f"<{name}>{_inner(value)}</{name}>"
