"""What a host says of itself is bounded in time, length and form, wherever it would be kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hdh_migrate.bounded import token, word
from hdh_migrate.errors import ConnectionLost, ListingBroken, ShortRead, StorageError, Transient
from hdh_migrate.model import Place, Stamp, Upload
from hdh_migrate.targets import conditions, s3, s3_pages
from hdh_migrate.targets.s3 import S3Writer
from hdh_migrate.targets.s3_endpoint import S3Endpoint
from hdh_migrate.transport import SigV4, Transport
from tests.support.blurting import Blurting, blurting
from tests.support.doors import loopback
from tests.support.fakes import LIMITS

pytestmark = pytest.mark.live

BODY = memoryview(b"hello")
UPLOAD = Upload(bucket="b", key="k", upload_id="u")
SECRET = "s3cr3t/of-ours"


@pytest.fixture(scope="module")
def server() -> Iterator[Blurting]:
    with blurting() as made:
        yield made


@pytest.fixture
def target(server: Blurting) -> S3Writer:
    sign = SigV4(region="r", access_key="k", secret_key=SECRET)
    transport = loopback(server.url, sign=sign)
    endpoint = S3Endpoint(server.url, addressing="path", sign=sign, transport=transport)
    return S3Writer(endpoint, LIMITS)


def says(server: Blurting, body: bytes, *, status: str = "200 OK", **headers: str) -> None:
    lines = [f"HTTP/1.1 {status}", "Connection: close", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    server.says = "\r\n".join([*lines, "", ""]).encode() + body


def put(target: S3Writer) -> object:
    return target.put("b", "k", BODY, sha256="0" * 64, stamp=Stamp(attempt="a"), replaces=None)


@pytest.mark.parametrize(
    "head",
    [
        "503 Slow\r\nContent-Length: 4611686018427387904\r\n\r\n",
        "200 OK\r\nContent-Length: 4611686018427387904\r\n\r\n",
        "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;",  # what follows is an extension's
        "404 None\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-T: ",
    ],
)
def test_what_is_announced_buys_no_time(server: Blurting, head: str) -> None:
    server.says = f"HTTP/1.1 {head}".encode() + b"x" * 60_000
    server.piece, server.pause = 100, 0.1  # it would take a minute
    transport = Transport(door=loopback(server.url).door, deadline=0.5 - 60)
    try:
        with pytest.raises(ConnectionLost, match="longer than its size allows"):
            transport.request("PUT", f"{server.url}/x", {}, stall=60, limit=4_096)
    finally:
        server.piece, server.pause = 65_536, 0.0


@pytest.mark.parametrize(
    "code",
    ["A" * 60_000, "DUPONT Jeanne", SECRET, "&#155;[31m", "&#8238;abc", "a\nb", "é"],
    ids=["long", "name", "secret", "escape", "bidi", "lines", "letters"],
)
def test_a_code_that_is_no_word_is_not_repeated(
    server: Blurting, target: S3Writer, code: str
) -> None:
    says(server, f"<Error><Code>{code}</Code></Error>".encode(), status="400 Bad")
    for act in (lambda: put(target), lambda: target.begin("b", "k", stamp=Stamp(attempt="a"))):
        with pytest.raises(StorageError, match=r"no reason given \(HTTP 400\)") as caught:
            act()
        assert len(str(caught.value)) < 100
        assert caught.value.code == ""


def test_words_and_names_of_hosts() -> None:
    for text in ("NoSuchKey", "Client.AuthFailure", "404", "x-y_z", "A" * 64):
        assert word(text) == text
    for text in ("", "a b", "-a", "A" * 65, "²", "a\x00", "a\n"):
        assert word(text) == ""
    assert token("e-1 x~") == "e-1 x~"
    assert [token(text) for text in ("", "a" * 1025, "a\x1b", "é", "a\n")] == [""] * 5


@pytest.mark.parametrize("etag", ["e" * 2_000, "e\x1b[2J", "\N{LATIN SMALL LETTER E WITH ACUTE}"])
def test_an_etag_that_cannot_be_sent_again_is_none(
    server: Blurting, target: S3Writer, etag: str
) -> None:
    says(server, b"", ETag=f'"{etag}"')
    with pytest.raises(Transient, match="without an ETag"):
        put(target)


def test_a_version_that_is_no_name_is_refused(server: Blurting, target: S3Writer) -> None:
    for version in ("v" * 2_000, "v\x1b[2J"):
        says(server, b"", ETag='"e"', x_amz_version_id=version)
        with pytest.raises(ShortRead, match="calls a version by what is no name"):
            put(target)


def test_a_mode_that_nobody_knows_is_not_repeated(server: Blurting, target: S3Writer) -> None:
    says(server, b"", ETag='"e"', x_amz_object_lock_mode="\x1b[31mGOVERNANCE")
    stored = target.head("b", "k")
    assert stored is not None
    assert stored.lock.mode == "unknown"


@pytest.mark.parametrize(
    "policy", ["[" * 100_000, '{"Statement":' + "[" * 100_000, '{"Statement":' + '{"a":' * 9_000]
)
def test_a_policy_that_is_a_trap_is_no_answer(
    server: Blurting, target: S3Writer, policy: str
) -> None:
    says(server, policy.encode())
    assert conditions._look("bucket-policy", target._endpoint, "b", "r", demand=False)[0] is None


def test_what_stands_in_evidence_of_a_bucket_is_a_name(server: Blurting, target: S3Writer) -> None:
    for text in ("R" * 900_000, "fr\u202e", "a b"):
        says(server, f"<LocationConstraint>{text}</LocationConstraint>".encode())
        value, seen = conditions._look("region", target._endpoint, "b", "r", demand=False)
        assert (value, seen) == (None, "no answer that can be understood")


def test_parts_that_cannot_be_numbered_are_no_parts(server: Blurting, target: S3Writer) -> None:
    part = "<Part><PartNumber>1000000</PartNumber><Size>1</Size><ETag>x</ETag></Part>"
    says(server, f"<ListPartsResult>{part}</ListPartsResult>".encode())
    with pytest.raises(ListingBroken):
        target.parts(UPLOAD)


def test_uploads_without_end_are_not_kept(
    server: Blurting, target: S3Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "UPLOADS_MAX_BYTES", 50 * s3.ENTRY_BYTES)
    upload = (
        "<Upload><Key>k</Key><UploadId>{}</UploadId>"
        "<Initiated>2026-01-01T00:00:00Z</Initiated></Upload>"
    )
    body = "".join(upload.format(number) for number in range(60))
    says(server, f"<ListMultipartUploadsResult>{body}</ListMultipartUploadsResult>".encode())
    with pytest.raises(ListingBroken, match="more open uploads than can be looked at"):
        list(target.open_uploads(Place(bucket="b", prefix="")))


def test_pages_without_entries_end() -> None:
    asked = []

    def ask(more: object) -> dict[str, object]:
        asked.append(more)
        return {"IsTruncated": True, "NextKeyMarker": str(len(asked))}

    with pytest.raises(ListingBroken, match="does not go on"):
        list(s3_pages.uploads_asked(ask))
    assert len(asked) == s3_pages.BARREN_MAX


@pytest.mark.parametrize("scheme", ['Basic realm="x"', 'Digest realm="x", nonce="y"', "NTLM"])
def test_no_other_way_of_proving_who_we_are_is_tried(
    server: Blurting, target: S3Writer, scheme: str
) -> None:
    says(server, b"", status="401 No", WWW_Authenticate=scheme)
    with pytest.raises(StorageError, match="refuses the credential"):
        put(target)
    assert server.heard.count(b"PUT ") == 1
    assert b"AWS4-HMAC-SHA256" in server.heard
    assert SECRET.encode() not in server.heard
