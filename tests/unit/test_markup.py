"""XML from outside: no document type in any encoding, entries one by one, bounded memory."""

from __future__ import annotations

import tracemalloc
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdh_migrate import markup
from hdh_migrate.errors import ListingBroken
from hdh_migrate.sources.azure_listing import PageReader
from tests.support.undone import parse_page
from tests.unit.sources.test_azure_listing import entry, page

DOCTYPE = "<!DOCTYPE a [<!ENTITY b 'patient'>]>"
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7", "cp037"]


def reader(**bounds: int) -> markup.EntryParser:
    given_bounds = {"most": 1 << 20, "entry_most": 1 << 18, "elements": 10_000} | bounds
    return markup.EntryParser("e", within=".", **given_bounds)


def entries(read: markup.EntryParser, *pieces: bytes) -> list[str]:
    found = [one[0].text or "" for piece in pieces for one in read.feed(piece)]
    return [*found, *(one[0].text or "" for one in read.end())]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("space", ["", " ", "<!-- c -->" * 200])
def test_a_document_type_is_refused_in_every_encoding(encoding: str, space: str) -> None:
    name = encoding.removesuffix("-sig")
    text = f'<?xml version="1.0" encoding="{name}"?>{space}{DOCTYPE}<a><e><n>&b;</n></e></a>'
    for body in (text.encode(encoding), text.partition("?>")[2].encode(encoding)):
        with pytest.raises((markup.Unwanted, markup.NotWhole)):
            markup.tree(body)
        with pytest.raises((markup.Unwanted, markup.NotWhole)):
            markup.demand(body, elements=100)
        assert markup.text_in(body, "e/n") == ""


def test_a_document_type_that_stands_where_none_may_is_no_xml() -> None:
    with pytest.raises(markup.NotWhole):
        markup.tree(f"<a>{DOCTYPE}</a>".encode())


def test_only_utf_8_is_read() -> None:
    assert markup.text_in("<a><b>é</b></a>".encode(), "b") == "é"
    assert markup.text_in("\ufeff<a><b>é</b></a>".encode(), "b") == "é"
    for name in ("latin-1", "utf-16", "iso-8859-15"):
        text = f'<?xml version="1.0" encoding="{name}"?><a><b>x</b></a>'
        assert markup.text_in(text.encode(), "b") == ""
        assert markup.text_in(text.encode(name), "b") == ""


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_the_cut_of_the_pieces_does_not_matter(cuts: list[int]) -> None:
    body = b"<r>" + b"".join(b"<e><n>%d</n></e>" % n for n in range(20)) + b"<z/></r>"
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(body[at : at + cut])
        at += cut
    read = reader()
    assert entries(read, *pieces, body[at:]) == [str(n) for n in range(20)]
    assert read.root().find("z") is not None


def test_a_beginning_of_a_listing_may_come_byte_by_byte() -> None:
    head = b'<?xml version="1.0" encoding="utf-8"?><!-- ' + b"x" * 200 + b" --><r>"
    read = reader()
    pieces = [bytes([byte]) for byte in head]
    assert entries(read, *pieces, b"<e><n>1</n></e></r>") == ["1"]
    read.root()


@pytest.mark.parametrize("piece", [1, 100, 1024, 4096])
def test_a_beginning_without_an_element_ends_in_whichever_pieces(piece: int) -> None:
    blanks = [b" " * piece] * (2 * markup.TAG_MAX // piece)
    with pytest.raises(markup.Unwanted, match="no element"):
        entries(reader(), *blanks)


@pytest.mark.parametrize(
    "body",
    [
        b"<r>" + b"<e><n>1</n></e>" * 100_000,
        b"<r>" + b"<a>" * 300_000,
        b"<r " + b"a='' " * 100_000,
        b"<r><e><n>" + b"x" * 400_000,
        b"<!-- " + b"x" * 400_000,
        b"<r>" + b"<x/>" * 20_000,
    ],
    ids=["entries", "depth", "attributes", "text", "comment", "elements"],
)
def test_what_is_too_much_is_refused(body: bytes) -> None:
    with pytest.raises((markup.Unwanted, markup.NotWhole)):
        entries(reader(), body)
    with pytest.raises((markup.Unwanted, markup.NotWhole)):
        markup.demand(body, elements=10_000)


@pytest.mark.parametrize("body", [b"", b"<r>", b"<r/><r/>", b"{}", b"<r></s>", b"\x00"])
def test_what_is_cut_or_no_xml_is_not_whole(body: bytes) -> None:
    with pytest.raises(markup.NotWhole):
        markup.tree(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_tree_or_an_error_of_ours(body: bytes) -> None:
    try:
        assert isinstance(markup.tree(body), ET.Element)
    except (markup.NotWhole, markup.Unwanted):
        return


# --- a page of a listing --------------------------------------------------------------------------


@pytest.mark.slow
def test_a_page_of_4_mib_takes_a_few_times_its_size() -> None:
    row = entry("d/000001", more="<Creation-Time>Tue, 03 Mar 2026 08:00:00 GMT</Creation-Time>")
    count = (4 << 20) // len(row)
    body = page(*[row] * count)
    tracemalloc.start()
    read = PageReader(count)
    for at in range(0, len(body), 16_384):
        read.write(body[at : at + 16_384])
    objects, _ = read.page()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(objects) == count
    assert peak < 24 << 20


def test_more_entries_than_were_asked_for_are_refused() -> None:
    with pytest.raises(ListingBroken, match="more entries"):
        parse_page(page(entry("a"), entry("b")), 1)


def test_metadata_that_is_called_like_an_entry_is_none() -> None:
    sham = "<Metadata><Blob>1</Blob><Name>x</Name></Metadata>"
    objects, _ = parse_page(page(entry("a", metadata=sham)))
    assert [(obj.key, dict(obj.metadata)) for obj in objects] == [("a", {"Blob": "1", "Name": "x"})]


def test_an_entry_with_nothing_in_it_is_no_entry_less() -> None:
    with pytest.raises(ListingBroken, match="without a name"):
        parse_page(page(entry("a"), "<Blob />"))


def test_entries_anywhere_else_are_no_listing() -> None:
    body = page(entry("a"))
    twice = body.replace(b"<Blobs>", b"<Blobs />", 1).replace(
        b"<Blobs />", b"<Blobs></Blobs><Blobs>", 1
    )
    nested = body.replace(b"<Blobs>", b"<Blobs><More>").replace(b"</Blobs>", b"</More></Blobs>")
    for wrong in (twice, nested):
        assert wrong != body
        with pytest.raises(ListingBroken):
            parse_page(wrong)
