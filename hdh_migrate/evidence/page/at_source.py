"""What is still at the source, by batch: in objects and bytes, and what the target has not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Literal

from hdh_migrate.codes import how_many
from hdh_migrate.evidence.lines.deletion import AfterDeletion
from hdh_migrate.evidence.lines.stories import after_deletion, cutovers
from hdh_migrate.evidence.page.chronicle_lines import PassLine
from hdh_migrate.evidence.page.gone import REPLACED, gone_of, none_own, told_apart
from hdh_migrate.evidence.page.text import Text
from hdh_migrate.evidence.verifier.counts import gone_in, summed
from hdh_migrate.evidence.verifier.members import (
    DatasetSection,
    FindingRecord,
    ObjectSum,
    Predicate,
)
from hdh_migrate.frozen import frozen_row
from hdh_migrate.results.switches import CutoverFact


@frozen_row
class BatchAtSource:
    """What the source of one batch still holds, as far as a bundle knows."""

    name: str
    stands: Literal["unlisted", "untouched", "asked", "deleted", "partly"]
    """Whether its source was listed whole, its deletion asked for, and what was seen afterwards."""
    whole: ObjectSum
    """What the source showed, without what is gone from it."""
    moved: ObjectSum
    """Of that: is verified at the target, or was."""
    alone: ObjectSum
    """Of that: was never moved."""
    after: AfterDeletion = AfterDeletion.of(None, None)
    """What became of its deletion."""
    answers: Mapping[str, int] = field(default_factory=dict)
    """What the host answered to the deletion, by its outcome."""

    @property
    def still(self) -> ObjectSum:
        """What must be taken to be there: what was not seen to be gone."""
        return self.only_there if self.after.observed else self.whole

    @property
    def only_there(self) -> ObjectSum:
        """What the target has not, as the source has it now; bytes of what changed are unknown."""
        kept = self.after.changed + self.after.unheld
        return {"objects": self.alone["objects"] + kept, "bytes": self.alone["bytes"]}


def at_source(predicate: Predicate, passes: Iterable[PassLine]) -> list[BatchAtSource]:
    """Return what is left at the source, batch by batch, in the order of the statement."""
    listed = {one.batch: one.listed_all for one in passes if one.listed_all is not None}
    stories, found = cutovers(predicate), []
    for batch in predicate["batches"]:
        name = batch["name"]
        own = [one for one in predicate["datasets"] if one["batch"] == name]
        whole, alone = _whole(predicate, own), _alone(predicate, own)
        if name in listed:  # as the source was last seen: what vanished since it was moved is gone
            whole = listed[name]
        story = stories.get(name)
        after = after_deletion(story)
        told = None if story is None else story.get("decommission")
        answers = {} if told is None else told.get("outcomes") or {}
        listed_whole = batch["inventory_closed"] or name in listed
        stands = _stands(story, after) if listed_whole else "unlisted"
        found.append(BatchAtSource(name, stands, whole, _less(whole, alone), alone, after, answers))
    return found


def still_there(batches: Sequence[BatchAtSource]) -> ObjectSum:
    """Return all that must be taken to be at the source."""
    return summed(one.still for one in batches)


@frozen_row
class AloneAtSource:
    """What the source alone holds, or alone still shows in the clear."""

    whole: ObjectSum
    """What was never moved; with `replaced`, all that is at the source alone."""
    parts: dict[str, int]
    """Why, by state; empty where files of the tool's own wait among the others."""
    replaced: int = 0
    """What others stand for at the target, and the source is known to have."""
    doubtful: int = 0
    """The same, where this folder does not show whether the source still has it."""
    shut: int = 0
    """What the target holds, and no recipient's key opens there any more."""

    @property
    def objects(self) -> int:
        """How many are at the source alone."""
        return self.whole["objects"] + self.replaced


