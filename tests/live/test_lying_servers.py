"""Sources and targets that lie. Whatever they say, `verified` is said of the right bytes only.

Each lie is told once (the run, or the same command again, must end well) and for ever (it must
not). The judge of every object that the ledger calls verified is the reference Crypt4GH package,
on bytes taken from the target behind the lying proxy's back.
"""

from __future__ import annotations

import re

import pytest
from azure.storage.blob import ContainerClient

from hdh_migrate.demo.servers import Azurite
from hdh_migrate.errors import Exit
from hdh_migrate.model import FENCES
from tests.support import lies
from tests.support.affair import BIG, SHORT, SMALL, Affair, corpus_of
from tests.support.proxy import Action, Match
from tests.support.wire import Request

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def corpus() -> dict[str, bytes]:
    return corpus_of(SHORT)


@pytest.fixture
def affair(affair: Affair) -> Affair:
    affair.short_parts()
    return affair


# --- what a lie is told about --------------------------------------------------------------------


def blob(key: str) -> Match:
    """Reads of a blob's bytes, the preflight's single byte excepted."""

    def match(request: Request) -> bool:
        asked = request.range
        whole = asked is not None and asked != (0, 0)
        return request.method == "GET" and whole and request.path.endswith(lies_path(key))

    return match


def lies_path(key: str) -> str:
    from urllib.parse import quote

    return "/" + quote(key, safe="/-_.~")


def object_of(method: str, key: str, *, parameter: str | None = None) -> Match:
    """Requests about one stored object, with or without a query parameter."""

    def match(request: Request) -> bool:
        there = request.path.endswith(lies_path(f"{key}.c4gh"))
        asked = set(request.params) & {"uploadId", "uploads", "partNumber"}
        wanted = parameter in asked if parameter else not asked
        return request.method == method and there and wanted

    return match


def listing_of_source(request: Request) -> bool:
    return request.method == "GET" and request.params.get("comp") == "list" and whole(request)


def whole(request: Request) -> bool:
    return request.params.get("maxresults") != "1"


def listing_of_target(request: Request) -> bool:
    return request.method == "GET" and "list-type" in request.params


UNSEEN_IN_A_REPLY: dict[str, Action] = {
    "another range under the right headers": lies.wrong_range(1),
    "a flipped bit": lies.flip_bit(4321),
}

SEEN_IN_EACH_REPLY: dict[str, Action] = {
    "cut": lies.cut_after(1000),
    "short, consistent": lies.short_consistent(1000),
    "another range, admitted": lies.wrong_range(1, admits=True),
    "200 with everything": lies.as_200(),
    "empty 200": lies.empty_200(),
    "a login page": lies.html_200(),
    "hang up": lies.hang_up(),
    "503": lies.status(503, {"Retry-After": "1"}),
    "500": lies.status(500),
    "another ETag": lies.change_header("ETag", '"0x8D000000000000"'),
    "no ETag": lies.change_header("ETag", None),
    "a redirect": lies.redirect("http://127.0.0.1:9/elsewhere"),
}


@pytest.mark.parametrize("lie", SEEN_IN_EACH_REPLY)
def test_a_lie_of_the_source_about_bytes_is_harmless_once(affair: Affair, lie: str) -> None:
    action = SEEN_IN_EACH_REPLY[lie]
    keys = (BIG, SMALL) if "range" not in lie else (BIG,)  # a whole object has no other range
    told = [affair.source.rule(action=action, match=blob(key), times=1) for key in keys]

    assert affair.again(2) is Exit.OK

    assert all(rule.used == 1 for rule in told)
    assert affair.verified() == set(affair.corpus)


@pytest.mark.parametrize("lie", SEEN_IN_EACH_REPLY)
def test_a_lie_of_the_source_about_bytes_is_never_verified(affair: Affair, lie: str) -> None:
    key = BIG
    told = affair.source.rule(action=SEEN_IN_EACH_REPLY[lie], match=blob(key))

    code = affair.run()

    assert told.used
    assert code is not Exit.OK
    assert key not in affair.verified()


def test_wrong_bytes_of_an_object_with_an_md5_are_read_again(affair: Affair) -> None:
    affair.patient()
    affair.source.rule(action=lies.flip_bit(4321), match=blob(SMALL), times=1)

    assert affair.run() is Exit.OK

    assert affair.verified() == set(affair.corpus)


