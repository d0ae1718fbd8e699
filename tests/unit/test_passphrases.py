"""A new passphrase is no first guess."""

from __future__ import annotations

import pytest

from hdh_migrate.errors import UsageError
from hdh_migrate.passphrases import demand_strong


@pytest.mark.parametrize(
    "phrase",
    [
        "x", "short", "elevenchars", "passwordpassword", "Password123456", "P a s s w o r d 123",
        "motdepasse2026", "azertyqwerty", "aaaaaaaaaaaaaaaaaaaa", "abababababababab",
        "123456123456123456", "correct horse battery staple", "hdh-migrate-secret",
    ],
)  # fmt: skip
def test_a_first_guess_is_refused_and_not_repeated(phrase: str) -> None:
    with pytest.raises(UsageError) as error:
        demand_strong(phrase)
    assert phrase == "x" or phrase not in f"{error.value} {error.value.hint}"


@pytest.mark.parametrize(
    "phrase", ["gloire vernis puma sextant lorgne", "kT7-wq0.Zr_4mN%b", "passwort zweig lampe ohr"]
)
def test_words_and_random_characters_are_taken(phrase: str) -> None:
    demand_strong(phrase)
