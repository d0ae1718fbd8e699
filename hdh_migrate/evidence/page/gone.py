"""What is no longer where it was: lost, vanished, or not at the target as it was verified.

A bundle's lines count an object that the source lost as excluded, with a rule of its own. Nobody
chose that: a page counts it apart, in every number that it shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hdh_migrate.codes import LOST_OBJECTS, Code, how_many
from hdh_migrate.evidence.lines.recount import by_state
from hdh_migrate.evidence.page.text import Text
from hdh_migrate.evidence.verifier.members import (
    ObjectSum,
    Predicate,
    StatedExclusion,
    StatedTally,
    States,
)
from hdh_migrate.evidence.verifier.selection import LOST, VANISHED

GONE = ("lost", "vanished")
"""What no rule left behind: lost after it was moved, or gone from the source before."""


def gone_in(exclusions: Iterable[StatedExclusion]) -> dict[str, ObjectSum]:
    """Return how much of what was left behind no rule left: by the words of `GONE`."""
    found: dict[str, ObjectSum] = {name: {"objects": 0, "bytes": 0} for name in GONE}
    for one in exclusions:
        if one["rule"] == VANISHED[0]:
            sums = found["lost" if one["reason"] == LOST[1] else "vanished"]
            sums["objects"] += one["objects"]
            sums["bytes"] += one["bytes"]
    return found


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
        left = {
            "objects": left["objects"] - gone[state]["objects"],
            "bytes": left["bytes"] - gone[state]["bytes"],
        }
        found[state] = gone[state]
    return {**found, "excluded": left}


def to_move(predicate: Predicate) -> int:
    """Return how many objects were to be moved; one that was lost is one of them still."""
    states = told_apart(predicate["outcome"]["states"], gone_of(predicate))
    return (
        states["inventoried"]["objects"]
        - states["excluded"]["objects"]
        - states["vanished"]["objects"]
    )


def verified_once(predicate: Predicate) -> int:
    """Return how many of those that are counted as verified are not at the target as verified."""
    codes = predicate["findings"]["codes"]
    gone = gone_of(predicate)["lost"]["objects"]
    others = how_many(codes, Code.TARGET_REPLACED, Code.TARGET_ACCEPTED, *LOST_OBJECTS) - gone
    return max(0, min(others, predicate["outcome"]["states"]["verified"]["objects"]))


def own_files(predicate: Predicate) -> ObjectSum:
    """Return how many of all that is counted are the tool's own files."""
    stated = [one["own"] for one in predicate["datasets"] if "own" in one]
    return {
        "objects": sum(one["objects"] for one in stated),
        "bytes": sum(one["bytes"] for one in stated),
    }


def own_verified(predicate: Predicate) -> ObjectSum | None:
    """Return how many of the verified ones are the tool's own; None where that is not known."""
    having = [one for one in predicate["datasets"] if one.get("own", {"objects": 0})["objects"]]
    unfinished = any(
        one["tally"][state]["objects"] for one in having for state in ("failed", "pending")
    )
    return None if unfinished else own_files(predicate)


GONE_WORDS: dict[str, Text] = {
    "n.lost": Text("{n} perdu|{n} perdus", "{n} lost|{n} lost"),
    "n.vanished": Text(
        "{n} disparu de la source|{n} disparus de la source",
        "{n} gone from the source|{n} gone from the source",
    ),
    "col.lost": Text("Perdus", "Lost"),
    "col.vanished": Text("Disparus de la source", "Gone from the source"),
    "q.what.since": Text(
        "Depuis, {n} d'entre eux a été remplacé ou perdu sur la cible ; à ce que ce dossier en "
        "sait, {rest} de ces objets sont encore tels que vérifiés."
        "|Depuis, {n} d'entre eux ont été remplacés ou perdus sur la cible ; à ce que ce dossier "
        "en sait, {rest} de ces objets sont encore tels que vérifiés.",
        "Since then {n} of them was replaced or lost at the target; as far as this folder knows, "
        "{rest} of these objects are still as verified."
        "|Since then {n} of them were replaced or lost at the target; as far as this folder knows, "
        "{rest} of these objects are still as verified.",
    ),
    "n.since": Text(
        "dont {n} remplacé ou perdu depuis|dont {n} remplacés ou perdus depuis",
        "of these {n} replaced or lost since|of these {n} replaced or lost since",
    ),
    "datasets.lost": Text(
        "Un objet « perdu » a été déplacé, puis la cible l'a perdu, et la source ne l'a plus : "
        "aucune règle ne l'a laissé. Dans exclusions.jsonl, il a sa propre règle.",
        "A “lost” object was moved, then the target lost it, and the source has it no more: no "
        "rule left it behind. In exclusions.jsonl it has a rule of its own.",
    ),
}
"""Sentences about what is gone."""
