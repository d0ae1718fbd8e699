"""One SFTP session: requests that overlap, replies that are looked at, in bounded memory.

Every reply must be one that was asked for, of the kind that was asked for, and no longer than what
was asked for. A session in which anything else was heard is not used again (`Sessions`).
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING, Final

from hdh_migrate.errors import AccessDenied, ConnectionLost, Missing, ShortRead, Unsupported
from hdh_migrate.model import SIZE_MAX
from hdh_migrate.sources.sftp_packets import (
    PACKET_MAX,
    VERSION,
    Ask,
    Attrs,
    Fields,
    ReplyKind,
    StatusCode,
    text,
)
from hdh_migrate.ssh.connection import translated
from hdh_migrate.transport.exchange import Deadline

if TYPE_CHECKING:
    from paramiko import Channel, Transport

READ: Final = 32_768
"""Bytes of one read: what every server must be able to give at once."""
AHEAD: Final = 64
"""Reads that are under way at once: 2 MiB, which is also all that waits for us."""
WINDOW: Final = AHEAD * (READ + 64)
"""Bytes that the server may send before we have taken any."""
LOOKS_AHEAD: Final = 64
"""Files that are asked about at once."""
FOLDER_AHEAD: Final = 4
"""Pieces of one directory that are asked for at once."""
STALL_SECONDS: Final = 60.0
DEADLINE_SECONDS: Final = 300.0
"""An exchange may take so long, and a second more for each 4 KiB; see `Deadline`."""

NAMES_MAX: Final = 50_000_000
"""Names of one directory; who tells more never ends."""
_TAKEN: Final = 1 << 20
_HEAD: Final = struct.Struct(">IBI")
"""How a packet begins: the length of what follows, its kind, its number."""

Reply = tuple[int, bytes]
"""A reply's kind and its body; of DATA the bytes alone."""


