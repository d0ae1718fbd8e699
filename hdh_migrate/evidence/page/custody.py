"""The sentences of the report about people: what moved for whom, who acted, who keeps what."""

from __future__ import annotations

from hdh_migrate.evidence.page.text import Text

CUSTODY: dict[str, Text] = {
    # --- first screen --------------------------------------------------------------------------
    "q.what.excluded": Text(
        "{n} objet laissé à la source par une règle du plan ({size})."
        "|{n} objets laissés à la source par une règle du plan ({size}).",
        "{n} object left at the source by a rule of the plan ({size})."
        "|{n} objects left at the source by a rule of the plan ({size}).",
    ),
    "q.what.reasons": Text("Motifs :", "Reasons:"),
    "q.what.lost": Text(
        "{n} objet perdu sur la cible après avoir été déplacé, et disparu de la source ({size})."
        "|{n} objets perdus sur la cible après avoir été déplacés, et disparus de la source "
        "({size}).",
        "{n} object lost at the target after it was moved, and gone from the source ({size})."
        "|{n} objects lost at the target after they were moved, and gone from the source ({size}).",
    ),
    "q.what.vanished": Text(
        "{n} objet disparu de la source avant d'être déplacé ({size})."
        "|{n} objets disparus de la source avant d'être déplacés ({size}).",
        "{n} object gone from the source before it was moved ({size})."
        "|{n} objects gone from the source before they were moved ({size}).",
    ),
    "q.what.unlisted": Text("pas encore listé", "not listed yet"),
    "q.what.empty": Text("aucun objet", "no object"),
    "q.what.each": Text(
        "Les comptes de chaque jeu : « Lots et jeux de données ».",
        "The counts of each dataset: “Batches and datasets”.",
    ),
    "q.what.more": Text(
        "Et {n} autre jeu de données ; voir « Lots et jeux de données »."
        "|Et {n} autres jeux de données ; voir « Lots et jeux de données ».",
        "And {n} other dataset; see “Batches and datasets”."
        "|And {n} other datasets; see “Batches and datasets”.",
    ),
    "q.when": Text("Quand ?", "When?"),
    "q.when.answer": Text(
        "Du {start} au {end}, soit {length}.", "From {start} to {end}, {length} in all."
    ),
    "q.when.day": Text(
        "Le {day}, de {start} à {end}, soit {length}.",
        "On {day}, from {start} to {end}, {length} in all.",
    ),
    "q.when.going": Text(
        "En cours (point {points} sur {all}, voir « Que reste-t-il à faire ? »). Date de fin : ni "
        "le plan ni le journal n'en ont ; à demander au responsable de traitement."
        "|En cours (points {points} sur {all}, voir « Que reste-t-il à faire ? »). Date de fin : "
        "ni le plan ni le journal n'en ont ; à demander au responsable de traitement.",
        "Under way (point {points} of {all}, see “What is left to do?”). End date: neither the "
        "plan nor the journal has one; ask the controller."
        "|Under way (points {points} of {all}, see “What is left to do?”). End date: neither the "
        "plan nor the journal has one; ask the controller.",
    ),
    "q.when.planned": Text(
        "En cours (point {points} sur {all}, voir « Que reste-t-il à faire ? »). D'après le plan : "
        "{ends}."
        "|En cours (points {points} sur {all}, voir « Que reste-t-il à faire ? »). D'après le plan "
        ": {ends}.",
        "Under way (point {points} of {all}, see “What is left to do?”). By the plan: {ends}."
        "|Under way (points {points} of {all}, see “What is left to do?”). By the plan: {ends}.",
    ),
    "q.when.next": Text("Prochaine échéance : {when}, {what}.", "Next to end: {when}, {what}."),
    "q.when.last": Text("jusqu'au {day}", "until {day}"),
    "q.when.done-by": Text(
        "lot {name} à vérifier pour le {day}", "batch {name} to be verified by {day}"
    ),
    "q.when.open": Text(
        "Une exécution, commencée le {began}, n'avait pas dit sa fin quand cette page a été "
        "écrite : ce qu'elle a échangé et envoyé n'y est compté qu'une fois vérifié.",
        "A run that began on {began} had not reported its end when this page was written: what it "
        "exchanged and sent counts here only once it is verified.",
    ),
    "q.when.over": Text(
        "Rien n'est plus à déplacer, à basculer ni à supprimer, à ce que ce dossier en sait.",
        "Nothing is left to move, switch or delete, as far as this folder knows.",
    ),
    "q.when.never": Text("Rien n'a encore été exécuté.", "Nothing has been run yet."),
    "q.for": Text("Chiffré pour qui, lu par qui ?", "Encrypted for whom, read by whom?"),
    "q.for.keys": Text(
        "Pour {n} clé ; voir « Qui détient les clés ».|Pour {n} clés ; voir « Qui détient les "
        "clés ».",
        "For {n} key; see “Who holds the keys”.|For {n} keys; see “Who holds the keys”.",
    ),
    "q.for.opened": Text(
        "{n} lecture en clair ; voir « Objets remis en clair »."
        "|{n} lectures en clair ; voir « Objets remis en clair ».",
        "{n} reading in the clear; see “Objects handed out in the clear”."
        "|{n} readings in the clear; see “Objects handed out in the clear”.",
    ),
    "q.for.names": Text(
        "L'hébergeur voit les noms et tailles des objets ; un nom peut désigner une personne.",
        "The host sees the names and sizes of objects; a name may identify a person.",
    ),
    "q.for.escrow": Text(
        "{n} d'entre elles est une clé de secours, selon la déclaration."
        "|{n} d'entre elles sont des clés de secours, selon la déclaration.",
        "{n} of these is an escrow key, as declared.|{n} of these are escrow keys, as declared.",
    ),
    "q.for.nobody": Text(
        "Pour personne : le plan demande que cet outil ne chiffre pas. Motif donné : {reason}",
        "For nobody: the plan asks that this tool not encrypt. Reason given: {reason}",
    ),
    "q.who.person": Text("{name}, {role}, {organisation}", "{name}, {role}, {organisation}"),
    # --- kinds of endpoints --------------------------------------------------------------------
    "kind.azure-blob": Text("Azure Blob Storage", "Azure Blob Storage"),
    "kind.azure-sftp": Text("serveur SFTP", "SFTP server"),
    "kind.folder": Text("dossier de cette machine", "folder of this machine"),
    "kind.generic": Text("stockage S3", "S3 storage"),
    "kind.file": Text("fichier", "file"),
    "kind.command": Text("commande", "command"),
    "kind.s3-object": Text("objet S3", "S3 object"),
    "guard.conditional": Text(
        "remplacé seulement s'il n'a pas changé : l'hébergeur y veille ou, s'il ne respecte pas"
        " cette condition, il est relu juste avant et juste après",
        "replaced only if it did not change: the host sees to that or, where it keeps no such"
        " condition, it is read right before and right after",
    ),
    "guard.checked": Text(
        "relu juste avant et juste après le remplacement",
        "read right before and right after it is replaced",
    ),
    "approval.freeze": Text(
        "gel de la source (plus personne n'y écrit)", "freeze of the source (nobody writes to it)"
    ),
    "approval.cutover": Text("bascule", "cutover"),
    "approval.finalize": Text("fin du retour possible", "end of rollback"),
    "approval.decommission": Text("suppression à la source", "deletion at the source"),
    "approval.rotate": Text("remplacement d'une clé", "replacement of a key"),
    "approval.reseal": Text("nouveau chiffrement", "sealing anew"),
    "approval.erase": Text("effacement", "erasure"),
    "approval.grant": Text("accès d'un lecteur", "access of a reader"),
    "about.batch": Text("Lot {name}", "Batch {name}"),
    "about.dataset": Text("Jeu « {name} »", "Dataset “{name}”"),
    "about.grant": Text("Autorisation {name}", "Grant {name}"),
    "approval.terms": Text("changement des conditions", "change of the terms"),
    "written.new": Text("{n} nouveau|{n} nouveaux", "{n} new|{n} new"),
    "written.changed": Text("{n} modifié|{n} modifiés", "{n} changed|{n} changed"),
    "written.gone": Text("{n} disparu|{n} disparus", "{n} gone|{n} gone"),
    "erased.deleted": Text(
        "« supprimé » pour {n}|« supprimé » pour {n}", "“deleted” for {n}|“deleted” for {n}"
    ),
    "erased.missing": Text(
        "{n} déjà absent|{n} déjà absents", "{n} already absent|{n} already absent"
    ),
    "erased.drifted": Text(
        "{n} gardé (modifié depuis)|{n} gardés (modifiés depuis)",
        "{n} kept (changed since)|{n} kept (changed since)",
    ),
    "erased.kept": Text(
        "{n} gardé (la source refuse)|{n} gardés (la source refuse)",
        "{n} kept (the source refuses)|{n} kept (the source refuses)",
    ),
    "erased.gone": Text(
        "{n} sans réponse, puis trouvé absent|{n} sans réponse, puis trouvés absents",
        "{n} without an answer, then found gone|{n} without an answer, then found gone",
    ),
    "erased.target-gone": Text(
        "{n} gardé (absent de la cible)|{n} gardés (absents de la cible)",
        "{n} kept (not at the target)|{n} kept (not at the target)",
    ),
    "erased.target-differs": Text(
        "{n} gardé (autre sur la cible)|{n} gardés (autres sur la cible)",
        "{n} kept (another one at the target)|{n} kept (others at the target)",
    ),
    "erased.target-unread": Text(
        "{n} gardé (illisible sur la cible)|{n} gardés (illisibles sur la cible)",
        "{n} kept (unreadable at the target)|{n} kept (unreadable at the target)",
    ),
    "erased.target-unproven": Text(
        "{n} gardé (sans empreinte à comparer)|{n} gardés (sans empreinte à comparer)",
        "{n} kept (no digest to compare)|{n} kept (no digest to compare)",
    ),
    "erased.target-lost": Text(
        "{n} absent des deux côtés|{n} absents des deux côtés",
        "{n} gone from both sides|{n} gone from both sides",
    ),
    "trace.current": Text(
        "{n} objet encore en place|{n} objets encore en place",
        "{n} object still in place|{n} objects still in place",
    ),
    "trace.version": Text(
        "{n} version antérieure|{n} versions antérieures",
        "{n} earlier version|{n} earlier versions",
    ),
    "trace.snapshot": Text("{n} instantané|{n} instantanés", "{n} snapshot|{n} snapshots"),
    "trace.soft-deleted": Text(
        "{n} objet supprimé encore récupérable|{n} objets supprimés encore récupérables",
        "{n} deleted object that can be recovered|{n} deleted objects that can be recovered",
    ),
    "trace.uncommitted": Text(
        "{n} objet non validé|{n} objets non validés",
        "{n} uncommitted object|{n} uncommitted objects",
    ),
    "trace.not_ours": Text(
        "{n} objet que ce lot n'a pas déplacé (exclu par le plan, ou d'autrui)"
        "|{n} objets que ce lot n'a pas déplacés (exclus par le plan, ou d'autrui)",
        "{n} object that this batch did not move (excluded by the plan, or somebody else's)"
        "|{n} objects that this batch did not move (excluded by the plan, or somebody else's)",
    ),
    "trace.until": Text("récupérables jusqu'au {when}", "can be recovered until {when}"),
    "trace.not-shown": Text("l'interface ne montre pas :", "the interface does not show:"),
    "unseen.version": Text("les versions antérieures", "earlier versions"),
    "unseen.snapshot": Text("les instantanés", "snapshots"),
    "unseen.soft-deleted": Text(
        "les objets supprimés encore récupérables", "deleted objects that can be recovered"
    ),
    "unseen.uncommitted": Text("les objets non validés", "uncommitted objects"),
    # --- custody -------------------------------------------------------------------------------
    "custody": Text("Qui a fait quoi", "Who did what"),
    "custody.why": Text(
        "Le journal dit sous quel nom de session l'outil a été lancé, et quelles clés ont "
        "approuvé. Une clé montre qu'elle a servi, non qui s'en est servi : à qui sont ces clés, "
        "à demander au responsable de traitement.",
        "The journal tells under which login the tool was run, and which keys approved. A key "
        "shows that it was used, not by whom: whose these keys are, ask the controller.",
    ),
    "custody.ran": Text("A lancé l'outil", "Ran the tool"),
    "custody.ran.value": Text(
        "{n} exécution, commencée le {first}"
        "|{n} exécutions, la première commencée le {first}, la dernière le {last}",
        "{n} run, begun on {first}|{n} runs, the first begun on {first}, the last on {last}",
    ),
    "custody.acted": Text("Actes au journal :", "Acts in the journal:"),
    "custody.acted.value": Text("du {first} au {last}", "from {first} to {last}"),
    "act.cutover": Text("bascule", "cutover"),
    "act.back": Text("retour en arrière", "rollback"),
    "act.finalize": Text("fin du retour possible", "end of rollback"),
    "act.decommission": Text("suppression à la source", "deletion at the source"),
    "act.rotate": Text("remplacement d'une clé", "replacement of a key"),
    "act.reseal": Text("nouveau chiffrement", "sealing anew"),
    "act.erase": Text("effacement", "erasure"),
    "act.grant": Text("accès demandé pour un lecteur", "access asked for a reader"),
    "act.revoke": Text("révocation d'un lecteur", "revocation of a reader"),
    "act.close": Text(
        "fermeture déclarée d'un accès chez l'hébergeur",
        "access at the host declared to be closed",
    ),
    "act.amend": Text("modification d'un lot", "amendment of a batch"),
    "act.adopt": Text("reprise d'objets", "adoption of objects"),
    "act.refresh": Text("nouvelle liste de la source", "new listing of the source"),
    "act.look": Text("nouveau contrôle de la cible", "new check of the target"),
    "act.retry": Text("nouvel essai après un échec", "new trial after a failure"),
    "act.restore": Text("remise en place d'un objet", "restoring of an object"),
    "act.accept": Text("acceptation d'un autre objet", "acceptance of another object"),
    "act.take-over": Text("reprise de l'écriture", "take-over of writing"),
    "custody.ran.nobody": Text(
        "le journal de ce dossier ne le dit pas", "the journal of this folder does not tell"
    ),
    "custody.approved": Text("A approuvé", "Approved"),
    "custody.signed": Text(
        "signée le {signed}, comptée le {counted}", "signed on {signed}, counted on {counted}"
    ),
    "custody.signed.day": Text(
        "signée le {signed}, comptée à {counted}", "signed on {signed}, counted at {counted}"
    ),
    "custody.bound": Text(", {what}", ", {what}"),
    "custody.rest": Text(
        "Une approbation ne vaut que pour le manifeste ou la demande dont elle a l'empreinte ; son "
        "plan, son échéance et son point du journal sont dans journal.jsonl.",
        "An approval counts only for the manifest or the request whose digest it has; its plan, "
        "its last moment and its point of the journal are in journal.jsonl.",
    ),
    "bound.manifest": Text("manifeste {root}", "manifest {root}"),
    "bound.request": Text("demande {root}", "request {root}"),
    "bound.state": Text("pour l'état d'alors", "for how things stood"),
    "custody.files": Text(
        "Clé que le plan admet : {files}."
        "|Clés que le plan admet : {files} ; il en demande {many} au moins.",
        "Key that the plan allows: {files}."
        "|Keys that the plan allows: {files}; it asks for {many} at least.",
    ),
    "custody.files.unsaid": Text(
        "Ce dossier ne dit pas à quel fichier va quelle empreinte.",
        "This folder does not say which fingerprint is of which file.",
    ),
    "custody.counted": Text("comptée le {counted}", "counted on {counted}"),
    "custody.approved.nobody": Text(
        "personne : rien de ce qui demande une approbation n'a été fait",
        "nobody: nothing that needs an approval was done",
    ),
    "custody.approved.waived": Text(
        "{n} dérogation a pourtant été signée ; voir « Dérogations »."
        "|{n} dérogations ont pourtant été signées ; voir « Dérogations ».",
        "But {n} waiver was signed; see “Waivers”.|But {n} waivers were signed; see “Waivers”.",
    ),
    "duties": Text("Séparation des tâches", "Separation of duties"),
    "duties.unsigned": Text(
        "Ce rapport n'est pas signé : il n'y a pas de clé de signature à comparer à celles qui ont "
        "approuvé.",
        "This report is not signed: there is no signing key to compare with those that approved.",
    ),
    "duties.nobody": Text(
        "Rien n'a été approuvé : la clé qui signe ce rapport n'a donc rien approuvé.",
        "Nothing was approved: so the key that signs this report approved nothing.",
    ),
    "duties.apart": Text(
        "La clé qui signe ce rapport n'est aucune de celles qui ont approuvé.",
        "The key that signs this report is none of those that approved.",
    ),
    "duties.same": Text(
        "La clé qui signe ce rapport a aussi approuvé : les deux tâches n'ont pas été séparées.",
        "The key that signs this report approved as well: the two duties were not separated.",
    ),
    "duties.waiver.apart": Text(
        "La clé qui signe ce rapport n'est aucune de celles qui ont signé une dérogation.",
        "The key that signs this report is none of those that signed a waiver.",
    ),
    "duties.waiver.same": Text(
        "La clé qui signe ce rapport a aussi signé une dérogation : les deux tâches n'ont pas été "
        "séparées.",
        "The key that signs this report signed a waiver as well: the two duties were not "
        "separated.",
    ),
    "duties.keys": Text(
        "Une seule clé a approuvé.|{n} clés distinctes ont approuvé.",
        "{n} key approved.|{n} different keys approved.",
    ),
    "duties.keys.beside": Text(
        "{n} clé a approuvé ; sa clé privée se trouvait dans le dossier du plan."
        "|{n} clés ont approuvé ; des clés privées se trouvaient dans le dossier du plan.",
        "{n} key approved; its private key lay in the plan's folder."
        "|{n} keys approved; private keys lay in the plan's folder.",
    ),
    "duties.waived": Text(
        "La clé {key} a signé une dérogation et a aussi approuvé.",
        "The key {key} signed a waiver and approved as well.",
    ),
    "duties.limit": Text(
        "D'après l'empreinte des clés : deux clés peuvent être à une même personne.",
        "By the keys' fingerprints: two keys may be one person's.",
    ),
    "keys": Text("Qui détient les clés", "Who holds the keys"),
    "keys.why": Text(
        "Chaque objet est chiffré pour ces clés publiques, format {seal} ; l'une des clés privées "
        "suffit pour "
        "l'ouvrir, et sans aucune d'elles il ne s'ouvre plus. Qui les détient est déclaré dans le "
        "plan, non prouvé.",
        "Each object is encrypted for these public keys, format {seal}; one of the private keys is "
        "enough "
        "to open it, and without any of them it never opens again. Who holds them is declared in "
        "the plan, not proven.",
    ),
    "keys.stolen": Text(
        "Une clé privée volée ouvre tout ce qui a été chiffré pour elle : l'opérateur rechiffre "
        "tout par {reseal}. Une clé qui n'a pas fui se remplace par {rotate}.",
        "A stolen private key opens all that was encrypted for it: the operator encrypts "
        "everything anew with {reseal}. A key that did not leak is replaced with {rotate}.",
    ),
    "keys.none": Text("non déclaré", "not declared"),
    "custody.keys.escrow": Text("clé de secours", "escrow key"),
    "kept": Text("Conservation de ce dossier", "Retention of this folder"),
    "custody.kept": Text("Conservé par", "Kept by"),
    "custody.kept.value": Text(
        "{by}, jusqu'au {until} (déclaré)", "{by}, until {until} (as declared)"
    ),
    "custody.kept.nobody": Text(
        "non déclaré : par qui et jusqu'à quand, au responsable de traitement de le fixer (dans le "
        "plan : report.declared.kept)",
        "not declared: by whom and until when is for the controller to say (in the plan: "
        "report.declared.kept)",
    ),
    "custody.names": Text(
        "Les noms d'objets que ce dossier contient peuvent identifier des personnes : il se "
        "conserve et se transmet comme les données elles-mêmes. Il ne se publie pas et ne se remet "
        "pas à une personne concernée : il nomme aussi les objets des autres.",
        "The objects' names in this folder may identify people: keep it, and hand it on, as you "
        "would the data itself. Do not publish it, nor give it to a data subject: it names the "
        "objects of others, too.",
    ),
    "seen": Text("Vu et reçu", "Seen and received"),
    "seen.means": Text(
        "Qui signe ici a vu et reçu ce dossier, rien de plus : ni « Que reste-t-il à faire ? » ni "
        "« Qu'est-ce qui n'est pas prouvé ? » n'est accepté par là.",
        "Who signs here has seen and received this folder, no more: neither “What is left to do?” "
        "nor “What is not proven?” is accepted by that.",
    ),
    "seen.reserves": Text("Réserves :", "Reservations:"),
    "custody.sign": Text("Nom, fonction, date, signature :", "Name, function, date, signature:"),
    "custody.eidas": Text(
        "La signature numérique de ce dossier montre qu'il n'a pas été modifié ; elle n'est pas "
        "une signature électronique qualifiée au sens du règlement eIDAS.",
        "The digital signature of this folder shows that it was not modified; it is not a "
        "qualified electronic signature under the eIDAS regulation.",
    ),
}
