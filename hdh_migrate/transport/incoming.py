"""Read one reply from a connection: its head as a whole, its body in long pieces, all bounded."""

from __future__ import annotations

import re
import socket
import time
from typing import Final

from hdh_migrate.bounded import whole
from hdh_migrate.errors import ConnectionLost, ShortRead
from hdh_migrate.transport.exchange import HEADERS_MAX, Exchange, Reply, plain_reply, read_reply

STALL_BYTES_PER_SECOND: Final = 512
LINE_MOST: Final = 8_192
"""Bytes of a line between the pieces of a body."""

_SIZE: Final = re.compile(rb"[0-9A-Fa-f]{1,15}", re.ASCII)
_LENGTH: Final = re.compile(
    r"^content-length[ \t]*:[ \t]*(.*?)[ \t]*\r?$", re.MULTILINE | re.IGNORECASE
)
_EMPTY: Final = frozenset((204, 304))
_TOO_LONG: Final = f"the headers of a reply are longer than {HEADERS_MAX} bytes"


class GoneError(Exception):
    """A connection ended before any byte of an answer came."""


class Trickle:
    """Notices a connection on which hardly anything passes: what we do meanwhile does not count."""

    __slots__ = ("_passed", "_stall", "_waited")

    def __init__(self, stall: int) -> None:
        self._stall, self._waited, self._passed = stall, 0.0, 0

    def is_slow(self, waited: float, passed: int) -> bool:
        """Add what a call of the system took and moved; say whether it was too little for long."""
        self._waited, self._passed = self._waited + waited, self._passed + passed
        if self._waited <= self._stall:
            return False
        slow = self._passed < self._stall * STALL_BYTES_PER_SECOND
        self.restart()
        return slow

    def restart(self) -> None:
        """Begin anew."""
        self._waited, self._passed = 0.0, 0