class Session:
    """A logged-in connection and its one SFTP channel; used by one thread at a time."""

    def __init__(self, transport: Transport, where: str) -> None:
        """Start the protocol; `transport` is closed with the session.

        Raises:
            ConnectionLost: the server opens no channel, or ends it.
            Unsupported: it has no SFTP, or another version of it.
        """
        self.where = where
        self.requests = self.received = self.sent = 0
        """SFTP packets sent, and bytes of packets received and sent."""
        self._transport = transport
        self._ids = count(1)
        self._out = bytearray()
        self._in = b""
        self._at = 0
        self._waiting: set[int] = set()
        self._kept: dict[int, Reply] = {}
        self.clock = Deadline(DEADLINE_SECONDS)
        with translated(where):
            self._channel = self._opened(transport)
        self._greet()

    @property
    def is_sound(self) -> bool:
        """Whether it can be used again: it is up, and nothing is still to come."""
        return self._transport.is_active() and not self._waiting and not self._channel.closed

    def passed(self) -> tuple[int, int, int]:
        """Return requests, and bytes received and sent, since this was asked before."""
        sums = self.requests, self.received, self.sent
        self.requests = self.received = self.sent = 0
        return sums

    def close(self) -> None:
        """End the connection, whatever is under way."""
        self._transport.close()

    def begin(self, size: int = 0) -> None:
        """Give an exchange of so many bytes its time."""
        self.clock = Deadline(DEADLINE_SECONDS)
        self.clock.allow(size)

    # --- what is asked ---------------------------------------------------------------------------

    def realpath(self, path: bytes) -> bytes:
        """Return the server's own path of something, links resolved."""
        return self.named(self.post(Ask.REALPATH, text(path)))

    def lstat(self, path: bytes) -> Attrs:
        """Describe what has this name, be it a link.

        Raises:
            Missing: nothing has.
        """
        return self.described(self.post(Ask.LSTAT, text(path)))

    def placed(self, path: bytes) -> tuple[Attrs, bytes]:
        """Describe what has this name, and return the server's own path of it.

        Raises:
            Missing: nothing has.
        """
        asked = self.post(Ask.LSTAT, text(path)), self.post(Ask.REALPATH, text(path))
        seen, named = [self.reply(one) for one in asked]  # both, or the session were of no use
        return _attrs(seen), _name(named)

    def lstats(self, paths: Sequence[bytes]) -> Iterator[Attrs | None]:
        """Describe each of some names, many at a time; None for one that is gone."""
        asked: deque[int] = deque()
        for path in paths:
            asked.append(self.post(Ask.LSTAT, text(path)))
            if len(asked) == LOOKS_AHEAD:
                yield self._maybe(asked.popleft())
        while asked:
            yield self._maybe(asked.popleft())

    def names(self, folder: bytes) -> Iterator[list[tuple[bytes, Attrs]]]:
        """List a directory in the server's own order, a piece at a time.

        Raises:
            Missing: there is none.
        """
        handle = self.handled(self.post(Ask.OPENDIR, text(folder)))
        asked: deque[int] = deque()
        ended, count = False, 0
        while asked or not ended:
            while not ended and len(asked) < FOLDER_AHEAD:
                asked.append(self.post(Ask.READDIR, text(handle)))
            piece = self._piece(asked.popleft())
            ended = ended or piece is None
            count += len(piece or ())
            if count > NAMES_MAX:
                raise ShortRead("the source lists a directory without end")
            if piece:
                yield piece
        self.closed(handle)

    def opened(self, path: bytes) -> bytes:
        """Open a file to read it and return its handle."""
        return self.handled(self.post(Ask.OPEN, text(path) + struct.pack(">II", 1, 0)))

    def looking(self, handle: bytes) -> int:
        """Ask for the attributes of an open file; `described` gives them."""
        return self.post(Ask.FSTAT, text(handle))

    def left(self, handle: bytes) -> Attrs:
        """Return a file's attributes one last time, and close it."""
        asked = self.post(Ask.FSTAT, text(handle)), self.post(Ask.CLOSE, text(handle))
        seen, _ = [self.reply(one) for one in asked]
        return _attrs(seen)

    def closed(self, handle: bytes) -> None:
        """Close a handle; that it cannot be closed is of no interest."""
        if self.reply(self.post(Ask.CLOSE, text(handle)))[0] != ReplyKind.STATUS:
            raise _odd()

    def read(self, handle: bytes, start: int, length: int) -> Iterator[bytes]:
        """Yield the bytes of a range in order, as they come; fewer where the file ends early.

        What is asked for and not yet taken is never more than `WINDOW`.
        """
        at, end = start, start + length
        head = bytes((Ask.READ,)), text(handle)
        asked: deque[tuple[int, int, int]] = deque()
        while asked or at < end:
            if len(asked) <= AHEAD // 2:
                while at < end and len(asked) < AHEAD:
                    size = min(READ, end - at)
                    asked.append((self._read(head, at, size), at, size))
                    at += size
            number, begins, size = asked.popleft()
            data = self._data(number, size)
            if data is None:
                self._drop(one for one, _, _ in asked)
                return
            yield data
            # Fewer bytes than asked for are no end: the rest is asked for before anything else.
            while len(data) < size:
                begins, size = begins + len(data), size - len(data)
                more = self._data(self._read(head, begins, size), size)
                if more is None:
                    self._drop(one for one, _, _ in asked)
                    return
                data = more
                yield data

    # --- requests --------------------------------------------------------------------------------

    def post(self, kind: Ask, body: bytes) -> int:
        """Ask something; the reply is fetched by the number that is returned."""
        number = next(self._ids) & 0xFFFF_FFFF
        self._out += struct.pack(">IBI", len(body) + 5, kind, number) + body
        self._waiting.add(number)
        self.requests += 1
        return number

    def _read(self, head: tuple[bytes, bytes], at: int, size: int) -> int:
        return self.post(Ask.READ, head[1] + struct.pack(">QI", at, size))

    def _flush(self) -> None:
        if self._out:
            with translated(self.where):
                self._channel.sendall(self._out)
            self.sent += len(self._out)
            self._out.clear()

    # --- replies ---------------------------------------------------------------------------------

    def reply(self, number: int) -> Reply:
        """Return the reply to one request.

        Raises:
            ConnectionLost: it did not come.
            ShortRead: another came, that nobody asked for.
        """
        self._flush()
        while number not in self._kept:
            self._hear()
        return self._kept.pop(number)

    def described(self, number: int) -> Attrs:
        """Return the attributes that a request asked for, all of them there."""
        return _attrs(self.reply(number))

    def handled(self, number: int) -> bytes:
        """Return the handle that a request asked for."""
        return _checked(self.reply(number), ReplyKind.HANDLE).text()

    def named(self, number: int) -> bytes:
        """Return the one name that a request asked for."""
        return _name(self.reply(number))

    def _maybe(self, number: int) -> Attrs | None:
        try:
            return self.described(number)
        except Missing:
            return None

    def _piece(self, number: int) -> list[tuple[bytes, Attrs]] | None:
        reply = self.reply(number)
        if _is_end(reply):
            return None
        fields = _checked(reply, ReplyKind.NAME)
        self.clock.allow(len(fields.data))  # a directory may hold any number of names
        found = []
        for _ in range(fields.number()):
            name, _, attrs = fields.text(), fields.text(), fields.attrs()
            found.append((name, attrs))
        if not found:
            raise ShortRead("the source lists a directory in empty pieces")
        return found

    def _data(self, number: int, most: int) -> bytes | None:
        """Return what a read brought; None: the file ends there."""
        kind, body = reply = self.reply(number)
        if kind != ReplyKind.DATA:
            if _is_end(reply):
                return None
            raise _failure(reply)
        if not 0 < len(body) <= most:
            raise ShortRead("the source sent another length than was asked for")
        return body

    def _drop(self, numbers: Iterator[int]) -> None:
        for number in numbers:
            self.reply(number)

    def _hear(self) -> None:
        """Take one packet from the channel."""
        size, kind, number = _HEAD.unpack(self._take(9))
        if not 5 <= size <= PACKET_MAX:
            raise ShortRead("the SFTP server sent a packet of a length that none has")
        if number not in self._waiting:
            raise ShortRead("the SFTP server answered what nobody asked")
        if kind == ReplyKind.DATA and size >= 9:
            # The bytes of files are copied once, here: their length is looked at beside them.
            length = int.from_bytes(self._take(4), "big")
            body = self._take(size - 9)
            if length != len(body):
                raise ShortRead("the source sent another length than was asked for")
        else:
            body = self._take(size - 5)
            if kind == ReplyKind.DATA:
                raise _odd()
        self.received += size + 4
        self._waiting.remove(number)
        self._kept[number] = kind, body

    def _take(self, size: int) -> bytes:
        held, at = self._in, self._at
        if at + size <= len(held):
            self._at = at + size
            return held[at : self._at]
        pieces, missing = [held[at:]], size - (len(held) - at)
        while missing > 0:
            held = self._some()
            pieces.append(held[:missing])
            at = min(missing, len(held))
            missing -= at
        self._in, self._at = held, at
        return b"".join(pieces)

    def _some(self) -> bytes:
        """Return the next bytes of the channel."""
        self.clock.demand()
        with translated(self.where):
            data: bytes = self._channel.recv(_TAKEN)
        if not data:
            raise ConnectionLost(f"{self.where}: the SFTP session ended")
        return data

    # --- beginning -------------------------------------------------------------------------------

    def _opened(self, transport: Transport) -> Channel:
        from hdh_migrate.ssh.pipe import PiecePipe

        channel = transport.open_session(window_size=WINDOW, timeout=STALL_SECONDS)
        channel.in_buffer = PiecePipe()  # nothing has come yet: nothing was asked
        channel.settimeout(STALL_SECONDS)
        channel.invoke_subsystem("sftp")
        return channel

    def _greet(self) -> None:
        self._out += struct.pack(">IBI", 5, Ask.INIT, VERSION)
        self._flush()
        size, kind, version = _HEAD.unpack(self._take(9))
        if not 5 <= size <= PACKET_MAX:
            raise Unsupported("the server does not speak SFTP")
        if kind != ReplyKind.VERSION or version != VERSION:
            raise Unsupported("the server does not speak version 3 of SFTP")
        self._take(size - 5)  # extensions, of which none is needed
        self.received += size + 4


