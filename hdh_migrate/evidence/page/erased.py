"""What became of datasets whose headers were erased: a page's verdict speaks of before that."""

from __future__ import annotations

from collections.abc import Mapping

from hdh_migrate.events.erasure import HeadersErasing
from hdh_migrate.evidence.lines.granted import GrantAccounts, GrantStage
from hdh_migrate.evidence.lines.stories import after_deletion, cutovers
from hdh_migrate.evidence.page.text import Text
from hdh_migrate.evidence.verifier.members import ObjectSum, Predicate, StatedPlace
from hdh_migrate.frozen import frozen


@frozen
class ErasedObjects:
    """How many objects lost what opens them, and how many readers still open some."""

    shut: int = 0
    """Of datasets of which nothing that opens them was left where it was looked for."""
    going: int = 0
    """Of datasets whose erasure did not end, or left something."""
    readers: int = 0
    """Keys of grants for these datasets that stand."""

    @property
    def some(self) -> int:
        """How many there are of either kind."""
        return self.shut + self.going


def erased_objects(predicate: Predicate, grants: GrantAccounts) -> ErasedObjects:
    """Return what a statement and its journal say of it, as it was when the report was written."""
    told = predicate.get("erasures") or ()
    shut = [one for one in told if one["ended"] and not one["remaining"]]
    named, now = {one["dataset"] for one in told}, predicate["times"]["written"]
    stand = {
        one.asked.key
        for one in grants.by_id.values()
        if one.asked.dataset in named and one.stage(now) is GrantStage.GIVEN
    }
    whole = sum(one["objects"] for one in told)
    done = sum(one["objects"] for one in shut)
    return ErasedObjects(shut=done, going=whole - done, readers=len(stand))


def originals_of(predicate: Predicate) -> list[StatedPlace]:
    """Return where the originals of erased datasets are, unless their deletion was seen there."""
    seen = {batch for batch, one in cutovers(predicate).items() if after_deletion(one).over}
    named = {one["dataset"] for one in predicate.get("erasures") or ()}
    return [
        one["source"]
        for one in predicate["datasets"]
        if one["name"] in named and one["batch"] not in seen
    ]


@frozen
class PacksErased:
    """How many header packs erasures took, and when the first of them began."""

    packs: int
    at: str


def pack_erased(predicate: Predicate) -> PacksErased | None:
    """Return what the erasures took of header packs, None where there were none."""
    told = predicate.get("erasures") or ()
    if not told:
        return None
    return PacksErased(
        packs=sum(one["packs"] for one in told), at=min(one["began"] for one in told)
    )


def packs_gone(predicate: Predicate, erasing: Mapping[str, HeadersErasing]) -> ObjectSum:
    """Return the verified header packs that are at the target no more, as the journal tells it.

    Of an erasure that did not end, or that left something, nobody knows which of them are.
    """
    shut = [one for one in predicate.get("erasures") or () if one["ended"] and not one["remaining"]]
    told = (erasing.get(one["dataset"]) for one in shut)
    return {
        "objects": sum(one["packs"] for one in shut),
        "bytes": sum(0 if event is None else event.pack_bytes for event in told),
    }