def test_bytes_that_never_have_the_claimed_md5_are_never_verified(affair: Affair) -> None:
    affair.source.rule(action=lies.flip_bit(4321), match=blob(SMALL))

    assert affair.run() is Exit.FINDINGS

    assert affair.verified() == set(affair.corpus) - {SMALL}


def test_an_md5_that_is_known_to_be_wrong_can_be_ignored_with_a_reason(
    affair: Affair, azurite: Azurite, filled: str
) -> None:
    from azure.storage.blob import ContentSettings

    with ContainerClient.from_connection_string(azurite.connection_string, filled) as client:
        settings = ContentSettings(content_md5=bytearray(16))
        client.upload_blob("wrong claim", b"right bytes").set_http_headers(settings)
        try:
            body = {**affair.corpus, "wrong claim": b"right bytes"}
            affair.corpus = body
            affair.plan("container: lies}", 'container: lies}\n    ignore_md5: "old client"')
            assert affair.run() is Exit.OK
            assert affair.verified() == set(body)
        finally:
            client.delete_blob("wrong claim")


@pytest.mark.parametrize("lie", UNSEEN_IN_A_REPLY)
def test_wrong_bytes_of_an_object_without_an_md5_need_a_second_read(
    affair: Affair, lie: str
) -> None:
    affair.plan("limits: {", "verify: {source: again}\nlimits: {")
    affair.source.rule(action=UNSEEN_IN_A_REPLY[lie], match=blob(BIG), times=1)

    assert affair.run() is Exit.VERIFICATION_FAILED
    assert affair.verified() == set(affair.corpus) - {BIG}

    assert affair.run() is Exit.OK
    assert affair.verified() == set(affair.corpus)


# --- listings of the source ----------------------------------------------------------------------


def without(pattern: str) -> Action:
    return lies.edit_body(
        lambda body: re.sub(pattern.encode(), b"", body, count=1, flags=re.DOTALL)
    )


def doubled(body: bytes) -> bytes:
    return re.sub(rb"(<Blob>.*?</Blob>)", rb"\1\1", body, count=1, flags=re.DOTALL)


def reversed_blobs(body: bytes) -> bytes:
    found = re.findall(rb"<Blob>.*?</Blob>", body, flags=re.DOTALL)
    return body.replace(b"".join(found), b"".join(reversed(found)))


