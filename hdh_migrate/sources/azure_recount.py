"""Read a listing a second time, by other means than the first, and count what is there besides.

A recount is worth more when it does not share its reader with the count: this one looks for what it
needs in the text, where `azure_listing` lets a parser take it apart. While it passes by, blobs in
other forms than the current one (snapshots, versions, deleted, uncommitted) are counted, so that
nobody lists a container a third time for that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import Final

from hdh_migrate import markup
from hdh_migrate.bounded import Visited, count_of
from hdh_migrate.errors import ConnectionLost, ListingBroken
from hdh_migrate.model import Brief, Trace
from hdh_migrate.ports.stores import GoesOn
from hdh_migrate.sources.azure_listing import (
    ENTRY_BYTES_MAX,
    PAGE_BYTES_MAX,
    is_folder_mark,
    kind_of,
    meant_name,
    size_of,
    understood,
)
from hdh_migrate.sources.http_fields import md5_hex

UNCOMMITTED: Final = "uncommittedblobs"
"""The word that asks a listing for blobs of which nothing is committed."""

_ENTRY: Final = b"<Blob><Name"
_END: Final = b"</EnumerationResults>"
_END_WITHIN: Final = 4_096
"""Bytes at a page's end in which the next marker stands."""

PIECE: Final = 65_536
"""Bytes that are looked at together."""

_KIND_MARKS = ("BlobType", "ResourceType", "AccessTier", "CustomerProvidedKeySha256")
_RARE = (b"<ResourceType>", b"<AccessTier>Archive<", b"<CustomerProvidedKeySha256>")
_METADATA = re.compile(r"<([^<>/\s]+)>([^<]*)</\1>")
_REFERENCE = re.compile("&(?:(lt|gt|amp|quot|apos)|#([0-9]{1,9})|#x([0-9A-Fa-f]{1,8}));", re.ASCII)
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}


class Forms:
    """Counts the blobs of a container in each form; `asked` are the words that it is listed with.

    A blob of which nothing is committed has no version at the service; an emulator that gives it
    one gives it no type of content.
    """

    _MARKS = (b"<Snapshot>", b"<Deleted>")
    _VERSION = b"<VersionId>"
    _CURRENT = b"</VersionId><IsCurrentVersion>true</IsCurrentVersion><Properties>"
    """What every entry has in an account with versions, whatever was asked for."""
    _WITHIN = (
        re.compile(rb"<Metadata>.*</Metadata>", re.DOTALL),
        re.compile(rb"<(Tags|OrMetadata)>.*?</\1>", re.DOTALL),
        re.compile(rb"<Properties>(.*?)</Properties>", re.DOTALL),
    )

    def __init__(self, asked: Collection[str]) -> None:
        self.found: dict[Trace, tuple[int, int]] = dict.fromkeys(Trace, (0, 0))
        """Objects and bytes; of current ones the objects alone."""
        self._uncommitted = UNCOMMITTED in asked

    def current(self, text: bytes, entries: list[bytes]) -> list[bytes]:
        """Return the entries of a text that are current blobs, and count all of them."""
        plain = (
            not any(mark in text for mark in self._MARKS)
            and (self._VERSION not in text or text.count(self._CURRENT) == len(entries))
            and (not self._uncommitted or text.count(b"<Content-Type") >= len(entries))
        )
        if not plain:
            entries = [entry for entry in entries if self._count(entry)]
        self._add(Trace.CURRENT, len(entries), 0)
        return entries

    def _count(self, entry: bytes) -> bool:
        metadata, tags, properties = self._WITHIN
        beside = tags.sub(b"", metadata.sub(b"", entry))
        found = properties.search(beside)
        marker = found[1] if found is not None else b""
        trace = self._trace(properties.sub(b"", beside), marker)
        if trace is not Trace.CURRENT:
            self._add(trace, 1, count_of(_element(marker, b"<Content-Length>")) or 0)
        return trace is Trace.CURRENT

    def _trace(self, beside: bytes, properties: bytes) -> Trace:
        if _element(beside, b"<Deleted>") == "true":
            return Trace.SOFT_DELETED
        if _element(beside, b"<Snapshot>"):
            return Trace.SNAPSHOT
        if _element(beside, b"<VersionId>") and _element(beside, b"<IsCurrentVersion>") != "true":
            return Trace.VERSION
        committed = b"<Etag>" in properties and (
            b"<Content-Type" in properties
            or b"<Content-MD5>" in properties
            or _element(properties, b"<Content-Length>") != "0"
        )
        return Trace.CURRENT if committed or not self._uncommitted else Trace.UNCOMMITTED

    def take(self, page: Forms) -> None:
        """Count what was found on a page, now that it was whole."""
        for trace, (objects, size) in page.found.items():
            self._add(trace, objects, size)

    def _add(self, trace: Trace, objects: int, size: int) -> None:
        was = self.found[trace]
        self.found[trace] = (was[0] + objects, was[1] + size)


Ask = Callable[[str | None], tuple[list[Brief], str | None]]
"""Gets the page at a marker, and the marker of the next."""


class PagesAgain(GoesOn):
    """A recount page by page; after a page that did not come, the same page is asked for."""

    def __init__(self, begin: Callable[[], Ask]) -> None:
        """`begin` is called, and anything asked of the store, when the first entry is."""
        self._begin = begin
        self._ask: Ask | None = None
        self._page: Iterator[Brief] = iter(())
        self._marker: str | None = None
        self._visited, self._is_last = Visited(), False

    def __next__(self) -> Brief:
        """Return the next entry.

        Raises:
            ListingBroken: a marker comes again, or a page contradicts itself.
            Transient: a page did not come whole.
        """
        while (brief := next(self._page, None)) is None:
            if self._is_last:
                raise StopIteration
            if self._ask is None:
                self._ask = self._begin()
            page, marker = self._ask(self._marker)
            if marker is not None and self._visited.again(marker):
                raise ListingBroken("the source repeats a listing page for ever")
            self._page, self._marker, self._is_last = iter(page), marker, marker is None
        return brief