ERASED: dict[str, Text] = {
    "good.then": Text(
        "Vérifié complet ; depuis, sur décision, {n} objet ne s'ouvre plus"
        "|Vérifié complet ; depuis, sur décision, {n} objets ne s'ouvrent plus",
        "Verified complete; since then, by decision, {n} object no longer opens"
        "|Verified complete; since then, by decision, {n} objects no longer open",
    ),
    "noted.then": Text(
        "Vérifié complet, avec des constats ; depuis, sur décision, {n} objet ne s'ouvre plus"
        "|Vérifié complet, avec des constats ; depuis, sur décision, {n} objets ne s'ouvrent plus",
        "Verified complete, with findings; since then, by decision, {n} object no longer opens"
        "|Verified complete, with findings; since then, by decision, {n} objects no longer open",
    ),
    "good.going": Text(
        "Vérifié complet ; un effacement est commencé",
        "Verified complete; an erasure is under way",
    ),
    "noted.going": Text(
        "Vérifié complet, avec des constats ; un effacement est commencé",
        "Verified complete, with findings; an erasure is under way",
    ),
    "banner.erased": Text(
        "Depuis, sur décision, {n} objet ne s'ouvre plus avec les clés des destinataires : ce qui "
        "l'ouvrait a été effacé ; voir « Jeux de données rendus indéchiffrables »."
        "|Depuis, sur décision, {n} objets ne s'ouvrent plus avec les clés des destinataires : ce "
        "qui les ouvrait a été effacé ; voir « Jeux de données rendus indéchiffrables ».",
        "Since then, by decision, {n} object no longer opens with the recipients' keys: what "
        "opened it was erased; see “Datasets made undecipherable”."
        "|Since then, by decision, {n} objects no longer open with the recipients' keys: what "
        "opened them was erased; see “Datasets made undecipherable”.",
    ),
    "banner.erasing": Text(
        "L'effacement de ce qui ouvre {n} objet a été décidé et commencé ; il n'est pas terminé, "
        "ou il en reste quelque chose : voir « Jeux de données rendus indéchiffrables »."
        "|L'effacement de ce qui ouvre {n} objets a été décidé et commencé ; il n'est pas terminé, "
        "ou il en reste quelque chose : voir « Jeux de données rendus indéchiffrables ».",
        "The erasure of what opens {n} object was decided and begun; it is not finished, or "
        "something was left: see “Datasets made undecipherable”."
        "|The erasure of what opens {n} objects was decided and begun; it is not finished, or "
        "something was left: see “Datasets made undecipherable”.",
    ),
    "banner.readers": Text(
        "{n} lecteur peut encore ouvrir ce qui lui en a été accordé ; voir « Qui peut lire »."
        "|{n} lecteurs peuvent encore ouvrir ce qui leur en a été accordé ; voir « Qui peut lire "
        "».",
        "{n} reader can still open what was granted of it; see “Who may read”."
        "|{n} readers can still open what was granted of it; see “Who may read”.",
    ),
    "banner.left-open": Text(
        "Pour {n} lecteur dont l'accès a pris fin, rien ne dit que l'hébergeur l'ait fermé : s'il "
        "a gardé ce qu'il a reçu, il peut encore l'ouvrir ; voir « Qui peut lire »."
        "|Pour {n} lecteurs dont l'accès a pris fin, rien ne dit que l'hébergeur l'ait fermé : "
        "s'ils ont gardé ce qu'ils ont reçu, ils peuvent encore l'ouvrir ; voir « Qui peut lire "
        "».",
        "For {n} reader whose access has ended, nothing says that the host closed it: whoever "
        "kept what was received can still open it; see “Who may read”."
        "|For {n} readers whose access has ended, nothing says that the host closed it: whoever "
        "kept what was received can still open it; see “Who may read”.",
    ),
    "banner.shut-out": Text(
        "Pour {n} lecteur révoqué, la fermeture de l'accès chez l'hébergeur est déclarée, non "
        "constatée ; voir « Qui peut lire »."
        "|Pour {n} lecteurs révoqués, la fermeture de l'accès chez l'hébergeur est déclarée, non "
        "constatée ; voir « Qui peut lire ».",
        "For {n} revoked reader, the access at the host is said to be closed, and was not seen "
        "closed; see “Who may read”."
        "|For {n} revoked readers, the access at the host is said to be closed, and was not seen "
        "closed; see “Who may read”.",
    ),
    "q.intact.erased": Text(
        "Depuis l'effacement, {n} objet ne peut plus être déchiffré avec les clés des "
        "destinataires : ce qu'il contient aujourd'hui ne peut plus être comparé."
        "|Depuis l'effacement, {n} objets ne peuvent plus être déchiffrés avec les clés des "
        "destinataires : ce qu'ils contiennent aujourd'hui ne peut plus être comparé.",
        "Since the erasure {n} object can no longer be decrypted with the recipients' keys: what "
        "it holds today can no longer be compared."
        "|Since the erasure {n} objects can no longer be decrypted with the recipients' keys: "
        "what they hold today can no longer be compared.",
    ),
    "q.what.erased": Text(
        "Le jeu « {dataset} » ne s'ouvre plus avec les clés des destinataires : ce qui ouvrait {n} "
        "objet a été effacé le {began} ; voir « Jeux de données rendus indéchiffrables »."
        "|Le jeu « {dataset} » ne s'ouvre plus avec les clés des destinataires : ce qui ouvrait "
        "{n} objets a été effacé le {began} ; voir « Jeux de données rendus indéchiffrables ».",
        "Dataset “{dataset}” no longer opens with the recipients' keys: what opened {n} object "
        "was erased on {began}; see “Datasets made undecipherable”."
        "|Dataset “{dataset}” no longer opens with the recipients' keys: what opened {n} objects "
        "was erased on {began}; see “Datasets made undecipherable”.",
    ),
    "keys.but": Text(
        "{n} objet rendu indéchiffrable ne s'ouvre plus avec aucune de ces clés."
        "|{n} objets rendus indéchiffrables ne s'ouvrent plus avec aucune de ces clés.",
        "{n} object, made undecipherable, no longer opens with any of these keys."
        "|{n} objects, made undecipherable, no longer open with any of these keys.",
    ),
    "q.what.originals": Text(
        "Cet outil n'a pas effacé les originaux : qui lit la source peut encore les lire en clair.",
        "This tool did not erase the originals: whoever reads the source can still read them in "
        "the clear.",
    ),
    "q.what.erasing": Text(
        "L'effacement de ce qui ouvre {n} objet du jeu « {dataset} » a commencé le {began} et "
        "n'est pas terminé, ou il en reste quelque chose."
        "|L'effacement de ce qui ouvre {n} objets du jeu « {dataset} » a commencé le {began} et "
        "n'est pas terminé, ou il en reste quelque chose.",
        "The erasure of what opens {n} object of dataset “{dataset}” was begun on {began} and is "
        "not finished, or something was left."
        "|The erasure of what opens {n} objects of dataset “{dataset}” was begun on {began} and is "
        "not finished, or something was left.",
    ),
    "leaving.erased": Text(
        "Dont {n} objet ({size}) du jeu « {dataset} », que les clés des destinataires n'ouvrent "
        "plus."
        "|Dont {n} objets ({size}) du jeu « {dataset} », que les clés des destinataires n'ouvrent "
        "plus.",
        "Of these {n} object ({size}) of dataset “{dataset}”, which the recipients' keys no "
        "longer open."
        "|Of these {n} objects ({size}) of dataset “{dataset}”, which the recipients' keys no "
        "longer open.",
    ),
    "packs.gone": Text(
        "{n} fichier de l'outil, compté ici, a été effacé de la cible depuis, sur décision."
        "|{n} fichiers de l'outil, comptés ici, ont été effacés de la cible depuis, sur décision.",
        "{n} file of the tool, counted here, has since been erased from the target, by decision."
        "|{n} files of the tool, counted here, have since been erased from the target, by "
        "decision.",
    ),
    "leaving.packs": Text(
        "{n} fichier de l'outil, vérifié, a été effacé depuis sur décision : il n'est pas compté "
        "ici."
        "|{n} fichiers de l'outil, vérifiés, ont été effacés depuis sur décision : ils ne sont pas "
        "comptés ici.",
        "{n} verified file of the tool has since been erased by decision: it is not counted here."
        "|{n} verified files of the tool have since been erased by decision: they are not counted "
        "here.",
    ),
    "leaving.rest": Text(
        "Reste {n} objet qui s'ouvre ({size}).|Restent {n} objets qui s'ouvrent ({size}).",
        "That leaves {n} object that opens ({size}).|That leaves {n} objects that open ({size}).",
    ),
}
