"""The sentences of the report about what switches were made final in spite of."""

from __future__ import annotations

from hdh_migrate.evidence.page.text import Text

ENDED: dict[str, Text] = {
    # --- the first screen ------------------------------------------------------------------------
    "late": Text("Complet à la bascule, pas depuis", "Complete at the switch, not since"),
    "late.why": Text(
        "La bascule a été rendue définitive malgré {n} objet arrivé ou modifié à la source "
        "depuis. S'il a été déplacé ensuite, « Bascule » le dit."
        "|La bascule a été rendue définitive malgré {n} objets arrivés ou modifiés à la source "
        "depuis. S'ils ont été déplacés ensuite, « Bascule » le dit.",
        "The cutover was made final in spite of {n} object that arrived or changed at the source "
        "since. Whether it was moved later, “Cutover” says."
        "|The cutover was made final in spite of {n} objects that arrived or changed at the source "
        "since. Whether they were moved later, “Cutover” says.",
    ),
    "unlisted": Text(
        "Complet à la bascule, la source n'a pas été listée depuis",
        "Complete at the switch; the source was not listed since",
    ),
    "unlisted.why": Text(
        "La bascule d'un lot a été rendue définitive alors que sa source ne pouvait pas être "
        "listée : ce qui y est arrivé depuis la bascule n'est pas connu. Voir « Bascule »."
        "|La bascule de {n} lots a été rendue définitive alors que leur source ne pouvait pas être "
        "listée : ce qui y est arrivé depuis la bascule n'est pas connu. Voir « Bascule ».",
        "The cutover of {n} batch was made final while its source could not be listed: what "
        "arrived there since the switch is not known. See “Cutover”."
        "|The cutover of {n} batches was made final while their sources could not be listed: what "
        "arrived there since the switch is not known. See “Cutover”.",
    ),
    "let-go": Text(
        "Complet lors de la vérification, pas quand la bascule est devenue définitive",
        "Complete when verified, not when the cutover was made final",
    ),
    "let-go.why": Text(
        "La bascule a été rendue définitive malgré {n} objet vérifié que la cible n'avait plus, ou "
        "plus tel quel. Voir « Bascule »."
        "|La bascule a été rendue définitive malgré {n} objets vérifiés que la cible n'avait plus, "
        "ou plus tels quels. Voir « Bascule ».",
        "The cutover was made final in spite of {n} verified object that the target no longer "
        "held, or not as it was. See “Cutover”."
        "|The cutover was made final in spite of {n} verified objects that the target no longer "
        "held, or not as they were. See “Cutover”.",
    ),
    "let-go.twice": Text(
        "Un même objet peut être compté ici et ci-dessus.",
        "The same object may be counted here and above.",
    ),
    "q.complete.then": Text(
        "Oui, pour ce que la source contenait à la bascule.",
        "Yes, of what the source held at the switch.",
    ),
    "q.complete.late": Text(
        "Lot {name} : {n} objet y est arrivé ou a été modifié depuis la bascule, et n'est compté "
        "ni ici ni plus bas."
        "|Lot {name} : {n} objets y sont arrivés ou ont été modifiés depuis la bascule, et ne "
        "sont comptés ni ici ni plus bas.",
        "Batch {name}: {n} object arrived there or changed since the switch, and is counted "
        "neither here nor below."
        "|Batch {name}: {n} objects arrived there or changed since the switch, and are counted "
        "neither here nor below.",
    ),
    "q.complete.followed": Text(
        "Après la bascule définitive du lot {name}, la même source a été listée de nouveau le "
        "{when} (lot {by}) : {moved} en ont été transférés et vérifiés.",
        "After the cutover of batch {name} was final, the same source was listed again on {when} "
        "(batch {by}): {moved} of it were sent and verified.",
    ),
    "q.complete.unlisted": Text(
        "Lot {name} : ce qui y est arrivé depuis la bascule n'est pas connu.",
        "Batch {name}: what arrived there since the switch is not known.",
    ),
    "q.intact.let-go": Text(
        "Lot {name}, le {when} (bascule définitive) : la cible n'avait plus {n} objet vérifié, ou "
        "plus tel quel."
        "|Lot {name}, le {when} (bascule définitive) : la cible n'avait plus {n} objets vérifiés, "
        "ou plus tels quels.",
        "Batch {name}, {when} (cutover made final): the target no longer held {n} verified "
        "object, or not as it was."
        "|Batch {name}, {when} (cutover made final): the target no longer held {n} verified "
        "objects, or not as they were.",
    ),
    # --- the section on cutovers -----------------------------------------------------------------
    "final.source": Text(
        "malgré {n} objet nouveau ou modifié à la source depuis la dernière liste d'avant la "
        "bascule"
        "|malgré {n} objets nouveaux ou modifiés à la source depuis la dernière liste d'avant la "
        "bascule",
        "in spite of {n} object new or changed at the source since the last listing before the "
        "switch"
        "|in spite of {n} objects new or changed at the source since the last listing before the "
        "switch",
    ),
    "final.alone": Text(
        "depuis, aucun autre lot n'a listé cette source : personne ne l'a déplacé"
        "|depuis, aucun autre lot n'a listé cette source : personne ne les a déplacés",
        "no other batch listed this source since: nobody moved it"
        "|no other batch listed this source since: nobody moved them",
    ),
    "final.followed": Text(
        "depuis, le {when}, cette source a été listée pour le lot {by} : {moved} vérifiés sur la "
        "cible, {left} en attente ou en échec, {excluded} laissés de côté par une règle",
        "since, on {when}, this source was listed for batch {by}: {moved} verified at the target, "
        "{left} waiting or failed, {excluded} left behind by a rule",
    ),
    "final.unlisted": Text(
        "alors que la source ne pouvait pas être listée", "while the source could not be listed"
    ),
    "final.target": Text(
        "malgré {n} objet vérifié que la cible n'avait plus, ou plus tel quel"
        "|malgré {n} objets vérifiés que la cible n'avait plus, ou plus tels quels",
        "in spite of {n} verified object that the target no longer held, or not as it was"
        "|in spite of {n} verified objects that the target no longer held, or not as they were",
    ),
    "final.besides": Text(
        "la cible contenait en outre {n} objet qui n'est pas de ce lot"
        "|la cible contenait en outre {n} objets qui ne sont pas de ce lot",
        "the target also held {n} object that is not of this batch"
        "|the target also held {n} objects that are not of this batch",
    ),
    "final.clean": Text(
        "juste avant, ni la source ni la cible ne différaient de ce qui a été déplacé et vérifié",
        "right before, neither source nor target differed from what was moved and verified",
    ),
    "final.source.unsaid": Text(
        "si quelqu'un avait écrit à la source depuis la bascule, ce journal ne le dit pas (version "
        "antérieure de l'outil)",
        "whether somebody had written to the source since the switch, this journal does not say "
        "(an earlier version of the tool)",
    ),
    "final.unsaid": Text(
        "ce que la source et la cible contenaient alors, ce journal ne le dit pas (version "
        "antérieure de l'outil)",
        "what source and target held then, this journal does not say (an earlier version of the "
        "tool)",
    ),
    # --- what is at the source -------------------------------------------------------------------
    "source.late": Text(
        "En plus, lot {name} : le {when}, {n} objet était nouveau ou modifié depuis la bascule ; "
        "s'il n'a pas été déplacé, ce qu'il est n'est que là."
        "|En plus, lot {name} : le {when}, {n} objets étaient nouveaux ou modifiés depuis la "
        "bascule ; ceux qui n'ont pas été déplacés ne sont que là.",
        "Besides, batch {name}: on {when}, {n} object was new or changed since the switch; unless "
        "it was moved, what it is now exists only there."
        "|Besides, batch {name}: on {when}, {n} objects were new or changed since the switch; "
        "those that were not moved exist only there.",
    ),
    "source.late.unknown": Text(
        "En plus, lot {name} : ce qui est arrivé là depuis la bascule n'est pas connu ; la source "
        "n'a pas pu être listée le {when}.",
        "Besides, batch {name}: what arrived there since the switch is not known; the source could "
        "not be listed on {when}.",
    ),
    # --- the pointer -----------------------------------------------------------------------------
    "guard.seen": Text(
        "à la bascule, l'hébergeur a respecté cette condition",
        "at the switch the host kept this condition",
    ),
    "guard.other": Text(
        "à la bascule, l'hébergeur n'a pas montré qu'il respecte cette condition : relu juste "
        "avant et juste après seulement",
        "at the switch the host did not show that it keeps this condition: only read right before "
        "and right after",
    ),
    "guard.unseen": Text(
        "comment il a été remplacé à la bascule, personne ne l'a vu : l'outil s'est arrêté, et l'a "
        "retrouvé changé",
        "how it was replaced at the switch nobody saw: the tool was stopped, and found it changed",
    ),
    "guard.unsaid": Text(
        "ce que l'hébergeur a montré à la bascule, ce journal ne le dit pas (version antérieure de "
        "l'outil)",
        "what the host showed at the switch, this journal does not say (an earlier version of the "
        "tool)",
    ),
}
"""In spite of what a switch is final, and how the pointer was guarded, in words."""