class Incoming:
    """What comes on a connection, in memory that is used again: `held` bytes, read up to `at`."""

    __slots__ = ("_at", "_exchange", "_gone", "_held", "_host", "_pace", "_room", "_store", "_take")

    def __init__(
        self,
        connection: socket.socket,
        host: str,
        exchange: Exchange,
        room: memoryview,
        pace: Trickle,
    ) -> None:
        assert isinstance(room.obj, bytearray)
        self._take, self._host, self._exchange = connection.recv_into, host, exchange
        self._room, self._store, self._pace = room, room.obj, pace
        self._at = self._held = 0
        self._gone = 0
        """Bytes of interim replies."""

    def reply(self, *, bodiless: bool, gathers: bool) -> bool:
        """Hand on one whole reply; say whether the connection can be used again.

        Raises:
            GoneError: not a byte came.
            ConnectionLost, ShortRead: no whole reply did.
        """
        exchange = self._exchange
        reply, text = self._head()
        exchange.headed(reply)
        headers = reply.headers
        again = text.startswith("HTTP/1.1") and headers.get("connection", "").lower() != "close"
        if bodiless or reply.status in _EMPTY:
            pass
        elif (coding := headers.get("transfer-encoding")) is not None:
            if coding.lower() != "chunked":
                raise self._odd("a body in a form that was not asked for")
            again = again and "content-length" not in headers
            self._chunks(gathers=gathers)
        elif "content-length" in headers:
            self._body(self._length(text), gathers=gathers)
        else:
            again = False
            self._rest(gathers=gathers)
        return again and self._at == self._held  # what nobody asked for is not the next reply

    def _head(self) -> tuple[Reply, str]:
        """Return the first reply that is final, and its head as it came."""
        while True:
            text = self._block()
            reply = plain_reply(text, text.count("\n"))
            if reply is None:
                lines = [f"{line}\n".encode("latin-1") for line in text.split("\n")[:-1]]
                reply, _ = read_reply(lines)
            if reply.status >= 200:
                self._pace.restart()
                return reply, text
            if reply.status == 101:
                raise self._odd("the reply turns to another protocol")
            self._gone += len(text)

    def _block(self) -> str:
        """Return the next head up to its empty line."""
        looked = self._at
        while (end := self._end(looked)) < 0:
            looked = max(self._at, self._held - 2)
            self._demand_short(self._held)
            if not self._more():
                if self._held == 0 and not self._gone:
                    raise GoneError
                raise self._odd("the reply ended before its head did")
            if not self._gone and not b"HTTP/".startswith(self._store[: min(5, self._held)]):
                raise self._odd("the reply is not of HTTP")
        self._demand_short(end)
        text = str(self._room[self._at : end], "latin-1")
        self._at = end
        return text

    def _end(self, looked: int) -> int:
        """Return where the first empty line ends, -1 if there is none yet."""
        find, held = self._store.find, self._held
        end = find(b"\n\r\n", looked, held)
        bare = find(b"\n\n", looked, held if end < 0 else end)
        return bare + 2 if bare >= 0 else end + 3 if end >= 0 else -1

    def _demand_short(self, end: int) -> None:
        if self._gone + end - self._at > HEADERS_MAX:
            raise ShortRead(_TOO_LONG)

    def _length(self, text: str) -> int:
        told = set(_LENGTH.findall(text))
        length = whole(told.pop()) if len(told) == 1 else None
        if length is None:
            raise self._odd("the reply announces no length that can be")
        return length

    def _body(self, left: int, *, gathers: bool) -> None:
        while left:
            have = self._held - self._at
            if have < (min(left, self._fits()) if gathers else 1):
                self._demand_more()
                continue
            size = min(have, left)
            self._hand_on(size, gathers=gathers)
            left -= size

    def _rest(self, *, gathers: bool) -> None:
        """Hand on what comes until the connection ends."""
        while True:
            if self._held - self._at < (self._fits() if gathers else 1) and self._more():
                continue
            if self._held == self._at:
                return
            self._hand_on(self._held - self._at, gathers=gathers)

    def _fits(self) -> int:
        """Return how many bytes can be held, those that are included; at least one."""
        return len(self._room) - (0 if self._at == self._held else self._at)

    def _chunks(self, *, gathers: bool) -> None:
        while True:
            size = self._line().partition(b";")[0].strip()
            if _SIZE.fullmatch(size) is None:
                raise self._odd("a body whose pieces have no size")
            left = int(size, 16)
            if not left:
                break
            self._body(left, gathers=gathers)
            if self._line():
                raise self._odd("a piece of a body that is longer than it says")
        trailers = 0
        while line := self._line():
            trailers += len(line)
            if trailers > HEADERS_MAX:
                raise ShortRead(_TOO_LONG)

    def _line(self) -> bytes:
        while (end := self._store.find(b"\n", self._at, self._held)) < 0:
            if self._held - self._at > LINE_MOST:
                raise self._odd("a line without an end")
            self._demand_more()
        line = bytes(self._room[self._at : end])
        self._at = end + 1
        return line.removesuffix(b"\r")

    def _hand_on(self, size: int, *, gathers: bool) -> None:
        piece = self._room[self._at : self._at + size]
        self._at += size
        exchange = self._exchange
        if exchange.write(piece if gathers else bytes(piece)) < 0:
            assert exchange.failure is not None
            raise exchange.failure

    def _demand_more(self) -> None:
        if not self._more():
            raise ShortRead(f"{self._host}: the reply ended early")

    def _more(self) -> bool:
        """Wait for bytes behind what is held; say whether any came before the other end's end."""
        if self._at == self._held:
            self._at = self._held = 0
        elif self._held == len(self._room):
            held = self._held - self._at
            self._room[:held] = bytes(self._room[self._at : self._held])
            self._at, self._held = 0, held
        clock, began = self._exchange.clock, time.monotonic()
        try:
            got = self._take(self._room[self._held :])
        except (BlockingIOError, TimeoutError):
            raise self._odd("nothing came for too long") from None
        except ConnectionResetError:
            if self._held == 0:
                return False
            raise self._odd("the connection was reset") from None
        except OSError as error:
            raise self._odd(error.strerror or "the connection failed") from None
        now = time.monotonic()
        if now > clock.until:
            clock.demand()
        self._held += got
        if self._pace.is_slow(now - began, got):
            raise self._odd("hardly a byte came for too long")
        return got > 0

    def _odd(self, what: str) -> ConnectionLost:
        return ConnectionLost(f"{self._host}: {what}")
