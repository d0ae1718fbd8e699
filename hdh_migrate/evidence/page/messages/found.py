"""Messages of what this tool itself found: inventory, transfer, verify, looks and decommission."""

from __future__ import annotations

from typing import Final

from hdh_migrate.evidence.page.messages.form import MessageForm

OF_STEPS: Final = (
    # --- names and kinds that inventory refuses ----------------------------------------------
    MessageForm(
        "the target key is longer than the target takes",
        "le nom sur la cible serait plus long que ce qu'elle accepte",
    ),
    MessageForm("the key has a control character", "le nom contient un caractère de contrôle"),
    MessageForm(
        "the key has a '.' or '..' segment, which clients rewrite",
        "le nom contient un segment « . » ou « .. », que des logiciels clients réécrivent",
    ),
    MessageForm("the key is not UTF-8 text", "le nom n'est pas du texte UTF-8"),
    MessageForm(
        "the target key lies where the tool keeps what is its own",
        "le nom sur la cible tombe là où l'outil garde ce qui est à lui",
    ),
    MessageForm(
        "the object is larger than the target can hold",
        "l'objet est plus grand que ce que la cible peut contenir",
    ),
    MessageForm(
        "the target key equals another one but for case or Unicode form",
        "le nom sur la cible est celui d'un autre objet, à la casse ou à la forme Unicode près",
    ),
    MessageForm(
        "somebody holds it at the source by a lease without end",
        "quelqu'un le retient à la source par un bail sans fin",
    ),
    MessageForm(
        "the object is empty and has the name of a freeze trial's own",
        "l'objet est vide et porte un nom réservé aux essais d'écriture",
    ),
    MessageForm("not a plain object: {kind:word}", "sorte annoncée par la source : {kind}"),
    # --- what inventory notes ----------------------------------------------------------------
    MessageForm(
        "{n:number} [object has|objects have] {loss:term}",
        "{n} objet a {loss}|{n} objets ont {loss}",
    ),
    MessageForm(
        "{n:number} more [object has|objects have] {loss:term}",
        "{n} objet de plus a {loss}|{n} objets de plus ont {loss}",
    ),
    MessageForm(
        "the credential may not read index tags (sp=t); they are not moved",
        "l'accès à la source ne permet pas de lire les étiquettes d'index (sp=t) : elles ne sont"
        " pas déplacées",
    ),
    MessageForm(
        "the source's account has no index tags, so there are none to move",
        "le compte de la source n'a pas d'étiquettes d'index : il n'y en a pas à déplacer",
    ),
    MessageForm(
        "two listings differ: {one:number} and {other:number} [object|objects]",
        "deux listes diffèrent : {one} et {other} objets",
    ),
    MessageForm(
        "two listings of {n:number} [object|objects] differ in a name, size, version, type or MD5",
        "deux listes de {n} objets diffèrent par un nom, une taille, une version, un type ou un"
        " MD5",
    ),
    MessageForm(
        "{rule:quoted} matches none of the dataset's objects",
        "{rule} ne correspond à aucun objet du jeu",
    ),
    MessageForm(
        "{rule:word}: {n:number} [key of its list is|keys of its list are] not at the source"
        " ([entry|entries] {places:numbers} of the list)",
        "{rule} : {n} clé de sa liste n'est pas à la source (entrée {places} de la liste)"
        "|{rule} : {n} clés de sa liste ne sont pas à la source (entrées {places} de la liste)",
    ),
    MessageForm(
        "{rule:word}: {n:number} [key of its list is|keys of its list are] not at the source"
        " ([entry|entries] {places:numbers} and {more:number} more)",
        "{rule} : {n} clés de sa liste ne sont pas à la source (entrées {places} et {more} autres)",
    ),
    MessageForm(
        "{n:number} [object is|objects are] beside the folder that the prefix names: it ends"
        " without a slash, so it takes every key that begins with it",
        "{n} objet est à côté du dossier que nomme le préfixe : sans barre finale, celui-ci prend"
        " toute clé qui commence par lui"
        "|{n} objets sont à côté du dossier que nomme le préfixe : sans barre finale, celui-ci"
        " prend toute clé qui commence par lui",
    ),
    MessageForm(
        "bucket {bucket:word} would hold {n:number} [object|objects]; at most {most:number}"
        " [is|are] advised, versions and delete markers included: spread the datasets over more"
        " buckets",
        "le compartiment {bucket} contiendrait {n} objets ; son hébergeur en conseille au plus"
        " {most}, versions et marques de suppression comprises : répartir les jeux sur plusieurs"
        " compartiments",
    ),
    MessageForm(
        "the source's own report of {at:moment} and the inventory differ: {beside:number}"
        " [object is|objects are] in the report only, {lacking:number} in the inventory only,"
        " {unlike:number} [has|have] another size or version, {twice:number} [is|are] told twice",
        "le rapport de la source du {at} et l'inventaire diffèrent : {beside} dans le rapport"
        " seulement, {lacking} dans l'inventaire seulement, {unlike} d'une autre taille ou"
        " version, {twice} cités deux fois",
    ),
    MessageForm("not moved: {left:terms}", "non déplacés : {left}"),
    MessageForm(
        "of the container itself, not moved: {left:terms}",
        "du conteneur lui-même, non déplacés : {left}",
    ),
    MessageForm(
        "the credential does not let read what the container itself has (metadata, access,"
        " policies, holds); nothing of that is moved",
        "l'accès ne permet pas de lire ce que porte le conteneur lui-même (métadonnées, accès,"
        " règles, blocages) ; rien de cela n'est déplacé",
    ),
    MessageForm(
        "the source does not let read: {left:terms}", "la source ne laisse pas lire : {left}"
    ),
    MessageForm(
        "as of {at:moment}: {now:number} [object as it is|objects as they are] now,"
        " {earlier:number} of an earlier version",
        "au {at} : {now} objet tel qu'il est aujourd'hui, {earlier} d'une version antérieure"
        "|au {at} : {now} objets tels qu'ils sont aujourd'hui, {earlier} d'une version"
        " antérieure",
    ),
    MessageForm(
        "as of {at:moment}: {now:number} [object as it is|objects as they are] now,"
        " {earlier:number} of an earlier version; no version and no snapshot is there: what was"
        " deleted since then cannot be seen",
        "au {at} : {now} objet tel qu'il est aujourd'hui, {earlier} d'une version antérieure ; il"
        " n'y a ni version ni instantané, et ce qui a été supprimé depuis ne peut pas se voir"
        "|au {at} : {now} objets tels qu'ils sont aujourd'hui, {earlier} d'une version"
        " antérieure ; il n'y a ni version ni instantané, et ce qui a été supprimé depuis ne peut"
        " pas se voir",
    ),
    MessageForm(
        "{n:number} [object is moved that has|objects are moved that have] no current version: the"
        " source does not say whether [it was|they were] deleted before {at:moment} or after it",
        "{n} objet sans version courante est déplacé : la source ne dit pas s'il a été supprimé"
        " avant le {at} ou après"
        "|{n} objets sans version courante sont déplacés : la source ne dit pas s'ils ont été"
        " supprimés avant le {at} ou après",
    ),
    MessageForm(
        "all versions: {names:number} [name|names] with {current:number} current"
        " [version|versions], {earlier:number} earlier [one|ones] and {snapshots:number}"
        " [snapshot|snapshots]",
        "toutes les versions : noms, {names} ; versions courantes, {current} ; versions"
        " antérieures, {earlier} ; instantanés, {snapshots}",
    ),
    MessageForm(
        "{n:number} [name has|names have] versions and no current one: somebody deleted"
        " [it|them]; at the target [its last version|the last version of each] is current",
        "{n} nom a des versions et aucune n'est courante, car quelqu'un l'a supprimé : sur la"
        " cible,"
        " la dernière est courante"
        "|{n} noms ont des versions et aucune n'est courante, car quelqu'un les a supprimés : à la"
        " cible, la dernière de chacun est courante",
    ),
    MessageForm(
        "there is no such version of a source object",
        "l'objet n'a pas cette version à la source",
    ),
    # --- all versions at the target ----------------------------------------------------------
    MessageForm(
        "the target has none of the versions that come before this one any more",
        "la cible n'a plus aucune des versions qui précèdent celle-ci",
    ),
    MessageForm(
        "what is current at the target under this name is not the version that comes before this"
        " one: sent now, it would not stand where the source has it",
        "ce qui est courant sur la cible sous ce nom n'est pas la version qui précède celle-ci :"
        " envoyée maintenant, elle n'y serait pas à la place qu'elle a à la source",
    ),
    MessageForm(
        "a version of this name that comes before it is not at the target",
        "une version antérieure du même nom n'est pas sur la cible",
    ),
    MessageForm(
        "the target's bucket keeps no versions (any more): it would have the last one alone",
        "le compartiment de la cible ne garde pas (ou plus) de versions : il n'aurait que la"
        " dernière",
    ),
    MessageForm(
        "its versions do not stand at the target in the order of the source",
        "ses versions ne sont pas sur la cible dans l'ordre de la source",
    ),
    MessageForm(
        "{n:number} [version at the target was left by an attempt|versions at the target were left"
        " by attempts] that [was|were] cut off; [it|each] stands right before the one that was sent"
        " again, which the manifest has",
        "{n} version sur la cible vient d'une tentative interrompue ; elle précède celle qui a été"
        " renvoyée, que le manifeste cite"
        "|{n} versions sur la cible viennent de tentatives interrompues ; chacune précède celle"
        " qui a"
        " été renvoyée, que le manifeste cite",
    ),
    MessageForm(
        "{n:number} [version at the target is|versions at the target are] none of this migration,"
        " and {deleted:number} [name was|names were] deleted there since",
        "{n} version sur la cible n'est pas de cette migration ; noms qui y ont été supprimés"
        " depuis : {deleted}"
        "|{n} versions sur la cible ne sont pas de cette migration ; noms qui y ont été supprimés"
        " depuis : {deleted}",
    ),
    MessageForm(
        "SFTP tells no version: a file counts as unchanged while its size and its time of change,"
        " in whole seconds, are the same; its bytes are read once",
        "SFTP ne donne pas de version : un fichier compte comme inchangé tant que sa taille et sa"
        " date de modification, à la seconde, sont les mêmes ; ses octets sont lus une fois",
    ),
    MessageForm(
        "SFTP tells no version: a file counts as unchanged while its size and its time of change,"
        " in whole seconds, are the same; its bytes are read a second time when it is verified,"
        " and compared",
        "SFTP ne donne pas de version : un fichier compte comme inchangé tant que sa taille et sa"
        " date de modification, à la seconde, sont les mêmes ; ses octets sont relus à la"
        " vérification et comparés",
    ),
    MessageForm(
        "SFTP tells no version: a file counts as unchanged while its size and its time of change,"
        " in whole seconds, are the same; its bytes are read once; owners, modes and empty"
        " directories are not read",
        "SFTP ne donne pas de version : un fichier compte comme inchangé tant que sa taille et sa"
        " date de modification, à la seconde, sont les mêmes ; ses octets sont lus une fois ;"
        " propriétaires, droits et répertoires vides ne sont pas lus",
    ),
    MessageForm(
        "SFTP tells no version: a file counts as unchanged while its size and its time of change,"
        " in whole seconds, are the same; its bytes are read a second time when it is verified,"
        " and compared; owners, modes and empty directories are not read",
        "SFTP ne donne pas de version : un fichier compte comme inchangé tant que sa taille et sa"
        " date de modification, à la seconde, sont les mêmes ; ses octets sont relus à la"
        " vérification et comparés ; propriétaires, droits et répertoires vides ne sont pas lus",
    ),
    # --- why the plan left something behind --------------------------------------------------
    MessageForm(
        "it matches none of the dataset's `include` globs",
        "aucun motif `include` du jeu ne lui correspond",
    ),
    MessageForm(
        "it matches none of the dataset's `include` rules",
        "aucune règle `include` du jeu ne lui correspond",
    ),
    MessageForm(
        "a directory of a hierarchical namespace: it has no content",
        "dossier d'un espace de noms hiérarchique : il n'a pas de contenu",
    ),
    # --- transfer ----------------------------------------------------------------------------
    MessageForm(
        "the source gave other bytes for a part than before, under the same version",
        "la source a donné pour une partie d'autres octets qu'auparavant, sous la même version",
    ),
    MessageForm(
        "the source changed during each of {n:number} [attempt|attempts]",
        "la source a changé pendant la tentative"
        "|la source a changé pendant chacune des {n} tentatives",
    ),
    MessageForm(
        "the target dropped the object's upload {n:number} [time|times]",
        "la cible a abandonné {n} fois l'envoi de l'objet",
    ),
    MessageForm(
        "{n:number} worker [process|processes], or {m:number} [machine|machines], were lost with"
        " this object",
        "{n} processus de travail, ou {m} machines, ont été perdus avec cet objet",
    ),
    MessageForm(
        "{n:number} worker [process|processes] died with this object",
        "{n} processus de travail se sont arrêtés sur cet objet",
    ),
    MessageForm(
        "the source's Content-MD5 is not that of the bytes it gives, twice the same; if the claim"
        " is known to be wrong, say so in the dataset's `ignore_md5`",
        "le Content-MD5 de la source n'est pas celui des octets qu'elle donne, deux fois les"
        " mêmes ; s'il est connu pour faux, l'indiquer dans `ignore_md5` du jeu",
    ),
    MessageForm(
        "{n:number} multipart [upload|uploads] that this ledger did not begin [stands|stand] open"
        " in the dataset's place at the target, since {at:moment}",
        "{n} envoi en plusieurs parties, que ce registre n'a pas commencé, est ouvert à la place"
        " du jeu sur la cible, depuis le {at}",
    ),
    MessageForm(
        "{n:number} multipart [upload|uploads] that this ledger did not begin [stands|stand] open"
        " in the dataset's place at the target, the oldest since {at:moment}",
        "{n} envois en plusieurs parties, que ce registre n'a pas commencés, sont ouverts à la"
        " place du jeu sur la cible, le plus ancien depuis le {at}",
    ),
    MessageForm(
        "batch {batch:word} is to be verified by {due:moment}; at the measured pace it is in no"
        " window that is still to open",
        "le lot {batch} doit être vérifié avant le {due} ; au rythme mesuré, il ne l'est dans"
        " aucune des plages qui restent à ouvrir",
    ),
    MessageForm(
        "batch {batch:word} is to be verified by {due:moment}; at the measured pace it is about"
        " {when:moment}",
        "le lot {batch} doit être vérifié avant le {due} ; au rythme mesuré, il le sera vers le"
        " {when}",
    ),
    MessageForm(
        "batch {batch:word} needs batch {needed:word}, of which {lack:message}",
        "le lot {batch} a besoin du lot {needed} : {lack}",
    ),
    MessageForm(
        "batch {batch:word} is not to be moved before {at:moment}",
        "le lot {batch} n'est pas à déplacer avant le {at}",
    ),
    MessageForm(
        "{n:number} [dataset is|datasets are] not inventoried",
        "{n} jeu n'est pas inventorié|{n} jeux ne sont pas inventoriés",
    ),
    MessageForm(
        "{n:number} [dataset is|datasets are] not inventoried and {rest:message}",
        "{n} jeu n'est pas inventorié et {rest}|{n} jeux ne sont pas inventoriés et {rest}",
    ),
    MessageForm(
        "{n:number} [object is|objects are] not verified",
        "{n} objet n'est pas vérifié|{n} objets ne sont pas vérifiés",
    ),
    MessageForm(
        "bucket {bucket:word}: the host keeps no conditions on writes, so the fence is watched and"
        " not enforced: two writers that begin within seconds may both write until the next look",
        "compartiment {bucket} : l'hébergeur n'applique pas les conditions d'écriture, la barrière"
        " est donc surveillée et non imposée : deux rédacteurs qui commencent à quelques secondes"
        " près peuvent écrire tous deux jusqu'au prochain contrôle",
    ),
    MessageForm(
        "bucket {bucket:word}: from ledger {ledger:word}; written in epoch {epoch:number} since",
        "compartiment {bucket} : repris au registre {ledger} ; écrit depuis sous l'époque {epoch}",
    ),
    MessageForm(
        "bucket {bucket:word}: from nobody that can be told; written in epoch {epoch:number} since",
        "compartiment {bucket} : repris à un rédacteur que rien ne nomme ; écrit depuis sous"
        " l'époque {epoch}",
    ),
    MessageForm(
        "{field:word}: {old:word} until now, {new:word} from here on",
        "{field} : {old} jusqu'ici, {new} désormais",
    ),
    MessageForm(
        "batch {batch:word}: {n:number} [object|objects], {by:number} of them compared with the"
        " digests of an earlier report and not with the source",
        "lot {batch} : {n} objet, dont {by} comparé aux empreintes d'un rapport antérieur et non"
        " à la source"
        "|lot {batch} : {n} objets, dont {by} comparés aux empreintes d'un rapport antérieur et"
        " non à la source",
    ),
    # --- verify ------------------------------------------------------------------------------
    MessageForm("the target does not hold the object", "la cible ne contient pas l'objet"),
    MessageForm(
        "the target holds another object than the one that was sent",
        "la cible contient un autre objet que celui qui a été envoyé",
    ),
    MessageForm("[part|parts] {parts:numbers} [differs|differ]", "parties qui diffèrent : {parts}"),
    MessageForm("the plaintext digest differs", "l'empreinte du clair diffère"),
    MessageForm("the stored bytes differ", "les octets stockés diffèrent"),
    MessageForm("size or version differs", "la taille ou la version diffère"),
    MessageForm(
        "the source gave other bytes when it was read again",
        "la source a donné d'autres octets quand elle a été relue",
    ),
    MessageForm(
        "the source changed before it could be read again",
        "la source a changé avant de pouvoir être relue",
    ),
    MessageForm(
        "{n:number} metadata [value is|values are] not at the target",
        "{n} valeur de métadonnées n'est pas sur la cible"
        "|{n} valeurs de métadonnées ne sont pas sur la cible",
    ),
    MessageForm(
        "the target writes `_` in the names of metadata as `-`; {n:number}"
        " [object has|objects have] such names",
        "la cible écrit « - » pour « _ » dans les noms de métadonnées ; {n} objet a de tels noms"
        "|la cible écrit « - » pour « _ » dans les noms de métadonnées ; {n} objets ont de tels"
        " noms",
    ),
    MessageForm(
        "the target writes `_` in the names of metadata as `-`",
        "la cible écrit « - » pour « _ » dans les noms de métadonnées",
    ),
    MessageForm(
        "tags that are not at the target as they were sent: {lost:number} of {sent:number}",
        "étiquettes qui ne sont pas sur la cible comme envoyées : {lost} sur {sent}",
    ),
    MessageForm(
        "tags that are not at the target as they were sent: {lost:number} of {sent:number}; tags"
        " there that were not sent: {more:number}",
        "étiquettes qui ne sont pas sur la cible comme envoyées : {lost} sur {sent} ; étiquettes"
        " en trop : {more}",
    ),
    MessageForm(  # this one and the next: of an earlier version
        "{lost:number} of {sent:number} tags are not at the target as they were sent",
        "étiquettes qui ne sont pas sur la cible comme envoyées : {lost} sur {sent}",
    ),
    MessageForm(
        "{lost:number} of {sent:number} tags are not at the target as they were sent, and"
        " {more:number} are there that were not",
        "étiquettes qui ne sont pas sur la cible comme envoyées : {lost} sur {sent} ; étiquettes"
        " en trop : {more}",
    ),
    MessageForm(
        "the target does not show its tags: {error:message}",
        "la cible ne montre pas ses étiquettes : {error}",
    ),
    MessageForm(
        "the target does not show how it is kept: {error:message}",
        "la cible ne montre pas comment il est conservé : {error}",
    ),
    MessageForm(
        "the retention mode is none, not {wanted:word}",
        "aucun mode de conservation, au lieu de {wanted}",
    ),
    MessageForm(
        "the retention mode is {mode:word}, not {wanted:word}",
        "le mode de conservation est {mode}, au lieu de {wanted}",
    ),
    MessageForm(
        "it is kept until {until:moment}, not {wanted:moment}",
        "conservé jusqu'au {until}, au lieu du {wanted}",
    ),
    MessageForm(
        "it is kept until {until:moment}, not as planned",
        "conservé jusqu'au {until}, au lieu de ce qui est prévu",
    ),
    MessageForm(
        "it is kept until never, not {wanted:moment}",
        "conservé sans aucune échéance, au lieu du {wanted}",
    ),
    MessageForm(
        "it is kept until never, not as planned",
        "conservé sans aucune échéance, au lieu de ce qui est prévu",
    ),
    MessageForm("there is no legal hold", "il n'y a pas de blocage légal"),
    # --- later looks, and what vanished ------------------------------------------------------
    MessageForm(
        "somebody else's object is under the key; nothing was overwritten. Keep it aside and send"
        ' ours again: "verify PLAN --again --restore {number:word}". Take it as it is:'
        ' "verify PLAN --again --accept {again:word} --reason TEXT"',
        "un autre objet est sous ce nom ; l'outil n'a rien écrasé. Pour le mettre de côté et"
        " renvoyer le nôtre : `hdh-migrate verify PLAN --again --restore {number}`. Pour le prendre"
        " tel quel : `hdh-migrate verify PLAN --again --accept {again} --reason MOTIF`",
    ),
    MessageForm(
        "its bytes are those that were verified, and the metadata or tags beside them are not those"
        ' that were sent. Keep what is there aside and send ours again: "verify PLAN --again'
        ' --restore {number:word}". Take it as it is: "verify PLAN --again --accept {again:word}'
        ' --reason TEXT"',
        "ses octets sont ceux qui ont été vérifiés, mais les métadonnées ou les étiquettes à côté"
        " ne sont plus celles qui ont été envoyées. Pour mettre de côté ce qui s'y trouve et"
        " renvoyer le nôtre : `hdh-migrate verify PLAN --again --restore {number}`. Pour le prendre"
        " tel quel : `hdh-migrate verify PLAN --again --accept {again} --reason MOTIF`",
    ),
    MessageForm(
        "the target's verified copy was found gone, damaged or replaced, and the source has the"
        " object no more: neither side is known to hold it as it was verified",
        "la copie vérifiée a été trouvée absente, altérée ou remplacée sur la cible, et la source"
        " n'a plus l'objet : on ne sait d'aucun des deux côtés qu'il le contient tel que vérifié",
    ),
    MessageForm(
        "the target's object could not be read again; the next look tries it again",
        "l'objet de la cible n'a pas pu être relu ; le prochain contrôle essaie encore",
    ),
    MessageForm(
        "the ledger has no digest of all stored bytes to compare with: only a new transfer could"
        " prove it",
        "le registre n'a pas l'empreinte de tous les octets stockés : seul un nouveau transfert"
        " pourrait le prouver",
    ),
    MessageForm("accepted by {user:name}: {reason:quoted}", "accepté par {user} : {reason}"),
    MessageForm(
        "the source no longer has the object; the target keeps it",
        "la source n'a plus l'objet ; la cible le garde",
    ),
    MessageForm(
        "gone from the source before this version of it was moved",
        "disparu de la source avant que cette version soit déplacée",
    ),
    MessageForm(
        "lost at the target after it was moved, and gone from the source before it could be sent"
        " again",
        "perdu sur la cible après avoir été déplacé, et disparu de la source avant de pouvoir être"
        " renvoyé",
    ),
    MessageForm(
        "gone from the source before this version of it was moved; the target may hold an earlier"
        " one, or a copy that was not proven",
        "disparu de la source avant que cette version soit déplacée ; la cible peut en contenir une"
        " antérieure, ou une copie qui n'a pas été prouvée",
    ),
    # --- decommission ------------------------------------------------------------------------
    MessageForm(
        "the target does not hold it as verified, and the source has it no more as it was",
        "la cible ne le contient plus tel que vérifié, et la source ne l'a plus tel qu'il était",
    ),
    MessageForm(  # as it was said before there were looks after a deletion
        "the target does not hold it as verified, and the source has deleted it already",
        "la cible ne le contient plus tel que vérifié, et la source l'a déjà supprimé",
    ),
    MessageForm(
        "the target does not hold the object any more; the source keeps it",
        "la cible ne contient plus l'objet ; la source le garde",
    ),
    MessageForm(
        "the target holds something else than what was verified; the source keeps it",
        "la cible contient autre chose que ce qui a été vérifié ; la source le garde",
    ),
    MessageForm(
        "the target's object could not be read again; the source keeps it",
        "l'objet de la cible n'a pas pu être relu ; la source le garde",
    ),
    MessageForm(
        "the ledger has no digest of all stored bytes to compare with; the source keeps it",
        "le registre n'a pas l'empreinte de tous les octets stockés ; la source le garde",
    ),
    MessageForm(
        "it was moved as of a moment", "il a été déplacé tel qu'il était à un moment donné"
    ),
    MessageForm("it has snapshots", "il a des instantanés"),
    MessageForm("it is leased", "il est sous bail"),
    MessageForm("an immutability policy holds it", "une règle d'immuabilité le retient"),
    MessageForm("a legal hold holds it", "un blocage légal le retient"),
    MessageForm("it is being copied to", "une copie vers lui est en cours"),
    MessageForm("it was not there", "il n'y était pas"),
    MessageForm("it has another version now", "il a maintenant une autre version"),
    MessageForm("it has other index tags now", "il a maintenant d'autres étiquettes d'index"),
    MessageForm("the service refuses ({code:quoted})", "le service refuse ({code})"),
    # --- SSH: names of algorithms, which have no language ------------------------------------
    MessageForm(
        "{kex:word} {key:word} {cipher:word} {mac:word} SHA256:{print:word}",
        "{kex} {key} {cipher} {mac} SHA256:{print}",
    ),
    # --- two messages in one: last, for all others are looked at first
    MessageForm("{one:message}; {other:message}", "{one} ; {other}"),
)
