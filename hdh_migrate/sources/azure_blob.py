"""Azure Blob as a source: own paging loop, pinned ranged reads, every reply checked.

The SDK is not on the data path: it returns short and wrong ranges without an error and costs
several times the CPU (docs/decisions/0002-transport.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from urllib.parse import quote, urlencode
from xml.etree import ElementTree as ET

from hdh_migrate.errors import (
    AccessDenied,
    AuthFailed,
    ListingBroken,
    Missing,
    Permanent,
    ShortRead,
    SourceChanged,
    StorageError,
    Throttled,
    Transient,
    Unsupported,
)
from hdh_migrate.model import ObjectInfo, Page, Place, Problem, Span, key_bytes
from hdh_migrate.ports import Write
from hdh_migrate.sources.azure_credentials import Authorizer
from hdh_migrate.sources.azure_listing import md5_hex, parse_brief, parse_page, rfc3339
from hdh_migrate.transport import Reply, Transport

API_VERSION = "2021-12-02"
PAGE_SIZE = 5_000
RECOUNT_PAGE_SIZE = 1_700  # cuts the listing elsewhere than PAGE_SIZE does
PAGE_BYTES_MAX = 128 << 20

_AUTH_CODES = frozenset(
    ("AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation",
     "KeyBasedAuthenticationNotPermitted", "AccountIsDisabled")
)  # fmt: skip
_PERMANENT: dict[int | str, type[Permanent]] = {
    403: AccessDenied,
    404: Missing,
    412: SourceChanged,
    416: SourceChanged,  # the object became shorter than the range asked for
    "BlobArchived": Unsupported,
}
_TRANSIENT_STATUS = frozenset((408, 500, 502, 504))
_THROTTLED_STATUS = frozenset((429, 503))


class AzureBlobSource:
    """One storage account, read-only."""

    page_size = PAGE_SIZE

    def __init__(self, account_url: str, authorizer: Authorizer, transport: Transport) -> None:
        self._url = account_url.rstrip("/")
        self._authorizer = authorizer
        self._transport = transport
        self._with_tags: dict[str, bool] = {}

    # --- listing -------------------------------------------------------------------------

    def pages(self, place: Place, *, marker: str | None = None) -> Iterator[Page]:
        """List everything under the prefix; see `ports.Source.pages`."""
        seen = {marker}
        while True:
            body = self._list(place, marker, PAGE_SIZE)
            objects, marker = parse_page(body)
            if marker is not None and marker in seen:
                raise ListingBroken("the source repeats a listing page for ever")
            seen = {marker, *seen} if len(seen) < 100_000 else {marker}
            yield Page(objects=tuple(objects), marker=marker)
            if marker is None:
                return

    def recount(self, place: Place) -> Iterator[tuple[str, str]]:
        """List again in pages of another size, read by another parser."""
        marker, last = None, None
        while True:
            pairs, marker = parse_brief(self._list(place, marker, RECOUNT_PAGE_SIZE, brief=True))
            yield from pairs
            if marker is None:
                return
            if marker == last:
                raise ListingBroken("the source repeats a listing page for ever")
            last = marker

    def _list(self, place: Place, marker: str | None, size: int, *, brief: bool = False) -> bytes:
        query = {"restype": "container", "comp": "list", "maxresults": str(size)}
        if place.prefix:
            query["prefix"] = place.prefix
        if marker:
            query["marker"] = marker
        if not brief:
            tags = self._with_tags.get(place.bucket, True)
            query["include"] = "metadata,tags" if tags else "metadata"
        try:
            return self._get_listing(place.bucket, query)
        except AccessDenied:
            # Reading tags is a right of its own; a list without them is better than no list,
            # and inventory records that tags could not be read.
            if brief or not self._with_tags.get(place.bucket, True):
                raise
            self._with_tags[place.bucket] = False
            return self._list(place, marker, size)

    def reads_tags(self, place: Place) -> bool:
        """Say whether the credential may read index tags, as far as a listing has shown."""
        return self._with_tags.get(place.bucket, True)

    def _get_listing(self, container: str, query: dict[str, str]) -> bytes:
        reply = self._request("GET", f"/{quote(container)}", query, {}, limit=PAGE_BYTES_MAX)
        if reply.status != 200:
            raise from_reply(reply, "the source's container")
        return reply.body

    # --- objects -------------------------------------------------------------------------

    def head(self, place: Place, key: str) -> ObjectInfo:
        """Describe one blob as it is now."""
        reply = self._request("HEAD", _path(place.bucket, key), {}, {})
        if reply.status != 200:
            raise from_reply(reply, "a source object")
        if reply.length is None or not reply.etag:
            raise ShortRead("the source describes an object without size or version")
        return ObjectInfo(
            key=key,
            size=reply.length,
            version=reply.etag,
            modified=rfc3339(reply.headers.get("last-modified")),
            md5=md5_hex(reply.headers.get("content-md5")),
        )

    def read(self, place: Place, obj: ObjectInfo, span: Span, write: Write) -> None:
        """Hand over exactly the span of exactly this version; see `ports.Source.read`."""
        if span.length == 0:
            # A range of nothing cannot be asked for, and an empty object's version still counts.
            if self.head(place, obj.key).version != obj.version:
                raise SourceChanged("a source object changed since inventory")
            return
        headers = {
            "If-Match": f'"{obj.version}"',
            "x-ms-range": f"bytes={span.start}-{span.end - 1}",
        }
        got = 0

        def count(data: bytes) -> None:
            nonlocal got
            got += len(data)
            if got > span.length:
                raise ShortRead("the source sent more than was asked for")
            write(data)

        reply = self._request(
            "GET", _path(place.bucket, obj.key), {}, headers,
            accept=_exactly(obj, span), sink=count,
        )  # fmt: skip
        if reply.status != 206:
            raise from_reply(reply, "a source object")
        if got != span.length:
            raise ShortRead("the source sent less than it announced")

    # --- rights --------------------------------------------------------------------------

    def check(self, place: Place) -> Sequence[Problem]:
        """Try to list one object and to read its first byte."""
        where = f"source container {place.bucket}"
        try:
            query = {"restype": "container", "comp": "list", "maxresults": "1"}
            if place.prefix:
                query["prefix"] = place.prefix
            objects, _ = parse_page(self._get_listing(place.bucket, query))
        except Missing:
            return [Problem(where=where, what="there is no such container")]
        except AuthFailed as error:
            return [Problem(where=where, what=str(error), hint=error.hint, auth=True)]
        except AccessDenied:
            return [Problem(where=where, what="no right to list", auth=True,
                            hint="the credential needs List (sp=l) on the container")]  # fmt: skip
        return self._check_read(place, where, [o for o in objects if o.kind == "object"])

    def _check_read(
        self, place: Place, where: str, objects: Sequence[ObjectInfo]
    ) -> Sequence[Problem]:
        for obj in objects:
            try:
                self.read(place, obj, Span(0, min(1, obj.size)), lambda _: None)
            except (AccessDenied, AuthFailed):
                return [Problem(where=where, what="no right to read", auth=True,
                                hint="the credential needs Read (sp=r) on blobs")]  # fmt: skip
        return []

    def _request(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        headers: dict[str, str],
        *,
        accept: Callable[[Reply], None] | None = None,
        sink: Write | None = None,
        limit: int = 65_536,
    ) -> Reply:
        headers = {"x-ms-version": API_VERSION, **headers}
        text = self._authorizer.apply(urlencode(query, quote_via=quote), headers)
        url = f"{self._url}{path}?{text}" if text else f"{self._url}{path}"
        return self._transport.request(method, url, headers, accept=accept, sink=sink, limit=limit)


def _path(container: str, key: str) -> str:
    return f"/{quote(container)}/{quote(key_bytes(key), safe='/-_.~')}"


def _exactly(obj: ObjectInfo, span: Span) -> Callable[[Reply], None]:
    """Return the check of a ranged reply's head (the SDK believes all of these)."""
    wanted = f"bytes {span.start}-{span.end - 1}/{obj.size}"

    def accept(reply: Reply) -> None:
        if reply.status != 206:
            raise ShortRead(f"the source answered {reply.status} to a ranged read")
        if reply.headers.get("content-range") != wanted:
            raise ShortRead("the source sent another range than was asked for")
        if reply.length != span.length:
            raise ShortRead("the source announced another length than was asked for")
        if reply.etag != obj.version:
            raise SourceChanged("a source object changed since inventory")

    return accept


def from_reply(reply: Reply, what: str) -> StorageError:
    """Return the error that a reply means; its text names no object and holds no secret."""
    status = reply.status
    code = reply.headers.get("x-ms-error-code") or _xml_code(reply.body)
    label = f"{what}: {code or 'no reason given'} (HTTP {status})"
    if status in _THROTTLED_STATUS:
        return Throttled(label, retry_after=reply.retry_after)
    if status in _TRANSIENT_STATUS or 200 <= status < 300:
        return Transient(label, retry_after=reply.retry_after)
    if code in _AUTH_CODES or status == 401:
        return AuthFailed(f"the source refuses the credential: {code or status}")
    return _PERMANENT.get(code, _PERMANENT.get(status, Permanent))(label)


def _xml_code(body: bytes) -> str:
    if b"<!DOCTYPE" in body:
        return ""
    try:
        return ET.fromstring(body).findtext("Code") or ""  # noqa: S314 - see above
    except ET.ParseError:
        return ""
