"""Results of the verbs about who may read: grant, grants, revoke."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

BOUNDS = (
    "the date is enforced by the host's credential, the header by mathematics; what was read cannot"
    " be unread"
)
"""Said wherever a grant is shown."""


class GrantMade(TypedDict):
    """A grant whose pack is whole; `again`: it had been given before, and nothing was done."""

    grant: str
    renews: str | None
    """The grant whose place it took."""
    dataset: str
    permit: str
    purpose: str
    reader: str
    until: str
    objects: int
    bytes: int
    root: str
    pack_sha256: str
    approvals: list[str]
    folder: str
    again: bool
    bounds: str


class PolicyAtBucket(TypedDict):
    """What the policy of a bucket is to be, or is, for a grant's reader."""

    bucket: str
    policy: object
    """The bucket policy in the host's dialect, JSON."""
    date: bool
    """Whether the host itself ends it at the grant's last moment."""
    applied: bool
    other_datasets: list[str]
    """Of the plan, whose sealed bytes it serves, too: they lie under the same prefix."""
    open_ended: bool
    """Whether the prefix ends without a slash: whatever begins with it is served, too."""


class GrantPolicy(TypedDict):
    """The policy that lets a grant's reader read; `dry_run`: it was only printed."""

    grant: str
    principal: str
    dry_run: bool
    buckets: list[PolicyAtBucket]
    bounds: str


class GrantAtHost(TypedDict):
    """What the host was last told of a grant's reader at one bucket; not `sure`: it may be so."""

    bucket: str
    principal: str
    allowed: bool
    sure: bool


class GrantClosedBy(TypedDict):
    """Whose word it is that the host serves a revoked grant's reader no more; nobody saw it."""

    by: str
    how: str


class PackFact(TypedDict):
    """A grant's pack, compared with the ledger."""

    stale: list[Literal["rotated", "replaced", "unverified"]]
    """Why it does not point to what there is; empty: it does."""
    unverified: int
    """Objects of it that are not verified now."""
    newer: int
    """Objects that the same choice would give now, and that came after it was given."""


class GrantListed(TypedDict):
    """One grant, and how it stands."""

    grant: str
    stage: Literal["asked", "dropped", "given", "ended", "renewed", "revoked"]
    dataset: str
    batch: str
    permit: str
    purpose: str
    reader: str
    until: str
    whole: bool
    """Of every object of the dataset, or of some."""
    objects: int
    bytes: int
    asked_at: str
    asked_by: str
    given_at: str | None
    approvals: list[str]
    revoked_at: str | None
    reason: str | None
    pack_withdrawn: bool | None
    """None: it was not to be; False: it was not where it had been written."""
    at_host: list[GrantAtHost]
    closed: GrantClosedBy | None
    seen: GrantClosedBy | None
    """A second person, who says to have seen it closed."""
    renews: str | None
    """The grant whose place it took, or is to take."""
    renewed_by: str | None
    renewed_at: str | None
    pack: PackFact | None
    """How its pack compares with the ledger now; None: it is over, not given, or not known."""


class GrantsListed(TypedDict):
    """Every grant of a migration, the oldest first."""

    grants: list[GrantListed]
    bounds: str


class GrantTakenBack(TypedDict):
    """A grant that was revoked; `remains` says in lines what that does not undo."""

    grant: str
    revoked_at: str
    pack_withdrawn: bool
    at_host: list[GrantAtHost]
    remains: list[str]
    exit: NotRequired[int]
