"""A strict server's bucket in the place of `site`'s.

A module of tests takes one of them: `bucket = strict_buckets.versioned`; or both ways, one after
the other: `kept, bucket = strict_buckets.kept, strict_buckets.bucket`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.fixtures import Bucket
from tests.support.rotated import strict_bucket
from tests.support.strict_s3 import StrictS3


@pytest.fixture(params=["versions", "no versions"])
def kept(request: pytest.FixtureRequest) -> bool:
    """Whether the bucket keeps versions."""
    return bool(request.param == "versions")


@pytest.fixture
def bucket(kept: bool) -> Iterator[Bucket]:
    with StrictS3() as server:
        yield strict_bucket(server, versions=kept)


@pytest.fixture
def versioned() -> Iterator[Bucket]:
    with StrictS3() as server:
        yield strict_bucket(server, versions=True)


@pytest.fixture
def unversioned() -> Iterator[Bucket]:
    with StrictS3() as server:
        yield strict_bucket(server, versions=False)
