"""Events for ledgers of tests: made-up ones, and those that every journal begins with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar, get_type_hints

from hdh_migrate.events.event import Event
from hdh_migrate.events.registry import KINDS, read_body
from hdh_migrate.events.run import RunStarted
from hdh_migrate.fixity import canonical_json
from hdh_migrate.jsonform import json_form

SAMPLES: Mapping[Any, object] = {str: "-", int: 0, bool: False}


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
    event = read_body(KINDS[kind], body)
    assert canonical_json(event.as_json()).decode() == body, kind
    assert event.more is None, kind


def whole(kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body with what it must have besides and no reader looks at."""
    hints = get_type_hints(KINDS[kind])
    names = [one.name for one in fields(KINDS[kind])]
    asked = {name: hints[name] for name in names if hints[name] in SAMPLES}
    return {**{name: SAMPLES[hint] for name, hint in asked.items()}, **body}


def typed(kind: str, body: Mapping[str, Any]) -> Any:
    """Return an event of a body."""
    return KINDS[kind].of_json(json.loads(canonical_json(body)))
