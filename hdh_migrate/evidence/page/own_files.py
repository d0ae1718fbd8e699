"""What a page says of the tool's own files: at the target, and never at the source."""

from __future__ import annotations

from hdh_migrate.evidence.page.text import Text

OWN_FILES: dict[str, Text] = {
    "own.compared": Text(
        "Le fichier de l'outil, qui n'était pas à la source, a été comparé à ce que l'outil avait "
        "écrit."
        "|Les {n} fichiers de l'outil, qui n'étaient pas à la source, ont été comparés à ce que "
        "l'outil avait écrit.",
        "The {n} file of the tool, which was not at the source, was compared with what the tool "
        "had written."
        "|The {n} files of the tool, which were not at the source, were compared with what the "
        "tool had written.",
    ),
    "own.some": Text(
        "Ces nombres comprennent les fichiers de l'outil, comparés à ce que l'outil avait écrit et "
        "non à la source.",
        "These numbers include the tool's own files, compared with what the tool had written and "
        "not with the source.",
    ),
    "own.written": Text(
        "Les fichiers de l'outil sont comptés parmi eux : la leur l'a été en les écrivant.",
        "The tool's own files count among them: theirs were computed while they were written.",
    ),
    "own.no-claim": Text(
        "Les fichiers de l'outil, écrits ici, sont comptés parmi ces autres : ils n'ont pas été "
        "lus à la source.",
        "The tool's own files, written here, count among these others: they were not read at the "
        "source.",
    ),
    "own.losses": Text(
        "Les fichiers de l'outil, qui n'étaient pas à la source, y sont comptés.",
        "The tool's own files, which were not at the source, are counted here.",
    ),
}
"""Sentences of several sections."""
