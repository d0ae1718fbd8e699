"""One request and its reply, as libcurl's callbacks see them: every bound, every deviation."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import pycurl

from hdh_migrate.bounded import count_of, token
from hdh_migrate.door import Door
from hdh_migrate.errors import ConnectionLost, HostRefused, ShortRead
from hdh_migrate.frozen import mutable_row
from hdh_migrate.transport.gathering import Gathering

DEADLINE_BYTES_PER_SECOND = 4_096
"""A request may take its seconds and one more for so many of its bytes."""

LONGEST_PAUSE_SECONDS = 86_400
HEADERS_MAX = 262_144
"""Bytes of all headers of one exchange."""

HEADS_UNJUDGED = 64
"""Lines of a head that may come before their bytes are added up; libcurl bounds each of them."""

READ_ABORT: int = pycurl.READFUNC_ABORT
SOCKET_BAD: int = pycurl.SOCKET_BAD

_STATUS = re.compile(r"HTTP/[0-9](?:\.[0-9])? ([1-5][0-9]{2})(?: .*)?", re.ASCII)
_FINAL = re.compile(rb"HTTP/[0-9](?:\.[0-9])? ([2-5][0-9]{2})(?: [^\r\n]*)?\r\n")
_FIELD = re.compile(rb"([!-9;-~]+):[ \t]*((?:[!-~](?:[ -~]*[!-~])?)?)[ \t]*\r\n")

KNOWN_FIELDS = 256
"""Lines of heads that are not read anew when they come again: most of a reply's do."""

KNOWN_BYTES = 256
"""Bytes of the longest of them."""


@mutable_row
class Reply:
    """One reply: status, lower-cased headers, and the body when no sink took it."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def length(self) -> int | None:
        """The announced body length, None when there is none."""
        return count_of(self.headers.get("content-length", ""))

    @property
    def etag(self) -> str:
        """The ETag without its quotes, empty when there is none that can be sent again."""
        return token(self.headers.get("etag", "").strip('"'))

    @property
    def retry_after(self) -> float | None:
        """Seconds the server asks us to wait, at most a day; the date form is ignored."""
        return pause(self.headers.get("retry-after", ""))


class Exchange:
    """The callbacks of one request; an error inside one is kept and raised after libcurl ends.

    Head lines are only gathered while they come (`heads.append` is what libcurl calls) and read
    together, before the first byte of the body or at the end.
    """

    def __init__(
        self,
        accept: Callable[[Reply], None] | None,
        sink: Callable[[bytes], object] | None,
        limit: int,
        seconds: float,
    ) -> None:
        self.reply = Reply()
        self.heads: list[bytes] = []
        """Lines of the reply's head, and trailers, as they came."""
        self.heard = 0.0
        """When the head was read, by the monotonic clock."""
        self.failure: BaseException | None = None
        self.clock = Deadline(seconds)
        self._accept = accept
        self._sink = sink
        self._pull: Callable[[int], bytes] | None = None
        self._limit = limit
        self._begun = False
        self._kept: list[bytes] = []
        self._size = 0
        self._judged = 0
        self._sockets: list[socket.socket] = []

    def opening(self, door: Door) -> Callable[[int, tuple[Any, ...]], socket.socket | int]:
        """Return what opens a socket to an address, if the door has no objection to it."""

        def opened(purpose: int, address: tuple[Any, ...]) -> socket.socket | int:
            del purpose
            family, kind, protocol, where = address
            objection = door.objection(str(where[0]))
            if objection is not None:
                host = urlsplit(door.endpoint).netloc
                self.failure = HostRefused(
                    f"{host} leads to {where[0]}, {objection}; nothing was sent there",
                    hint="a wrong or poisoned name would send the data elsewhere; check the DNS",
                )
                return SOCKET_BAD
            made = socket.socket(family, kind, protocol)
            self._sockets.append(made)
            return made

        return opened

    def release(self) -> None:
        """Close our handles of the sockets; libcurl has duplicates of its own."""
        for made in self._sockets:
            made.close()

    def forget(self) -> None:
        """Let go of everything: libcurl's handle knows this exchange until the next one."""
        self.reply, self._kept = Reply(), []
        self._accept = self._sink = self._pull = None

    def progress(self, *_: float) -> int:
        """Look at the clock and at the head's size, whatever comes or does not come.

        Return 0, or 1: the request is to end, and why is kept.
        """
        if time.monotonic() <= self.clock.until and len(self.heads) - self._judged < HEADS_UNJUDGED:
            return 0
        try:
            self.clock.demand()
            self._demand_short()
        except BaseException as error:  # noqa: BLE001 - a signal is heard here as well
            self.failure = self.failure or error
            return 1
        return 0

    def _demand_short(self) -> None:
        self._judged = len(self.heads)
        if sum(map(len, self.heads)) > HEADERS_MAX:
            raise ShortRead(f"the headers of a reply are longer than {HEADERS_MAX} bytes")

    def write(self, data: bytes) -> int:
        """Take the next bytes of the reply's body."""
        try:
            clock = self.clock
            now = time.monotonic()
            if now > clock.until:
                clock.demand()
            if not self._begun:
                self._begin()
            self._size += len(data)
            if self._sink is not None and self.reply.status < 300:
                self._sink(data)
                clock.until += time.monotonic() - now  # what we do with the bytes does not count
            else:
                self._keep(data)
        except BaseException as error:  # noqa: BLE001 - libcurl would print and swallow it
            self.failure = error
            return -1
        return len(data)

    def taker(self, gathering: Gathering | None) -> Callable[[bytes], int | None]:
        """Return what takes the reply's body: `write`, or what does so where that has to look.

        A piece of a body that is gathered, behind others that were looked at, is copied and nothing
        else; the clock is looked at by `progress` meanwhile, which libcurl calls as often.
        """
        write = self.write
        if gathering is None:
            return write
        room = gathering.room

        def take(data: bytes) -> int | None:
            held = gathering.held
            end = held + len(data)
            if end > gathering.until:
                return write(data)
            room[held:end] = data
            gathering.held = end
            return None  # all of it

        return take

    def _keep(self, data: bytes) -> None:
        if self._size <= self._limit:
            self._kept.append(data)
        elif self.reply.status < 300:
            raise ShortRead(f"a reply is longer than {self._limit} bytes")

    def give(self, pull: Callable[[int], bytes]) -> Callable[[int], bytes | int]:
        """Return what gives the next bytes of the request's body, which `pull` makes."""
        self._pull = pull
        return self._read

    def _read(self, size: int) -> bytes | int:
        try:
            self.clock.demand()
            assert self._pull is not None
            began = time.monotonic()
            piece = self._pull(size)
            self.clock.until += time.monotonic() - began  # `stopped`, written out
        except BaseException as error:  # noqa: BLE001 - libcurl would print and swallow it
            self.failure = error
            return READ_ABORT
        return piece

    def finished(self) -> Reply:
        """Return the whole reply."""
        if not self._begun:
            self._begin()
        self.reply.body = b"".join(self._kept)
        return self.reply

    def read_head(self) -> None:
        """Read what came of the reply's head, if it was not read yet; it may be cut.

        Raises:
            ShortRead: it does not begin with a status, or is too long.
        """
        if not self.reply.status and self.heads:
            self._demand_short()
            self.reply, last = read_reply(self.heads)
            self.heard = time.monotonic()
            if last:
                self.clock.allow(self._expected())

    def read_what_came(self) -> None:
        """Read the head of a request that may have failed: what is wrong with it is a failure."""
        try:
            self.read_head()
        except ShortRead as error:
            self.failure = self.failure or error

    def _expected(self) -> int:
        """Return the bytes of body that the time is for: what is announced may be anything."""
        announced = self.reply.length
        if self._sink is not None and self.reply.status < 300:
            return self._limit if announced is None else announced  # `accept` judges the length
        return min(announced or self._limit, self._limit)

    def _begin(self) -> None:
        self._begun = True
        self.read_head()
        if self._accept is not None and 200 <= self.reply.status < 300:
            self._accept(self.reply)


