"""How a finding's message is read back into what it is made of, and said in French.

A finding is stored as its code and one English message, which is part of the signed evidence: the
journal, both verifiers and old bundles hold it. Every message is made from one of a few sentences
with parameters in them. Such a sentence stands here once more, as a form: its English with the
places of the parameters, and its French. The form that fits gives the parameters back, and the
page says them as its reader writes numbers, sizes and dates (docs/decisions: findings in French).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

_PLACE = re.compile(r"\{([a-z_]+):([a-z]+)\}")

_EITHER = r"\[([^|\]{}]+)\|([^|\]{}]+)\]"

_PATTERNS: Final[Mapping[str, str]] = {
    "number": r"\d{1,18}",
    "size": r"\d{1,18}",
    "moment": r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|\+00:00)",
    "word": r"[^\s,;()]+",
    "numbers": r"\d+(?:, \d+)*",
    "name": r".+?",
    "term": r".+?",
    "terms": r".+?",
    "message": r".+",
    "quoted": r".+",
}
"""What may stand in a place, by its kind.

`term` is one of a vocabulary, `terms` several with commas between them, `message` a whole message
of another form; `quoted` is what a person wrote, `name` what somebody or something is called, both
shown as they are; a `word` is a technical one, which has no language.
"""


class Filled(NamedTuple):
    """One parameter that was read: what kind of thing it is, and its text in the message."""

    kind: str
    text: str


class MessageForm:
    """One sentence that findings have: in English, as it is stored, and in French.

    `en` has `{name:kind}` where a parameter stands, and `[one|several]` where words agree with the
    number before them (where none is before them, with the first list of numbers); either is read,
    for earlier versions wrote the second whatever the number. `fr` has `{name}`, and like all
    sentences of the page "one|several" for the two grammatical numbers of its first number.
    """

    def __init__(self, en: str, fr: str) -> None:
        self.en, self.fr = en, fr
        self.kinds = dict(_PLACE.findall(en))
        self._begins = re.split(r"[{[]", en, maxsplit=1)[0]
        self._ends = re.split(r"[]}]", en)[-1]
        self._pattern: re.Pattern[str] | None = None

    def read(self, message: str) -> dict[str, Filled] | None:
        """Return the parameters of a message, None where it is no message of this form."""
        # To compile the pattern takes a hundred times what this does, and there are hundreds.
        if not (message.startswith(self._begins) and message.endswith(self._ends)):
            return None
        if self._pattern is None:
            self._pattern = re.compile(_pattern(self.en), re.DOTALL)
        found = self._pattern.fullmatch(message)
        if found is None:
            return None
        return {name: Filled(self.kinds[name], text) for name, text in found.groupdict().items()}


def _pattern(en: str) -> str:
    """Return the regular expression of a form's messages."""
    pieces = _PLACE.split(en)
    literal = [_literal(piece) for piece in pieces[::3]]
    places = [
        f"(?P<{name}>{_PATTERNS[kind]})"
        for name, kind in zip(pieces[1::3], pieces[2::3], strict=True)
    ]
    return "".join(a + b for a, b in zip(literal, [*places, ""], strict=True))


def _literal(text: str) -> str:
    """Return the regular expression of words, either of two where they agree with a number."""
    plain = re.split(_EITHER, text)
    found = re.escape(plain[0])
    for one, several, after in zip(plain[1::3], plain[2::3], plain[3::3], strict=True):
        found += f"(?:{re.escape(one)}|{re.escape(several)})" + re.escape(after)
    return found
