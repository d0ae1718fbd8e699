"""What is left to do, in words."""

from __future__ import annotations

from hdh_migrate.evidence.page.text import Text

LEFT: dict[str, Text] = {
    "left": Text("Que reste-t-il à faire ?", "What is left to do?"),
    "left.nothing": Text("Rien.", "Nothing."),
    "left.more": Text(
        "{shown} et {n} autre|{shown} et {n} autres", "{shown} and {n} other|{shown} and {n} others"
    ),
    "left.verb": Text("{said} Commande : {verb}", "{said} Command: {verb}"),
    "left.unplanned": Text(
        "{said} Le plan n'y prévoit aucune suppression : l'y ajouter d'abord (cutovers, "
        "decommission), ou la faire sans cet outil.",
        "{said} The plan has no deletion there: add it first (cutovers, decommission), or have it "
        "done without this tool.",
    ),
    "left.breach": Text(
        "Faire juger si la perte ou le remplacement d'un objet est une violation de données à "
        "caractère personnel : le RGPD (art. 33) peut obliger à la notifier dans les "
        "72\u00a0heures après en avoir pris connaissance ; constaté le {at}, ou avant."
        "|Faire juger si la perte ou le remplacement de {objects} est une violation de données à "
        "caractère personnel : le RGPD (art. 33) peut obliger à la notifier dans les "
        "72\u00a0heures après en avoir pris connaissance ; constaté le {at}, ou avant.",
        "Have it judged whether the loss or replacement of an object is a personal data breach: "
        "the GDPR (art. 33) may oblige to notify it within 72 hours of becoming aware of it; found "
        "on {at} at the latest."
        "|Have it judged whether the loss or replacement of {objects} is a personal data breach: "
        "the GDPR (art. 33) may oblige to notify it within 72 hours of becoming aware of it; found "
        "on {at} at the latest.",
    ),
    "left.absence": Text(
        "Faire juger si l'absence ou l'altération d'un objet à la cible (contrôle du {at} ; il y "
        "est de nouveau vérifié) est une violation de données à caractère personnel, à notifier "
        "peut-être dans les 72\u00a0heures (RGPD, art. 33) : lot {names}."
        "|Faire juger si l'absence ou l'altération de {objects} à la cible (contrôle du {at} ; ils "
        "y sont de nouveau vérifiés) est une violation de données à caractère personnel, à "
        "notifier peut-être dans les 72\u00a0heures (RGPD, art. 33) : lot {names}.",
        "Have it judged whether the absence or damage of {objects} at the target (check of {at}; "
        "verified there again) is a personal data breach, perhaps to be notified within 72 hours "
        "(GDPR, art. 33): batch {names}."
        "|Have it judged whether the absence or damage of {objects} at the target (check of {at}; "
        "verified there again) is a personal data breach, perhaps to be notified within 72 hours "
        "(GDPR, art. 33): batch {names}.",
    ),
    "left.absent": Text(
        "Faire juger si l'absence ou l'altération d'un objet de la cible, constatée au contrôle "
        "du {at} et dont rien ne montre qu'elle soit réparée, est une violation de données à "
        "caractère personnel, à notifier peut-être dans les 72\u00a0heures (RGPD, art. 33) : lot "
        "{names}."
        "|Faire juger si l'absence ou l'altération de {objects} de la cible, constatée au contrôle "
        "du {at} et dont rien ne montre qu'elle soit réparée, est une violation de données à "
        "caractère personnel, à notifier peut-être dans les 72\u00a0heures (RGPD, art. 33) : lot "
        "{names}.",
        "Have it judged whether the absence or damage of an object of the target, found by the "
        "check of {at} and not shown to be mended, is a personal data breach, perhaps to be "
        "notified within 72 hours (GDPR, art. 33): batch {names}."
        "|Have it judged whether the absence or damage of {objects} of the target, found by the "
        "check of {at} and not shown to be mended, is a personal data breach, perhaps to be "
        "notified within 72 hours (GDPR, art. 33): batch {names}.",
    ),
    "left.let-go": Text(
        "Faire relire la cible, où un objet vérifié manquait ou différait quand la bascule est "
        "devenue définitive (le {at}), puis juger si c'est une violation de données à caractère "
        "personnel, à notifier peut-être dans les 72\u00a0heures (RGPD, art. 33) : lot {names}."
        "|Faire relire la cible, où {objects} vérifiés manquaient ou différaient quand la bascule "
        "est devenue définitive (le {at}), puis juger si c'est une violation de données à "
        "caractère personnel, à notifier peut-être dans les 72\u00a0heures (RGPD, art. 33) : lot "
        "{names}.",
        "Have the target read again: {objects}, verified before, was missing or different there "
        "when the cutover was made final ({at}); then have it judged whether that is a personal "
        "data breach, perhaps to be notified within 72 hours (GDPR, art. 33): batch {names}."
        "|Have the target read again: {objects}, verified before, were missing or different there "
        "when the cutover was made final ({at}); then have it judged whether that is a personal "
        "data breach, perhaps to be notified within 72 hours (GDPR, art. 33): batch {names}.",
    ),
    "left.done-without": Text(
        "Faire juger ce qui a été fait depuis la fin de l'autorisation « {names} » (le {at}) : "
        "{acts}.",
        "Have judged what was done since the authorisation “{names}” ended (on {at}): {acts}.",
    ),
    "left.act.run": Text("exécutions de l'outil", "runs of the tool"),
    "left.plain": Text(
        "Faire juger ce qu'il faut faire de ce qui a circulé sans TLS (http), et n'employer que "
        "https désormais : {names}.",
        "Have it judged what is to be done about what travelled without TLS (http), and use https "
        "alone from now on: {names}.",
    ),
    "left.list": Text(
        "Lister la source jusqu'au bout : lot {names}.|Lister la source jusqu'au bout : lots "
        "{names}.",
        "Finish listing the source: batch {names}.|Finish listing the source: batches {names}.",
    ),
    "left.move": Text(
        "Déplacer ou vérifier {objects} : lot {names}.|Déplacer ou vérifier {objects} : lots "
        "{names}.",
        "Move or verify {objects}: batch {names}.|Move or verify {objects}: batches {names}.",
    ),
    "left.finding": Text(
        "Régler {n} constat : {what}. Ce qui est sûr et ce qu'il faut faire : « Constats » du "
        "rapport."
        "|Régler {n} constats : {what}. Pour chacun, ce qui est sûr et ce qu'il faut faire : "
        "« Constats » du rapport.",
        "Settle {n} finding: {what}. What is safe and what to do: “Findings” of the report."
        "|Settle {n} findings: {what}. What is safe and what to do about each: “Findings” of the "
        "report.",
    ),
    "left.finding.each": Text("« {what} » ({n})", "“{what}” ({n})"),
    "left.pass": Text(
        "Achever la nouvelle liste de la source, interrompue : lot {names}."
        "|Achever la nouvelle liste de la source, interrompue : lots {names}.",
        "Finish the new listing of the source, which was interrupted: batch {names}."
        "|Finish the new listing of the source, which was interrupted: batches {names}.",
    ),
    "left.look": Text(
        "Achever la relecture de la cible, interrompue : lot {names}."
        "|Achever la relecture de la cible, interrompue : lots {names}.",
        "Finish the check of the target, which was interrupted: batch {names}."
        "|Finish the check of the target, which was interrupted: batches {names}.",
    ),
    "left.rotation": Text(
        "Achever le remplacement de clés commencé le {at}.",
        "Finish the exchange of keys begun on {at}.",
    ),
    "left.rotated": Text(
        "Vérifier ce qui peut l'être, puis reprendre le remplacement de clés du {at}, qui a "
        "laissé {objects} de côté.",
        "Verify what can be verified, then go on with the exchange of keys of {at}, which left "
        "out {objects}.",
    ),
    "left.erasure": Text(
        "Achever l'effacement du jeu « {names} », commencé le {at}.",
        "Finish the erasure of dataset “{names}”, begun on {at}.",
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
        "Finish the cutover that was begun: batch {names}."
        "|Finish the cutover that was begun: batches {names}.",
    ),
    "left.going-back": Text(
        "Achever le retour commencé : lot {names}.|Achever le retour commencé : lots {names}.",
        "End the way back that was begun: batch {names}."
        "|End the way back that was begun: batches {names}.",
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
        "Refaire l'inventaire de la source avant d'y supprimer quoi que ce soit : lot {names}. Ce "
        "qui y a changé depuis le {at} n'est pas connu."
        "|Refaire l'inventaire de la source avant d'y supprimer quoi que ce soit : lots {names}. "
        "Ce qui y a changé depuis le {at} n'est pas connu.",
        "List the source again before deleting anything there: batch {names}. What changed there "
        "since {at} is not known."
        "|List the source again before deleting anything there: batches {names}. What changed "
        "there since {at} is not known.",
    ),
    "left.relist.never": Text(
        "Refaire l'inventaire de la source avant d'y supprimer quoi que ce soit : lot {names}."
        "|Refaire l'inventaire de la source avant d'y supprimer quoi que ce soit : lots {names}.",
        "List the source again before deleting anything there: batch {names}."
        "|List the source again before deleting anything there: batches {names}.",
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
    "left.late": Text(
        "Décider d'un objet arrivé ou modifié à la source depuis la bascule (lot {names}) : "
        "l'ajouter au plan dans un autre lot et le déplacer, ou accepter de le perdre."
        "|Décider de {n} objets arrivés ou modifiés à la source depuis la bascule (lot {names}) : "
        "les ajouter au plan dans un autre lot et les déplacer, ou accepter de les perdre.",
        "Decide about {n} object that arrived or changed at the source since the switch (batch "
        "{names}): add it to the plan in another batch and move it, or accept its loss."
        "|Decide about {n} objects that arrived or changed at the source since the switch (batch "
        "{names}): add them to the plan in another batch and move them, or accept their loss.",
    ),
    "left.unlisted": Text(
        "Chercher ce qui est arrivé à la source depuis la bascule, car elle n'a pas pu être listée "
        "(lot {names}) : l'ajouter au plan dans un autre lot et le déplacer, ou accepter de le "
        "perdre.",
        "Find out what arrived at the source since the switch, for it could not be listed (batch "
        "{names}): add it to the plan in another batch and move it, or accept its loss.",
    ),
    "left.source": Text(
        "Décider de la copie qui est encore à la source : lot {names}."
        "|Décider de la copie qui est encore à la source : lots {names}.",
        "Decide about the copy that is still at the source: batch {names}."
        "|Decide about the copies that are still at the source: batches {names}.",
    ),
    "left.source.awaits": Text(
        "Décider, une fois la bascule définitive, de la copie qui est encore à la source : "
        "lot {names}."
        "|Décider, une fois la bascule définitive, de la copie qui est encore à la source : "
        "lots {names}.",
        "Decide, once the cutover is final, about the copy that is still at the source: "
        "batch {names}."
        "|Decide, once the cutover is final, about the copies that are still at the source: "
        "batches {names}.",
    ),
    "left.originals": Text(
        "Faire supprimer à la source les originaux du jeu effacé « {names} », ou dire pourquoi ils "
        "y restent : {objects} y sont encore lisibles en clair, à ce que ce dossier en sait.",
        "Have the originals of the erased dataset “{names}” deleted at the source, or say why they "
        "stay: {objects} can still be read there in the clear, as far as this folder knows.",
    ),
    "left.deleting": Text(
        "Achever la suppression à la source : lot {names}."
        "|Achever la suppression à la source : lots {names}.",
        "Finish the deletion at the source: batch {names}."
        "|Finish the deletion at the source: batches {names}.",
    ),
    "left.observe": Text(
        "Constater à la source que la suppression est faite : lot {names}."
        "|Constater à la source que la suppression est faite : lots {names}.",
        "See at the source that the deletion is done: batch {names}."
        "|See at the source that the deletion is done: batches {names}.",
    ),
    "left.changed": Text(
        "Décider d'un objet modifié à la source depuis son déplacement et gardé là (lot {names}) : "
        "mettre à l'abri ce qu'il est maintenant, ou accepter de le perdre."
        "|Décider de {n} objets modifiés à la source depuis leur déplacement et gardés là (lot "
        "{names}) : mettre à l'abri ce qu'ils sont maintenant, ou accepter de le perdre.",
        "Decide about {n} object that changed at the source since it was moved and is kept there "
        "(batch {names}): put its present state into safety, or accept its loss."
        "|Decide about {n} objects that changed at the source since they were moved and are kept "
        "there (batch {names}): put their present state into safety, or accept their loss.",
    ),
    "left.traces": Text(
        "Faire disparaître ce que la source montre encore du lot {names} : {objects} (versions et "
        "instantanés compris).",
        "Have what the source still shows of batch {names} removed: {objects} (versions and "
        "snapshots included).",
    ),
    "left.key": Text(
        "Essayer la clé privée dont le journal ne montre aucun essai distinct : {names}."
        "|Essayer les {n} clés privées dont le journal ne montre aucun essai distinct : {names}.",
        "Try the private key for which the journal shows no separate trial: {names}."
        "|Try the {n} private keys for which the journal shows no separate trial: {names}.",
    ),
    "left.key-stored": Text(
        "Essayer sur ce qui est chez l'hébergeur la clé privée qui n'a ouvert qu'une enveloppe "
        "d'essai : {names}."
        "|Essayer sur ce qui est chez l'hébergeur les {n} clés privées qui n'ont ouvert qu'une "
        "enveloppe d'essai : {names}.",
        "Try on what the host holds the private key that has only opened a test envelope: {names}."
        "|Try on what the host holds the {n} private keys that have only opened a test envelope: "
        "{names}.",
    ),
    "left.holder": Text(
        "Dire qui détient la clé privée sans détenteur déclaré, qui ouvre tout (dans le plan : "
        "report.declared.keys) : {names}."
        "|Dire qui détient les {n} clés privées sans détenteur déclaré, dont chacune ouvre tout "
        "(dans le plan : report.declared.keys) : {names}.",
        "Say who holds the private key that has no declared holder, and opens everything (in the "
        "plan: report.declared.keys): {names}."
        "|Say who holds the {n} private keys that have no declared holder, each of which opens "
        "everything (in the plan: report.declared.keys): {names}.",
    ),
    "left.old-key": Text(
        "Dire ce qu'est devenue la clé privée remplacée, dont ce dossier ne sait rien (dans le "
        "plan : report.declared.former_keys) : {names}."
        "|Dire ce que sont devenues les {n} clés privées remplacées, dont ce dossier ne sait rien "
        "(dans le plan : report.declared.former_keys) : {names}.",
        "Say what became of the private key that was replaced, of which this folder knows nothing "
        "(in the plan: report.declared.former_keys): {names}."
        "|Say what became of the {n} private keys that were replaced, of which this folder knows "
        "nothing (in the plan: report.declared.former_keys): {names}.",
    ),
    "left.copies-erased": Text(
        "Détruire les copies du registre, et les sauvegardes de la seconde copie des en-têtes, "
        "faites avant le {at}, qui ouvrent encore le jeu effacé « {names} » ; puis le dire (dans "
        "le plan : report.declared.former_copies).",
        "Destroy copies of the ledger, and backups of the second copy of the headers, made before "
        "{at}, which still open the erased dataset “{names}”; then say so (in the plan: "
        "report.declared.former_copies).",
    ),
    "left.copies-key": Text(
        "Faire une nouvelle copie du registre et de la seconde copie des en-têtes, puis détruire "
        "celles d'avant le {at}, qui s'ouvrent encore avec les clés d'avant l'échange, et le dire "
        "(dans le plan : report.declared.former_copies).",
        "Copy the ledger, and the second copy of the headers, anew; then destroy copies made "
        "before {at}, which still open with the keys from before the exchange, and say so (in the "
        "plan: report.declared.former_copies).",
    ),
    "left.keys-beside": Text(
        "Remplacer la clé privée d'une personne qui approuve, trouvée dans le dossier du plan, et "
        "dire ce qu'elle est devenue et qui a approuvé avec elle (dans le plan : "
        "report.declared.former_keys) : {names}."
        "|Remplacer les {n} clés privées de ceux qui approuvent, trouvées dans le dossier du plan, "
        "et dire ce qu'elles sont devenues et qui a approuvé avec elles (dans le plan : "
        "report.declared.former_keys) : {names}.",
        "Replace the private key of somebody who approves, which lay in the plan's folder, and say "
        "what became of it and who approved with it (in the plan: report.declared.former_keys): "
        "{names}."
        "|Replace the {n} private keys of those who approve, which lay in the plan's folder, and "
        "say what became of them and who approved with them (in the plan: "
        "report.declared.former_keys): {names}.",
    ),
    "left.login": Text(
        "Dire de quelle personne « {names} » est le nom de session (dans le plan : "
        "report.declared.people, logins)."
        "|Dire de quelles personnes « {names} » sont les noms de session (dans le plan : "
        "report.declared.people, logins).",
        "Say whose login “{names}” is (in the plan: report.declared.people, logins)."
        "|Say whose logins “{names}” are (in the plan: report.declared.people, logins).",
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
        "Faire fermer chez l'hébergeur, où cet outil n'a rien réglé, l'accès d'une autorisation "
        "révoquée ou échue : {names}."
        "|Faire fermer chez l'hébergeur, où cet outil n'a rien réglé, l'accès de {n} "
        "autorisations révoquées ou échues : {names}.",
        "Have the host, where this tool set nothing, close the access of a grant that was revoked "
        "or has ended: {names}."
        "|Have the host, where this tool set nothing, close the access of {n} grants that were "
        "revoked or have ended: {names}.",
    ),
    "left.grant-seen": Text(
        "Faire constater chez l'hébergeur, par une seconde personne, que l'accès d'un lecteur est "
        "fermé, ce qu'une seule déclare : {names}."
        "|Faire constater chez l'hébergeur, par une seconde personne, que les accès de {n} "
        "lecteurs sont fermés, ce qu'une seule déclare : {names}.",
        "Have a second person see at the host that a reader's access is closed, for which there "
        "is one person's word: {names}."
        "|Have a second person see at the host that the access of {n} readers is closed, for "
        "which there is one person's word: {names}.",
    ),
    "left.grant-lasts": Text(
        "Chez l'hébergeur, régler la fin de l'accès {names} : cet outil ne l'a pas fait, et cet "
        "accès ne se fermera pas de lui-même à la date dite."
        "|Chez l'hébergeur, régler la fin de {n} accès, {names} : cet outil ne l'a pas fait, et "
        "aucun ne se fermera de lui-même à la date dite.",
        "Have the host, where this tool set nothing, end an access that does not close by itself "
        "on the stated day: {names}."
        "|Have the host, where this tool set nothing, end the access of {n} grants, none of which "
        "closes by itself on the stated day: {names}.",
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
        "Faire vérifier l'autorisation « {names} », échue le {at}, avant toute nouvelle étape.",
        "Have the authorisation “{names}”, which ended on {at}, examined before any further step.",
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
    "left.clash": Text(
        "Éclaircir : un effacement est motivé par « {names} », sous lequel l'accès d'un lecteur "
        "est encore ouvert."
        "|Éclaircir : des effacements sont motivés par « {names} », sous lesquels des accès de "
        "lecteurs sont encore ouverts.",
        "Clear up: the reason of an erasure is “{names}”, under which a reader's access is still "
        "open."
        "|Clear up: the reasons of erasures are “{names}”, under which readers' access is still "
        "open.",
    ),
    "left.finding.lost": Text(
        "Chercher, dans les versions et sauvegardes de la source et avant de les perdre, "
        "{n} objet{about} : {code}."
        "|Chercher, dans les versions et sauvegardes de la source et avant de les perdre, "
        "{n} objets{about} : {code}.",
        "Look for {n} object{about} in the source's versions and backups, before those are "
        "lost: {code}."
        "|Look for {n} objects{about} in the source's versions and backups, before those are "
        "lost: {code}.",
    ),
    "left.sign": Text("Signer le rapport.", "Sign the report."),
    "left.witness": Text(
        "Faire contresigner le rapport par un témoin.", "Have a witness countersign the report."
    ),
}
