"""Says in one line each how two plans differ, and what each difference is about.

Works on canonical plans (JSON values, defaults filled in). Entries with a name are matched by
it, so that a new dataset in the middle is one line. Equal plans give no line, others at least one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from hdh_migrate.frozen import frozen
from hdh_migrate.jsonform import CanonicalPlan
from hdh_migrate.plan.classes import ENTRY, FieldClass, class_of, is_ordered

_LABELS: Final = ("name", "glob", "batch")
"""The fields by which entries of a list are matched."""


@frozen
class PlanDifference:
    """One place in which two plans differ."""

    place: str
    """As people read it: `datasets[pmsi].target.bucket`."""
    path: str
    """The same without names, as `plan.classes` knows it: `datasets[].target.bucket`."""
    change: str
    """What was there and what is."""
    was: object = None
    now: object = None
    """The two values; None where there is none."""
    order: bool = False
    """Whether the entries are the same, in another order."""

    @property
    def line(self) -> str:
        """The difference in one line."""
        return f"{self.place}: {self.change}"

    @property
    def kind(self) -> FieldClass:
        """What it is about; the order of what is no list of rules says how at most."""
        if self.order and not is_ordered(self.path):
            return FieldClass.HOW
        return class_of(self.path)


def changes(old: CanonicalPlan, new: CanonicalPlan) -> list[str]:
    """Return the differences from `old` to `new`, in the order of the old plan's fields."""
    return [found.line for found in differences(old, new)]


def differences(old: CanonicalPlan, new: CanonicalPlan) -> list[PlanDifference]:
    """Return the differences from `old` to `new`, in the order of the old plan's fields."""
    return list(_mapping("", "", old, new))


def _mapping(
    where: str, path: str, old: Mapping[str, object], new: Mapping[str, object]
) -> Iterator[PlanDifference]:
    for field in dict.fromkeys((*old, *new)):
        place, way = (f"{where}.{field}", f"{path}.{field}") if where else (field, field)
        if field not in new:
            words = f"removed (was {_text(old[field])})"
            yield PlanDifference(place=place, path=way, change=words, was=old[field])
        elif field not in old:
            words = f"added ({_text(new[field])})"
            yield PlanDifference(place=place, path=way, change=words, now=new[field])
        else:
            yield from _value(place, way, old[field], new[field])


def _value(place: str, path: str, old: object, new: object) -> Iterator[PlanDifference]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _mapping(place, path, old, new)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _list(place, path, old, new)
    elif _text(old) != _text(new):  # in JSON, unlike Python, true is not 1
        words = f"{_text(old)} -> {_text(new)}"
        yield PlanDifference(place=place, path=path, change=words, was=old, now=new)


def _list(
    place: str, path: str, old: Sequence[object], new: Sequence[object]
) -> Iterator[PlanDifference]:
    before, after = _labelled(old), _labelled(new)
    if before is None or after is None:
        if _text(old) != _text(new):
            words = f"{_text(old)} -> {_text(new)}"
            yield PlanDifference(place=place, path=path, change=words, was=old, now=new)
        return
    inner = path + ENTRY
    for label in dict.fromkeys((*before, *after)):
        entry = f"{place}[{label}]"
        if label not in after:
            yield PlanDifference(place=entry, path=inner, change="removed", was=before[label])
        elif label not in before:
            yield PlanDifference(place=entry, path=inner, change="added", now=after[label])
        else:
            yield from _value(entry, inner, before[label], after[label])
    kept = [label for label in before if label in after]
    moved = [label for label in after if label in before]
    if kept != moved:
        words = f"order is now {', '.join(moved)}"
        yield PlanDifference(place=place, path=path, change=words, was=kept, now=moved, order=True)


def _labelled(entries: Sequence[object]) -> dict[str, object] | None:
    """Return the entries by label; None when they have none of their own."""
    for field in _LABELS:
        found = dict[str, object]()
        for entry in entries:
            if isinstance(entry, dict) and isinstance(label := entry.get(field), str):
                found[label if label.isprintable() else _text(label)] = entry
        if len(found) == len(entries):
            return found
    texts = {_text(entry): entry for entry in entries if not isinstance(entry, (dict, list))}
    return texts if len(texts) == len(entries) else None


def _text(value: object) -> str:
    """Return a value as JSON that drives no terminal: a glob may hold any character."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if text.isprintable() else json.dumps(value, sort_keys=True)
