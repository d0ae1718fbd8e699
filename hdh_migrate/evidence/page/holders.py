"""Who holds the recipients' keys, as declared, key by key, and what that leaves in one hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from hdh_migrate.evidence.lines.planned import StatedByPeople, plan_of
from hdh_migrate.evidence.page.text import Text
from hdh_migrate.evidence.verifier.members import Predicate, ProvedKey
from hdh_migrate.frozen import frozen, frozen_row


@frozen_row
class HeldKey:
    """One recipient's key: its fingerprint, the plan's file, and who is declared to hold it."""

    recipient: str | None
    """None: the statement does not tie files to fingerprints."""
    file: str
    holder: str | None
    escrow: bool
    proved: ProvedKey | None
    """When its private key was last seen to open, and what; None: never."""


@frozen
class HeldKeys:
    """All recipients' keys, and what is wrong with who holds them."""

    keys: tuple[HeldKey, ...]
    undeclared: tuple[str, ...]
    """Files of keys of which nobody is declared to hold the private one."""
    several: tuple[tuple[str, int], ...]
    """Who holds more than one of them, and how many."""
    alone: str | None
    """Who holds all of them, where there are several."""


def held_keys(predicate: Predicate, declared: StatedByPeople) -> HeldKeys:
    """Return who holds which key, by the statement and its plan."""
    seal = predicate["seal"]
    planned = plan_of(predicate).get("seal") or {}
    files = {one["file"]: one["recipient"] for one in seal.get("files", ())}
    proved = {one["recipient"]: one for one in seal.get("proved", ())}
    stated = {one["recipient"]: one for one in declared.get("keys", ())}
    keys = []
    for file in planned.get("recipients") or ():
        holder, recipient = stated.get(file), files.get(file)
        keys.append(HeldKey(
            recipient=recipient, file=file,
            holder=None if holder is None else holder["holder"],
            escrow=holder is not None and holder["escrow"],
            proved=proved.get(recipient or ""),
        ))  # fmt: skip
    many = Counter(one.holder for one in keys if one.holder is not None)
    several = tuple((name, count) for name, count in many.items() if count > 1)
    alone = several[0][0] if several and several[0][1] == len(keys) else None
    return HeldKeys(
        keys=tuple(keys),
        undeclared=tuple(one.file for one in keys if one.holder is None) if stated else (),
        several=() if alone else several,
        alone=alone,
    )


def unstored_of(proved: Iterable[ProvedKey]) -> Iterator[str]:
    """Yield the recipients whose private key was never tried on what the target holds."""
    return (one["recipient"] for one in proved if "stored" not in one)


HOLDERS: dict[str, Text] = {
    "col.key": Text("Clé publique", "Public key"),
    "col.holder": Text("Détient la clé privée (déclaré)", "Holds the private key (as declared)"),
    "col.tried": Text("Essai de la clé privée", "Trial of the private key"),
    "holders.tried": Text(
        "a ouvert une enveloppe d'essai le {when}", "opened a test envelope on {when}"
    ),
    "holders.stored": Text(
        "le {when}, {n} objet tiré au sort chez l'hébergeur : ouverts, {opened} ; lus en entier, "
        "{whole}"
        "|le {when}, {n} objets tirés au sort chez l'hébergeur : ouverts, {opened} ; lus en "
        "entier, {whole}",
        "on {when}, opened {opened} of {n} object drawn at random at the host (read whole: "
        "{whole})"
        "|on {when}, opened {opened} of {n} objects drawn at random at the host (read whole: "
        "{whole})",
    ),
    "holders.unstored": Text(
        "jamais essayée sur ce qui est chez l'hébergeur",
        "never tried on what is at the host",
    ),
    "holders.untried": Text("aucun essai distinct au journal", "no separate trial in the journal"),
    "holders.alone": Text(
        "Les {n} clés privées sont déclarées chez un même détenteur, {holder} : s'il les perd, "
        "plus rien ne s'ouvre, et il n'y a pas de secours.",
        "All {n} private keys are declared to be with one holder, {holder}: if they are lost "
        "there, nothing opens any more, and there is no spare.",
    ),
    "holders.several": Text(
        "{n} des {all} clés privées sont déclarées chez un même détenteur, {holder} : elles "
        "peuvent être perdues ensemble.",
        "{n} of the {all} private keys are declared to be with one holder, {holder}: they may be "
        "lost together.",
    ),
    "holders.undeclared": Text(
        "{n} des {all} clés n'a pas de détenteur déclaré, et sa clé privée ouvre tout : {files}."
        "|{n} des {all} clés n'ont pas de détenteur déclaré, et leur clé privée ouvre tout : "
        "{files}.",
        "{n} of the {all} keys has no declared holder, and its private key opens everything: "
        "{files}."
        "|{n} of the {all} keys have no declared holder, and each private key opens everything: "
        "{files}.",
    ),
    "holders.used": Text("Clé privée que l'outil utilise", "Private key that the tool uses"),
    "holders.used.opened": Text(
        "Pour le vérifier, l'outil a déchiffré au moins {n} objet avec cette clé ou une clé "
        "d'avant elle."
        "|Pour les vérifier, l'outil a déchiffré au moins {n} objets avec cette clé ou une clé "
        "d'avant elle.",
        "To verify it the tool decrypted at least {n} object with this key or one before it."
        "|To verify them the tool decrypted at least {n} objects with this key or one before it.",
    ),
    "holders.runs": Text(
        "Qui lance l'outil peut se servir de la clé privée {file}, et ouvrir tout ce qui est "
        "chiffré pour elle.",
        "Whoever runs the tool can use the private key {file}, and open all that is encrypted for "
        "it.",
    ),
    "holders.used.value": Text(
        "{file} : qui lance l'outil peut s'en servir pour ouvrir tout ce qui est chiffré pour "
        "elle.",
        "{file}: whoever runs the tool can open all that is encrypted for it.",
    ),
    "holders.used.which": Text(
        "D'après le journal, c'est celle de {key}.", "According to the journal it is that of {key}."
    ),
    "holders.used.unsaid": Text(
        "À laquelle de ces clés publiques elle correspond, le journal ne le dit pas.",
        "Which of these public keys it belongs to, the journal does not say.",
    ),
}
