"""Read one page of Azure's List Blobs reply, believing nothing that does not add up.

Source: the service's "List Blobs" REST reference; measured behaviour in docs/decisions/0002.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from operator import itemgetter
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from hdh_migrate import markup
from hdh_migrate.bounded import Visited, count_of
from hdh_migrate.errors import ConnectionLost, ListingBroken
from hdh_migrate.fidelity import OTHER
from hdh_migrate.model import SIZE_MAX, ObjectInfo
from hdh_migrate.sources.http_fields import md5_hex, rfc3339

T = TypeVar("T")

_HEADERS = {
    "Content-Type": "content-type",
    "Content-Encoding": "content-encoding",
    "Content-Language": "content-language",
    "Content-Disposition": "content-disposition",
    "Cache-Control": "cache-control",
}
_FOLDER = b"hdi_isfolder"
"""The name of metadata, in any case, that makes a folder of an empty blob."""
_INVALID = "x-ms-invalid-name"
"""In the place of a pair of metadata whose name is none of today's: it holds that name."""
UNLISTED = OTHER + _INVALID
"""The fact that an object has such pairs: their names, without what stands under them."""
_KINDS = {"BlockBlob": "object", "AppendBlob": "append-blob", "PageBlob": "page-blob"}


PAGE_BYTES_MAX = 128 << 20
ENTRY_BYTES_MAX = 256 << 10
"""Bytes of one entry: a name, 8 KiB of metadata and ten tags, escaped, and room to spare."""

ENTRY_ELEMENTS = 200
"""Elements of one entry, on the average of a page."""


def pages_of(
    ask: Callable[[str | None], tuple[T, str | None]], marker: str | None = None
) -> Iterator[tuple[T, str | None]]:
    """Give page after page, each with the marker of the next; `ask` gets the one at a marker.

    Raises:
        ListingBroken: a marker comes again.
    """
    visited = Visited()
    visited.again(marker)
    while True:
        page, marker = ask(marker)
        if marker is not None and visited.again(marker):
            raise ListingBroken("the source repeats a listing page for ever")
        yield page, marker
        if marker is None:
            return


