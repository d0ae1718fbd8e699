"""Which parts of a bundle serve which point of which text: dated data of `references.yaml`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import yaml

from hdh_migrate.evidence.page.text import Text


class Point(NamedTuple):
    """One point of a text, what the bundle gives for it, and what it leaves open."""

    number: Text
    subject: Text
    gives: Text
    leaves: Text
    confirmed: bool


class LegalReference(NamedTuple):
    """One text that such a migration is judged by."""

    name: Text
    dated: str
    """The text's own day, as in 2026-02-05."""
    read: Text
    """What was read of it, and when."""
    points: tuple[Point, ...]


@cache
def references() -> tuple[LegalReference, ...]:
    """Return all of them, in the order of the page."""
    data = files("hdh_migrate.evidence.page").joinpath("references.yaml").read_text("utf-8")
    return tuple(_reference(one) for one in yaml.safe_load(data))


def _reference(one: dict[str, Any]) -> LegalReference:
    return LegalReference(
        name=Text(**one["name"]),
        dated=str(one["dated"]),
        read=Text(**one["read"]),
        points=tuple(_point(point) for point in one["points"]),
    )


def _point(one: dict[str, Any]) -> Point:
    subject, gives, leaves = (Text(**one[part]) for part in ("subject", "gives", "leaves"))
    return Point(_number(one["number"]), subject, gives, leaves, one.get("confirmed", True))


def _number(given: str | dict[str, str]) -> Text:
    """Return how a text numbers the point, in words of both languages where it has words."""
    return Text(**given) if isinstance(given, dict) else Text(given, given)
