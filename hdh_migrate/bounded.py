"""What comes from outside, or is long, within bounds: numbers in ASCII digits, positions, lists.

`str.isdigit` takes `²` and Arabic digits, `int` takes signs, underscores and thousands of digits
(an error of its own beyond 4,300), `float` takes `inf`. Nothing of that is a number here.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

LARGEST_SIZE = (1 << 63) - 1
"""Bytes of the largest object that anything here can count."""

_DIGITS = re.compile("[0-9]{1,20}", re.ASCII)
_WORD = re.compile("[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}", re.ASCII)
_VISIBLE = re.compile("[ -~]+", re.ASCII)


def as_count(value: object) -> int | None:
    """Return a count that another reader made of a reply, None for anything that is no count."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= LARGEST_SIZE else None


def count_of(text: str, most: int = LARGEST_SIZE) -> int | None:
    """Return a count from 0 to `most` written in ASCII digits, None for anything else."""
    if _DIGITS.fullmatch(text) is None:
        return None
    found = int(text)
    return found if found <= most else None


def word(text: str) -> str:
    """Return a code that a reply gives, empty for what is none: it stands in messages and logs.

    A host may write anything there: names, secrets that it was sent, what drives a terminal.
    """
    return text if _WORD.fullmatch(text) else ""


def token(text: str, most: int = 1_024) -> str:
    """Return what a host calls a thing by (ETag, version, upload), empty for what cannot be it.

    It is kept for every object and sent again in headers.
    """
    return text if len(text) <= most and _VISIBLE.fullmatch(text) else ""


REMEMBERED: Final = 10_000
"""Positions of a listing that are compared one by one."""


T = TypeVar("T")


def in_lists(items: Iterable[T], most: int) -> Iterator[list[T]]:
    """Yield items in lists of at most so many."""
    remaining = iter(items)
    while some := list(islice(remaining, most)):
        yield some


class Visited:
    """Notices a listing that goes in circles, in bounded memory.

    A circle of up to `REMEMBERED` pages is noticed where it closes. Of a longer one, as Brent's
    method has it, the position is kept that was reached after each power of two: it comes again
    before the circle was walked three times.
    """

    def __init__(self) -> None:
        self._last: OrderedDict[Hashable, None] = OrderedDict()
        self._kept: Hashable = object()
        self._steps, self._power = 0, 1

    def again(self, position: Hashable) -> bool:
        """Return whether the listing has been here before, and take note that it is."""
        if position in self._last or position == self._kept:
            return True
        self._last[position] = None
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)
        self._steps += 1
        if self._steps == self._power:
            self._kept, self._steps, self._power = position, 0, 2 * self._power
        return False
