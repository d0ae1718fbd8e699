"""A source that lies in listings, in one or in both, about what a run would believe.

Once it is honest again the same command must end well: everything verified, with the right bytes,
whatever it was told before. `Affair.run` compares what is called verified with the corpus.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from azure.storage.blob import ContainerClient

from hdh_migrate.demo.servers import Azurite
from hdh_migrate.errors import Exit
from tests.support import lies
from tests.support.affair import BIG, SHORT, SMALL, Affair, corpus_of
from tests.support.proxy import Action
from tests.support.wire import Request

pytestmark = pytest.mark.live

OTHER = "tables/other.csv"
EMPTY = "empty"


@pytest.fixture(scope="module")
def corpus() -> dict[str, bytes]:
    return corpus_of(SHORT)


@pytest.fixture
def affair(affair: Affair) -> Affair:
    affair.short_parts()
    return affair


def listing(request: Request) -> bool:
    """The two listings of inventory; preflight's single entry is none."""
    once = request.params.get("maxresults") == "1"
    return request.method == "GET" and request.params.get("comp") == "list" and not once


def nth(number: int) -> Callable[[Request], bool]:
    """Match one listing alone, counted from 0."""
    seen = -1

    def match(request: Request) -> bool:
        nonlocal seen
        seen += listing(request)
        return listing(request) and seen == number

    return match


def claiming(key: str, tag: str, value: str | None) -> Action:
    """Let a listing say something else of one blob; None: nothing."""

    def edit(body: bytes) -> bytes:
        at = body.index(f"<Name>{key}</Name>".encode())
        text = body[at:].decode()
        text = re.sub(rf"<{tag}>[^<]*</{tag}>|<{tag} ?/>", "", text, count=1)
        if value is not None:
            text = text.replace("<Properties>", f"<Properties><{tag}>{value}</{tag}>", 1)
        return body[:at] + text.encode()

    return lies.edit_body(edit)


MD5_OF_NOTHING = "1B2M2Y8AsgTpgAmY7PhCfg=="
CLAIMS: dict[str, tuple[str, str, str | None]] = {
    "no bytes, of a blob without MD5": (BIG, "Content-Length", "0"),
    "no bytes, of a small blob": (OTHER, "Content-Length", "0"),
    "too small by one": (BIG, "Content-Length", str(SHORT - 1)),
    "too small for parts": (BIG, "Content-Length", "1000"),
    "too large by one": (SMALL, "Content-Length", "70001"),
    "too large for one PUT": (SMALL, "Content-Length", str(20 << 20)),
    "too large by parts": (BIG, "Content-Length", str(60 << 20)),
    "not empty": (EMPTY, "Content-Length", "1"),
    "another MD5": (OTHER, "Content-MD5", MD5_OF_NOTHING),
    "another MD5 of a blob without": (BIG, "Content-MD5", MD5_OF_NOTHING),
    "no MD5": (OTHER, "Content-MD5", None),
    "another type": (OTHER, "BlobType", "AppendBlob"),
    "another tier": (OTHER, "AccessTier", "Archive"),
    "a folder": (EMPTY, "ResourceType", "directory"),
    "another version": (OTHER, "Etag", "0x8D0000000000000"),
}


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("claim", CLAIMS)
def test_a_claim_of_one_listing_is_never_believed(affair: Affair, claim: str, number: int) -> None:
    told = affair.source.rule(action=claiming(*CLAIMS[claim]), match=nth(number))

    assert affair.run() is Exit.OK, affair.told

    assert told.used == 1
    assert affair.verified() == set(affair.corpus)
    assert sizes(affair) == {key: len(body) for key, body in affair.corpus.items()}


HEALING = sorted(CLAIMS.keys() - {"no MD5", "a folder"})


@pytest.mark.parametrize("claim", HEALING)
def test_a_claim_of_two_listings_is_mended_in_honest_runs(affair: Affair, claim: str) -> None:
    told = affair.source.rule(action=claiming(*CLAIMS[claim]), match=listing, times=2)

    affair.run()
    assert told.used == 2
    affair.source.clear()

    assert affair.run() is Exit.OK, [(one["code"], one["detail"]) for one in affair.findings()]
    assert affair.verified() == set(affair.corpus)
    assert sizes(affair) == {key: len(body) for key, body in affair.corpus.items()}
    uploads = affair.bucket.client.list_multipart_uploads(Bucket=affair.bucket.name)
    assert not uploads.get("Uploads")


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize(
    "size", [str(1 << 63), str(1 << 64), "-1", "many", "", "1e3", "9" * 5000, str((1 << 60) + 1)]
)
def test_a_size_that_is_none_is_told_and_leaves_nothing_behind(
    affair: Affair, size: str, times: int
) -> None:
    lie = claiming(SMALL, "Content-Length", size)
    affair.source.rule(action=lie, match=listing, times=times)

    assert affair.run() is Exit.REFUSED
    assert "size" in affair.told[-1]
    assert affair.run() in {Exit.OK, Exit.REFUSED}

    assert affair.again(2) is Exit.OK, affair.told
    assert affair.verified() == set(affair.corpus)


