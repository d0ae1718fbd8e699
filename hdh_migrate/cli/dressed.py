"""Texts for people as a terminal shows them: broken between words, and with what matters coloured.

A pipe or a file gets lines as they are. A command is never broken by us, so that it can be copied
whole; a terminal that is too narrow for it breaks it where it likes, and copies it in one piece.
Nothing needs colour to be understood.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from hdh_migrate.cli import environment

STATES: Final[Mapping[str, int]] = {"under way": 6, "failed": 1, "held back": 3, "done": 2}
"""States of batches, and the colour of each among the first eight of a terminal."""

_LABELS: Final[Mapping[str, str]] = {
    "error": "1;31", "blocker": "1;31", "FAIL": "1;31", "warning": "33", "finding": "33",
    "hint": "36", "next": "1", "note": "2", "ok": "32",
}  # fmt: skip
_LABEL: Final = re.compile(rf"( *)({'|'.join(_LABELS)})(:| )")
_STATE: Final = re.compile(
    rf"(\S+ {{2,}}(?:(?:inventory|transfer|verify) +)?)({'|'.join(STATES)})(?= |$)"
)
_LEAD: Final = re.compile(r" *(?:- |[\w-]+(?: \w+)?: +(?! ))?")
_WORD: Final = re.compile(
    r'\(?"hdh-migrate [^"]*"\S*|\(?`hdh-migrate [^`]*`\S*'
    r"|\(?hdh-migrate [a-z][^();,]*?(?= \(|[);,]|$)\S*|\S+"
)
_COLUMNS: Final = re.compile(r"(.*\S)( {2,})(\S+(?: \S+)*)")
_JSON: Final = re.compile(r' *(?:[][{}]|"[^"]*"(?::|,?$))')
_BELOW: Final = "    "
_LEAD_MAX: Final = 10
_NARROWEST: Final = 40


def dressed(text: str, stream: Any) -> str:  # noqa: ANN401 - a standard stream
    """Return a text as it is written to a stream; as it is, unless that is a terminal.

    Nothing in the text may drive a terminal.
    """
    width = _width(stream)
    if width is None:
        return text
    lines = (one for line in text.split("\n") for one in _broken(line, width))
    said = os.environ.get
    plain = bool(said(environment.NO_COLOR)) or said("TERM", "dumb") == "dumb"
    return "\n".join(lines if plain else map(_coloured, lines))


def _width(stream: Any) -> int | None:  # noqa: ANN401 - a standard stream
    """Return the columns of a terminal; None: it is none, or one that says nothing of them."""
    try:
        columns = os.get_terminal_size(stream.fileno()).columns if stream.isatty() else 0
    except (AttributeError, OSError, ValueError):
        return None
    return columns if columns >= _NARROWEST else None


def _broken(line: str, width: int) -> Iterator[str]:
    """Yield a line in pieces that fit, if words do."""
    lead = _LEAD.match(line)
    assert lead is not None, "it may be empty"
    begin = lead[0] if len(lead[0]) <= _LEAD_MAX else line[: len(line) - len(line.lstrip())]
    body = line[len(begin) :]
    if len(line) <= width or _JSON.match(line):  # which would mean something else
        yield line
    elif "  " in body:
        yield from _row(line, width)
    else:
        hang = " " * (len(begin) if begin.strip() else len(begin) + 2)
        yield from _filled(begin, body, hang, width)


def _row(line: str, width: int) -> Iterator[str]:
    """Yield a row of columns, the last one below the others where it is long and of words."""
    found = _COLUMNS.fullmatch(line)
    if found is None or len(found[1]) > width or not (" " in found[3] or found[3].isupper()):
        yield line
        return
    yield found[1]
    yield from _filled(_BELOW, found[3], _BELOW, width)


def _filled(begin: str, text: str, hang: str, width: int) -> Iterator[str]:
    """Yield a text in lines, the first after `begin` and the others after `hang`."""
    piece = begin
    for word in _WORD.findall(text):
        if piece.strip() and len(piece) > len(begin) and len(piece) + len(word) + 1 > width:
            yield piece
            piece = hang + word
            begin = hang
        else:
            piece += word if piece == begin else f" {word}"
    yield piece


def _coloured(line: str) -> str:
    if (found := _LABEL.match(line)) is not None:
        at = found.end() - (found[3] == " ")
        return f"{found[1]}\x1b[{_LABELS[found[2]]}m{line[len(found[1]) : at]}\x1b[0m{line[at:]}"
    if (found := _STATE.match(line)) is not None:
        return f"{found[1]}\x1b[3{STATES[found[2]]}m{found[2]}\x1b[0m{line[found.end() :]}"
    return line
