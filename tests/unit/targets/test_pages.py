"""A listing goes on to its real end, whatever the host says of it, and it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest

from hdh_migrate.errors import ListingBroken
from hdh_migrate.model import Place, Upload
from hdh_migrate.targets.s3_endpoint import S3Endpoint
from hdh_migrate.targets.s3_pages import object_pages, part_pages, upload_pages

PLACE = Place(bucket="b", prefix="p/")


class Host:
    """Answers listings from a script, the last answer for ever, and keeps what it was asked."""

    def __init__(self, *pages: Mapping[str, Any]) -> None:
        self.client = self.lists = self
        self.asked: list[Mapping[str, Any]] = []
        self._pages = list(pages)

    def _answer(self, **asked: Any) -> Mapping[str, Any]:
        fixed = {"Bucket", "Prefix", "MaxKeys", "Key", "UploadId"}
        self.asked.append({name: value for name, value in asked.items() if name not in fixed})
        return self._pages.pop(0) if len(self._pages) > 1 else self._pages[0]

    list_multipart_uploads = list_objects_v2 = list_parts = _answer


def uploads(*keys: str, **more: Any) -> Mapping[str, Any]:
    return {"Uploads": [{"Key": key} for key in keys], "IsTruncated": False, **more}


def listed(host: Host) -> list[str]:
    pages = upload_pages(cast("S3Endpoint", host), PLACE)
    return [entry["Key"] for page in pages for entry in page["Uploads"]]


def test_a_full_page_that_names_the_next_is_not_the_last() -> None:
    host = Host(
        uploads("a", "b", MaxUploads=2, NextKeyMarker="b", NextUploadIdMarker="2"),
        uploads("c", MaxUploads=2, NextKeyMarker="c", NextUploadIdMarker="3"),
    )
    assert listed(host) == ["a", "b", "c"]
    assert host.asked == [{}, {"KeyMarker": "b", "UploadIdMarker": "2"}]


@pytest.mark.parametrize(
    "page",
    [uploads("a", MaxUploads=1), uploads("a", MaxUploads=2, NextKeyMarker="a"), uploads()],
    ids=["full, no marker", "marker, not full", "empty"],
)
def test_a_last_page_costs_no_further_request(page: Mapping[str, Any]) -> None:
    host = Host(page)
    listed(host)
    assert len(host.asked) == 1


def test_a_host_that_repeats_its_page_and_says_it_is_the_last_is_left() -> None:
    host = Host(uploads("a", MaxUploads=1, NextKeyMarker="a"))
    assert set(listed(host)) == {"a"}
    assert len(host.asked) == 2


@pytest.mark.parametrize("markers", [["a", "a"], ["a", "b", "a"], [""]])
def test_a_truncated_listing_that_does_not_go_on_is_broken(markers: Sequence[str]) -> None:
    pages = [uploads("x", IsTruncated=True, NextKeyMarker=marker) for marker in markers]
    with pytest.raises(ListingBroken, match="truncated"):
        listed(Host(*pages))


def test_objects_and_parts_are_listed_to_their_end_as_well() -> None:
    one = {"Contents": [{"Key": "a"}], "MaxKeys": 1, "KeyCount": 1, "IsTruncated": False}
    host = Host({**one, "NextContinuationToken": "t"}, {"KeyCount": 0, "IsTruncated": False})
    assert len(list(object_pages(cast("S3Endpoint", host), PLACE, size=1))) == 2
    part = {"Parts": [{"PartNumber": 1}], "MaxParts": 1, "IsTruncated": False}
    host = Host({**part, "NextPartNumberMarker": 1}, {"Parts": [], "IsTruncated": False})
    upload = Upload(bucket="b", key="k", upload_id="u")
    assert len(list(part_pages(cast("S3Endpoint", host), upload))) == 2
    assert host.asked[1] == {"PartNumberMarker": 1}


def test_an_empty_reply_is_no_listing_of_objects() -> None:
    with pytest.raises(ListingBroken, match="not a listing"):
        list(object_pages(cast("S3Endpoint", Host({})), PLACE, size=1))
