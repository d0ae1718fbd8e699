"""What tests of the command line share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.fixtures import Bucket, new_bucket
from tests.support.servers import SHORTEST_PART
from tests.support.strict_s3 import Manner, StrictS3


@pytest.fixture(scope="session")
def credulous_server() -> Iterator[StrictS3]:
    """It takes any credential: canaries are looked for in what commands print and write."""
    with StrictS3(Manner(min_part=SHORTEST_PART, checks_signature=False)) as server:
        yield server


@pytest.fixture
def bucket(credulous_server: StrictS3) -> Iterator[Bucket]:
    """A bucket for whatever credential."""
    made = new_bucket(credulous_server)
    yield made
    del credulous_server.store.buckets[made.name]
    credulous_server.seen.clear()
