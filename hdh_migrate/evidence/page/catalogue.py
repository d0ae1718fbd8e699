"""Every sentence of the report, in French and in English, side by side.

One entry holds both languages, so neither can lack a text that the other has (see `text.Text`).
"""

from __future__ import annotations

from hdh_migrate.evidence.page.ahead import AHEAD
from hdh_migrate.evidence.page.annexes import ANNEXES
from hdh_migrate.evidence.page.at_source import AT_SOURCE
from hdh_migrate.evidence.page.bases import BASES
from hdh_migrate.evidence.page.custody import CUSTODY
from hdh_migrate.evidence.page.departed import DEPARTED
from hdh_migrate.evidence.page.ended import ENDED
from hdh_migrate.evidence.page.endings import ENDINGS
from hdh_migrate.evidence.page.erased import ERASED
from hdh_migrate.evidence.page.glossary import GLOSSARY
from hdh_migrate.evidence.page.gone import GONE_WORDS
from hdh_migrate.evidence.page.header_packs import HEADERS
from hdh_migrate.evidence.page.holders import HOLDERS
from hdh_migrate.evidence.page.judged import JUDGED
from hdh_migrate.evidence.page.leaving import LEAVING
from hdh_migrate.evidence.page.left_words import LEFT
from hdh_migrate.evidence.page.over_time import OVER_TIME
from hdh_migrate.evidence.page.own_files import OWN_FILES
from hdh_migrate.evidence.page.owners import OWNING
from hdh_migrate.evidence.page.parties import PARTIES
from hdh_migrate.evidence.page.passed import PASSED
from hdh_migrate.evidence.page.readers import READERS
from hdh_migrate.evidence.page.refused import REFUSED
from hdh_migrate.evidence.page.rights import RIGHTS
from hdh_migrate.evidence.page.sides import SIDES
from hdh_migrate.evidence.page.signing_keys import SIGNING_KEYS
from hdh_migrate.evidence.page.taken_back import TAKEN_BACK
from hdh_migrate.evidence.page.text import LANGUAGES, Text
from hdh_migrate.evidence.page.timeline_words import TIMELINE
from hdh_migrate.evidence.page.waived import WAIVED

__all__ = ["CATALOGUE", "LANGUAGES", "text"]


def text(key: str, language: str, *, singular: bool = False) -> str:
    """Return one sentence, its placeholders still open."""
    return CATALOGUE[key].said(language, singular=singular)


