"""What stands against a switch, its end or a deletion, in French: read from the journal's lines."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup, escape

from hdh_migrate.evidence.lines.names import visible
from hdh_migrate.evidence.page.messages import french
from hdh_migrate.evidence.page.messages.form import MessageForm
from hdh_migrate.evidence.page.text import Text

OF_GATES: Final = (
    MessageForm(
        "verify.level is {level:word}: only full verification unlocks a cutover",
        "le plan ne demande pas la vérification complète ({level})",
    ),
    MessageForm(
        "dataset {name:name}: there is no finished inventory; run the plan first",
        "jeu {name} : inventaire non achevé",
    ),
    MessageForm(
        "dataset {name:name}: {n:number} [object is|objects are] not verified; run the plan first",
        "jeu {name} : {n} objet non vérifié|jeu {name} : {n} objets non vérifiés",
    ),
    MessageForm(
        "no object of the batch is verified: there is nothing to switch to",
        "aucun objet du lot n'est vérifié",
    ),
    MessageForm(
        "dataset {name:name}: {n:number} [open finding|open findings] without a signed waiver"
        " [{code:word}]",
        "jeu {name} : {n} constat ouvert sans dérogation, code {code}"
        "|jeu {name} : {n} constats ouverts sans dérogation, code {code}",
    ),
    MessageForm(
        "dataset {name:name}: {n:number} [object|objects] failed",
        "jeu {name} : {n} objet en échec|jeu {name} : {n} objets en échec",
    ),
    MessageForm(
        "it needs batch {name:name}, {why:name}",
        "le lot {name}, dont celui-ci dépend, n'en est pas là",
    ),
    MessageForm(
        "the pointer has the new value already, and this ledger did not set it",
        "le pointeur a déjà la nouvelle valeur, et ce registre ne l'y a pas mise",
    ),
    MessageForm("the pointer cannot be read: {why:name}", "le pointeur n'a pas pu être lu"),
    MessageForm(
        "the pointer does not have the new value: somebody else changed it",
        "le pointeur n'a plus la nouvelle valeur : quelqu'un d'autre l'a changé",
    ),
    MessageForm(
        "the target's buckets cannot be looked at: {why:name}",
        "les réglages de la cible n'ont pas pu être lus",
    ),
    MessageForm("the target cannot be listed: {why:name}", "la cible n'a pas pu être listée"),
    MessageForm(
        "{n:number} [object at the target is not the one that was verified"
        "|objects at the target are not those that were verified]: {mend:name}",
        "{n} objet de la cible n'est plus celui qui a été vérifié"
        "|{n} objets de la cible ne sont plus ceux qui ont été vérifiés",
    ),
    MessageForm(
        "{n:number} [verified object is|verified objects are] gone from the target: {mend:name}",
        "{n} objet vérifié manque sur la cible|{n} objets vérifiés manquent sur la cible",
    ),
    MessageForm(
        "what consumers did on purpose since the switch may stay: --as-it-is, with a --reason",
        "ce que des utilisateurs y ont voulu peut rester, si quelqu'un en donne le motif",
    ),
    MessageForm(
        "the fallback window is open until {at:moment}; or give --reason",
        "le retour est encore possible jusqu'au {at}, et aucun motif n'est donné",
    ),
    MessageForm(
        "to make it final as it is needs a reason: give --reason", "aucun motif n'est donné"
    ),
    MessageForm("the source cannot be listed: {why:name}", "la source n'a pas pu être listée"),
    MessageForm(
        "{n:number} [object is|objects are] new or changed at the source since the last listing"
        " before the switch: {rest:name}",
        "{n} objet nouveau ou modifié à la source depuis la bascule"
        "|{n} objets nouveaux ou modifiés à la source depuis la bascule",
    ),
    MessageForm("approval: {why:name}", "une approbation qui manque"),
    MessageForm("freeze: {why:name}", "un gel que personne n'a attesté"),
    MessageForm("smoke tests: {why:name}", "les essais ne peuvent pas être faits"),
    MessageForm(
        "the cutover of batch {name:name} is not finalized ({stage:name})",
        "la bascule n'est pas définitive",
    ),
    MessageForm(
        "the cooling period lasts until {at:moment}",
        "le délai avant suppression court jusqu'au {at}",
    ),
)
"""Every form."""

_OTHER: Final = Text(
    fr="une autre raison, que le journal dit en anglais", en="another reason, told by the journal"
)


def gate(line: str, language: str) -> Markup:
    """Return what stood against a step; what fits no form stays in the journal."""
    if language != "fr":
        return escape(visible(line))
    said = french(line, forms=OF_GATES)
    return escape(_OTHER.said("fr")) if said is None else said
