"""The first screen of a report as plain text: the page itself, read as a reader would.

The verdict and the answers are taken from the page that the bundle's own facts make, so a terminal
can say nothing that a page does not say.
"""

from __future__ import annotations

from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Final

from jinja2 import TemplateError

from hdh_migrate.evidence.lines.unresolved import Unresolved
from hdh_migrate.evidence.page.chronicle import chronicle_of
from hdh_migrate.evidence.page.html import render_report
from hdh_migrate.evidence.page.signing_keys import SignedBy
from hdh_migrate.evidence.reading import CheckedBundle, demand_showable
from hdh_migrate.evidence.signatures.signing import TrustedKey
from hdh_migrate.frozen import frozen

_OF_A_LINE: Final = frozenset(("strong", "span", "code", "a"))
"""Elements inside a line; every other one begins a new line."""


@frozen
class PageAnswer:
    """One question of the first screen and what the page says to it, line by line."""

    question: str
    lines: tuple[str, ...]


@frozen
class FirstScreen:
    """What a reader of the report sees first."""

    marks: tuple[str, ...]
    """What the page says before all else: of a rehearsal, a draft, changed terms."""
    title: str
    written: str
    """When the report was written, by what, and who may have it."""
    verdict: str
    why: str
    beside: tuple[str, ...]
    """What else is so, the gravest first."""
    answers: tuple[PageAnswer, ...]


def first_screen(reading: CheckedBundle, keys: Sequence[TrustedKey], language: str) -> FirstScreen:
    """Return the first screen of a checked bundle, in `fr` or `en`.

    Of a signer who is not among the trusted `keys` only the key's id is known.
    """
    signer: TrustedKey | SignedBy | None = None
    if reading.claimed_by:
        first = reading.claimed_by[0]
        known = (key for key in keys if key.key_id == first)
        signer = next(known, SignedBy(first, first.partition(":")[2] + "…"))
    seen = _Reader()
    with demand_showable(TemplateError):
        seen.feed(_page(reading, signer, language).decode())
    return FirstScreen(
        marks=tuple(seen.classed["strip"]),
        title=" · ".join(seen.texts["h1"]),
        written=seen.classed["over"][-1],
        verdict=seen.texts["h2"][0],
        why=seen.classed["banner"][0],
        beside=tuple(seen.classed["banner"][1:]),
        answers=tuple(
            PageAnswer(question=question, lines=tuple(lines)) for question, lines in seen.answers
        ),
    )


def _page(reading: CheckedBundle, signer: TrustedKey | SignedBy | None, language: str) -> bytes:
    months = chronicle_of(reading.folder / "journal.jsonl")
    findings = (line for _, line in reading.findings())
    unresolved = Unresolved.of(reading.predicate["waivers"], findings)
    return render_report(reading.predicate, [], signer, language, months, unresolved)


class _Reader(HTMLParser):
    """Takes title, verdict and answers out of a page that this tool made."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = {"h1": [], "h2": []}
        self.classed: dict[str, list[str]] = {"strip": [], "over": [], "banner": []}
        """Lines inside elements of these classes."""
        self.answers: list[tuple[str, list[str]]] = []
        self._inside: list[str] = []
        self._text = ""
        self._first = False
        """Whether an entry of a list has no line yet."""
        self._number = 0
        """Of the next entry of a numbered list; 0: of a list without numbers."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Follow where the parser is; a new line begins with all but what is inside one."""
        classes = dict(attrs).get("class") or ""
        if tag in ("br", "meta", "rect", "link", "img"):
            self._end_line()
            return
        if tag not in _OF_A_LINE:
            self._end_line()
        self._first = self._first or tag == "li"
        if tag in ("ol", "ul"):
            self._number = int(dict(attrs).get("start") or 1) if tag == "ol" else 0
        self._inside.append(next((one for one in self.classed if one in classes.split()), tag))

    def handle_endtag(self, tag: str) -> None:
        """Leave an element; its text is a line unless it goes on."""
        if tag not in _OF_A_LINE:
            self._end_line()
        if self._inside:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        """Gather text."""
        self._text += data

    def _end_line(self) -> None:
        line, self._text = " ".join(self._text.split()), ""  # no-break spaces are for browsers
        if not line or not self._inside:
            return
        inside = self._inside[-1]
        if "banner" in self._inside and inside == "p":
            self.classed["banner"].append(line)
        elif inside in ("strip", "over"):
            self.classed[inside].append(line)
        elif inside in self.texts:
            self.texts[inside].append(line)
        elif "dt" in self._inside:
            self.answers.append((line, []))
        elif "dd" in self._inside:
            mark = "" if inside != "li" else self._mark() if self._first else "  "
            self.answers[-1][1].append(mark + line)
            self._first = False

    def _mark(self) -> str:
        """Return what an entry begins with: the page speaks of some by their numbers."""
        if not self._number:
            return "- "
        self._number += 1
        return f"{self._number - 1}. "
