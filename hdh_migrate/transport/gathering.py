"""Gather the short pieces of a reply's body into long ones, in memory that is used again.

libcurl hands over 16 KiB at a time, and each of them went through everything that counts, meters,
opens and digests. Most of them are only copied now, by the one function that libcurl calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

ROOM: Final = 524_288
"""Bytes that are gathered before they are handed on."""

Take = Callable[[bytes | memoryview], object]


def _nobody(data: bytes | memoryview) -> object:
    del data
    raise AssertionError("a body that nobody waits for any more")


class Gathering:
    """Takes a body in pieces and hands it on in long ones, in order; all of it only after `end`.

    What is handed on is valid during the call only.
    """

    def __init__(self, take: Take, room: memoryview) -> None:
        """Gather in `room`, which nobody else uses meanwhile."""
        self._take, self.room = take, room
        self.held = 0
        """Bytes that were gathered and not handed on."""
        self.until = -1
        """Up to here a piece is only to be copied behind what is held; -1: each is looked at."""

    def write(self, piece: bytes) -> None:
        """Take the next piece, and let the following ones be copied as long as there is room."""
        room, held = self.room, self.held
        end = held + len(piece)
        while end > len(room):
            fits = len(room) - held
            room[held:] = piece[:fits]
            self.held = len(room)
            self.end()
            piece, held = piece[fits:], 0
            end = len(piece)
        room[held:end] = piece
        self.held, self.until = end, len(room)

    def forget(self) -> None:
        """Let go of who took it: libcurl's handle knows this one until the next request."""
        self._take, self.until = _nobody, -1

    def end(self) -> None:
        """Hand on what is held."""
        held, self.held = self.held, 0
        if held:
            self._take(self.room[:held])
