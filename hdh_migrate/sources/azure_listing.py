"""Read one page of Azure's List Blobs reply, believing nothing that does not add up.

Source: the service's "List Blobs" REST reference; measured behaviour in docs/decisions/0002.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html import unescape
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from hdh_migrate.errors import ConnectionLost, ListingBroken
from hdh_migrate.model import ObjectInfo

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
_HEADERS = {
    "Content-Type": "content-type",
    "Content-Encoding": "content-encoding",
    "Content-Language": "content-language",
    "Content-Disposition": "content-disposition",
    "Cache-Control": "cache-control",
}
_KINDS = {"BlockBlob": "object", "AppendBlob": "append-blob", "PageBlob": "page-blob"}


def parse_page(body: bytes) -> tuple[list[ObjectInfo], str | None]:
    """Return the objects of one page and the marker of the next.

    Raises:
        ConnectionLost: the body is not one whole listing (cut on the way; worth another try).
        ListingBroken: an entry lacks what every entry has.
    """
    root = _root(body)
    blobs = root.find("Blobs")
    if blobs is None:
        raise ListingBroken("a listing page has no Blobs element")
    marker = root.find("NextMarker")
    if marker is None:
        raise ListingBroken("a listing page does not say whether another one follows")
    return [_object(blob) for blob in blobs.iter("Blob")], marker.text or None


def parse_brief(body: bytes) -> tuple[Iterator[tuple[str, str]], str | None]:
    """Return (key, version) pairs of one page and the next marker, by other means than above.

    A recount is worth more when it does not share its reader with the count.
    """
    tail = body[-4096:]
    if b"</EnumerationResults>" not in tail:
        raise ConnectionLost("a listing page ends early")
    match = re.search(rb"<NextMarker>(.*?)</NextMarker>|<NextMarker ?/>", tail, re.DOTALL)
    if match is None:
        raise ListingBroken("a listing page does not say whether another one follows")
    marker = unescape(match.group(1).decode()) if match.group(1) else None
    return _brief_pairs(body), marker


def _brief_pairs(body: bytes) -> Iterator[tuple[str, str]]:
    entries = body.split(b"<Blob><Name")
    for entry in entries[1:]:
        head, _, rest = entry.partition(b"</Name>")
        attribute, _, name = head.partition(b">")
        etag = rest.partition(b"<Etag>")[2].partition(b"</Etag>")[0]
        text = name.decode()
        if "&" in text:
            text = unescape(text)
        yield _name(text, encoded=b"true" in attribute), etag.decode().strip('"')


def rfc3339(http_date: str | None) -> str | None:
    """Return an HTTP date as RFC 3339, None when there is none."""
    if not http_date:
        return None
    if len(http_date) == 29 and http_date[8:11] in _MONTHS:  # the one form that Azure sends
        month = _MONTHS[http_date[8:11]]
        return f"{http_date[12:16]}-{month:02d}-{http_date[5:7]}T{http_date[17:25]}Z"
    try:
        moment = parsedate_to_datetime(http_date).astimezone(UTC)
    except ValueError:
        return None
    return datetime.isoformat(moment, timespec="seconds").replace("+00:00", "Z")


def md5_hex(content_md5: str | None) -> str | None:
    """Return a Content-MD5 as hexadecimal, None when it is absent or not an MD5."""
    if not content_md5:
        return None
    try:
        raw = base64.b64decode(content_md5, validate=True)
    except binascii.Error:
        return None
    return raw.hex() if len(raw) == 16 else None


def _root(body: bytes) -> ET.Element:
    if not body.strip():
        raise ConnectionLost("a listing page is empty")
    if b"<!DOCTYPE" in body[:1024]:
        raise ListingBroken("a listing page declares a document type")
    try:
        root = ET.fromstring(body)  # noqa: S314 - DOCTYPE refused above, so no entities
    except ET.ParseError as error:
        raise ConnectionLost("a listing page is not whole XML") from error
    if root.tag != "EnumerationResults":
        raise ListingBroken("the reply to a listing is not a listing")
    return root


def _object(blob: ET.Element) -> ObjectInfo:
    name, properties = blob.find("Name"), blob.find("Properties")
    if name is None or name.text is None or properties is None:
        raise ListingBroken("a listing has an entry without a name")
    seen = {child.tag: child.text for child in properties}
    size, etag = seen.get("Content-Length"), seen.get("Etag")
    if size is None or not size.isdigit() or not etag:
        raise ListingBroken("a listing has an entry without size or version")
    metadata = _pairs(blob.find("Metadata"))
    return ObjectInfo(
        key=_name(name.text, encoded=name.get("Encoded") == "true"),
        size=int(size),
        version=etag.strip('"'),
        modified=rfc3339(seen.get("Last-Modified")),
        md5=md5_hex(seen.get("Content-MD5")),
        headers={_HEADERS[tag]: text for tag, text in seen.items() if tag in _HEADERS and text},
        metadata=metadata,
        tags=_tags(blob.find("Tags")),
        kind=_kind(seen, metadata, int(size)),
        tier=seen.get("AccessTier"),
        lease="leased" if seen.get("LeaseState") == "leased" else None,
    )


def _kind(seen: dict[str, str | None], metadata: dict[str, str], size: int) -> str:
    folder = {name.lower(): value for name, value in metadata.items()}.get("hdi_isfolder")
    if seen.get("ResourceType") == "directory" or (folder == "true" and size == 0):
        return "directory"
    if seen.get("AccessTier") == "Archive":
        return "archived"
    if seen.get("CustomerProvidedKeySha256"):
        return "customer-key"
    return _KINDS.get(seen.get("BlobType") or "", "unknown-blob-type")


def _name(text: str, *, encoded: bool) -> str:
    return unquote(text, errors="surrogateescape") if encoded else text


def _pairs(element: ET.Element | None) -> dict[str, str]:
    return {} if element is None else {child.tag: child.text or "" for child in element}


def _tags(element: ET.Element | None) -> dict[str, str]:
    if element is None:
        return {}
    return {tag.findtext("Key", ""): tag.findtext("Value", "") for tag in element.iter("Tag")}
