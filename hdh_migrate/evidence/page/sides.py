"""On which side something went wrong: at the source, at the target, or here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from hdh_migrate.codes import Code, Severity
from hdh_migrate.evidence.page.text import Text
from hdh_migrate.frozen import mutable_row

Side = Literal["source", "target", "either", "own", "other"]

_SOURCE = {
    *(code for code in Code if code.value.startswith(("key-", "kind-", "source-"))),
    *(code for code in Code if code.value.startswith("verify-source-")),
    Code.FREEZE_TRIAL_LEFT, Code.TOO_LARGE, Code.COLLISION, Code.LEASED_FOR_EVER, Code.DRIFTED,
    Code.REPORT_DIFFERS,
    Code.KEYS_LACKING, Code.VANISHED, Code.METADATA_COLLISION, Code.DECOMMISSION_DRIFTED,
    Code.DECOMMISSION_MISSING, Code.DECOMMISSION_KEPT, Code.TAGS_UNREAD, Code.FEATURES_UNREAD,
    Code.LISTING_UNSTABLE,
}  # fmt: skip
_EITHER = {Code.MISSING, Code.DENIED, Code.UNREADABLE, Code.REFUSED, Code.UNANSWERED}
"""Of the transfer, which reads one side and writes the other: the finding's message says which."""
_OWN = {
    Code.WORKER_LOST, Code.VERIFY_WORKER_LOST, Code.RULE_UNUSED, Code.TARGET_UNPROVEN,
    Code.DECOMMISSION_TARGET_UNPROVEN,
}  # fmt: skip


def side_of(text: str) -> Side:
    """Return on which side a finding's code says that something is wrong."""
    code = Code.known(text)
    if code is None:
        return "other"
    if code in _SOURCE:
        return "source"
    if code in _EITHER:
        return "either"
    return "own" if code in _OWN else "target"


@mutable_row
class SideErrors:
    """What is wrong on one side, and what was overcome there, by code."""

    open: dict[str, int]
    retried: dict[str, int]


def by_side(codes: Mapping[str, int], retried: Mapping[str, int]) -> dict[Side, SideErrors]:
    """Return each side's findings without notes, and what was tried again; empty sides too."""
    found: dict[Side, SideErrors] = {
        side: SideErrors({}, {}) for side in ("source", "target", "either", "own")
    }
    for text, count in codes.items():
        code = Code.known(text)
        if code is None or code.severity is not Severity.NOTE:
            found.setdefault(side_of(text), SideErrors({}, {})).open[text] = count
    for text, count in retried.items():
        found.setdefault(side_of(text), SideErrors({}, {})).retried[text] = count
    return found


def noted(codes: Mapping[str, int]) -> int:
    """Return how many findings are notes, which no side counts."""
    known = ((Code.known(text), count) for text, count in codes.items())
    return sum(n for code, n in known if code is not None and code.severity is Severity.NOTE)


SIDES: dict[str, Text] = {
    "errors": Text("Erreurs par côté", "Errors by side"),
    "errors.why": Text(
        "Un côté qui n'a rien à montrer n'est pas nommé. Ni les notes, ni les requêtes qu'un "
        "nouvel essai a fait réussir ne comptent ici.",
        "A side that has nothing to show is not named. Neither notes nor requests that succeeded "
        "when tried again count here.",
    ),
    "errors.notes": Text(
        "{n} note est à lire sous « Constats ».|{n} notes sont à lire sous « Constats ».",
        "{n} note is under “Findings”.|{n} notes are under “Findings”.",
    ),
    "errors.none": Text(
        "Aucune, à la source, à la cible ni dans l'outil ; ni les notes, ni les requêtes qu'un "
        "nouvel essai a fait réussir ne comptent ici.",
        "None, at the source, at the target or in the tool; neither notes nor requests that "
        "succeeded when tried again count here.",
    ),
    "errors.source": Text("Source", "Source"),
    "errors.target": Text("Cible", "Target"),
    "errors.either": Text(
        "Source ou cible (le constat le dit)", "Source or target (the finding says which)"
    ),
    "errors.own": Text("Outil, machine et plan", "Tool, machine and plan"),
    "errors.other": Text("Code d'une autre version", "Code of another version"),
    "col.findings": Text("Constats ouverts", "Open findings"),
    "col.overcome": Text("Résolu", "Resolved"),
    "errors.retried": Text(
        "{n} objet retenté après un échec|{n} objets retentés après un échec",
        "{n} object tried again after it failed|{n} objects tried again after they failed",
    ),
    "errors.mended": Text(
        "{n} objet absent ou altéré, de nouveau vérifié"
        "|{n} objets absents ou altérés, de nouveau vérifiés",
        "{n} object gone or damaged, verified again|{n} objects gone or damaged, verified again",
    ),
    "errors.absent": Text(
        "et, sans constat : {n} objet absent ou altéré à un contrôle, et non revérifié depuis"
        "|et, sans constat : {n} objets absents ou altérés à un contrôle, et non revérifiés depuis",
        "and with no finding: {n} object gone or damaged at a check, and not verified since"
        "|and with no finding: {n} objects gone or damaged at a check, and not verified since",
    ),
    "errors.drifted": Text(
        "{n} objet modifié pendant sa lecture, relu|{n} objets modifiés pendant leur lecture, "
        "relus",
        "{n} object changed while it was read, read anew|{n} objects changed while they were read, "
        "read anew",
    ),
    "errors.cut-off": Text(
        "{n} exécution arrêtée net|{n} exécutions arrêtées net",
        "{n} run cut off|{n} runs cut off",
    ),
    "errors.resent": Text(
        "{n} objet envoyé, peut-être de nouveau|{n} objets envoyés, peut-être de nouveau",
        "{n} object sent, perhaps again|{n} objects sent, perhaps again",
    ),
}
