"""What each finding's code means, for readers of either language; the message itself is English.

A code of the verify step is "verify-" and the code of what was found. A code that is not here is
shown with its message alone.
"""

from __future__ import annotations

from hdh_migrate.evidence.text import Text

CODES: dict[str, Text] = {
    # --- what cannot be moved as planned -------------------------------------------------------
    "key-too-long": Text("nom trop long pour la cible", "name too long for the target"),
    "key-control": Text("caractère de contrôle dans le nom", "control character in the name"),
    "key-dot-segment": Text(
        "segment « . » ou « .. » dans le nom", "“.” or “..” segment in the name"
    ),
    "key-not-utf8": Text("nom qui n'est pas du texte UTF-8", "name that is not UTF-8 text"),
    "too-large": Text("objet plus grand que ce que la cible prend", "larger than the target takes"),
    "collision": Text(
        "nom égal à un autre, à la casse ou à l'écriture des accents près",
        "name equal to another but for case or the spelling of accents",
    ),
    "kind-append-blob": Text("blob d'ajout, non déplacé", "append blob, not moved"),
    "kind-directory": Text(
        "marque de dossier à la source, non déplacée", "folder marker at the source, not moved"
    ),
    "kind-unknown-blob-type": Text(
        "blob d'un type inconnu, non déplacé", "blob of an unknown type, not moved"
    ),
    "kind-page-blob": Text("blob de pages, non déplacé", "page blob, not moved"),
    "kind-archived": Text(
        "blob archivé, illisible en l'état", "archived blob, unreadable as it is"
    ),
    "kind-customer-key": Text(
        "blob chiffré par une clé du client, illisible sans elle",
        "blob encrypted with a customer's key, unreadable without it",
    ),
    "kind-symlink": Text("lien symbolique, non suivi ni déplacé", "symbolic link, not followed"),
    "kind-special-file": Text(
        "ni fichier ni lien (tube, périphérique...), non déplacé",
        "neither a file nor a link (a pipe, a device...), not moved",
    ),
    # --- what is moved with less than it had ---------------------------------------------------
    "metadata-loss": Text(
        "métadonnées non portées par la cible", "metadata the target cannot hold"
    ),
    "tags-loss": Text("étiquettes non portées par la cible", "tags the target cannot hold"),
    "tags-unread": Text("étiquettes que l'accès ne permet pas de lire", "tags not readable"),
    "tags-unsupported": Text(
        "la source n'a pas d'étiquettes d'index", "the source has no index tags"
    ),
    "metadata-differs": Text("métadonnées absentes de la cible", "metadata not at the target"),
    "metadata-renamed": Text(
        "noms de métadonnées changés par la cible (« _ » devenu « - »)",
        "names of metadata changed by the target (“_” became “-”)",
    ),
    "metadata-hyphens": Text(
        "noms de métadonnées écrits avec « - » pour « _ », comme le plan l'accepte",
        "names of metadata written with “-” for “_”, as the plan accepts",
    ),
    "metadata-collision": Text(
        "métadonnées dont les noms n'en feraient qu'un chez la cible, non envoyées",
        "metadata whose names would become one at the target, not sent",
    ),
    "tags-lost": Text(
        "étiquettes qui ne sont pas chez la cible comme à la source",
        "tags that are not at the target as at the source",
    ),
    "tags-unshown": Text(
        "étiquettes que la cible ne montre pas", "tags that the target does not show"
    ),
    "leased": Text("bail en cours à la source", "lease held at the source"),
    "bucket-crowded": Text(
        "plus d'objets dans un compartiment que son hébergeur ne conseille",
        "more objects in a bucket than its host advises",
    ),
    "rule-unused": Text(
        "règle du plan qui n'a touché aucun objet", "a rule of the plan that matched no object"
    ),
    "prefix-open": Text(
        "préfixe sans barre finale : pris aussi à côté du dossier",
        "prefix without a final slash: took objects beside the folder, too",
    ),
    # --- the source ------------------------------------------------------------------------------
    "listing-unstable": Text("deux listes de la source diffèrent", "two listings differ"),
    "source-bytes-differ": Text(
        "la source a donné d'autres octets sous la même version",
        "the source gave other bytes under the same version",
    ),
    "drifted": Text("modifié à la source pendant le transfert", "changed at the source meanwhile"),
    "source-changed": Text(
        "modifié à la source depuis l'envoi", "changed at the source since sent"
    ),
    "source-differs": Text("la source a livré d'autres octets", "the source gave other bytes"),
    "vanished": Text(
        "plus à la source ; la cible le garde", "no longer at the source; the target keeps it"
    ),
    "decommission-drifted": Text(
        "non supprimé à la source : modifié depuis", "not deleted at the source: changed since"
    ),
    "decommission-missing": Text(
        "n'était plus à la source au moment de le supprimer",
        "was gone from the source when it was to be deleted",
    ),
    "decommission-kept": Text(
        "non supprimé à la source : retenu par elle", "not deleted at the source: kept by it"
    ),
    "decommission-target-gone": Text(
        "non supprimé à la source : la cible ne le tient plus",
        "not deleted at the source: no longer at the target",
    ),
    "decommission-target-differs": Text(
        "non supprimé à la source : la cible tient autre chose que ce qui a été vérifié",
        "not deleted at the source: the target holds something else than what was verified",
    ),
    "decommission-target-lost": Text(
        "déjà supprimé à la source, et la cible ne le tient plus tel que vérifié",
        "deleted at the source already, and no longer at the target as it was verified",
    ),
    "decommission-target-unread": Text(
        "non supprimé à la source : illisible à la cible quand il a été relu",
        "not deleted at the source: unreadable at the target when it was read again",
    ),
    "decommission-target-unproven": Text(
        "non supprimé à la source : le registre n'a pas l'empreinte de ses octets stockés",
        "not deleted at the source: the ledger has no digest of its stored bytes",
    ),
    "source-md5-differs": Text(
        "le MD5 annoncé par la source n'est pas celui de ses octets",
        "the MD5 that the source claims is not that of its bytes",
    ),
    # --- the target ------------------------------------------------------------------------------
    "conflict": Text("la cible tient déjà un autre objet", "the target holds another object"),
    "replaced": Text("remplacé chez la cible depuis l'envoi", "replaced at the target since sent"),
    "missing": Text("absent", "missing"),
    "mismatch": Text("les octets relus diffèrent", "the bytes read back differ"),
    "retention-differs": Text(
        "durée de conservation ou blocage légal non conforme au plan",
        "retention or legal hold not as planned",
    ),
    "upload-dropped": Text("envoi interrompu par la cible", "upload dropped by the target"),
    # --- the work --------------------------------------------------------------------------------
    "denied": Text("accès refusé à cet objet", "access to this object denied"),
    "unreadable": Text("réponse illisible ou tronquée", "reply unreadable or cut short"),
    "refused": Text("refusé", "refused"),
    "unanswered": Text(
        "pas de réponse pour cet objet, alors que l'hôte répond",
        "no answer for this object, while its host does answer",
    ),
    "worker-lost": Text("processus arrêtés par cet objet", "processes that died with this object"),
    "batch-held-back": Text("lot retenu par un autre", "batch held back by another"),
}


def meaning(code: str) -> Text | None:
    """Return what a code means, None when only its message says it."""
    return CODES.get(code) or CODES.get(code.removeprefix("verify-"))