def nowhere_else(
    predicate: Predicate,
    batches: Sequence[BatchAtSource],
    findings: Sequence[FindingRecord],
) -> AloneAtSource:
    """Return what is at the source alone; `findings` are the first of them, as a page has them."""
    states = told_apart(predicate["outcome"]["states"], gone_of(predicate))
    whole = summed(one.only_there for one in batches)
    parts = {name: states[name]["objects"] for name in ("excluded", "failed", "pending")}
    parts["changed"] = sum(one.after.changed for one in batches)
    parts["unheld"] = sum(one.after.unheld for one in batches)
    if sum(parts.values()) != whole["objects"]:
        parts = {}
    replaced = how_many(predicate["findings"]["codes"], *REPLACED)
    sure = none_own(predicate, findings, *REPLACED) and all(
        one.stands in {"unlisted", "untouched", "asked"} for one in batches
    )
    there = {one.name for one in batches if one.stands in {"unlisted", "untouched", "asked"}}
    held = {one["name"] for one in predicate["datasets"] if one["batch"] in there}
    shut = sum(
        one["objects"]
        for one in predicate.get("erasures") or ()
        if one["ended"] and not one["remaining"] and one["dataset"] in held
    )
    return AloneAtSource(
        whole=whole, parts={name: n for name, n in parts.items() if n},
        replaced=replaced if sure else 0, doubtful=0 if sure else replaced, shut=shut,
    )  # fmt: skip


def _stands(
    story: CutoverFact | None, after: AfterDeletion
) -> Literal["untouched", "asked", "deleted", "partly"]:
    times = {} if story is None else story["times"]
    if not any(name in times for name in ("erasing", "erased", "requested")):
        return "untouched"
    if not after.observed:
        return "asked"
    return "deleted" if after.over else "partly"


def _whole(predicate: Predicate, datasets: Sequence[DatasetSection]) -> ObjectSum:
    names = {one["name"] for one in datasets}
    gone = gone_in(one for one in predicate["exclusions"] if one["dataset"] in names)
    listed = _less(
        summed(one["tally"]["inventoried"] for one in datasets),
        summed(one["own"] for one in datasets if "own" in one),
    )
    return _less(listed, summed(gone.values()))


def _alone(predicate: Predicate, datasets: Sequence[DatasetSection]) -> ObjectSum:
    """Return what a rule left behind, and what failed or waits: the target has none of it."""
    names = {one["name"] for one in datasets}
    gone = gone_in(one for one in predicate["exclusions"] if one["dataset"] in names)
    left = summed(
        one["tally"][state] for one in datasets for state in ("excluded", "failed", "pending")
    )
    own = _less(
        summed(one["own"] for one in datasets if "own_verified" in one and "own" in one),
        summed(one["own_verified"] for one in datasets if "own_verified" in one),
    )
    return _less(left, summed((own, *gone.values())))


def _less(one: ObjectSum, other: ObjectSum) -> ObjectSum:
    """Return the difference of two sums, none where a listing says less than the counts."""
    return {
        "objects": max(0, one["objects"] - other["objects"]),
        "bytes": max(0, one["bytes"] - other["bytes"]),
    }


