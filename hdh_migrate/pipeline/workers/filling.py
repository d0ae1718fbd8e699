"""Fill a buffer with sealed segments while the plaintext arrives, in cache-sized windows.

SHA-256 of the plaintext and of the stored bytes are taken while the bytes are in cache.
"""

from __future__ import annotations

import hashlib
import threading

from hdh_migrate.errors import ShortRead
from hdh_migrate.model import SEGMENT
from hdh_migrate.ports.sealing import Envelope

WINDOW = 4 * SEGMENT
"""Plaintext handled at once: large enough for speed, small enough for the second-level cache."""

_local = threading.local()


def _window() -> bytearray:
    window = getattr(_local, "window", None)
    if window is None:
        window = _local.window = bytearray(WINDOW)
    return window


class Sealing:
    """Takes plaintext in any cut and leaves it sealed in `out`, with digests of both."""

    def __init__(
        self, envelope: Envelope, out: memoryview, *, first: int, left: int, ends: bool, md5: bool
    ) -> None:
        self.plain = hashlib.sha256()
        self.stored = hashlib.sha256()
        self.md5 = hashlib.md5(usedforsecurity=False) if md5 else None
        self.size = 0
        self._envelope = envelope
        self._out = out
        self._next = first
        self._left = left
        self._ends = ends
        self._window = memoryview(b"")
        """Made when plaintext comes in pieces shorter than one."""
        self._held = 0

    def header(self, header: bytes) -> None:
        """Put the object's header in front of its first segment."""
        self._out[: len(header)] = header
        self.stored.update(header)
        self.size = len(header)

    def write(self, data: bytes | memoryview) -> None:
        """Take the next plaintext; never more than was announced."""
        view, at = memoryview(data), 0
        while (came := len(view) - at) > 0:
            if not self._held and (came >= WINDOW or came == self._left):
                self._seal(view[at : at + WINDOW])
                at += WINDOW
                continue
            if not self._window:
                # What is short has one of its own: of a thread's fibers several may wait.
                own = self._left < WINDOW
                self._window = memoryview(bytearray(self._left) if own else _window())
            room = min(WINDOW - self._held, came)
            self._window[self._held : self._held + room] = view[at : at + room]
            self._held += room
            at += room
            if self._held == WINDOW:
                self._seal_held()

    def close(self) -> None:
        """Seal what is held back.

        Raises:
            ShortRead: less plaintext came than was announced.
        """
        if self._held < self._left:
            raise ShortRead("the source sent less than was asked for")
        if self._held:
            self._seal_held()

    def _seal_held(self) -> None:
        held, self._held = self._held, 0
        self._seal(self._window[:held])

    def _seal(self, plain: memoryview) -> None:
        self._left -= len(plain)
        self.plain.update(plain)
        if self.md5 is not None:
            self.md5.update(plain)
        final = self._ends and self._left == 0
        out = self._out[self.size :]
        written = self._envelope.seal_into(plain, self._next, final=final, out=out)
        self.stored.update(out[:written])
        self.size += written
        self._next += -(-len(plain) // SEGMENT)
