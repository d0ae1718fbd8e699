from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdh_migrate.evidence.page.charts import STATE_ORDER, states_bar
from hdh_migrate.evidence.page.formats import LOCALES
from hdh_migrate.evidence.page.page_words import PageWords

FR, EN = LOCALES["fr"], LOCALES["en"]


def test_thousands_are_apart_as_each_language_writes_them() -> None:
    assert FR.number(1234567) == "1\u202f234\u202f567"
    assert EN.number(1234567) == "1,234,567"
    assert FR.number(999) == EN.number(999) == "999"


@pytest.mark.parametrize(
    ("value", "french", "english"),
    [
        (0, "0\u00a0o", "0\u00a0B"),
        (1023, "1\u202f023\u00a0o", "1,023\u00a0B"),
        (1024, "1,0\u00a0Kio", "1.0\u00a0KiB"),
        ((1 << 20) - 1, "1\u202f023,9\u00a0Kio", "1,023.9\u00a0KiB"),
        (5 << 19, "2,5\u00a0Mio", "2.5\u00a0MiB"),
        (200 << 30, "200,0\u00a0Gio", "200.0\u00a0GiB"),
        (3 << 60, "3,0\u00a0Eio", "3.0\u00a0EiB"),
        (5000 << 60, "5\u202f000,0\u00a0Eio", "5,000.0\u00a0EiB"),
    ],
)
def test_sizes_are_in_binary_units_and_never_rounded_up(
    value: int, french: str, english: str
) -> None:
    assert FR.size(value) == french
    assert EN.size(value) == english


@pytest.mark.parametrize(
    ("tenths", "less", "french", "english"),
    [
        (0, False, "0\u00a0%", "0%"),
        (1, True, "<\u00a00,1\u00a0%", "<\u00a00.1%"),
        (999, False, "99,9\u00a0%", "99.9%"),
        (333, False, "33,3\u00a0%", "33.3%"),
        (1000, False, "100\u00a0%", "100%"),
    ],
)
def test_a_share_is_written_from_its_tenths(
    tenths: int, less: bool, french: str, english: str
) -> None:
    assert FR.share(tenths, less=less) == french
    assert EN.share(tenths, less=less) == english


@given(st.lists(st.integers(0, 10**12), min_size=len(STATE_ORDER), max_size=len(STATE_ORDER)))
def test_shares_add_up_to_all_and_only_nothing_is_zero(counts: list[int]) -> None:
    states = {state: {"objects": count} for state, count in zip(STATE_ORDER, counts, strict=True)}

    def share(tenths: int, *, less: bool) -> tuple[int, bool]:
        return tenths, less

    shares = [piece["share"] for piece in states_bar(states, share)]

    assert sum(tenths for tenths, _ in shares) == (1000 if any(counts) else 0)
    for count, (tenths, less) in zip(counts, shares, strict=True):
        assert (tenths == 0) is (count == 0)
        assert less is (0 < count * 1000 < sum(counts))
        assert tenths < 1000 or count == sum(counts)


def test_what_is_rounded_to_nothing_has_no_sign() -> None:
    assert [FR.decimal_number(value) for value in (-0.04, 0.04, -0.06)] == [
        "0,0",
        "0,0",
        "\u22120,1",
    ]


def test_a_length_agrees_with_the_two_moments_that_are_shown() -> None:
    said = PageWords("fr").length("2026-11-27T13:53:48.900Z", "2026-11-27T13:54:03.100Z")
    assert said == "15\u00a0s"


def test_a_period_within_a_day_says_its_date_once() -> None:
    day = ("2026-11-28T09:58:41Z", "2026-11-28T09:58:55.9Z")
    said = {one: str(PageWords(one).period(*day)).replace("\u00a0", " ") for one in ("fr", "en")}
    assert said["fr"] == "Le 28 novembre 2026, de 09:58:41 à 09:58:55 UTC, soit 14 s."
    assert said["en"] == "On 28 November 2026, from 09:58:41 to 09:58:55 UTC, 14 s in all."
    over = PageWords("fr").period("2026-11-28T23:59:59Z", "2026-11-29T01:00:00+01:00")
    assert over.replace("\u00a0", " ") == (
        "Du 28 novembre 2026 à 23:59:59 UTC au 29 novembre 2026 à 00:00:00 UTC, soit 1 s."
    )


def test_a_day_is_written_as_a_date() -> None:
    assert FR.day("2037-01-01") == "1er\u00a0janvier\u00a02037"
    assert EN.day("2037-12-31") == "31\u00a0December\u00a02037"


def test_a_moment_is_a_date_and_a_time_in_utc() -> None:
    said = FR.moment("2026-08-01T09:05:07.123Z")
    assert said == "1er\u00a0août\u00a02026 à\u00a009:05:07\u00a0UTC"
    assert EN.moment("2026-12-31T23:59:59+00:00") == "31\u00a0December\u00a02026, 23:59:59\u00a0UTC"


@pytest.mark.parametrize(
    ("seconds", "fr", "en"),
    [
        (-3, "0 s", "0 s"),
        (0, "0 s", "0 s"),
        (46, "46 s", "46 s"),
        (60, "1 min", "1 min"),
        (724, "12 min 4 s", "12 min 4 s"),
        (3_600, "1 h", "1 h"),
        (3_659, "1 h", "1 h"),
        (86_400 + 59, "1 j", "1 d"),
        (23_025_600, "266 j 12 h", "266 d 12 h"),
        (86_400_000_000, "1\u202f000\u202f000 j", "1,000,000 d"),
    ],
)
def test_a_length_of_time_has_its_two_largest_units(seconds: int, fr: str, en: str) -> None:
    assert [LOCALES[one].length(seconds).replace("\u00a0", " ") for one in ("fr", "en")] == [fr, en]
