"""Results of the verbs about keys."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict


class NotOpened(TypedDict):
    """One object that a key was to open as the target holds it, and did not."""

    dataset: str
    id: int
    why: Literal["unopened", "gone", "replaced"]
    """The key does not open it, or not to what was sent; it is not there; it is another one."""


class StoredTrial(TypedDict):
    """What came of opening stored objects, drawn by chance: `opened` of `objects`."""

    objects: int
    opened: int
    bytes: int
    """Of all that were drawn, as they are stored."""
    whole: int
    """Of those that opened: every byte was read, and not the first segment alone."""
    smallest: int
    """Plaintext bytes."""
    largest: int
    sent: int
    """Of those that were drawn: not verified yet."""
    packs: int
    """Header packs that were opened besides."""
    not_opened: list[NotOpened]


class StoredOpened(TypedDict):
    """When a private key was last tried on what is stored: it opened so many of what was drawn."""

    at: str
    objects: int
    opened: int


class Drilled(TypedDict):
    """Whose key opened a test envelope, and when one did before.

    `stored` is what it opened of what the target holds, where that was asked for; `exit` how the
    command ends.
    """

    exit: int
    fingerprint: str
    proved: str | None
    proved_before: str | None
    stored: StoredTrial | None
    stored_before: StoredOpened | None


class KeyFile(TypedDict):
    """What a key file is."""

    kind: str
    fingerprint: str
    passphrase: NotRequired[str]
    warning: NotRequired[str]
    made: NotRequired[str]
    """The file of its public key, where that was written anew."""


class Relocked(TypedDict):
    """The file that was locked anew."""

    relocked: str


class Imported(TypedDict):
    """The public key that was taken over."""

    made: str
    key_id: str


class RotationWork(TypedDict):
    """What writing every object anew would take."""

    number: int
    """Among all rotations, those of recipients' keys and of data keys."""
    begun: bool
    """Whether it goes on with one that was begun."""
    done: int
    left: int
    """Objects that an earlier pass left as they were, and that are tried again."""
    objects: int
    bytes: int
    """As they are stored."""
    bytes_read: int
    """From the target, with the reading back of every object."""
    bytes_written: int
    requests: int
    hours: float | None
    """At the pace of the verification so far; None: it is not known."""
    grants: int
    """That stand."""
    blockers: list[str]


class RotationForecast(RotationWork):
    """What it would take to replace a recipient's key by another one."""

    old: str
    """Fingerprints."""
    new: str
    headers: int | None
    """Kept apart: wrapped anew in the ledger and in packs, the objects being their packs; None:
    they stand in front of their objects."""
    part_copy: bool
    """Whether the host is counted on to copy the bodies on its side."""


class ResealForecast(RotationWork):
    """What it would take to seal every object anew."""

    recipients: list[str]
    """Fingerprints of those who open, before and after."""
    ended: bool
    """Whether that one has ended: went through all, or was given up; `--again` begins another."""
    packs: int | None
    """Header packs, which are made anew at both places; None: headers stand in front of objects."""


class WrittenAnew(TypedDict):
    """What came of writing every object anew."""

    number: int
    objects: int
    """Have a new header, or a new data key, and were read back whole."""
    left: dict[str, int]
    """Stay as they were, by why."""
    lost: int
    """Wait to be sent again."""
    removed: int
    """Earlier versions of other attempts that were found and removed."""
    remaining: dict[str, int]
    """What the keys of before may still open at the host, by why."""
    opened_by: str
    """Fingerprint of the key that opened each of them."""
    grants: int
    remains: list[str]
    """In words, what stays as it is."""


class KeysExchanged(WrittenAnew):
    """What came of replacing a recipient's key."""

    old: str
    new: str
    headers: int | None
    """Kept apart, and wrapped anew in the ledger and in packs; the objects are these packs."""


class SealedAnew(WrittenAnew):
    """What came of sealing every object anew."""

    packs: int | None
    """Header packs that were made anew, and opened at both places; None: there are none."""
