"""Walks all that a bundle says, and changes one place of it in each way that its type allows."""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

Path = tuple[str | int, ...]

JOURNAL, LINES = "journal.jsonl", ("manifest.jsonl", "exclusions.jsonl", "findings.jsonl")
PLAN: Path = ("predicate", "plan", "canonical")
LEFT_OUT = object()
"""Stands for no value at all."""
FAR = 1_000_003
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")
_HEX = re.compile(r"(?:[0-9a-f]{2}){16,}")


class MemberOf(NamedTuple):
    """A member of all events of a kind, of all lines of a file, or of the statement."""

    where: str
    member: str


class ChangedPlace(NamedTuple):
    """One place of a bundle, and what stands there instead."""

    path: Path
    how: str
    """What kind of change it is: one of `HOWS`."""
    value: object


HOWS = ("other", "near", "gone", "swapped", "list", "all", "twice", "moved")
"""Another value; one beside it; none, or null; a sibling's; a list with fewer, more or in another
order; and of events and lines: left out, told twice, exchanged with the next one."""


def at(value: Any, path: Path) -> Any:
    """Return what stands at a path."""
    for name in path:
        value = value[name]
    return value


def put(value: Any, path: Path, new: object) -> Any:
    """Return a value in which something else stands at a path, and all else is the same."""
    if not path:
        return new
    name, rest = path[0], path[1:]
    if isinstance(value, list):
        made = list(value)
        if not rest and new is LEFT_OUT:
            del made[int(name)]
        else:
            made[int(name)] = put(made[int(name)], rest, new)
        return made
    if not rest and new is LEFT_OUT:
        return {key: one for key, one in value.items() if key != name}
    return {**value, name: put(value[name], rest, new)}


def member_of(world: Mapping[str, Any], path: Path, names: Collection[str]) -> MemberOf:
    """Return which member a path is of; `names` are keys of objects that are data."""
    head, rest = path[0], path[1:]
    if head == JOURNAL:
        kind, inner = world[JOURNAL][rest[0]][0], rest[1:]
        if inner[:1] == (1,):
            return MemberOf(kind, "at")
        return MemberOf(kind, _spelled(inner[1:], names))
    if head in LINES:
        verdict = world[str(head)][rest[0]].get("verdict", "")
        of = "" if verdict == "" else " (verified)" if verdict == "match" else " (others)"
        return MemberOf(f"{head}{of}", _spelled(rest[1:], names))
    if path[:3] == PLAN:
        return MemberOf("plan", _spelled(path[3:], names))
    return MemberOf("statement", _spelled(rest, names))


def _spelled(path: Path, names: Collection[str]) -> str:
    found = ""
    for name in path:
        if isinstance(name, int):
            found += "[]"
        else:
            is_data = (found and name in names) or not _NAME.fullmatch(name)
            found += f".{'*' if is_data else name}"
    return found.removeprefix(".")


def places(world: Mapping[str, Any], lines: int, dice: random.Random) -> Iterator[Path]:
    """Yield the path of every value that a bundle says, of `lines` drawn lines of each file."""
    for number, event in enumerate(world[JOURNAL]):
        yield JOURNAL, number
        yield JOURNAL, number, 1
        yield from _inner(event[2], (JOURNAL, number, 2))
    for name in LINES:
        every = range(len(world[name]))
        for number in sorted(dice.sample(every, min(lines, len(every)))):
            yield name, number
            yield from _inner(world[name][number], (name, number))
    yield from _inner(world["predicate"], ("predicate",))


def _inner(value: Any, path: Path) -> Iterator[Path]:
    children = (
        value.items() if isinstance(value, dict) else enumerate(value)
        if isinstance(value, list) else ()
    )  # fmt: skip
    for name, one in children:
        yield (*path, name)
        yield from _inner(one, (*path, name))


def changes(
    world: Mapping[str, Any], path: Path, pool: Collection[Any], dice: random.Random
) -> Iterator[ChangedPlace]:
    """Yield each way to change what stands at a path; `pool` has what stands at such places."""
    value = at(world, path)
    whole = len(path) == 2 and path[0] != "predicate"
    if whole:
        yield from _of_whole(world, path)
        return
    for how, new in _others(value, pool, dice):
        yield ChangedPlace(path, how, new)
    holder, name = at(world, path[:-1]), path[-1]
    if path[0] == JOURNAL and len(path) == 3:
        return
    if isinstance(holder, dict):
        yield ChangedPlace(path, "gone", LEFT_OUT)
        if value is not None:
            yield ChangedPlace(path, "gone", None)
    names = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    after = names[names.index(name) + 1 :]
    for other in after:
        if type(holder[other]) is type(value) and holder[other] != value:
            swapped = put(put(holder, (name,), holder[other]), (other,), value)
            yield ChangedPlace(path[:-1], "swapped", swapped)
            break


def _of_whole(world: Mapping[str, Any], path: Path) -> Iterator[ChangedPlace]:
    rows, number = world[str(path[0])], int(path[1])
    yield ChangedPlace(path, "all", LEFT_OUT)
    yield ChangedPlace(path[:1], "twice", [*rows[: number + 1], *rows[number:]])
    if number + 1 < len(rows):
        one, other = rows[number : number + 2]
        if path[0] == JOURNAL:  # each tells the other's time
            one, other = [one[0], other[1], one[2]], [other[0], one[1], other[2]]
        moved = [*rows[:number], other, one, *rows[number + 2 :]]
        yield ChangedPlace(path[:1], "moved", moved)


def _others(value: Any, pool: Collection[Any], dice: random.Random) -> Iterator[tuple[str, object]]:
    alike = [one for one in pool if one != value]
    if alike:
        yield "other", dice.choice(alike)
    if isinstance(value, bool):
        yield "other", not value
    elif isinstance(value, int | float):
        yield "near", value + 1
        yield "near", value - 1
        yield "other", value + FAR
        if value:
            yield "other", 0
    elif isinstance(value, str):
        yield from _other_texts(value)
    elif value is None:
        yield from (("other", "x"), ("other", 7)) if not alike else ()
    elif isinstance(value, list):
        if value:
            yield "list", value[:-1]
            yield "list", [*value, value[-1]]
        if len(value) > 1:
            yield "list", value[1:]
            yield "list", []
            if value[::-1] != value:
                yield "list", value[::-1]


def _other_texts(value: str) -> Iterator[tuple[str, object]]:
    if _MOMENT.fullmatch(value):
        for seconds in (1, -1, 86_400, -86_400):
            yield "near", later(value, seconds)
        yield "other", later(value, 5 * 365 * 86_400)
        yield "other", later(value, -5 * 365 * 86_400)
        return
    if _HEX.fullmatch(value):
        yield "other", "5a" * (len(value) // 2)
        return
    yield "other", f"{value}x"
    if value:
        yield "other", ""


def later(moment: str, seconds: int) -> str:
    """Return a moment that is so many seconds after another one, in its form."""
    whole, rest = moment[:19], moment[19:]
    then = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    return (then + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S") + rest