def _attrs(reply: Reply) -> Attrs:
    found = _checked(reply, ReplyKind.ATTRS).attrs()
    if not found.is_whole or (found.size or 0) > SIZE_MAX:
        raise ShortRead("the source describes a file without size, kind or time of change")
    return found


def _name(reply: Reply) -> bytes:
    fields = _checked(reply, ReplyKind.NAME)
    if fields.number() != 1:
        raise _odd()
    return fields.text()


def _checked(reply: Reply, wanted: ReplyKind) -> Fields:
    """Return the fields of a reply that is of the wanted kind."""
    if reply[0] != wanted:
        raise _failure(reply)
    return Fields(reply[1])


def _is_end(reply: Reply) -> bool:
    """Return whether a reply tells that there is no more."""
    return reply[0] == ReplyKind.STATUS and Fields(reply[1]).number() == StatusCode.EOF


def _failure(reply: Reply) -> Exception:
    """Return what a reply of another kind than was asked for says, as an error of ours."""
    if reply[0] != ReplyKind.STATUS:
        return _odd()
    match Fields(reply[1]).number():
        case StatusCode.NO_SUCH_FILE:
            return Missing("there is no such source file")
        case StatusCode.PERMISSION_DENIED:
            return AccessDenied("no right to read a source file")
        case StatusCode.OP_UNSUPPORTED:
            return Unsupported("the SFTP server does not offer what reading needs")
        case StatusCode.NO_CONNECTION | StatusCode.CONNECTION_LOST:
            return ConnectionLost("the SFTP server lost its own connection")
        case other:
            return ShortRead(f"the SFTP server answered with status {other}")


def _odd() -> ShortRead:
    return ShortRead("the SFTP server sent another kind of reply than was asked for")