AT_SOURCE: dict[str, Text] = {
    "q.source": Text(
        "Que reste-t-il chez l'ancien hébergeur ?", "What is still with the former host?"
    ),
    "q.source.folder": Text("Que reste-t-il à la source ?", "What is still at the source?"),
    "source.all": Text(
        "{n} objet ({size}), tant qu'une suppression n'est pas constatée."
        "|{n} objets ({size}), tant qu'une suppression n'est pas constatée.",
        "{n} object ({size}), as long as no deletion is observed."
        "|{n} objects ({size}), as long as no deletion is observed.",
    ),
    "source.all.least": Text(
        "Au moins {n} objet ({size}) : un lot n'a pas été listé jusqu'au bout."
        "|Au moins {n} objets ({size}) : un lot n'a pas été listé jusqu'au bout.",
        "At least {n} object ({size}): a batch was not fully listed."
        "|At least {n} objects ({size}): a batch was not fully listed.",
    ),
    "source.nothing": Text(
        "Plus rien de cette migration, à ce qui a été constaté.",
        "Nothing of this migration any more, as far as was observed.",
    ),
    "source.unlisted": Text(
        "Lot {name} : pas listé jusqu'au bout ; {objects} ({size}) en sont connus.",
        "Batch {name}: not fully listed; {objects} ({size}) of it are known.",
    ),
    "source.unlisted.unknown": Text(
        "Lot {name} : pas encore listé ; ce que la source en contient n'est pas connu.",
        "Batch {name}: not listed yet; what the source holds of it is not known.",
    ),
    "source.untouched": Text(
        "Lot {name} : {objects} ({size}) ; cet outil n'y a rien supprimé.",
        "Batch {name}: {objects} ({size}); this tool deleted nothing there.",
    ),
    "source.asked": Text(
        "Lot {name} : {objects} ({size}) ; la suppression de {moved} a été demandée, elle n'est "
        "pas constatée.",
        "Batch {name}: {objects} ({size}); deletion of {moved} was requested and has not been "
        "observed.",
    ),
    "source.answers": Text("Réponse de l'hébergeur :", "The host's answer:"),
    "source.least": Text("au moins {size}", "at least {size}"),
    "source.deleted": Text(
        "Lot {name} : {n} objet supprimé{missing}, et la source n'en montre plus rien."
        "|Lot {name} : {n} objets supprimés{missing}, et la source n'en montre plus rien.",
        "Batch {name}: {n} object deleted{missing}, and the source shows nothing of it any more."
        "|Batch {name}: {n} objects deleted{missing}, and the source shows nothing of them any "
        "more.",
    ),
    "source.partly": Text(
        "Lot {name} : {n} objet supprimé{missing}.|Lot {name} : {n} objets supprimés{missing}.",
        "Batch {name}: {n} object deleted{missing}.|Batch {name}: {n} objects deleted{missing}.",
    ),
    "source.unmoved": Text(
        "{n} objet que ce lot n'a pas déplacé y est encore."
        "|{n} objets que ce lot n'a pas déplacés y sont encore.",
        "{n} object that this batch did not move is still there."
        "|{n} objects that this batch did not move are still there.",
    ),
    "source.changed": Text(
        "{n} objet y a été modifié depuis son déplacement, et y est gardé : ce qu'il est "
        "maintenant n'est que là."
        "|{n} objets y ont été modifiés depuis leur déplacement, et y sont gardés : ce qu'ils sont "
        "maintenant n'est que là.",
        "{n} object changed there since it was moved, and is kept: what it is now exists only "
        "there."
        "|{n} objects changed there since they were moved, and are kept: what they are now exists "
        "only there.",
    ),
    "source.unheld": Text(
        "{n} objet y est gardé : la cible ne l'a pas montré tel qu'il avait été vérifié."
        "|{n} objets y sont gardés : la cible ne les a pas montrés tels qu'ils avaient été "
        "vérifiés.",
        "{n} object is kept there: the target did not show it as it was verified."
        "|{n} objects are kept there: the target did not show them as they were verified.",
    ),
    "source.traces": Text(
        "La source en montre encore {n} objet, version ou copie."
        "|La source en montre encore {n} objets, versions ou copies.",
        "The source still shows {n} object, version or copy of it."
        "|The source still shows {n} objects, versions or copies of it.",
    ),
    "source.alone": Text(
        "{n} objet n'est que là{parts} : le supprimer{ending} le perd."
        "|{n} objets ne sont que là{parts} : les supprimer{ending} les perd.",
        "{n} object exists only there{parts}: deleting it{ending} loses it."
        "|{n} objects exist only there{parts}: deleting them{ending} loses them.",
    ),
    "source.alone.least": Text(
        "Au moins {n} objet n'est que là{parts} : le supprimer{ending} le perd."
        "|Au moins {n} objets ne sont que là{parts} : les supprimer{ending} les perd.",
        "At least {n} object exists only there{parts}: deleting it{ending} loses it."
        "|At least {n} objects exist only there{parts}: deleting them{ending} loses them.",
    ),
    "source.ending": Text(", ou résilier ce contrat,", ", or ending that contract,"),
    "n.changed": Text(
        "{n} modifié depuis son déplacement|{n} modifiés depuis leur déplacement",
        "{n} changed since it was moved|{n} changed since they were moved",
    ),
    "n.unheld": Text(
        "{n} que la cible ne montre plus tel quel|{n} que la cible ne montre plus tels quels",
        "{n} not shown as it was by the target|{n} not shown as they were by the target",
    ),
    "alone.replaced": Text(
        "{n} remplacé sur la cible|{n} remplacés sur la cible",
        "{n} replaced at the target|{n} replaced at the target",
    ),
    "source.doubtful": Text(
        "En plus, {n} objet a été remplacé sur la cible : l'original n'est plus qu'à la source, si "
        "elle l'a encore."
        "|En plus, {n} objets ont été remplacés sur la cible : les originaux ne sont plus qu'à la "
        "source, si elle les a encore.",
        "Besides, {n} object was replaced at the target: the original is only at the source, if "
        "it is still there."
        "|Besides, {n} objects were replaced at the target: the originals are only at the source, "
        "if they are still there.",
    ),
    "source.shut": Text(
        "{n} autre, sur la cible, ne s'y ouvre plus avec les clés des destinataires : la source en "
        "a le seul original en clair."
        "|{n} autres, sur la cible, ne s'y ouvrent plus avec les clés des destinataires : la "
        "source en a les seuls originaux en clair.",
        "{n} other, at the target, no longer opens there with the recipients' keys: the source "
        "has its only original in the clear."
        "|{n} others, at the target, no longer open there with the recipients' keys: the source "
        "has their only originals in the clear.",
    ),
    "source.shut.readers": Text(
        "{n} lecteur dont l'accès est ouvert peut encore en ouvrir."
        "|{n} lecteurs dont l'accès est ouvert peuvent encore en ouvrir.",
        "{n} reader whose access is open can still open some."
        "|{n} readers whose access is open can still open some.",
    ),
    "source.clear": Text(
        "Cet outil n'a rien chiffré à la source : qui la lit, l'ancien hébergeur compris, peut "
        "lire ces objets. Cet outil n'a remis de clé privée à aucun des deux hébergeurs.",
        "This tool encrypted nothing at the source: whoever reads it, the former host included, "
        "can read these objects. This tool gave neither host a private key.",
    ),
    "source.clear.folder": Text(
        "Cet outil n'a rien chiffré à la source : qui la lit peut lire ces objets. Cet outil n'a "
        "pas remis de clé privée à l'hébergeur.",
        "This tool encrypted nothing at the source: whoever reads it can read these objects. This "
        "tool gave the host no private key.",
    ),
    "source.unseen.folder": Text(
        "Non comptés : instantanés, sauvegardes et répliques de cette source.",
        "Not counted: snapshots, backups and replicas of this source.",
    ),
    "source.unseen": Text(
        "Non comptés : versions antérieures, instantanés, sauvegardes, répliques et journaux "
        "d'accès de l'ancien hébergeur.",
        "Not counted: earlier versions, snapshots, backups, replicas and access logs of the former "
        "host.",
    ),
    "source.unseen.versions": Text(
        "Non comptés : instantanés, sauvegardes, répliques et journaux d'accès de l'ancien "
        "hébergeur.",
        "Not counted: snapshots, backups, replicas and access logs of the former host.",
    ),
    "source.contract": Text(
        "Ce que cette sortie a coûté, ce qui reste à payer, et quand le contrat de l'ancien "
        "hébergeur peut prendre fin, ce dossier ne le dit pas : à demander à qui tient les "
        "contrats.",
        "What this move has cost, what is still to be paid, and when the former host's contract "
        "can end, this folder does not say: ask whoever keeps the contracts.",
    ),
    "source.read": Text("Lu à la source jusqu'ici : {read}.", "Read at the source so far: {read}."),
    "source.read.least": Text(
        "Lu à la source jusqu'ici : au moins {read}, sans ce qu'a lu une exécution qui n'a pas dit "
        "sa fin.",
        "Read at the source so far: at least {read}, not counting what was read by a run that did "
        "not report its end.",
    ),
}
"""Sentences of that answer."""
