"""What came of telling somebody: each document that was taken, given up, or still waits."""

from __future__ import annotations

from typing import ClassVar

from hdh_migrate.events.event import Event
from hdh_migrate.jsonform import json_form


@json_form
class NoticeDelivered(Event):
    """A channel of the plan took a document."""

    kind: ClassVar[str] = "notice-delivered"
    channel: str
    notice: str
    """The document's id."""
    type: str
    tries: int


@json_form
class NoticeGivenUp(Event):
    """A document is not sent any more: a channel did not take it for too long."""

    kind: ClassVar[str] = "notice-given-up"
    channel: str
    notice: str
    type: str
    tries: int
    why: str


@json_form
class NoticesWaiting(Event):
    """A verb ends, and a channel has not taken so many documents; they are sent later."""

    kind: ClassVar[str] = "notices-waiting"
    channel: str
    waiting: int
    why: str


NoticeEvent = NoticeDelivered | NoticeGivenUp | NoticesWaiting
