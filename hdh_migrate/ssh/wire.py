"""A socket that paramiko reads from in large pieces, and that knows where it leads."""

from __future__ import annotations

import socket
from typing import Final

PIECE: Final = 262_144
"""Bytes that are taken from the system at once."""


class GatheringSocket(socket.socket):
    """A TCP socket whose reads are gathered; one thread reads from it.

    paramiko reads the first sixteen bytes of a packet and then the rest: two calls into the system
    for each packet, and two turns at the interpreter's lock, which the thread that takes the data
    wants at the same time.
    """

    def __init__(self, family: int, kind: int, protocol: int) -> None:
        """Make one that is not connected yet."""
        super().__init__(family, kind, protocol)
        # paramiko's own socket waits with each small request until the one before is
        # acknowledged (Nagle): a tenth of the speed.
        self.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.address = ""
        """The network address at the other end."""
        self._held = b""
        self._at = 0

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Return up to `size` bytes; empty at the end."""
        if self._at == len(self._held):
            self._held, self._at = super().recv(max(size, PIECE), flags), 0
        piece = self._held[self._at : self._at + size]
        self._at += len(piece)
        return piece