class EntryReader(Generic[T]):
    """Takes one page as it arrives, in bounded memory, and gives it when it was whole."""

    def __init__(self, most: int, entry: Callable[[ET.Element], T]) -> None:
        """`most` is how many entries were asked for; `entry` makes something of each."""
        self._most, self._entry = most, entry
        self._found: list[T] = []
        self._xml = markup.EntryParser(
            "Blob",
            within="Blobs",
            most=PAGE_BYTES_MAX,
            entry_most=ENTRY_BYTES_MAX,
            elements=ENTRY_ELEMENTS * (most + 10),
        )

    def write(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            ConnectionLost, ListingBroken: see `page`.
        """
        with understood():
            self._take(self._xml.feed(data))

    def _take(self, entries: Iterator[ET.Element]) -> None:
        for blob in entries:
            if len(self._found) == self._most:
                raise ListingBroken("a listing page has more entries than were asked for")
            self._found.append(self._entry(blob))

    def page(self) -> tuple[list[T], str | None]:
        """Return what was made of the page's entries, and the marker of the next page.

        Raises:
            ConnectionLost: this is not one whole listing (cut on the way; worth another try).
            ListingBroken: an entry lacks what every entry has, or has what none has.
        """
        with understood():
            self._take(self._xml.end())
            root = self._xml.root()
        return self._found, _following(root, len(self._found))


class PageReader(EntryReader[ObjectInfo]):
    """Takes one page of objects, as `AzureBlobSource` lists them."""

    def __init__(self, most: int) -> None:
        """`most` is how many were asked for."""
        super().__init__(most, object_of)


def _following(root: ET.Element, entries: int) -> str | None:
    """Return the marker of the next page, after a look at what frames the entries.

    Raises:
        ListingBroken: this is no listing, or not one of so many entries.
    """
    if root.tag != "EnumerationResults":
        raise ListingBroken("the reply to a listing is not a listing")
    blobs, marker = root.find("Blobs"), root.find("NextMarker")
    if blobs is None:
        raise ListingBroken("a listing page has no Blobs element")
    if sum(1 for _ in root.iter("Blob")) != entries:  # wherever they stand
        raise ListingBroken("a listing has an entry without a name")
    if marker is None:
        raise ListingBroken("a listing page does not say whether another one follows")
    return marker.text or None


@contextmanager
def understood() -> Iterator[None]:
    """Turn what is wrong with a page's XML into a `ConnectionLost` or a `ListingBroken`."""
    try:
        yield
    except markup.NotWhole as error:
        raise ConnectionLost("a listing page is not whole XML") from error
    except markup.Unwanted as error:
        raise ListingBroken(f"a listing page has {error}") from error


def size_of(text: str | None) -> int:
    """Return a size as a store writes it.

    Raises:
        ListingBroken: it is none, or one that no object has.
    """
    size = count_of(text or "")
    if size is None:
        raise ListingBroken("the source gives an object a size that is no number of bytes")
    if size > SIZE_MAX:
        raise ListingBroken("the source gives an object a size that no store can hold")
    return size


def object_of(blob: ET.Element) -> ObjectInfo:
    """Read what an entry says of its blob.

    Raises:
        ListingBroken: it lacks what every entry has.
    """
    properties = blob.find("Properties")
    if properties is None:
        raise ListingBroken("a listing has an entry without properties")
    places = _property_places(tuple([child.tag for child in properties]))
    texts = [child.text for child in properties]
    texts.append(None)  # what an element that is not there says
    length, etag, content_md5, last_modified = places.looked(texts)
    size = size_of(length)
    if not etag:
        raise ListingBroken("a listing has an entry without version")
    md5 = md5_hex(content_md5)
    own = [(tag, text) for tag, at in places.own if (text := texts[at])]
    if content_md5 and md5 is None:
        own.append(("Content-MD5", content_md5))
    if (replicated := blob.find("OrMetadata")) is not None:
        own.extend((child.tag, text) for child in replicated if (text := child.text))
    alike = _alike(places, places.alike(texts))
    metadata = _pairs(blob.find("Metadata"))
    if metadata.pop(_INVALID, None) is not None:
        names = ", ".join(one.text or "" for one in blob.iterfind(f"Metadata/{_INVALID}"))
        own.append((_INVALID, names))
    return ObjectInfo(
        key=name_of(blob),
        size=size,
        version=etag.strip('"'),
        modified=rfc3339(last_modified),
        md5=md5,
        headers=alike.headers,
        metadata=metadata,
        tags=_tags(blob.find("Tags")),
        kind="directory" if size == 0 and _is_folder(metadata) else alike.kind,
        tier=alike.tier,
        lease=alike.lease,
        facts=alike.told(own),
    )


def lease_of(state: str | None, duration: str | None) -> str | None:
    """Return how somebody holds a blob: "leased", "infinite", or None where nobody does."""
    if state != "leased":
        return None
    return "infinite" if duration == "infinite" else "leased"


_FACTS: dict[str, str] = {
    "AccessTierInferred": "tier-inferred",
    "EncryptionScope": "encryption-scope",
    "Sealed": "sealed",
    "Owner": "owner",
    "Group": "group",
    "Permissions": "permissions",
    "Acl": "acl",
    "ImmutabilityPolicyMode": "immutable-mode",
    "LegalHold": "legal-hold",
    "x-ms-blob-sequence-number": "sequence",
}
_MOMENTS = {
    "Creation-Time": "created",
    "Expiry-Time": "expires",
    "LastAccessTime": "accessed",
    "AccessTierChangeTime": "tier-changed",
    "ImmutabilityPolicyUntilDate": "immutable-until",
}
_OWN = (*_MOMENTS, "CopyId", "CopySource", "CopyCompletionTime")
"""Elements that hardly two blobs have alike."""

_ADDRESS = "CopySource"
"""The element with an address whose query may hold a signature."""

_TYPES = frozenset(("AppendBlob", "PageBlob"))

STATES = frozenset((
    "Content-Length", "Etag", "Last-Modified", "BlobType", "AccessTier", "Content-CRC64",
    "LeaseStatus", "LeaseState", "LeaseDuration", "ServerEncrypted", "CustomerProvidedKeySha256",
    "TagCount", "ArchiveStatus", "RehydratePriority", "DeletedTime", "RemainingRetentionDays",
))  # fmt: skip
"""Elements that are no fact of their own: read as something else, or a state of the account alone.

docs/fidelity.md says of each which; whatever else a listing says is a fact.
"""


class _Alike(NamedTuple):
    """What many blobs of a container have alike: worked out once for each of its forms."""

    headers: Mapping[str, str]
    kind: str
    """As `kind_of` has it, of a blob that is not empty."""
    tier: str | None
    lease: str | None
    facts: Mapping[str, str]
    """What the service says of it besides, by the names of `fidelity.FEATURES`.

    What it says of every blob, and only to say that there is nothing, is no fact.
    """
    type: Mapping[str, str]

    def told(self, own: Iterable[tuple[str, str]]) -> dict[str, str]:
        """Return all facts of one blob, given the elements that it has for itself."""
        found = dict(self.facts)
        for tag, text in own:
            if tag in _MOMENTS and (moment := rfc3339(text)):
                found[_MOMENTS[tag]] = moment
            else:
                found[OTHER + tag] = _unsigned(text) if tag == _ADDRESS else text
        found.update(self.type)
        return found


def _unsigned(address: str) -> str:
    """Return an address without what may let somebody in: of its query, which version it names."""
    plain, _, query = address.partition("?")
    kept = [one for one in query.split("&") if one.startswith(("snapshot=", "versionid="))]
    return f"{plain}?{'&'.join(kept)}" if kept else plain


_LOOKED = ("Content-Length", "Etag", "Content-MD5", "Last-Modified")
"""Elements that every blob has for itself."""


class _PropertyPlaces:
    """Where the texts of an entry's properties are that are looked at one by one, or together.

    Blobs of a container have few layouts: each is worked out once. Of two elements of one name the
    later one counts.
    """

    def __init__(self, tags: tuple[str, ...]) -> None:
        places = {tag: at for at, tag in enumerate(tags)}
        self.looked: Callable[[list[str | None]], tuple[str | None, ...]] = itemgetter(
            *(places.get(tag, -1) for tag in _LOOKED)
        )
        self.own = [(tag, places[tag]) for tag in _OWN if tag in places]
        together = [tag for tag in places if tag not in _OWN and tag not in _LOOKED]
        self.tags = tuple(together)
        """Names of the elements that blobs have alike, in the order of `alike`."""
        # Twice the last one, so that there are two at least: of one, there would be no tuple.
        self.alike: Callable[[list[str | None]], tuple[str | None, ...]] = itemgetter(
            *map(places.__getitem__, together), -1, -1
        )


_property_places = lru_cache(maxsize=32)(_PropertyPlaces)


@lru_cache(maxsize=128)  # each may be as long as an entry
def _alike(places: _PropertyPlaces, texts: tuple[str | None, ...]) -> _Alike:
    seen = dict(zip(places.tags, texts, strict=False))
    kind = seen.get("BlobType")
    return _Alike(
        headers={_HEADERS[tag]: text for tag, text in seen.items() if tag in _HEADERS and text},
        kind=kind_of(seen, {}, 1),
        tier=seen.get("AccessTier"),
        lease=lease_of(seen.get("LeaseState"), seen.get("LeaseDuration")),
        facts={
            name: text
            for tag, name in (*_FACTS.items(), *_others(seen))
            if (text := seen.get(tag)) and text != "false"
        },
        type={"blob-type": kind} if kind is not None and kind in _TYPES else {},
    )


def _others(seen: Mapping[str, str | None]) -> Iterator[tuple[str, str]]:
    """Give every element that nothing else here reads, with the name of its fact."""
    for tag, text in seen.items():
        if tag == "ResourceType":  # a directory is one by its kind
            if text not in {"file", "directory"}:
                yield tag, OTHER + tag
        elif tag not in STATES and tag not in _HEADERS and tag not in _FACTS:
            yield tag, OTHER + tag


def name_of(blob: ET.Element) -> str:
    """Return the name of an entry.

    Raises:
        ListingBroken: it has none.
    """
    name = blob.find("Name")
    if name is None or not name.text:
        raise ListingBroken("a listing has an entry without a name")
    return meant_name(name.text, encoded=name.get("Encoded") == "true")


def kind_of(seen: Mapping[str, str | None], metadata: Mapping[str, str], size: int) -> str:
    """Return "object", or why an entry with these properties is no plain readable one."""
    if seen.get("ResourceType") == "directory" or (size == 0 and _is_folder(metadata)):
        return "directory"
    if seen.get("AccessTier") == "Archive":
        return "archived"
    if seen.get("CustomerProvidedKeySha256"):
        return "customer-key"
    return _KINDS.get(seen.get("BlobType") or "", "unknown-blob-type")


def _is_folder(metadata: Mapping[str, str]) -> bool:
    """Say whether metadata makes a folder of an empty blob."""
    named = {name.lower(): value for name, value in metadata.items()}
    return named.get(_FOLDER.decode()) == "true"


def is_folder_mark(text: bytes) -> bool:
    """Say whether the name of metadata that makes folders stands in a text."""
    return _FOLDER in text.lower()


def meant_name(text: str, *, encoded: bool) -> str:
    """Return a name as it is, given as it is listed."""
    return unquote(text, errors="surrogateescape") if encoded else text


def _pairs(element: ET.Element | None) -> dict[str, str]:
    return {} if element is None else {child.tag: child.text or "" for child in element}


def _tags(element: ET.Element | None) -> dict[str, str]:
    if element is None:
        return {}
    return {tag.findtext("Key", ""): tag.findtext("Value", "") for tag in element.iter("Tag")}
