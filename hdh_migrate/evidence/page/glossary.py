"""The words of the report that not every reader has met, each in one sentence."""

from __future__ import annotations

from typing import Final

from hdh_migrate.evidence.page.text import Text

GLOSSARY: Final[dict[str, Text]] = {
    "words": Text("Mots", "Words"),
    "words.inventoried": Text("inventorié", "inventoried"),
    "words.inventoried.means": Text(
        "vu dans la liste de la source, qu'une règle du plan l'ait ensuite exclu ou non ; les "
        "fichiers de l'outil s'y ajoutent",
        "seen in the source's listing, whether a rule of the plan then left it behind or not; the "
        "tool's own files are added",
    ),
    "words.digest": Text("empreinte", "digest, fingerprint"),
    "words.digest.means": Text(
        "64 caractères calculés d'après un contenu (SHA-256) : deux contenus qui ont la même sont "
        "le même, au bit près ; d'une clé, on montre aussi les 16 premiers seuls",
        "64 characters computed from a content (SHA-256): two contents with the same one are the "
        "same, to the bit; of a key the first 16 alone are shown, too",
    ),
    "words.root": Text("racine de Merkle", "Merkle root"),
    "words.root.means": Text(
        "une seule empreinte pour toutes les lignes d'une liste : qui change une ligne la change",
        "one digest for all lines of a list: whoever changes a line changes it",
    ),
    "words.journal": Text("journal", "journal"),
    "words.journal.means": Text(
        "tout ce que l'outil a noté, dans l'ordre ; chaque ligne porte l'empreinte des précédentes",
        "all that the tool wrote down, in order; each line has the digest of those before it",
    ),
    "words.ledger": Text("registre", "ledger"),
    "words.ledger.means": Text(
        "le fichier où l'outil, chez l'opérateur, tient ce journal et l'état de chaque objet",
        "the file in which the tool, at the operator's, keeps this journal and how each object is",
    ),
    "words.units": Text("Kio, Mio, Gio", "KiB, MiB, GiB"),
    "words.units.means": Text(
        "1\u202f024 octets, puis 1\u202f024 fois plus à chaque pas ; coupés, non arrondis : leur "
        "somme peut différer à la dernière décimale. summary.json a les octets",
        "1,024 bytes, then 1,024 times more at each step; cut, not rounded, so their sum may "
        "differ in the last decimal. summary.json has the bytes",
    ),
}
