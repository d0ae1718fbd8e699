"""Messages of what a source, a target or the way to them answered to one object."""

from __future__ import annotations

from typing import Final

from hdh_migrate.evidence.page.messages.form import MessageForm

OF_STORES: Final = (
    # --- the source --------------------------------------------------------------------------
    MessageForm("a source object is gone", "l'objet n'est plus à la source"),
    MessageForm("a source file is gone", "le fichier n'est plus à la source"),
    MessageForm("a source directory is gone", "un dossier n'est plus à la source"),
    MessageForm("the source object is gone", "l'objet n'est plus à la source"),
    MessageForm("there is no such directory", "ce dossier n'existe pas"),
    MessageForm("there is no such source file", "ce fichier n'existe pas à la source"),
    MessageForm(
        "there was no such source object then", "cet objet n'existait pas alors à la source"
    ),
    MessageForm("no right to read a source file", "pas le droit de lire ce fichier à la source"),
    MessageForm(
        "no right to read a source directory", "pas le droit de lire un dossier à la source"
    ),
    MessageForm(
        "a source file cannot be read: {why:quoted}",
        "le fichier ne peut pas être lu à la source (erreur du système)",
    ),
    MessageForm(
        "a source directory cannot be read: {why:quoted}",
        "un dossier ne peut pas être lu à la source (erreur du système)",
    ),
    MessageForm(
        "a source file is another kind of thing now",
        "le fichier est devenu autre chose à la source",
    ),
    MessageForm(
        "a source directory is another kind of thing now",
        "un dossier est devenu autre chose à la source",
    ),
    MessageForm("a source file changed since inventory", "le fichier a changé depuis l'inventaire"),
    MessageForm(
        "a source file became shorter while it was read",
        "le fichier a raccourci pendant sa lecture",
    ),
    MessageForm("a source object changed since inventory", "l'objet a changé depuis l'inventaire"),
    MessageForm(
        "a source object has another size than the inventory says",
        "l'objet a une autre taille que celle de l'inventaire",
    ),
    MessageForm(
        "a source object has another type than the inventory says",
        "l'objet a un autre type que celui de l'inventaire",
    ),
    MessageForm(
        "the source describes an object in another way than its listing",
        "la source décrit l'objet autrement que sa liste",
    ),
    MessageForm(
        "the source describes an object without size or version",
        "la source décrit l'objet sans taille ou sans version",
    ),
    MessageForm(
        "the source describes an object without a version", "la source décrit l'objet sans version"
    ),
    MessageForm(
        "the source describes a file without size, kind or time of change",
        "la source décrit le fichier sans taille, sorte ou date de modification",
    ),
    MessageForm(
        "two readings of one object of the target differ",
        "deux lectures d'un même objet de la cible diffèrent",
    ),
    MessageForm(
        "the source gives other bytes each time it is read",
        "la source donne d'autres octets à chaque lecture",
    ),
    MessageForm(
        "the source sent more than was asked for",
        "la source a envoyé plus que ce qui était demandé",
    ),
    MessageForm(
        "the source sent less than was asked for",
        "la source a envoyé moins que ce qui était demandé",
    ),
    MessageForm(
        "the source sent less than it announced",
        "la source a envoyé moins que ce qu'elle annonçait",
    ),
    MessageForm(
        "the source sent other bytes than its own digest of them says",
        "la source a envoyé d'autres octets que ceux de sa propre empreinte",
    ),
    MessageForm(
        "the source sent another range than was asked for",
        "la source a envoyé un autre intervalle que celui qui était demandé",
    ),
    MessageForm(
        "the source announced another length than was asked for",
        "la source a annoncé une autre longueur que celle qui était demandée",
    ),
    MessageForm(
        "the source sent another length than was asked for",
        "la source a envoyé une autre longueur que celle qui était demandée",
    ),
    MessageForm(
        "the source answered {status:number} to a ranged read",
        "la source a répondu {status} à une lecture par intervalle",
    ),
    MessageForm(
        "the source ends a file before the size that it tells",
        "la source termine le fichier avant la taille qu'elle annonce",
    ),
    MessageForm("the source lists a directory without end", "la source liste un dossier sans fin"),
    MessageForm(
        "the source lists a directory in empty pieces",
        "la source liste un dossier par morceaux vides",
    ),
    MessageForm(
        "the source has no digest of a range of its own",
        "la source ne donne pas d'empreinte d'un intervalle",
    ),
    MessageForm(
        "a folder has no digest of a range of its own",
        "un dossier ne donne pas d'empreinte d'un intervalle",
    ),
    MessageForm(
        "an SFTP server has no digest of a range of its own",
        "un serveur SFTP ne donne pas d'empreinte d'un intervalle",
    ),
    MessageForm("the server does not speak SFTP", "le serveur ne parle pas SFTP"),
    MessageForm(
        "the server does not speak version 3 of SFTP",
        "le serveur ne parle pas la version 3 de SFTP",
    ),
    MessageForm(
        "the SFTP server does not offer what reading needs",
        "le serveur SFTP n'offre pas ce qu'il faut pour lire",
    ),
    MessageForm(
        "the SFTP server answered with status {status:number}",
        "le serveur SFTP a répondu par l'état {status}",
    ),
    MessageForm(
        "the SFTP server sent another kind of reply than was asked for",
        "le serveur SFTP a envoyé une autre sorte de réponse que celle qui était demandée",
    ),
    MessageForm(
        "the SFTP server answered what nobody asked",
        "le serveur SFTP a répondu à ce que personne ne demandait",
    ),
    MessageForm(
        "the SFTP server sent a packet of a length that none has",
        "le serveur SFTP a envoyé un paquet d'une longueur impossible",
    ),
    MessageForm(
        "the SFTP server sent a packet that contradicts itself",
        "le serveur SFTP a envoyé un paquet contradictoire",
    ),
    MessageForm(
        "the SFTP server sent attributes that version 3 does not have",
        "le serveur SFTP a envoyé des attributs que la version 3 n'a pas",
    ),
    MessageForm(
        "{host:word}: the SSH server offers old algorithms only",
        "{host} : le serveur SSH n'offre que des algorithmes anciens",
    ),
    # --- the target --------------------------------------------------------------------------
    MessageForm(
        "another ledger of this plan put an object under this key: run the plan with that"
        ' ledger\'s --state-dir, or, if it is lost, "hdh-migrate adopt PLAN"',
        "un autre registre de ce plan a mis un objet sous ce nom : exécuter le plan avec le"
        " --state-dir de ce registre, ou, s'il est perdu, `hdh-migrate adopt PLAN`",
    ),
    MessageForm(
        "the target already holds another object under this key",
        "la cible contient déjà un autre objet sous ce nom",
    ),
    MessageForm(
        "the target holds another object than the one that was stored",
        "la cible contient un autre objet que celui qui a été stocké",
    ),
    MessageForm(
        "another object appeared under the key while it was uploaded",
        "un autre objet est apparu sous ce nom pendant l'envoi",
    ),
    MessageForm("the object that was to be replaced is gone", "l'objet à remplacer n'est plus là"),
    MessageForm(
        "something else is under the name for what is to be kept aside",
        "autre chose est déjà sous le nom prévu pour mettre l'objet de côté",
    ),
    MessageForm(
        "larger than the target's largest object", "plus grand que le plus grand objet permis"
    ),
    MessageForm(
        "the target takes no part that whole segments fit into",
        "la cible n'accepte aucune partie où tiennent des segments entiers",
    ),
    MessageForm(
        "needs more or larger parts than the target takes",
        "demande plus de parties, ou de plus grandes, que la cible n'en accepte",
    ),
    MessageForm(
        "the target takes no copy of an object of this size",
        "la cible ne copie pas un objet de cette taille",
    ),
    MessageForm(
        "the object has more bytes than the target takes in its parts",
        "l'objet a plus d'octets que la cible n'en prend en parties",
    ),
    MessageForm(
        "the host copies no parts: it does not look at x-amz-copy-source",
        "l'hébergeur ne copie pas de parties : il ne regarde pas x-amz-copy-source",
    ),
    MessageForm(
        "the target takes no conditions on writes",
        "la cible n'accepte pas de conditions d'écriture",
    ),
    MessageForm(
        "the target does not keep user metadata: no object can be told ours",
        "la cible ne garde pas les métadonnées : aucun objet ne peut être reconnu comme nôtre",
    ),
    MessageForm(
        "the target describes an object without its size", "la cible décrit l'objet sans sa taille"
    ),
    MessageForm(
        "the target sent more than was stored", "la cible a envoyé plus que ce qui est stocké"
    ),
    MessageForm(
        "the target sent less than was stored", "la cible a envoyé moins que ce qui est stocké"
    ),
    MessageForm(
        "the target sent another range than was asked for",
        "la cible a envoyé un autre intervalle que celui qui était demandé",
    ),
    MessageForm(
        "the target announced another length than was stored",
        "la cible a annoncé une autre longueur que celle qui est stockée",
    ),
    MessageForm(
        "the target answered {status:number} to a read", "la cible a répondu {status} à une lecture"
    ),
    MessageForm(
        "the target redirects elsewhere; not followed", "la cible redirige ailleurs ; non suivi"
    ),
    MessageForm(
        "the target calls a version by what is no name",
        "la cible donne à une version un nom qui n'en est pas un",
    ),
    MessageForm(
        "the target keeps an object until no moment that there is",
        "la cible garde l'objet jusqu'à une date qui n'existe pas",
    ),
    MessageForm(
        "the target refuses the signature: {code:word}", "la cible refuse la signature : {code}"
    ),
    MessageForm(
        "the target's reply cannot be read: {why:quoted}", "la réponse de la cible est illisible"
    ),
    MessageForm(
        "target bucket {bucket:word}: no right to write",
        "compartiment {bucket} de la cible : pas le droit d'écrire",
    ),
    # --- what is stored does not open --------------------------------------------------------
    MessageForm(
        "the stored bytes do not open as the whole object that was sealed",
        "les octets stockés ne s'ouvrent pas comme l'objet entier qui a été chiffré",
    ),
    MessageForm(
        "the object was sealed, and this plan seals nothing",
        "l'objet a été chiffré, et ce plan ne chiffre rien",
    ),
    MessageForm(
        "the stored bytes are not as many as the object has",
        "le nombre d'octets stockés n'est pas celui de l'objet",
    ),
    # --- on the way --------------------------------------------------------------------------
    MessageForm(
        "{host:word}: the reply ended early", "{host} : la réponse s'est arrêtée avant sa fin"
    ),
    MessageForm(
        "the headers of a reply are longer than {n:number} bytes",
        "les en-têtes d'une réponse dépassent {n} octets",
    ),
    MessageForm("a reply is longer than {n:number} bytes", "une réponse dépasse {n} octets"),
    MessageForm("a reply does not begin with a status", "une réponse ne commence pas par un état"),
    MessageForm(
        "{what:term}: a reply that cannot be understood", "{what} : réponse incompréhensible"
    ),
    MessageForm(
        "{what:term}: the target redirects elsewhere; not followed (HTTP {status:number})",
        "{what} : la cible redirige ailleurs ; non suivi (HTTP\u00a0{status})",
    ),
    MessageForm(
        "{what:term}: {code:word} (HTTP {status:number}): it lies in an archive class, restore it"
        " at the host first",
        "{what} : réponse {code} (HTTP\u00a0{status}) : l'objet est dans une classe d'archive ; le"
        " restaurer d'abord chez l'hébergeur",
    ),
    MessageForm(
        "{said:message}, again and again: this upload makes no object any more",
        "{said}, plusieurs fois de suite : cet envoi ne donne plus d'objet",
    ),
    MessageForm(
        "{what:term}: no reason given (HTTP {status:number})",
        "{what} : refus sans motif (HTTP\u00a0{status})",
    ),
    MessageForm(
        "{what:term}: {code:word} (HTTP {status:number})",
        "{what} : réponse {code} (HTTP\u00a0{status})",
    ),
)

