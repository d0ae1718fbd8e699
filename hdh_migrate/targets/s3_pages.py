"""Listings of S3 page by page, to their real end: objects, open uploads, the parts of an upload.

A page that says it is truncated is followed by another one, or the listing is broken. A page that
says it is the last, yet is full and names where the next begins, is asked on as well: a host's own
samples show open uploads listed so. No position is asked for twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from hdh_migrate.bounded import Visited, as_count
from hdh_migrate.errors import ListingBroken
from hdh_migrate.model import Place, Upload
from hdh_migrate.targets.s3_endpoint import S3Endpoint, translated
from hdh_migrate.targets.s3_lists import ListedPage

PAGE = 1000
"""Entries in a full page, where the reply does not say how many it would take."""

BARREN_MAX = 1_000
"""Pages without an entry, one after the other, after which a listing leads nowhere."""

Markers = Mapping[str, str]
"""Where a listing goes on, by the names of its questions."""

_NAMES = {  # what is asked for again, and what a reply calls it
    "ContinuationToken": "NextContinuationToken",
    "KeyMarker": "NextKeyMarker",
    "UploadIdMarker": "NextUploadIdMarker",
    "PartNumberMarker": "NextPartNumberMarker",
    "VersionIdMarker": "NextVersionIdMarker",
}


def object_pages(endpoint: S3Endpoint, place: Place, *, size: int) -> Iterator[ListedPage]:
    """List the objects under a prefix, `size` keys a page.

    Raises:
        ListingBroken: truncated without a token, a repeated token, or no listing at all.
    """

    def ask(more: Markers) -> ListedPage:
        page = endpoint.lists.list_objects_v2(
            Bucket=place.bucket, Prefix=place.prefix, MaxKeys=size, **more
        )
        # An empty 200 parses as an empty bucket; a real listing says how many.
        if "KeyCount" not in page and "IsTruncated" not in page:
            raise ListingBroken("the target's reply to a listing is not a listing")
        return page

    return _paged("the target's listing", ask, ("ContinuationToken",), "Contents", "MaxKeys")


def upload_pages(endpoint: S3Endpoint, place: Place) -> Iterator[ListedPage]:
    """List the uploads that are open under a prefix.

    Raises:
        ListingBroken: truncated, and it does not go on.
    """

    def ask(more: Markers) -> ListedPage:
        return endpoint.lists.list_multipart_uploads(
            Bucket=place.bucket, Prefix=place.prefix, **more
        )

    return uploads_asked(ask)


def uploads_asked(
    ask: Callable[[Markers], ListedPage],
) -> Iterator[ListedPage]:
    """List open uploads as `ask` asks for them; it is given what makes a reply go on.

    Raises:
        ListingBroken: truncated, and it does not go on.
    """
    markers = ("KeyMarker", "UploadIdMarker")
    return _paged("the target's list of uploads", ask, markers, "Uploads", "MaxUploads")


def version_pages(endpoint: S3Endpoint, place: Place) -> Iterator[ListedPage]:
    """List every version and delete marker under a prefix.

    Raises:
        ListingBroken: truncated, and it does not go on.
    """

    def ask(more: Markers) -> ListedPage:
        page = endpoint.lists.list_object_versions(Bucket=place.bucket, Prefix=place.prefix, **more)
        if "IsTruncated" not in page:  # an empty 200 parses as a bucket without versions
            raise ListingBroken("the target's reply to a listing of versions is not a listing")
        return page

    markers = ("KeyMarker", "VersionIdMarker")
    return _paged("the target's list of versions", ask, markers, "Versions", "MaxKeys")


def part_pages(endpoint: S3Endpoint, upload: Upload) -> Iterator[ListedPage]:
    """List the parts that an upload holds.

    Raises:
        ListingBroken: truncated, and it does not go on.
        Missing: the upload expired, was aborted, or was completed.
    """

    def ask(more: Markers) -> ListedPage:
        page: ListedPage = endpoint.client.list_parts(
            Bucket=upload.bucket, Key=upload.key, UploadId=upload.upload_id, **more
        )
        return page

    what = "the target's list of parts"
    return _paged(what, ask, ("PartNumberMarker",), "Parts", "MaxParts")


def _paged(
    what: str,
    ask: Callable[[Markers], ListedPage],
    markers: tuple[str, ...],
    entries: str,
    most_named: str,
) -> Iterator[ListedPage]:
    more: Markers = {}
    visited = Visited()
    barren = 0
    while True:
        with translated(what):
            page = ask(more)
            most = as_count(page.get(most_named)) or PAGE
            count = len(page.get(entries, ()))
        full = count >= most
        barren = 0 if count else barren + 1
        more = {name: page[_NAMES[name]] for name in markers if page.get(_NAMES[name])}
        position = tuple(more.get(name) for name in markers)
        goes_on = bool(more) and not visited.again(position)
        if page.get("IsTruncated"):
            yield page
            if not goes_on or barren >= BARREN_MAX:
                raise ListingBroken(f"{what} is truncated and does not go on")
            continue
        yield page
        if not (goes_on and full):
            return
