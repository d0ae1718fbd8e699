"""One event of each kind that no world has, made from its type: whatever a new kind may say."""

from __future__ import annotations

import types
import typing
from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import fields
from enum import Enum
from typing import Any, Literal, get_args, get_origin, get_type_hints

from hdh_migrate.events.registry import KINDS
from hdh_migrate.jsonform import Absent, JsonForm
from tests.campaign.forging.walk import JOURNAL
from tests.support.second_cutovers import folded
from tests.unit.evidence import retold
from tests.unit.evidence.forgery import digest_of
from tests.unit.evidence.worlds import World, hour, world

KNOWN: dict[str, Any] = {"batch": "pilot", "dataset": "pmsi", "track": "rehearsal"}
"""What has to be of the world that an event is told in."""
MOMENTS = {"at", "since", "until", "moment", "taken_at", "due", "expected", "given"}


SAID: dict[str, dict[str, Any]] = {
    "fidelity-chosen": {"ways": {"directories": "kept", "overflow": "dropped"}},
    "under-way": {"step": "verify", "bytes": [0]},
    "cutover-switched": {"found": False},
}
"""What members of some kinds must say."""
NOT_ALONE = {"cutover-smoking", "headers-copied", "headers-erased", "headers-rewrapped"}
"""Kinds that need other events around them: reports of simulated migrations have them."""


def with_specimens(but: Collection[str]) -> World:
    """Return the world in which one event of each kind is told, but for these kinds."""
    made = world()
    plan = digest_of(made["predicate"]["plan"]["canonical"])
    said = {**SAID, "plan-changed": {"was": plan, "now": plan}}
    events = made["journal.jsonl"]
    events[-1:-1] = [
        [kind, hour(18), {**body_of(of), **said.get(kind, {})}]
        for kind, of in sorted(KINDS.items())
        if kind not in {*but} | NOT_ALONE
    ]
    made["predicate"]["cutovers"] = folded([(kind, at, body) for kind, at, body in events])
    made["predicate"]["openings"] = [
        {name: body[name] for name in ("at", "who", "dataset", "object", "reason")}
        for kind, _, body in events
        if kind == "object-opened"
    ]
    return made


MORE: dict[str, Any] = {"spans": [[1, 10]], "beside": [], "found": False}
"""What members say that a verifier looks at."""
OF_A_REPORT = {"evidence", "waivers"}
"""What rests on what was signed before: simulated migrations have it."""


def told_whole(made: World, told: Mapping[str, Collection[str]]) -> World:
    """Let each event of a world say all that its kind may say and no world tells of it.

    `told` has, for each kind, the members that some world has.
    """
    made = deepcopy(made)  # bodies of some worlds are shared by several events
    for kind, _, body in made[JOURNAL]:
        if (of := KINDS.get(kind)) is not None:
            for name, value in body_of(of).items():
                if name not in told[kind] and name not in OF_A_REPORT:
                    body[name] = MORE.get(name, value)
    events = [(kind, at, body) for kind, at, body in made[JOURNAL]]
    made["predicate"]["cutovers"] = folded(events)
    if "looks" in made["predicate"]:
        made["predicate"]["looks"] = retold.looks(events)
    return made


def body_of(of: type[JsonForm]) -> dict[str, Any]:
    """Return an object that has every member of a type."""
    hints = get_type_hints(of)
    names = [one.name for one in fields(of) if one.name != "more"]
    return {name: _value(name, hints[name]) for name in names}


def _value(name: str, of: Any) -> Any:
    if name in KNOWN:
        return KNOWN[name]
    if get_origin(of) in (types.UnionType, typing.Union):
        kept = [one for one in get_args(of) if one not in (type(None), Absent)]
        return _value(name, kept[0])
    if get_origin(of) is Literal:
        return get_args(of)[0]
    if get_origin(of) is tuple:
        inner = [one for one in get_args(of) if one is not Ellipsis]
        return [_value(name, one) for one in inner]
    if isinstance(get_origin(of), type) and issubclass(get_origin(of), Mapping):
        return {"x": _value(name, get_args(of)[-1])}
    if isinstance(of, type):
        return _plain(name, of)
    return {}


def _plain(name: str, of: type) -> Any:
    if issubclass(of, JsonForm):
        return body_of(of)
    if issubclass(of, Enum):
        return next(iter(of)).value
    if of is str and name in MOMENTS:
        return hour(9)
    if of is str and name.endswith("sha256"):
        return "ab" * 32
    made: Any = {bool: True, int: 1, float: 1.5, str: "x"}.get(of, {})
    return made
