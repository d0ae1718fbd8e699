from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdh_migrate.evidence.lines.names import readable, visible
from hdh_migrate.model import key_text


@pytest.mark.parametrize(
    "name", ["scan 1.dcm", "été/日本/שלום.csv", "e\u0301te\u0301", "a%20b+c", "=1+1", "\\server\\x"]
)
def test_an_honest_name_of_any_script_is_shown_as_it_is(name: str) -> None:
    assert visible(name) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb", "a\\u{a}b"),
        ("\x1b[2J", "\\u{1b}[2J"),
        ("a\x00", "a\\u{0}"),
        ("\u202egpj.exe", "\\u{202e}gpj.exe"),
        ("\u2066x\u2069", "\\u{2066}x\\u{2069}"),
        ("a\u200bb", "a\\u{200b}b"),
        ("a\u00a0b", "a\\u{a0}b"),
        ("a\u2028b", "a\\u{2028}b"),
        ("\u3164", "\\u{3164}"),
        ("a\ufe0f.csv", "a\\u{fe0f}.csv"),  # a variation selector: nothing tells it from a.csv
        ("a\U000e0100", "a\\u{e0100}"),
        ("\u1820\u180b", "\u1820\\u{180b}"),
        ("\ue000", "\\u{e000}"),
        (key_text(b"\xff.bin"), "\\x{ff}.bin"),
        ("\\u{202e}", "\\u{5c}u{202e}"),
        ("\\x{ff}", "\\u{5c}x{ff}"),
        ("\u0301a", "\\u{301}a"),
        ("a" + "\u0301" * 5, "a" + "\u0301" * 3 + "\\u{301}" * 2),
    ],
)
def test_what_hides_moves_or_overwrites_text_is_shown_escaped(name: str, shown: str) -> None:
    assert visible(name) == shown


@given(st.binary(max_size=40))
def test_nothing_that_hides_is_ever_shown(raw: bytes) -> None:
    categories = {unicodedata.category(char) for char in visible(key_text(raw)).replace(" ", "")}

    assert not categories & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"}


@given(st.text(max_size=20), st.text(max_size=20))
def test_different_names_look_different(one: str, two: str) -> None:
    assert (visible(one) == visible(two)) == (one == two)


@given(st.binary(min_size=1, max_size=40))
def test_a_readable_name_is_always_text_and_has_base64_only_when_needed(raw: bytes) -> None:
    shown, encoded = readable(key_text(raw))

    assert shown.encode()
    assert (encoded is None) == (shown.encode() == raw)