def test_a_wrong_size_that_stays_is_given_up_and_heals(affair: Affair) -> None:
    wrong = lies.change_header("Content-Range", f"bytes 0-69999/{70_001}")

    def reads(request: Request) -> bool:
        return request.method == "GET" and request.path.endswith("%2B.csv")

    affair.source.rule(action=wrong, match=reads)
    assert affair.run() is Exit.DRIFTED
    assert affair.verified() == set(affair.corpus) - {SMALL}

    affair.source.clear()
    assert affair.run() is Exit.OK, affair.told
    assert affair.verified() == set(affair.corpus)


def test_an_empty_object_is_looked_at_once(affair: Affair) -> None:
    assert affair.run() is Exit.OK
    looked = [
        seen for seen in affair.source.requests
        if seen.method == "HEAD" and "restype" not in seen.params  # of which one is no object
    ]  # fmt: skip
    assert [seen.path.rpartition("/")[2] for seen in looked] in (
        [EMPTY],
        [EMPTY, EMPTY],  # the first object of the listing is preflight's too
    )


# --- tags --------------------------------------------------------------------------------------


def with_tags(request: Request) -> bool:
    return request.params.get("include", "").endswith("tags")


def refusal(status: int, code: str) -> Action:
    return lies.status(
        status, {"x-ms-error-code": code}, f"<Error><Code>{code}</Code></Error>".encode()
    )


@pytest.mark.parametrize(
    ("status", "code", "finding"),
    [
        (400, "InvalidQueryParameterValue", "tags-unsupported"),
        (409, "FeatureNotYetSupportedForHierarchicalNamespaceAccounts", "tags-unsupported"),
        (409, "FeatureNotYetSupported", "tags-unsupported"),
        (403, "AuthorizationPermissionMismatch", "tags-unread"),
    ],
)
def test_a_source_without_tags_is_listed_without_them(
    affair: Affair, status: int, code: str, finding: str
) -> None:
    affair.source.rule(action=refusal(status, code), match=with_tags)

    wanted = Exit.OK if finding == "tags-unsupported" else Exit.FINDINGS
    assert affair.run() is wanted, affair.told

    assert affair.verified() == set(affair.corpus)
    assert [found["code"] for found in affair.findings()] == [finding]
    told = affair.preflight()
    assert told["ok"]
    assert any("tags" in note for note in told.get("notes", []))


@pytest.mark.parametrize(("status", "code"), [(400, "OutOfRangeInput"), (409, "Whatever")])
def test_another_refusal_of_a_listing_is_not_taken_for_missing_tags(
    affair: Affair, status: int, code: str
) -> None:
    def lists(request: Request) -> bool:
        return request.params.get("comp") == "list"

    affair.source.rule(action=refusal(status, code), match=lists)
    assert affair.run() is Exit.REFUSED
    assert code in affair.told[-1] or not affair.preflight()["ok"]

    affair.source.clear()
    assert affair.run() is Exit.OK
    assert affair.findings() == []


def test_a_refusal_that_is_over_is_not_taken_for_missing_tags(affair: Affair) -> None:
    affair.patient()
    told = affair.source.rule(action=refusal(400, "InvalidInput"), match=with_tags, times=1)

    assert affair.run() is Exit.OK, affair.told

    assert told.used == 1
    assert affair.findings() == []


# --- helpers -----------------------------------------------------------------------------------


def sizes(affair: Affair) -> dict[str, int]:
    return {row["key"]: row["size"] for row in affair.rows()}


def test_metadata_that_marks_a_folder_is_seen_by_both_listings(
    affair: Affair, azurite: Azurite, filled: str
) -> None:
    with ContainerClient.from_connection_string(azurite.connection_string, filled) as client:
        client.upload_blob("folder", b"", metadata={"hdi_isfolder": "true"})
        try:
            assert affair.run() is Exit.OK, affair.told
            assert affair.verified() == set(affair.corpus)
        finally:
            client.delete_blob("folder")
