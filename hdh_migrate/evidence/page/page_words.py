"""What templates say things with: sentences and quantities of one language, as safe markup."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from markupsafe import Markup, escape

from hdh_migrate.codes import Code
from hdh_migrate.evidence.lines.names import visible
from hdh_migrate.evidence.page.catalogue import CATALOGUE
from hdh_migrate.evidence.page.differences import said_difference
from hdh_migrate.evidence.page.formats import LOCALES, NBSP, NNBSP
from hdh_migrate.evidence.page.messages import RULES, elsewhere, french
from hdh_migrate.evidence.page.messages.remedies import marked_commands, said_remedy
from hdh_migrate.evidence.page.text import Text
from hdh_migrate.evidence.verifier.members import FindingRecord

_ROTATED = re.compile(r"keys rotate: (?P<old>\S+) to (?P<new>\S+)")
"""The reason that `keys rotate` gives for amending a batch."""


class PageWords:
    """Sentences and quantities of one language, as markup that is ours and hence safe."""

    def __init__(self, language: str, catalogue: Mapping[str, Text] = CATALOGUE) -> None:
        self.language = language
        self._catalogue = catalogue
        self._reader = LOCALES[language]

    @property
    def decimal_mark(self) -> str:
        """What stands before the decimals of a number."""
        return self._reader.decimal

    def say(self, key: str, n: int | None = None, /, **values: object) -> Markup:
        """Return a sentence with its values filled in; `n` also chooses its grammatical number."""
        singular = n in self._reader.singular
        said = _written(self._catalogue[key], self.language, singular=singular)
        if "{" not in said:
            return said
        if n is not None:
            values["n"] = self.number(n)
        return said.format(**{name: harmless(value) for name, value in values.items()})

    def said(self, text: Text) -> Markup:
        """Return a sentence that stands beside data and not in the catalogue."""
        return _written(text, self.language)

    def remedy(self, code: str) -> list[Markup]:
        """Return what is safe where there is such a finding and what to do; of a note nothing."""
        found = said_remedy(code)
        if found is None:
            return []
        what = Markup(marked_commands(self.said(found.next)))  # noqa: S704 - escaped before
        return [
            self.say("remedy.safe", what=self.said(found.safe)),
            self.say("remedy.next", what=what),
        ]

    def word(self, group: str, value: str) -> Markup | str:
        """Return what a word of a plan or a journal is called; one without a name is itself."""
        key = f"{group}.{value}"
        sentence = self._catalogue.get(key)
        return value if sentence is None else _written(sentence, self.language)

    def counted(self, group: str, value: str, n: int) -> Markup | str:
        """Return so many of what a journal counts; what has no name is called as it is there."""
        key = f"{group}.{value}"
        return self.say(key, n) if key in self._catalogue else f"{self.number(n)} {value}"

    def trait(self, value: object) -> Markup | str:
        """Return what a profile or a probe says of a host: a number, yes, no, or a word."""
        if value is None or isinstance(value, bool):
            return self.say({None: "trait.none", True: "trait.yes", False: "trait.no"}[value])
        return self.number(value) if isinstance(value, int) else str(value)

    def claimed_moment(self, value: str) -> Markup | str:
        """Return a time that others wrote; one that is none stays as they wrote it."""
        try:
            return self.moment(value)
        except ValueError:
            return value

    def message(self, finding: FindingRecord) -> Markup | str:
        """Return what a finding says; its original text is never shown in another language."""
        text = finding["message"]
        if self.language != "fr":
            return text
        said = french(text)
        return elsewhere(finding["number"]) if said is None else said

    def rule(self, left: Mapping[str, str]) -> str:
        """Return what the rule is called that left objects behind; the plan's as the plan does.

        That a rule of the plan excludes, its place on the page says already.
        """
        rule = left["rule"].removeprefix("exclude ")
        return RULES.get(rule, rule) if self.language == "fr" else rule

    def reason(self, left: Mapping[str, str]) -> Markup | str:
        """Return why a rule left objects behind: the plan's words, or the page's for our own."""
        own = french(left["reason"]) if self.language == "fr" and left["rule"] in RULES else None
        return left["reason"] if own is None else own

    def condition(self, what: str) -> Markup | None:
        """Return what a waiver lets go, None where only its own name says it."""
        finding = meaning(what.removeprefix("finding."))
        if finding is not None:
            return self.said(finding)
        key = "condition.health" if what.startswith("health.") else f"condition.{what}"
        return self.say(key) if key in self._catalogue else None

    def difference(self, line: str) -> Markup:
        """Return how two plans differ in one place; the place and its values are the plan's own."""
        found = said_difference(line, self.language)
        if not found.changes:
            return escape(found.place)
        colon = f"{NBSP}: " if self.language == "fr" else ": "
        semicolon = f"{NNBSP}; " if self.language == "fr" else "; "
        about = "" if found.about is None else f"{found.about[:1].upper()}{found.about[1:]} "
        return Markup('{}<code>{}</code>{}<span class="name">{}</span>').format(
            about, found.place, colon, semicolon.join(found.changes)
        )

    def cause(self, reason: str) -> Markup | str:
        """Return why a batch was amended: what somebody wrote, or what `keys rotate` did."""
        rotated = _ROTATED.fullmatch(reason)
        if rotated is None:
            return reason
        return self.say("revision.rotated", old=rotated["old"], new=rotated["new"])

    def money(self, amount: str, currency: str) -> Markup:
        """Return an amount with its currency, and with the decimals that it has."""
        places = len(amount.partition(".")[2])
        return escape(f"{self.decimals(Decimal(amount), places)}{NBSP}{visible(currency)}")

    def decimals(self, value: Decimal, places: int) -> str:
        """Return a number with so many decimals."""
        whole, _, rest = f"{value:.{places}f}".partition(".")
        number = str(self.number(int(whole)))
        return f"{number}{self.decimal_mark}{rest}" if rest else number

    def span(self, seconds: float) -> Markup:
        """Return a length of time that may be less than a second."""
        if seconds < 1:
            return escape(f"{self._reader.number(max(1, round(seconds * 1000)))}{NBSP}ms")
        return escape(f"{self._reader.decimal_number(seconds)}{NBSP}s")

    def length(self, started: str, ended: str) -> Markup:
        """Return how long it was between two moments, as `moment` shows them: by the second."""
        first, last = (
            datetime.fromisoformat(one).replace(microsecond=0) for one in (started, ended)
        )
        return self.lasting(int((last - first).total_seconds()))

    def period(self, started: str, ended: str) -> Markup:
        """Return from when to when something was, and how long: a day that is both ends' once."""
        length = self.length(started, ended)
        first, last = (
            datetime.fromisoformat(one).astimezone(UTC).date() for one in (started, ended)
        )
        if first != last:
            start, end = self.moment(started), self.moment(ended)
            return self.say("q.when.answer", start=start, end=end, length=length)
        hours = [self._reader.hour(one) for one in (started, ended)]
        return self.say(
            "q.when.day", day=self.day(first.isoformat()), start=hours[0],
            end=escape(f"{hours[1]}{NBSP}UTC"), length=length,
        )  # fmt: skip

    def lasting(self, seconds: int) -> Markup:
        """Return a length of time."""
        return escape(self._reader.length(seconds))

    def number(self, value: int) -> Markup:
        """Return a whole number."""
        return escape(self._reader.number(value))

    def size(self, value: int) -> Markup:
        """Return bytes in a binary unit."""
        return escape(self._reader.size(value))

    def decimal(self, value: float) -> Markup:
        """Return a number with one decimal, and its sign where it is negative."""
        return escape(self._reader.decimal_number(value))

    def bound(self, value: int) -> Markup:
        """Return a power of two without the decimals that it does not have."""
        return escape(self._reader.size(value, exact=True))

    def share(self, tenths: int, *, less: bool) -> Markup:
        """Return a percentage from its tenths; `less`: it is not even that."""
        return escape(self._reader.share(tenths, less=less))

    def moment(self, value: str) -> Markup:
        """Return a time in UTC."""
        return escape(self._reader.moment(value))

    def later_hour(self, first: str, later: str) -> Markup | None:
        """Return the time of day of a moment that is on the day of another; else None."""
        one, other = (datetime.fromisoformat(at).astimezone(UTC).date() for at in (first, later))
        return escape(f"{self._reader.hour(later)}{NBSP}UTC") if one == other else None

    def day(self, value: str) -> Markup:
        """Return a day."""
        return escape(self._reader.day(value))