TERMS: Final = {
    # what was asked for
    "a source object": "objet de la source",
    "the source's container": "conteneur de la source",
    "the source": "source",
    "the pages of a source object": "pages d'un objet de la source",
    "a blob that is not there": "blob absent",
    "an archived object": "objet archivé",
    "a target object": "objet de la cible",
    "an upload": "envoi",
    "a part": "partie",
    "aborting an upload": "abandon d'un envoi",
    "the target's listing": "liste de la cible",
    "the target's list of parts": "liste des parties sur la cible",
    "the target's list of uploads": "liste des envois sur la cible",
    "the target's list of versions": "liste des versions sur la cible",
    "the bucket's versioning": "réglage des versions du compartiment",
    "the bucket": "compartiment",
    "making the bucket": "création du compartiment",
    "the bucket's object lock": "verrou d'objets du compartiment",
    "a bucket's settings": "réglages d'un compartiment",
    "an object's retention": "durée de conservation d'un objet",
    "an object's legal hold": "blocage légal d'un objet",
    "an object's tags": "étiquettes d'un objet",
    # what objects have that the target cannot hold
    "metadata that the target cannot hold; the report says where it is":
        "des métadonnées que la cible ne peut pas porter ; le rapport dit où elles sont gardées",
    "tags that the target cannot hold; the report says where they are":
        "des étiquettes que la cible ne peut pas porter ; le rapport dit où elles sont gardées",
    "names of metadata that would become one, or one of ours (case, and `_` written as `-`); none"
    " of their metadata is sent, the report says where it is":
        "des noms de métadonnées qui n'en feraient qu'un, ou seraient l'un des nôtres (casse, ou"
        " « _ » écrit « - ») ; aucune de ces métadonnées n'est envoyée, le rapport dit où elles"
        " sont gardées",
    "names of metadata in which `_` is written as `-` (target.metadata_names: hyphens)":
        "des noms de métadonnées où « _ » est écrit « - » (`target.metadata_names: hyphens`)",
    "a lease: somebody may still be writing": "un bail : quelqu'un y écrit peut-être encore",
    # other forms of objects
    "snapshots": "instantané|instantanés",
    "earlier versions": "version antérieure|versions antérieures",
    "soft-deleted blobs": "blob supprimé encore récupérable|blobs supprimés encore récupérables",
    "uncommitted blobs": "blob non validé|blobs non validés",
    "page ranges": "plages de pages",
    "metadata under names that no listing tells":
        "des métadonnées sous des noms qu'aucun listage ne donne",
    "owners, permissions and access control lists": "propriétaires, droits et listes d'accès",
    "immutability policies": "règles d'immuabilité",
    "legal holds": "blocages légaux",
    "where blobs were copied from": "l'origine des blobs copiés",
    # what a container itself has
    "names of metadata": "nom de métadonnées|noms de métadonnées",
    "public access": "accès public",
    "immutability of versions": "immuabilité des versions",
    "a default encryption scope": "une étendue de chiffrement par défaut",
    "a fixed encryption scope": "une étendue de chiffrement imposée",
}  # fmt: skip
"""English terms of messages, and what they are called in French: "one|several" where they count."""
