"""One request and its reply, as libcurl's callbacks see them: every bound, every deviation."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pycurl

from hdh_migrate.bounded import token, whole
from hdh_migrate.door import Door
from hdh_migrate.errors import ConnectionLost, HostRefused, ShortRead

DEADLINE_BYTES_PER_SECOND = 4_096
"""A request may take its seconds and one more for so many of its bytes."""

LONGEST_PAUSE_SECONDS = 86_400
HEADERS_MAX = 262_144
"""Bytes of all headers of one exchange."""

READ_ABORT: int = pycurl.READFUNC_ABORT
SOCKET_BAD: int = pycurl.SOCKET_BAD

_STATUS = re.compile(r"HTTP/[0-9](?:\.[0-9])? ([1-5][0-9]{2})(?: .*)?", re.ASCII)


@dataclass(slots=True)
class Reply:
    """One reply: status, lower-cased headers, and the body when no sink took it."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def length(self) -> int | None:
        """The announced body length, None when there is none."""
        return whole(self.headers.get("content-length", ""))

    @property
    def etag(self) -> str:
        """The ETag without its quotes, empty when there is none that can be sent again."""
        return token(self.headers.get("etag", "").strip('"'))

    @property
    def retry_after(self) -> float | None:
        """Seconds the server asks us to wait, at most a day; the date form is ignored."""
        return pause(self.headers.get("retry-after", ""))


class Exchange:
    """The callbacks of one request; an error inside one is kept and raised after libcurl ends."""

    def __init__(
        self,
        accept: Callable[[Reply], None] | None,
        sink: Callable[[bytes], object] | None,
        limit: int,
        seconds: float,
    ) -> None:
        self.reply = Reply()
        self.heard = 0.0
        """When the last header arrived, by the monotonic clock."""
        self.failure: BaseException | None = None
        self._accept = accept
        self._sink = sink
        self._limit = limit
        self._accepted = False
        self._kept: list[bytes] = []
        self._size = 0
        self._headers = 0
        self._begun = self._complete = False
        self.clock = Deadline(seconds)
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

    def header(self, raw: bytes) -> int:
        """Take one line of the reply's head."""
        try:
            self._header(raw)
        except BaseException as error:  # noqa: BLE001 - libcurl would print and swallow it
            self.failure = error
            return -1
        return len(raw)

    def _header(self, raw: bytes) -> None:
        self.clock.demand()
        self._headers += len(raw)
        if self._headers > HEADERS_MAX:
            raise ShortRead(f"the headers of a reply are longer than {HEADERS_MAX} bytes")
        line = raw.decode("latin-1").rstrip("\r\n")
        if self._complete:
            return  # a trailer: nothing of ours asks for one
        if not self._begun:  # only the first line of a block tells a status, whatever others say
            found = _STATUS.fullmatch(line)
            if found is None:
                raise ShortRead("a reply does not begin with a status")
            self.reply, self._begun = Reply(status=int(found[1])), True
        elif not line:
            self._begun, self._complete = False, self.reply.status >= 200
            if self._complete:
                self.clock.allow(self._expected())
        elif ":" in line:
            name, value = line.split(":", 1)
            self.heard = time.monotonic()
            self.reply.headers[name.strip().lower()] = value.strip()

    def _expected(self) -> int:
        """Return the bytes of body that the time is for: what is announced may be anything."""
        announced = self.reply.length
        if self._sink is not None and self.reply.status < 300:
            return self._limit if announced is None else announced  # `accept` judges the length
        return min(announced or self._limit, self._limit)

    def progress(self, *_: float) -> int:
        """Look at the clock: what comes in between bodies and heads shows nowhere else."""
        try:
            self.clock.demand()
        except BaseException as error:  # noqa: BLE001 - a signal is heard here as well
            self.failure = self.failure or error
            return 1
        return 0

    def write(self, data: bytes) -> int:
        """Take the next bytes of the reply's body."""
        try:
            self.clock.demand()
            self._begin()
            self._size += len(data)
            if self._sink is not None and self.reply.status < 300:
                with self.clock.stopped():
                    self._sink(data)
            else:
                self._keep(data)
        except BaseException as error:  # noqa: BLE001 - libcurl would print and swallow it
            self.failure = error
            return -1
        return len(data)

    def _keep(self, data: bytes) -> None:
        if self._size <= self._limit:
            self._kept.append(data)
        elif self.reply.status < 300:
            raise ShortRead(f"a reply is longer than {self._limit} bytes")

    def guard(self, pull: Callable[[int], bytes]) -> Callable[[int], bytes | int]:
        """Return what gives the next bytes of the request's body."""

        def read(size: int) -> bytes | int:
            try:
                self.clock.demand()
                with self.clock.stopped():
                    return pull(size)
            except BaseException as error:  # noqa: BLE001 - libcurl would print and swallow it
                self.failure = error
                return READ_ABORT

        return read

    def finished(self) -> Reply:
        """Return the whole reply."""
        self._begin()
        self.reply.body = b"".join(self._kept)
        return self.reply

    def _begin(self) -> None:
        if not self._accepted:
            self._accepted = True
            if self._accept is not None and 200 <= self.reply.status < 300:
                self._accept(self.reply)


class Deadline:
    """The time that one exchange may take, by its size; what we do with the bytes does not count.

    libcurl drops a connection that stands still; one that drips would hold a thread for ever.
    """

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def allow(self, size: int) -> None:
        """Add the time that so many bytes may take."""
        self._until += size / DEADLINE_BYTES_PER_SECOND

    def demand(self) -> None:
        """Raise when the time is over.

        Raises:
            ConnectionLost: it is.
        """
        if time.monotonic() > self._until:
            raise ConnectionLost("a request took longer than its size allows")

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Give back the time that passes in our own hands, such as waiting for bandwidth."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._until += time.monotonic() - began


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
    found = whole(text, 10**20)
    return None if found is None else float(min(found, LONGEST_PAUSE_SECONDS))
