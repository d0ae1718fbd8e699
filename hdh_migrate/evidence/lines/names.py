"""Object names, made safe to store as JSON text and safe to look at.

A name is any byte string. `readable` gives its JSON text and, where that text cannot be the
truth, the bytes in base64. `visible` gives what a person may be shown: no control, direction or
invisible character survives as itself, whatever the medium.
"""

from __future__ import annotations

import base64
import unicodedata

from hdh_migrate.model import key_bytes

# Letters and marks that draw nothing, though Unicode does not class them as format characters.
_BLANKS = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\U00016fe4\U0001d159"
) | frozenset(chr(one) for one in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"))
_MARKS = frozenset(("Mn", "Me"))
_MARKS_IN_A_ROW = 3
_FIRST_BYTE, _LAST_BYTE = 0xDC80, 0xDCFF  # how surrogateescape holds bytes 80 to FF


def readable(key: str) -> tuple[str, str | None]:
    r"""Return the text of a key and, only if its bytes are not clean UTF-8, their base64.

    The text of such a key writes each undecodable byte as `\xNN`: valid JSON, and different for
    different bytes, though not for a key that spells the same characters; the base64 decides.

    Raises:
        UnicodeEncodeError: the string holds surrogates that stand for no byte.
    """
    raw = key_bytes(key)
    try:
        return raw.decode(), None
    except UnicodeDecodeError:
        return raw.decode("utf-8", "backslashreplace"), base64.b64encode(raw).decode("ascii")


def visible(name: str) -> str:
    r"""Return a name with every character that hides, moves or overwrites text as `\u{...}`.

    A byte that is no text shows as `\x{..}`. Letters of any script, accents and the plain space
    stay. A name that spells such an escape itself gets its backslash escaped, so that what is
    shown is never taken for what it is not.
    """
    if name.isascii() and name.isprintable() and "\\" not in name:
        return name
    shown: list[str] = []
    marks = _MARKS_IN_A_ROW  # a mark without a letter before it would sit on our own text
    for index, char in enumerate(name):
        marks = marks + 1 if unicodedata.category(char) in _MARKS else 0
        spelled = char == "\\" and name.startswith(("u{", "x{"), index + 1)
        shown.append(_escape(char) if spelled or _hides(char, marks) else char)
    return "".join(shown)


def _hides(char: str, marks: int) -> bool:
    if char == " ":
        return False
    return marks > _MARKS_IN_A_ROW or char in _BLANKS or unicodedata.category(char) in _UNSEEN


def _escape(char: str) -> str:
    point = ord(char)
    if _FIRST_BYTE <= point <= _LAST_BYTE:
        return f"\\x{{{point & 0xFF:02x}}}"
    return f"\\u{{{point:x}}}"
