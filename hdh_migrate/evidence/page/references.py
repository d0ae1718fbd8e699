"""Which parts of a bundle serve which point of which text: dated data of `references.yaml`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import yaml

from hdh_migrate.evidence.page.text import Text


class GivenPart(NamedTuple):
    """A part of what bundles give, said only of a bundle that has some things and lacks others."""

    said: Text
    holding: frozenset[str]
    lacking: frozenset[str]
    at: str | None
    """The heading under which the page has it; None: it is a file, or nothing."""

    def applies(self, held: frozenset[str]) -> bool:
        """Say whether it is so of a bundle that has just these things."""
        return self.holding <= held and not self.lacking & held


class Point(NamedTuple):
    """One point of a text, what a bundle may give for it, and what it leaves open."""

    number: Text
    subject: Text
    parts: tuple[GivenPart, ...]
    leaves: Text
    confirmed: bool

    def gives(self, held: frozenset[str]) -> list[GivenPart]:
        """Return what a bundle gives that has just these things (`held.HELD`)."""
        return [one for one in self.parts if one.applies(held)]


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
    subject, leaves, gives = Text(**one["subject"]), Text(**one["leaves"]), one["gives"]
    parts = tuple(map(_given, gives if isinstance(gives, list) else [gives]))
    return Point(_number(one["number"]), subject, parts, leaves, one.get("confirmed", True))


def _given(one: dict[str, Any]) -> GivenPart:
    return GivenPart(
        Text(one["fr"], one["en"]),
        frozenset(_names(one.get("if", ()))),
        frozenset(_names(one.get("unless", ()))),
        one.get("at"),
    )


def _names(given: str | Sequence[str]) -> Sequence[str]:
    return [given] if isinstance(given, str) else given


def _number(given: str | dict[str, str]) -> Text:
    """Return how a text numbers the point, in words of both languages where it has words."""
    return Text(**given) if isinstance(given, dict) else Text(given, given)
