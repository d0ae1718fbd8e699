r"""Text from outside, made safe for other people's programs: spreadsheets and Markdown.

The cell rule, which docs/exports.md undoes without loss:

1. what hides, moves or overwrites text is shown as `names.visible` shows it: `\u{a}` for a line
   feed, `\x{ff}` for a byte that is no text; so no cell holds a line break or a tab;
2. where cells do not all stand in quotes, a semicolon is written `\u{3b}`: a spreadsheet that
   takes it for the separator (French and German ones do) would let the text after it begin a cell;
3. a cell that begins, spaces aside, with a formula trigger or with an apostrophe gets one
   apostrophe in front. Triggers are = + - @ in every form that Unicode holds for the same sign
   (full-width, small, superscript), and the minus sign U+2212;
4. so does a text that a spreadsheet would read as a number, an amount, a date, a time or a truth
   value: `007` would lose its zeros, `1e5` become 100000, `3-4` the third of April, `mars 2026` its
   first day, `(5)` minus five. That is every text with a digit whose words, if it has any, are
   months, days of the week or the like, in French or English.

To undo it: take one leading apostrophe away, then turn every `\u{..}` and `\x{..}` back.
"""

from __future__ import annotations

import re
import unicodedata

from hdh_migrate.evidence.lines.names import visible

_TRIGGERS = frozenset("=+-@\u2212")
_WORD = re.compile(r"[^\W\d_]+")
_MONTHS_AND_DAYS = (
    *("janvier", "fevrier", "mars", "avril", "mai", "juin", "juillet", "aout", "septembre"),
    *("octobre", "novembre", "decembre", "january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
    *("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
)
"""Without accents; what begins one of them, with three letters at least, stands for it."""
_SHORTEST = 3
_BESIDE_DIGITS = frozenset(("e", "am", "pm", "h", "er", "st", "nd", "rd", "th", "eur", "usd"))
_TRUTH = frozenset(("true", "false", "vrai", "faux"))


def safe(text: str, *, quoted: bool = False) -> str:
    """Return a cell that every spreadsheet shows as this text, whatever its separator.

    `quoted`: every cell of the file stands in quotes.
    """
    shown = visible(text)
    if not quoted:
        shown = shown.replace(";", r"\u{3b}")
    first = shown.lstrip(" ")[:1]
    if (
        shown.startswith("'")
        or unicodedata.normalize("NFKC", first)[:1] in _TRIGGERS
        or _is_quantity(shown)
        or shown.strip().lower() in _TRUTH
    ):
        return f"'{shown}"
    return shown


def _is_quantity(text: str) -> bool:
    """Say whether a spreadsheet might read more than a text: a month's word counts by its start."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    return any(char.isdigit() for char in plain) and all(
        word in _BESIDE_DIGITS
        or (len(word) >= _SHORTEST and any(one.startswith(word) for one in _MONTHS_AND_DAYS))
        for word in _WORD.findall(plain)
    )


def code(text: str) -> str:
    """Return text as a Markdown code span, also inside a table.

    Nothing in a code span is a link, a mention, markup or HTML. The only characters that could
    end the span or the table's cell are shown escaped, as `visible` shows others.
    """
    shown = visible(text).replace("`", r"\u{60}").replace("|", r"\u{7c}")
    return f"`{shown}`" if shown else ""
