"""Profiles as they are written, in YAML: read with care, checked, and said in plain JSON values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from hdh_migrate.fixity import text_digest
from hdh_migrate.frozen import frozen
from hdh_migrate.plan import beside
from hdh_migrate.plan.sides import Section
from hdh_migrate.targets.profiles.schema import (
    Citation,
    Merged,
    OwnFile,
    ProfileClaims,
    ProfileFile,
    WrittenClaim,
)

HINT = "`hdh-migrate docs providers` describes the profiles"


@frozen
class OwnWritten:
    """What a customer's own profile says."""

    claims: Mapping[str, Mapping[str, Any]]
    health: Sequence[Mapping[str, Any]]
    sha256: str


def shipped(name: str, text: str) -> Mapping[str, Any]:
    """Return what a profile of the package says; its sources are said in full.

    Raises:
        PlanInvalid: it is none; all problems are named.
    """
    _, found = _shipped(name, text)
    return {
        "name": found.name,
        "title": found.title,
        "as_of": found.as_of,
        "claims": {
            one: _with_sources(getattr(found.claims, one), found.sources)
            for one in ProfileClaims.model_fields
        },
        "health": [_with_sources(rule, found.sources) for rule in found.health],
        "notes": [_with_sources(note, found.sources) for note in found.notes],
    }


def own(path: Path, below: str) -> OwnWritten:
    """Return what a customer's own profile says; `below` is the text of what it is laid over.

    Raises:
        PlanInvalid: it is refused, or does not fit what it is laid over; all problems are named.
    """
    text = beside.read(path, "a profile", hint=HINT)
    found = beside.parsed(text, str(path), "a profile", hint=HINT)
    mine = beside.checked(OwnFile, found.value, found, str(path), hint=HINT)
    document, _ = _shipped(path.name, below)
    whole = {"claims": {**document["claims"], **mine.claims}}
    merged = beside.checked(Merged, whole, found, str(path), hint=HINT).claims
    return OwnWritten(
        claims={one: _with_sources(getattr(merged, one), mine.sources) for one in mine.claims},
        health=[_with_sources(rule, mine.sources) for rule in mine.health],
        sha256=text_digest(text),
    )


@cache  # a plan with a profile of its own is opened again and again by who watches it
def _shipped(name: str, text: str) -> tuple[Mapping[str, Any], ProfileFile]:
    """Read a profile of the package; also return its JSON value."""
    where = f"{name}.yaml"
    found = beside.parsed(text, where, "a profile", hint=HINT)
    assert isinstance(found.value, dict), "a profile of ours is a mapping"
    return found.value, beside.checked(ProfileFile, found.value, found, where, hint=HINT)


def _with_sources(
    one: WrittenClaim[Any] | Section, sources: Mapping[str, Citation]
) -> Mapping[str, Any]:
    """Return something dated as plain values, with the title of its source."""
    value = one.model_dump(mode="json")
    source = value["source"]
    return {**value, "source": sources[source].title if source in sources else source}
