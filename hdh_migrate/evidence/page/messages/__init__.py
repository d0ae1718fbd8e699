"""What findings say, in French: read from their English messages (see `form`).

A message that no form fits, of an earlier version say, is never shown: the page then names the line
of `findings.jsonl` that has it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Final

from markupsafe import Markup, escape

from hdh_migrate.evidence.lines.names import visible
from hdh_migrate.evidence.page.formats import LOCALES, Locale
from hdh_migrate.evidence.page.messages.form import Filled, MessageForm
from hdh_migrate.evidence.page.messages.found import OF_STEPS
from hdh_migrate.evidence.page.messages.stores import OF_STORES, TERMS
from hdh_migrate.evidence.page.text import Text

__all__ = ["FORMS", "RULES", "elsewhere", "french"]

FORMS: Final = tuple(
    sorted((*OF_STORES, *OF_STEPS), key=lambda form: form.en.startswith("{"))  # a stable order
)
"""Every form; the first that fits a message is taken.

Those that begin with words of their own come first: what a person wrote into such a message, the
reason of somebody who accepts say, could end like one that begins with a parameter.
"""

RULES: Final[Mapping[str, str]] = {
    "directory": "dossier",
    "not included": "non inclus",
    "vanished": "disparu",
}
"""The tool's own rules by which objects are left behind; all others are the plan's."""

_ELSEWHERE: Final = (
    "le texte d'origine, en anglais, est le constat n\u00ba\u00a0{number} de findings.jsonl"
)

_FRENCH: Final = LOCALES["fr"]
_DEEPEST: Final = 4
"""How many messages may stand in one another; a page is for people."""


def french(message: str, depth: int = 0, *, forms: Iterable[MessageForm] = FORMS) -> Markup | None:
    """Return what a message says in French, None where none of the forms is its."""
    if depth > _DEEPEST:
        return None
    for form in forms:
        read = form.read(message)
        if read is not None and (said := _said(form, read, depth)) is not None:
            return said
    return None


def elsewhere(number: int) -> Markup:
    """Return where the message stands that has no words here: in a finding's line."""
    return escape(Text(fr=_ELSEWHERE, en="").said("fr")).format(number=_FRENCH.number(number))


def _said(form: MessageForm, read: Mapping[str, Filled], depth: int) -> Markup | None:
    """Return a form with its parameters; None where one of them is nothing that is known."""
    filled: dict[str, Markup] = {}
    for name, one in read.items():
        within = one.kind == "message"
        shown = french(one.text, depth + 1) if within else _SHOWN[one.kind](one.text)
        if shown is None:
            return None
        filled[name] = shown
    first = next((int(one.text) for one in read.values() if one.kind == "number"), None)
    sentence = Text(fr=form.fr, en="").said("fr", singular=first in _FRENCH.singular)
    return _code(escape(sentence)).format(**filled)


def _code(sentence: Markup) -> Markup:
    """Put what stands between backticks into an element of its own, on one line where it fits."""
    short = re.sub(r"`([^`]{1,48})`", r'<code class="whole">\1</code>', str(sentence))
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", short))  # noqa: S704 - escaped


def _plain(text: str) -> Markup:
    return escape(visible(text))


def _word(text: str) -> Markup:
    """Show a technical word; `none` is the one that has a language."""
    if text == "none":
        return Markup("aucun")
    return Markup("<code>{}</code>").format(visible(text))


def _numeral(said: Callable[[Locale, int], str]) -> Callable[[str], Markup]:
    return lambda text: escape(said(_FRENCH, int(text)))


def _moment(text: str) -> Markup | None:
    try:
        return escape(_FRENCH.moment(text))
    except ValueError:  # no day of the calendar
        return None


def _term(text: str) -> Markup | None:
    """Show one term of the vocabulary."""
    known = TERMS.get(text)
    return None if known is None else _code(escape(Text(fr=known, en="").said("fr")))


_COUNTED: Final[Mapping[str, str]] = {
    **TERMS,
    **{
        re.sub(r"s(?=$| of )", "", term, count=1): said
        for term, said in TERMS.items()
        if "|" in said
    },
}
"""The terms, and what one of those that count is called; earlier versions had no word for one."""


@cache
def _several() -> re.Pattern[str]:
    """Return what one of several terms looks like, with how many and how large they are."""
    terms = "|".join(re.escape(term) for term in sorted(_COUNTED, key=len, reverse=True))
    return re.compile(rf"(?:(\d{{1,18}}) )?({terms})(?: \((\d{{1,18}}) bytes\))?(?:, |\Z)")


def _terms(text: str) -> Markup | None:
    """Show several terms, each perhaps with its number before it and its size behind it."""
    said, at = list[str](), 0
    while at < len(text):
        found = _several().match(text, at)
        if found is None:
            return None
        count, term, size = found.groups()
        one = count is not None and int(count) in _FRENCH.singular
        said.append(
            (f"{_FRENCH.number(int(count))} " if count else "")
            + Text(fr=_COUNTED[term], en="").said("fr", singular=one)
            + (f" ({_FRENCH.size(int(size))})" if size else "")
        )
        at = found.end()
    return _code(escape(", ".join(said)))


_SHOWN: Final[Mapping[str, Callable[[str], Markup | None]]] = {
    "number": _numeral(Locale.number),
    "size": _numeral(Locale.size),
    "numbers": _plain,
    "moment": _moment,
    "word": _word,
    "name": _plain,
    "quoted": _plain,
    "term": _term,
    "terms": _terms,
}
"""How each kind of parameter is shown; a message is shown by its own form."""
