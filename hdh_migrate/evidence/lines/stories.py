"""The cutovers that a statement tells of, as the journal told them."""

from __future__ import annotations

from typing import cast

from hdh_migrate.evidence.lines.deletion import AfterDeletion
from hdh_migrate.evidence.verifier.members import Predicate
from hdh_migrate.results.switches import CutoverFact


def stories(predicate: Predicate) -> list[CutoverFact]:
    """Return every cutover and rehearsal of a checked statement, in its order.

    The verifier looks at what has to agree and leaves the rest as JSON; we wrote it in this form.
    A statement of an earlier version lacks members that came later: ask for those by `get`.
    """
    return cast("list[CutoverFact]", predicate["cutovers"])


def cutovers(predicate: Predicate) -> dict[str, CutoverFact]:
    """Return the cutovers by batch, in their order; rehearsals are none of them."""
    return {one["batch"]: one for one in stories(predicate) if one["track"] == "cutover"}


def after_deletion(story: CutoverFact | None) -> AfterDeletion:
    """Return what became of the deletion that a stated cutover tells of."""
    told = None if story is None else story.get("decommission")
    if told is None:
        return AfterDeletion.of(None, None)
    return AfterDeletion.of(told.get("outcomes"), told.get("observed"))
