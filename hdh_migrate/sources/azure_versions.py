"""Blobs as they were at a moment: which version of each name was current then.

A listing of versions, snapshots and soft-deleted blobs gives all entries of a name one after
another; `Chooser` takes them and says which one was current. What it chose is read by its address,
so that nothing that is written to the name later changes it: the version that it is pinned to is
its ETag with the address behind (`Pin`). Memory does not grow with the versions of a name.

Source: the service's "Blob versioning", "List Blobs", "Get Blob" and "Blob snapshots" REST
references: `VersionId` is the moment at which a version was made, and it was current until the next
one; a snapshot is what was current when it was taken, and keeps the `Last-Modified` of that. Append
Block and Put Page make no version. No listing says when a blob was deleted that has versions left.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Final, Generic, NamedTuple, Protocol, TypeVar
from xml.etree import ElementTree as ET

from hdh_migrate.errors import ListingBroken
from hdh_migrate.model import Brief, ObjectInfo, Trace
from hdh_migrate.sources.azure_listing import EntryReader, object_of
from hdh_migrate.sources.azure_recount import parse_brief
from hdh_migrate.sources.http_fields import rfc3339

P = TypeVar("P")
Q = TypeVar("Q")
Taken_contra = TypeVar("Taken_contra", contravariant=True)
Given_co = TypeVar("Given_co", covariant=True)

_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", re.ASCII)
_PIN: Final = re.compile(r"(.+);(versionid|snapshot)=([0-9T:.Z-]{28})", re.ASCII | re.DOTALL)
_TOLD: Final = re.compile(rb"<(Snapshot|VersionId|IsCurrentVersion|Deleted)>([^<]*)<")
_KNOWN: Final = re.compile(rb"<(Last-Modified|Creation-Time|DeletedTime|BlobType)>([^<]*)<")
_WRITTEN_IN_PLACE: Final = frozenset(("AppendBlob", "PageBlob"))
_SECOND: Final = len("2024-01-02T03:04:05")

# --- what an object is pinned to -----------------------------------------------------------------


class Pin(NamedTuple):
    """The version of an object as the ledger and evidence have it, taken apart."""

    etag: str
    address: str = ""
    """`versionid` or `snapshot`, an equals sign and its moment; empty: whatever is current."""

    @classmethod
    def read(cls, version: str) -> Pin:
        """Take a version apart."""
        found = _PIN.fullmatch(version)
        return cls(version) if found is None else cls(found[1], f"{found[2]}={found[3]}")

    @property
    def query(self) -> dict[str, str]:
        """What a request asks for besides the name."""
        name, _, value = self.address.partition("=")
        return {name: value} if name else {}

    def __str__(self) -> str:
        return f"{self.etag};{self.address}" if self.address else self.etag


# --- one entry of a listing ----------------------------------------------------------------------


class Mark(NamedTuple):
    """From when until when an entry is known to have been what its name held."""

    trace: Trace
    begins: str
    """When its bytes were written: to ten millionths of a second, or the end of a known second."""
    until: str | None = None
    """None: until a later entry, or nobody knows."""
    address: str = ""
    since: str = ""
    """When its version was made; empty: it has none."""
    created: str = ""
    """To the second: when there was first a blob of this name; empty: not told."""


class MarkedReader(EntryReader[tuple[Mark, ObjectInfo]]):
    """Takes one page of entries in every form, with their marks."""

    def __init__(self, most: int) -> None:
        """`most` is how many were asked for."""
        super().__init__(most, _marked)


def _marked(blob: ET.Element) -> tuple[Mark, ObjectInfo]:
    def told(name: str) -> str:
        return blob.findtext(name) or ""

    def known(name: str) -> str:
        return blob.findtext(f"Properties/{name}") or ""

    return _mark(told, known), object_of(blob)


def marked_briefs(body: bytes) -> tuple[Iterator[tuple[Mark, Brief]], str | None]:
    """Read a page by other means: the mark of each entry, what is compared of it, and the marker.

    Raises:
        ConnectionLost, ListingBroken: as `parse_brief`; also while the entries are taken.
    """
    briefs, marker = parse_brief(body)
    marks = map(_mark_in, body.split(b"<Blob><Name")[1:])
    return zip(marks, briefs, strict=True), marker


def _mark_in(entry: bytes) -> Mark:
    head, _, properties = entry.partition(b"<Properties>")
    texts = {name: text.decode(errors="replace") for name, text in _TOLD.findall(head)}
    known = {name: text.decode(errors="replace") for name, text in _KNOWN.findall(properties)}
    return _mark(
        lambda name: texts.get(name.encode(), ""), lambda name: known.get(name.encode(), "")
    )


def _mark(shown: Callable[[str], str], known: Callable[[str], str]) -> Mark:
    version, snapshot = _moment(shown("VersionId")), _moment(shown("Snapshot"))
    written = _second(known("Last-Modified"))
    if not written:
        raise ListingBroken("the source lists a blob without saying when it was written")
    begins = version or f"{written}.9999999Z"
    if version and known("BlobType") in _WRITTEN_IN_PLACE:
        begins = max(version, f"{written}.9999999Z")
    trace, until, address = Trace.VERSION, None, f"versionid={version}" if version else ""
    if snapshot:
        trace, until, address = Trace.SNAPSHOT, snapshot, f"snapshot={snapshot}"
        begins = f"{written}.9999999Z"
    elif not version or shown("IsCurrentVersion") == "true":
        trace = Trace.CURRENT
    if shown("Deleted") == "true":
        trace = Trace.SOFT_DELETED
        ended = _second(known("DeletedTime"))
        until = until or (f"{ended}.0000000Z" if ended and not address else None)
    return Mark(trace, begins, until, address, version, _second(known("Creation-Time")))


def _moment(text: str) -> str:
    if text and not _MOMENT.fullmatch(text):
        raise ListingBroken("the source lists a version or snapshot without its moment")
    return text


def _second(http_date: str) -> str:
    return (rfc3339(http_date) or "")[:_SECOND]


# --- which one it was ----------------------------------------------------------------------------


class Fate(StrEnum):
    """How the version that was current then stands today."""

    CURRENT = "current"
    EARLIER = "earlier"
    UNDELETED = "undeleted"
    """It has versions, and no current one: somebody deleted it, nobody knows when."""
    DELETED = "version-deleted"
    """It was soft-deleted itself, and cannot be read as it is."""
    LOST = "version-lost"
    """There was a blob then, and what it held is in no version and in no snapshot."""


MOVED: Final = frozenset((Fate.CURRENT, Fate.EARLIER, Fate.UNDELETED))


class Then(NamedTuple, Generic[P]):
    """What a name held at the moment."""

    fate: Fate
    mark: Mark
    entry: P


class Chooser(Generic[P]):
    """Takes all entries of one name, in any order."""

    def __init__(self, moment: str) -> None:
        """`moment` is RFC 3339 in UTC, in seconds."""
        self._second = moment[:_SECOND]
        self._moment = f"{self._second}.0000000Z"
        self._best: tuple[Mark, P] | None = None
        self._first: tuple[Mark, P] | None = None
        self._created = ""
        self._current = self._rewritten = False

    def take(self, mark: Mark, entry: P) -> None:
        """Take one entry."""
        ended = mark.until is not None and mark.until < self._moment
        if ended and mark.trace is Trace.SOFT_DELETED and not mark.address:
            return  # it was gone by then, and whatever came after has entries of its own
        self._current |= mark.trace is Trace.CURRENT
        if mark.created and not (self._created and self._created <= mark.created):
            self._created = mark.created
        if self._first is None or mark.begins < self._first[0].begins:
            self._first = mark, entry
        if mark.begins > self._moment:
            self._rewritten |= not mark.until and mark.since <= self._moment
        elif not ended and (self._best is None or _rank(mark) > _rank(self._best[0])):
            self._best = mark, entry

    def chosen(self) -> Then[P] | None:
        """Return what was current at the moment; None: there was nothing of this name."""
        if self._first is None:
            return None
        if self._best is None:
            return None if self._came_later(self._first[0]) else Then(Fate.LOST, *self._first)
        mark = self._best[0]
        if self._rewritten and mark.until is None:
            # There is no version of what that write took the place of.
            return Then(Fate.LOST, *self._best)
        if mark.trace is Trace.SOFT_DELETED:
            return Then(Fate.DELETED, *self._best)
        if mark.trace is Trace.CURRENT:
            return Then(Fate.CURRENT, *self._best)
        return Then(Fate.EARLIER if self._current else Fate.UNDELETED, *self._best)

    def given(self) -> Sequence[Then[P]]:
        """Return what was chosen, if anything was."""
        then = self.chosen()
        return () if then is None else (then,)

    def _came_later(self, first: Mark) -> bool:
        """Say whether the earliest entry is the beginning of its name, and after the moment."""
        if first.begins <= self._moment or not self._created:
            return False
        return self._created > self._second or self._created >= first.begins[:_SECOND]


def _rank(mark: Mark) -> tuple[str, bool, str]:
    """Order entries that may have been current: the latest, of one second a version first."""
    return mark.begins[:_SECOND], mark.trace is not Trace.SNAPSHOT, mark.begins


# --- a listing, name by name ---------------------------------------------------------------------

Entry = tuple[str, Mark, P]
"""A key with an entry of it."""


class Position(NamedTuple):
    """Where a listing goes on: a page by its marker, and how many entries of it were taken."""

    marker: str | None = None
    taken: int = 0

    @classmethod
    def read(cls, text: str | None) -> Position:
        """Read what `str` wrote."""
        taken, _, marker = (text or "0:").partition(":")
        return cls(marker or None, int(taken))

    def __str__(self) -> str:
        return f"{self.taken}:{self.marker or ''}"


class TakesName(Protocol[Taken_contra, Given_co]):
    """Takes all entries of one name, in any order, and says what becomes of them."""

    def take(self, mark: Mark, entry: Taken_contra, /) -> None:
        """Take one entry."""

    def given(self) -> Sequence[Given_co]:
        """Return what is made of them."""


def by_name(
    pages: Iterator[tuple[list[Entry[P]], str | None]],
    begin: Position,
    begins: Callable[[], TakesName[P, Q]],
) -> Iterator[tuple[list[Q], Position | None]]:
    """Give page by page what is made of each name, with where to go on; None: after the last.

    `begins` is called for each name. Entries of one name may lie on several pages; it is given when
    the next name begins.
    """
    key: str | None = None
    taker = begins()
    place, begun, taken = begin.marker, begin, begin.taken
    for entries, following in pages:
        done = list[Q]()
        for number, (name, mark, entry) in enumerate(entries[taken:], taken):
            if name != key:
                done.extend(taker.given())
                key, taker, begun = name, begins(), Position(place, number)
            taker.take(mark, entry)
        if following is None:
            yield [*done, *taker.given()], None
            return
        if done:
            yield done, begun
        place, taken = following, 0
