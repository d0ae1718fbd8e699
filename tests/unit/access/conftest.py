from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.granted import GrantedSite
from tests.support.strict_s3 import StrictS3


@pytest.fixture
def site(tmp_path: Path) -> Iterator[GrantedSite]:
    with StrictS3() as server:
        yield GrantedSite(tmp_path, server)
