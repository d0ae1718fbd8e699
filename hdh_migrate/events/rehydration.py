"""Archived objects that the source was asked to make readable (decisions/0054)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from hdh_migrate.events.event import Event
from hdh_migrate.jsonform import json_form


@json_form
class RehydrationAsking(Event):
    """The source is about to be asked for these objects: it costs money from here on."""

    kind: ClassVar[str] = "rehydration-asking"
    batch: str
    tier: str
    priority: str
    user: str
    ids: tuple[int, ...]


@json_form
class RehydrationAsked(Event):
    """What came of it; without this event, whoever comes next looks and asks again."""

    kind: ClassVar[str] = "rehydration-asked"
    batch: str
    ids: tuple[int, ...]
    """Those that the source took."""
    refused: Mapping[str, int]
    """How many it did not, by what it said."""


RehydrationEvent = RehydrationAsking | RehydrationAsked
