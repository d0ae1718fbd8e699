"""The sentences of a dossier, in French and in English; what they say of the law is dated data.

Read in November 2026: regulation (EU) 2023/2854, articles 29 and 34; law 2024-449 of 21 May 2024
(SREN), articles 27 and 64; the order of 17 November 2025 that was made under it.
"""

from __future__ import annotations

from hdh_migrate.evidence.page.leaving import PRICES
from hdh_migrate.evidence.page.text import Text

DOSSIER: dict[str, Text] = {
    "title": Text(
        "Dossier de demande : frais de changement de fournisseur",
        "Claim dossier: charges for switching provider",
    ),
    "written": Text("Établi le {when}", "Written on {when}"),
    "tool": Text("par hdh-migrate {version}", "by hdh-migrate {version}"),
    "rehearsal": Text(
        "Répétition : tout s'est passé sur une seule machine. Ce dossier ne demande rien à "
        "personne.",
        "Rehearsal: everything happened on one machine. This dossier claims nothing from anybody.",
    ),
    "banner": Text(
        "{size} octets ({gb} Go) sont sortis de chez {provider} pour changer de fournisseur",
        "{size} bytes ({gb} GB) left {provider} in order to switch provider",
    ),
    "banner.why": Text(
        "Du {first} au {last}, en {n} requête.|Du {first} au {last}, en {n} requêtes.",
        "From {first} to {last}, in {n} request.|From {first} to {last}, in {n} requests.",
    ),
    "banner.amount": Text(
        "Aux prix datés ci-dessous : {amount}. C'est ce qui est demandé de ne pas facturer, ou de "
        "rendre.",
        "At the dated prices below: {amount}. This is what is asked not to be charged, or to be "
        "given back.",
    ),
    "banner.none": Text("Rien n'est sorti de la source", "Nothing has left the source"),
    "who": Text("Qui demande", "Who claims"),
    "from": Text("À qui", "From whom"),
    "contract": Text("Contrat", "Contract"),
    "account": Text("Compte facturé", "Billed account"),
    "notice": Text("Préavis donné le", "Notice given on"),
    "contact": Text("Contact", "Contact"),
    "asn": Text("Système autonome de la cible", "Autonomous system of the target"),
    "endpoints": Text("Points d'accès de la source", "Endpoints of the source"),
    "to": Text("Points d'accès de la cible", "Endpoints of the target"),
    "switches": Text("Bascules", "Cutovers"),
    "switches.none": Text(
        "Aucun lot n'a basculé : rien n'est encore en usage parallèle.",
        "No batch was cut over: nothing is in parallel use yet.",
    ),
    "switches.at": Text("lot {batch} : {when}", "batch {batch}: {when}"),
    "sums": Text("Par période et par objet", "By period and purpose"),
    "sums.why": Text(
        "Octets sortis de chaque côté. Montants aux prix datés du plan ; à partir du 12 janvier "
        "2027 le changement de fournisseur ne peut plus être facturé.",
        "Bytes that left each side. Amounts at the dated prices of the plan; from 12 January 2027 "
        "on no charge may be made for switching.",
    ),
    "col.period": Text("Période", "Period"),
    "col.side": Text("Côté", "Side"),
    "col.purpose": Text("Objet", "Purpose"),
    "col.bytes": Text("Octets sortis", "Bytes out"),
    "col.gb": Text("Go (10⁹)", "GB (10⁹)"),
    "col.requests": Text("Requêtes", "Requests"),
    "col.amount": Text("Montant", "Amount"),
    "col.days": Text("Jours (UTC)", "Days (UTC)"),
    "col.endpoint": Text("Point d'accès", "Endpoint"),
    "col.price": Text("Prix", "Price"),
    "col.since": Text("À partir du", "From"),
    "col.document": Text("Selon", "According to"),
    "no.price": Text("sans prix", "no price"),
    "period.before 2027-01-12": Text("avant le 12 janvier 2027", "before 12 January 2027"),
    "period.from 2027-01-12": Text("à partir du 12 janvier 2027", "from 12 January 2027"),
    "side.source": Text("source", "source"),
    "side.target": Text("cible", "target"),
    **PRICES,
    "unit.10000-requests": Text("pour 10 000 requêtes", "per 10,000 requests"),
    "grounds": Text("Ce que dit le droit", "What the law says"),
    "grounds.act": Text(
        "Règlement (UE) 2023/2854 (Data Act), article 29 : depuis le 11 janvier 2024 les frais de "
        "changement de fournisseur, transfert de données compris, ne dépassent pas les coûts "
        "directement liés ; à partir du 12 janvier 2027 il n'y en a plus.",
        "Regulation (EU) 2023/2854 (Data Act), article 29: since 11 January 2024 charges for "
        "switching, data egress included, must not exceed the costs directly linked to it; from 12 "
        "January 2027 on there are none.",
    ),
    "grounds.parallel": Text(
        "Article 34 du même règlement : l'usage parallèle peut être facturé, sans dépasser les "
        "coûts. Il est donc compté à part.",
        "Article 34 of the same regulation: parallel use may be charged for, within its costs. It "
        "is therefore counted apart.",
    ),
    "grounds.france": Text(
        "En France, loi n° 2024-449 du 21 mai 2024 (SREN), article 27, et arrêté du 17 novembre "
        "2025 pris sur proposition de l'Arcep : le montant maximal des frais de transfert de "
        "données lors d'un changement de fournisseur est de zéro euro.",
        "In France, law no. 2024-449 of 21 May 2024 (SREN), article 27, and the order of 17 "
        "November 2025 made on Arcep's proposal: the most that may be charged for data transfer "
        "when switching provider is zero euro.",
    ),
    "grounds.read": Text(
        "Textes lus en novembre 2026 ; ce dossier n'est pas un avis juridique.",
        "Texts read in November 2026; this dossier is no legal advice.",
    ),
    "days": Text("Sorties de la source, jour par jour", "What left the source, day by day"),
    "days.one": Text("Sorties de {endpoint}, jour par jour", "What left {endpoint}, day by day"),
    "days.why": Text(
        "Comptés par l'outil à la réception : corps des réponses, sans en-têtes ni TLS. Le "
        "fournisseur peut les comparer à ses propres relevés.",
        "Counted by the tool as received: bodies of replies, without headers and TLS. The provider "
        "can compare them with records of its own.",
    ),
    "days.months": Text(
        "Par mois : les {n} lignes par jour sont dans dossier.json.",
        "By month: the {n} lines by day are in dossier.json.",
    ),
    "prices": Text("Prix appliqués", "Prices that were applied"),
    "prices.none": Text(
        "Le plan ne donne pas de prix : ce dossier dit des octets, pas des montants.",
        "The plan gives no prices: this dossier tells bytes, not amounts.",
    ),
    "limits": Text("Ce que ces nombres ne disent pas", "What these numbers do not say"),
    "limits.other": Text(
        "Ce que d'autres outils ont lu à la source n'y est pas ; les vérifications d'un plan avant "
        "son premier inventaire non plus.",
        "What other tools read from the source is not in them; nor is what was looked at before "
        "the first inventory.",
    ),
    "limits.cut-off": Text(
        "{n} exécution sur {all} a été coupée : il manque ce qu'elle a échangé dans sa dernière "
        "heure au plus.|{n} exécutions sur {all} ont été coupées : il manque ce qu'elles ont "
        "échangé dans leur dernière heure au plus.",
        "{n} run of {all} was cut off: what it exchanged in its last hour at most is missing."
        "|{n} runs of {all} were cut off: what they exchanged in their last hour at most is "
        "missing.",
    ),
    "limits.statement": Text(
        "Ce qu'une exécution coupée a échangé jusque-là est compté ici ; les sommes du rapport de "
        "preuve ne comptent que les exécutions terminées et peuvent être moindres.",
        "What a run that was cut off had exchanged until then is counted here; the sums of the "
        "evidence report count runs that ended alone, and may be smaller.",
    ),
    "limits.unended": Text(
        "La dernière exécution n'était pas finie.", "The last run had not ended."
    ),
    "limits.spans": Text(
        "Une ligne de plusieurs jours vient d'une version de l'outil, ou d'une étape, qui ne les "
        "distinguait pas.",
        "A line of several days comes from a version of the tool, or a step, that did not tell "
        "them apart.",
    ),
    "proof": Text("Sur quoi cela repose", "What it rests on"),
    "proof.journal": Text("Journal", "Journal"),
    "proof.journal.value": Text(
        "{n} événement ; empreinte du dernier, puis racine|{n} événements ; empreinte du dernier, "
        "puis racine",
        "{n} event; digest of the last one, then root|{n} events; digest of the last one, then "
        "root",
    ),
    "proof.plan": Text("Plan (SHA-256)", "Plan (SHA-256)"),
    "proof.code": Text("Code de l'outil (SHA-256)", "Code of the tool (SHA-256)"),
    "proof.facts": Text("Contenu de dossier.json (SHA-256)", "Contents of dossier.json (SHA-256)"),
    "proof.key": Text("Signé par la clé", "Signed with the key"),
    "proof.check": Text(
        "Vérifier, avec la clé publique obtenue par une autre voie :",
        "To check, with the public key obtained by another way:",
    ),
}