def read_reply(lines: Sequence[bytes]) -> tuple[Reply, bool]:
    """Return the last reply that head lines tell of, and whether its head was whole.

    Only the first line of a block tells a status, whatever others say; what follows the block of a
    final status is a trailer, and nothing of ours asks for one.

    Raises:
        ShortRead: a block does not begin with a status.
    """
    plain = _plain_reply(lines)
    if plain is not None:
        return plain, True
    reply = Reply()
    begun = False
    for raw in lines:
        line = raw.decode("latin-1").rstrip("\r\n")
        if not begun:
            found = _STATUS.fullmatch(line)
            if found is None:
                raise ShortRead("a reply does not begin with a status")
            reply, begun = Reply(status=int(found[1])), True
        elif not line:
            begun = False
            if reply.status >= 200:
                return reply, True
        else:
            name, colon, value = line.partition(":")
            if colon:
                reply.headers[name.strip().lower()] = value.strip()
    return reply, False


def _plain_reply(lines: Sequence[bytes]) -> Reply | None:
    """Return the reply of a head that is nothing but a final status, fields of ASCII, and its end.

    Nearly all are, and are read in one go; of any other this says None.
    """
    if len(lines) < 2 or lines[-1] != b"\r\n":
        return None
    status = _FINAL.fullmatch(lines[0])
    fields = [
        _known_field(line) if len(line) <= KNOWN_BYTES else _field(line) for line in lines[1:-1]
    ]
    if status is None or None in fields:
        return None
    return Reply(int(status[1]), dict(filter(None, fields)))


def _field(line: bytes) -> tuple[str, str] | None:
    """Return the name of a field, in lower case, and its value; None: it is not of ASCII alone."""
    found = _FIELD.fullmatch(line)
    return None if found is None else (found[1].decode().lower(), found[2].decode())


_known_field = lru_cache(maxsize=KNOWN_FIELDS)(_field)


class Deadline:
    """The time that one exchange may take, by its size; what we do with the bytes does not count.

    libcurl drops a connection that stands still; one that drips would hold a thread for ever.
    """

    def __init__(self, seconds: float) -> None:
        self.until = time.monotonic() + seconds
        """When the time is over, by the monotonic clock."""

    def allow(self, size: int) -> None:
        """Add the time that so many bytes may take."""
        self.until += size / DEADLINE_BYTES_PER_SECOND

    def demand(self) -> None:
        """Raise when the time is over.

        Raises:
            ConnectionLost: it is.
        """
        if time.monotonic() > self.until:
            raise ConnectionLost("a request took longer than its size allows")

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Do not count the time that passes in our own code, such as waiting for bandwidth."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.until += time.monotonic() - began


class Slices:
    """Hands a buffer to libcurl piece by piece."""

    def __init__(self, body: memoryview) -> None:
        self._body = body
        self._at = 0

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most `size`."""
        piece = bytes(self._body[self._at : self._at + size])
        self._at += len(piece)
        return piece


def pause(text: str) -> float | None:
    """Return the seconds of a Retry-After header, at most a day; None if it is no such number."""
    found = count_of(text, 10**20)
    return None if found is None else float(min(found, LONGEST_PAUSE_SECONDS))
