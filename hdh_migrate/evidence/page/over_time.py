"""The sentences of the report about what happened after the first inventory."""

from __future__ import annotations

from hdh_migrate.evidence.page.text import Text

OVER_TIME: dict[str, Text] = {
    "months": Text("Depuis le premier inventaire", "Since the first inventory"),
    "months.why": Text(
        "Ce que le journal dit de ce qui a changé pendant que la migration durait.",
        "What the journal tells of what changed while the migration lasted.",
    ),
    "months.last": Text(
        "Ci-dessous, les {n} dernières lignes sur {all}.", "Below are the last {n} lines of {all}."
    ),
    "not.ended": Text("arrêté avant la fin", "stopped before its end"),
    "col.batch": Text("Lot", "Batch"),
    # --- the source listed again -----------------------------------------------------------------
    "passes": Text("La source listée à nouveau", "The source listed again"),
    "passes.why": Text(
        "Nombre d'objets à chaque passe. Ce qui a disparu de la source reste sur la cible si "
        "cela y "
        "était déjà ; sinon, rien n'en est déplacé.",
        "Objects found by each pass. What is gone from the source stays at the target if it was "
        "there; the rest is left behind.",
    ),
    "col.pass": Text("Passe", "Pass"),
    "col.listed": Text("Listés", "Listed"),
    "col.new": Text("Nouveaux", "New"),
    "col.changed": Text("Modifiés", "Changed"),
    "col.gone": Text("Disparus", "Gone"),
    "col.left": Text("dont non déplacés, ou perdus", "of these not moved, or lost"),
    # --- the target looked at again --------------------------------------------------------------
    "looks.all": Text("Contrôles de la cible", "Checks of the target"),
    "looks.all.why": Text(
        "Ce que chaque contrôle a lu et n'a pas trouvé tel qu'il avait été vérifié ; un contrôle "
        "suivant n'efface pas le précédent. « Absents » compte aussi ce que plus aucun côté n'a.",
        "What each check read, and did not find as it was verified; a later check does not undo an "
        "earlier one. “Absent” counts what neither side has any more, too.",
    ),
    "looks.drawn.whole": Text(
        "Tirés au sort parmi ceux d'alors ; les autres ont été relus le {when}, ou vérifiés "
        "depuis.",
        "Drawn at random from those verified then; the others were read on {when}, or verified "
        "since.",
    ),
    "looks.drawn.never": Text(
        "Tirés au sort parmi ceux d'alors ; aucun contrôle achevé n'avait relu tous les autres.",
        "Drawn at random from those verified then; no check that ended had read all of the others.",
    ),
    "looks.drawn": Text("tirés au sort", "drawn at random"),
    "col.looked": Text("Lus", "Read"),
    "col.absent": Text("Absents", "Absent"),
    "col.damaged": Text("Altérés", "Damaged"),
    "col.replaced": Text("Remplacés", "Replaced"),
    "col.unread": Text("Illisibles", "Unreadable"),
    # --- plans -----------------------------------------------------------------------------------
    "plans": Text("Changements du plan", "Changes of the plan"),
    "plans.why": Text(
        "Comment l'on déplace (accès, horaires, débit, rapport) peut changer à tout moment, sans "
        "approbation ; chaque changement est au journal. Les conditions de la bascule ne changent "
        "qu'avec l'accord de ceux qui approuvaient.",
        "How things are moved (access, hours, rate, report) may change at any time, without an "
        "approval; the journal has every change. The terms of the cutover change only with the "
        "consent of those who approved.",
    ),
    "col.ran-first": Text("Lancé d'abord par", "First run by"),
    "ran-first.nobody": Text("personne encore", "nobody yet"),
    "col.difference": Text("Ce qui a changé", "What changed"),
    # --- amendments ------------------------------------------------------------------------------
    "revisions": Text("Lots modifiés après leur inventaire", "Batches amended after their listing"),
    "revisions.why": Text(
        "Ce qui avait été déplacé avant une règle reste sur la cible. Une approbation donnée "
        "avant une révision ne vaut plus pour les étapes suivantes.",
        "What was moved before a rule stays at the target. An approval given before a revision no "
        "longer counts for the steps that follow.",
    ),
    "revision.rotated": Text("clé remplacée : {old} → {new}", "key replaced: {old} → {new}"),
    "revision.sealed-for": Text(
        "Chiffré pour {n} clé à partir d'ici ; ce qui était déjà envoyé reste chiffré pour celles "
        "d'avant seulement."
        "|Chiffré pour {n} clés à partir d'ici ; ce qui était déjà envoyé reste chiffré pour "
        "celles d'avant seulement.",
        "Encrypted for {n} key from here on; what was sent before stays encrypted for the earlier "
        "ones alone."
        "|Encrypted for {n} keys from here on; what was sent before stays encrypted for the "
        "earlier ones alone.",
    ),
    "col.revision": Text("Révision", "Revision"),
    "col.taken-back": Text("De nouveau à déplacer", "To be moved again"),
    "col.moved-before": Text("Déplacés avant la règle", "Moved before the rule"),
    # --- adoptions -------------------------------------------------------------------------------
    "adoptions": Text(
        "Objets repris d'un registre perdu ou plus récent",
        "Objects adopted from a lost or a newer ledger",
    ),
    "adoptions.why": Text(
        "Chaque objet repris a été relu sur la cible, déchiffré et comparé ; rien n'a été cru sur "
        "parole. Ce qui n'a pas été prouvé est envoyé à nouveau ; ce qui est à un tiers reste "
        "intact.",
        "Each adopted object was read back from the target, decrypted and compared; nothing was "
        "taken on trust. What was not proved is sent again; what is somebody else's stays "
        "untouched.",
    ),
    "col.adoption": Text("Reprise", "Adoption"),
    "col.known-from": Text("Connus par", "Known from"),
    "known-from": Text(
        "{n} dossier signé ; copies : {copies}|{n} dossiers signés ; copies : {copies}",
        "{n} signed bundle; copies: {copies}|{n} signed bundles; copies: {copies}",
    ),
    "col.adopted": Text("Repris", "Adopted"),
    "col.unproved": Text("Non prouvés", "Not proved"),
    "col.foreign": Text("À des tiers", "Somebody else's"),
    # --- take-overs ------------------------------------------------------------------------------
    "take-overs": Text(
        "Écriture sur la cible reprise à un autre registre", "Writing at the target taken over"
    ),
    "take-overs.why": Text(
        "Un seul registre écrit sur la cible. Quelqu'un a déclaré que le précédent ne reviendra "
        "pas.",
        "One ledger alone writes at the target. Somebody said that the one before is gone for "
        "good.",
    ),
    "col.bucket": Text("Compartiment", "Bucket"),
    "col.from": Text("Repris à", "From"),
    "from.nobody": Text("titulaire illisible", "nobody who could be read"),
    "col.epoch": Text("Rang", "Turn"),
    # --- runs ------------------------------------------------------------------------------------
    "runs.cut-off": Text(
        "{n} exécution sur {all} s'est arrêtée net (arrêt brutal ou coupure) : ses octets "
        "manquent aux volumes échangés ci-dessus."
        "|{n} exécutions sur {all} se sont arrêtées net (arrêt brutal ou coupure) : leurs octets "
        "manquent aux volumes échangés ci-dessus.",
        "{n} of {all} runs ended without a last word (killed, or cut off): its bytes are missing "
        "from the traffic above."
        "|{n} of {all} runs ended without a last word (killed, or cut off): their bytes are "
        "missing from the traffic above.",
    ),
    "runs.resent": Text(
        "{n} objet dont on ne savait pas où en était l'envoi a été envoyé, de nouveau ou pour la "
        "première fois."
        "|{n} objets dont on ne savait pas où en était l'envoi ont été envoyés, de nouveau ou pour "
        "la première fois.",
        "{n} object whose sending had stopped at an unknown point was sent, again or for the "
        "first time."
        "|{n} objects whose sending had stopped at an unknown point were sent, again or for the "
        "first time.",
    ),
    "runs.continued": Text(
        "L'envoi d'un grand objet a été poursuivi là où il s'était arrêté."
        "|L'envoi de {n} grands objets a été poursuivi là où il s'était arrêté.",
        "The sending of {n} large object went on where it had stopped."
        "|The sending of {n} large objects went on where it had stopped.",
    ),
    "runs.drifted": Text(
        "{n} objet avait changé à la source entre deux lectures : il a été relu dans sa nouvelle "
        "version."
        "|{n} objets avaient changé à la source entre deux lectures : ils ont été relus dans leur "
        "nouvelle version.",
        "{n} object had changed at the source between two readings: it was read anew in its new "
        "version."
        "|{n} objects had changed at the source between two readings: they were read anew in their "
        "new version.",
    ),
    "runs.retried": Text(
        "{n} objet en échec a été retenté à la demande de quelqu'un."
        "|{n} objets en échec ont été retentés à la demande de quelqu'un.",
        "{n} failed object was tried again because somebody asked for it."
        "|{n} failed objects were tried again because somebody asked for it.",
    ),
}
