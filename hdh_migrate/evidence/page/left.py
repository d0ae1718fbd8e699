"""What is left to do, in words, and where a statement says that a migration stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from markupsafe import Markup

from hdh_migrate.codes import Code
from hdh_migrate.evidence.lines.left import (
    BatchStanding,
    LeftTask,
    LeftToDo,
    Listings,
    MigrationStanding,
)
from hdh_migrate.evidence.lines.names import visible
from hdh_migrate.evidence.page.chronicle import Chronicle
from hdh_migrate.evidence.page.declared import declared_of
from hdh_migrate.evidence.page.holders import held_keys
from hdh_migrate.evidence.page.text import Text
from hdh_migrate.evidence.verifier.members import Predicate
from hdh_migrate.plan.fields import seconds_of as period_seconds

_CODED = frozenset({LeftTask.FINDING, LeftTask.WAIVER})
"""Things that are called by a code."""

NAMED = 5
"""Of more batches, or keys, the others are counted."""

_DAYS = frozenset({LeftTask.BASIS, LeftTask.ATTESTATION, LeftTask.WAIVER})
"""Things that end with a day; other times are moments."""

RECHECK_WITHIN = "7d"
"""What a plan means that does not say how old a look may be before the source is deleted."""


class Words(Protocol):
    """What says a sentence of the catalogue, and quantities, in one language."""

    def say(self, key: str, n: int | None = None, /, **values: object) -> Markup:
        """Return a sentence with its values."""
        ...

    def said(self, text: Text) -> Markup:
        """Return a sentence that stands beside data."""
        ...

    def condition(self, what: str) -> Markup | None:
        """Return what a waiver lets go, in words."""
        ...

    def moment(self, value: str) -> Markup:
        """Return a time."""
        ...

    def day(self, value: str) -> Markup:
        """Return a day."""
        ...


def told(one: LeftToDo, words: Words, *, marked: bool = True) -> Markup:
    """Return one thing that is left to do as a sentence; `marked`: codes stand in elements."""
    key, n, values = f"left.{one.task}", len(one.names), dict[str, object]()
    about = _about(one, words)
    if one.over:
        key += ".over"
    elif one.at is None and one.task in {LeftTask.RELIST, LeftTask.READ_BACK}:
        key += ".never"
    if one.task in _CODED:
        code = one.names[0]
        values["code"] = (
            Markup('<code class="whole">{}</code>').format(visible(code)) if marked else code
        )
        values["about"] = Markup(" ({})").format(about) if about is not None else ""
        n = one.count
    else:
        values["names"] = _listed(one.names, words)
    if one.count:
        values["objects"] = words.say("n.objects", one.count)
    if one.at is not None:
        values["at"] = words.day(one.at) if one.task in _DAYS else words.moment(one.at)
    return words.say(key, n, **values)


def _about(one: LeftToDo, words: Words) -> Markup | None:
    """Return what a code means, where it stands for something that has words."""
    if one.task is LeftTask.WAIVER:
        return words.condition(one.names[0])
    known = Code.known(one.names[0]) if one.task is LeftTask.FINDING else None
    return None if known is None else words.said(Text(fr=known.about.fr, en=known.about.en))


def _listed(names: tuple[str, ...], words: Words) -> object:
    shown = ", ".join(names[:NAMED])
    more = len(names) - NAMED
    return words.say("left.more", more, shown=shown) if more > 0 else shown


# --- what a statement says of it ------------------------------------------------------------------


def standing_of(
    p: Predicate, unresolved: Mapping[str, int], months: Chronicle, *, signed: bool
) -> MigrationStanding:
    """Return where a migration stood when its report was written.

    `unresolved` are the findings that are no notes and that no waiver lets go, by code. Whether a
    witness signed, a page cannot know: it is written before.
    """
    plan = p["plan"]["canonical"]
    proved = {one["recipient"] for one in p["seal"].get("proved", ())}
    return MigrationStanding(
        at=p["times"]["written"],
        batches=tuple(_batches(p, plan, months)),
        findings=unresolved,
        waivers=tuple((one["what"], one["until"]) for one in p["waivers"]),
        bases=tuple(
            (one["reference"], one["valid_until"]) for one in plan.get("legal_basis") or ()
        ),
        attested=attested_of(p["attestation"]),
        untried=tuple(one for one in p["seal"]["recipients"] if one not in proved),
        rotations=tuple(
            (one["began"], one["ended"], one["left"] + sum(one["remaining"].values()))
            for one in p.get("rotations", ())
        ),
        erasures=tuple(
            (one["dataset"], one["began"], one["ended"], sum(one["remaining"].values()))
            for one in p.get("erasures", ())
        ),
        grants=months.grants,
        unheld=held_keys(p, declared_of(p)).undeclared,
        plain=tuple(
            one["url"]
            for one in p["endpoints"]
            if one["requests"] and not one["local"] and one["url"].lower().startswith("http://")
        ),
        signed=signed,
    )


def attested_of(attestation: Mapping[str, Any] | None) -> tuple[tuple[str, str], ...]:
    """Return the periods that an attestation has, each with its last day."""
    if attestation is None:
        return ()
    return tuple(
        (f"{name}, {attestation[key]['reference']}", attestation[key]["valid_until"])
        for name, key in (("SecNumCloud", "secnumcloud"), ("HDS", "hds"))
    )


def recheck_seconds(plan: Mapping[str, Any], batch: str) -> int | None:
    """Return how old a look may be by a canonical plan before a batch's source is deleted."""
    for one in plan.get("cutovers") or ():
        if one["batch"] == batch and one.get("decommission"):
            return period_seconds(one["decommission"].get("recheck_within") or RECHECK_WITHIN)
    return None


