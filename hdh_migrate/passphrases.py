"""What a new passphrase must be: long enough, and none of those that everybody tries first.

Judged when a key is made or locked anew; what locks an old key is only used.
"""

from __future__ import annotations

from hdh_migrate.errors import UsageError

LEAST = 12
"""Characters; what is shorter is tried out, whatever the derivation costs."""

LEAST_DIFFERENT = 6
_COMMON = (
    "password", "passphrase", "passwort", "motdepasse", "azerty", "qwerty", "qwertz", "letmein",
    "welcome", "bienvenue", "changeme", "changezmoi", "iloveyou", "jetaime", "administrateur",
    "administrator", "correcthorsebatterystaple", "hdhmigrate", "healthdatahub", "secret",
    "123456", "abcdef", "987654",
)  # fmt: skip
_LEFT = 8
"""Characters that must remain when everything that is common is taken out."""


def demand_strong(phrase: str) -> None:
    """Demand that a passphrase is no first guess; the passphrase is never repeated.

    Raises:
        UsageError: it is; nothing was made with it.
    """
    hint = "take five random words, or 16 random characters, and keep them apart from the key"
    if len(phrase) < LEAST:
        raise UsageError(f"a passphrase has {LEAST} characters or more", hint=hint)
    if len(set(phrase)) < LEAST_DIFFERENT or _rest(phrase) < _LEFT:
        raise UsageError("this passphrase is one of those that are tried first", hint=hint)


def _rest(phrase: str) -> int:
    """Return how many characters a passphrase has besides what is common."""
    plain = "".join(char for char in phrase.lower() if char.isalnum())
    for word in _COMMON:
        plain = plain.replace(word, "")
    return len(plain)
