"""Verified objects looked at again: what was read, what was found, what people decided."""

from __future__ import annotations

from typing import ClassVar

from hdh_migrate.events.event import Event
from hdh_migrate.jsonform import Absent, json_form


@json_form
class LookingAgain(Event):
    """A look at a batch begins, or goes on under its number."""

    kind: ClassVar[str] = "looking-again"
    number: int
    """Counts the looks of a batch, from 1."""
    batch: str
    level: str
    objects: int
    """How many are to be read."""
    sampled: bool
    """Whether those were drawn from all that could have been chosen."""
    older_than: float | None
    """Only what was last read so many seconds ago, or longer, is chosen; None: all."""
    user: str


@json_form
class LookedAgain(Event):
    """A portion was read again, none of it before `at`; what was found of which ids."""

    kind: ClassVar[str] = "looked-again"
    number: int
    batch: str
    level: str
    at: str
    spans: tuple[tuple[int, int], ...]
    """First id, last id: every verified object of the batch in between was read."""
    objects: int
    bytes: int
    gone: tuple[int, ...]
    """Listed again: nothing was there."""
    damaged: tuple[int, ...]
    """Listed again: what was there was ours, and not as it was verified."""
    replaced: tuple[int, ...]
    """Somebody else's object was there."""
    unread: tuple[int, ...]
    """Could not be read, or compared."""
    lost: tuple[int, ...] | Absent
    """Not there as it was verified, and its source was deleted already: it stays verified, with a
    finding. Absent where nothing was deleted at the source yet."""
    beside: tuple[int, ...] | Absent
    """The bytes were as they were verified, and what stands beside them was not. Absent where
    nothing is."""


@json_form
class LookEnded(Event):
    """A look is over: all that was chosen was read."""

    kind: ClassVar[str] = "look-ended"
    number: int
    batch: str


@json_form
class ObjectRestoring(Event):
    """Somebody else's object is about to be kept aside, and ours sent again in its place."""

    kind: ClassVar[str] = "restoring"
    batch: str
    id: int
    etag: str
    """Of the object that is there."""
    version_id: str | None
    kept: str | None
    """The end of the name that its copy gets; None: the bucket keeps it as an earlier version."""
    user: str


@json_form
class ObjectRestored(Event):
    """It is kept, and ours is listed again: it may replace exactly this ETag."""

    kind: ClassVar[str] = "restored"
    batch: str
    id: int
    etag: str


@json_form
class ObjectAccepted(Event):
    """Somebody takes what is there instead of the verified object, and says why."""

    kind: ClassVar[str] = "accepted"
    batch: str
    id: int
    etag: str
    version_id: str | None
    reason: str
    user: str


LookEvent = (
    LookingAgain | LookedAgain | LookEnded | ObjectRestoring | ObjectRestored | ObjectAccepted
)
