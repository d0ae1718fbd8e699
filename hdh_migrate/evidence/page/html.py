"""The report for people: one self-contained HTML page per language, from the bundle alone.

The page shows what statement, first findings and journal say, and nothing else. It has no scripts
and loads nothing. Whatever comes from outside (names, messages, addresses) passes `visible` and the
autoescape of the template engine, because that is what the engine does with every string that is
not ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from markupsafe import Markup

from hdh_migrate.evidence.page.approved import agreed, in_order
from hdh_migrate.evidence.page.chronicle import NOTHING, Chronicle
from hdh_migrate.evidence.page.compiled import environment
from hdh_migrate.evidence.page.declared import reader_of
from hdh_migrate.evidence.page.page_words import PageWords, meaning, short, unbroken
from hdh_migrate.evidence.page.signing_keys import SignedBy, owner_of
from hdh_migrate.evidence.page.stated import shown_of
from hdh_migrate.evidence.page.subjects import Told
from hdh_migrate.evidence.signatures.signing import TrustedKey
from hdh_migrate.evidence.verifier.members import FindingRecord, Predicate

_HEADING = re.compile(r'<h2 id="([a-z-]+)">')
"""A heading with its key in the catalogue; nothing else can look so, for the rest is escaped."""
_LED_TO = re.compile(r'<(?:h2|dt) id="([a-z.-]+)"')
"""A heading or a question of the first screen, with its key."""
_GROUPS = {
    "timeline": "group.story", "custody": "group.people", "basis": "group.law",
    "verification": "group.proof", "kept": "group.kept",
}  # fmt: skip
"""What the list of contents says before the first heading of each group; every page has these."""
_TEXT = re.compile(">[^<]+")
"""What stands behind a tag, up to the next one."""
_TYPED = re.compile("(<(?:code|pre)(?: [^>]*)?>)([^<]+)")
"""What somebody may type, behind its tag."""
_OPTION = re.compile(r"(?<![\w-])(?:hdh-migrate|--?[a-z][a-z-]{0,23})(?![\w-])")
"""Words that browsers would break at a hyphen: a line that ends with one is typed wrong."""
_AT = re.compile('<a class="at" href="#([a-z.-]+)">(.*?)</a>')
"""What a framework's table names, with the heading under which it stands, on pages that have it."""
_NAMING = re.compile(r'<h2 id="(?P<id>[^"]+)"|<h3>(?P<said>.*?)</h3>|<table(?= class=)')
_TAG = re.compile("<[^>]+>")
_QUOTED = re.compile("«\u00a0[^«»]+\u00a0»|“[^“”]+”")
"""What stands in quotes, as a title does: none has quotes in it."""


def render_report(
    predicate: Predicate,
    findings: Sequence[FindingRecord],
    signer: SignedBy | TrustedKey | None,
    language: str,
    chronicle: Chronicle = NOTHING,
    unresolved: Mapping[str, int] = MappingProxyType({}),
) -> bytes:
    """Return the page in UTF-8; the same arguments give the same bytes.

    `findings` are the first of them, as read from their lines; `chronicle` is what the journal
    tells, `unresolved` the findings that are no notes and that nobody waived, by code. Without a
    signer the page is marked as a draft in every place where it could be taken for evidence.
    """
    words = PageWords(language)
    told = Told(predicate, findings, signer, chronicle, unresolved, words)
    page = (
        environment()
        .get_template("report.html")
        .render(
            **_spoken(words),
            **shown_of(predicate),
            **told.subjects(),
            language=language,
            headings=_HEADING.findall,
            GROUPS=_GROUPS,
        )
    )
    return _named(_typed(_placed(_linked(page, words)))).encode()


def _named(page: str) -> str:
    """Name each table after the heading above it, for those who go from table to table by ear."""
    name = ""

    def named(one: re.Match[str]) -> str:
        nonlocal name
        if one["id"]:
            name = f'aria-labelledby="{one["id"]}"'
        elif one["said"]:
            name = f'aria-label="{_TAG.sub("", one["said"])}"'
        else:
            return f"{one[0]} {name}"
        return one[0]

    return _NAMING.sub(named, page)


def _typed(page: str) -> str:
    """Keep each option of a command on one line."""
    return _TYPED.sub(
        lambda one: one[1] + _OPTION.sub(r'<span class="whole">\g<0></span>', one[2]), page
    )


def _placed(page: str) -> str:
    """Lead from what the table of frameworks names to its heading; print has the number of that."""
    numbers = {key: number for number, key in enumerate(_HEADING.findall(page), start=1)}
    there = {*_LED_TO.findall(page)}

    def placed(one: re.Match[str]) -> str:
        key, said = one[1], one[2]
        if key not in there:
            return said
        number = f'<span class="printed">\u00a0({numbers[key]})</span>' if key in numbers else ""
        return f'<a href="#{key}">{said}</a>{number}'

    return _AT.sub(placed, page)


def _linked(page: str, words: PageWords) -> str:
    """Lead from each title in quotes to where it stands, if the page has that; never in a tag."""
    titles = {
        f"{opening}{words.say(key)}{closing}": (
            f'{opening}<a href="#{key}">{words.say(key)}</a>{closing}'
        )
        for key in _LED_TO.findall(page)
        for opening, closing in (("«\u00a0", "\u00a0»"), ("“", "”"))
    }
    return _TEXT.sub(
        lambda text: _QUOTED.sub(lambda one: titles.get(one[0], one[0]), text[0]), page
    )


def _spoken(words: PageWords) -> dict[str, object]:
    """Return what templates say things with, in the language of the page."""
    return {
        "t": words.say,
        "number": words.number,
        "size": words.size,
        "decimal": words.decimal,
        "bound": words.bound,
        "moment": words.moment,
        "later_hour": words.later_hour,
        "day": words.day,
        "length": words.length,
        "period": words.period,
        "lasting": words.lasting,
        "difference": words.difference,
        "cause": words.cause,
        "span": words.span,
        "condition": words.condition,
        "word": words.word,
        "counted": words.counted,
        "trait": words.trait,
        "money": words.money,
        "command": Markup('<code class="whole">{}</code>').format,
        "whole": Markup('<span class="whole">{}</span>').format,
        "claimed_moment": words.claimed_moment,
        "said": words.said,
        "unbroken": unbroken,
        "short": short,
        "meaning": meaning,
        "message": words.message,
        "remedy": words.remedy,
        "rule": words.rule,
        "reason": words.reason,
        "agreed": agreed,
        "in_order": in_order,
        "owner_of": owner_of,
        "reader_of": reader_of,
    }
