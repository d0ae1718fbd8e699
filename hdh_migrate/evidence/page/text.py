"""One sentence in every language of the report, and how a language writes it."""

from __future__ import annotations

import re
from typing import NamedTuple, Protocol

from markupsafe import Markup

from hdh_migrate.evidence.page.formats import NBSP, NNBSP

LANGUAGES = ("fr", "en")


class Text(NamedTuple):
    """One sentence in every language, in the order of `LANGUAGES`.

    Written with plain spaces and straight apostrophes; `{name}` is filled in by the page;
    "one object|several objects" gives both forms of a sentence that counts `n`.
    """

    fr: str
    en: str

    def said(self, language: str, *, singular: bool = False) -> str:
        """Return it as the language writes it, its placeholders still open.

        The no-break spaces and hyphens of French and the curved apostrophes are put in here.
        """
        said = self.fr if language == "fr" else self.en
        one, _, many = said.replace("'", "\u2019").partition("|")
        said = _COUNT.sub(f"{{n}}{NBSP}", one if singular or not many else many)
        said = _UNIT.sub(NBSP, said)
        if language == "fr":
            said = _HIGH.sub(NNBSP, _AFTER.sub(NBSP, _BEFORE.sub(NBSP, _COUNTED.sub(NBSP, said))))
            if _SHORT.fullmatch(said):
                said = said.replace(" ", NBSP)
            said = _WHOLE.sub("\u2011", said)
        return said


class Words(Protocol):
    """What says a sentence of the catalogue, and quantities, in one language."""

    def say(self, key: str, n: int | None = None, /, **values: object) -> Markup:
        """Return a sentence with its values."""
        ...

    def said(self, text: Text) -> Markup:
        """Return a sentence that stands beside data."""
        ...

    def condition(self, what: str) -> Markup | None:
        """Return what a waiver lets go, in words."""
        ...

    def moment(self, value: str) -> Markup:
        """Return a time."""
        ...

    def day(self, value: str) -> Markup:
        """Return a day."""
        ...


_COUNT = re.compile(r"^\{n\} (?=[^.{]{1,32}$)")
"""A count that is a word of a sentence, `3 vérifiés`: it stands on one line."""
_COUNTED = re.compile(r"(?<=\{n\}) (?=\w)")
"""Between a number and what it counts, wherever in a sentence."""
_SHORT = re.compile(r"\{n\}\W\w+ \w+")
"""A count of two words, `3 en attente`."""
_UNIT = re.compile(r"(?<=\}) (?=(?:s|Go|GB)\b)")
"""Between a number and its unit."""
_BEFORE = re.compile(r" (?=[:»])")
_HIGH = re.compile(r" (?=[;?!])")
"""Before these French has a narrow space, before a colon a whole one."""
_AFTER = re.compile(r"(?<=«) |(?<=À) |(?<=\b[Ll]ot) (?=\{)|(?<=\bdes) (?=\{)|(?<=\bsur) (?=\{)")
_WHOLE = re.compile(
    r"(?<=\bci)-(?=dess|après)|(?<=[a-z])-(?=mêmes?\b)|(?<=\bML)-(?=KEM)|(?<=KEM)-(?=768)"
)
"""Hyphens after which no line ends: `ci-` and `-même` alone are no words."""
