"""The lines that notices say, in English and in French."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from hdh_migrate.errors import Exit
from hdh_migrate.events.grants import StaleWhy
from hdh_migrate.evidence.page.formats import LOCALES
from hdh_migrate.results import Amount
from hdh_migrate.results.notices import NoticeFindings, Summary
from hdh_migrate.session.policy.freshness import WORDS
from hdh_migrate.session.views.expiry import Relied
from hdh_migrate.telemetry import counted, size_text

WHY_MAX: Final = 300

_FRENCH: Final = LOCALES["fr"]

TRIAL: Final[Summary] = {
    "en": "this is a trial: documents of hdh-migrate arrive here",
    "fr": "ceci est un essai : les avis de hdh-migrate arrivent ici",
}
KILLED: Final[Summary] = {
    "en": "the run was killed; the same command goes on",
    "fr": "l'exécution a été tuée ; la même commande reprend",
}
KILLED_WAITING: Final[Summary] = {
    "en": "the run was killed while it waited; the same command goes on",
    "fr": "l'exécution a été tuée pendant qu'elle attendait ; la même commande reprend",
}

_THINGS: Final[Mapping[Relied, tuple[str, str]]] = {
    "source-credential": ("the source's credential", "l'accès à la source"),
    "secnumcloud": ("the attested SecNumCloud period", "la période SecNumCloud attestée"),
    "report-key": ("the key that signs reports", "la clé qui signe les rapports"),
    "hds": ("the attested HDS period", "la période HDS attestée"),
    "cluster-certificates": (
        "the period of the cluster's certificates",
        "la validité des certificats du cluster",
    ),
    "freeze-credential": ("the credential of the freeze's trial", "l'accès d'essai du gel"),
    "rehydration-credential": ("the credential of rehydration", "l'accès de réhydratation"),
    "decommission-credential": (
        "the credential of decommissioning",
        "l'accès de suppression à la source",
    ),
    "source-host-keys": (
        "the last day of the source's host keys",
        "le dernier jour des clés d'hôte de la source",
    ),
    "target-session": ("the session of the target's credential", "la session d'accès à la cible"),
    "webhook-secret": ("the secret of a webhook", "le secret d'un webhook"),
}

_ENDS: Final[Mapping[Exit, str]] = {
    Exit.OK: "terminé, rien ne reste ouvert",
    Exit.UNEXPECTED: "erreur inattendue",
    Exit.USAGE: "commande mal formée",
    Exit.REFUSED: "refusé par le plan, le contrôle préalable ou les règles du lieu",
    Exit.FINDINGS: "terminé, avec des constats à examiner",
    Exit.VERIFICATION_FAILED: "la cible ne contient pas ce qui a été envoyé, ou n'a pas pu être"
    " relue",
    Exit.DRIFTED: "la source a changé entre-temps",
    Exit.STOPPED: "arrêté proprement ; la même commande reprend",
    Exit.APPROVAL_MISSING: "une approbation manque",
    Exit.AUTH: "un accès est refusé, ou un droit manque",
    Exit.DAMAGED: "le registre ou une preuve est endommagé",
    Exit.LOCKED: "une autre commande tient le registre, ou un autre registre la cible",
    Exit.INTERRUPTED: "interrompu ; la même commande reprend",
}


def notices(many: int) -> str:
    """Return how many notices there are, in English."""
    return counted(many, "notice")


def _french(at: str) -> str:
    """Return a moment, or a day, as a French reader expects it."""
    return _FRENCH.moment(at) if "T" in at else _FRENCH.day(at)


def done(batch: str, verified: Amount) -> Summary:
    """A batch is done."""
    many, size = verified["objects"], verified["bytes"]
    said = "objet vérifié" if many in _FRENCH.singular else "objets vérifiés"
    return {
        "en": f"batch {batch} is done: {counted(many, 'object')} verified ({size_text(size)})",
        "fr": f"le lot {batch} est terminé : {_FRENCH.number(many)} {said} ({_FRENCH.size(size)})",
    }


def blocked(batch: str, english: str, french: str) -> Summary:
    """A batch cannot go on, for a reason in both languages."""
    return {
        "en": f"batch {batch} cannot go on: {english[:WHY_MAX]}",
        "fr": f"le lot {batch} est bloqué : {french[:WHY_MAX]}",
    }


def found(every: Sequence[NoticeFindings]) -> Summary:
    """Return the sentence that tells of findings."""
    many, codes = sum(one["count"] for one in every), sorted({one["code"] for one in every})
    listed = ", ".join(codes[:5]) + (", ..." if len(codes) > 5 else "")
    said = "constat ouvert" if many in _FRENCH.singular else "constats ouverts"
    return {
        "en": f"{counted(many, 'open finding')}: {listed}",
        "fr": f"{_FRENCH.number(many)} {said} : {listed}",
    }


def ends(what: Relied, at: str, *, over: bool = False) -> Summary:
    """Something is about to end, or has ended (`over`)."""
    english, french = _THINGS[what]
    if over:
        return {"en": f"{english} ended at {at}", "fr": f"{french} a pris fin le {_french(at)}"}
    return {"en": f"{english} ends at {at}", "fr": f"{french} prend fin le {_french(at)}"}


def grant_ends(grant: str, dataset: str, at: str, *, over: bool, open_: bool) -> Summary:
    """A grant is about to end, or has ended; `open_`: a policy may still let its reader in."""
    tense, temps = ("ended", "a pris fin") if over else ("ends", "prend fin")
    more, plus = "", ""
    if over and open_:
        more = "; a bucket's policy may still let its reader in: revoke it"
        plus = " ; une règle d'accès admet peut-être encore son lecteur : révoquez-la"
    return {
        "en": f"grant {grant} of dataset {dataset} {tense} at {at}{more}",
        "fr": f"l'autorisation {grant} sur le jeu {dataset} {temps} le {_french(at)}{plus}",
    }


def grant_stale(grant: str, dataset: str, why: StaleWhy) -> Summary:
    """The pack of a grant that stands does not point to what there is."""
    english, french = _STALE[why]
    return {
        "en": f"grant {grant} of dataset {dataset} is stale: {english}; renew it",
        "fr": f"l'autorisation {grant} sur le jeu {dataset} est périmée : {french} ; renouvelez-la",
    }


_STALE: Final[Mapping[StaleWhy, tuple[str, str]]] = {
    StaleWhy.ROTATED: (
        WORDS[StaleWhy.ROTATED], "des clés ont été échangées depuis qu'elle a été donnée",
    ),
    StaleWhy.REPLACED: (
        WORDS[StaleWhy.REPLACED],
        "des objets ont été écrits de nouveau, ou laissés de côté, depuis qu'elle a été donnée",
    ),
    StaleWhy.UNVERIFIED: (
        WORDS[StaleWhy.UNVERIFIED], "des objets n'en sont pas vérifiés à présent",
    ),
}  # fmt: skip


def missed(batch: str, by: str) -> Summary:
    """A batch was not done by its day."""
    return {
        "en": f"batch {batch} was to be done by {by}, and is not",
        "fr": f"le lot {batch} devait être terminé le {_french(by)}, et ne l'est pas",
    }


def late(batch: str, by: str, likely: str | None) -> Summary:
    """A batch will be done only then, most likely; None: later than its day, nobody knows when."""
    when, quand = "later", "plus tard"
    if likely is not None:
        when, quand = f"at {likely}", f"le {_french(likely)}"
    return {
        "en": f"batch {batch} is to be done by {by}; at the measured pace it will be {when}",
        "fr": f"le lot {batch} doit être terminé le {_french(by)} ; au rythme mesuré, il le sera"
        f" {quand}",
    }


def run_ended(code: Exit, why: str | None) -> Summary:
    """A run is over; `why` stands as the run gave it, which is in English."""
    more = f": {why[:WHY_MAX]}" if why else ""
    motif = f" ; motif d'origine, en anglais : « {why[:WHY_MAX]} »" if why else ""
    return {
        "en": f"the run ended with {int(code)} ({code.meaning}){more}",
        "fr": f"l'exécution s'est terminée par {int(code)} ({_ENDS[code]}){motif}",
    }
