"""Which access keys libcurl would not write as they are; tests/live/test_strict_s3.py sends one."""

from __future__ import annotations

import pytest

from hdh_migrate.transport.project_keys import is_needed


@pytest.mark.parametrize(
    ("key", "needed"),
    [("SCW2DVV7CZHD8S68YETV", False), ("a.b_c~d-e", False), ("KEY@50a526f2", True), ("a:b", True)],
)
def test_only_keys_that_would_be_encoded_are_not_left_to_libcurl(key: str, needed: bool) -> None:
    assert is_needed(key) is needed
