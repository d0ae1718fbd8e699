"""What happened, in the words of a short list by date."""

from __future__ import annotations

from typing import Final

from hdh_migrate.evidence.page.text import Text

TIMELINE: Final[dict[str, Text]] = {
    "timeline": Text("Chronologie", "Timeline"),
    "timeline.more": Text(
        "Ici, des dates ne sont pas montrées : {n}.", "Here some dates are not shown: {n}."
    ),
    "time.began": Text("première exécution de l'outil", "first run of the tool"),
    "time.listed": Text("premier inventaire d'un jeu", "first inventory of a dataset"),
    "time.sent": Text("premier objet arrivé sur la cible", "first object at the target"),
    "time.verified": Text(
        "dernier objet vérifié sur la cible", "last object verified at the target"
    ),
    "time.refreshed": Text(
        "nouvelle liste de la source, lot {name}", "new listing of the source, batch {name}"
    ),
    "time.ended": Text(
        "fin de la dernière exécution ({n} en tout)", "end of the last run ({n} in all)"
    ),
    "time.written": Text("ce rapport", "this report"),
    "time.approved": Text("accord signé ({stage}) : {about}", "approval signed ({stage}): {about}"),
    "time.about.batch": Text("lot {name}", "batch {name}"),
    "time.about.dataset": Text("jeu « {name} »", "dataset “{name}”"),
    "time.about.grant": Text("autorisation {name}", "grant {name}"),
    "time.frozen": Text("source gelée, lot {name}", "source frozen, batch {name}"),
    "time.switched": Text("bascule, lot {name}", "cutover, batch {name}"),
    "time.rolled-back": Text("retour en arrière, lot {name}", "rollback, batch {name}"),
    "time.finalized": Text("bascule définitive, lot {name}", "cutover final, batch {name}"),
    "time.requested": Text(
        "suppression demandée à la source, lot {name}", "deletion requested, batch {name}"
    ),
    "time.observed": Text(
        "suppression constatée à la source, lot {name}", "deletion observed, batch {name}"
    ),
    "time.observed.partly": Text(
        "suppression constatée en partie à la source, lot {name}",
        "deletion observed in part, batch {name}",
    ),
    "time.given": Text(
        "accès d'un lecteur accordé : autorisation {name}", "reader let in: grant {name}"
    ),
    "time.revoked": Text(
        "accès d'un lecteur révoqué : autorisation {name}", "reader's access revoked: grant {name}"
    ),
    "time.look": Text(
        "contrôle de la cible, lot {name} : {n} objet, rien d'absent ni d'altéré"
        "|contrôle de la cible, lot {name} : {n} objets, rien d'absent ni d'altéré",
        "check of the target, batch {name}: {n} object, nothing gone or damaged"
        "|check of the target, batch {name}: {n} objects, nothing gone or damaged",
    ),
    "time.look.but": Text(
        "contrôle de la cible, lot {name} : {n} objet, absent ou altéré"
        "|contrôle de la cible, lot {name} : {n} objets, dont certains absents ou altérés",
        "check of the target, batch {name}: {n} object, gone or damaged"
        "|check of the target, batch {name}: {n} objects, some of them gone or damaged",
    ),
    "time.judged": Text(
        "jugement : la perte est-elle une violation de données ?",
        "judged: is the loss a personal data breach?",
    ),
    "time.waived": Text("dérogation signée : {what}", "waiver signed: {what}"),
    "time.rotating": Text("remplacement de clés commencé", "exchange of keys begun"),
    "time.rotated": Text("remplacement de clés terminé", "exchange of keys ended"),
    "time.erasing": Text(
        "effacement du jeu « {dataset} » commencé", "erasure of dataset “{dataset}” begun"
    ),
    "time.erased": Text(
        "effacement du jeu « {dataset} » terminé", "erasure of dataset “{dataset}” ended"
    ),
}