def remains_of(observed: Mapping[str, object] | None) -> int:
    """Return how many objects, versions and snapshots a source still showed after a deletion."""
    seen = observed or {}
    return sum(n for what, n in seen.items() if isinstance(n, int) and what != "not_ours")


def missed_in(look: Mapping[str, Any] | None) -> bool:
    """Say whether a look found something gone, damaged, replaced or lost."""
    kinds = ("gone", "damaged", "replaced", "lost")
    return look is not None and any(look.get(kind) for kind in kinds)


def _batches(p: Predicate, plan: Mapping[str, Any], months: Chronicle) -> list[BatchStanding]:
    cutovers = {one["batch"]: one for one in p["cutovers"] if one["track"] == "cutover"}
    looks = {one["batch"]: one for one in p.get("looks", ())}
    planned = {one["batch"] for one in plan.get("cutovers") or ()}
    listings = Listings.of(months.listed, {one["name"]: one["batch"] for one in p["datasets"]})
    packs = p["seal"].get("headers")
    copied = None if packs is None else {one["batch"] for one in packs.get("copies", ())}
    begun = {batch["name"] for batch in p["batches"]}
    found = [
        BatchStanding(
            name=one["name"], listed=None, closed=False, pending=0, verified=0, stage=None,
            switches=False,
        )
        for one in plan.get("batches", ())
        if one["name"] not in begun
    ]  # fmt: skip
    for batch in p["batches"]:
        name = batch["name"]
        tallies = [one["tally"] for one in p["datasets"] if one["batch"] == name]
        verified = sum(one["verified"]["objects"] for one in tallies)
        cutover, look = cutovers.get(name), looks.get(name)
        decommission = cutover["decommission"] if cutover else {}
        found.append(
            BatchStanding(
                name=name,
                listed=listings.last(name),
                closed=batch["inventory_closed"],
                pending=sum(one["pending"]["objects"] for one in tallies),
                verified=verified,
                stage=cutover["stage"] if cutover else None,
                switches=name in planned,
                window_until=cutover["window_until"] if cutover else None,
                traces=remains_of(decommission.get("observed")),
                relisting=listings.going_on(name),
                looking=look is not None and not look["ended"],
                read_back=look["at"] if look else None,
                missed=missed_in(look),
                recheck_seconds=recheck_seconds(plan, name),
                lacks_copy=copied is not None and verified > 0 and name not in copied,
            )
        )
    return found


