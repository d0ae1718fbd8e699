"""Keys that are exchanged: whose, or the data keys; for which objects, and what is left.

An object's header is recorded twice: before anything of it is written (the intent), and when the
new object was read back and opened (the receipt). No event holds a header or a data key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from hdh_migrate.events.event import Event, SignedEnvelopes
from hdh_migrate.jsonform import ABSENT, Absent, json_form


@json_form
class KeysRotating(Event):
    """A recipient's key is to be replaced by another one, for every object and from here on."""

    kind: ClassVar[str] = "keys-rotating"
    number: int
    """Counts the rotations of a migration, from 1."""
    old: str
    new: str
    """Public keys, in hexadecimal."""
    recipients: tuple[str, ...]
    """For whom is sealed from here on."""
    request: str
    """Digest of all of this: what an approval of it is bound to."""
    objects: int
    """How many were verified then."""
    bytes: int
    approvals: Mapping[str, tuple[str, ...]]
    """By batch: fingerprints of the keys that approved it; none: the plan asks nobody."""
    user: str
    signed: Mapping[str, SignedEnvelopes] | Absent = ABSENT


@json_form
class DataKeysRotating(Event):
    """Every object is to be sealed anew, under a new data key, for the same recipients."""

    kind: ClassVar[str] = "data-keys-rotating"
    number: int
    """Counts the rotations of a migration, those of recipients' keys among them, from 1."""
    recipients: tuple[str, ...]
    """For whom is sealed, before and after: public keys, in hexadecimal."""
    request: str
    """Digest of these two: what an approval of it is bound to."""
    objects: int
    """How many were verified then."""
    bytes: int
    approvals: Mapping[str, tuple[str, ...]]
    """By batch: fingerprints of the keys that approved it; none: the plan asks nobody."""
    user: str
    signed: Mapping[str, SignedEnvelopes] | Absent = ABSENT


@json_form
class HeadersExchanging(Event):
    """Objects are about to get new headers; where data keys are rotated, new bodies too."""

    kind: ClassVar[str] = "headers-exchanging"
    number: int
    batch: str
    last: int
    """The portion ends with this id."""
    ids: tuple[int, ...]
    left: tuple[int, ...]
    """Of the portion: what stays as it is."""


@json_form
class HeadersExchanged(Event):
    """They have them, and were read back; their rows are covered from here on."""

    kind: ClassVar[str] = "headers-exchanged"
    number: int
    batch: str
    last: int
    """Of the batch's objects none up to this id is to be looked at again but what was left."""
    ids: tuple[int, ...]
    datasets: Mapping[str, int]
    rows_sha256: str
    extras_sha256: str
    left: tuple[int, ...]
    """Stayed as they were: the old key, or the data key that they had, opens them."""
    lost: tuple[int, ...]
    """Listed again: what the host made of them does not open, and nothing else is there."""


@json_form
class KeysRotated(Event):
    """Every object was gone through; once more where some were left and tried again.

    Told again, with more that is left, when objects are adopted that it has not gone through.
    """

    kind: ClassVar[str] = "keys-rotated"
    number: int
    objects: int
    left: int
    lost: int
    removed: int
    """Earlier versions that were removed at the end; those of each object go with it."""
    remaining: Mapping[str, int]
    """What the host may still serve and the old key opens: how many versions, by the reason."""


@json_form
class HeadersRewrapped(Event):
    """Headers that are kept apart are wrapped anew in the ledger; packs follow as objects do.

    Each opened for the recipients of afterwards to the data key that it had before.
    """

    kind: ClassVar[str] = "headers-rewrapped"
    number: int
    headers: int
    """How many are for the recipients of afterwards."""
    left: int
    """How many do not open with the identity at hand, and are as they were."""


RotationEvent = (
    KeysRotating
    | DataKeysRotating
    | HeadersRewrapped
    | HeadersExchanging
    | HeadersExchanged
    | KeysRotated
)