CATALOGUE: dict[str, Text] = {
    # --- head --------------------------------------------------------------------------------
    "title": Text("Rapport de migration", "Migration report"),
    "written": Text("Établi le {when}", "Written on {when},"),
    "tool": Text("par {tool}", "by {tool}"),
    "restricted": Text(
        "Communication limitée, voir « Conservation de ce dossier ».",
        "Restricted circulation, see “Retention of this folder”.",
    ),
    "q.what.object": Text("Un objet est un fichier.", "An object is a file."),
    "rehearsal": Text(
        "Répétition : tout s'est passé sur une seule machine. "
        "Ce rapport ne prouve rien sur un hébergeur.",
        "Rehearsal: everything happened on one machine. This report proves nothing about a host.",
    ),
    "draft": Text("Brouillon, sans valeur de preuve", "Draft, not evidence"),
    "draft.why": Text(
        "Personne n'a signé ce rapport : n'importe qui aurait pu l'écrire ou le modifier.",
        "Nobody signed this report: anyone could have written or changed it.",
    ),
    # --- verdict -----------------------------------------------------------------------------
    "good": Text("Complet et intact", "Complete and intact"),
    "good.why": Text(
        "L'objet attendu sur la cible y a été relu en entier, déchiffré et comparé à ce qui avait "
        "été lu à la source : il est identique."
        "|Les {n} objets attendus sur la cible y ont été relus en entier, déchiffrés et comparés à "
        "ce qui avait été lu à la source : ils sont identiques.",
        "The one object that is expected at the target was read back whole, decrypted and compared "
        "with what was read at the source: it is identical."
        "|All {n} objects that are expected at the target were read back whole, decrypted and "
        "compared with what was read at the source: they are identical.",
    ),
    "good.why.own": Text(
        "L'objet attendu sur la cible y a été relu en entier, déchiffré et comparé : il est "
        "identique. {rest} à ce qui avait été lu à la source, {own} à ce que l'outil avait écrit."
        "|Les {n} objets attendus sur la cible y ont été relus en entier, déchiffrés et comparés : "
        "ils sont identiques, {rest} à ce qui avait été lu à la source, {own} à ce que l'outil "
        "avait écrit.",
        "The one object that is expected at the target was read back whole, decrypted and "
        "compared: it is identical, {rest} to what was read at the source, {own} to what the tool "
        "had written."
        "|All {n} objects that are expected at the target were read back whole, decrypted and "
        "compared: they are identical, {rest} to what was read at the source, {own} to what the "
        "tool had written.",
    ),
    "noted": Text("Complet et intact, avec des constats", "Complete and intact, with findings"),
    "noted.why": Text(
        "Tout a été relu et comparé. {n} constat reste à lire ci-dessous."
        "|Tout a été relu et comparé. {n} constats restent à lire ci-dessous.",
        "Everything was read back and compared. {n} finding is left to read below."
        "|Everything was read back and compared. {n} findings are left to read below.",
    ),
    "noted.beside": Text(
        "{n} constat en tout, notes comprises, à lire sous « Constats »."
        "|{n} constats en tout, notes comprises, à lire sous « Constats ».",
        "{n} finding in all, notes included, to be read under “Findings”."
        "|{n} findings in all, notes included, to be read under “Findings”.",
    ),
    "lost": Text(
        "Un objet vérifié manque des deux côtés|Des objets vérifiés manquent des deux côtés",
        "A verified object is missing on both sides|Verified objects are missing on both sides",
    ),
    "lost.why": Text(
        "{n} objet vérifié n'est plus sur la cible tel qu'il l'était, et la source ne l'a plus ; "
        "ce dossier n'en connaît pas la cause ; voir « Constats »."
        "|{n} objets vérifiés ne sont plus sur la cible tels qu'ils l'étaient, et la source ne les "
        "a plus ; ce dossier n'en connaît pas la cause ; voir « Constats ».",
        "{n} verified object is no longer at the target as it was, and the source no longer has "
        "it; this folder does not know the cause; see “Findings”."
        "|{n} verified objects are no longer at the target as they were, and the source no longer "
        "has them; this folder does not know the cause; see “Findings”.",
    ),
    "replaced": Text(
        "Un objet vérifié a été remplacé sur la cible"
        "|Des objets vérifiés ont été remplacés sur la cible",
        "A verified object was replaced at the target|Verified objects were replaced at the target",
    ),
    "replaced.why": Text(
        "{n} objet vérifié a été remplacé sur la cible par un autre, qui n'est pas le nôtre. "
        "Aucune décision à ce sujet n'est au journal."
        "|{n} objets vérifiés ont été remplacés sur la cible par d'autres, qui ne sont pas les "
        "nôtres. Aucune décision à ce sujet n'est au journal.",
        "In the place of {n} verified object the target holds another one. The journal has no"
        " decision about it."
        "|In the place of {n} verified objects the target holds others. The journal has no"
        " decision about them.",
    ),
    "gone": Text(
        "Un objet vérifié manquait sur la cible|Des objets vérifiés manquaient sur la cible",
        "A verified object was missing at the target|Verified objects were missing at the target",
    ),
    "gone.why": Text(
        "À un contrôle, la cible n'avait plus {n} objet vérifié, ou plus intact ; rien ne "
        "montre encore qu'il y soit de nouveau."
        "|À un contrôle, la cible n'avait plus {n} objets vérifiés, ou plus intacts ; rien "
        "ne montre encore qu'ils y soient de nouveau.",
        "At a check the target no longer held {n} verified object, or held it damaged; nothing "
        "shows yet that it is there again."
        "|At a check the target no longer held {n} verified objects, or held them damaged; nothing "
        "shows yet that they are there again.",
    ),
    "accepted": Text(
        "Complet lors de la vérification, puis remplacé et accepté",
        "Complete when verified, then replaced and accepted",
    ),
    "accepted.why": Text(
        "À la place d'un objet vérifié, la cible en contient un autre, accepté : par qui et "
        "pourquoi, les constats le disent."
        "|À la place de {n} objets vérifiés, la cible en contient d'autres, acceptés : par qui et "
        "pourquoi, les constats le disent.",
        "In the place of {n} verified object the target holds another one, which was accepted: "
        "the findings say by whom and why."
        "|In the place of {n} verified objects the target holds others, which were accepted: the "
        "findings say by whom and why.",
    ),
    "unproven": Text("Complet, mais pas prouvé", "Complete, but not proven"),
    "unproven.why": Text(
        "Tout est arrivé, mais {n} objet n'a pas été relu en entier et déchiffré."
        "|Tout est arrivé, mais {n} objets n'ont pas été relus en entier et déchiffrés.",
        "Everything arrived, but {n} object was not read back whole and decrypted."
        "|Everything arrived, but {n} objects were not read back whole and decrypted.",
    ),
    "unproven.beside": Text(
        "{n} objet vérifié n'a pas été relu en entier et déchiffré."
        "|{n} objets vérifiés n'ont pas été relus en entier et déchiffrés.",
        "{n} verified object was not read back whole and decrypted."
        "|{n} verified objects were not read back whole and decrypted.",
    ),
    "nothing": Text("Rien n'a été déplacé", "Nothing was moved"),
    "nothing.why": Text(
        "Le seul objet inventorié a été laissé : rien n'est arrivé. « Exclusions par règle » dit "
        "pourquoi."
        "|Les {n} objets inventoriés ont tous été laissés : rien n'est arrivé. « Exclusions par "
        "règle » dit pourquoi.",
        "The one object that was inventoried was left behind: nothing arrived. “Exclusions by "
        "rule” says why."
        "|All {n} objects that were inventoried were left behind: nothing arrived. “Exclusions by "
        "rule” says why.",
    ),
    "pending": Text("Inachevé", "Not finished"),
    "pending.why": Text(
        "{n} objet reste à déplacer ou à vérifier.|{n} objets restent à déplacer ou à vérifier.",
        "{n} object is still to be moved or verified."
        "|{n} objects are still to be moved or verified.",
    ),
    "failed": Text(
        "Un objet est en échec|Des objets sont en échec", "An object failed|Objects failed"
    ),
    "failed.why": Text(
        "{n} objet n'est pas arrivé sur la cible, ou pas intact ; voir « Constats »."
        "|{n} objets ne sont pas arrivés sur la cible, ou pas intacts ; voir « Constats ».",
        "{n} object did not arrive at the target, or did not arrive intact; see “Findings”."
        "|{n} objects did not arrive at the target, or did not arrive intact; see “Findings”.",
    ),
    "failed.other": Text(
        "{n} autre objet n'est pas arrivé sur la cible, ou pas intact ; voir « Constats »."
        "|{n} autres objets ne sont pas arrivés sur la cible, ou pas intacts ; voir « Constats ».",
        "{n} other object did not arrive at the target, or did not arrive intact; see “Findings”."
        "|{n} other objects did not arrive at the target, or did not arrive intact; see "
        "“Findings”.",
    ),
    "failed.conflict": Text(
        "{n} objet n'a pas été déplacé : un autre, qui n'est pas le nôtre, était déjà sous son "
        "nom ; voir « Constats »."
        "|{n} objets n'ont pas été déplacés : d'autres, qui ne sont pas les nôtres, étaient déjà "
        "sous leurs noms ; voir « Constats ».",
        "{n} object was not moved: another one, which is not ours, stood under its name already; "
        "see “Findings”."
        "|{n} objects were not moved: others, which are not ours, stood under their names already; "
        "see “Findings”.",
    ),
    "unbalanced": Text("Les comptes ne sont pas justes", "The counts do not close"),
    "unbalanced.why": Text(
        "Les objets inventoriés ne sont pas exactement les objets vérifiés, exclus, en échec "
        "et en attente. Rien d'autre dans ce rapport ne doit être cru avant d'en savoir la cause.",
        "The objects inventoried are not exactly those verified, excluded, failed and pending. "
        "Nothing else in this report should be believed before the cause is known.",
    ),
    "open": Text("L'inventaire n'est pas clos", "The inventory is not closed"),
    "open.why": Text(
        "La source n'a pas été listée tout entière : on ne sait pas encore tout ce qu'elle "
        "contient.",
        "Not all of the source was listed: what it holds is not fully known yet.",
    ),
    "empty": Text("Rien n'a été inventorié", "Nothing was inventoried"),
    "empty.why": Text(
        "La source n'a montré aucun objet. Une liste vide n'est jamais tenue pour une preuve.",
        "The source showed no object. An empty listing is never taken as proof.",
    ),
    # --- the six questions -------------------------------------------------------------------
    "q.what": Text("Qu'est-ce qui a été déplacé ?", "What moved?"),
    "q.what.answer": Text(
        "{n} objet vérifié ({size}).|{n} objets vérifiés ({size}).",
        "{n} object verified ({size}).|{n} objects verified ({size}).",
    ),
    "q.where": Text("D'où, vers où ?", "From where to where?"),
    "q.where.source": Text("De :", "From:"),
    "q.where.target": Text("Vers :", "To:"),
    "q.where.left": Text("Cet outil n'y a rien supprimé.", "This tool deleted nothing there."),
    "q.where.erased": Text(
        "La suppression d'un lot y a été demandée, et n'est pas constatée ; voir « Bascule »."
        "|La suppression de {n} lots y a été demandée, et n'est pas constatée ; voir « Bascule ».",
        "Deletion of {n} batch was requested there and has not been observed; see “Cutover”."
        "|Deletion of {n} batches was requested there and has not been observed; see “Cutover”.",
    ),
    "q.where.partly": Text(
        "La suppression d'un lot y est constatée en partie ; voir « Bascule »."
        "|La suppression de {n} lots y est constatée en partie ; voir « Bascule ».",
        "Deletion of {n} batch was observed there in part; see “Cutover”."
        "|Deletion of {n} batches was observed there in part; see “Cutover”.",
    ),
    "q.where.observed": Text(
        "{n} lot y a été supprimé, et la source n'en montre plus rien ; voir « Bascule »."
        "|{n} lots y ont été supprimés, et la source n'en montre plus rien ; voir « Bascule ».",
        "{n} batch was deleted there, and the source shows nothing of it any more; see “Cutover”."
        "|{n} batches were deleted there, and the source shows nothing of them any more; see "
        "“Cutover”.",
    ),
    "q.where.region": Text(
        "région nommée {region}, ce qui n'est pas un lieu",
        "region named {region}, which is not a place",
    ),
    "q.where.host": Text(
        "Les sociétés qui hébergent, leurs maisons mères, le droit dont elles relèvent, le pays "
        "où tournait l'outil : ce dossier ne les connaît pas ; à demander à qui tient les "
        "contrats, et à qui a lancé l'outil.",
        "The companies that host, their owners, the law they are under, the country where the "
        "tool ran: this folder does not know them; ask whoever keeps the contracts, and whoever "
        "ran the tool.",
    ),
    "q.where.unattested": Text(
        "Attestation HDS, qualification SecNumCloud : aucune n'est jointe ; à demander à "
        "l'hébergeur d'arrivée.",
        "HDS certificate, SecNumCloud qualification: none is attached; ask the host of the target.",
    ),
    "q.complete": Text("Est-ce complet ?", "Is it complete?"),
    "q.complete.yes": Text("Oui.", "Yes."),
    "q.complete.no": Text("Non.", "No."),
    "q.complete.closes": Text(
        "Les comptes sont justes : {all} = {parts}.",
        "The counts close: {all} = {parts}.",
    ),
    "q.complete.differs": Text(
        "Les comptes ne sont pas justes : {all}, mais {parts}.",
        "The counts do not close: {all}, but {parts}.",
    ),
    "q.intact": Text("Est-ce intact ?", "Is it intact?"),
    "q.intact.yes": Text("Oui.", "Yes."),
    "q.intact.yes.then": Text("Oui, au moment de la vérification.", "Yes, when it was verified."),
    "q.intact.how": Text(
        "Chaque objet déplacé a été relu sur la cible et déchiffré ; d'après son empreinte "
        "SHA-256, ses octets sont ceux qui ont été lus à la source.",
        "Every object moved was read back from the target and decrypted; by its SHA-256 digest its "
        "bytes are those that were read at the source.",
    ),
    "q.intact.lost": Text(
        "Non pour {n} objet, perdu : la cible ne l'a plus tel que vérifié, et la source ne l'a "
        "plus."
        "|Non pour {n} objets, perdus : la cible ne les a plus tels que vérifiés, et la source ne "
        "les a plus.",
        "Not for {n} object, which was lost: the target does not hold it as verified, and the "
        "source no longer has it."
        "|Not for {n} objects, which were lost: the target does not hold them as verified, and "
        "the source no longer has them.",
    ),
    "q.intact.since": Text(
        "Non pour {n} objet, remplacé : la cible en contient un autre à sa place."
        "|Non pour {n} objets, remplacés : la cible en contient d'autres à leur place.",
        "Not for {n} object, which was replaced: the target holds another one in its place."
        "|Not for {n} objects, which were replaced: the target holds others in their place.",
    ),
    "q.intact.some": Text(
        "Prouvé, au moment de la vérification, pour {n} objet sur les {all} attendus sur la cible, "
        "pas pour les autres."
        "|Prouvé, au moment de la vérification, pour {n} objets sur les {all} attendus sur la "
        "cible, pas pour les autres.",
        "Proven, when it was verified, for {n} object of the {all} expected at the target, not for "
        "the others."
        "|Proven, when they were verified, for {n} objects of the {all} expected at the target, "
        "not for the others.",
    ),
    "q.intact.none": Text("Ce n'est prouvé pour aucun objet.", "It is not proven for any object."),
    "q.not": Text("Qu'est-ce qui n'est pas prouvé ?", "What is not proven?"),
    "q.who": Text("Qui a signé ?", "Who signed?"),
    "q.who.key": Text("La clé d'empreinte", "The key with fingerprint"),
    "q.who.operator": Text(
        "L'outil a été lancé sous le nom de session {login} (non prouvé).",
        "The tool was run under the login {login} (not proven).",
    ),
    "q.who.trust": Text(
        "À comparer à une empreinte reçue par une autre voie ; le plan ne dit pas à qui est la "
        "clé.",
        "Compare it with one that reached you by another route; the plan does not say whose it is.",
    ),
    "q.who.witness": Text(
        "Aucun témoin n'avait signé quand cette page a été écrite ; verify.py les compte.",
        "No witness had signed when this page was written; verify.py counts them.",
    ),
    "q.who.nobody": Text("Personne.", "Nobody."),
    # --- what is not proven ------------------------------------------------------------------
    "not.draft": Text(
        "Que ce rapport vient de l'outil : il n'est pas signé.",
        "That this report comes from the tool: it is not signed.",
    ),
    "not.rehearsal": Text(
        "Ce que vaut un hébergeur : source et cible étaient sur la même machine.",
        "Anything about a host: source and target were on the same machine.",
    ),
    "not.newest": Text(
        "Que ce registre est le dernier : {n} compartiment de la cible n'a pas pu dire, à la "
        "rédaction, qui y a écrit en dernier. Une copie ancienne du registre ignore ce qui s'est "
        "fait depuis."
        "|Que ce registre est le dernier : {n} compartiments de la cible n'ont pas pu dire, à la "
        "rédaction, qui y a écrit en dernier. Une copie ancienne du registre ignore ce qui s'est "
        "fait depuis.",
        "That this ledger is the newest: {n} bucket of the target could not tell, when this was "
        "written, who wrote there last. An old copy of the ledger knows nothing of what was done "
        "since."
        "|That this ledger is the newest: {n} buckets of the target could not tell, when this was "
        "written, who wrote there last. An old copy of the ledger knows nothing of what was done "
        "since.",
    ),
    "not.lower": Text(
        "L'intégrité d'un objet, contrôlé sans relecture complète et déchiffrement."
        "|L'intégrité de {n} objets, contrôlés sans relecture complète et déchiffrement.",
        "The integrity of {n} object, checked without reading it back whole and decrypting it."
        "|The integrity of {n} objects, checked without reading them back whole "
        "and decrypting them.",
    ),
    "not.failed": Text(
        "L'intégrité d'un objet en échec.|L'intégrité de {n} objets en échec.",
        "The integrity of {n} failed object.|The integrity of {n} failed objects.",
    ),
    "not.pending": Text(
        "L'intégrité d'un objet en attente.|L'intégrité de {n} objets en attente.",
        "The integrity of {n} pending object.|The integrity of {n} pending objects.",
    ),
    "not.excluded": Text(
        "L'état d'un objet laissé à la source par une règle du plan : il n'a pas été lu."
        "|L'état des {n} objets laissés à la source par une règle du plan : ils n'ont pas été lus.",
        "Anything about {n} object that a rule of the plan left at the source."
        "|Anything about {n} objects that a rule of the plan left at the source.",
    ),
    "not.vanished": Text(
        "Ce qu'était un objet disparu de la source avant d'être déplacé."
        "|Ce qu'étaient {n} objets disparus de la source avant d'être déplacés.",
        "Anything about {n} object that was gone from the source before it was moved."
        "|Anything about {n} objects that were gone from the source before they were moved.",
    ),
    "not.attested": Text(
        "Que tout a été envoyé sous l'attestation et le profil montrés ici : l'un d'eux a été "
        "remplacé {n} fois pendant la migration (constats « attestation-other »)."
        "|Que tout a été envoyé sous l'attestation et le profil montrés ici : ils ont été "
        "remplacés {n} fois pendant la migration (constats « attestation-other »).",
        "That all was sent under the attestation and profile shown here: one of them was replaced "
        "{n} time during the migration (findings “attestation-other”)."
        "|That all was sent under the attestation and profile shown here: they were replaced "
        "{n} times during the migration (findings “attestation-other”).",
    ),
    "not.adopted": Text(
        "Que ce registre a envoyé tous les objets : il en a repris d'un autre, {n} fois, parfois "
        "comparés à un rapport antérieur et non à la source (constats « adopted »)."
        "|Que ce registre a envoyé tous les objets : il en a repris d'autres, {n} fois, parfois "
        "comparés à un rapport antérieur et non à la source (constats « adopted »).",
        "That this ledger sent all objects: it adopted some of another one, {n} time, maybe "
        "compared with an earlier report and not with the source (findings “adopted”)."
        "|That this ledger sent all objects: it adopted some of others, {n} times, maybe "
        "compared with an earlier report and not with the source (findings “adopted”).",
    ),
    "not.before": Text(
        "Ce qui a été fait sous un autre registre : l'écriture lui a été reprise {n} fois "
        "(constats « taken-over »)."
        "|Ce qui a été fait sous d'autres registres : l'écriture leur a été reprise {n} fois "
        "(constats « taken-over »).",
        "What was done under another ledger: writing was taken over from it {n} time "
        "(findings “taken-over”)."
        "|What was done under other ledgers: writing was taken over from them {n} times "
        "(findings “taken-over”).",
    ),
    "not.alone": Text(
        "Que rien n'a été omis ni inventé avant la signature : qui détient à la fois le registre "
        "et la clé du rapport le peut. Ce qui le limite : la chaîne du journal, un point de "
        "contrôle signé par un témoin ou gardé par l'auditeur, un dossier antérieur, un "
        "horodatage. Ce qui change après la signature se voit (« Vérifier soi-même »).",
        "That nothing was left out or made up before signing: whoever holds both the ledger and "
        "the report's key can do that. What limits it: the journal's chain, a checkpoint that a "
        "witness signed or an auditor kept, an earlier bundle, a time-stamp. What is changed after "
        "signing shows (“Verify it yourself”).",
    ),
    "not.source": Text(
        "Que la source était complète et exacte : seul compte ici ce qu'elle a listé et livré.",
        "That the source was whole and right: only what it listed and delivered counts here.",
    ),
    "not.since": Text(
        "Ce qui est arrivé aux objets après leur vérification, et ce qui est écrit depuis ce "
        "rapport : un plus récent, que l'opérateur établit par « hdh-migrate report », citerait "
        "l'empreinte de cette déclaration (« Références »).",
        "What happened to the objects after they were verified, and what was written since this "
        "report: a newer one, which the operator makes with “hdh-migrate report”, would name this "
        "statement's digest (“References”).",
    ),
    "not.physical": Text(
        "Que ce qui a été supprimé ou effacé ne subsiste nulle part : d'ici, on ne voit ni les "
        "supports physiques, ni les sauvegardes et répliques des hébergeurs.",
        "That nothing is left anywhere of what was deleted or erased: neither the physical media "
        "nor the hosts' backups and replicas can be seen from here.",
    ),
    "not.when": Text(
        "La date : c'est l'horloge de l'outil. Le plan ne demande pas d'horodatage, et il n'y en "
        "avait pas quand cette page a été écrite.",
        "The date: it is the tool's own clock. The plan asks for no time-stamp, and there "
        "was none when this page was written.",
    ),
    "not.when.asked": Text(
        "La date : c'est l'horloge de l'outil. Le plan demande un horodatage : il est dans ce "
        "dossier si timestamp.tsr y est, et verify.py ou « audit verify » le vérifie.",
        "The date: it is the tool's own clock. The plan asks for a time-stamp: it is in this "
        "folder if timestamp.tsr is, and verify.py or “audit verify” checks it.",
    ),
    "not.law": Text(
        "Une qualification ou certification de l'hébergeur : ce rapport n'en juge pas.",
        "Any qualification or certification of the host: this report does not judge it.",
    ),
    # --- sums --------------------------------------------------------------------------------
    "bar": Text("Où en sont les objets", "Where the objects stand"),
    "n.inventoried": Text("{n} inventorié|{n} inventoriés", "{n} inventoried|{n} inventoried"),
    "n.verified": Text("{n} vérifié|{n} vérifiés", "{n} verified|{n} verified"),
    "n.excluded": Text("{n} exclu|{n} exclus", "{n} excluded|{n} excluded"),
    "n.pending": Text("{n} en attente", "{n} pending"),
    "n.failed": Text("{n} en échec", "{n} failed"),
    "n.objects": Text("{n} objet|{n} objets", "{n} object|{n} objects"),
    "contents": Text("Dans ce rapport", "In this report"),
    "group.story": Text("Ce qui s'est passé", "What happened"),
    "group.people": Text("Qui décide, qui lit", "Who decides, who reads"),
    "group.law": Text("Droit et hébergeurs", "Law and hosts"),
    "group.proof": Text("Preuve et mesures", "Proof and measures"),
    "group.kept": Text("À garder et à signer", "To keep and to sign"),
    "datasets": Text("Lots et jeux de données", "Batches and datasets"),
    "datasets.own": Text(
        "Les comptes comprennent les fichiers que l'outil pose à côté des objets "
        "(.hdh-migrate-sidecar) : vérifiés comme eux, ils n'existaient pas à la source.",
        "The counts include the files that the tool puts beside the objects "
        "(.hdh-migrate-sidecar): verified like them, they were not at the source.",
    ),
    "datasets.own.n": Text(
        "Dont {n} fichier de l'outil ({size}), posé à côté des objets (.hdh-migrate-sidecar) et "
        "vérifié comme eux ; à la source : {rest} ({rest_size}). Dans ce rapport, tout nombre "
        "d'objets vérifiés ou inventoriés le comprend."
        "|Dont {n} fichiers de l'outil ({size}), posés à côté des objets (.hdh-migrate-sidecar) "
        "et vérifiés comme eux ; à la source : {rest} ({rest_size}). Dans ce rapport, tout nombre "
        "d'objets vérifiés ou inventoriés les comprend.",
        "Of these {n} is a file of the tool ({size}), put beside the objects "
        "(.hdh-migrate-sidecar) and verified like them; at the source: {rest} ({rest_size}). "
        "Every count of verified or inventoried objects in this report includes it."
        "|Of these {n} are files of the tool ({size}), put beside the objects "
        "(.hdh-migrate-sidecar) and verified like them; at the source: {rest} ({rest_size}). "
        "Every count of verified or inventoried objects in this report includes them.",
    ),
    "datasets.own.by": Text("Par jeu de données :", "By dataset:"),
    "datasets.own.of": Text("{name} : {n}", "{name}: {n}"),
    "q.what.own": Text(
        "Y est compris {n} fichier de l'outil, qui n'était pas à la source ({size})."
        "|Y sont compris {n} fichiers de l'outil, qui n'étaient pas à la source ({size}).",
        "That includes {n} file of the tool, which was not at the source ({size})."
        "|That includes {n} files of the tool, which were not at the source ({size}).",
    ),
    "datasets.replaced": Text(
        "Parmi les « Vérifiés », depuis leur vérification : {changes} ; voir « Constats ».",
        "Of those “Verified”, since they were verified: {changes}; see “Findings”.",
    ),
    "datasets.follow": Text(
        "Pour suivre un objet : sa ligne dans manifest.jsonl, puis « hdh-migrate audit prove », "
        "qui montre qu'elle est sous la signature.",
        "To follow one object: its line in manifest.jsonl, then “hdh-migrate audit prove”, which "
        "shows that it is under the signature.",
    ),
    "batch": Text("Lot {name}", "Batch {name}"),
    "batch.stands": Text("Lot {name} : {said}.", "Batch {name}: {said}."),
    "batch.unlisted": Text("source non listée jusqu'au bout", "source not fully listed"),
    "batch.open": Text("non terminé ({open})", "not finished ({open})"),
    "batch.whole": Text(
        "tout ce qui devait l'être est vérifié", "all that was to be verified is verified"
    ),
    "batch.erased": Text(
        " ; jeu « {dataset} » rendu indéchiffrable", "; dataset “{dataset}” made undecipherable"
    ),
    "batch.cutover": Text(" ; bascule : {stage}", "; cutover: {stage}"),
    "dataset": Text("Jeu de données", "Dataset"),
    "col.inventoried": Text("Inventoriés", "Inventoried"),
    "col.verified": Text("Vérifiés", "Verified"),
    "col.excluded": Text("Exclus", "Excluded"),
    "col.failed": Text("En échec", "Failed"),
    "col.pending": Text("En attente", "Pending"),
    "col.size": Text("Taille vérifiée", "Size verified"),
    "total": Text("Total", "Total"),
    # --- endpoints ---------------------------------------------------------------------------
    "endpoints": Text("Points d'accès contactés", "Endpoints contacted"),
    "endpoints.why": Text(
        "Ce qui a été lu à la source est ce qui en est sorti, relectures comprises.",
        "What was read at the source is what left it, repeat reads included.",
    ),
    "endpoints.least": Text(
        "Ces nombres sont des minimums : ceux d'une exécution qui n'a pas dit sa fin (arrêtée net, "
        "ou en cours) n'y sont pas.",
        "These numbers are minimums: those of a run that never reported its end (cut off, or "
        "going on) are not included.",
    ),
    "endpoints.plain.source": Text(
        "La source a été lue sans TLS (http) : ce qui en est sorti a circulé en clair sur le "
        "réseau.",
        "The source was read without TLS (http): what left it crossed the network in the clear.",
    ),
    "endpoints.plain.source.here": Text(
        "La source a été lue sans TLS (http), à une adresse de cette machine : entre elle et "
        "l'outil, rien n'a quitté cette machine.",
        "The source was read without TLS (http), at an address of this machine: between it and the "
        "tool nothing left this machine.",
    ),
    "endpoints.plain.target.here": Text(
        "La cible a été jointe sans TLS (http), à une adresse de cette machine : entre l'outil et "
        "elle, rien n'a quitté cette machine.",
        "The target was reached without TLS (http), at an address of this machine: between the "
        "tool and it nothing left this machine.",
    ),
    "endpoints.plain.target": Text(
        "La cible a été jointe sans TLS (http) : seul ce que l'outil avait chiffré était protégé "
        "sur le réseau, non les noms ni les requêtes.",
        "The target was reached without TLS (http): only what the tool had encrypted was protected "
        "on the network, neither names nor requests.",
    ),
    "col.side": Text("Côté", "Side"),
    "tls.note": Text(
        "Version, suite de chiffrement et empreinte du certificat du serveur, lues sur les "
        "premières connexions.",
        "Version, cipher suite and digest of the server's certificate, as seen on the first "
        "connections.",
    ),
    "side.source": Text("source", "source"),
    "side.target": Text("cible", "target"),
    "col.kind": Text("Type", "Kind"),
    "col.address": Text("Adresse", "Address"),
    "col.region": Text("Région", "Region"),
    "col.read": Text("Lus", "Read"),
    "col.written": Text("Écrits", "Written"),
    # --- verification ------------------------------------------------------------------------
    "verification": Text("Comment l'intégrité a été vérifiée", "How integrity was verified"),
    "level": Text(
        "Le plan demande que chaque objet soit {level}.",
        "The plan asks that every object be {level}.",
    ),
    "level.where": Text(
        "Le déchiffrement a lieu en mémoire, sur les machines où tourne l'outil, avec la clé "
        "privée d'un destinataire. Ni l'envoi ni la vérification n'écrivent de contenu en clair "
        "sur un disque.",
        "Decryption takes place in memory, on the machines on which the tool runs, with a "
        "recipient's private key. Neither sending nor verifying writes content in the clear to a "
        "disk.",
    ),
    "asked.full": Text(
        "relu en entier, déchiffré et comparé", "read back whole, decrypted and compared"
    ),
    "asked.stored": Text(
        "relu en entier et comparé sans être déchiffré",
        "read back whole and compared without being decrypted",
    ),
    "asked.head": Text(
        "comparé par sa taille et sa marque de version (ETag), sans être relu",
        "compared by its size and version mark (ETag), without being read back",
    ),
    "col.level": Text("Contrôle", "Check"),
    "level.full": Text(
        "relu en entier, déchiffré, comparé : une preuve",
        "read back whole, decrypted, compared: proof",
    ),
    "level.stored": Text(
        "octets chiffrés relus et comparés, sans déchiffrement : un indice",
        "encrypted bytes read back and compared, not decrypted: an indication",
    ),
    "level.head": Text(
        "taille et marque de version (ETag) annoncées par la cible : une alarme, pas une preuve",
        "size and version mark (ETag) as the target states them: an alarm, not proof",
    ),
    "verdict.since": Text("Depuis ces verdicts, {changes}.", "Since these verdicts, {changes}."),
    "verdict.lost": Text(
        "vérifié, puis perdu (des deux côtés)", "verified, then lost (on both sides)"
    ),
    "digest.transfer": Text(
        "L'empreinte SHA-256 d'un objet a été calculée par l'outil en lisant la source."
        "|L'empreinte SHA-256 de {n} objets a été calculée par l'outil en lisant la source.",
        "The SHA-256 digest of {n} object was computed by the tool while reading the source."
        "|The SHA-256 digests of {n} objects were computed by the tool while reading the source.",
    ),
    "digest.transfer.own": Text(
        "L'empreinte SHA-256 d'un objet a été calculée par l'outil pendant l'envoi : en lisant "
        "la source, ou, pour un fichier de l'outil, en l'écrivant."
        "|L'empreinte SHA-256 de {n} objets a été calculée par l'outil pendant l'envoi : en lisant "
        "la source, ou, pour les fichiers de l'outil, en les écrivant.",
        "The SHA-256 digest of {n} object was computed by the tool while it was sent: reading the "
        "source, or, for a file of the tool, writing it."
        "|The SHA-256 digests of {n} objects were computed by the tool while they were sent: "
        "reading the source, or, for files of the tool, writing them.",
    ),
    "digest.verify": Text(
        "Celle d'un objet, envoyé en plusieurs parties, a été comparée "
        "partie par partie et calculée à la relecture."
        "|Celle de {n} objets, envoyés en plusieurs parties, a été comparée "
        "partie par partie et calculée à la relecture.",
        "That of {n} object, sent in several parts, was compared part by "
        "part and computed when it was read back."
        "|Those of {n} objects, sent in several parts, were compared "
        "part by part and computed when they were read back.",
    ),
    "findings.leased": Text(
        "Jeu « {name} » : ce que quelqu'un y tient à la source par un bail sans fin a été pris "
        "quand même, comme le plan le demande. Motif du plan :",
        "Dataset “{name}”: what somebody holds there at the source by a lease without end was "
        "taken all the same, as the plan asks. Reason in the plan:",
    ),
    "digest.md5": Text(
        "Les empreintes MD5 annoncées par la source n'engagent qu'elle.",
        "MD5 checksums stated by the source are its claims only.",
    ),
    "digest.claimed": Text(
        "{n} objet ({size}) a une empreinte MD5 annoncée par la source, et les octets lus y "
        "correspondent."
        "|{n} objets ({size}) ont une empreinte MD5 annoncée par la source, et les octets lus y "
        "correspondent.",
        "{n} object ({size}) has an MD5 checksum stated by the source, and the bytes read match "
        "it."
        "|{n} objects ({size}) have MD5 checksums stated by the source, and the bytes read match "
        "them.",
    ),
    "digest.others.once": Text(
        "Pour {n} objet ({size}), elle n'en annonce pas, ou aucune qui ait été comparée : ses "
        "octets ont été lus une fois, et une lecture qu'elle aurait faussée ne se verrait pas ici."
        "|Pour {n} objets ({size}), elle n'en annonce pas, ou aucune qui ait été comparée : leurs "
        "octets ont été lus une fois, et une lecture qu'elle aurait faussée ne se verrait pas ici.",
        "Of {n} object ({size}) it states none, or none that was compared: its bytes were read "
        "once, and a read that the source got wrong would not show here."
        "|Of {n} objects ({size}) it states none, or none that were compared: their bytes were "
        "read once, and a read that the source got wrong would not show here.",
    ),
    "digest.others.again": Text(
        "Pour {n} objet ({size}), elle n'en annonce pas, ou aucune qui ait été comparée : ses "
        "octets ont été lus deux fois, et sont les mêmes."
        "|Pour {n} objets ({size}), elle n'en annonce pas, ou aucune qui ait été comparée : leurs "
        "octets ont été lus deux fois, et sont les mêmes.",
        "Of {n} object ({size}) it states none, or none that was compared: its bytes were read "
        "twice, and are the same."
        "|Of {n} objects ({size}) it states none, or none that were compared: their bytes were "
        "read twice, and are the same.",
    ),
    "digest.others.range-md5": Text(
        "Pour {n} objet ({size}), elle n'en annonce pas, ou aucune qui ait été comparée ; faute "
        "d'annonce, les octets ont été comparés, plage par plage, à l'empreinte MD5 qu'elle en "
        "calcule."
        "|Pour {n} objets ({size}), elle n'en annonce pas, ou aucune qui ait été comparée ; faute "
        "d'annonce, les octets ont été comparés, plage par plage, à l'empreinte MD5 qu'elle en "
        "calcule.",
        "Of {n} object ({size}) it states none, or none that was compared; where none is stated, "
        "the bytes were compared, range by range, with the MD5 that the source computes of them."
        "|Of {n} objects ({size}) it states none, or none that were compared; where none are "
        "stated, the bytes were compared, range by range, with the MD5 that the source computes of "
        "them.",
    ),
    # --- findings and exclusions -------------------------------------------------------------
    "findings": Text("Constats", "Findings"),
    "remedy.safe": Text("Ce qui est sûr : {what}.", "What is safe: {what}."),
    "remedy.next": Text("Que faire : {what}.", "What to do: {what}."),
    "findings.none": Text("Aucun constat encore ouvert.", "No finding is open."),
    "findings.missed": Text(
        "Contrôle de la cible du {when}, lot {name} : {found} ;",
        "Check of the target of {when}, batch {name}: {found};",
    ),
    "findings.mended": Text(
        "tout y est de nouveau vérifié depuis.", "since then all of it is verified there again."
    ),
    "findings.mended.by": Text(
        "tout y est de nouveau vérifié depuis le {when}, par l'exécution commencée le {run} sous "
        "le nom de session {user}.",
        "all of it is verified there again since {when}, by the run begun on {run} under the login "
        "{user}.",
    ),
    "findings.unmended": Text(
        "rien ne montre encore que tout y soit de nouveau vérifié.",
        "nothing shows yet that all of it is verified there again.",
    ),
    "findings.missed.ids": Text("Numéro :|Numéros :", "Number:|Numbers:"),
    "missed.gone": Text("absent", "gone"),
    "missed.damaged": Text("altéré", "damaged"),
    "findings.missed.names": Text(
        "Ce dossier ne connaît pas la cause. Les objets de nouveau vérifiés sont parmi les lignes "
        "de manifest.jsonl dont « verified_at » suit le contrôle ; d'un numéro, l'opérateur "
        "obtient le nom par {ls}.",
        "This folder does not know the cause. The objects that are verified again are among the "
        "lines of manifest.jsonl whose “verified_at” is after the check; the operator gets the "
        "name of a number by {ls}.",
    ),
    "banner.looks": Text(
        "au contrôle du {when}|à {n} contrôles, le premier le {when}",
        "at the check of {when}|at {n} checks, the first on {when}",
    ),
    "banner.looks.untold": Text("à un contrôle", "at a check"),
    "banner.mended": Text(
        "{n} objet vérifié manquait sur la cible, ou n'y était plus intact, {looks} ; il y est de "
        "nouveau vérifié."
        "|{n} objets vérifiés manquaient sur la cible, ou n'y étaient plus intacts, {looks} ; ils "
        "y sont de nouveau vérifiés.",
        "{n} verified object was missing at the target, or not intact, {looks}; it is verified "
        "there again."
        "|{n} verified objects were missing at the target, or not intact, {looks}; they are "
        "verified there again.",
    ),
    "findings.first": Text(
        "Les {n} premiers sur {all} ; tous sont dans findings.jsonl.",
        "The first {n} of {all}; all of them are in findings.jsonl.",
    ),
    "col.code": Text("Code", "Code"),
    "col.object": Text("Objet", "Object"),
    "col.message": Text("Constat", "Finding"),
    "exclusions": Text("Exclusions par règle", "Exclusions by rule"),
    "exclusions.none": Text("Aucun objet exclu.", "No object excluded."),
    "exclusions.where": Text(
        "Chaque objet exclu est dans exclusions.jsonl. Qui a écrit ces règles n'est consigné nulle "
        "part : le plan, dont l'opérateur dispose, les porte.",
        "Each excluded object is in exclusions.jsonl. Who wrote these rules is recorded nowhere: "
        "they stand in the plan, which is in the operator's hands.",
    ),
    "exclusions.no-rule": Text("aucune règle", "no rule"),
    "col.rule": Text("Règle", "Rule"),
    "col.reason": Text("Motif", "Reason"),
    "col.objects": Text("Objets", "Objects"),
    "col.bytes": Text("Taille", "Size"),
    # --- verify it yourself ------------------------------------------------------------------
    "verify": Text("Vérifier soi-même", "Verify it yourself"),
    "verify.where": Text(
        "Dans le dossier de ce rapport, sous Linux, avec OpenSSL 3 et Python 3 :",
        "In the folder of this report, on Linux, with OpenSSL 3 and Python 3:",
    ),
    "verify.sums": Text(
        "Les fichiers sont ceux qui ont été écrits (chaque ligne finit par OK) :",
        "The files are those that were written (each line ends in OK):",
    ),
    "verify.key": Text(
        "La clé publique (Ed25519), reçue par une autre voie et posée à côté du dossier "
        "(report.pub), est la bonne : l'empreinte affichée doit être {fingerprint}.",
        "The public key (Ed25519), received by another route and put beside the folder "
        "(report.pub), is the right one: the fingerprint printed must be {fingerprint}.",
    ),
    "verify.signature": Text(
        "Cette clé a signé la déclaration, et la déclaration porte sur ces fichiers (chaque ligne "
        "finit par OK ou « Réussi », la dernière est « Signature Verified Successfully ») :",
        "This key signed the statement, and the statement is about these files (each line ends in "
        "OK, the last one is “Signature Verified Successfully”):",
    ),
    "verify.all": Text(
        "Tout le reste d'un coup, avec Python 3 et son paquet cryptography : verify.py refait "
        "chaque calcul et dit ce qui n'a pas été vérifié (si vous doutez de l'opérateur, prenez "
        "verify.py chez l'éditeur de l'outil plutôt que dans ce dossier) ; la dernière ligne doit "
        "être {last}, ce qui veut dire que le dossier est en règle :",
        "All the rest at once, with Python 3 and its package cryptography: verify.py computes "
        "everything again and says what was not checked (if you doubt the operator, take "
        "verify.py from the tool's publisher rather than from this folder); the last line must be "
        "{last}:",
    ),
    "verify.draft": Text(
        "Il n'y a pas de signature à vérifier : ce rapport est un brouillon.",
        "There is no signature to verify: this report is a draft.",
    ),
    "verify.file": Text(
        "Pour un fichier rendu à sa forme d'origine, sha256sum donne la valeur « sha256 » de sa "
        "ligne dans manifest.jsonl ; pour l'objet chiffré, la valeur « stored_sha256 ».",
        "For a file in its original form, sha256sum gives the “sha256” value of its line in "
        "manifest.jsonl; for the encrypted object, the “stored_sha256” value.",
    ),
    "verify.prove": Text(
        "Un fichier pris au hasard : la première commande, de cet outil, attend son nom tel qu'à "
        "la source (puis Ctrl-D) et en écrit la preuve ; la seconde compare celle-ci à la racine "
        "de cette déclaration :",
        "A file picked at random: the first command, of this tool, waits for its name as at the "
        "source (then Ctrl-D) and writes its proof; the second compares that proof with the root "
        "of this statement:",
    ),
    "verify.open": Text(
        "Un objet s'ouvre sans cet outil : avec la clé privée d'un destinataire et tout logiciel "
        "qui connaît le format ouvert Crypt4GH de la GA4GH ; avec celui de référence (crypt4gh) :",
        "An object opens without this tool: with a recipient's private key and any software that "
        "knows the open format Crypt4GH of GA4GH; with the reference one (crypt4gh):",
    ),
    # --- references --------------------------------------------------------------------------
    "references": Text("Références", "References"),
    "ref.plan": Text("Empreinte du plan", "Plan digest"),
    "ref.root": Text("Racine de Merkle du manifeste", "Merkle root of the manifest"),
    "ref.records": Text("Lignes du manifeste", "Lines of the manifest"),
    "ref.journal": Text("Dernière entrée du journal", "Head of the journal"),
    "ref.journal.events": Text("{n} événement|{n} événements", "{n} event|{n} events"),
    "ref.this": Text("Cette déclaration", "This statement"),
    "ref.this.value": Text(
        "Son empreinte, que le rapport suivant citera, ne peut figurer sur une page qu'elle "
        "couvre ; cette commande la donne :",
        "Its digest, which the next report will name, cannot appear on a page that it covers; "
        "this command gives it:",
    ),
    "ref.previous": Text("Déclaration précédente", "Previous statement"),
    "ref.previous.none": Text("aucune : c'est la première", "none: this is the first"),
    "ref.seal": Text("Chiffrement", "Encryption"),
    "seal.none": Text("aucun", "none"),
    "seal.crypt4gh": Text(
        "Crypt4GH (X25519, ChaCha20-Poly1305)", "Crypt4GH (X25519, ChaCha20-Poly1305)"
    ),
    "seal.crypt4gh.apart": Text(
        "segments Crypt4GH (ChaCha20-Poly1305) sans en-tête ; en-têtes à part, dans des paquets",
        "segments of Crypt4GH (ChaCha20-Poly1305) without a header; headers apart, in packs",
    ),
    "attestation.rehearsal": Text(
        "le plan en nomme une ({file}) ; le rapport d'une répétition ne la porte pas",
        "the plan names one ({file}); the report of a rehearsal does not carry it",
    ),
    "attestation.none": Text("aucune n'a été jointe", "none was given"),
    "attestation.file": Text("empreinte du fichier", "digest of the file"),
    "ref.attestation": Text("Attestation du client", "The customer's attestation"),
    "ref.attestation.value": Text(
        "Service « {service} » ; SecNumCloud : {visa}, jusqu'au {visa_end} ; HDS : {hds}, jusqu'au "
        "{hds_end}. L'outil a comparé hôte, région et dates ; il ne juge pas la qualification.",
        "Service “{service}”; SecNumCloud: {visa}, until {visa_end}; HDS: {hds}, until {hds_end}. "
        "The tool compared host, region and dates; it does not judge the qualification.",
    ),
    "ref.tunnel": Text("Tunnel", "Tunnel"),
    "ref.tunnel.value": Text(
        "{local}, sur cette machine, mène à {leads_to} : c'est le client qui l'atteste, l'outil ne "
        "peut pas le voir.",
        "{local}, on this machine, leads to {leads_to}: the customer attests it, the tool cannot "
        "see it.",
    ),
    "ref.recipients": Text("Clés des destinataires", "Recipients' keys"),
    "ref.proved": Text("Clé essayée", "Key tried"),
    **ANNEXES,
    **AT_SOURCE,
    **TAKEN_BACK,
    **BASES,
    **CUSTODY,
    **DEPARTED,
    **ENDED,
    **ENDINGS,
    **ERASED,
    **GONE_WORDS,
    **OWN_FILES,
    **OVER_TIME,
    **READERS,
    **RIGHTS,
    **HEADERS,
    **PARTIES,
    **PASSED,
    **REFUSED,
    **SIGNING_KEYS,
    **GLOSSARY,
    **TIMELINE,
    **AHEAD,
    **SIDES,
    **LEFT,
    **JUDGED,
    **OWNING,
    **HOLDERS,
    **LEAVING,
    **WAIVED,
}