_REFERENCE = re.compile(r"\d-\d")
_UNBROKEN = 24
"""Characters of a word that fit into one line of any screen."""


@lru_cache(maxsize=4096)  # more than there are sentences: a page says the same ones again
def _written(text: Text, language: str, *, singular: bool = False) -> Markup:
    """Return a sentence as a language writes it, escaped, its placeholders still open."""
    return escape(text.said(language, singular=singular))


def short(value: str) -> Markup:
    """Return what one line of any screen holds, a telephone number or an address, unbroken."""
    line = Markup('<span class="whole">{}</span>') if len(value) <= _UNBROKEN else Markup("{}")
    return line.format(visible(value))


def unbroken(value: str) -> Markup:
    """Return what others wrote; a short word with digits and a hyphen stands on one line."""
    return Markup(" ").join(
        Markup('<span class="whole">{}</span>').format(word)
        if _REFERENCE.search(word) and len(word) <= _UNBROKEN
        else word
        for word in visible(value).split(" ")
    )


def harmless(value: object) -> object:
    """Pass our own markup, make every other text visible; the engine escapes it afterwards."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return visible(value)


def meaning(code: str) -> Text | None:
    """Return what a finding's code means, None when only its message says it."""
    found = Code.known(code)
    return None if found is None else Text(fr=found.about.fr, en=found.about.en)
