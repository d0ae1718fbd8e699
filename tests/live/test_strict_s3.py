"""The strict server is strict: what it would let pass, no test against it could find."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from hdh_migrate.targets.probing.checksums import CHECKSUMS as OURS
from hdh_migrate.transport import Reply, SigV4
from tests.support.doors import loopback
from tests.support.fixtures import s3_client
from tests.support.strict_s3 import Manner, StrictS3
from tests.support.strict_s3.signing import CHECKSUMS

pytestmark = pytest.mark.live

BODY = b"0123456789" * 10
WRONG = hashlib.sha256(b"other").hexdigest()


@pytest.fixture
def server() -> Iterator[StrictS3]:
    with StrictS3() as server:
        client = s3_client(server)
        client.create_bucket(Bucket="plain")
        client.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
        client.close()
        yield server


@pytest.fixture
def s3(server: StrictS3) -> Iterator[Any]:
    client = s3_client(server)
    yield client
    client.close()


def put(server: StrictS3, key: str = "k", body: bytes = BODY, **more: Any) -> Reply:
    """PUT with headers as given; `sign` replaces the right credential."""
    sign = more.pop("sign", None) or SigV4(
        region=server.region, access_key=server.access_key, secret_key=server.secret_key
    )
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    headers = {"x-amz-content-sha256": hashlib.sha256(body).hexdigest(), **headers}
    url = f"{server.endpoint}/plain/{key}"
    return loopback(url, sign=sign).request("PUT", url, headers, body=memoryview(body))


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


@pytest.mark.parametrize("known", [CHECKSUMS, OURS])
def test_checksums_have_their_published_check_values(known: Any) -> None:
    """The catalogue of CRC parameters gives the CRC of "123456789" for each."""
    told = {name: known[name](b"123456789").hex() for name in ("crc32", "crc32c", "crc64nvme")}
    assert told == {"crc32": "cbf43926", "crc32c": "e3069283", "crc64nvme": "ae8b14860a799888"}


def test_signatures_are_checked(server: StrictS3) -> None:
    good = SigV4(region=server.region, access_key=server.access_key, secret_key=server.secret_key)
    assert put(server).status == 200
    assert b"SignatureDoesNotMatch" in put(server, sign=replace(good, secret_key="wrong")).body
    assert b"InvalidAccessKeyId" in put(server, sign=replace(good, access_key="wrong")).body
    assert b"AuthorizationHeaderMalformed" in put(server, sign=replace(good, region="sbg")).body
    anonymous = loopback(server.endpoint).request("GET", f"{server.endpoint}/plain/k", {})
    assert anonymous.status == 403


def test_a_signature_covers_odd_names_and_virtual_hosts(server: StrictS3) -> None:
    assert put(server, "%C3%A9t%C3%A9%20100%25%2B~").status == 200
    assert list(server.store.buckets["plain"].objects) == ["été 100%+~"]
    sign = SigV4(region=server.region, access_key=server.access_key, secret_key=server.secret_key)
    reply = loopback(server.endpoint, sign=sign).request(
        "GET", f"{server.endpoint}/%C3%A9t%C3%A9%20100%25%2B~",
        {"Host": f"plain.127.0.0.1:{server.endpoint.rpartition(':')[2]}",
         "x-amz-content-sha256": hashlib.sha256(b"").hexdigest()},
    )  # fmt: skip
    assert (reply.status, reply.body) == (200, BODY)


def test_every_digest_is_checked(server: StrictS3) -> None:
    assert b"XAmzContentSHA256Mismatch" in put(server, x_amz_content_sha256=WRONG).body
    md5 = base64.b64encode(hashlib.md5(BODY).digest()).decode()
    other = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    assert put(server, content_md5=md5).status == 200
    assert b"BadDigest" in put(server, content_md5=other).body
    assert b"InvalidDigest" in put(server, content_md5="bm8=").body
    for name, digest in OURS.items():
        header = f"x_amz_checksum_{name}"
        right, wrong = (base64.b64encode(digest(b)).decode() for b in (BODY, b"other"))
        assert put(server, **{header: right}).status == 200, name
        assert put(server, **{header: wrong}).status == 400, name


def test_an_access_key_arrives_as_it_is() -> None:
    """libcurl signs with a key that is percent-encoded; hosts have projects behind theirs."""
    with StrictS3(project="@50a526f2:c070+=") as server:
        client = s3_client(server)
        client.create_bucket(Bucket="plain")
        client.close()
        assert put(server, x_amz_meta_a="two  words", x_amz_tagging="a=b%20c").status == 200
        sign = SigV4(region="us-east-1", access_key=server.access_key, secret_key="wrong")
        assert b"SignatureDoesNotMatch" in put(server, sign=sign).body


@pytest.mark.parametrize(
    ("trailers", "crc", "status", "kept"),
    [
        ("verified", zlib.crc32(BODY), 200, BODY),
        ("verified", 1, 400, None),
        ("refused", zlib.crc32(BODY), 501, None),
    ],
)
def test_chunked_trailers_are_taken_by_manner(
    server: StrictS3, trailers: Any, crc: int, status: int, kept: bytes | None
) -> None:
    server.behave(Manner(trailers=trailers))
    value = base64.b64encode(crc.to_bytes(4, "big"))
    body = b"64\r\n" + BODY + b"\r\n0\r\nx-amz-checksum-crc32:" + value + b"\r\n\r\n"
    reply = put(
        server, body=body, x_amz_content_sha256="STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        x_amz_decoded_content_length=str(len(BODY)), x_amz_trailer="x-amz-checksum-crc32",
    )  # fmt: skip
    assert reply.status == status
    held = server.store.buckets["plain"].current("k")
    assert (held.body if held else None) == kept


def test_an_etag_in_quotes_is_not_known_again_where_they_are_no_part_of_it() -> None:
    with StrictS3(Manner(quoting="bare", bare_etags=True)) as server:
        client = s3_client(server)
        client.create_bucket(Bucket="plain")
        client.close()
        tag = put(server).headers["etag"]
        assert '"' not in tag
        assert [put(server, if_match=told).status for told in (f'"{tag}"', tag)] == [412, 200]


def test_conditions_are_kept(s3: Any) -> None:
    tag = s3.put_object(Bucket="plain", Key="k", Body=BODY, IfNoneMatch="*")["ETag"]
    for condition in ({"IfNoneMatch": "*"}, {"IfMatch": '"0"'}):
        with pytest.raises(ClientError) as error:
            s3.put_object(Bucket="plain", Key="k", Body=b"2", **condition)
        assert code(error) == "PreconditionFailed"
    s3.put_object(Bucket="plain", Key="k", Body=b"2", IfMatch=tag)
    upload = s3.create_multipart_upload(Bucket="plain", Key="k")["UploadId"]
    part = s3.upload_part(Bucket="plain", Key="k", UploadId=upload, PartNumber=1, Body=b"p")
    done = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    with pytest.raises(ClientError) as error:
        s3.complete_multipart_upload(
            Bucket="plain", Key="k", UploadId=upload, MultipartUpload=done, IfNoneMatch="*"
        )
    assert code(error) == "PreconditionFailed"


def test_completions_are_strict(s3: Any) -> None:
    where = {"Bucket": "plain", "Key": "k"}
    upload = s3.create_multipart_upload(**where)["UploadId"]
    tags = {
        number: s3.upload_part(**where, UploadId=upload, PartNumber=number, Body=body)["ETag"]
        for number, body in ((3, b"end"), (1, b"a" * (5 << 20)), (2, b"small"))
    }

    def complete(*numbers: int, **tag: str) -> Any:
        parts = [{"PartNumber": n, "ETag": tag.get(f"_{n}", tags[n])} for n in numbers]
        return s3.complete_multipart_upload(
            **where, UploadId=upload, MultipartUpload={"Parts": parts}
        )

    for numbers, tag, wanted in (
        ((), {}, "MalformedXML"),
        ((3, 1), {}, "InvalidPartOrder"),
        ((1, 2, 3), {}, "EntityTooSmall"),
        ((1, 3), {"_3": '"0"'}, "InvalidPart"),
    ):
        with pytest.raises(ClientError) as error:
            complete(*numbers, **tag)
        assert code(error) == wanted
    assert complete(1, 3)["ETag"] == complete(1, 3)["ETag"]
    assert s3.head_object(**where)["ContentLength"] == (5 << 20) + 3


def test_parts_and_uploads_are_listed_in_pages(server: StrictS3, s3: Any) -> None:
    server.behave(Manner(page=2, parts_page=2))
    ids = [s3.create_multipart_upload(Bucket="plain", Key=f"k{n}")["UploadId"] for n in range(5)]
    for number in range(1, 6):
        s3.upload_part(Bucket="plain", Key="k0", UploadId=ids[0], PartNumber=number, Body=b"x")
    pages = list(s3.get_paginator("list_multipart_uploads").paginate(Bucket="plain"))
    assert [one["Key"] for page in pages for one in page["Uploads"]] == [f"k{n}" for n in range(5)]
    parts = s3.get_paginator("list_parts").paginate(Bucket="plain", Key="k0", UploadId=ids[0])
    assert [p["PartNumber"] for page in parts for p in page["Parts"]] == [1, 2, 3, 4, 5]
    for number in range(5):
        s3.put_object(Bucket="plain", Key=f"o{number}", Body=b"")
    pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket="plain"))
    assert [len(page["Contents"]) for page in pages] == [2, 2, 1]


def test_a_lock_keeps_a_version_and_needs_a_digest(s3: Any) -> None:
    until = "2100-01-01T00:00:00Z"
    with pytest.raises(ClientError, match="InvalidRequest"):
        s3.put_object(
            Bucket="locked", Key="k", Body=BODY, ObjectLockMode="COMPLIANCE",
            ObjectLockRetainUntilDate=until,
        )  # fmt: skip
    version = s3.put_object(
        Bucket="locked", Key="k", Body=BODY, ObjectLockMode="COMPLIANCE",
        ObjectLockRetainUntilDate=until,
        ContentMD5=base64.b64encode(hashlib.md5(BODY).digest()).decode(),
    )["VersionId"]  # fmt: skip
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket="locked", Key="k", VersionId=version)
    s3.delete_object(Bucket="locked", Key="k")  # a delete marker, the version stays
    assert s3.get_object(Bucket="locked", Key="k", VersionId=version)["Body"].read() == BODY
    with pytest.raises(ClientError, match="InvalidRequest"):
        s3.get_object_retention(Bucket="plain", Key="k")


def test_deletions_of_many_need_content_md5_and_tell_each_error(server: StrictS3, s3: Any) -> None:
    with pytest.raises(ClientError, match="Content-MD5"):
        s3.delete_objects(Bucket="plain", Delete={"Objects": [{"Key": "k"}]})
    server.behave(Manner(md5_needed=frozenset()))
    told = s3.delete_objects(
        Bucket="plain", Delete={"Objects": [{"Key": "k"}, {"Key": "x" * 2000}]}
    )
    assert [one["Key"] for one in told["Deleted"]] == ["k"]
    assert [one["Code"] for one in told["Errors"]] == ["KeyTooLongError"]


def test_a_policy_denies_what_it_does_not_allow(server: StrictS3, s3: Any) -> None:
    server.behave(Manner(deny_unless_allowed=True))
    s3.put_object(Bucket="plain", Key="k", Body=BODY)
    s3.put_bucket_policy(
        Bucket="plain",
        Policy='{"Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"plain/*"}}',
    )
    assert s3.get_object(Bucket="plain", Key="k")["Body"].read() == BODY
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket="plain", Key="k", Body=BODY)


def test_limits_count_bytes(s3: Any) -> None:
    s3.put_object(Bucket="plain", Key="é" * 512, Body=b"")
    with pytest.raises(ClientError, match="KeyTooLong"):
        s3.put_object(Bucket="plain", Key="é" * 512 + "x", Body=b"")
    with pytest.raises(ClientError, match="MetadataTooLarge"):
        s3.put_object(Bucket="plain", Key="k", Body=b"", Metadata={"a": "x" * 2048})
    with pytest.raises(ClientError, match="InvalidTag"):
        s3.put_object(Bucket="plain", Key="k", Body=b"", Tagging="&".join(map(str, range(11))))


def test_what_is_unknown_is_not_answered_with_a_listing(s3: Any) -> None:
    with pytest.raises(ClientError, match="NotImplemented"):
        s3.get_bucket_website(Bucket="plain")


def test_it_is_quick_enough_for_a_whole_corpus(server: StrictS3) -> None:
    def send(first: int) -> None:
        for number in range(first, first + 100):
            assert put(server, f"k{number}").status == 200

    threads = [threading.Thread(target=send, args=(n * 100,)) for n in range(4)]
    began = time.process_time()  # its own seconds, however busy the machine is
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.store.buckets["plain"].objects) == 400
    assert time.process_time() - began < 20
