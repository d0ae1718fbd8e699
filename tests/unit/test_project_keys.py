"""Which access keys libcurl would not write as they are; tests/live/test_strict_s3.py sends one."""

from __future__ import annotations

import pytest

from hdh_migrate.transport.project_keys import is_needed, signature


@pytest.mark.parametrize(
    ("key", "needed"),
    [("SCW2DVV7CZHD8S68YETV", False), ("a.b_c~d-e", False), ("KEY@50a526f2", True), ("a:b", True)],
)
def test_only_keys_that_would_be_encoded_are_not_left_to_libcurl(key: str, needed: bool) -> None:
    assert is_needed(key) is needed


@pytest.mark.parametrize("told", ["0" * 64, None])
def test_a_body_is_signed_by_its_digest_or_said_to_be_unsigned(told: str | None) -> None:
    """Without a digest it was an error of ours."""
    digest = {} if told is None else {"x-amz-content-sha256": told}
    signed = signature(
        "GET", "https://h.example/b?uploads=", {"x-amz-meta-a": "b", **digest},
        region="fr-par", access_key="KEY@50a526f2", secret_key="s",
    )  # fmt: skip
    assert signed["x-amz-content-sha256"] == (told or "UNSIGNED-PAYLOAD")
    assert "Credential=KEY@50a526f2/" in signed["Authorization"]
    assert (
        "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-meta-a,"
        in signed["Authorization"]
    )
