"""What people asked of a run from elsewhere, how fast it may be, and why it stopped or waits."""

from __future__ import annotations

from typing import ClassVar, Literal

from hdh_migrate.events.event import Event
from hdh_migrate.jsonform import Absent, json_form


@json_form
class RunInstructed(Event):
    """Somebody said something; a run has taken it in."""

    kind: ClassVar[str] = "instructed"
    instruction: str
    """Its number, which it alone has."""
    what: str
    """`pause`, `resume`, `limit`, or `release` of a limit."""
    user: str
    given: str
    """When it was said; the event's own time is that of the run's taking it in."""
    rate: int | Absent
    """Of a limit: bytes a second."""
    until: str | Absent
    """Of a limit: when it ends by itself."""
    reason: str | Absent


@json_form
class RateSet(Event):
    """How many bytes a second a role may move from here on; null: there is no ceiling."""

    kind: ClassVar[str] = "rate"
    role: str
    bytes_per_second: int | None
    by: Literal["plan", "limit"]
    """Whose ceiling counts: the plan's for this hour, or somebody's limit."""


@json_form
class RunHeldUp(Event):
    """A run began nothing more, because of the plan's windows or somebody's pause."""

    kind: ClassVar[str] = "held-up"
    why: Literal["window", "pause"]
    until: str | None
    """When the next window opens; null: it is not known."""


@json_form
class BatchLate(Event):
    """At the pace that is measured, a batch is not verified when it is to be."""

    kind: ClassVar[str] = "batch-late"
    batch: str
    due: str
    expected: str | None
    """When it most likely is; null: in no window that is still to open."""


CourseEvent = RunInstructed | RateSet | RunHeldUp | BatchLate
