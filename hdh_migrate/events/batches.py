"""What each batch of a plan is bound to, and how that was amended (decisions/0043)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from hdh_migrate.events.event import Event
from hdh_migrate.jsonform import Absent, json_form


@json_form
class BatchBound(Event):
    """A batch's inventory began: from here on it is what this digest says."""

    kind: ClassVar[str] = "batch-bound"
    batch: str
    revision: int
    """1; each amendment adds one."""
    digest: str
    """SHA-256 of the canonical JSON of all that the plan says of what the batch is."""
    adopted: Literal[True] | Absent
    """It began under an earlier version, which bound the plan as a whole."""


@json_form
class BatchAmending(Event):
    """Somebody is about to change what a batch is bound to."""

    kind: ClassVar[str] = "batch-amending"
    batch: str
    revision: int
    """The one that is to be."""
    was: str
    now: str
    """The digests of both."""
    changes: tuple[str, ...]
    reason: str
    user: str


@json_form
class BatchAmended(Event):
    """It is changed, with all that follows from it for its objects; same transaction."""

    kind: ClassVar[str] = "batch-amended"
    batch: str
    revision: int
    digest: str
    excluded: Mapping[str, int]
    """By dataset: how many objects that were not moved are left behind from here on."""
    taken_back: Mapping[str, int]
    """How many that were left behind wait to be moved from here on."""
    moved_before: Mapping[str, int]
    """How many the rules would leave behind now, but were moved, or on their way, before."""
    recipients: tuple[str, ...] | Absent
    """For whom is sealed from here on, where that is somebody more: keys in hexadecimal."""


@json_form
class AgesCounted(Event):
    """A batch has rules about relative ages: they count from this instant, now and later."""

    kind: ClassVar[str] = "ages-counted"
    batch: str
    moment: str


BatchEvent = AgesCounted | BatchBound | BatchAmending | BatchAmended
