"""Whether runs may go on and how fast, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator

from hdh_migrate.clocks import seconds_of
from hdh_migrate.hours.zones import clock_text
from hdh_migrate.results.courses import CourseStatus, InstructionGiven, WaitingFact, WindowFact
from hdh_migrate.telemetry import size_text


def course_lines(course: CourseStatus) -> Iterator[str]:
    """Yield a line for each thing that holds runs up or slows them down."""
    paused, limit, waiting = course["paused"], course["limit"], course["waiting"]
    if paused is not None:
        why = "" if paused["reason"] is None else f": {paused['reason']}"
        yield (
            f"paused by {paused['user']} since {paused['since'][:19]}Z{why}"
            ' ("hdh-migrate resume PLAN" lets it go on)'
        )
    if waiting is not None:
        yield f"{waiting_text(waiting)} waits, and goes on by itself"
    if course["window"] is not None:
        yield _window(course["window"])
    rates = course["rates"]
    if limit is not None:
        until = "" if limit["until"] is None else f" until {limit['until'][:19]}Z"
        yield f"limited to {_rate(limit['bytes_per_second'])} by {limit['user']}{until}"
    if rates["to_target"] is not None or rates["from_target"] is not None:
        yield (
            f"at most {_rate(rates['to_target'])} to the target now,"
            f" {_rate(rates['from_target'])} from it"
        )


def heard_by(given: InstructionGiven) -> str | None:
    """Return who hears what was said: the run under way, or one that waits; None: nobody yet."""
    if given["run"] is not None:
        return f"the run under way ({given['run']})"
    waiting = given["waiting"]
    return None if waiting is None else f"the run that waits ({waiting_text(waiting)})"


def waiting_text(waiting: WaitingFact) -> str:
    """Return, in words, which run waits: its process and its machine."""
    return "a run" if waiting["pid"] is None else f"pid {waiting['pid']} on {waiting['host']}"


def _window(window: WindowFact) -> str:
    zone = window["zone"]
    if window["open"]:
        closes = window["closes"]
        return "a window is open" + (
            "" if closes is None else f" until {clock_text(seconds_of(closes), zone)}"
        )
    opens = window["opens"]
    if opens is None:
        return "no window opens any more"
    return f"no window is open; the next one opens on {clock_text(seconds_of(opens), zone)}"


def _rate(rate: int | None) -> str:
    return "any rate" if rate is None else f"{size_text(rate)}/s"
