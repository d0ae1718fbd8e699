"""Whether runs of a plan may go on now, how fast, who said so, and who waits for it."""

from __future__ import annotations

from hdh_migrate.clocks import seconds_of, text_of_seconds
from hdh_migrate.hours.timetable import ceiling
from hdh_migrate.hours.windows import Windows
from hdh_migrate.ledger.holding import holder
from hdh_migrate.model import Instruction, Role, Standing
from hdh_migrate.results.courses import CourseStatus, LimitFact, PauseFact, WaitingFact, WindowFact
from hdh_migrate.session.desk import Desk

WAITING = "waiting"
"""The lock of who waits, beside the ledger's."""


def course_of(desk: Desk, at: str) -> CourseStatus:
    """Return what counts at a moment, RFC 3339 in UTC, by this machine's clock.

    Raises:
        LedgerDamaged: what people said cannot be read.
    """
    plan, now = desk.loaded.plan, seconds_of(at)
    counts = Standing.of(desk.instructions.read(), at)

    def rate(role: Role) -> int | None:
        limit = None if counts.limit is None else counts.limit.rate
        found = [one for one in (ceiling(plan.rates(role), now), limit) if one is not None]
        return min(found, default=None)

    return {
        "window": None if plan.windows is None else window_fact(plan.windows.windows, now),
        "paused": pause_fact(counts.paused),
        "limit": limit_fact(counts.limit),
        "rates": {"to_target": rate(Role.MOVE), "from_target": rate(Role.PROVE)},
        "waiting": waiting_fact(desk),
    }


def window_fact(windows: Windows, now: float) -> WindowFact:
    """Return how windows stand at a moment, in seconds since 1970."""
    is_open = windows.is_open(now)
    return {
        "zone": windows.zone,
        "open": is_open,
        "closes": _text(windows.closes(now)) if is_open else None,
        "opens": None if is_open else _text(windows.opens(now)),
    }


def pause_fact(said: Instruction | None) -> PauseFact | None:
    """Return who paused the run, when and why."""
    if said is None:
        return None
    return {"user": said.user, "since": said.at, "reason": said.reason}


def limit_fact(said: Instruction | None) -> LimitFact | None:
    """Return who set a limit."""
    if said is None or said.rate is None:
        return None
    return {
        "user": said.user,
        "since": said.at,
        "bytes_per_second": said.rate,
        "until": said.until,
    }


def waiting_fact(desk: Desk) -> WaitingFact | None:
    """Return who waits until runs may go on."""
    found = holder(desk.ledger_path.with_name(WAITING))
    if found is None:
        return None
    return {"pid": found.pid, "host": found.host, "since": found.since}


def _text(at: float | None) -> str | None:
    return None if at is None else text_of_seconds(at)
