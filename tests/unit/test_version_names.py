"""Keys of versions: their order, and how people read and give them."""

from __future__ import annotations

import random

from hdh_migrate.model import key_bytes
from hdh_migrate.model.naming import (
    UNVERSIONED,
    is_version,
    key_given,
    name_in,
    shown,
    token_in,
    version_key,
)
from hdh_migrate.pipeline.inventory.key_order import KeyOrder

FIRST = "2024-01-02T03:04:05.1234567Z;versionid"
TAKEN = "2024-01-02T03:04:05.1234567Z;snapshot"


def test_keys_that_ascend_give_names_and_their_versions_with_the_oldest_first() -> None:
    names = ["a", "a b", "a-1", "a.txt", "a/b", "a\u00e9", "b", "\U0001f600", "\uffee"]
    tokens = [
        f"20{year}-{month:02}-01T00:00:00.0000000Z;{form}"
        for year in (19, 24, 31)
        for month in (1, 12)
        for form in ("snapshot", "versionid")
    ]
    expected = [
        version_key(name, token)
        for name in sorted(names, key=key_bytes)
        for token in [*tokens, UNVERSIONED]
    ]
    drawn = random.Random(1).sample(expected, len(expected))
    assert sorted(drawn, key=key_bytes) == expected


def test_every_order_of_a_listing_keeps_versions_of_a_name_together() -> None:
    for order in KeyOrder._ORDERS:
        names = ["a", "a-1", "a/b", "ab", "\U0001f600", "\uffee"]
        for name in names:
            keys = [version_key(name, token) for token in (TAKEN, FIRST, UNVERSIONED)]
            assert sorted(keys, key=order) == keys
            for other in names:
                if order(other) > order(name):
                    assert all(order(version_key(other, TAKEN)) > order(key) for key in keys)


def test_what_is_shown_of_a_version_is_what_can_be_given() -> None:
    key = version_key("scans/a [1].dcm", FIRST)
    assert shown(key) == f"scans/a [1].dcm [{FIRST}]"
    assert key_given(shown(key)) == key
    assert (name_in(key), token_in(key)) == ("scans/a [1].dcm", FIRST)
    assert is_version(key)
    for plain in ("a", "a [b]", "a [2024]", " [current]"):
        assert shown(plain) == key_given(plain) == plain
        assert not is_version(plain)


def test_a_key_with_another_zero_byte_is_shown_as_it_is() -> None:
    assert shown("a\0b") == "a\0b"
