"""The sentences of the report about who answers for the data, where it is, and what is kept."""

from __future__ import annotations

from hdh_migrate.evidence.page.text import Text

EUROPEAN_UNION: dict[str, Text] = {
    "AT": Text("Autriche", "Austria"),
    "BE": Text("Belgique", "Belgium"),
    "BG": Text("Bulgarie", "Bulgaria"),
    "CY": Text("Chypre", "Cyprus"),
    "CZ": Text("Tchéquie", "Czechia"),
    "DE": Text("Allemagne", "Germany"),
    "DK": Text("Danemark", "Denmark"),
    "EE": Text("Estonie", "Estonia"),
    "ES": Text("Espagne", "Spain"),
    "FI": Text("Finlande", "Finland"),
    "FR": Text("France", "France"),
    "GR": Text("Grèce", "Greece"),
    "HR": Text("Croatie", "Croatia"),
    "HU": Text("Hongrie", "Hungary"),
    "IE": Text("Irlande", "Ireland"),
    "IT": Text("Italie", "Italy"),
    "LT": Text("Lituanie", "Lithuania"),
    "LU": Text("Luxembourg", "Luxembourg"),
    "LV": Text("Lettonie", "Latvia"),
    "MT": Text("Malte", "Malta"),
    "NL": Text("Pays-Bas", "Netherlands"),
    "PL": Text("Pologne", "Poland"),
    "PT": Text("Portugal", "Portugal"),
    "RO": Text("Roumanie", "Romania"),
    "SE": Text("Suède", "Sweden"),
    "SI": Text("Slovénie", "Slovenia"),
    "SK": Text("Slovaquie", "Slovakia"),
}
"""Its members by their code of ISO 3166, as of November 2026."""

COUNTRIES: dict[str, Text] = {
    **EUROPEAN_UNION,
    "CH": Text("Suisse", "Switzerland"),
    "GB": Text("Royaume-Uni", "United Kingdom"),
    "IS": Text("Islande", "Iceland"),
    "LI": Text("Liechtenstein", "Liechtenstein"),
    "NO": Text("Norvège", "Norway"),
    "US": Text("États-Unis", "United States"),
}
"""Those that have a name on the page; another one stands there as its code."""

