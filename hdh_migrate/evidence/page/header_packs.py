"""Sentences of the report's section on header packs."""

from __future__ import annotations

from hdh_migrate.evidence.page.text import Text

HEADERS: dict[str, Text] = {
    "packs": Text("Paquets d'en-têtes", "Header packs"),
    "packs.why": Text(
        "Les objets sont sur la cible sans leur en-tête : sans le paquet qui contient sa clé, un "
        "objet ne s'ouvre pas. Les paquets sont chiffrés pour les destinataires par X25519 et "
        "ML-KEM-768 ensemble ; ce qui est copié aujourd'hui chez l'hébergeur reste fermé même à "
        "qui saurait demain casser X25519. Les nombres et la racine viennent du manifeste ; "
        "qu'aucune clé ne manque dans les paquets, le destinataire seul peut le voir.",
        "Objects are at the target without their header: without the pack that has its key, an "
        "object does not open. Packs are sealed for the recipients by X25519 and ML-KEM-768 "
        "together; what is copied from the host today stays closed even to someone who can break "
        "X25519 tomorrow. The numbers and the root follow from the manifest; that no key is "
        "missing in the packs, only a recipient can see.",
    ),
    "packs.at-target": Text("Sur la cible", "At the target"),
    "packs.copy": Text("Seconde copie", "Second copy"),
    "packs.copy.place": Text(
        "Dossier, selon le plan, sur la machine de l'opérateur :",
        "Folder, by the plan, on the operator's machine:",
    ),
    "packs.copy.none": Text("Aucune n'a encore été faite.", "None was made yet."),
    "packs.erased": Text("Effacés depuis", "Erased since"),
    "packs.erased.value": Text(
        "Les nombres ci-dessus sont d'avant un effacement : {n} paquet a été effacé, à partir du "
        "{when} ; voir « Jeux de données rendus indéchiffrables »."
        "|Les nombres ci-dessus sont d'avant un effacement : {n} paquets ont été effacés, à partir "
        "du {when} ; voir « Jeux de données rendus indéchiffrables ».",
        "The numbers above are from before an erasure: {n} pack was erased, from {when} on; see "
        "“Datasets made undecipherable”."
        "|The numbers above are from before an erasure: {n} packs were erased, from {when} on; "
        "see “Datasets made undecipherable”.",
    ),
    "packs.value": Text(
        "{n} paquet, {size}|{n} paquets, {size}", "{n} pack, {size}|{n} packs, {size}"
    ),
}
