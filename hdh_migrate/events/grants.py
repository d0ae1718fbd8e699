"""Who may read: grants that were asked for, given, taken back, and what the host was told of them.

A grant is asked for before anything of it is made (the intent) and given when its pack is whole
(the receipt). No event names an object or a path; who reads is named by the reader's public key.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, TypedDict

from hdh_migrate.events.event import Event, SignedEnvelopes
from hdh_migrate.jsonform import ABSENT, Absent, JsonForm, json_form


@json_form
class GrantAsked(Event):
    """Somebody is to read some objects of a dataset; what `request` covers is what is approved."""

    kind: ClassVar[str] = "grant-asked"
    grant: str
    """Its id."""
    dataset: str
    batch: str
    permit: str
    purpose: str
    reader: str
    """Fingerprint of the reader's key."""
    key: str
    """That public key, in hexadecimal."""
    until: str
    """The last moment for which it is given, RFC 3339 in UTC."""
    selection: str | None
    """Digest of the globs that choose among the dataset's objects; None: all of them."""
    objects: int
    bytes: int
    manifest: str
    """Merkle root of the batch's manifest."""
    request: str
    """Digest of all of this: what an approval of it is bound to."""
    user: str
    renews: str | Absent = ABSENT
    """The given grant that this one takes the place of once it is given, its words the same."""


@json_form
class GrantGiven(Event):
    """A grant's pack is whole, and its statement is signed."""

    kind: ClassVar[str] = "grant-given"
    grant: str
    objects: int
    bytes: int
    root: str
    """Merkle root over the lines of the pack's objects."""
    pack_sha256: str
    statement_sha256: str
    approvals: tuple[str, ...]
    """Fingerprints of the keys that approved it; none: the plan asks nobody."""
    signed: SignedEnvelopes | Absent = ABSENT


class StaleWhy(StrEnum):
    """Why a grant's pack does not point to what there is."""

    ROTATED = "rotated"
    """Its objects are others at the target, and keys were exchanged since it was given."""
    REPLACED = "replaced"
    """Some were written anew, left out or removed since."""
    UNVERIFIED = "unverified"
    """Some are not verified now: they are to be sent again, or looked into."""


@json_form
class GrantStale(Event):
    """A grant's pack, compared with the ledger, does not point to what there is now; or does again.

    Told when it is found, and once for each answer.
    """

    kind: ClassVar[str] = "grant-stale"
    grant: str
    why: tuple[StaleWhy, ...]
    """None: its pack holds again."""


@json_form
class GrantDropped(Event):
    """A grant that was asked for is not given.

    The dataset became another one meanwhile, or the grant that it was to renew was revoked.
    """

    kind: ClassVar[str] = "grant-dropped"
    grant: str


@json_form
class GrantRevoked(Event):
    """A grant is taken back; what undoes it at the host and beside the reader follows."""

    kind: ClassVar[str] = "grant-revoked"
    grant: str
    reason: str
    user: str


@json_form
class PackWithdrawn(Event):
    """What became of a revoked grant's pack where it was written; copies are the reader's."""

    kind: ClassVar[str] = "grant-pack-withdrawn"
    grant: str
    found: bool
    """Whether it was there still."""


@json_form
class GrantClosedByHand(Event):
    """Somebody says that a revoked reader's access was closed at the host, by other means.

    Nothing here saw it: it is that person's word.
    """

    kind: ClassVar[str] = "grant-closed-by-hand"
    grant: str
    how: str
    """What was done there, in that person's words."""
    user: str


class GrantEntry(TypedDict):
    """Which reader a bucket's policy lets in, or no longer."""

    grant: str
    bucket: str
    principal: str
    allowed: bool


@json_form
class GrantPolicySetting(Event):
    """The policy of a bucket is about to let a grant's reader in, or out again."""

    kind: ClassVar[str] = "grant-policy-setting"
    grant: str
    bucket: str
    principal: str
    """Whom the host lets in, as it writes that."""
    allowed: bool


@json_form
class GrantPolicySet(Event):
    """The policy of a bucket was read back: it lets a grant's reader in, or no longer."""

    kind: ClassVar[str] = "grant-policy-set"
    grant: str
    bucket: str
    principal: str
    allowed: bool
    sha256: str | None
    """Of the policy as it was read back, in canonical JSON; None: the bucket has none."""


@json_form
class HostStanding(JsonForm):
    """What the host was last told of a grant's reader at one bucket, as a bundle has it."""

    bucket: str
    principal: str
    allowed: bool
    sure: bool
    """Whether it was read back."""


@json_form
class GrantAdopted(Event):
    """A journal that was made anew takes over a grant that stands, as a trusted bundle tells it.

    From then on it is as if it had been asked for and given here.
    """

    kind: ClassVar[str] = "grant-adopted"
    grant: str
    asked: GrantAsked
    asked_at: str
    given: GrantGiven
    given_at: str
    origin: str
    """The first grant of its renewals: the host's policies know it by that name."""
    at_host: tuple[HostStanding, ...]
    statement: str
    """SHA-256 of the statement of the bundle that tells it."""


GrantEvent = (
    GrantAsked
    | GrantAdopted
    | GrantGiven
    | GrantDropped
    | GrantStale
    | GrantRevoked
    | PackWithdrawn
    | GrantClosedByHand
    | GrantPolicySetting
    | GrantPolicySet
)