PARTIES: dict[str, Text] = {
    # --- first screen --------------------------------------------------------------------------
    "q.parties": Text("Qui est responsable, qui appeler ?", "Who is responsible, whom to call?"),
    "q.parties.none": Text(
        "Le plan ne nomme ni responsable de traitement ni sous-traitant.",
        "The plan names neither a controller nor a processor.",
    ),
    "q.parties.nobody": Text(
        "Le plan ne donne personne à appeler.", "The plan gives nobody to call."
    ),
    "q.parties.declared": Text(
        "Selon le plan (déclaré, non prouvé) :", "According to the plan (as declared, not proven):"
    ),
    "role.controller": Text("Responsable de traitement :", "Controller:"),
    "role.joint-controller": Text("Responsable conjoint :", "Joint controller:"),
    "role.processor": Text("Sous-traitant :", "Processor:"),
    "role.sub-processor": Text("Sous-traitant ultérieur :", "Sub-processor:"),
    "q.parties.contract": Text("lié par : {contract}", "bound by: {contract}"),
    "q.parties.no-contact": Text("contact non déclaré", "no contact declared"),
    "q.parties.logins": Text("noms de session : {logins}", "logins: {logins}"),
    "q.parties.contact": Text("à\u00a0joindre : {contact}", "to be reached: {contact}"),
    "place.in": Text(
        "Lieu : {country}, dans l'Union européenne (déclaré dans le plan).",
        "Place: {country}, in the European Union (as the plan declares).",
    ),
    "place.out": Text(
        "Lieu : {country}, hors de l'Union européenne (déclaré dans le plan).",
        "Place: {country}, outside the European Union (as the plan declares).",
    ),
    "place.unknown": Text("pays non déclaré", "country not declared"),
    # --- keeping -------------------------------------------------------------------------------
    "keep.place": Text("Lieu : {place} (déclaré)", "Place: {place} (as declared)"),
    "keep.what": Text("Ce qu'il faut garder", "What is to be kept"),
    "keep.folder": Text("Ce dossier", "This folder"),
    "keep.folder.value": Text(
        "En entier et sans y rien changer : il suffit à tout recalculer. SHA256SUMS en liste les "
        "fichiers.",
        "Whole, and with nothing changed in it: it is enough to compute everything again. "
        "SHA256SUMS lists its files.",
    ),
    "keep.file.statement": Text(
        "la déclaration, que la signature couvre ; tout le reste en dépend",
        "the statement, which the signature covers; all the rest depends on it",
    ),
    "keep.file.manifest": Text(
        "une ligne par objet : noms, tailles, empreintes",
        "a line for each object: names, sizes, digests",
    ),
    "keep.file.others": Text(
        "ce qui a été laissé, ce qui a été constaté, ce qui a été fait",
        "what was left behind, what was found, what was done",
    ),
    "keep.file.summary": Text("les totaux, pour un programme", "the sums, for a program"),
    "keep.file.programs": Text(
        "les programmes qui refont les calculs", "the programs that compute everything again"
    ),
    "keep.file.pages": Text("ces pages, pour les lire", "these pages, to be read"),
    "keep.beside": Text("À côté du dossier", "Beside the folder"),
    "keep.beside.key": Text(
        "La clé publique du rapport, d'empreinte {fingerprint} : elle n'est pas dans ce dossier.",
        "The report's public key, with fingerprint {fingerprint}: it is not in this folder.",
    ),
    "keep.beside.none": Text(
        "Rien : ce rapport n'est pas signé.", "Nothing: this report is not signed."
    ),
    "keep.beside.stamp": Text(
        "Le certificat de l'autorité d'horodatage que le plan nomme ({trust}) ; le jeton "
        "(timestamp.tsr) est dans ce dossier s'il a été obtenu.",
        "The certificate of the time-stamping authority that the plan names ({trust}); the token "
        "(timestamp.tsr) is in this folder if one was obtained.",
    ),
    "keep.beside.checkpoint": Text(
        "Le point de contrôle du journal (le nom du dossier, puis .checkpoint), de préférence "
        "chez quelqu'un d'autre.",
        "The journal's checkpoint (the folder's name, then .checkpoint), preferably held by "
        "somebody else.",
    ),
    "keep.earlier": Text("Rapports antérieurs", "Earlier reports"),
    "keep.earlier.value": Text(
        "Celui dont la déclaration a cette empreinte, et ceux d'avant :",
        "The one whose statement has this digest, and those before it:",
    ),
    "keep.opening": Text("Pour ouvrir les objets", "To open the objects"),
    "keep.opening.keys": Text(
        "La clé privée de l'un des destinataires, aussi longtemps que les données doivent rester "
        "lisibles ; voir « Qui détient les clés ». Rien dans ce dossier n'ouvre un objet."
        "|L'une des {n} clés privées, aussi longtemps que les données doivent rester lisibles ; "
        "voir « Qui détient les clés ». Rien dans ce dossier n'ouvre un objet.",
        "The recipient's private key, for as long as the data must be readable; see “Who holds the "
        "keys”. Nothing in this folder opens an object."
        "|One of the {n} private keys, for as long as the data must be readable; see “Who holds "
        "the keys”. Nothing in this folder opens an object.",
    ),
    "keep.opening.packs": Text(
        "Et une copie des en-têtes détachés : sans eux, aucune clé n'ouvre rien.",
        "And a copy of the detached headers: without them no key opens anything.",
    ),
    "keep.ledger": Text("Le registre de l'opérateur", "The operator's ledger"),
    "keep.ledger.value": Text(
        "Inutile pour vérifier ce rapport ; mais lui seul contient ce que « Ce que la cible ne "
        "porte pas » situe au registre.",
        "Not needed to check this report; but it alone has what “What the target does not hold” "
        "says is in the ledger.",
    ),
    "custody.keyed": Text(
        "Pour qui ne doit pas les voir, l'opérateur peut établir un rapport sans noms d'objets "
        "({command}) ; les personnes que le plan déclare y restent nommées.",
        "For anyone who must not see them, the operator can make a report without the objects' "
        "names ({command}); the people whom the plan declares are still named in it.",
    ),
    # --- endpoints -----------------------------------------------------------------------------
    "n.requests": Text("{n} requête|{n} requêtes", "{n} request|{n} requests"),
    "endpoints.others": Text(
        "Le journal montre aussi, pour s'authentifier ou pour la bascule :",
        "The journal also shows, to log in or for the cutover:",
    ),
    "endpoints.alone": Text(
        "Le journal ne montre aucune autre adresse. Les notifications, l'horodatage et les "
        "commandes qui ne font que consulter n'y sont pas comptés.",
        "The journal shows no other address. Notices, time-stamps and commands that only look are "
        "not counted there.",
    ),
    "col.requests": Text("Requêtes", "Requests"),
}