LEFT: dict[str, Text] = {
    "left": Text("Que reste-t-il à faire ?", "What is left to do?"),
    "left.nothing": Text("Rien.", "Nothing."),
    "left.more": Text(
        "{shown} et {n} autre|{shown} et {n} autres", "{shown} and {n} other|{shown} and {n} others"
    ),
    "left.breach": Text(
        "Faire juger si la perte ou le remplacement de {objects} est une violation de données à "
        "caractère personnel : le RGPD (art. 33) peut obliger à la notifier dans les 72 heures "
        "après en avoir pris connaissance ; constaté le {at}, ou avant.",
        "Have it judged whether the loss or replacement of {objects} is a personal data breach: "
        "the GDPR (art. 33) may oblige to notify it within 72 hours of becoming aware of it; found "
        "on {at} at the latest.",
    ),
    "left.plain": Text(
        "Faire juger ce qu'il faut faire de ce qui a circulé sans TLS (http), et n'employer que "
        "https désormais : {names}.",
        "Have it judged what is to be done about what travelled without TLS (http), and use https "
        "alone from now on: {names}.",
    ),
    "left.list": Text(
        "Lister la source jusqu'au bout : lot {names}.|Lister la source jusqu'au bout : lots "
        "{names}.",
        "List the source to its end: batch {names}.|List the source to its end: batches {names}.",
    ),
    "left.move": Text(
        "Déplacer ou vérifier {objects} : lot {names}.|Déplacer ou vérifier {objects} : lots "
        "{names}.",
        "Move or verify {objects}: batch {names}.|Move or verify {objects}: batches {names}.",
    ),
    "left.finding": Text(
        "Régler {n} constat{about} : {code}.|Régler {n} constats{about} : {code}.",
        "Settle {n} finding{about}: {code}.|Settle {n} findings{about}: {code}.",
    ),
    "left.pass": Text(
        "Achever la nouvelle liste de la source, interrompue : lot {names}."
        "|Achever la nouvelle liste de la source, interrompue : lots {names}.",
        "End the new listing of the source, which was stopped: batch {names}."
        "|End the new listing of the source, which was stopped: batches {names}.",
    ),
    "left.look": Text(
        "Achever la relecture de la cible, interrompue : lot {names}."
        "|Achever la relecture de la cible, interrompue : lots {names}.",
        "End the look at the target, which was stopped: batch {names}."
        "|End the look at the target, which was stopped: batches {names}.",
    ),
    "left.rotation": Text(
        "Achever le remplacement de clés commencé le {at}.",
        "End the exchange of keys begun on {at}.",
    ),
    "left.rotated": Text(
        "Reprendre ce que le remplacement de clés du {at} a laissé tel quel à la cible : "
        "{objects}.",
        "Go through what the exchange of keys of {at} left at the target as it was: {objects}.",
    ),
    "left.erasure": Text(
        "Achever l'effacement du jeu « {names} », commencé le {at}.",
        "End the erasure of dataset “{names}”, begun on {at}.",
    ),
    "left.erased": Text(
        "Retirer ce que l'effacement du jeu « {names} » a laissé : {objects}.",
        "Remove what the erasure of dataset “{names}” left: {objects}.",
    ),
    "left.switch": Text(
        "Basculer les utilisateurs vers la cible : lot {names}."
        "|Basculer les utilisateurs vers la cible : lots {names}.",
        "Lead consumers to the target (cutover): batch {names}."
        "|Lead consumers to the target (cutover): batches {names}.",
    ),
    "left.switching": Text(
        "Achever la bascule commencée : lot {names}.|Achever la bascule commencée : lots {names}.",
        "End the cutover that was begun: batch {names}."
        "|End the cutover that was begun: batches {names}.",
    ),
    "left.finalize": Text(
        "Rendre la bascule définitive, après le {at} : lot {names}."
        "|Rendre la bascule définitive, après le {at} : lots {names}.",
        "Make the cutover final, after {at}: batch {names}."
        "|Make the cutover final, after {at}: batches {names}.",
    ),
    "left.finalize.over": Text(
        "Rendre la bascule définitive ; le délai de retour a pris fin le {at} : lot {names}."
        "|Rendre la bascule définitive ; le délai de retour a pris fin le {at} : lots {names}.",
        "Make the cutover final; the time to go back ended on {at}: batch {names}."
        "|Make the cutover final; the time to go back ended on {at}: batches {names}.",
    ),
    "left.relist": Text(
        "Refaire l'inventaire de la source avant de la supprimer : lot {names}. Ce qui y a changé "
        "depuis le {at} n'est pas connu."
        "|Refaire l'inventaire de la source avant de la supprimer : lots {names}. Ce qui y a "
        "changé depuis le {at} n'est pas connu.",
        "List the source again before deleting it: batch {names}. What changed there since "
        "{at} is not known."
        "|List the source again before deleting it: batches {names}. What changed there since "
        "{at} is not known.",
    ),
    "left.relist.never": Text(
        "Refaire l'inventaire de la source avant de la supprimer : lot {names}."
        "|Refaire l'inventaire de la source avant de la supprimer : lots {names}.",
        "List the source again before deleting it: batch {names}."
        "|List the source again before deleting it: batches {names}.",
    ),
    "left.read-back": Text(
        "Relire la cible avant de supprimer à la source : lot {names}. La dernière relecture date "
        "du {at}, plus que le plan n'admet."
        "|Relire la cible avant de supprimer à la source : lots {names}. La dernière relecture "
        "date du {at}, plus que le plan n'admet.",
        "Read the target back before deleting at the source: batch {names}. It was last read on "
        "{at}, longer ago than the plan allows."
        "|Read the target back before deleting at the source: batches {names}. They were last read "
        "on {at}, longer ago than the plan allows.",
    ),
    "left.read-back.never": Text(
        "Relire la cible avant de supprimer à la source : lot {names}."
        "|Relire la cible avant de supprimer à la source : lots {names}.",
        "Read the target back before deleting at the source: batch {names}."
        "|Read the target back before deleting at the source: batches {names}.",
    ),
    "left.source": Text(
        "Décider de la copie qui est encore à la source : lot {names}."
        "|Décider des copies qui sont encore à la source : lots {names}.",
        "Decide about the copy that is still at the source: batch {names}."
        "|Decide about the copies that are still at the source: batches {names}.",
    ),
    "left.deleting": Text(
        "Achever la suppression à la source : lot {names}."
        "|Achever la suppression à la source : lots {names}.",
        "End the deletion at the source: batch {names}."
        "|End the deletion at the source: batches {names}.",
    ),
    "left.observe": Text(
        "Constater à la source que la suppression est faite : lot {names}."
        "|Constater à la source que la suppression est faite : lots {names}.",
        "See at the source that the deletion is done: batch {names}."
        "|See at the source that the deletion is done: batches {names}.",
    ),
    "left.traces": Text(
        "Faire disparaître ce que la source montre encore du lot {names} : {objects} (versions et "
        "instantanés compris).",
        "Let go what the source still shows of batch {names}: {objects} (versions and snapshots "
        "included).",
    ),
    "left.key": Text(
        "Essayer la clé privée dont le journal ne montre aucun essai à part : {names}."
        "|Essayer les {n} clés privées dont le journal ne montre aucun essai à part : {names}.",
        "Try the private key of which the journal shows no trial apart: {names}."
        "|Try the {n} private keys of which the journal shows no trial apart: {names}.",
    ),
    "left.holder": Text(
        "Dire qui détient la clé privée sans détenteur déclaré, qui ouvre tout : {names}."
        "|Dire qui détient les {n} clés privées sans détenteur déclaré, dont chacune ouvre tout : "
        "{names}.",
        "Say who holds the private key that has no declared holder, and opens everything: {names}."
        "|Say who holds the {n} private keys that have no declared holder, each of which opens "
        "everything: {names}.",
    ),
    "left.copy": Text(
        "Faire la seconde copie des en-têtes : lot {names}."
        "|Faire la seconde copie des en-têtes : lots {names}.",
        "Make the second copy of the headers: batch {names}."
        "|Make the second copy of the headers: batches {names}.",
    ),
    "left.grant-open": Text(
        "Fermer chez l'hébergeur l'accès d'une autorisation qui a pris fin : {names}."
        "|Fermer chez l'hébergeur l'accès de {n} autorisations qui ont pris fin : {names}.",
        "Close at the host the access of a grant that has ended: {names}."
        "|Close at the host the access of {n} grants that have ended: {names}.",
    ),
    "left.grant-unset": Text(
        "Faire fermer chez l'hébergeur l'accès d'une autorisation révoquée ou échue, où cet outil "
        "n'a rien réglé : {names}."
        "|Faire fermer chez l'hébergeur l'accès de {n} autorisations révoquées ou échues, où cet "
        "outil n'a rien réglé : {names}.",
        "Have the access of a grant that was revoked or has ended closed at the host, where this "
        "tool set nothing: {names}."
        "|Have the access of {n} grants that were revoked or have ended closed at the host, where "
        "this tool set nothing: {names}.",
    ),
    "left.grant-lasts": Text(
        "Chez l'hébergeur, régler la fin de l'accès {names} : cet outil ne l'a pas fait, et cet "
        "accès ne se fermera pas de lui-même à la date dite."
        "|Chez l'hébergeur, régler la fin de {n} accès, {names} : cet outil ne l'a pas fait, et "
        "aucun ne se fermera de lui-même à la date dite.",
        "Have the host end an access, where this tool set nothing: it does not close by itself on "
        "the day said: {names}."
        "|Have the host end {n} accesses, where this tool set nothing: none closes by itself on "
        "the day said: {names}.",
    ),
    "left.grant-stale": Text(
        "Renouveler l'autorisation dont le paquet est périmé : {names}."
        "|Renouveler les {n} autorisations dont le paquet est périmé : {names}.",
        "Renew the grant whose pack is stale: {names}."
        "|Renew the {n} grants whose packs are stale: {names}.",
    ),
    "left.basis": Text(
        "Renouveler l'autorisation ou la base légale « {names} » : elle vaut jusqu'au {at}.",
        "Renew the authorisation or legal basis “{names}”: it is valid until {at}.",
    ),
    "left.basis.over": Text(
        "Faire vérifier l'autorisation « {names} », échue le {at}, avant toute nouvelle étape, et "
        "juger ce qui a été fait depuis.",
        "Have the authorisation “{names}” examined, which ended on {at}, before any further step, "
        "and what was done since judged.",
    ),
    "left.attestation": Text(
        "Renouveler ce qui est attesté de l'hébergeur ({names}) : il vaut jusqu'au {at}.",
        "Renew what is attested of the host ({names}): it is valid until {at}.",
    ),
    "left.attestation.over": Text(
        "Renouveler ce qui est attesté de l'hébergeur ({names}) : il a pris fin le {at}.",
        "Renew what is attested of the host ({names}): it ended on {at}.",
    ),
    "left.waiver": Text(
        "Remédier à ce que laisse passer une dérogation{about}, valable jusqu'au {at} : {code}.",
        "Mend what a waiver{about} lets pass, which is valid until {at}: {code}.",
    ),
    "left.sign": Text("Signer le rapport.", "Sign the report."),
    "left.witness": Text(
        "Faire contresigner le rapport par un témoin.", "Have a witness countersign the report."
    ),
}
