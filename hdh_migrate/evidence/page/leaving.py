"""What a page says of leaving the host again, and of what changed since the report before."""

from __future__ import annotations

from hdh_migrate.evidence.lines.planned import PlannedPrice, plan_of
from hdh_migrate.evidence.page.text import Text
from hdh_migrate.evidence.verifier.members import Predicate
from hdh_migrate.plan.prices import REQUESTS


def leaving_prices(predicate: Predicate) -> list[PlannedPrice]:
    """Return the prices that the plan declares for bytes that leave the target.

    Of each purpose all that count on the day of the report, or later: a price counts until another
    one does. Nothing is reckoned from them.
    """
    today = predicate["times"]["written"][:10]
    declared = plan_of(predicate).get("prices") or ()
    own = [one for one in declared if one["side"] == "target" and one["unit"] != REQUESTS]
    found = []
    for purpose in dict.fromkeys(one["purpose"] for one in own):
        rows = sorted(
            (one for one in own if one["purpose"] == purpose), key=lambda one: one["valid_from"]
        )
        before = [one for one in rows if one["valid_from"] <= today]
        found += [*before[-1:], *(one for one in rows if one["valid_from"] > today)]
    return found


PRICES: dict[str, Text] = {
    "purpose.switching": Text("changement", "switching"),
    "purpose.re-read": Text("relecture", "reading again"),
    "purpose.parallel": Text("usage parallèle", "parallel use"),
    "unit.GB": Text("par Go", "per GB"),
    "unit.GiB": Text("par Gio", "per GiB"),
    "unit.TB": Text("par To", "per TB"),
    "unit.TiB": Text("par Tio", "per TiB"),
}
"""What a price is for, and of how much; a claim's dossier has the same words."""

LEAVING: dict[str, Text] = {
    "leaving": Text("Quitter cet hébergeur un jour", "Leaving this host one day"),
    "leaving.why": Text(
        "Ce que ce dossier sait de ce qu'il faudrait ressortir, et ce qu'il n'en sait pas.",
        "What this folder knows of what would have to be taken out, and what it does not know.",
    ),
    "leaving.amount": Text("À ressortir", "To be taken out"),
    "leaving.sealed": Text(
        "Taille avant chiffrement ; chiffré, il y a un peu plus : 28 octets pour 64 Kio et un "
        "en-tête par objet.",
        "The size before encryption; encrypted there is a little more: 28 bytes for 64 KiB, and a "
        "header for each object.",
    ),
    "leaving.price": Text("Prix déclaré", "Price as declared"),
    "leaving.price.value": Text(
        "{amount} {unit} ({purpose}), à partir du {day}",
        "{amount} {unit} ({purpose}), from {day} on",
    ),
    "leaving.price.source": Text("Source :", "Source:"),
    "leaving.price.none": Text(
        "Le plan n'en déclare aucun pour ce qui sort de la cible ; ce rapport n'en suppose pas.",
        "The plan declares none for what leaves the target; this report assumes none.",
    ),
    **PRICES,
    "leaving.form": Text("Forme des objets", "Form of the objects"),
    "leaving.keys": Text(
        "Un format ouvert : avec l'une des clés privées, un objet s'ouvre sans l'hébergeur ; voir "
        "« Vérifier soi-même ».",
        "An open format: with one of the private keys an object opens without the host; see "
        "“Verify it yourself”.",
    ),
    "leaving.keys.apart": Text(
        "Un format publié (hdh-migrate docs header-packs) : ouvrir un objet demande son paquet, "
        "l'une des clés privées, et cet outil ou un programme écrit d'après ce format. Un logiciel "
        "qui ne connaît que Crypt4GH ne l'ouvre pas.",
        "A published format (hdh-migrate docs header-packs): to open an object takes its pack, one "
        "of the private keys, and this tool or a program written after that format. Software that "
        "knows Crypt4GH alone does not open it.",
    ),
    "leaving.unsaid": Text("Ce que ce dossier ne dit pas", "What this folder does not say"),
    "leaving.unsaid.value": Text(
        "Le préavis et les frais du contrat, le prix des requêtes, le temps que prendrait la "
        "lecture chez cet hébergeur, ce que des utilisateurs y ont écrit depuis, à quelle société "
        "il appartient : à demander à qui tient les contrats.",
        "Notice and charges of the contract, the price of requests, how long reading from this "
        "host would take, what consumers have written there since, which company owns it: ask "
        "whoever keeps the contracts.",
    ),
    "since": Text("Changements depuis le rapport précédent", "Changes since the report before"),
    "since.how": Text(
        "Avec les deux dossiers côte à côte, cette commande vérifie l'un et l'autre, puis dit ce "
        "qui est nouveau et si ce rapport revient sur ce que le précédent affirmait (elle finit "
        "alors par le code 10) :",
        "With both folders side by side this command checks each of them, then says what is new "
        "and whether this report takes back anything that the one before said (it then ends with "
        "code 10):",
    ),
    "since.folder": Text("rapport-precedent", "report-before"),
}
