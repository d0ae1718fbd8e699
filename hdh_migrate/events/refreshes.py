"""A sealed inventory listed again: what was new, changed or gone, and what was let wait again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from hdh_migrate.events.event import Event
from hdh_migrate.jsonform import JsonForm, json_form


@json_form
class PassAmount(JsonForm):
    """So many objects and bytes."""

    objects: int
    bytes: int


@json_form
class Refreshing(Event):
    """The source of a batch is about to be listed again, or goes on under its number."""

    kind: ClassVar[str] = "refreshing"
    number: int
    """Counts the passes of a batch, from 1."""
    batch: str
    user: str


@json_form
class Refreshed(Event):
    """A portion of what a pass found in one dataset; in the transaction of what follows from it."""

    kind: ClassVar[str] = "refreshed"
    number: int
    batch: str
    dataset: str
    new: PassAmount
    """Was not in the listing before, and is to be moved."""
    changed: PassAmount
    """Has another version, size, type or MD5 than before, and is taken as it is."""
    vanished: PassAmount
    """The source has it no more; those that are left behind with them."""
    left: PassAmount
    """Of those: was not moved yet, so it is left behind from here on."""


@json_form
class RefreshEnded(Event):
    """A pass is over; so much the source listed."""

    kind: ClassVar[str] = "refresh-ended"
    number: int
    batch: str
    listed: PassAmount


@json_form
class RetryingFailed(Event):
    """Somebody asked that objects which had failed for good be tried again."""

    kind: ClassVar[str] = "retrying"
    batch: str
    asked: tuple[str, ...]
    """Codes that were asked for; none: whatever had failed."""
    reasons: Mapping[str, int]
    """How many wait again, by the code of why they had failed."""
    user: str


RefreshEvent = Refreshing | Refreshed | RefreshEnded | RetryingFailed
