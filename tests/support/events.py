"""Events for ledgers of tests: made-up ones, and those that every journal begins with."""

from __future__ import annotations

from typing import Any, ClassVar

from hdh_migrate.events.event import Event
from hdh_migrate.events.run import RunStarted
from hdh_migrate.jsonform import json_form


@json_form
class Counted(Event):
    """One of many events."""

    kind: ClassVar[str] = "counted"
    number: int
    filler: str


def made_up(kind: str, **members: Any) -> Event:
    """Return an event of a kind that no version knows."""
    made = json_form(type("MadeUp", (Event,), {"kind": kind, "__module__": __name__}))
    return made(more=members or None)


def run_started(plan_digest: str) -> RunStarted:
    return RunStarted(
        plan_digest=plan_digest, steps=(), batches=(), tool="0", code_sha256="c" * 64,
        user="ops@here", pid=1,
    )  # fmt: skip
