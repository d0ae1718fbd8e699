"""What a Markdown summary says, in French and in English side by side (see `page.text.Text`)."""

from __future__ import annotations

from typing import Final

from hdh_migrate.evidence.page.text import Text

MARKDOWN: Final[dict[str, Text]] = {
    # --- the first line ----------------------------------------------------------------------
    "draft": Text("BROUILLON, sans valeur de preuve", "DRAFT, not evidence"),
    "rehearsal": Text("RÉPÉTITION", "REHEARSAL"),
    "colon": Text(" : ", ": "),
    "semicolon": Text(" ; ", "; "),
    "state.unbalanced": Text("les comptes ne sont pas justes", "the counts do not close"),
    "state.lost": Text(
        "perte : {n} objet qui n'est plus d'aucun côté"
        "|perte : {n} objets qui ne sont plus d'aucun côté",
        "loss: {n} object held by nothing any more|loss: {n} objects held by nothing any more",
    ),
    "state.replaced": Text(
        "{n} objet remplacé sur la cible depuis sa vérification"
        "|{n} objets remplacés sur la cible depuis leur vérification",
        "{n} object replaced at the target since verified"
        "|{n} objects replaced at the target since verified",
    ),
    "state.gone": Text(
        "{n} objet absent ou altéré sur la cible depuis sa vérification"
        "|{n} objets absents ou altérés sur la cible depuis leur vérification",
        "{n} object missing or damaged at the target since verified"
        "|{n} objects missing or damaged at the target since verified",
    ),
    "state.failed": Text(
        "{n} objet en échec|{n} objets en échec", "{n} object failed|{n} objects failed"
    ),
    "state.open": Text("l'inventaire n'est pas clos", "the inventory is not closed"),
    "state.empty": Text("rien n'a été inventorié", "nothing was inventoried"),
    "state.pending": Text(
        "inachevé, {n} objet reste à déplacer ou à vérifier"
        "|inachevé, {n} objets restent à déplacer ou à vérifier",
        "unfinished, {n} object to go|unfinished, {n} objects to go",
    ),
    "state.nothing": Text("rien n'a été déplacé", "nothing was moved"),
    "state.late": Text(
        "complet à la bascule, {n} objet arrivé ou modifié à la source depuis"
        "|complet à la bascule, {n} objets arrivés ou modifiés à la source depuis",
        "complete at the switch, {n} object arrived or changed at the source since"
        "|complete at the switch, {n} objects arrived or changed at the source since",
    ),
    "state.unlisted": Text(
        "complet à la bascule, la source n'a pas été listée depuis",
        "complete at the switch, the source was not listed since",
    ),
    "state.let-go": Text(
        "complet lors de la vérification, bascule définitive malgré {n} objet que la cible n'avait"
        " plus tel quel"
        "|complet lors de la vérification, bascule définitive malgré {n} objets que la cible"
        " n'avait plus tels quels",
        "complete when verified, made final in spite of {n} object not at the target as it was"
        "|complete when verified, made final in spite of {n} objects not at the target as they"
        " were",
    ),
    "beside.late": Text(
        "{n} objet arrivé ou modifié à la source depuis la bascule, définitive malgré cela"
        "|{n} objets arrivés ou modifiés à la source depuis la bascule, définitive malgré cela",
        "{n} object arrived or changed at the source since the switch, made final in spite of it"
        "|{n} objects arrived or changed at the source since the switch, made final in spite of"
        " them",
    ),
    "beside.unlisted": Text(
        "source non listée depuis la bascule, définitive malgré cela",
        "the source was not listed since the switch, made final in spite of it",
    ),
    "beside.let-go": Text(
        "bascule définitive malgré {n} objet que la cible n'avait plus tel quel"
        "|bascule définitive malgré {n} objets que la cible n'avait plus tels quels",
        "made final in spite of {n} object not at the target as it was"
        "|made final in spite of {n} objects not at the target as they were",
    ),
    "state.unproven": Text("complet, mais pas prouvé", "complete, but not proven"),
    "state.accepted": Text(
        "complet lors de la vérification, {n} objet remplacé et accepté depuis"
        "|complet lors de la vérification, {n} objets remplacés et acceptés depuis",
        "complete when verified, {n} object replaced and accepted since"
        "|complete when verified, {n} objects replaced and accepted since",
    ),
    "state.noted": Text(
        "complet et prouvé, avec {n} constat|complet et prouvé, avec {n} constats",
        "complete and proven, with {n} finding|complete and proven, with {n} findings",
    ),
    "state.noted.then": Text(
        "complet et prouvé lors de la vérification, avec {n} constat"
        "|complet et prouvé lors de la vérification, avec {n} constats",
        "complete and proven when verified, with {n} finding"
        "|complete and proven when verified, with {n} findings",
    ),
    "state.good": Text("complet et prouvé", "complete and proven"),
    "state.good.then": Text(
        "complet et prouvé lors de la vérification", "complete and proven when verified"
    ),
    "erased.shut": Text(
        " ; effacé depuis, comme décidé : ce qui ouvre {n} objet"
        "| ; effacé depuis, comme décidé : ce qui ouvre {n} objets",
        "; erased since, as was decided: what opens {n} object"
        "|; erased since, as was decided: what opens {n} objects",
    ),
    "erased.going": Text(" ; un effacement est en cours", "; an erasure is under way"),
    # --- what else is so ---------------------------------------------------------------------
    "also": Text("Et aussi : {what}.", "Also: {what}."),
    "beside.pending": Text(
        "{n} objet reste à déplacer ou à vérifier|{n} objets restent à déplacer ou à vérifier",
        "{n} object to go|{n} objects to go",
    ),
    "beside.unproven": Text(
        "{n} objet vérifié sans avoir été relu en entier et déchiffré"
        "|{n} objets vérifiés sans avoir été relus en entier et déchiffrés",
        "{n} object verified without being read back whole and unsealed"
        "|{n} objects verified without being read back whole and unsealed",
    ),
    "beside.accepted": Text(
        "{n} objet remplacé et accepté depuis sa vérification"
        "|{n} objets remplacés et acceptés depuis leur vérification",
        "{n} object replaced and accepted since verified"
        "|{n} objects replaced and accepted since verified",
    ),
    "beside.noted": Text(
        "{n} constat en tout|{n} constats en tout", "{n} finding in all|{n} findings in all"
    ),
    "basis.before": Text(
        "La base légale {what} avait pris fin le {day}, avant le début des travaux.",
        "Legal basis {what} ended on {day}, before the work began.",
    ),
    "basis.during": Text(
        "La base légale {what} a pris fin le {day}, pendant les travaux.",
        "Legal basis {what} ended on {day}, during the work.",
    ),
    "rehearsal.why": Text(
        "Tout s'est passé sur une seule machine : cela ne prouve rien sur un hébergeur.",
        "Everything happened on one machine: this proves nothing about a host.",
    ),
    # --- answers -----------------------------------------------------------------------------
    "moved": Text(
        "- **Déplacé :** {verified} sur {n} objet, {size}"
        "|- **Déplacé :** {verified} sur {n} objets, {size}",
        "- **Moved:** {verified} of {n} object, {size}|- **Moved:** {verified} of {n} objects,"
        " {size}",
    ),
    "moved.left": Text(
        " ; {n} exclu par le plan| ; {n} exclus par le plan", "; {n} left behind|; {n} left behind"
    ),
    "moved.lost": Text(", {n} perdu|, {n} perdus", ", {n} lost|, {n} lost"),
    "moved.vanished": Text(
        ", {n} disparu de la source|, {n} disparus de la source",
        ", {n} gone from the source|, {n} gone from the source",
    ),
    "source": Text("- **De :** {where}", "- **From:** {where}"),
    "target": Text("- **Vers :** {where}", "- **To:** {where}"),
    "complete": Text("- **Complet :** {yes}", "- **Complete:** {yes}"),
    "proven": Text(
        "- **Prouvé :** {yes} ; {n} objet relu en entier, déchiffré et comparé"
        "|- **Prouvé :** {yes} ; {n} objets relus en entier, déchiffrés et comparés",
        "- **Proven:** {yes}; {n} object read back whole, unsealed and compared"
        "|- **Proven:** {yes}; {n} objects read back whole, unsealed and compared",
    ),
    "yes": Text("oui", "yes"),
    "no": Text("**non**", "**no**"),
    "look": Text(
        "- **Dernier contrôle de la cible :** lot {batch}, le {at}, {n} objet, niveau {level}"
        " ({found})"
        "|- **Dernier contrôle de la cible :** lot {batch}, le {at}, {n} objets, niveau {level}"
        " ({found})",
        "- **Last check of the target:** batch {batch}, {at}, {n} object, level {level} ({found})"
        "|- **Last check of the target:** batch {batch}, {at}, {n} objects, level {level}"
        " ({found})",
    ),
    "look.gone": Text("{n} absent|{n} absents", "{n} gone|{n} gone"),
    "look.damaged": Text("{n} altéré|{n} altérés", "{n} damaged|{n} damaged"),
    "look.replaced": Text("{n} remplacé|{n} remplacés", "{n} replaced|{n} replaced"),
    "look.unread": Text("{n} non lu|{n} non lus", "{n} unread|{n} unread"),
    "look.lost": Text("{n} perdu|{n} perdus", "{n} lost|{n} lost"),
    "look.beside": Text("{n} autre chose à côté|{n} autres choses à côté", "{n} beside|{n} beside"),
    "unfinished": Text("pas achevé", "not finished"),
    "rotated": Text(
        "- {what}, le {at}, {n} objet (encore comme avant : {left} ; à envoyer de nouveau : {lost}"
        "{end})"
        "|- {what}, le {at}, {n} objets (encore comme avant : {left} ; à envoyer de nouveau :"
        " {lost}{end})",
        "- {what}, {at}, {n} object ({left} still as they were, {lost} to be sent again{end})"
        "|- {what}, {at}, {n} objects ({left} still as they were, {lost} to be sent again{end})",
    ),
    "rotated.key": Text("**Clé remplacée :** {old} par {new}", "**Key replaced:** {old} by {new}"),
    "rotated.data": Text(
        "**Rechiffré** sous de nouvelles clés de données", "**Sealed anew** under new data keys"
    ),
    "erased": Text(
        "- **Effacé :** ce qui ouvre {n} objet du jeu de données {dataset}, le {at} (restent :"
        " {left}{end})"
        "|- **Effacé :** ce qui ouvre {n} objets du jeu de données {dataset}, le {at} (restent :"
        " {left}{end})",
        "- **Erased:** what opens {n} object of dataset {dataset}, {at} ({left} remain{end})"
        "|- **Erased:** what opens {n} objects of dataset {dataset}, {at} ({left} remain{end})",
    ),
    "signed": Text("- **Signé :** {who}", "- **Signed:** {who}"),
    "signed.nobody": Text(
        "par personne : n'importe qui aurait pu l'écrire",
        "by nobody: anyone could have written this",
    ),
    "signed.claimed": Text(
        "par {keys}, à ce qu'il dit ; signatures non contrôlées pour ce résumé",
        "by {keys}, as it says; signatures not checked for this summary",
    ),
    "signed.checked": Text(
        "par {keys} ; signatures contrôlées avec des clés de confiance",
        "by {keys}; signatures checked with trusted keys",
    ),
    "signed.more": Text(
        " ({n} autre non contrôlée)| ({n} autres non contrôlées)",
        " ({n} more not checked)| ({n} more not checked)",
    ),
    "names": Text(
        "- **Noms :** remplacés par des empreintes à clé", "- **Names:** replaced by keyed digests"
    ),
    # --- tables ------------------------------------------------------------------------------
    "col.batch": Text("Lot", "Batch"),
    "col.dataset": Text("Jeu de données", "Dataset"),
    "col.inventoried": Text("Inventoriés", "Inventoried"),
    "col.verified": Text("Vérifiés", "Verified"),
    "col.failed": Text("En échec", "Failed"),
    "col.pending": Text("En attente", "Pending"),
    "col.excluded": Text("Exclus", "Excluded"),
    "col.lost": Text("Perdus", "Lost"),
    "col.vanished": Text("Disparus de la source", "Gone from the source"),
    "col.finding": Text("Constat", "Finding"),
    "col.meaning": Text("Sens", "Meaning"),
    "col.count": Text("Nombre", "Count"),
    "findings.none": Text("Aucun constat.", "No findings."),
    "more.datasets": Text(
        "… et {n} autre jeu de données|… et {n} autres jeux de données",
        "... and {n} more datasets|... and {n} more datasets",
    ),
    "more.codes": Text(
        "… et {n} autre code|… et {n} autres codes",
        "... and {n} more codes|... and {n} more codes",
    ),
    # --- the months after the first inventory --------------------------------------------------
    "month.passes": Text(
        "- **La source a été listée de nouveau :** {n} fois",
        "- **The source was listed again:** {n} time|- **The source was listed again:** {n} times",
    ),
    "month.plans": Text(
        "- **Le plan a changé :** {n} fois",
        "- **The plan was changed:** {n} time|- **The plan was changed:** {n} times",
    ),
    "month.revisions": Text(
        "- **Des lots ont été révisés :** {n} fois",
        "- **Batches were amended:** {n} time|- **Batches were amended:** {n} times",
    ),
    "month.adoptions": Text(
        "- **Des objets ont été repris d'un autre registre :** {n} fois",
        "- **Objects were adopted from another ledger:** {n} time"
        "|- **Objects were adopted from another ledger:** {n} times",
    ),
    "month.take-overs": Text(
        "- **Le droit d'écrire sur la cible a été repris :** {n} fois",
        "- **Writing at the target was taken over:** {n} time"
        "|- **Writing at the target was taken over:** {n} times",
    ),
    "month.cut-off": Text(
        "- **Terminées sans un dernier mot :** {n} exécution"
        "|- **Terminées sans un dernier mot :** {n} exécutions",
        "- **Ended without a last word:** {n} run|- **Ended without a last word:** {n} runs",
    ),
    "month.resent": Text(
        "- **Renvoyés, faute de savoir comment l'envoi avait fini :** {n} objet"
        "|- **Renvoyés, faute de savoir comment l'envoi avait fini :** {n} objets",
        "- **Sent again, for nobody knew how it had ended:** {n} object"
        "|- **Sent again, for nobody knew how it had ended:** {n} objects",
    ),
    "month.drifted": Text(
        "- **Relus, car la source avait changé :** {n} objet"
        "|- **Relus, car la source avait changé :** {n} objets",
        "- **Read anew, for the source had changed:** {n} object"
        "|- **Read anew, for the source had changed:** {n} objects",
    ),
    "month.taken-back": Text(
        "- **Verdicts repris :** {n} objet|- **Verdicts repris :** {n} objets",
        "- **Verdicts taken back:** {n} object|- **Verdicts taken back:** {n} objects",
    ),
    "month.retried": Text(
        "- **Essayés de nouveau sur demande :** {n} objet en échec"
        "|- **Essayés de nouveau sur demande :** {n} objets en échec",
        "- **Tried again because somebody asked:** {n} failed object"
        "|- **Tried again because somebody asked:** {n} failed objects",
    ),
    "terms": Text(
        "- **Conditions de la bascule modifiées**, lot {batch}, {at} : {what}",
        "- **Terms of the cutover changed**, batch {batch}, {at}: {what}",
    ),
    "recheck": Text(
        "- **Relu avant de supprimer**, lot {batch} : niveau {level}{because}, {n} lecture,"
        " {differing}"
        "|- **Relu avant de supprimer**, lot {batch} : niveau {level}{because}, {n} lectures,"
        " {differing}",
        "- **Read again before deleting**, batch {batch}: level {level}{because}, {n} reading,"
        " {differing}"
        "|- **Read again before deleting**, batch {batch}: level {level}{because}, {n} readings,"
        " {differing}",
    ),
    "recheck.why": Text(", parce que {why}", ", because {why}"),
    "recheck.differing": Text("{n} différent|{n} différents", "{n} differing|{n} differing"),
    # --- what it is made of --------------------------------------------------------------------
    "by.plan": Text("- plan {what}", "- plan {what}"),
    "by.root": Text("- racine du manifeste {what}", "- manifest root {what}"),
    "by.statement": Text("- énoncé {what}", "- statement {what}"),
    "by.tool": Text(
        "- établi {at} par hdh-migrate {version}", "- written {at} by hdh-migrate {version}"
    ),
    "no-evidence": Text(
        "Ce résumé n'est pas une preuve, le dossier l'est : {verify}",
        "This summary is not evidence; the bundle is: {verify}",
    ),
}
