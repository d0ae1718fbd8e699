"""What tests of the command line share."""

from __future__ import annotations

import pytest

from tests.support.fixtures import Bucket


@pytest.fixture
def bucket(credulous_bucket: Bucket) -> Bucket:
    """It takes any credential: canaries are looked for in what commands print and write."""
    return credulous_bucket
