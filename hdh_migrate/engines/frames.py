"""Frames of bytes over a socket of this machine, each with its length in front.

As `multiprocessing.connection` has it, whose import alone takes a tenth of a worker's start.
"""

from __future__ import annotations

import select
import socket
from typing import Final

_LENGTH: Final = 4
"""Bytes that say how long a frame is."""

_COPIED: Final = 16_384
"""Bytes of a frame that are sent together with their length, which costs a copy."""


class Frames:
    """One end of a socket. One thread may send while another one receives."""

    def __init__(self, end: socket.socket) -> None:
        """Take an end that blocks, and close it when this is closed."""
        self._end = end

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._end.fileno()

    def close(self) -> None:
        """Let the other end know that nothing comes any more."""
        self._end.close()

    def poll(self, seconds: float) -> bool:
        """Return whether something came, or the other end went, within so many seconds."""
        waiting = select.poll()
        waiting.register(self._end, select.POLLIN)
        return bool(waiting.poll(seconds * 1_000))

    def send_bytes(self, data: bytes) -> None:
        """Send one frame.

        Raises:
            OSError: the other end is gone.
            OverflowError: no frame is so long.
        """
        length = len(data).to_bytes(_LENGTH, "big")
        if len(data) > _COPIED:
            self._end.sendall(length)
            self._end.sendall(data)
        else:
            self._end.sendall(length + data)

    def recv_bytes(self) -> bytearray:
        """Wait for one whole frame.

        Raises:
            EOFError, OSError: the other end is gone.
        """
        return self._exactly(int.from_bytes(self._exactly(_LENGTH), "big"))

    def _exactly(self, size: int) -> bytearray:
        found, at = bytearray(size), 0
        view = memoryview(found)
        while at < size:
            came = self._end.recv_into(view[at:])
            if not came:
                raise EOFError
            at += came
        return found
