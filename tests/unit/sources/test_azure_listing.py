"""Two readers of a listing that agree on what is compared, and believe no number."""

from __future__ import annotations

import base64
import hashlib
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdh_migrate.errors import ConnectionLost, ListingBroken
from hdh_migrate.model import SIZE_MAX, Brief
from hdh_migrate.sources.azure_listing import STATES, UNLISTED, rfc3339
from hdh_migrate.sources.azure_recount import parse_brief
from tests.support.undone import parse_page

MD5 = base64.b64encode(hashlib.md5(b"x", usedforsecurity=False).digest()).decode()


def entry(name: str = "a", *, size: object = 5, more: str = "", metadata: str = "") -> str:
    return (
        f"<Blob><Name>{name}</Name><Properties><Last-Modified>Tue, 03 Mar 2026 08:00:00 GMT"
        f"</Last-Modified><Etag>0x1</Etag><Content-Length>{size}</Content-Length>"
        f"<BlobType>BlockBlob</BlobType>{more}</Properties>{metadata}</Blob>"
    )


def page(*entries: str, marker: str = "") -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>'
        f"{''.join(entries)}</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>"
    ).encode()


def both(body: bytes) -> list[Brief]:
    """Return what both readers make of a page, which must be the same."""
    objects, marker = parse_page(body)
    briefs, other = parse_brief(body)
    assert marker == other
    by_page = [Brief(obj.key, obj.size, obj.version, obj.kind, obj.md5) for obj in objects]
    assert briefs == by_page
    return by_page


@pytest.mark.parametrize(
    "name",
    ["n&#x85;x", "n&#128;x", "n&#x7f;x", "a&amp;copy b", "a&amp;lt;b", "&#13;", "a\rb", "a\r\nb",
     "&quot;&apos;&gt;", "&#x1F600;", "&amp;#x85;"],
)  # fmt: skip
def test_both_readers_mean_the_same_character(name: str) -> None:
    [one] = both(page(entry(name)))
    assert one.key == ET.fromstring(f"<a>{name}</a>").text


@pytest.mark.parametrize("name", ["&#0;", "&#x110000;", "&#999999999;", "&#xFFFFFFFF;", "&nbsp;"])
def test_a_reference_to_no_character_makes_no_reader_fail(name: str) -> None:
    with pytest.raises((ListingBroken, ConnectionLost)):
        both(page(entry(name)))


@pytest.mark.parametrize(
    "etag", ["0x1", '"0x1"', "&quot;0x1&quot;", "&#34;0x1&#x22;", "0&amp;1", "&lt;0x1&gt;"]
)
def test_both_readers_mean_the_same_version(etag: str) -> None:
    told = entry(more=f"<Content-MD5>{MD5.replace('=', '&#61;')}</Content-MD5>")
    [one] = both(page(told.replace("<Etag>0x1<", f"<Etag>{etag}<")))
    assert one.version == str(ET.fromstring(f"<a>{etag}</a>").text).strip('"')
    assert one.md5 == hashlib.md5(b"x", usedforsecurity=False).hexdigest()


KINDS = {
    "object": entry(),
    "append-blob": entry().replace("BlockBlob", "AppendBlob"),
    "page-blob": entry().replace("BlockBlob", "PageBlob"),
    "unknown-blob-type": entry().replace("BlockBlob", "CubeBlob"),
    "archived": entry(more="<AccessTier>Archive</AccessTier>"),
    "customer-key": entry(more="<CustomerProvidedKeySha256>x=</CustomerProvidedKeySha256>"),
    "directory": entry(more="<ResourceType>directory</ResourceType>"),
}
MARKER = "<Metadata><x>1</x><Hdi_isFolder>true</Hdi_isFolder></Metadata>"


@pytest.mark.parametrize("kind", KINDS)
def test_both_readers_see_every_kind(kind: str) -> None:
    assert [one.kind for one in both(page(KINDS[kind]))] == [kind]


def test_both_readers_know_a_folders_marker_by_its_metadata() -> None:
    assert both(page(entry(size=0, metadata=MARKER)))[0].kind == "directory"
    assert both(page(entry(size=1, metadata=MARKER)))[0].kind == "object"
    sham = "<Metadata><AccessTier>Archive</AccessTier><Etag>0x2</Etag></Metadata>"
    assert both(page(entry(metadata=sham)))[0] == Brief("a", 5, "0x1", "object", None)
    inferred = "<AccessTierInferred>true</AccessTierInferred>"
    assert both(page(entry(more=inferred)))[0].kind == "object"


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1),
            st.integers(0, SIZE_MAX),
            st.booleans(),
        ),
        max_size=5,
    )
)
def test_both_readers_see_the_same(rows: list[tuple[str, int, bool]]) -> None:
    from xml.sax.saxutils import escape

    entries = [
        entry(escape(name), size=size, more=f"<Content-MD5>{MD5}</Content-MD5>" if md5 else "")
        for name, size, md5 in rows
        if name.isprintable()
    ]
    assert [one.size for one in both(page(*entries))] == [
        size for name, size, _ in rows if name.isprintable()
    ]


