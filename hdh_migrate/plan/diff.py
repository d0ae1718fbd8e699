"""Says in one line each how two plans differ; for `PlanChanged` and for reviewers.

Works on canonical plans (JSON values, defaults filled in). Entries with a name are matched by
it, so that a new dataset in the middle is one line. Equal plans give no line, others at least one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

_LABELS: Final = ("name", "glob", "batch")
"""The fields by which entries of a list are matched."""

LATER_SECTIONS: Final = ("approvals", "backup", "cutovers", "freeze", "waivers")
"""Sections that say nothing of what is moved or how; nor do the batches' pointers."""


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the differences from `old` to `new`, in the order of the old plan's fields."""
    return list(_mapping("", old, new))


def moves_alike(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Say whether two plans move and prove the same, and differ in cutovers and waivers at most.

    A cutover is planned while weeks of transfer are under way, and what must be waived shows late;
    neither must end them. Approvals and waivers are bound to the whole plan, so a change after
    them leaves them without effect.
    """
    return _text(_moved_by(old)) == _text(_moved_by(new))


def _moved_by(plan: Mapping[str, Any]) -> dict[str, Any]:
    kept = {field: value for field, value in plan.items() if field not in LATER_SECTIONS}
    batches = plan.get("batches", ())
    return kept | {"batches": [{**batch, "pointer": None} for batch in batches]}


def _mapping(where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for field in dict.fromkeys((*old, *new)):
        place = f"{where}.{field}" if where else field
        if field not in new:
            yield f"{place}: removed (was {_text(old[field])})"
        elif field not in old:
            yield f"{place}: added ({_text(new[field])})"
        else:
            yield from _value(place, old[field], new[field])


def _value(place: str, old: object, new: object) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _mapping(place, old, new)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _list(place, old, new)
    elif _text(old) != _text(new):  # in JSON, unlike Python, true is not 1
        yield f"{place}: {_text(old)} -> {_text(new)}"


def _list(place: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[str]:
    before, after = _labelled(old), _labelled(new)
    if before is None or after is None:
        if _text(old) != _text(new):
            yield f"{place}: {_text(old)} -> {_text(new)}"
        return
    for label in dict.fromkeys((*before, *after)):
        entry = f"{place}[{label}]"
        if label not in after:
            yield f"{entry}: removed"
        elif label not in before:
            yield f"{entry}: added"
        else:
            yield from _value(entry, before[label], after[label])
    kept = [label for label in before if label in after]
    moved = [label for label in after if label in before]
    if kept != moved:
        yield f"{place}: order is now {', '.join(moved)}"


def _labelled(entries: Sequence[Any]) -> dict[str, Any] | None:
    """Return the entries by label; None when they have none of their own."""
    for field in _LABELS:
        found = {
            entry[field]: entry
            for entry in entries
            if isinstance(entry, dict) and isinstance(entry.get(field), str)
        }
        if len(found) == len(entries):
            return found
    texts = {_text(entry): entry for entry in entries if not isinstance(entry, (dict, list))}
    return texts if len(texts) == len(entries) else None


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
