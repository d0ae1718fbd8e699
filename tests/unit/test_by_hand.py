"""Requests that we sign ourselves are signed as Amazon's own examples are."""

from __future__ import annotations

import calendar

import pytest

from hdh_migrate.fixity import EMPTY_SHA256
from hdh_migrate.transport.by_hand import is_needed, signature


def test_a_signature_is_that_of_amazons_own_example() -> None:
    """ "List objects", in its guide to Signature Version 4 with a header."""
    told = signature(
        "GET",
        "https://examplebucket.s3.amazonaws.com:443/?max-keys=2&prefix=J",
        {"x-amz-content-sha256": EMPTY_SHA256, "Accept": "any"},
        region="us-east-1",
        access_key="AKIAIOSFODNN7EXAMPLE",
        secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        now=calendar.timegm((2013, 5, 24, 0, 0, 0)),
    )
    assert told == {
        "x-amz-date": "20130524T000000Z",
        "Authorization": "AWS4-HMAC-SHA256"
        " Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        " SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
        " Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    }


@pytest.mark.parametrize(
    ("key", "needed"),
    [("SCW2DVV7CZHD8S68YETV", False), ("a.b_c~d-e", False), ("KEY@50a526f2", True), ("a:b", True)],
)
def test_only_keys_that_would_be_encoded_are_signed_by_hand(key: str, needed: bool) -> None:
    assert is_needed(key) is needed