SIZES = ["", "-1", "+1", " 1", "1 ", "1.0", "1e3", "0x10", "text", "²", "٣", "1_000", "9" * 20,
         str(SIZE_MAX + 1), str(1 << 63), str(1 << 64), "9" * 5000, "NaN", "<b>1</b>"]  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
def test_a_size_that_is_none_is_a_broken_listing(size: str) -> None:
    body = page(entry(), entry("b", size=size))
    with pytest.raises(ListingBroken, match="size"):
        parse_page(body)
    with pytest.raises(ListingBroken, match="size"):
        parse_brief(body)


def test_an_entry_without_a_size_is_a_broken_listing() -> None:
    body = page(entry().replace("<Content-Length>5</Content-Length>", ""))
    with pytest.raises(ListingBroken):
        parse_page(body)
    with pytest.raises(ListingBroken):
        parse_brief(body)


@pytest.mark.parametrize("what", ["foo", "idna", "utf-7", "rot13", "shift_jis"])
def test_an_encoding_that_is_none_is_a_broken_listing(what: str) -> None:
    with pytest.raises((ListingBroken, ConnectionLost)):
        parse_page(page(entry()).replace(b"utf-8", what.encode()))


def test_a_page_that_is_not_utf_8_is_a_broken_listing() -> None:
    body = page(entry("naïve")).decode().encode("latin-1")
    with pytest.raises(ListingBroken):
        parse_brief(body)
    with pytest.raises((ListingBroken, ConnectionLost)):
        parse_page(body)


@pytest.mark.parametrize(
    "date",
    [
        "",
        "yesterday",
        "Tue, XX Mar 2026 08:00:00 GMT",
        "Tue, 31 Feb 2026 08:00:00 GMT",
        "Tue, 03 Mar 2026 28:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2300",
        "Tue, 03 Mar 2026 08:00:00 UTC\n",
        "٣" * 29,
    ],
)
def test_a_date_that_is_none_is_no_date(date: str) -> None:
    found = rfc3339(date)
    assert found is None or found.startswith("2026-03-03T08:00:00")


# --- what nobody has a field for ------------------------------------------------------------------


@given(st.from_regex(r"[A-Z][A-Za-z]{0,20}(-[A-Z][a-z]{1,8})?\Z", fullmatch=True))
def test_no_element_of_an_entry_is_passed_over(tag: str) -> None:
    ([one], _) = parse_page(page(entry(more=f"<{tag}>what it says</{tag}>")))
    known = STATES | {"Content-Type", "ResourceType"}
    said = (*one.facts.values(), *one.headers.values(), one.tier)
    assert tag in known or "what it says" in said


@pytest.mark.parametrize(
    ("more", "facts"),
    [
        ("<Expiry-Time>when it is over</Expiry-Time>", {"other-Expiry-Time": "when it is over"}),
        ("<Content-MD5>no digest</Content-MD5>", {"other-Content-MD5": "no digest"}),
        ("<Content-MD5>" + MD5 + "</Content-MD5>", {}),
        ("<IncrementalCopy>true</IncrementalCopy>", {"other-IncrementalCopy": "true"}),
        ("<IncrementalCopy>false</IncrementalCopy><ThingsToCome />", {}),
        ("<ResourceType>file</ResourceType>", {}),
        ("<ResourceType>symlink</ResourceType>", {"other-ResourceType": "symlink"}),
        ("<LeaseStatus>unlocked</LeaseStatus><ServerEncrypted>true</ServerEncrypted>", {}),
    ],
)
def test_what_has_no_field_is_kept_by_the_sources_own_word(
    more: str, facts: dict[str, str]
) -> None:
    ([one], _) = parse_page(page(entry(more=more)))
    assert one.facts == facts


def test_metadata_under_names_of_older_days_is_no_pair() -> None:
    """ "List Blobs", "Metadata in the response": the element holds the name, and no value."""
    told = (
        "<Metadata><a>1</a><x-ms-invalid-name>b-c</x-ms-invalid-name>"
        "<x-ms-invalid-name>d$</x-ms-invalid-name></Metadata>"
    )
    ([one], _) = parse_page(page(entry(metadata=told)))
    assert one.metadata == {"a": "1"}
    assert one.facts == {UNLISTED: "b-c, d$"}


def test_states_of_replication_stand_beside_the_properties() -> None:
    told = "<OrMetadata><or-1f_2e>complete</or-1f_2e></OrMetadata>"
    ([one], _) = parse_page(page(entry(metadata=told)))
    assert one.facts == {"other-or-1f_2e": "complete"}


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("", ""),
        ("?sv=2021&amp;sig=c2VjcmV0", ""),
        (
            "?snapshot=2024-01-02T03%3A04%3A05Z&amp;sig=c2VjcmV0",
            "?snapshot=2024-01-02T03%3A04%3A05Z",
        ),
        ("?SIG=c2VjcmV0&amp;versionid=2024", "?versionid=2024"),
    ],
)
def test_where_a_blob_was_copied_from_is_kept_without_a_signature(query: str, kept: str) -> None:
    address = "https://other.blob.core.windows.net/c/b"
    ([one], _) = parse_page(page(entry(more=f"<CopySource>{address}{query}</CopySource>")))
    assert one.facts == {"other-CopySource": address + kept}
