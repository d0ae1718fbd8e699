"""The lines of a dataset's sidecar, found by key while few of its files are in memory.

Each file is read once to learn from which key to which it reaches, and again when a key of it is
asked for. Keys that are asked for nearly in order, as a target lists them, read each file twice.
Memory: two keys for each file of some 2,048 lines, and the lines of `HELD` files.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, Final, Generic, NamedTuple, TypeVar

from hdh_migrate.errors import Missing, UnsealFailed
from hdh_migrate.fidelity import FEATURES
from hdh_migrate.model import key_bytes
from hdh_migrate.pipeline.own_files.sidecar import FORMAT, key_of

F = TypeVar("F")
Line = dict[str, Any]

HELD: Final = 8
"""Files whose lines are in memory at once; each has some 4 MiB at most."""

UNREADABLE: Final = (UnsealFailed, Missing, ValueError, KeyError, TypeError)
"""What is raised of a file that cannot be opened, or is none."""


class _Reach(NamedTuple):
    first: bytes
    last: bytes
    number: int


class SidecarLines(Generic[F]):
    """The files of one sidecar; `F` is whatever a file is opened by."""

    def __init__(self, dataset: str, opened: Callable[[F], bytes]) -> None:
        """`opened` gives the bytes of a file; it may raise any of UNREADABLE."""
        self._dataset, self._opened = dataset, opened
        self._files: list[F] = []
        self._reaches: list[_Reach] = []
        self._sorted = True
        self._held = OrderedDict[int, dict[bytes, bytes]]()
        self.left = 0
        """Lines about objects that nobody has asked for."""
        self.unreadable = 0
        """Files that could not be read a second time."""

    def learn(self, file: F) -> Iterator[tuple[str, Line]]:
        """Take one file; give the lines of its folder markers, which are of no stored object.

        Raises:
            UNREADABLE: it is no file of this sidecar, or cannot be opened.
        """
        keys, markers = list[bytes](), list[tuple[str, Line]]()
        for line in self._lines(file):
            value = _checked(json.loads(line))
            if value.get("directory"):
                markers.append((key_of(value), value))
            else:
                keys.append(key_bytes(key_of(value)))
        if keys:
            self._reaches.append(_Reach(min(keys), max(keys), len(self._files)))
            self._files.append(file)
            self._sorted = False
            self.left += len(keys)
        yield from markers

    def line(self, key: str) -> Line | None:
        """Return the line about a stored object, once; None: there is none."""
        if not self._sorted:
            self._reaches.sort()
            self._sorted = True
        raw = key_bytes(key)
        at = bisect_right(self._reaches, raw, key=lambda one: one.first) - 1
        if at < 0 or self._reaches[at].last < raw:
            return None
        line = self._of(self._reaches[at].number).pop(raw, None)
        if line is None:
            return None
        self.left -= 1
        value: Line = json.loads(line)
        return value

    def _of(self, number: int) -> dict[bytes, bytes]:
        """Return what is left of a file's lines, by key; a line that was taken may be there again.

        Nobody asks for a key twice, for a target has each key once.
        """
        if number in self._held:
            self._held.move_to_end(number)
            return self._held[number]
        try:
            found = {
                key_bytes(key_of(value)): line
                for line in self._lines(self._files[number])
                if not (value := _checked(json.loads(line))).get("directory")
            }
        except UNREADABLE:
            self.unreadable += 1
            found = {}
        self._held[number] = found
        if len(self._held) > HELD:
            self._held.popitem(last=False)
        return found

    def _lines(self, file: F) -> list[bytes]:
        head, *lines = self._opened(file).splitlines()
        if json.loads(head) != {"dataset": self._dataset, "format": FORMAT}:
            raise ValueError("another format")
        return lines


def _checked(entry: Line) -> Line:
    if not entry["features"].keys() <= FEATURES.keys():
        raise ValueError("an unknown feature")
    return entry
