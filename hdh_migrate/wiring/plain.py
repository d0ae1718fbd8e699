"""A section of a plan in a process that has no model of plans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class PlainSection:
    """A section of a plan as plain values: its fields and its answers; lists are tuples."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            setattr(self, name, _section(value))


def _section(value: Any) -> Any:  # noqa: ANN401 - any value of a section
    if isinstance(value, Mapping):
        return PlainSection(value)
    return tuple(map(_section, value)) if isinstance(value, list) else value