LISTINGS: dict[str, Action] = {
    "cut XML": lies.edit_body(lambda body: body[: len(body) // 2]),
    "cut": lies.cut_after(500),
    "empty 200": lies.empty_200(),
    "a login page": lies.html_200(),
    "no object": without(r"<Blob>.*</Blob>"),
    "one object fewer": without(r"<Blob>.*?</Blob>"),
    "one object twice": lies.edit_body(doubled),
    "another order": lies.edit_body(reversed_blobs),
    "another version": lies.edit_body(lambda b: b.replace(b"<Etag>0x", b"<Etag>0x0", 1)),
    "503": lies.status(503),
}


@pytest.mark.parametrize("lie", LISTINGS)
def test_a_lie_in_one_listing_is_noticed(affair: Affair, lie: str) -> None:
    told = affair.source.rule(action=LISTINGS[lie], match=listing_of_source, times=1)

    code = affair.again(2)

    assert told.used == 1
    assert code is Exit.OK
    assert affair.verified() == set(affair.corpus)


@pytest.mark.parametrize("lie", ["cut XML", "cut", "empty 200", "a login page", "no object", "503"])
def test_a_listing_that_is_none_moves_nothing(affair: Affair, lie: str) -> None:
    affair.source.rule(action=LISTINGS[lie], match=listing_of_source)

    assert affair.run() is not Exit.OK

    assert not affair.verified()
    held = affair.bucket.client.list_objects_v2(Bucket=affair.bucket.name).get("Contents", ())
    assert all(one["Key"].startswith(FENCES) for one in held)


# --- the target ----------------------------------------------------------------------------------

ERROR_200 = b"<Error><Code>InternalError</Code></Error>"
WRITES: dict[str, Match] = {
    "a single PUT": object_of("PUT", SMALL),
    "a part": object_of("PUT", BIG, parameter="partNumber"),
    "the begin": object_of("POST", BIG, parameter="uploads"),
    "the completion": object_of("POST", BIG, parameter="uploadId"),
}
WRITE_LIES: dict[str, Action] = {
    "empty 200, nothing done": lies.empty_200(),
    "empty 200, done": lies.empty_200(forwarding=True),
    "a login page, nothing done": lies.html_200(),
    "a login page, done": lies.html_200(forwarding=True),
    "lost reply": lies.lose_reply(),
    "hang up": lies.hang_up(),
    "200 with an error in it": lies.status(200, body=ERROR_200),
    "503": lies.status(503, {"Retry-After": "1"}),
    "another ETag": lies.change_header("ETag", '"00000000000000000000000000000000"'),
    "a redirect": lies.redirect("http://127.0.0.1:9/elsewhere"),
    "a flipped bit on the way": lies.flip_bit(999, "request"),
}


@pytest.mark.parametrize("lie", WRITE_LIES)
@pytest.mark.parametrize("write", WRITES)
def test_a_lie_about_a_write_ends_well_at_last(affair: Affair, write: str, lie: str) -> None:
    told = affair.target.rule(action=WRITE_LIES[lie], match=WRITES[write], times=1)

    code = affair.again(3)

    assert told.used == 1
    assert code is Exit.OK, affair.told
    assert affair.verified() == set(affair.corpus)
    uploads = affair.bucket.client.list_multipart_uploads(Bucket=affair.bucket.name)
    assert not uploads.get("Uploads")


NEVER = (
    "empty 200, nothing done",
    "200 with an error in it",
    "a redirect",
    "a flipped bit on the way",
)


@pytest.mark.parametrize("lie", NEVER)
@pytest.mark.parametrize("write", ["a single PUT", "the completion"])
def test_a_write_that_never_happens_is_never_verified(affair: Affair, write: str, lie: str) -> None:
    affair.target.rule(action=WRITE_LIES[lie], match=WRITES[write])

    assert affair.run() is not Exit.OK

    assert (SMALL if write == "a single PUT" else BIG) not in affair.verified()


READ_BACK: dict[str, Action] = {
    "cut": lies.cut_after(1000),
    "short, consistent": lies.short_consistent(1000),
    "empty 200": lies.empty_200(),
    "a login page": lies.html_200(),
    "a flipped bit in the header": lies.flip_bit(20),
    "a flipped bit in another's packet": lies.flip_bit(200),
    "a flipped bit in the body": lies.flip_bit(5000),
    "another ETag": lies.change_header("ETag", '"00000000000000000000000000000000"'),
    "gone": lies.status(404, body=b"<Error><Code>NoSuchKey</Code></Error>"),
    "503": lies.status(503, {"Retry-After": "1"}),
    "a redirect": lies.redirect("http://127.0.0.1:9/elsewhere"),
}


@pytest.mark.parametrize("key", [BIG, SMALL])
@pytest.mark.parametrize("lie", READ_BACK)
def test_a_lie_on_reading_back_is_never_verified(affair: Affair, lie: str, key: str) -> None:
    told = affair.target.rule(action=READ_BACK[lie], match=object_of("GET", key))

    code = affair.run()

    assert told.used
    assert code is not Exit.OK
    assert affair.verified() == set(affair.corpus) - {key}
    affair.target.clear()
    assert affair.again(2) is Exit.OK, affair.told
    assert affair.verified() == set(affair.corpus)


TARGET_LISTINGS: dict[str, Action] = {
    "empty 200": lies.empty_200(),
    "a login page": lies.html_200(),
    "truncated without a token": lies.edit_body(
        lambda body: body.replace(b"<IsTruncated>false", b"<IsTruncated>true")
    ),
    "cut XML": lies.edit_body(lambda body: body[: len(body) // 2]),
}


@pytest.mark.parametrize("lie", TARGET_LISTINGS)
def test_a_target_that_cannot_be_listed_is_not_written_to(affair: Affair, lie: str) -> None:
    key = f"in/{SMALL}.c4gh"
    affair.bucket.client.put_object(Bucket=affair.bucket.name, Key=key, Body=b"somebody's")
    affair.target.rule(action=TARGET_LISTINGS[lie], match=listing_of_target)

    assert affair.run() is not Exit.OK

    stored = affair.bucket.client.get_object(Bucket=affair.bucket.name, Key=key)
    assert stored["Body"].read() == b"somebody's"
    assert not affair.verified()
