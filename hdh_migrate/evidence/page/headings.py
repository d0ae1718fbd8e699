"""Which parts of a bundle speak to which point of SecNumCloud 3.2, HDS v2 and the SNDS reference.

Dated data: read in August 2026 in public transcriptions (SecNumCloud 3.2 of 8 March 2022, HDS v2
of the order of 26 April 2024; of the SNDS order of 6 May 2024 only the table of contents). No
certification is claimed; `confirmed` says whether number and subject were seen in one of those
transcriptions in full.
"""

from __future__ import annotations

from typing import NamedTuple

from hdh_migrate.evidence.page.text import Text


class Heading(NamedTuple):
    """One point of one framework, what the bundle gives for it, and what it leaves open."""

    framework: str
    number: str
    subject: Text
    gives: Text
    leaves: Text
    confirmed: bool = True


_SNC = "SecNumCloud 3.2"
_HDS = "HDS v2"
_SNDS = "SNDS (06/05/2024)"

HEADINGS = (
    Heading(
        _SNC, "10.1", Text("chiffrement des données stockées", "encryption of stored data"),
        Text("format de scellement et clés des destinataires", "sealing format, recipients' keys"),
        Text("le chiffrement propre à l'hébergeur", "the host's own encryption"),
    ),
    Heading(
        _SNC, "10.2", Text("chiffrement des flux", "encryption of flows"),
        Text("adresses contactées, en https", "addresses contacted, over https"),
        Text("les flux internes de l'hébergeur", "flows inside the host"),
    ),
    Heading(
        _SNC, "10.5", Text("gestion des secrets", "management of secrets"),
        Text("empreintes des clés publiques", "fingerprints of the public keys"),
        Text("la garde des clés privées", "the custody of private keys"),
    ),
    Heading(
        _SNC, "12.6, 12.7", Text("journalisation et sa protection", "logging and its protection"),
        Text("journal.jsonl, chaîné par empreintes", "journal.jsonl, chained by digests"),
        Text("les journaux de l'hébergeur et leur conservation",
             "the host's logs and their keeping"),
    ),
    Heading(
        _SNC, "12.8", Text("synchronisation des horloges", "clock synchronisation"),
        Text("écart mesuré avec chaque point d'accès", "offset measured with each endpoint"),
        Text("l'heure vraie : voir l'horodatage", "true time: see the time-stamp"),
    ),
    Heading(
        _SNC, "16.6", Text("recueil de preuves", "collection of evidence"),
        Text("l'ensemble du dossier, signé", "the whole folder, signed"),
        Text("la procédure d'enquête elle-même", "the procedure of an inquiry itself"),
    ),
    Heading(
        _SNC, "19.1", Text("réversibilité", "reversibility"),
        Text("objets au format ouvert Crypt4GH, manifeste",
             "objects in the open format Crypt4GH, manifest"),
        Text("les engagements du contrat", "what the contract promises"),
    ),
    Heading(
        _SNC, "19.2", Text("localisation des données", "location of data"),
        Text("région et adresses contactées, attestation",
             "region and addresses contacted, attestation"),
        Text("le lieu physique du stockage", "the physical place of storage"),
    ),
    Heading(
        _SNC, "19.4", Text("effacement en fin de contrat", "erasure at the end of a contract"),
        Text("suppressions demandées puis constatées, si la bascule en est là",
             "deletions requested, then observed, if the cutover has come to that"),
        Text("l'effacement physique chez l'ancien hébergeur",
             "physical erasure at the former host"),
    ),
    Heading(
        _SNC, "19.6", Text("immunité au droit non européen", "immunity from non-European law"),
        Text("référence de l'attestation du client", "reference of the customer's attestation"),
        Text("tout le reste : un logiciel ne peut en juger",
             "all the rest: software cannot judge it"),
    ),
    Heading(
        _HDS, "EXI 05", Text("risques sur les flux", "risks to flows"),
        Text("scellement avant le départ, adresses contactées",
             "sealing before departure, addresses contacted"),
        Text("l'analyse de risques", "the risk analysis"),
    ),
    Heading(
        _HDS, "EXI 15, 16", Text("traces d'accès", "access traces"),
        Text("journal.jsonl, pour cet outil seulement", "journal.jsonl, for this tool only"),
        Text("les accès d'autres que cet outil", "access by others than this tool"),
    ),
    Heading(
        _HDS, "EXI 27",
        Text("restitution et destruction des copies",
             "return of data, destruction of copies"),
        Text("comptes, empreintes, pertes, suppressions constatées",
             "counts, digests, losses, deletions observed"),
        Text("les copies que l'interface ne montre pas", "copies that the interface does not show"),
    ),
    Heading(
        _HDS, "EXI 28", Text("stockage dans l'EEE", "storage within the EEA"),
        Text("région et adresses contactées", "region and addresses contacted"),
        Text("le lieu physique du stockage", "the physical place of storage"),
    ),
    Heading(
        _HDS, "EXI 29 à 31",
        Text("accès distants, droit de pays tiers",
             "remote access, third-country law"),
        Text("référence de l'attestation du client", "reference of the customer's attestation"),
        Text("tout le reste", "all the rest"),
    ),
    Heading(
        _SNDS, "3.2", Text("territorialité", "territoriality"),
        Text("région et adresses contactées", "region and addresses contacted"),
        Text("le lieu physique du stockage", "the physical place of storage"), confirmed=False,
    ),
    Heading(
        _SNDS, "4.5", Text("sorties de données", "exits of data"),
        Text("manifeste, exclusions, approbations", "manifest, exclusions, approvals"),
        Text("l'autorisation de la sortie", "the authorisation of the exit"), confirmed=False,
    ),
    Heading(
        _SNDS, "7", Text("traçabilité", "traceability"),
        Text("journal.jsonl, horodaté et chaîné", "journal.jsonl, time-stamped and chained"),
        Text("les paliers d'imputabilité", "the tiers of accountability"), confirmed=False,
    ),
    Heading(
        _SNDS, "8", Text("audits", "audits"),
        Text("verify.py, et la relecture d'un échantillon", "verify.py, and reading back a sample"),
        Text("l'audit lui-même", "the audit itself"), confirmed=False,
    ),
)  # fmt: skip
