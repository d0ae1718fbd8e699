"""Numbers that come from outside: ASCII digits within a bound, or none at all.

`str.isdigit` takes `²` and Arabic digits, `int` takes signs, underscores and thousands of digits
(an error of its own beyond 4,300), `float` takes `inf`. Nothing of that is a number here.
"""

from __future__ import annotations

import re

LARGEST_SIZE = (1 << 63) - 1
"""Bytes of the largest object that anything here can count."""

_DIGITS = re.compile("[0-9]{1,20}", re.ASCII)


def counted(value: object, most: int = LARGEST_SIZE) -> int | None:
    """Return a count that another reader made of a reply, None for anything that is no count."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= most else None


def whole(text: str, most: int = LARGEST_SIZE) -> int | None:
    """Return a count from 0 to `most` written in ASCII digits, None for anything else."""
    if _DIGITS.fullmatch(text) is None:
        return None
    found = int(text)
    return found if found <= most else None
