"""What no migration carries by itself: rights, keeping, requests of the people concerned."""

from __future__ import annotations

from collections.abc import Sequence

from hdh_migrate.codes import Code, how_many
from hdh_migrate.evidence.page.text import Text
from hdh_migrate.evidence.verifier.members import FindingRecord, Predicate
from hdh_migrate.frozen import frozen

_VANISHED = (Code.VANISHED, Code.VANISHED_KEPT)


@frozen
class VanishedAtSource:
    """What is gone from the source since it was moved, and the target holds still."""

    objects: int
    names: tuple[str, ...]
    """Of the findings that the page shows."""


def vanished_at_source(
    predicate: Predicate, findings: Sequence[FindingRecord]
) -> VanishedAtSource | None:
    """Return what is gone from the source alone; None: nothing is. `findings` are the first."""
    objects = how_many(predicate["findings"]["codes"], *_VANISHED)
    if not objects:
        return None
    shown = (str(one["key"]) for one in findings if one["code"] in _VANISHED and one["key"])
    return VanishedAtSource(objects=objects, names=tuple(dict.fromkeys(shown)))


RIGHTS: dict[str, Text] = {
    "rights": Text(
        "Droits d'accès, conservation, demandes des personnes",
        "Access rights, retention, data subject requests",
    ),
    "rights.access": Text("Droits d'accès", "Access rights"),
    "rights.access.value": Text(
        "Cet outil ne recrée sur la cible ni rôles, ni listes d'accès, ni liens de partage de la "
        "source : qui lit à la cible se règle chez l'hébergeur d'arrivée, et ce dossier n'en sait "
        "rien. À lui demander.",
        "This tool recreates none of the source's roles, access lists or shared links at the "
        "target: who reads there is set at that host, and this folder knows nothing of it. Ask "
        "there.",
    ),
    "rights.access.readers": Text(
        "Cet outil ne recrée sur la cible ni rôles, ni listes d'accès, ni liens de partage de la "
        "source : qui lit à la cible se règle chez l'hébergeur d'arrivée, et ce dossier n'en sait "
        "que les accès accordés avec cet outil ; voir « Qui peut lire ».",
        "This tool recreates none of the source's roles, access lists or shared links at the "
        "target: who reads there is set at that host, and this folder knows of it only what was "
        "granted by this tool; see “Who may read”.",
    ),
    "rights.rest": Text("Versions, journaux d'accès", "Versions, access logs"),
    "rights.rest.value": Text(
        "Le plan ne demande que la version en cours de chaque objet : les versions antérieures et "
        "les instantanés ne sont pas déplacés. Les journaux d'accès de la source ne le sont "
        "jamais.",
        "The plan asks for the current version of each object alone: earlier versions and "
        "snapshots are not moved. Access logs of the source never are.",
    ),
    "rights.rest.versions": Text(
        "Le plan demande aussi les versions antérieures ; les instantanés ne sont pas déplacés. "
        "Les journaux d'accès de la source ne le sont jamais.",
        "The plan asks for earlier versions, too; snapshots are not moved. Access logs of the "
        "source never are.",
    ),
    "rights.keeping": Text(
        "Durées de conservation et verrous sur la cible", "Retention and locks at the target"
    ),
    "rights.keeping.none": Text(
        "Le plan n'en pose aucun ; si l'hébergeur en pose, ou garde les versions supprimées, "
        "c'est à lui demander. Ceux de la source, et ses règles d'effacement automatique, ne sont "
        "pas recréés.",
        "The plan sets none; whether the host does, or keeps deleted versions, ask there. Those "
        "of the source, and its automatic deletion rules, are not recreated.",
    ),
    "rights.keeping.value": Text(
        "{name} : {n} jour à partir de l'envoi, mode {mode}, selon le plan."
        "|{name} : {n} jours à partir de l'envoi, mode {mode}, selon le plan.",
        "{name}: {n} day from its sending, mode {mode}, by the plan."
        "|{name}: {n} days from its sending, mode {mode}, by the plan.",
    ),
    "rights.request": Text("Demandes des personnes", "Data subject requests"),
    "rights.request.value": Text(
        "De quelle personne parle un objet, et quelles demandes (accès, rectification, effacement, "
        "opposition) ont été reçues, ce dossier ne le dit pas : à demander au responsable de "
        "traitement. Un objet supprimé à la source pendant l'opération n'est pas supprimé de la "
        "cible s'il y est déjà : c'est à faire aussi à la cible, chez son hébergeur, car cet outil "
        "n'y efface pas un objet seul. S'il n'y est pas encore, il n'est pas déplacé.",
        "Which person an object is about, and which requests (access, rectification, erasure, "
        "objection) were received, this folder does not say: ask the controller. An object "
        "deleted at the source during the work is not deleted at the target if it is there "
        "already: that is to be done at the target, too, with its host, for this tool erases no "
        "single object there. One that is not there yet is not moved.",
    ),
    "rights.request.here": Text(
        "Ici, {n} objet a disparu de la source, et la cible en garde ce qu'elle en avait reçu :"
        "|Ici, {n} objets ont disparu de la source, et la cible en garde ce qu'elle en avait reçu "
        ":",
        "Here {n} object is gone from the source, and the target keeps what it had received of it:"
        "|Here {n} objects are gone from the source, and the target keeps what it had received of "
        "them:",
    ),
}
"""Sentences of the section."""
