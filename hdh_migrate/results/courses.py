"""Whether runs may go on, how fast, and who said so."""

from __future__ import annotations

from typing_extensions import TypedDict


class PauseFact(TypedDict):
    """Who paused runs, when, and why."""

    user: str
    since: str
    reason: str | None


class LimitFact(TypedDict):
    """Who limited runs to how many bytes a second; `until`: when that ends by itself."""

    user: str
    since: str
    bytes_per_second: int
    until: str | None


class WindowFact(TypedDict):
    """Whether a window of the plan is open; times are null where there is no such moment."""

    zone: str
    open: bool
    closes: str | None
    """When it closes; null while none is open."""
    opens: str | None
    """When the next one opens; null while one is open."""


class RatesFact(TypedDict):
    """How many bytes a second runs may move now, to the target and from it; null: no ceiling."""

    to_target: int | None
    from_target: int | None


class WaitingFact(TypedDict):
    """A process that waits until runs may go on, and then goes on by itself."""

    pid: int | None
    host: str | None
    since: str | None


class InstructionGiven(TypedDict):
    """What was said (null: it was so before), what counts now, and who hears it."""

    said: str | None
    paused: PauseFact | None
    limit: LimitFact | None
    run: str | None
    """Which process is at work."""
    waiting: WaitingFact | None
    """Which one waits, and goes on by itself."""
    slows: bool | None
    """Whether the limit ever allows less than the plan does; null: no limit counts now."""


class CourseStatus(TypedDict):
    """Whether runs may go on now, and how fast."""

    window: WindowFact | None
    """Null: the plan has no windows."""
    paused: PauseFact | None
    limit: LimitFact | None
    rates: RatesFact
    waiting: WaitingFact | None
