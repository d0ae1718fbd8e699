"""How many objects left, how many arrived, and what lies between: without the tool's own files."""

from __future__ import annotations

from collections.abc import Sequence

from hdh_migrate.codes import LOST_OBJECTS
from hdh_migrate.evidence.page.chronicle import Chronicle
from hdh_migrate.evidence.page.gone import (
    GONE,
    REPLACED,
    changed_since,
    expected,
    gone_of,
    none_own,
    own_files,
    own_verified,
    told_apart,
)
from hdh_migrate.evidence.page.text import Text
from hdh_migrate.evidence.verifier.counts import less, summed
from hdh_migrate.evidence.verifier.members import FindingRecord, ObjectSum, Predicate
from hdh_migrate.frozen import frozen_row


@frozen_row
class DepartedObjects:
    """What the source held, what of it is at the target as it was verified, and the rest."""

    whole: ObjectSum
    arrived: int
    gap: dict[str, int]
    """By state, or by what became of it at the target; what nothing is in is left out."""


def departed(predicate: Predicate, findings: Sequence[FindingRecord]) -> DepartedObjects | None:
    """Return it, None where counts do not close or the tool's own files cannot be told apart.

    None, too, where only rules left objects out: the counts say the same then.

    `findings` are the first of them, as a page has them.
    """
    outcome, own, sound = predicate["outcome"], own_files(predicate), own_verified(predicate)
    since = changed_since(predicate)
    whole = less(outcome["states"]["inventoried"], own)
    if not outcome["counts_close"] or sound != own or not whole["objects"]:
        return None
    if since and not none_own(predicate, findings, *REPLACED, *LOST_OBJECTS):
        return None
    states = told_apart(outcome["states"], gone_of(predicate))
    gap = {name: states[name]["objects"] for name in ("excluded", "pending", "failed", *GONE)}
    for kind, count in since.items():
        gap[kind] = gap.get(kind, 0) + count
    gap = {name: count for name, count in gap.items() if count}
    if not own["objects"] and gap.keys() <= {"excluded"}:
        return None
    return DepartedObjects(whole, whole["objects"] - sum(gap.values()), gap)


@frozen_row
class BatchBridge:
    """How a batch's inventory comes from its last listing."""

    name: str
    inventoried: int
    listed: int
    number: int
    """Of the pass that listed them."""
    gone: int
    own: int


def bridges(predicate: Predicate, months: Chronicle) -> list[BatchBridge]:
    """Return one for each batch that was listed again, where the passes account for all of it."""
    passes = {one.batch: one for one in months.passes if one.listed is not None}
    found = []
    for name, last in passes.items():
        datasets = [one for one in predicate["datasets"] if one["batch"] == name]
        inventoried = sum(one["tally"]["inventoried"]["objects"] for one in datasets)
        own = summed(one["own"] for one in datasets if "own" in one)["objects"]
        gone = sum(one.gone for one in months.passes if one.batch == name)
        listed = last.listed or 0
        if datasets and inventoried == listed + gone + own and (gone or own):
            found.append(BatchBridge(name, inventoried, listed, last.number, gone, own))
    return found


def lines_lost(predicate: Predicate) -> bool:
    """Say whether what the target should hold is the manifest's lines and what was lost."""
    lost = gone_of(predicate)["lost"]["objects"]
    return lost > 0 and expected(predicate) == predicate["manifest"]["records"] + lost


DEPARTED: dict[str, Text] = {
    "q.what.departed": Text(
        "Départ : {whole} ({size}). Arrivés, et encore tels que vérifiés à ce que ce dossier en "
        "sait : {arrived}. Écart : {gap}.",
        "At the start: {whole} ({size}). Arrived, and still as verified as far as this folder "
        "knows: {arrived}. Gap: {gap}.",
    ),
    "departed.none": Text("aucun", "none"),
    "departed.shut": Text(
        "Parmi les arrivés, {n} ne s'ouvre plus avec les clés des destinataires."
        "|Parmi les arrivés, {n} ne s'ouvrent plus avec les clés des destinataires.",
        "Of those that arrived, {n} no longer opens with the recipients' keys."
        "|Of those that arrived, {n} no longer open with the recipients' keys.",
    ),
    "bridge": Text(
        "Lot {name} : {all} = {listed} listés à la passe {number}{rest}.",
        "Batch {name}: {all} = {listed} listed in pass {number}{rest}.",
    ),
    "bridge.gone": Text(
        " + {n} disparu de la source| + {n} disparus de la source",
        " + {n} gone from the source| + {n} gone from the source",
    ),
    "bridge.lines": Text(
        "{lines} = {all} attendus sur la cible, moins {lost}, à lire dans exclusions.jsonl",
        "{lines} = {all} expected at the target, less {lost}, to be read in exclusions.jsonl",
    ),
}
"""Sentences that lead from one count to another."""
