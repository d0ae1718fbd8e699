"""The sentences of the report's later sections: pace, sizes, losses, waivers, cutover, headings."""

from __future__ import annotations

from hdh_migrate.evidence.page.text import Text

ANNEXES: dict[str, Text] = {
    # --- charts ------------------------------------------------------------------------------
    "pace": Text("Débit", "Pace"),
    "pace.transfer": Text("Transfert chiffré", "Encrypted transfer"),
    "pace.verify": Text("Relecture et comparaison", "Reading back and comparing"),
    "pace.mean": Text("{mean}/s en moyenne, arrêts compris", "{mean}/s on average, stops included"),
    "pace.highest": Text(
        "barre la plus haute : {size} en {seconds}", "highest bar: {size} in {seconds}"
    ),
    "pace.cut": Text(
        "(la barre claire est coupée)|(les {n} barres claires sont coupées)",
        "(the pale bar is cut off)|(the {n} pale bars are cut off)",
    ),
    "pace.how": Text(
        "Une barre montre les octets passés pendant un soixantième de la durée. Un petit objet "
        "compte quand il est achevé, un grand à mesure qu'il passe. Un arrêt entre deux "
        "exécutions se voit comme un vide.",
        "A bar shows the bytes that passed in one sixtieth of the time. A small object counts when "
        "it is completed, a large one as it passes. A stop between two runs shows as a gap.",
    ),
    "sizes": Text("Objets par taille", "Objects by size"),
    "sizes.below": Text("moins de {bound}", "below {bound}"),
    "sizes.between": Text("de {low} à moins de {bound}", "from {low} to below {bound}"),
    "col.bar": Text(
        "Objets, par rapport à la classe la plus nombreuse",
        "Objects, relative to the largest class",
    ),
    "sizes.rest": Text("{bound} et plus", "{bound} and more"),
    "sizes.largest": Text("Le plus grand objet : {size}.", "The largest object: {size}."),
    "col.class": Text("Taille d'un objet", "Size of an object"),
    # --- verdicts ----------------------------------------------------------------------------
    "verdict.match": Text("identique", "match"),
    "verdict.mismatch": Text(
        "différent, ou place prise par un autre objet", "mismatch, or another object's place"
    ),
    "verdict.missing": Text("absent de la cible", "missing at the target"),
    "verdict.drifted": Text("modifié à la source", "drifted at the source"),
    "verdict.unverifiable": Text("non vérifiable", "unverifiable"),
    "verdict.waived": Text("écart accepté", "waived"),
    "verdict.none": Text("pas encore comparé", "not compared yet"),
    "verdict.in-the-way": Text(
        "un autre objet était déjà sous ce nom", "another object stood under that name already"
    ),
    "col.verdict": Text("Verdict", "Verdict"),
    # --- losses ------------------------------------------------------------------------------
    "losses": Text("Ce que la cible ne porte pas", "What the target does not hold"),
    "losses.none": Text("Rien n'a été perdu.", "Nothing was lost."),
    "losses.why": Text(
        "Le contenu des objets n'est pas concerné. Ces propriétés existaient à la source et ne "
        "sont pas posées sur l'objet chiffré. Sont comptés les objets vérifiés et ceux qui restent "
        "à déplacer. La colonne nomme le fichier où chacune reste lisible.",
        "The objects' content is not concerned. These properties existed at the source and are "
        "not set on the encrypted object. Objects that are verified, or still to be moved, are "
        "counted. The column names the file where each can still be read.",
    ),
    "loss.modified": Text("date de dernière modification", "time of last modification"),
    "loss.headers": Text(
        "en-têtes de contenu (type, encodage, langue, disposition)",
        "content headers (type, encoding, language, disposition)",
    ),
    "loss.tier": Text("niveau de stockage", "access tier"),
    "loss.metadata": Text(
        "métadonnées que la cible ne peut pas porter", "metadata that the target cannot hold"
    ),
    "loss.dates": Text("dates (création, modification…)", "dates (created, modified…)"),
    "loss.type": Text("type d'un blob d'ajout ou de pages", "type of an append or page blob"),
    "loss.pages": Text(
        "pages qui portent des données (blob de pages)", "pages that hold data (page blob)"
    ),
    "loss.owner": Text(
        "propriétaire, groupe, droits et liste d'accès",
        "owner, group, permissions and access control list",
    ),
    "loss.encryption": Text("étendue de chiffrement", "encryption scope"),
    "loss.immutability": Text(
        "politique d'immuabilité et conservation légale", "immutability policy and legal hold"
    ),
    "loss.lease": Text("bail", "lease"),
    "loss.other": Text(
        "tout ce que la source dit d'autre d'un objet", "all else that the source says of an object"
    ),
    "loss.tags": Text("étiquettes que la cible ne peut pas porter", "tags the target cannot hold"),
    "kept.manifest": Text("manifest.jsonl", "manifest.jsonl"),
    "kept.sidecar": Text(
        "fichier chiffré à côté des données, sur la cible",
        "encrypted file beside the data, at the target",
    ),
    "kept.ledger": Text("registre de l'opérateur", "the operator's ledger"),
    # --- names -------------------------------------------------------------------------------
    "keyed": Text(
        "Rapport sans noms d'objets : des empreintes à clé les remplacent, et l'opérateur peut en "
        "révéler un seul, avec preuve (hdh-migrate docs exports). Son journal est réduit : ce que "
        "des lecteurs ont reçu, les dérogations passées et les contrôles antérieurs de la cible "
        "ne sont que dans le rapport avec noms. Les personnes que le plan déclare restent nommées.",
        "A report without the objects' names: keyed digests stand for them, and the operator can "
        "reveal a single one, with proof (hdh-migrate docs exports). Its journal is reduced: what "
        "readers were given, earlier waivers and earlier checks of the target are in the report "
        "with names alone. The people whom the plan declares are still named.",
    ),
    # --- clock and tool ----------------------------------------------------------------------
    "ref.clock": Text("Horloge de l'outil", "The tool's clock"),
    "ref.clock.value": Text(
        "écart de {seconds} s avec l'en-tête Date de {endpoint}, qui n'a que des secondes entières "
        "(positif : l'outil avance)",
        "{seconds} s from the Date header of {endpoint}, which has whole seconds only (positive: "
        "the tool is ahead)",
    ),
    "ref.clock.none": Text(
        "aucun en-tête Date de {endpoint} : rien n'y montre que l'horloge de l'outil est juste",
        "no Date header of {endpoint}: nothing there shows that the tool's clock is right",
    ),
    "ref.tool": Text("L'outil", "The tool"),
    "ref.tool.value": Text(
        "{name} {version}, sous licence Apache-2.0, écrit en Python : ce qui s'installe est son "
        "code source, lisible sur la machine où il tourne.",
        "{name} {version}, under the licence Apache-2.0, written in Python: what is installed is "
        "its source code, to be read on the machine where it runs.",
    ),
    "ref.tool.declared": Text(
        "Selon le plan, son éditeur : {publisher} ; où d'autres trouvent ses sources : {sources}.",
        "As the plan declares, its publisher: {publisher}; where others find its sources: "
        "{sources}.",
    ),
    "ref.tool.unsaid": Text(
        "Ni l'outil ni le plan (report.declared.tool) ne disent qui l'édite, ni où d'autres "
        "trouvent ses sources : à demander à l'opérateur.",
        "Neither the tool nor the plan (report.declared.tool) says who publishes it, nor where "
        "others find its sources; ask the operator.",
    ),
    "ref.code.how": Text(
        "Pour la refaire, dans le dossier qui contient hdh_migrate :",
        "To compute it again, in the folder that holds hdh_migrate:",
    ),
    "ref.sheet": Text("Au bas de chaque feuille", "At the foot of each sheet"),
    "ref.sheet.value": Text(
        "début de l'empreinte des faits que montrent ces pages, que verify.py recalcule :",
        "start of the digest of the facts that these pages show, which verify.py computes again:",
    ),
    "sheet": Text("faits {digest}", "facts {digest}"),
    "ref.code": Text("Empreinte du code de l'outil", "Digest of the tool's code"),
    "ref.code.writer": Text("pour ce rapport", "for this report"),
    "ref.code.runs": Text(
        "pour {n} exécution (version {version})|pour {n} exécutions (version {version})",
        "for {n} run (version {version})|for {n} runs (version {version})",
    ),
    "ref.code.unsaid": Text("non consignée", "not recorded"),
    # --- what was known of the target ----------------------------------------------------------
    "target": Text("Ce que l'on savait de la cible", "What was known of the target"),
    "profile": Text("Profil de l'hébergeur", "Profile of the host"),
    "profile.value": Text(
        "{name}, établi au {as_of} ; {n} affirmation sur laquelle l'outil compte n'est "
        "confirmée par aucune source"
        "|{name}, établi au {as_of} ; {n} affirmations sur lesquelles l'outil compte ne sont "
        "confirmées par aucune source",
        "{name}, as of {as_of}; {n} claim that the tool counts on is confirmed by no source"
        "|{name}, as of {as_of}; {n} claims that the tool counts on are confirmed by no source",
    ),
    "profile.generic": Text(
        "profil général, d'aucun hébergeur connu", "general profile, of no known host"
    ),
    "profile.called": Text("« {name} »", "“{name}”"),
    "profile.override": Text(
        "remplacé par le profil du plan : {name} = {value} (au lieu de {was})",
        "replaced by the plan's own profile: {name} = {value} (instead of {was})",
    ),
    "probe": Text("Essais de la cible", "Probe"),
    "probe.value": Text(
        "{n} propriété observée le {when}, dont {differing} en deçà du profil"
        "|{n} propriétés observées le {when}, dont {differing} en deçà du profil",
        "{n} property observed on {when}, {differing} short of the profile"
        "|{n} properties observed on {when}, {differing} short of the profile",
    ),
    "probe.short": Text(
        "{name} : {seen} (le profil annonce {profile})",
        "{name}: {seen} (the profile says {profile})",
    ),
    "trait.yes": Text("oui", "yes"),
    "trait.no": Text("non", "no"),
    "trait.none": Text("rien", "nothing"),
    "probe.none": Text(
        "aucun essai n'y a été fait (hdh-migrate probe)",
        "the target was not probed (hdh-migrate probe)",
    ),
    "waivers": Text("Dérogations", "Waivers"),
    "condition.attestation": Text("attestation de l'hébergeur", "attestation of the host"),
    "condition.legal-basis": Text("autorisation ou base légale", "authorisation or legal basis"),
    "condition.health": Text(
        "condition posée aux compartiments de données de santé",
        "condition that buckets for health data must meet",
    ),
    "col.what": Text("Condition", "Condition"),
    "col.until": Text("Jusqu'au", "Until"),
    "col.by": Text("Par", "By"),
    # --- cutover -------------------------------------------------------------------------------
    "cutovers": Text("Bascule", "Cutover"),
    "cutovers.why": Text(
        "Chaque étape est un événement du journal. Le pointeur est ce qui mène les utilisateurs à "
        "l'ancien emplacement ou au nouveau ; ses valeurs n'y figurent que par leur empreinte.",
        "Every step is an event of the journal. The pointer is what leads consumers to the former "
        "place or to the new one; its values stand there as digests only.",
    ),
    "cutover.rehearsal": Text("essai à blanc", "trial run"),
    "cutover.here": Text("sur cette seule machine", "on this one machine only"),
    "cutover.pointer": Text("Pointeur", "Pointer"),
    "cutover.freeze": Text("Gel de la source", "Freeze of the source"),
    "freeze.denied-write": Text(
        "écriture essayée et refusée, avec le seul accès que le plan nomme pour cela",
        "a write was tried and denied, with the one credential that the plan names for it",
    ),
    "freeze.since": Text(
        "Depuis, {n} objet y a été modifié : quelqu'un y écrit encore, et ce qui y a été écrit "
        "n'est pas sur la cible."
        "|Depuis, {n} objets y ont été modifiés : quelqu'un y écrit encore, et ce qui y a été "
        "écrit n'est pas sur la cible.",
        "Since then {n} object was changed there: somebody still writes there, and what was "
        "written is not at the target."
        "|Since then {n} objects were changed there: somebody still writes there, and what was "
        "written is not at the target.",
    ),
    "freeze.statement": Text("déclaration signée", "signed statement"),
    "cutover.relists": Text(
        "{n} liste|{n} listes identiques, à {seconds} s d'intervalle",
        "{n} listing|{n} identical listings, {seconds} s apart",
    ),
    "cutover.smoke": Text("Essais après le changement", "Smoke tests"),
    "smoke.objects": Text(
        "{n} objet relu avec l'accès d'un utilisateur"
        "|{n} objets relus avec l'accès d'un utilisateur",
        "{n} object read with a consumer's access|{n} objects read with a consumer's access",
    ),
    "smoke.commands": Text("{n} commande|{n} commandes", "{n} command|{n} commands"),
    "smoke.so": Text(" : {how}", ": {how}"),
    "smoke.good": Text("tout a réussi", "all of it went well"),
    "smoke.bad": Text("{n} échec|{n} échecs", "{n} failure|{n} failures"),
    "terms.changed": Text(
        "Lot {name} : les conditions de la bascule (qui approuve, combien, avec quels délais) ont "
        "été changées, {when}.",
        "Batch {name}: the terms of the cutover (who approves, how many, with what delays) were "
        "changed, {when}.",
    ),
    "terms.agreed": Text(
        "Accepté par ceux qui approuvaient avant :", "Agreed to by those who approved before:"
    ),
    "terms.nobody": Text("aucun accord n'était encore demandé", "nobody was asked yet"),
    "terms.beside": Text(
        "Lot {name} : les clés privées ci-après, de ceux qui approuvent ou signent des "
        "dérogations, se trouvaient dans le dossier du plan."
        "|Lots {name} : les clés privées ci-après, de ceux qui approuvent ou signent des "
        "dérogations, se trouvaient dans le dossier du plan.",
        "Batch {name}: the private keys below, of those who approve or sign waivers, lay in the "
        "plan's folder."
        "|Batches {name}: the private keys below, of those who approve or sign waivers, lay in the "
        "plan's folder.",
    ),
    "terms.beside.so": Text(
        "L'opérateur pouvait signer à leur place : ni ces approbations ni ces dérogations ne "
        "prouvent une décision indépendante.",
        "The operator could sign in their place: neither these approvals nor these waivers prove "
        "an independent decision.",
    ),
    "terms.beside.keys": Text("Clés :", "Keys:"),
    "terms.beside.said": Text(
        "De {key}, le plan dit (déclaré, non prouvé) : {became}",
        "Of {key} the plan says (as declared, not proven): {became}",
    ),
    "waiver.own": Text(
        "c'est sous ce nom de session que l'outil a été lancé",
        "the tool was run under this same login",
    ),
    "cutover.may-approve": Text("Nombre d'approbations demandées", "Number of approvals asked for"),
    "cutover.threshold": Text("{stage} : {many}", "{stage}: {many}"),
    "cutover.freeze.seen": Text(
        "(sans objet ici : le gel a été constaté)", "(not needed here: the freeze was seen)"
    ),
    "cutover.ahead": Text(
        "Bascule prévue, non commencée : {names}.", "Cutover planned, not begun: {names}."
    ),
    "cutover.unplanned": Text(
        "Pas de bascule au plan : {names}.", "No cutover in the plan: {names}."
    ),
    "cutovers.none": Text(
        "Aucune bascule n'a été commencée : cet outil n'a mené aucun utilisateur vers la cible.",
        "No cutover was begun: this tool has led no consumer to the target.",
    ),
    "cutover.of-keys": Text(
        "Une seule clé pouvait en donner.|{n} clés pouvaient en donner pour ce lot.",
        "A single key could give one.|{n} keys could give one for this batch.",
    ),
    "cutover.approved": Text("Approuvé par", "Approved by"),
    "cutover.recheck": Text(
        "Relecture de la cible avant suppression", "Target read again before deleting"
    ),
    "recheck.stored": Text(
        "tous les octets stockés, comparés à leur empreinte",
        "all stored bytes, compared with their digest",
    ),
    "recheck.full": Text(
        "tous les octets, déchiffrés et comparés", "all bytes, decrypted and compared"
    ),
    "recheck.head": Text(
        "taille, ETag et version seulement : aucun octet n'a été relu",
        "size, ETag and version only: no byte was read again",
    ),
    "cutover.recheck.value": Text(
        "{objects} relecture, {size} ; {differing} en écart"
        "|{objects} relectures, {size} ; {differing} en écart",
        "{objects} reading, {size}; {differing} differing"
        "|{objects} readings, {size}; {differing} differing",
    ),
    "cutover.recheck.reason": Text("Motif :", "Reason:"),
    "cutover.stop": Text("Interruption des écritures", "Writing stopped"),
    "cutover.stop.value": Text(
        "au moins {length} : du {frozen} (gel) au {open} (ouverture aux utilisateurs)",
        "for at least {length}: from {frozen} (freeze) to {open} (open to consumers)",
    ),
    "cutover.stop.short": Text(
        "moins de 1 s : le {frozen} (gel, puis ouverture aux utilisateurs)",
        "for less than 1 s: on {frozen} (freeze, then open to consumers)",
    ),
    "cutover.window": Text("Délai de retour", "Time for going back"),
    "cutover.window.value": Text(
        "jusqu'au {when} ; le retour reste possible tant que la bascule n'est pas définitive",
        "until {when}; rollback stays possible as long as the cutover is not final",
    ),
    "cutover.back": Text("Retour en arrière", "Rollback"),
    "cutover.back.before": Text(
        "Retour en arrière, d'une bascule antérieure", "Rollback, of an earlier cutover"
    ),
    "cutover.back.value": Text("lancé le {when} par", "begun on {when} by"),
    "cutover.back.open": Text(
        "les utilisateurs avaient été menés vers la cible le {when}",
        "consumers had been led to the target on {when}",
    ),
    "cutover.back.ended": Text(
        "pointeur remis à la source le {when}", "pointer led back to the source on {when}"
    ),
    "cutover.back.going": Text("pas terminé", "not finished"),
    "cutover.final": Text("Retour possible", "Rollback possible"),
    "cutover.final.value": Text("non : la bascule est définitive", "no: the cutover is final"),
    "cutover.final.early": Text(
        "non : la bascule est définitive, décidée avant le terme ({when})",
        "no: the cutover is final, decided before the window's end ({when})",
    ),
    "cutover.written": Text("Écrit par les utilisateurs depuis", "Written by consumers since"),
    "cutover.erasure": Text("Suppression à la source", "Deletion at the source"),
    "cutover.requested": Text("demandée le {when}", "requested on {when}"),
    "cutover.evidence": Text(
        "sur présentation du rapport signé du {when}, dont la déclaration a l'empreinte",
        "on the signed report of {when}, whose statement has the digest",
    ),
    "cutover.evidence.unsaid": Text(
        "sur quel rapport, ce journal ne le dit pas (version antérieure de l'outil)",
        "on which report, this journal does not say (an earlier version of the tool)",
    ),
    "cutover.observed": Text(
        "constatée le {when} (ce que l'interface montre)",
        "observed on {when} (what the interface shows)",
    ),
    "cutover.partly": Text(
        "constatée en partie le {when} (ce que l'interface montre)",
        "observed in part on {when} (what the interface shows)",
    ),
    "cutover.clean": Text(
        "la source ne montre plus rien de ce lot", "the source shows nothing of this batch any more"
    ),
    "cutover.remains": Text("encore visible à la source :", "still seen at the source:"),
    "cutover.besides": Text("là aussi :", "there too:"),
    "cutover.sought": Text("cherché, et non trouvé :", "looked for, and not found:"),
    "cutover.outcomes": Text(
        "réponse de l'hébergeur, en nombre d'objets (hors fichiers de l'outil) :",
        "the host's answer, in objects (the tool's own files not counted):",
    ),
    "stage.partly": Text("suppression constatée en partie", "deletion observed in part"),
    "stage.not started": Text("non commencée", "not started"),
    "stage.preparing": Text("en préparation", "preparing"),
    "stage.switching": Text("pointeur en cours de changement", "switching"),
    "stage.switched": Text("pointeur changé, essais à finir", "switched, tests to finish"),
    "stage.fallback window": Text("faite, retour encore possible", "done, rollback still possible"),
    "stage.rolling back": Text("retour en cours", "rolling back"),
    "stage.rolled back": Text("annulée", "rolled back"),
    "stage.finalized": Text("définitive", "finalized"),
    "stage.decommission under way": Text("suppression en cours", "deletion under way"),
    "stage.decommission requested": Text("suppression demandée", "deletion requested"),
    "stage.decommission observed": Text("suppression constatée", "deletion observed"),
    # --- looks ---------------------------------------------------------------------------------
    "looks.last": Text(
        "Dernier contrôle de la cible, lot {name} : {when}, {n} objet sur\u00a0{all}, {level}."
        "|Dernier contrôle de la cible, lot {name} : {when}, {n} objets sur\u00a0{all}, chacun "
        "{level}.",
        "Last check of the target, batch {name}: {when}, {n} of {all} objects, {level}."
        "|Last check of the target, batch {name}: {when}, {n} of {all} objects, {level}.",
    ),
    "looks.last.but": Text(
        "Dernier contrôle de la cible, lot {name} : {when}, {n} objet examiné sur\u00a0{all}."
        "|Dernier contrôle de la cible, lot {name} : {when}, {n} objets examinés sur\u00a0{all}.",
        "Last check of the target, batch {name}: {when}, {n} of {all} objects was examined."
        "|Last check of the target, batch {name}: {when}, {n} of {all} objects were examined.",
    ),
    "looks.there": Text(
        "{n} y était tel que vérifié, {level}.|{n} y étaient tels que vérifiés, chacun {level}.",
        "{n} was there as verified, {level}.|{n} were there as verified, each {level}.",
    ),
    "looks.found": Text(
        "Pour le reste : {found}.",
        "As for the rest: {found}.",
    ),
    "n.gone": Text("{n} absent|{n} absents", "{n} gone|{n} gone"),
    "n.damaged": Text("{n} altéré|{n} altérés", "{n} damaged|{n} damaged"),
    "n.replaced": Text("{n} remplacé|{n} remplacés", "{n} replaced|{n} replaced"),
    "n.unread": Text("{n} illisible|{n} illisibles", "{n} unreadable|{n} unreadable"),
    "looks.lost": Text(
        "{n} objet n'y était pas tel que vérifié, et il est déjà supprimé à la source."
        "|{n} objets n'y étaient pas tels que vérifiés, et ils sont déjà supprimés à la source.",
        "{n} object was not there as verified, and is deleted at the source already."
        "|{n} objects were not there as verified, and are deleted at the source already.",
    ),
    "looks.beside": Text(
        "{n} objet y avait ses octets, mais d'autres métadonnées ou étiquettes."
        "|{n} objets y avaient leurs octets, mais d'autres métadonnées ou étiquettes.",
        "{n} object had its bytes there, but other metadata or tags."
        "|{n} objects had their bytes there, but other metadata or tags.",
    ),
    "looks.mended": Text(
        "Depuis, tout ce qui y était absent, altéré ou remplacé est de nouveau vérifié.",
        "Since then all that was gone, damaged or replaced there is verified again.",
    ),
    "looks.open": Text("Ce contrôle n'est pas terminé.", "This look is not finished."),
    # --- rotations -----------------------------------------------------------------------------
    "rotations": Text("Clés remplacées", "Keys that were replaced"),
    "rotations.one": Text(
        "Commencé le {began} : {n} objet a reçu un nouvel en-tête et a été relu en entier."
        "|Commencé le {began} : {n} objets ont reçu un nouvel en-tête et ont été relus en entier.",
        "Begun on {began}: {n} object got a new header and was read back whole."
        "|Begun on {began}: {n} objects got new headers and were read back whole.",
    ),
    "rotations.apart": Text(
        "Commencé le {began} : {n} en-tête conservé à part est passé à la nouvelle clé ; {files}. "
        "Les objets eux-mêmes n'ont été ni touchés, ni déchiffrés de nouveau."
        "|Commencé le {began} : {n} en-têtes conservés à part sont passés à la nouvelle clé ; "
        "{files}. Les objets eux-mêmes n'ont été ni touchés, ni déchiffrés de nouveau.",
        "Begun on {began}: {n} header that is kept apart is for the new key now; {files}. The "
        "objects themselves were neither touched nor decrypted anew."
        "|Begun on {began}: {n} headers that are kept apart are for the new key now; {files}. The "
        "objects themselves were neither touched nor decrypted anew.",
    ),
    "n.files": Text(
        "{n} paquet ou fichier de l'outil a été réécrit et relu en entier"
        "|{n} paquets ou fichiers de l'outil ont été réécrits et relus en entier",
        "{n} pack or file of the tool was written anew and read back whole"
        "|{n} packs or files of the tool were written anew and read back whole",
    ),
    "rotations.anew": Text(
        "Commencé le {began} : {n} objet a été chiffré à nouveau, sous une nouvelle clé de "
        "données, et relu en entier ; les destinataires sont les mêmes."
        "|Commencé le {began} : {n} objets ont été chiffrés à nouveau, sous de nouvelles clés de "
        "données, et relus en entier ; les destinataires sont les mêmes.",
        "Begun on {began}: {n} object was sealed anew under a new data key and read back whole; "
        "the "
        "recipients are the same."
        "|Begun on {began}: {n} objects were sealed anew under new data keys and read back "
        "whole; the "
        "recipients are the same.",
    ),
    "rotations.which": Text("Ancienne et nouvelle clés :", "Former and new key:"),
    "rotations.packs": Text(
        "Les paquets d'en-têtes ont été refaits et relus aux deux endroits avant que les anciens "
        "objets ne soient supprimés.",
        "Header packs were made anew and read back at both places before what was there was "
        "removed.",
    ),
    "rotations.ended": Text(
        "Tous ont été passés en revue le {when}.", "All were gone through by {when}."
    ),
    "rotations.open": Text("L'échange n'est pas terminé.", "The exchange is not finished."),
    "rotations.left": Text(
        "Restés tels quels : {left} ; à renvoyer : {lost}.",
        "Stayed as they were: {left}; to be sent again: {lost}.",
    ),
    "rotations.remaining": Text(
        "L'ancienne clé peut encore ouvrir, chez l'hébergeur :",
        "The old key may still open, at the host:",
    ),
    "rotations.unsent": Text(
        "{n} objet non vérifié n'avait rien à échanger : ce qu'un envoi a pu en laisser sur la "
        "cible ne s'ouvre pas sans en-tête."
        "|{n} objets non vérifiés n'avaient rien à échanger : ce qu'un envoi a pu en laisser sur "
        "la cible ne s'ouvre pas sans en-tête.",
        "{n} object that is not verified had nothing to exchange: what sending may have left of it "
        "at the target opens with no key without its header."
        "|{n} objects that are not verified had nothing to exchange: what sending may have left of "
        "them at the target opens with no key without their headers.",
    ),
    "rotations.remaining.anew": Text(
        "Les anciennes clés de données peuvent encore ouvrir, chez l'hébergeur :",
        "The former data keys may still open, at the host:",
    ),
    "rotations.bounds.anew": Text(
        "Qui garde une copie de ce qui était stocké avant ce nouveau chiffrement, et sa "
        "clé de données, ouvre cette copie.",
        "Whoever keeps a copy of what was stored before objects were sealed anew, and its data "
        "key, opens that copy.",
    ),
    "rotations.former": Text(
        "Ce qu'est devenue l'ancienne clé privée ({key}), ce dossier ne le dit pas.",
        "What became of the former private key ({key}), this folder does not say.",
    ),
    "rotations.former.said": Text(
        "Ce qu'est devenue l'ancienne clé privée ({key}), selon le plan (déclaré, non prouvé) : "
        "{became}.",
        "What became of the former private key ({key}), says the plan (as declared, not proven): "
        "{became}.",
    ),
    "rotations.bounds": Text(
        "Les clés de données n'ont pas changé : qui garde une copie d'un ancien en-tête et "
        "l'ancienne clé privée ouvre ce dont il a une copie.",
        "The data keys did not change: whoever keeps a copy of an old header and the old private "
        "key can open what they have a copy of.",
    ),
    # --- erasures ------------------------------------------------------------------------------
    "erasures": Text("Jeux de données rendus indéchiffrables", "Datasets made undecipherable"),
    "erasures.one": Text(
        "Le {began}, ce qui ouvrait {n} objet du jeu {dataset} ({size}, hors fichiers de l'outil) "
        "a été effacé :"
        "|Le {began}, ce qui ouvrait {n} objets du jeu {dataset} ({size}, hors fichiers de "
        "l'outil) a été effacé :",
        "On {began}, what opened {n} object of dataset {dataset} ({size}, the tool's own files not "
        "counted) was erased:"
        "|On {began}, what opened {n} objects of dataset {dataset} ({size}, the tool's own files "
        "not counted) was erased:",
    ),
    "gone.packs": Text("{n} paquet|{n} paquets", "{n} pack|{n} packs"),
    "gone.versions": Text(
        "{n} version sur la cible|{n} versions sur la cible",
        "{n} version at the target|{n} versions at the target",
    ),
    "gone.copies": Text(
        "{n} fichier de la seconde copie|{n} fichiers de la seconde copie",
        "{n} file of the second copy|{n} files of the second copy",
    ),
    "gone.headers": Text(
        "{n} en-tête du registre|{n} en-têtes du registre",
        "{n} header of the ledger|{n} headers of the ledger",
    ),
    "erasures.why": Text("Motif :", "Reason:"),
    "erasures.by": Text("lancé par", "begun by"),
    "erasures.permit": Text(
        "Ce motif cite « {permit} », sous lequel l'accès d'un lecteur est encore ouvert jusqu'au "
        "{until} : à éclaircir.",
        "This reason names “{permit}”, under which a reader's access is open until {until}: to be "
        "cleared up.",
    ),
    "erasures.root": Text("Racine de ce qui a été effacé :", "Root of what was erased:"),
    "erasures.only-copy": Text(
        "Il a été approuvé que la cible pouvait être la seule copie.",
        "It was approved that the target might be the only copy.",
    ),
    "erasures.grants": Text(
        "L'approbation maintient l'accès des lecteurs à ce qui leur a été accordé.",
        "It was approved that readers go on opening what was granted to them.",
    ),
    "erasures.ended": Text(
        "Relu le {when} : rien n'en reste aux endroits ci-dessus.",
        "Looked at again on {when}: nothing of it is left at the places above.",
    ),
    "erasures.remaining": Text(
        "Relu le {when} ; il y reste {what}.", "Looked at again on {when}; what remains: {what}."
    ),
    "erasures.open": Text("L'effacement n'est pas terminé.", "The erasure is not finished."),
    "erasures.originals": Text(
        "Les originaux à la source ({place}) n'ont pas été effacés ainsi, et cet outil n'a pas "
        "constaté leur suppression : qui lit la source peut encore les lire en clair.",
        "The originals at the source ({place}) were not erased by this, and this tool has not seen "
        "them deleted: whoever reads the source can still read them in the clear.",
    ),
    "erasures.bounds": Text(
        "Ne sont pas effacés : ce que l'hébergeur garde de versions supprimées, ses sauvegardes et "
        "répliques, les sauvegardes de la seconde copie, les copies antérieures du registre (à "
        "détruire : elles ouvrent encore le jeu), ce que des lecteurs ont gardé.",
        "Not erased: what the host keeps of deleted versions, its backups and replicas, backups "
        "of the second copy, earlier copies of the ledger (to be destroyed: they still open the "
        "dataset), what readers kept.",
    ),
    "copies.said": Text(
        "Des copies faites jusqu'au {until}, le plan dit (déclaré, non prouvé) : {became}",
        "Of copies made up to {until} the plan says (as declared, not proven): {became}",
    ),
    "remaining.not-ours": Text(
        "{n} objet qui n'est pas de cette migration|{n} objets qui ne sont pas de cette migration",
        "{n} object that is not of this migration|{n} objects that are not of this migration",
    ),
    "remaining.copies": Text(
        "{n} fichier inconnu près de la seconde copie"
        "|{n} fichiers inconnus près de la seconde copie",
        "{n} unknown file beside the second copy|{n} unknown files beside the second copy",
    ),
    "remaining.earlier-places": Text(
        "{n} dossier de secondes copies, nommé auparavant par le plan, que l'on n'a pas pu voir"
        "|{n} dossiers de secondes copies, nommés auparavant par le plan, que l'on n'a pas pu voir",
        "{n} folder of second copies, named by the plan before, that could not be seen"
        "|{n} folders of second copies, named by the plan before, that could not be seen",
    ),
    "remaining.kept": Text(
        "{n} version antérieure que l'hébergeur montre encore"
        "|{n} versions antérieures que l'hébergeur montre encore",
        "{n} earlier version that the host still shows"
        "|{n} earlier versions that the host still shows",
    ),
    "remaining.locked": Text(
        "{n} version antérieure verrouillée|{n} versions antérieures verrouillées",
        "{n} earlier version under a lock|{n} earlier versions under a lock",
    ),
    "remaining.unadopted": Text(
        "{n} version antérieure stockée par un autre registre de cette migration, dont rien n'est "
        "prouvé ici"
        "|{n} versions antérieures stockées par un autre registre de cette migration, dont rien "
        "n'est prouvé ici",
        "{n} earlier version that another ledger of this migration stored, of which nothing is "
        "proved here"
        "|{n} earlier versions that another ledger of this migration stored, of which nothing is "
        "proved here",
    ),
    "remaining.needed": Text(
        "{n} version antérieure conservée parce que l'objet qui la remplace n'est plus là"
        "|{n} versions antérieures conservées parce que l'objet qui les remplace n'est plus là",
        "{n} earlier version kept because what replaced it is no longer at the host"
        "|{n} earlier versions kept because what replaced them is no longer at the host",
    ),
    "remaining.unlisted": Text(
        "{n} jeu de données dont les versions n'ont pu être listées"
        "|{n} jeux de données dont les versions n'ont pu être listées",
        "{n} dataset whose versions could not be listed"
        "|{n} datasets whose versions could not be listed",
    ),
    "remaining.unverified": Text(
        "{n} objet non vérifié, si la cible en a quelque chose"
        "|{n} objets non vérifiés, si la cible en a quelque chose",
        "{n} object that is not verified, if the target has something of it"
        "|{n} objects that are not verified, if the target has something of them",
    ),
    # --- openings ------------------------------------------------------------------------------
    "openings": Text("Objets remis en clair", "Objects handed out in the clear"),
    "openings.none": Text(
        "Aucun objet n'a été remis en clair à quelqu'un avec cet outil.",
        "No object was handed out in the clear to anybody with this tool.",
    ),
    "openings.verified": Text(
        "Pour la vérification, au moins {n} objet a été déchiffré en mémoire, là où tournait "
        "l'outil : l'opérateur disposait donc d'une clé qui ouvre tout ce qui est chiffré pour "
        "elle."
        "|Pour la vérification, au moins {n} objets ont été déchiffrés en mémoire, là où tournait "
        "l'outil : l'opérateur disposait donc d'une clé qui ouvre tout ce qui est chiffré pour "
        "elle.",
        "For verification at least {n} object was decrypted in memory where the tool ran: so the "
        "operator had a key that opens all that is encrypted for it."
        "|For verification at least {n} objects were decrypted in memory where the tool ran: so "
        "the operator had a key that opens all that is encrypted for it.",
    ),
    "openings.readers": Text(
        "Mais {n} lecteur a reçu de quoi ouvrir des objets ; voir « Qui peut lire ». Qui c'est, et "
        "s'il a lu, ce dossier ne le dit pas : à demander au responsable de traitement, et à "
        "l'hébergeur d'arrivée pour ses journaux d'accès."
        "|Mais {n} lecteurs ont reçu de quoi ouvrir des objets ; voir « Qui peut lire ». Qui "
        "c'est, et s'ils ont lu, ce dossier ne le dit pas : à demander au responsable de "
        "traitement, et à l'hébergeur d'arrivée pour ses journaux d'accès.",
        "But {n} reader was given what opens objects; see “Who may read”. Who that is, and "
        "whether anything was read, this folder does not say: ask the controller, and the host of "
        "the target for its access logs."
        "|But {n} readers were given what opens objects; see “Who may read”. Who they are, and "
        "whether anything was read, this folder does not say: ask the controller, and the host of "
        "the target for its access logs.",
    ),
    "openings.lost": Text(
        "Non compté : {n} objet, perdu depuis sa vérification."
        "|Non comptés : {n} objets, perdus depuis leur vérification.",
        "Not counted: {n} object, lost since it was verified."
        "|Not counted: {n} objects, lost since they were verified.",
    ),
    "openings.closed": Text(
        "Si l'accès de l'opérateur à cette clé est clos, ce dossier ne le dit pas : à demander à "
        "qui a lancé l'outil.",
        "Whether the operator's access to that key is closed, this folder does not say: ask "
        "whoever ran the tool.",
    ),
    "openings.names": Text(
        "Le nom d'un objet, d'après son numéro, est chez l'opérateur : {ls}.",
        "The name of an object, by its number, is with the operator: {ls}.",
    ),
    "openings.count": Text(
        "{n} lecture, inscrite au journal avant d'avoir lieu."
        "|{n} lectures, chacune inscrite au journal avant d'avoir lieu.",
        "{n} reading, written down before it took place."
        "|{n} readings, each written down before it took place.",
    ),
    "col.when": Text("Quand", "When"),
    "col.number": Text("Numéro d'objet", "Object number"),
    # --- headings ----------------------------------------------------------------------------
    "headings": Text("Où trouver quoi, par référentiel", "Where to find what, by framework"),
    "headings.why": Text(
        "Ce rapport ne vaut ni qualification ni certification : ces textes obligent l'hébergeur et "
        "le responsable de traitement, pas cet outil. Le tableau dit quels éléments de ce dossier "
        "peuvent servir à quel point, et ce qu'ils ne montrent pas. Les points marqués d'un "
        "astérisque n'ont pas pu être confirmés dans le texte. À vérifier avant de les citer.",
        "This report is neither a qualification nor a certification: these texts bind the host and "
        "the controller, not this tool. The table says which parts of this "
        "folder may serve which point, and what they do not show. Points with an asterisk could "
        "not be confirmed in the text. Check before you cite.",
    ),
    "headings.open": Text("Ouvrir le tableau, texte par texte", "Open the table, text by text"),
    "headings.printed": Text(
        "Entre parenthèses : le numéro de la section.", "In brackets: the number of the section."
    ),
    "reference.dated": Text("du {day} ; lu dans : {read}", "of {day}; read in: {read}"),
    "col.subject": Text("Sujet", "Subject"),
    "col.heading": Text("Point", "Point"),
    "col.gives": Text("Ce que ce dossier apporte", "What this folder gives"),
    "col.open": Text("Ce qu'il ne montre pas", "What it does not show"),
}
