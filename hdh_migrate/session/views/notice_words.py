"""What people are told in one line, in English and in French."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from hdh_migrate.errors import Exit
from hdh_migrate.results import Amount
from hdh_migrate.results.notices import NoticeFindings, Summary
from hdh_migrate.session.views.expiry import Relied
from hdh_migrate.telemetry import size_text

WHY_MAX: Final = 300

TRIAL: Final[Summary] = {
    "en": "this is a trial: documents of hdh-migrate arrive here",
    "fr": "ceci est un essai : les avis de hdh-migrate arrivent ici",
}
KILLED: Final[Summary] = {
    "en": "the run was killed; the same command goes on",
    "fr": "l'exécution a été tuée ; la même commande reprend",
}

_THINGS: Final[Mapping[Relied, tuple[str, str]]] = {
    "source-credential": ("the source's credential", "l'accès à la source"),
    "secnumcloud": ("the attested SecNumCloud period", "la période SecNumCloud attestée"),
    "hds": ("the attested HDS period", "la période HDS attestée"),
    "cluster-certificates": (
        "the period of the cluster's certificates",
        "la validité des certificats du cluster",
    ),
}

_ENDS: Final[Mapping[Exit, str]] = {
    Exit.OK: "terminé, rien ne reste ouvert",
    Exit.UNEXPECTED: "erreur inattendue",
    Exit.USAGE: "commande mal formée",
    Exit.REFUSED: "refusé par le plan, le contrôle préalable ou les règles du lieu",
    Exit.FINDINGS: "terminé, avec des constats à examiner",
    Exit.VERIFICATION_FAILED: "la cible ne contient pas ce qui a été envoyé",
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
    return "1 notice" if many == 1 else f"{many} notices"


def done(batch: str, verified: Amount) -> Summary:
    """A batch is done."""
    many, size = verified["objects"], size_text(verified["bytes"])
    return {
        "en": f"batch {batch} is done: {many} objects ({size}) verified",
        "fr": f"le lot {batch} est terminé : {many} objets ({size}) vérifiés",
    }


def blocked(batch: str, why: str) -> Summary:
    """A batch cannot go on; `why` is told as `status` tells it."""
    return {
        "en": f"batch {batch} cannot go on: {why[:WHY_MAX]}",
        "fr": f"le lot {batch} est bloqué : {why[:WHY_MAX]}",
    }


def found(every: Sequence[NoticeFindings]) -> Summary:
    """There are findings."""
    many, codes = sum(one["count"] for one in every), sorted({one["code"] for one in every})
    listed = ", ".join(codes[:5]) + (", ..." if len(codes) > 5 else "")
    return {"en": f"{many} open findings: {listed}", "fr": f"{many} constats ouverts : {listed}"}


def ends(what: Relied, at: str) -> Summary:
    """Something is about to end."""
    english, french = _THINGS[what]
    return {"en": f"{english} ends at {at}", "fr": f"{french} prend fin le {at}"}


def late(batch: str, by: str, likely: str | None) -> Summary:
    """A batch was not done by its day (`likely` None), or will likely be done only then."""
    if likely is None:
        return {
            "en": f"batch {batch} was to be done by {by}, and is not",
            "fr": f"le lot {batch} devait être terminé le {by}, et ne l'est pas",
        }
    return {
        "en": f"batch {batch} is to be done by {by}; at the measured pace it will be at {likely}",
        "fr": f"le lot {batch} doit être terminé le {by} ; au rythme mesuré, il le sera {likely}",
    }


def run_ended(code: Exit, why: str | None) -> Summary:
    """A run is over; `why` is told as the run told it."""
    more = f": {why[:WHY_MAX]}" if why else ""
    return {
        "en": f"the run ended with {int(code)} ({code.meaning}){more}",
        "fr": f"l'exécution s'est terminée par {int(code)} ({_ENDS[code]}){more}",
    }
