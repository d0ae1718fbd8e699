"""What is no longer where it was: lost, vanished, or not at the target as it was verified.

A bundle's lines count an object that the source lost as excluded, with a rule of its own. Nobody
chose that: a page counts it apart, in every number that it shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from hdh_migrate.codes import LOST_OBJECTS, Code, how_many
from hdh_migrate.evidence.lines.recount import by_state
from hdh_migrate.evidence.page.text import Text
from hdh_migrate.evidence.verifier.counts import gone_in, less, summed
from hdh_migrate.evidence.verifier.members import (
    FindingRecord,
    ObjectSum,
    Predicate,
    StatedTally,
    States,
)
from hdh_migrate.evidence.verifier.planned import SIDECARS

REPLACED: Final = (Code.TARGET_REPLACED, Code.TARGET_ACCEPTED)
"""Others stand for these at the target."""

GONE = ("lost", "vanished")
"""What no rule left behind: lost after it was moved, or gone from the source before."""


def gone_of(predicate: Predicate, dataset: str | None = None) -> dict[str, ObjectSum]:
    """Return the same of a statement, or of one of its datasets."""
    return gone_in(
        one for one in predicate["exclusions"] if dataset is None or one["dataset"] == dataset
    )


def told_apart(sums: States | StatedTally, gone: Mapping[str, ObjectSum]) -> dict[str, ObjectSum]:
    """Return sums by state, with what is gone beside what a rule excluded and not in it."""
    found = by_state(sums)
    left = found["excluded"]
    for state in GONE:
        left = less(left, gone[state])
        found[state] = gone[state]
    return {**found, "excluded": left}


def expected(predicate: Predicate) -> int:
    """Return how many objects the target should hold: one that was lost is one of them still.

    The tool's own files are among them, as in every other number of a statement.
    """
    states = told_apart(predicate["outcome"]["states"], gone_of(predicate))
    return (
        states["inventoried"]["objects"]
        - states["excluded"]["objects"]
        - states["vanished"]["objects"]
    )


def changed_since(predicate: Predicate) -> dict[str, int]:
    """Return how many of those counted as verified were replaced, or lost, at the target since.

    What nothing happened to is left out.
    """
    codes = predicate["findings"]["codes"]
    verified = predicate["outcome"]["states"]["verified"]["objects"]
    replaced = how_many(codes, *REPLACED)
    lost = how_many(codes, *LOST_OBJECTS) - gone_of(predicate)["lost"]["objects"]
    found = {"replaced": min(replaced, verified)}
    found["lost"] = max(0, min(lost, verified - found["replaced"]))
    return {kind: count for kind, count in found.items() if count}


def none_own(predicate: Predicate, findings: Iterable[FindingRecord], *codes: Code) -> bool:
    """Say whether what was found so is known to be no file of the tool's own.

    `findings` may be the first of them only: then it is not known, if there are such files.
    """
    if not own_files(predicate)["objects"]:
        return True
    found = [one for one in findings if one["code"] in codes]
    return (
        predicate["names"] == "plain"
        and len(found) == how_many(predicate["findings"]["codes"], *codes)
        and not any(SIDECARS in str(one["key"]) for one in found)
    )


def own_files(predicate: Predicate) -> ObjectSum:
    """Return how many of all that is counted are the tool's own files."""
    return summed(one["own"] for one in predicate["datasets"] if "own" in one)


def own_verified(predicate: Predicate) -> ObjectSum | None:
    """Return how many of the verified ones are the tool's own; None where that is not known."""
    found = []
    for one in predicate["datasets"]:
        whole, verified = one.get("own"), one.get("own_verified")
        if whole is None or not whole["objects"]:
            continue
        if verified is None:  # of an earlier version
            if any(one["tally"][state]["objects"] for state in ("failed", "pending")):
                return None
            verified = whole
        found.append(verified)
    return summed(found)


GONE_WORDS: dict[str, Text] = {
    "n.lost": Text("{n} perdu|{n} perdus", "{n} lost|{n} lost"),
    "n.vanished": Text(
        "{n} disparu de la source|{n} disparus de la source",
        "{n} gone from the source|{n} gone from the source",
    ),
    "col.lost": Text("Perdus", "Lost"),
    "col.vanished": Text("Disparus de la source", "Gone from the source"),
    "since.replaced": Text(
        "{n} objet a été remplacé par un autre sur la cible"
        "|{n} objets ont été remplacés par d'autres sur la cible",
        "{n} object was replaced by another one at the target"
        "|{n} objects were replaced by others at the target",
    ),
    "since.lost": Text(
        "{n} objet y a été perdu|{n} objets y ont été perdus",
        "{n} object was lost there|{n} objects were lost there",
    ),
    "n.since": Text("dont {changes} depuis", "of these {changes} since"),
    "datasets.lost": Text(
        "Un objet « perdu » a été déplacé, puis la cible l'a perdu, et la source ne l'a plus : "
        "aucune règle ne l'a laissé. Dans exclusions.jsonl, il a sa propre règle.",
        "A “lost” object was moved, then the target lost it, and the source has it no more: no "
        "rule left it behind. In exclusions.jsonl it has a rule of its own.",
    ),
}
"""Sentences about what is gone."""
