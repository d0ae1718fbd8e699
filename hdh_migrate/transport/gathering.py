"""Gather the short pieces of a reply's body into long ones, in memory that is used again.

libcurl hands over 16 KiB at a time, and each of them went through everything that counts, meters,
opens and digests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

ROOM: Final = 524_288
"""Bytes that are gathered before they are handed on."""

Take = Callable[[bytes | memoryview], object]


class Gathering:
    """Takes a body in pieces and hands it on in long ones, in order; all of it only after `end`.

    What is handed on is valid during the call only.
    """

    def __init__(self, take: Take, room: memoryview) -> None:
        """Gather in `room`, which nobody else uses meanwhile."""
        self._take, self._room = take, room
        self._held = 0

    def write(self, piece: bytes) -> None:
        """Take the next piece."""
        room, held = self._room, self._held
        end = held + len(piece)
        while end > len(room):
            fits = len(room) - held
            room[held:] = piece[:fits]
            self._held = len(room)
            self.end()
            piece, held = piece[fits:], 0
            end = len(piece)
        room[held:end] = piece
        self._held = end

    def end(self) -> None:
        """Hand on what is held."""
        held, self._held = self._held, 0
        if held:
            self._take(self._room[:held])
