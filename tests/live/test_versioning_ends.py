"""Versioning is turned off while objects are written anew whose source was deleted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.test_decommission import execute, finalized
from tests.support.fixtures import Bucket
from tests.support.resealed import bucket_of, data_keys, sealed_anew
from tests.support.rotated import opened, strict_bucket
from tests.support.site import Site
from tests.support.strict_s3 import StrictS3

pytestmark = pytest.mark.live


class Watched(list[Any]):
    """What a server was asked; the first removal of an object ends its bucket's versioning."""

    def __init__(self, bucket: Any) -> None:
        super().__init__()
        self._bucket = bucket
        self.ended = False

    def append(self, one: Any) -> None:
        super().append(one)
        removal = one.operation == "DeleteObject" and one.key in self._bucket.objects
        if removal and one.key.startswith("in/") and not self.ended:
            self.ended, self._bucket.versioning = True, "Suspended"


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with StrictS3() as server:
        yield strict_bucket(server, versions=True)


def test_nothing_more_is_written_over_what_nobody_else_has(site: Site) -> None:
    finalized(site)
    execute(site, expect=0)
    site.approve("reseal")
    before, keys = opened(site, "steward"), data_keys(site)
    server: Any = site.bucket.server
    server.seen = Watched(bucket_of(site))

    said = sealed_anew(site, expect=3).err
    assert "keeps no versions" in said
    assert len(data_keys(site) & keys) == len(before) - 1  # of one object it was tried

    bucket_of(site).versioning = "Enabled"
    told = sealed_anew(site, "--json").json
    assert (told["objects"], told["left"], told["remaining"]) == (len(before), {}, {})
    assert opened(site, "steward") == before
    assert not data_keys(site) & keys