class BriefReader:
    """Takes one page as it arrives, in bounded memory, and gives it when it was whole."""

    def __init__(self, most: int, forms: Forms | None = None) -> None:
        """`most` is how many entries were asked for; `forms` takes those that are not current."""
        self._most, self._forms = most, forms
        self._found: list[Brief] = []
        self._held = b""
        """What was looked at and not read: the page's beginning, or one entry and what follows."""
        self._came: list[bytes] = []
        self._waits = self._size = self._entries = 0
        self._is_begun = False

    def write(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            ConnectionLost, ListingBroken: see `page`.
        """
        self._size += len(data)
        if self._size > PAGE_BYTES_MAX:
            raise ListingBroken(f"a listing page has more than {PAGE_BYTES_MAX} bytes")
        self._came.append(data)
        self._waits += len(data)
        if self._waits >= PIECE:
            self._look()

    def _look(self) -> None:
        """Read all of what came but its last entry, which may not be whole."""
        held = b"".join((self._held, *self._came))
        self._came.clear()
        self._waits = 0
        last = held.rfind(_ENTRY)
        if last > 0:
            self._read(held[:last])
            held = held[last:]
        if len(held) > ENTRY_BYTES_MAX:
            raise ListingBroken(f"a listing page has an entry of more than {ENTRY_BYTES_MAX} bytes")
        self._held = held

    def page(self) -> tuple[list[Brief], str | None]:
        """Return what is compared of the page's current blobs, and the marker of the next page.

        Raises:
            ConnectionLost: this is not one whole listing.
            ListingBroken: an entry is none, or there are more than were asked for.
        """
        self._look()
        with understood():
            if not self._is_begun:
                markup.demand_beginning(self._held)
        tail = self._held[-_END_WITHIN:]
        if _END not in tail:
            raise ConnectionLost("a listing page ends early")
        match = re.search(rb"<NextMarker>(.*?)</NextMarker>|<NextMarker ?/>", tail, re.DOTALL)
        if match is None:
            raise ListingBroken("a listing page does not say whether another one follows")
        self._read(self._held)
        try:
            return self._found, _unescaped(match.group(1).decode()) if match.group(1) else None
        except UnicodeDecodeError as error:
            raise ListingBroken("a listing page is not UTF-8 text") from error

    def _read(self, text: bytes) -> None:
        """Read whole entries, and what is before the first of them."""
        if not self._is_begun:
            with understood():
                markup.demand_beginning(text)
            self._is_begun = True
        entries = text.split(_ENTRY)[1:]
        self._entries += len(entries)
        if self._entries > self._most:
            raise ListingBroken("a listing page has more entries than were asked for")
        # Nearly all texts hold plain objects alone, which is found out once for all of them.
        plain = (
            text.count(b"<BlobType>BlockBlob<") == len(entries)
            and not any(mark in text for mark in _RARE)
            and not is_folder_mark(text)
        )
        if self._forms is not None:
            entries = self._forms.current(text, entries)
        try:
            self._found.extend([_brief(entry, plain=plain) for entry in entries])
        except UnicodeDecodeError as error:
            raise ListingBroken("a listing page is not UTF-8 text") from error


def parse_brief(body: bytes, most: int = 5_000) -> tuple[list[Brief], str | None]:
    """Return what is compared of one page and the next marker.

    Raises:
        ConnectionLost, ListingBroken: see `BriefReader`.
    """
    reader = BriefReader(most)
    reader.write(body)
    return reader.page()


def _brief(entry: bytes, *, plain: bool) -> Brief:
    ends, closes = entry.find(b"</Name>"), entry.find(b"</Properties>")
    begins = entry.find(b">", 0, ends) + 1
    properties = entry[ends:closes]
    text = entry[begins:ends].decode()
    if "&" in text or "\r" in text:
        text = _unescaped(text)
    if begins > 1:
        text = meant_name(text, encoded=b"true" in entry[:begins])
    size = size_of(_element(properties, b"<Content-Length>"))
    kind = "object" if plain else _brief_kind(properties, entry[closes:], size)
    etag = _element(properties, b"<Etag>").strip('"')
    return Brief(text, size, etag, kind, md5_hex(_element(properties, b"<Content-MD5>")))


def _brief_kind(properties: bytes, more: bytes, size: int) -> str:
    seen = {name: _element(properties, f"<{name}>".encode()) for name in _KIND_MARKS}
    listed = more.partition(b"</Metadata>")[0].partition(b"<Metadata>")[2].decode()
    metadata = {name: _unescaped(value) for name, value in _METADATA.findall(listed)}
    return kind_of(seen, metadata, size)


def _unescaped(text: str) -> str:
    """Return what XML means by text; HTML, which has more names, means other characters by some."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")  # as XML takes ends of lines
    try:
        return _REFERENCE.sub(_meant, text)
    except (ValueError, OverflowError) as error:
        raise ListingBroken("a listing has a reference to no character") from error


def _meant(found: re.Match[str]) -> str:
    name, decimal, hexadecimal = found.groups()
    if name:
        return _NAMED[name]
    return chr(int(decimal) if decimal else int(hexadecimal, 16))


def _element(text: bytes, tag: bytes) -> str:
    """Return what stands in the first element that opens so, empty when there is none."""
    at = text.find(tag)
    if at < 0:
        return ""
    at += len(tag)
    found = text[at : text.find(b"<", at)].decode()
    return _unescaped(found) if "&" in found else found
