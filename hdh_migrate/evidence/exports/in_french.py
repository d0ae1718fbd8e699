"""A CSV file for a French reader: its headers, and words beside the codes that programs know.

Words are those of the report's page, with plain spaces: a spreadsheet's search knows no others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from markupsafe import escape

from hdh_migrate.codes import Severity
from hdh_migrate.evidence.exports.switches import FRENCH_OF
from hdh_migrate.evidence.page.messages import RULES, french
from hdh_migrate.evidence.page.page_words import PageWords, meaning

_PAGE: Final = PageWords("fr")

FRENCH: Final[Mapping[str, str]] = {
    "batch": "lot", "dataset": "jeu de données", "key": "nom", "size": "octets",
    "source_version": "version à la source", "source_modified": "modifié à la source le",
    "source_md5": "MD5 à la source", "sha256": "SHA-256", "bucket": "bucket",
    "target_key": "nom sur la cible", "stored_size": "octets sur la cible",
    "stored_sha256": "SHA-256 sur la cible", "target_etag": "ETag sur la cible",
    "level": "niveau de vérification", "level.words": "ce qui a été fait",
    "verdict": "verdict", "verdict.words": "sens du verdict", "verified_at": "vérifié le",
    "code": "code", "code.words": "sens du code", "severity": "gravité", "message": "constat",
    "step": "étape", "at": "constaté le", "rule": "règle", "reason": "motif",
    "objects": "objets inventoriés", "bytes": "octets inventoriés",
    "verified": "vérifiés", "verified_bytes": "octets vérifiés",
    "failed": "en échec", "failed_bytes": "octets en échec",
    "pending": "en attente", "pending_bytes": "octets en attente",
    "excluded": "exclus", "excluded_bytes": "octets exclus",
    "vanished": "disparus de la source", "vanished_bytes": "octets disparus de la source",
    "lost": "perdus", "lost_bytes": "octets perdus",
    "track": "bascule ou essai", "track.words": "bascule ou essai, en mots", "stage": "stade",
    "stage.words": "sens du stade", "since": "depuis le", "frozen_at": "source gelée le",
    "switched_at": "basculé le", "rolled_back_at": "retour le", "finalized_at": "définitif le",
    "requested_at": "suppression demandée le", "observed_at": "suppression constatée le",
    "window_until": "retour possible jusqu'au", "pointer": "pointeur",
    "pointer_before": "pointeur avant (SHA-256)", "pointer_after": "pointeur après (SHA-256)",
    "approvals": "accords (étape, clé, personne déclarée, signé le)",
    "in_spite_of": "définitif malgré", "why": "motif déclaré",
}  # fmt: skip
"""What the columns are called in French."""

_SEVERITIES: Final[Mapping[str, str]] = {
    Severity.FINDING: "constat", Severity.NOTE: "note", Severity.BLOCKER: "refus",
}  # fmt: skip

_STEPS: Final[Mapping[str, str]] = {
    "inventory": "inventaire", "transfer": "transfert", "verify": "vérification",
    "cutover": "bascule", "decommission": "suppression à la source",
}  # fmt: skip


def with_words(columns: Sequence[str]) -> Sequence[str]:
    """Return columns with one for words behind each whose code programs know."""
    beside = (((one, f"{one}.words") if one in _WORDS else (one,)) for one in columns)
    return [column for some in beside for column in some]


def in_french(line: Mapping[str, object]) -> Mapping[str, object]:
    """Return a line as a French reader has it; a message that has no French stays as it is."""
    said = dict(line)
    for column in line:
        if column.endswith(FRENCH_OF):
            said[column.removesuffix(FRENCH_OF)] = line[column]
    for column, words in _WORDS.items():
        if column in line:
            said[f"{column}.words"] = words(line[column])
    if "message" in line:
        said["message"] = _plain(french(str(line["message"])) or line["message"])
        said["severity"] = _SEVERITIES.get(str(line["severity"]), line["severity"])
        said["step"] = _STEPS.get(str(line["step"]), line["step"])
    if line.get("rule") in RULES:
        said["rule"] = RULES[str(line["rule"])]
        said["reason"] = _plain(french(str(line["reason"])) or line["reason"])
    return said


def _plain(said: object) -> object:
    """Return the page's words without its markup and no-break spaces; others as they are."""
    return escape(said).striptags() if hasattr(said, "__html__") else said


def _code(code: object) -> object:
    found = meaning(str(code))
    return None if found is None else _plain(_PAGE.said(found))


def _level(level: object) -> object:
    return None if level is None else _plain(_PAGE.word("level", str(level)))


def _verdict(verdict: object) -> object:
    return _plain(_PAGE.word("verdict", str(verdict or "none")))


def _stage(stage: object) -> object:
    return _plain(_PAGE.word("stage", str(stage)))


def _track(track: object) -> object:
    return _plain(_PAGE.say("cutover.rehearsal")) if track == "rehearsal" else "bascule"


_WORDS: Final[Mapping[str, Callable[[object], object]]] = {
    "code": _code, "level": _level, "verdict": _verdict, "stage": _stage, "track": _track,
}  # fmt: skip
"""Of which columns programs know the codes, and what says them in words."""
