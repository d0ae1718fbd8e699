"""What a page's chronicle has lines for: passes, amendments, adoptions, people who worked."""

from __future__ import annotations

from dataclasses import field

from hdh_migrate.evidence.verifier.members import ObjectSum
from hdh_migrate.frozen import frozen, mutable_row


@mutable_row
class PassLine:
    """One time that the source of a batch was listed again; `ended` is None: it was stopped."""

    batch: str
    number: int
    ended: str | None = None
    new: int = 0
    changed: int = 0
    gone: int = 0
    left: int = 0
    """Of what is gone: was not moved."""
    listed_all: ObjectSum | None = None
    """All that the source showed."""

    @property
    def listed(self) -> int | None:
        """How many objects the source showed."""
        return None if self.listed_all is None else self.listed_all["objects"]


@frozen
class RevisionLine:
    """One amendment of a batch; who wanted it and why is left out where names are keyed."""

    batch: str
    revision: int
    at: str
    user: str
    reason: str
    changes: tuple[str, ...]
    excluded: int
    taken_back: int
    moved_before: int
    sealed_for: int | None
    """For how many keys is sealed from here on; None: for whom it was before."""


@mutable_row
class ReplannedLine:
    """One time that the plan was another one than before, but for what amended a batch."""

    at: str
    changes: tuple[str, ...]
    user: str = ""
    """Who ran it first; empty: nobody did yet."""


@mutable_row
class AdoptionLine:
    """One adoption of a batch; `ended` is None: it was stopped."""

    batch: str
    number: int
    user: str
    journals: int
    """Of how many other ledgers, or copies, something was known."""
    bundles: int
    """How many of these stood in a signed bundle."""
    ended: str | None = None
    adopted: int = 0
    unproved: int = 0
    foreign: int = 0


@frozen
class TakeOverLine:
    """Somebody said that whoever wrote in a bucket is gone for good."""

    bucket: str
    at: str
    user: str
    epoch: int
    host: str | None
    """Of whom it was taken over from; None: nobody who could be read."""
    since: str | None
    reason: str


@mutable_row
class RollbackLine:
    """One time that a switch was taken back; `ended` is None: it was stopped, or goes on."""

    batch: str
    at: str
    user: str
    open: str | None
    """Since when consumers had been led to the target; None: they never were."""
    ended: str | None = None


@mutable_row
class RefusedLine:
    """One step of a switch that was asked for and did not go on; the same again counts here too."""

    batch: str
    stage: str
    """What had come next: `cutover`, `finalize` or `decommission`."""
    at: str
    user: str | None
    """None: an early journal does not say it."""
    why: str
    told: tuple[str, ...]
    """What stood against it, in English."""
    times: int = 1
    last: str = ""
    """When it was asked for the last time."""


@mutable_row
class OperatorLine:
    """Somebody under whose login runs were started, or something else was done."""

    user: str
    first: str = ""
    last: str = ""
    """Of the runs."""
    runs: int = 0
    acts: dict[str, None] = field(default_factory=dict)
    """What else was done, in the order of the first of each kind."""
    acted_first: str = ""
    acted_last: str = ""
