"""Nothing that a store says makes an adapter raise anything but a storage error.

Every method of every adapter of a store, against a server that says whatever hypothesis thinks of:
headers that adapters look at, with numbers and dates that are none, and bodies that are XML, almost
XML, or nothing of the kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hdh_migrate.errors import StorageError
from hdh_migrate.model import FREEZE_TRIAL, Lock, ObjectInfo, Place, Span, Stamp, Stored, Upload
from hdh_migrate.sources.azure_account import AzureAccount
from hdh_migrate.sources.azure_blob import AzureBlobSource
from hdh_migrate.sources.azure_credentials import SasAuthorizer
from hdh_migrate.sources.azure_eraser import AzureEraser
from hdh_migrate.sources.azure_freeze import AzureFreezeProbe
from hdh_migrate.targets.s3 import S3Writer
from hdh_migrate.targets.s3_endpoint import S3Endpoint
from hdh_migrate.transport import SigV4
from tests.support.blurting import Blurting, blurting
from tests.support.doors import loopback
from tests.support.fakes import LIMITS

pytestmark = pytest.mark.live

PLACE = Place(bucket="b", prefix="p/")
BLOB = ObjectInfo(key="p/k", size=5, version="v")
STORED = Stored(key="p/k", size=5, etag="e", version_id="1")
UPLOAD = Upload(bucket="b", key="p/k", upload_id="u")
STAMP = Stamp(
    attempt="a", tags={"t": "1"}, lock=Lock(mode="governance", until="2030-01-01T00:00:00Z")
)
BODY = memoryview(b"hello")
LOCK = Lock(mode="compliance", until="2031-01-01T00:00:00Z", hold=True)

Act = Callable[[Any], object]
SOURCE: dict[str, Act] = {
    "pages": lambda s: list(s.pages(PLACE)),
    "recount": lambda s: list(s.recount(PLACE)),
    "check": lambda s: s.check(PLACE),
    "check with digests": lambda s: s.check(PLACE, checked=True),
    "head": lambda s: s.head(PLACE, "p/k"),
    "head, then read": lambda s: s.read(PLACE, s.head(PLACE, "p/k"), Span(0, 1), len),
    "read": lambda s: s.read(PLACE, BLOB, Span(1, 3), len),
    "read with a digest": lambda s: s.read(PLACE, BLOB, Span(0, 5), len, checked=True),
    "read nothing": lambda s: s.read(PLACE, BLOB, Span(0, 0), len),
}
ERASER: dict[str, Act] = {
    "erase": lambda e: e.erase(PLACE, "p/k", "v"),
    "remnants": lambda e: list(e.remnants(PLACE)),
}
FREEZE: dict[str, Act] = {
    "probe": lambda f: f.probe(PLACE, f"p/{FREEZE_TRIAL}1"),
    "clear": lambda f: f.clear(PLACE, f"p/{FREEZE_TRIAL}1"),
}
TARGET: dict[str, Act] = {
    "check": lambda t: t.check(PLACE),
    "locks": lambda t: t.locks(PLACE),
    "default_retention": lambda t: t.default_retention(PLACE),
    "lock": lambda t: t.lock("b", STORED),
    "tags": lambda t: t.tags("b", STORED),
    "keys": lambda t: list(t.keys(PLACE)),
    "head": lambda t: t.head("b", "p/k"),
    "read": lambda t: t.read("b", STORED, None, len),
    "read a span": lambda t: t.read("b", STORED, Span(1, 2), len),
    "put": lambda t: t.put("b", "p/k", BODY, sha256="0" * 64, stamp=STAMP, replaces=None),
    "replace": lambda t: t.put("b", "p/k", BODY, sha256="0" * 64, stamp=STAMP, replaces="e"),
    "retain": lambda t: t.retain("b", STORED, LOCK),
    "tag": lambda t: t.tag("b", STORED, {"a": "b"}),
    "begin": lambda t: t.begin("b", "p/k", stamp=STAMP),
    "put_part": lambda t: t.put_part(UPLOAD, 1, BODY, sha256="0" * 64),
    "stream_part": lambda t: t.stream_part(UPLOAD, 1, 5, lambda size: bytes(BODY[:size])),
    "parts": lambda t: t.parts(UPLOAD),
    "complete": lambda t: t.complete(UPLOAD, [(1, "e")], size=5, attempt="a", replaces=None),
    "abort": lambda t: t.abort(UPLOAD),
    "open_uploads": lambda t: list(t.open_uploads(PLACE)),
}

NUMBERS = ["", "0", "1", "5", "-1", "+1", "²", "٣", "1_0", "1e400", "nan", "0x10", " 5", "5" * 5000,
           str(1 << 63), str(1 << 64)]  # fmt: skip
DATES = ["", "x", "2030-13-45T99:99:99Z", "2030-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59",
         "9999-12-31T23:59:59-23:59", "Tue, 03 Mar 2026 08:00:00 GMT", "Mon, 99 Foo 99999 1:1",
         "Tue, 31 Feb 2026 08:00:00 GMT", "٢٠٢٦", "1" * 5000, "1000000000000000"]  # fmt: skip
WORDS = ["", "true", "false", "ON", "COMPLIANCE", "null", "v", "e", '"v"', "\x01", "é", "a" * 3000]
STATUSES = ["200 OK", "206 Partial", "201 Created", "202 Accepted", "204 None", "301 Moved",
            "400 Bad", "403 Forbidden", "404 Not Found", "409 Conflict", "412 Failed", "416 Range",
            "500 Error", "503 Slow"]  # fmt: skip
HEADERS = {
    "Content-Length": NUMBERS, "Retry-After": NUMBERS, "x-amz-tagging-count": NUMBERS,
    "Content-Range": ["bytes 1-3/5", "bytes 0-4/5", "bytes 1-3/²", "bytes */" + "9" * 5000, ""],
    "Last-Modified": DATES, "x-amz-object-lock-retain-until-date": DATES, "Date": DATES,
    "x-amz-object-lock-mode": WORDS, "x-amz-object-lock-legal-hold": WORDS,
    "ETag": WORDS, "x-amz-version-id": WORDS, "x-amz-meta-hdh-attempt": WORDS,
    "Content-MD5": [*WORDS, "====", "AAAAAAAAAAAAAAAAAAAAAA=="], "x-ms-error-code": WORDS,
    "x-ms-blob-type": WORDS, "Transfer-Encoding": ["chunked", "gzip"],
}  # fmt: skip
TAGS = [
    *("Blob", "Blobs", "Name", "Properties", "Etag", "Content-Length", "Last-Modified", "Metadata"),
    *("NextMarker", "EnumerationResults", "Code", "Error", "Deleted", "RemainingRetentionDays"),
    *("ListBucketResult", "Contents", "Key", "Size", "ETag", "IsTruncated", "KeyCount", "MaxKeys"),
    *("NextContinuationToken", "ListPartsResult", "Part", "PartNumber", "MaxParts", "Upload"),
    *("ListMultipartUploadsResult", "UploadId", "Initiated", "NextKeyMarker", "MaxUploads"),
    *("Retention", "Mode", "RetainUntilDate", "LegalHold", "Status", "Tagging", "TagSet", "Tag"),
    *("Value", "ObjectLockConfiguration", "ObjectLockEnabled", "InitiateMultipartUploadResult"),
]
ROOTS = ["EnumerationResults", "ListBucketResult", "ListPartsResult", "ListMultipartUploadsResult",
         "Retention", "LegalHold", "Tagging", "ObjectLockConfiguration", "Error",
         "InitiateMultipartUploadResult", "CompleteMultipartUploadResult"]  # fmt: skip

leaf = st.one_of(
    st.sampled_from([*NUMBERS, *DATES, *WORDS]).map(lambda t: t.replace("\x01", "")),
    st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="<&"), max_size=8),
)


def element(tag: str, inside: str) -> str:
    return f"<{tag}>{inside}</{tag}>"


node = st.recursive(
    st.builds(element, st.sampled_from(TAGS), leaf),
    lambda inner: st.builds(
        element, st.sampled_from(TAGS), st.lists(inner, max_size=4).map("".join)
    ),
    max_leaves=12,
)
document = st.builds(
    lambda head, root, nodes, tail: f"{head}<{root}>{''.join(nodes)}</{root}>{tail}".encode(),
    st.sampled_from(
        ["", "", '<?xml version="1.0" encoding="utf-8"?>', '<?xml version="1.0" encoding="utf-7"?>',
         "<!DOCTYPE a [<!ENTITY b 'c'>]>", "\ufeff"]
    ),
    st.sampled_from(ROOTS),
    st.lists(node, max_size=6),
    st.sampled_from(["", "", "<", "x"]),
)  # fmt: skip
body = st.one_of(
    document,
    document.map(lambda text: text.decode().encode("utf-16")),
    st.binary(max_size=60),
    st.sampled_from(
        [b"", b"hello", b"ell", b"{}", b"[" * 5000, b"<a>" * 50_000, b"<a " + b"b='' " * 9000]
    ),
)
head = st.lists(
    st.sampled_from(sorted(HEADERS)).flatmap(
        lambda name: st.tuples(st.just(name), st.sampled_from(HEADERS[name]))
    ),
    max_size=6,
)


@pytest.fixture(scope="module")
def server() -> Iterator[Blurting]:
    with blurting() as made:
        yield made


def told(server: Blurting, status: str, headers: list[tuple[str, str]], content: bytes) -> None:
    lines = [f"HTTP/1.1 {status}", "Connection: close", *(f"{n}: {v}" for n, v in headers), "", ""]
    server.says = "\r\n".join(lines).encode("utf-8", "replace") + content


def survives(act: Callable[[], object]) -> None:
    try:
        act()
    except StorageError:
        return


hostile = settings(deadline=None, max_examples=200, suppress_health_check=list(HealthCheck))
said = (st.sampled_from(STATUSES), head, body)


def account(server: Blurting) -> AzureAccount:
    return AzureAccount(server.url, SasAuthorizer("sv=1&sig=x"), loopback(server.url))


@hostile
@given(st.sampled_from(sorted(SOURCE)), *said)
@example("pages", "200 OK", [], b"<EnumerationResults><Blobs><Blob><Name>a</Name><Properties>"
         b"<Content-Length>" + b"5" * 5000 + b"</Content-Length></Properties></Blob></Blobs>"
         b"<NextMarker/></EnumerationResults>")  # fmt: skip
@example("head, then read", "206 Partial", [("ETag", '"v\x00\x01"'), ("Content-Length", "5")], b"")
def test_a_source(
    server: Blurting, name: str, status: str, headers: list[tuple[str, str]], content: bytes
) -> None:
    told(server, status, headers, content)
    source = AzureBlobSource(account(server))
    survives(lambda: SOURCE[name](source))


@hostile
@given(st.sampled_from(sorted(ERASER)), *said)
@example("remnants", "200 OK", [], b"<EnumerationResults><Blobs><Blob><Name>a</Name><Deleted>true"
         b"</Deleted><Properties><RemainingRetentionDays>\xc2\xb2</RemainingRetentionDays>"
         b"</Properties></Blob></Blobs><NextMarker/></EnumerationResults>")  # fmt: skip
def test_an_eraser(
    server: Blurting, name: str, status: str, headers: list[tuple[str, str]], content: bytes
) -> None:
    told(server, status, headers, content)
    eraser = AzureEraser(account(server))
    survives(lambda: ERASER[name](eraser))


@hostile
@given(st.sampled_from(sorted(FREEZE)), *said)
def test_a_freeze_probe(
    server: Blurting, name: str, status: str, headers: list[tuple[str, str]], content: bytes
) -> None:
    told(server, status, headers, content)
    probe = AzureFreezeProbe(account(server))
    survives(lambda: FREEZE[name](probe))


@pytest.fixture(scope="module")
def target(server: Blurting) -> S3Writer:
    sign = SigV4(region="r", access_key="k", secret_key="s")
    transport = loopback(server.url, sign=sign)
    endpoint = S3Endpoint(server.url, addressing="path", sign=sign, transport=transport)
    return S3Writer(endpoint, LIMITS)


HELD = [("Content-Length", "5")]
UNTIL = "x-amz-object-lock-retain-until-date"


def xml(*tags: str, inside: str = "") -> bytes:
    for tag in reversed(tags):
        inside = element(tag, inside)
    return inside.encode()


@settings(hostile, max_examples=400)
@given(st.sampled_from(sorted(TARGET)), *said)
@example("head", "200 OK", [(UNTIL, "x"), *HELD], b"")
@example("head", "200 OK", [("x-amz-tagging-count", "٣"), *HELD], b"")
@example("parts", "200 OK", [], xml("ListPartsResult", "Part", "Size", inside="5"))
@example("keys", "200 OK", [], xml("ListBucketResult", "Contents", "Key", inside="k"))
@example("open_uploads", "200 OK", [], xml("ListMultipartUploadsResult", "Upload"))
@example("lock", "200 OK", [], xml("Retention", "RetainUntilDate", inside=DATES[4]))
@example("tags", "200 OK", [], xml("Tagging", "TagSet", "Tag", "Value", inside="1"))
@example("abort", "206 Partial", [], b"{")
def test_a_target(
    server: Blurting, target: S3Writer, name: str, status: str,
    headers: list[tuple[str, str]], content: bytes,
) -> None:  # fmt: skip
    told(server, status, headers, content)
    survives(lambda: TARGET[name](target))
