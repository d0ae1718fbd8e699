"""AWS Signature Version 4 as a judge: of headers, of the payload's digest, of chunked trailers."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from tests.support.strict_s3.manner import Manner
from tests.support.strict_s3.words import S3Error

SKEW_SECONDS = 900
UNSIGNED = "UNSIGNED-PAYLOAD"
TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


class Judge:
    """Knows one access key."""

    def __init__(self, manner: Manner, *, access_key: str, secret_key: str, region: str) -> None:
        self._manner = manner
        self._access_key = access_key
        self._region = region
        self._key = lru_cache(maxsize=8)(lambda date: _signing_key(secret_key, date, region))

    def admit(
        self, method: str, path: str, query: str, headers: Mapping[str, str], now: datetime
    ) -> None:
        """Refuse a request that is not signed by our key, now, for this region."""
        if not self._manner.checks_signature:
            return
        scheme, _, rest = headers.get("authorization", "").partition(" ")
        if scheme != "AWS4-HMAC-SHA256":
            raise S3Error("AccessDenied", "no version 4 signature")
        fields = {
            name.strip(): value.strip()
            for name, _, value in (field.partition("=") for field in rest.split(","))
        }
        try:
            access_key, date, region, service, kind = fields["Credential"].split("/")
            names, signature = fields["SignedHeaders"].split(";"), fields["Signature"]
        except (KeyError, ValueError) as error:
            raise S3Error("AuthorizationHeaderMalformed") from error
        if access_key != self._access_key:
            raise S3Error("InvalidAccessKeyId")
        if (region, service, kind) != (self._region, "s3", "aws4_request"):
            raise S3Error(
                "AuthorizationHeaderMalformed", f"the region is wrong; expecting '{self._region}'"
            )
        self._timely(headers, date, now)
        unsigned = [n for n in headers if n.startswith("x-amz-") and n not in names]
        if "host" not in names or unsigned:
            raise S3Error("AccessDenied", "there are headers that are not signed")
        request = "\n".join((
            method,
            quote(unquote_to_bytes(path), safe="/-_.~"),
            _canonical_query(query),
            "".join(f"{n}:{' '.join(headers.get(n, '').split())}\n" for n in names),
            ";".join(names),
            headers.get("x-amz-content-sha256", ""),
        ))  # fmt: skip
        told = "\n".join((
            scheme, headers["x-amz-date"], f"{date}/{region}/s3/aws4_request",
            hashlib.sha256(request.encode("utf-8", "surrogateescape")).hexdigest(),
        ))  # fmt: skip
        expected = hmac.new(self._key(date), told.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, signature):
            raise S3Error("SignatureDoesNotMatch")

    @staticmethod
    def _timely(headers: Mapping[str, str], date: str, now: datetime) -> None:
        try:
            stamp = headers.get("x-amz-date", "")
            at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError as error:
            raise S3Error("AccessDenied", "no valid x-amz-date") from error
        if abs((now - at).total_seconds()) > SKEW_SECONDS or stamp[:8] != date:
            raise S3Error("RequestTimeTooSkewed")

    def content(self, headers: Mapping[str, str], body: bytes) -> bytes:
        """Return the body's content after checking every digest that came with it."""
        manner, told = self._manner, headers.get("x-amz-content-sha256")
        trailers: dict[str, str] = {}
        if told is None and manner.checks_signature:
            raise S3Error("InvalidRequest", "x-amz-content-sha256 is missing")
        if told is not None and told.startswith("STREAMING-"):
            if manner.trailers == "refused" or told != TRAILER:
                raise S3Error("NotImplemented", f"{told} is not supported")
            if manner.trailers == "verified":
                body, trailers = _unchunked(body)
                if str(len(body)) != headers.get("x-amz-decoded-content-length"):
                    raise S3Error("IncompleteBody")
        elif told == UNSIGNED:
            if not manner.unsigned_payload:
                raise S3Error("XAmzContentSHA256Mismatch", "the payload must be signed")
        elif told and manner.checks_sha256 and hashlib.sha256(body).hexdigest() != told:
            raise S3Error("XAmzContentSHA256Mismatch")
        self._digests({**headers, **trailers}, body)
        return body

    def _digests(self, headers: Mapping[str, str], body: bytes) -> None:
        md5 = headers.get("content-md5")
        if md5 is not None and self._manner.checks_md5:
            if len(_decoded(md5)) != 16:
                raise S3Error("InvalidDigest")
            if _decoded(md5) != hashlib.md5(body).digest():
                raise S3Error("BadDigest")
        algorithm = headers.get("x-amz-sdk-checksum-algorithm", "").lower()
        if algorithm and algorithm not in self._manner.checksums:
            raise S3Error("InvalidRequest", "the checksum algorithm is not supported")
        for name, digest in CHECKSUMS.items():
            value = headers.get(f"x-amz-checksum-{name}")
            if value is None or name not in self._manner.checksums:
                continue
            if _decoded(value) != digest(body):
                raise S3Error("BadDigest", f"the {name} differs")


def _signing_key(secret: str, date: str, region: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for word in (date, region, "s3", "aws4_request"):
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    return key


def _canonical_query(query: str) -> str:
    pairs = []
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        pairs.append(tuple(quote(unquote_to_bytes(part), safe="-_.~") for part in (name, value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise S3Error("InvalidDigest") from error


def _unchunked(body: bytes) -> tuple[bytes, dict[str, str]]:
    """Return the content and the trailers of an aws-chunked body."""
    content, at = bytearray(), 0
    try:
        while True:
            end = body.index(b"\r\n", at)
            size = int(body[at:end].split(b";")[0], 16)
            at = end + 2
            if size == 0:
                break
            content += body[at : at + size]
            at += size + 2
    except ValueError as error:
        raise S3Error("IncompleteBody") from error
    lines = body[at:].decode("latin-1").split("\r\n")
    trailers = dict(line.split(":", 1) for line in lines if ":" in line)
    return bytes(content), {name.lower(): value.strip() for name, value in trailers.items()}


def _entry(value: int, polynomial: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (polynomial if value & 1 else 0)
    return value


def _crc(polynomial: int, width: int) -> Callable[[bytes], bytes]:
    """Return a reflected CRC, bit by bit from its definition: slow, and nobody else's code."""
    table, ones = [_entry(n, polynomial) for n in range(256)], (1 << width) - 1

    def digest(data: bytes) -> bytes:
        value = ones
        for byte in data:
            value = table[(value ^ byte) & 255] ^ value >> 8
        return (value ^ ones).to_bytes(width // 8, "big")

    return digest


CHECKSUMS: Mapping[str, Callable[[bytes], bytes]] = {
    "crc32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "crc32c": _crc(0x82F63B78, 32),
    "crc64nvme": _crc(0x9A6C9329AC4BC9B5, 64),
    "sha1": lambda data: hashlib.sha1(data).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
}
