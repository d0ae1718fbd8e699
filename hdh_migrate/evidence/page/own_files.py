"""What a page says of the tool's own files: at the target, and never at the source."""

from __future__ import annotations

from hdh_migrate.evidence.page.text import Text

OWN_FILES: dict[str, Text] = {
    "own.compared": Text(
        "{n} fichier de l'outil, compté ici, a été comparé à ce que l'outil avait écrit."
        "|{n} fichiers de l'outil, comptés ici, ont été comparés à ce que l'outil avait écrit.",
        "{n} file of the tool, counted here, was compared with what the tool had written."
        "|{n} files of the tool, counted here, were compared with what the tool had written.",
    ),
    "own.these": Text(
        "{n} fichier de l'outil|{n} fichiers de l'outil",
        "{n} file of the tool|{n} files of the tool",
    ),
    "own.some": Text(
        "Les fichiers de l'outil, comptés ici, ont été comparés à ce que l'outil avait écrit.",
        "The tool's own files, counted here, were compared with what the tool had written.",
    ),
}
"""Sentences of several sections."""
