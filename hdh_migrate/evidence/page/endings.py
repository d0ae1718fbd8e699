"""What ends when, in words: for the report's page and for `status`."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup

from hdh_migrate.evidence.lines.endings import DatedEnding, EndingKind
from hdh_migrate.evidence.lines.names import visible
from hdh_migrate.evidence.page.text import Text, Words


def ending_said(one: DatedEnding, words: Words) -> Markup:
    """Return what it is that ends, without when."""
    if one.kind is EndingKind.RELIED:
        return words.said(RELIED[one.name])
    name: object = visible(one.name)
    if one.kind is EndingKind.WAIVER:
        name = words.condition(one.name) or name
    return words.say(f"ends.{one.kind}", name=name)


def ending_when(one: DatedEnding, words: Words) -> Markup:
    """Return its last day, or its last moment."""
    return words.day(one.at) if one.is_day else words.moment(one.at)


ENDINGS: Final[dict[str, Text]] = {
    "ends": Text("Ce qui prend fin, et quand", "What ends, and when"),
    "ends.see": Text(
        "D'autres dates sous « Ce qui prend fin, et quand » ; à aucune, cet outil ne bascule, ne "
        "supprime ni ne ferme rien de lui-même.",
        "More dates under “What ends, and when”; on none of them does this tool switch, delete or "
        "close anything by itself.",
    ),
    "ends.unknown": Text(
        "Un jour compte en entier, en UTC. Ce dossier ne sait pas jusqu'à quand valent les accès "
        "de l'outil, sa clé de signature et un horodatage.",
        "A day counts to its end, in UTC. This folder does not know until when the tool's "
        "credentials, its signing key and a time-stamp hold.",
    ),
    "ends.over": Text("passé", "past"),
    "ends.basis": Text("base légale « {name} »", "legal basis “{name}”"),
    "ends.attestation": Text(
        "attestation de l'hébergeur : {name}", "the host's attestation: {name}"
    ),
    "ends.waiver": Text("dérogation : {name}", "waiver: {name}"),
    "ends.window": Text(
        "lot {name} : fin du délai de retour",
        "batch {name}: end of the time for going back",
    ),
    "ends.grant": Text("accès d'un lecteur, {name}", "a reader's access, {name}"),
    "ends.kept": Text(
        "conservation de ce dossier, telle que déclarée", "retention of this folder, as declared"
    ),
}
"""What ends, in sentences without their dates."""

RELIED: Final[dict[str, Text]] = {
    "source-credential": Text("accès à la source", "credential of the source"),
    "freeze-credential": Text(
        "accès qui essaie le gel de la source", "credential that tries the freeze"
    ),
    "rehydration-credential": Text(
        "accès qui réhydrate à la source", "credential that rehydrates at the source"
    ),
    "decommission-credential": Text(
        "accès qui supprime à la source", "credential that deletes at the source"
    ),
    "source-host-keys": Text("clés d'hôte de la source", "host keys of the source"),
    "cluster-certificates": Text(
        "certificats des machines de calcul", "certificates of the cluster"
    ),
    "target-session": Text("session ouverte à la cible", "session at the target"),
    "webhook-secret": Text("secret des avis envoyés", "secret of notices"),
    "report-key": Text("clé qui signe les rapports", "key that signs reports"),
}
"""Credentials and keys; only the machine that runs the tool knows when these end."""
