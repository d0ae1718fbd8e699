"""The second reader: the same in any cut, and other forms counted beside the current blobs."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from hdh_migrate.errors import ConnectionLost, ListingBroken, Transient
from hdh_migrate.model import Place, Trace
from hdh_migrate.sources.azure_account import AzureAccount
from hdh_migrate.sources.azure_blob import AzureBlobSource
from hdh_migrate.sources.azure_credentials import SasAuthorizer
from hdh_migrate.sources.azure_listing import ENTRY_BYTES_MAX
from hdh_migrate.sources.azure_recount import (
    PIECE,
    UNCOMMITTED,
    BriefReader,
    Forms,
    parse_brief,
)
from tests.support.doors import loopback
from tests.support.strict_blob import CONTAINER, SAS, StrictBlob
from tests.unit.sources.test_azure_listing import entry, page

TYPED = "<Content-Type>text/plain</Content-Type>"
ALL = ("snapshots", "versions", "deleted", UNCOMMITTED)


def beside(name: str, told: str, size: int = 3) -> str:
    return entry(name, size=size, more=TYPED).replace("<Properties>", f"{told}<Properties>")


def sorted_out(*entries: str, asked: tuple[str, ...] = ALL) -> tuple[list[str], Forms]:
    forms = Forms(asked)
    reader = BriefReader(5_000, forms)
    reader.write(page(*entries))
    briefs, _ = reader.page()
    return [one.key for one in briefs], forms


def test_every_other_form_is_counted_and_not_given() -> None:
    keys, forms = sorted_out(
        beside("a", "<Snapshot>2026-01-01T00:00:00.0Z</Snapshot>"),
        beside("a", ""),
        beside("b", "<VersionId>2026-01-01T00:00:00.0Z</VersionId>", size=7),
        beside("b", "<VersionId>x</VersionId><IsCurrentVersion>true</IsCurrentVersion>"),
        beside("c", "<Deleted>true</Deleted>"),
        entry("d", size=0),
    )

    assert keys == ["a", "b"]
    assert forms.found == {
        Trace.CURRENT: (2, 0), Trace.SNAPSHOT: (1, 3), Trace.VERSION: (1, 7),
        Trace.SOFT_DELETED: (1, 3), Trace.UNCOMMITTED: (1, 0),
    }  # fmt: skip


@pytest.mark.parametrize("others", [0, 1, 3])
def test_an_account_with_versions_names_the_current_one_of_each_blob(others: int) -> None:
    """Whatever a listing was asked for: each entry of an account with versions has one."""
    one = "<VersionId>2024-01-02T03:04:05.0000000Z</VersionId>"
    now = f"{one}<IsCurrentVersion>true</IsCurrentVersion>"
    sham = "<Metadata><IsCurrentVersion>true</IsCurrentVersion></Metadata>"
    told = [beside(f"a{n}", now) for n in range(5)]
    told[2:2] = [beside("a2", one).replace("</Blob>", f"{sham}</Blob>") for _ in range(others)]

    keys, forms = sorted_out(*told)

    assert keys == [f"a{n}" for n in range(5)]
    assert forms.found[Trace.VERSION] == (others, 3 * others)


def test_a_blob_without_a_version_is_uncommitted() -> None:
    nothing = entry("a").replace("<Etag>0x1</Etag>", "")
    keys, forms = sorted_out(nothing, entry("b", more=TYPED))
    assert keys == ["b"]
    assert forms.found[Trace.UNCOMMITTED][0] == 1


def test_an_empty_type_of_content_is_one_and_what_was_not_asked_for_is_not_seen() -> None:
    assert sorted_out(entry("a", size=0, more="<Content-Type />"))[0] == ["a"]
    assert sorted_out(entry("a", size=0), asked=("snapshots",))[0] == ["a"]


@pytest.mark.parametrize("name", ["Deleted", "Snapshot", "VersionId", "Properties", "Metadata"])
def test_metadata_of_such_names_makes_no_other_form(name: str) -> None:
    metadata = f"<Metadata><{name}>true</{name}><Deleted>true</Deleted></Metadata>"
    keys, forms = sorted_out(entry("a", more=TYPED, metadata=metadata))
    assert keys == ["a"]
    assert forms.found[Trace.SOFT_DELETED] == (0, 0)


def test_a_plain_blob_beside_other_forms_keeps_its_type() -> None:
    body = page(
        beside("a", "<Deleted>true</Deleted>"),
        entry("b", more=TYPED).replace("BlockBlob", "PageBlob"),
    )
    reader = BriefReader(5_000, Forms(ALL))
    reader.write(body)
    assert [one.kind for one in reader.page()[0]] == ["page-blob"]


@pytest.mark.parametrize("size", [1, 7, 1_000, PIECE - 1, PIECE, PIECE + 1])
def test_a_page_in_any_cut_is_the_same_page(size: int) -> None:
    most = 2 if size == 1 else 400
    body = page(*(entry(f"n{number:04d}", size=number) for number in range(most)), marker="m")
    reader = BriefReader(5_000)
    for at in range(0, len(body), size):
        reader.write(body[at : at + size])
    assert reader.page() == parse_brief(body)
    assert len(parse_brief(body)[0]) == most


def test_a_page_that_was_cut_is_asked_for_again_wherever_the_cut_is() -> None:
    body = page(entry("a"), entry("b"))
    for at in range(40, len(body) - len(b"</EnumerationResults>") + 1):
        with pytest.raises(ConnectionLost):
            parse_brief(body[:at])


def test_more_entries_than_were_asked_for_are_refused() -> None:
    with pytest.raises(ListingBroken, match="more entries"):
        parse_brief(page(entry("a"), entry("b")), most=1)


def test_an_entry_without_end_takes_bounded_memory() -> None:
    reader = BriefReader(5_000)
    reader.write(page(entry("a"))[:100])
    for _ in range(ENTRY_BYTES_MAX // PIECE - 1):
        reader.write(b"x" * PIECE)
    with pytest.raises(ListingBroken, match="an entry of more than"):
        reader.write(b"x" * PIECE)


# --- one listing for both ------------------------------------------------------------------------


def source(server: StrictBlob) -> AzureBlobSource:
    account = AzureAccount(server.url, SasAuthorizer(SAS), loopback(server.url))
    return AzureBlobSource(account, page_size=3, recount_size=2)


def filled(server: StrictBlob) -> None:
    for number in range(8):
        server.put(f"{number}", b"xyz")
    server.put("3", b"old", "snapshots")
    server.put("gone", b"old", "deleted")


def listings(server: StrictBlob) -> int:
    return sum("maxresults=1&" not in f"{one}&" for one in server.asked if "comp=list" in one)


def test_other_forms_cost_no_listing_of_their_own() -> None:
    place = Place(bucket=CONTAINER, prefix="")
    with StrictBlob() as server:
        server.container = {}
        filled(server)
        one = source(server)
        assert [brief.key for brief in one.recount(place)] == [f"{n}" for n in range(8)]
        before = listings(server)
        [note] = one.notes(place)
        assert note.detail == "not moved: 1 snapshot (3 bytes), 1 soft-deleted blob (3 bytes)"
        assert listings(server) == before


@pytest.mark.parametrize("apart", [True, False])
def test_deleted_paths_of_a_hierarchical_account_are_counted_once(*, apart: bool) -> None:
    place = Place(bucket=CONTAINER, prefix="")
    with StrictBlob(hierarchical=True) as server:
        server.container, server.deleted_apart = {}, apart
        server.put("a/k", b"xyz")
        server.put("a/gone", b"old", "deleted")
        one = source(server)
        list(one.recount(place))
        [note] = one.notes(place)
        assert note.detail == "not moved: 1 soft-deleted blob (3 bytes)"


@pytest.mark.parametrize("moment", ["", "2024-01-02T03:04:05.0000000Z"])
def test_what_an_account_without_versions_cannot_tell_of_a_moment_is_said(moment: str) -> None:
    """It is asked for versions without a refusal, and lists none."""
    place = Place(bucket=CONTAINER, prefix="", as_of="2025-01-01T00:00:00Z")
    with StrictBlob() as server:
        server.container = {}
        server.put("k", b"xyz", moment=moment)
        one = source(server)
        assert [brief.key for brief in one.recount(place)] == ["k"]
        [note] = one.notes(place)
        assert note.detail.startswith("as of 2025-01-01T00:00:00Z: 1 object as it is now")
        assert ("what was deleted since then cannot be seen" in note.detail) is (moment == "")


class OneByOne(StrictBlob):
    """Knows every form, and no two of them in one listing."""

    def listed(self, query: Mapping[str, str]) -> tuple[int, str, bytes]:
        if len({"snapshots", "versions", "deleted"} & {*query.get("include", "").split(",")}) > 1:
            return 400, "InvalidQueryParameterValue", b""
        return super().listed(query)


def test_forms_that_cannot_be_listed_together_are_said_to_be_unread() -> None:
    place = Place(bucket=CONTAINER, prefix="")
    with OneByOne() as server:
        server.container = {}
        filled(server)
        one = source(server)
        assert [brief.key for brief in one.recount(place)] == [f"{n}" for n in range(8)]
        [note] = one.notes(place)
        assert note.detail == (
            "the source does not let read: earlier versions, snapshots, soft-deleted blobs,"
            " uncommitted blobs"
        )


class Breaking(StrictBlob):
    """Breaks off each page of several entries once, in its last entry."""

    def __init__(self) -> None:
        super().__init__()
        self.broken = set[str | None]()

    def listed(self, query: Mapping[str, str]) -> tuple[int, str, bytes]:
        status, code, body = super().listed(query)
        marker = query.get("marker")
        if query["maxresults"] == "1" or marker in self.broken:
            return status, code, body
        self.broken.add(marker)
        return status, code, body[: body.rfind(b"</Properties>")]


def test_a_recount_that_breaks_off_goes_on_at_that_page_and_counts_nothing_twice() -> None:
    place, found, breaks = Place(bucket=CONTAINER, prefix=""), list[str](), 0
    with Breaking() as server:
        server.container = {}
        filled(server)
        one = source(server)
        again, going_on = one.recount(place), True
        while going_on:
            try:
                found.append(next(again).key)
            except Transient:
                breaks += 1
            except StopIteration:
                going_on = False
        assert found == [f"{n}" for n in range(8)]
        assert breaks == len(server.broken) > 2
        [note] = one.notes(place)
        assert note.detail == "not moved: 1 snapshot (3 bytes), 1 soft-deleted blob (3 bytes)"


def test_a_recount_that_was_not_believed_is_made_again_of_current_blobs_alone() -> None:
    place = Place(bucket=CONTAINER, prefix="")
    with StrictBlob() as server:
        server.container = {}
        filled(server)
        one = source(server)
        first = list(one.recount(place))
        server.asked.clear()
        assert list(one.recount(place)) == first
        assert not any("snapshots" in asked for asked in server.asked)
        [note] = one.notes(place)
        assert note.detail == "not moved: 1 snapshot (3 bytes), 1 soft-deleted blob (3 bytes)"


def test_what_another_process_counted_besides_is_as_good_as_what_this_one_did() -> None:
    place = Place(bucket=CONTAINER, prefix="")
    with StrictBlob() as server:
        server.container = {}
        filled(server)
        here, there = source(server), source(server)
        next(here.recount(place))  # begun here, and left to the other one
        list(there.recount(place))
        before = listings(server)

        here.take_again(place, json.loads(json.dumps(there.found_again(place))))

        assert here.notes(place) == there.notes(place) != []
        assert listings(server) == before


@pytest.mark.parametrize(
    "found",
    [
        {}, {"current": 1, "forms": None, "unread": []}, {"current": 1, "forms": {"x": [1, 2]}},
        {"current": 1, "forms": {"moon": [1, 2]}, "unread": []},
        {"current": 1, "forms": {"snapshot": [1]}, "unread": []},
    ],
)  # fmt: skip
def test_what_no_recount_finds_is_not_taken(found: dict[str, object]) -> None:
    with StrictBlob() as server, pytest.raises(ValueError, match=r"."):
        source(server).take_again(Place(bucket=CONTAINER, prefix=""), found)
