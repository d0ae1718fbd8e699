"""Results of the verbs about keys."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict


class Drilled(TypedDict):
    """Whose key opened a test envelope, and when one did before."""

    fingerprint: str
    proved: str | None
    proved_before: str | None


class KeyFile(TypedDict):
    """What a key file is."""

    kind: str
    fingerprint: str
    passphrase: NotRequired[str]
    warning: NotRequired[str]


class Relocked(TypedDict):
    """The file that was locked anew."""

    relocked: str


class Imported(TypedDict):
    """The public key that was taken over."""

    made: str
    key_id: str
