"""What was exchanged with each endpoint, in pieces: by day, and by what was done for a batch."""

from __future__ import annotations

from typing import ClassVar

from hdh_migrate.events.event import Event
from hdh_migrate.jsonform import JsonForm, json_form


@json_form
class ExchangeCount(JsonForm):
    """Requests and body bytes exchanged with one endpoint of one side."""

    side: str
    endpoint: str
    requests: int
    bytes_read: int
    bytes_written: int


@json_form
class TrafficCounted(Event):
    """What was exchanged since a moment, and until the moment of this event.

    What a run records so adds up to what its end records; of a run that was killed it is what came
    until then.
    """

    kind: ClassVar[str] = "exchanged"
    since: str
    batch: str | None
    """For which batch; None: for none of them alone."""
    step: str
    """What was done: a step of a run, or what the verb is called."""
    traffic: tuple[ExchangeCount, ...]


ExchangeEvent = TrafficCounted
