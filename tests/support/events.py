"""Events for ledgers of tests: made-up ones, and those that every journal begins with."""

from __future__ import annotations

from typing import Any, ClassVar

from hdh_migrate.events.event import Event
from hdh_migrate.events.registry import KINDS, read
from hdh_migrate.events.run import RunStarted
from hdh_migrate.fixity import canonical_json
from hdh_migrate.jsonform import json_form


@json_form
class Counted(Event):
    """One of many events."""

    kind: ClassVar[str] = "counted"
    number: int
    filler: str


def made_up(kind: str, **members: Any) -> Event:
    """Return an event of a kind that no version knows."""
    made: type[Any] = json_form(type("MadeUp", (Event,), {"kind": kind, "__module__": __name__}))
    event: Event = made(more=members or None)
    return event


def run_started(plan_digest: str) -> RunStarted:
    return RunStarted(
        plan_digest=plan_digest, steps=(), batches=(), tool="0", code_sha256="c" * 64,
        user="ops@here", pid=1,
    )  # fmt: skip


def demand_round_trip(kind: str, body: str) -> None:
    """Demand that the body of an event is of its type's form, to the byte."""
    event = read(KINDS[kind], body)
    assert canonical_json(event.as_json()).decode() == body, kind
    assert event.more is None, kind
