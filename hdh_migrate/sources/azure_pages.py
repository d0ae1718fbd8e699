"""Page blobs: which of their pages hold data, so that nothing else is asked for.

Source: the service's "Get Page Ranges" REST reference: `PageList` holds `PageRange` elements with
`Start` and `End`, both inclusive, in ascending order; from version 2020-10-02 on a `NextMarker` may
follow. What is in no range reads as zeros.
"""

from __future__ import annotations

from collections.abc import Iterator

from hdh_migrate import markup
from hdh_migrate.bounded import count_of
from hdh_migrate.errors import ConnectionLost, ListingBroken
from hdh_migrate.model import SIZE_MAX, ObjectInfo, Place, Span
from hdh_migrate.model.naming import name_in
from hdh_migrate.sources.azure_account import AzureAccount, from_reply
from hdh_migrate.sources.azure_listing import pages_of
from hdh_migrate.sources.azure_versions import Pin

REPLY_MAX = 1 << 20
ASKED = 6_000
"""Ranges in one reply: so many, as elements, are one short document."""

RECORDED_MAX = 2_000
"""Ranges of one blob that are recorded one by one."""


def valid(account: AzureAccount, place: Place, obj: ObjectInfo, span: Span) -> Iterator[Span]:
    """Give the stretches of a span that hold data, of exactly this version, in order.

    Raises:
        SourceChanged: it is no longer this version.
        ListingBroken: the stretches are out of order, or lie where the blob is not.
    """
    at = span.start
    for found, _ in pages_of(lambda marker: _page(account, place, obj, span, marker)):
        for start, end in found:
            if start > end or end < at or end >= obj.size:
                raise ListingBroken("the source lists page ranges out of order or out of the blob")
            begins, stops = max(start, at), min(end + 1, span.end)
            if begins < stops:
                yield Span(begins, stops - begins)
            at = end + 1


def described(account: AzureAccount, place: Place, obj: ObjectInfo) -> dict[str, str]:
    """Return what is recorded of a page blob's ranges, by the names of `fidelity.FEATURES`."""
    ranges, count, size = list[str](), 0, 0
    for span in valid(account, place, obj, Span(0, obj.size)) if obj.size else ():
        count, size = count + 1, size + span.length
        if count <= RECORDED_MAX:
            ranges.append(f"{span.start}-{span.end - 1}")
    facts = {"page-count": str(count), "page-bytes": str(size)}
    if 0 < count <= RECORDED_MAX:
        facts["page-ranges"] = ",".join(ranges)
    return facts


def _page(
    account: AzureAccount, place: Place, obj: ObjectInfo, span: Span, marker: str | None
) -> tuple[list[tuple[int, int]], str | None]:
    pin = Pin.read(obj.version)
    query = {"comp": "pagelist", "maxresults": str(ASKED), **pin.query}
    if marker is not None:
        query["marker"] = marker
    headers = {
        "If-Match": f'"{pin.etag}"',
        "x-ms-range": f"bytes={span.start}-{span.end - 1}",
    }
    reply = account.blob("GET", place, name_in(obj.key), headers, query=query, limit=REPLY_MAX)
    if reply.status != 200:
        raise from_reply(reply, "the pages of a source object")
    try:
        root = markup.tree(reply.body)
    except markup.NotWhole as error:
        raise ConnectionLost("a list of page ranges is not whole XML") from error
    except markup.Unwanted as error:
        raise ListingBroken(f"a list of page ranges has {error}") from error
    if root.tag != "PageList":
        raise ListingBroken("the reply to a question for page ranges is none")
    found = [
        (_place(one.findtext("Start")), _place(one.findtext("End")))
        for one in root.iter("PageRange")
    ]
    return found, root.findtext("NextMarker") or None


def _place(text: str | None) -> int:
    number = count_of(text or "", SIZE_MAX)
    if number is None:
        raise ListingBroken("the source gives a page range that is no number of bytes")
    return number
