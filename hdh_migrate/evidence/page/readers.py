"""The report's section on who may read, and its sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hdh_migrate.events.erasure import HeadersErasing
from hdh_migrate.evidence.lines.granted import GrantAccount, GrantAccounts, GrantStage, HostEntry
from hdh_migrate.evidence.page.text import Text
from hdh_migrate.frozen import frozen

OVER = frozenset({GrantStage.ENDED, GrantStage.REVOKED})
"""Stages in which nobody should read by a grant."""

SHOWN_GRANTS = 200
"""Grants on the page, the last ones; the others are in the journal only."""


@frozen
class GrantLine:
    """One grant as the page shows it: how it stood when the report was written."""

    account: GrantAccount
    stage: GrantStage
    at_host: dict[str, HostEntry]


def grant_lines(accounts: GrantAccounts, written: str) -> list[GrantLine]:
    """Return the grants, the oldest first, as they stood at a moment, RFC 3339 in UTC."""
    return list(_lines(accounts, written))[-SHOWN_GRANTS:]


def _lines(accounts: GrantAccounts, written: str) -> Iterator[GrantLine]:
    for account in accounts.by_id.values():
        if not account.dropped:
            yield GrantLine(account=account, stage=account.stage(written), at_host=account.at_host)


def clashing(
    erasing: Mapping[str, HeadersErasing], lines: Sequence[GrantLine]
) -> dict[str, GrantLine]:
    """Return, by dataset, a grant that stands and whose permit the reason of an erasure names.

    A permit that was given as the reason for an end, and lets somebody read, is both at once.
    """
    found: dict[str, GrantLine] = {}
    for dataset, event in erasing.items():
        for one in lines:
            permit = one.account.asked.permit
            if one.stage is GrantStage.GIVEN and permit and permit in (event.reason or ""):
                found[dataset] = one
    return found


def clashing_permits(
    erasing: Mapping[str, HeadersErasing], accounts: GrantAccounts, at: str
) -> tuple[str, ...]:
    """Return the permits that are the reason of an erasure and let somebody read at a moment."""
    lines = list(_lines(accounts, at))
    found = (one.account.asked.permit for one in clashing(erasing, lines).values())
    return tuple(dict.fromkeys(permit for permit in found if permit))


READERS: dict[str, Text] = {
    "reader.then": Text(" ; ", "; "),
    "readers": Text("Qui peut lire", "Who may read"),
    "readers.why": Text(
        "En plus des destinataires du chiffrement. À la date dite, l'hébergeur ferme l'accès là où "
        "cet outil l'y a réglé ; la clé du lecteur, elle, ouvrirait encore une copie qu'il aurait "
        "gardée. Ce qui a été lu ne peut pas être repris.",
        "In addition to those for whom the data is encrypted. On the stated day the host closes "
        "the access where this tool set it there; the reader's key would still open a copy that "
        "was kept. What was read cannot be taken back.",
    ),
    "readers.c4gh": Text(
        "Le paquet d'un lecteur dont la clé est « c4gh » n'est protégé que par X25519.",
        "The pack of a reader whose key is “c4gh” is protected by X25519 alone.",
    ),
    "reader.person": Text(
        "pour {name}, {role} ({organisation}), déclaré",
        "for {name}, {role} ({organisation}), as declared",
    ),
    "readers.nobody": Text(
        "Là où aucune personne n'est nommée, le plan ne dit pas à qui est la clé.",
        "Where nobody is named, the plan does not say whose the key is.",
    ),
    "reader.withdrawn": Text(
        "son paquet a été retiré d'où il avait été écrit",
        "its pack was removed from where it was written",
    ),
    "reader.withdrawn.not": Text(
        "son paquet n'était plus où il avait été écrit",
        "its pack was no longer where it was written",
    ),
    "q.for.readers": Text(
        "{n} lecteur a reçu depuis, pour sa clé, de quoi ouvrir des objets : voir « Qui peut lire "
        "»."
        "|{n} lecteurs ont reçu depuis, pour leur clé, de quoi ouvrir des objets : voir « Qui peut "
        "lire ».",
        "{n} reader has since been given, for a key of their own, what opens objects: see “Who "
        "may read”."
        "|{n} readers have since been given, for keys of their own, what opens objects: see “Who "
        "may read”.",
    ),
    "q.for.revoked": Text(
        "{n} de ces accès est révoqué.|{n} de ces accès sont révoqués.",
        "{n} of these was revoked.|{n} of these were revoked.",
    ),
    "q.for.closed": Text(
        "La fermeture d'un accès chez l'hébergeur est déclarée par une seule personne, non "
        "constatée.",
        "Only one person's word says that an access was closed at the host; it was not seen "
        "closed.",
    ),
    "readers.last": Text(
        "Ci-dessous, les {n} dernières autorisations sur {all}.",
        "Below are the last {n} grants of {all}.",
    ),
    "col.reader": Text("Autorisation d'un lecteur", "Grant of a reader"),
    "col.permit": Text("Permis, finalité", "Permit, purpose"),
    "col.until": Text("Jusqu'au", "Until"),
    "col.stands": Text("État", "State"),
    "col.host": Text("Chez l'hébergeur", "At the host"),
    "reader.part": Text("une partie", "a part of it"),
    "reader.approved": Text("approuvée par", "approved by"),
    "stage.asked": Text("demandée, pas accordée", "asked for, not given"),
    "stage.given": Text("accordée", "given"),
    "stage.ended": Text("échue", "ended"),
    "stage.renewed": Text("renouvelée", "renewed"),
    "stale": Text("périmée", "stale"),
    "stale.rotated": Text("les clés ont été échangées depuis", "keys were exchanged since"),
    "stale.replaced": Text(
        "des objets ont été écrits de nouveau, ou laissés de côté, depuis",
        "objects were written anew, or left out, since",
    ),
    "stale.unverified": Text("des objets n'étaient pas vérifiés", "some objects were not verified"),
    "reader.renewed": Text("remplacée par", "in its place"),
    "stage.revoked": Text("révoquée", "revoked"),
    "stage.revoked.alone": Text(
        "révoquée dans le registre ; l'accès chez l'hébergeur n'a pas été fermé par cet outil",
        "revoked in the ledger; this tool did not close the access at the host",
    ),
    "host.in": Text("{name} est admis", "{name} is let in"),
    "host.out": Text("{name} n'est plus admis", "{name} is no longer let in"),
    "host.unsure": Text("pas relu", "not read back"),
    "host.by-hand": Text(
        "fermé hors de cet outil, selon la personne nommée ici (déclaré, non constaté)",
        "closed by other means, says the person named here (as declared, not seen)",
    ),
    "host.seen": Text(
        "une seconde personne déclare l'y avoir vu fermé",
        "a second person says they saw it closed there",
    ),
    "host.unset": Text(
        "l'outil n'y a rien réglé : aucun accès ne se fermera de lui-même à la date dite",
        "this tool set nothing there: no access closes by itself on the stated day",
    ),
}
