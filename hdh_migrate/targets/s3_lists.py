"""The two listings that every run begins with, asked and read without botocore.

Loading botocore and its model of S3 takes longer than moving a handful of objects. What is asked,
and the shape of what is answered, are boto3's, so who follows the pages need not know who asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol
from urllib.parse import unquote_plus
from xml.etree import ElementTree as ET

from hdh_migrate.clocks import http_date
from hdh_migrate.markup import large_tree

_ASKED: Final = {
    "Prefix": "prefix",
    "MaxKeys": "max-keys",
    "ContinuationToken": "continuation-token",
    "KeyMarker": "key-marker",
    "UploadIdMarker": "upload-id-marker",
    "VersionIdMarker": "version-id-marker",
}
_OBJECTS: Final = {"list-type": "2", "encoding-type": "url"}
_UPLOADS: Final = {"uploads": ""}
_VERSIONS: Final = {"versions": ""}
_COUNTS: Final = frozenset(("KeyCount", "MaxKeys", "MaxUploads", "Size"))
_NUMBER: Final = re.compile("-?[0-9]{1,20}", re.ASCII)


ListedPage = Mapping[str, Any]
"""A page as boto3 gives it: what it says of itself, and its entries in lists, by their names.

What a host may say of an entry is judged where the entry is read: `_listed` and its like in `s3`.
"""


class Asks(Protocol):
    """What asks about a bucket."""

    def __call__(self, bucket: str, query: Mapping[str, str], what: str) -> bytes:
        """Return a whole reply, empty or XML within bounds.

        Raises:
            StorageError: there is none, or it is an error.
        """


class Lists:
    """Listings of one endpoint."""

    def __init__(self, ask: Asks) -> None:
        self._ask = ask

    def list_objects_v2(self, *, Bucket: str, **more: object) -> ListedPage:  # noqa: N803 - as boto3 names them
        """Return one page of the objects under a prefix; see `s3_pages` for what may stand in it.

        Raises:
            StorageError: the target answers with an error, or with what is no XML.
            ValueError: it is XML, and a number in it is none.
        """
        root = self._page(Bucket, _OBJECTS, more, "the target's listing")
        encoded = root.findtext("{*}EncodingType") == "url"
        return _page(root, "Contents", "Contents", unquote_plus if encoded else str)

    def list_multipart_uploads(self, *, Bucket: str, **more: object) -> ListedPage:  # noqa: N803 - as boto3 names them
        """Return one page of the uploads that are open under a prefix.

        Raises:
            StorageError, ValueError: as above.
            KeyError: an upload has no beginning.
        """
        root = self._page(Bucket, _UPLOADS, more, "the target's list of uploads")
        page = _page(root, "Upload", "Uploads", str)
        for entry in page.get("Uploads", ()):
            entry["Initiated"] = _moment(entry["Initiated"])
        return page

    def list_object_versions(self, *, Bucket: str, **more: object) -> ListedPage:  # noqa: N803 - as boto3 names them
        """Return one page of versions and delete markers, both under `Versions` as they come.

        Keys are asked for as they are: no key of ours has a control character.

        Raises:
            StorageError, ValueError: as above.
        """
        root = self._page(Bucket, _VERSIONS, more, "the target's list of versions")
        page = _page(root, "", "", str)
        page["Versions"] = [
            {"DeleteMarker": _local(entry) == "DeleteMarker"}
            | {_local(one): one.text or "" for one in entry}
            for entry in root
            if _local(entry) in {"Version", "DeleteMarker"}
        ]
        # Some hosts put all delete markers of a page behind its versions.
        page["Versions"].sort(key=lambda entry: str(entry.get("Key")).encode())
        return page

    def _page(
        self, bucket: str, fixed: Mapping[str, str], more: Mapping[str, object], what: str
    ) -> ET.Element:
        asked = {_ASKED[name]: str(value) for name, value in more.items()}
        body = self._ask(bucket, {**fixed, **asked}, what)
        return large_tree(body)  # judged by who asked


def _page(
    root: ET.Element, entry: str, entries: str, decoded: Callable[[str], str]
) -> dict[str, Any]:
    """Return what a page says, each `entry` of it in a list under the name `entries`."""
    page: dict[str, Any] = {}
    for element in root:
        name = _local(element)
        if name == entry:
            made = {_local(one): _value(one) for one in element}
            if "Key" in made:
                made["Key"] = decoded(made["Key"])
            page.setdefault(entries, []).append(made)
        else:
            page[name] = _value(element)
    return page


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _value(element: ET.Element) -> Any:  # noqa: ANN401 - as boto3 has it
    """Return an element's text, or what the type of its name makes of it."""
    text, name = element.text or "", _local(element)
    if name == "IsTruncated":
        return text.strip().lower() == "true"
    if name not in _COUNTS:
        return text
    if _NUMBER.fullmatch(text.strip()) is None:
        raise ValueError("no number")
    return int(text)


def _moment(text: str) -> datetime:
    seconds = http_date(text)
    if seconds is not None:
        return datetime.fromtimestamp(seconds, UTC)
    found = datetime.fromisoformat(text.strip())
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
