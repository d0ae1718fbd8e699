"""HTTP/1.1 on connections of our own: a request is one call of the system, a small reply another.

libcurl calls back for each line of a head, for each piece of a body and for progress, and every
call takes the interpreter's lock. For a small object that costs several times what its bytes do
(docs/decisions/0083-connections-of-our-own.md). What is asked here is held to the same door, trust,
bounds and clocks. Where no connection comes about, libcurl is to try, which says what is wrong.
"""

from __future__ import annotations

import re
import socket
import ssl
import struct
import threading
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit

from hdh_migrate.door import Door
from hdh_migrate.errors import ConnectionLost, Permanent
from hdh_migrate.frozen import frozen
from hdh_migrate.transport.exchange import Exchange
from hdh_migrate.transport.incoming import Incoming, Trickle
from hdh_migrate.transport.signing import host_of
from hdh_migrate.transport.trust import CIPHERS, TlsTrust

CONNECT_SECONDS: Final = 15

METHODS: Final = frozenset(("GET", "HEAD", "PUT"))
"""What may be asked again on a new connection when an old one ended without a word."""

PIECE: Final = 262_144
"""Bytes that are given to the system at once; the clock is looked at after each."""

CONNECTIONS_MOST: Final = 8
"""That one thread keeps; a bucket may have a host name of its own."""

_STOOD: Final = "hardly a byte was taken for too long"

JOINED_MOST: Final = 65_536
"""Bytes of a request that are put together for a TLS connection, to be one record or few."""

AGENT: Final = "hdh-migrate"

_TARGET: Final = re.compile(r"/[!$-~]*", re.ASCII)


@frozen
class WebOrigin:
    """Where an address leads, without its path."""

    host: str
    port: int
    shown: str
    """The host as a request's head names it."""
    secure: bool


@lru_cache(maxsize=256)
def _origin(text: str) -> WebOrigin:
    parts = urlsplit(text)
    secure = parts.scheme == "https"
    return WebOrigin(
        host=parts.hostname or "",
        port=parts.port or (443 if secure else 80),
        shown=host_of(parts.scheme, parts.netloc),
        secure=secure,
    )


def is_plain(target: str) -> bool:
    """Say whether a path and query go to a server as they are; libcurl mends others."""
    return "/." not in target and _TARGET.fullmatch(target) is not None


def head_of(
    method: str, origin: str, target: str, headers: Mapping[str, str], size: int | None
) -> bytes:
    """Return the head of a request; `size` is its body's, None if it has none.

    Raises:
        Permanent: a header's value would be several.
    """
    lines = [
        f"{method} {target} HTTP/1.1",
        *([] if "Host" in headers else [f"Host: {_origin(origin).shown}"]),
        f"User-Agent: {AGENT}",
        "Accept: */*",
        "Accept-Encoding: identity",
        *[f"{name}: {value}" for name, value in headers.items()],
    ]
    if size is not None:
        lines.append(f"Content-Length: {size}")
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1 or "\0" in text:
        raise Permanent("a header holds what ends a line")
    return f"{text}\r\n\r\n".encode()


class _PlainSocket(socket.socket):
    """Closes itself when nobody has it any more, without a word."""

    def __del__(self) -> None:
        self.close()


class _SecuredSocket(ssl.SSLSocket):
    """The same over TLS."""

    def __del__(self) -> None:
        self.close()


class DirectLines:
    """The connections that a transport keeps: its threads have some each."""

    def __init__(self, door: Door, tls: TlsTrust, ca_file: str | None) -> None:
        """Make no connection yet."""
        self._door, self._tls, self._ca_file = door, tls, ca_file
        self._local = threading.local()

    def line(self, origin: str) -> DirectLine | None:
        """Return this thread's connection to an address, None where none comes about.

        Raises:
            HostRefused: the address is of the wrong kind; nothing was sent there.
        """
        kept = self._kept()
        found = kept.get(origin)
        if found is None or not found.is_open:
            found = self._opened(_origin(origin))
            if found is None:
                kept.pop(origin, None)
                return None
            if len(kept) >= CONNECTIONS_MOST:
                kept.clear()
            kept[origin] = found
        return found

    def _kept(self) -> dict[str, DirectLine]:
        kept: dict[str, DirectLine] | None = getattr(self._local, "kept", None)
        if kept is None:
            kept = self._local.kept = {}
        return kept

    def _opened(self, origin: WebOrigin) -> DirectLine | None:
        until = time.monotonic() + CONNECT_SECONDS
        for family, kind, protocol, where in self._addresses(origin):
            self._door.demand_address(str(where[0]))
            made = _PlainSocket(family, kind, protocol)
            try:
                made.settimeout(max(0.1, until - time.monotonic()))
                made.connect(where)
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return self._line(made, origin, str(where[0]))
            except (OSError, ValueError):  # libcurl says which, and whether it agrees
                made.close()
        return None

    def _addresses(
        self, origin: WebOrigin
    ) -> Iterator[tuple[socket.AddressFamily, socket.SocketKind, int, tuple[Any, ...]]]:
        known = None if self._door.resolve is None else self._door.resolve(origin.host)
        flags = 0 if known is None else socket.AI_NUMERICHOST
        for host in (origin.host,) if known is None else known:
            try:
                found = socket.getaddrinfo(host, origin.port, type=socket.SOCK_STREAM, flags=flags)
            except (OSError, UnicodeError):
                continue
            for family, kind, protocol, _, where in found:
                yield family, kind, protocol, where

    def _line(self, made: socket.socket, origin: WebOrigin, address: str) -> DirectLine:
        if not origin.secure:
            return DirectLine(made, origin.shown, address)
        secured = self._context.wrap_socket(made, server_hostname=origin.host)
        certificate = secured.getpeercert(binary_form=True) or b""
        if self._tls.pins and pin_of(certificate) not in self._tls.pins:
            secured.close()
            raise ssl.SSLError("none of the pinned keys")
        cipher = secured.cipher() or ("",)
        told = f"{secured.version()} {cipher[0]} sha256:{sha256(certificate).hexdigest()}"
        return DirectLine(secured, origin.shown, address, tls=told)

    @cached_property
    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(CIPHERS)
        context.sslsocket_class = _SecuredSocket
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # as libcurl has it
        context.load_verify_locations(self._ca_file)
        return context


def pin_of(certificate: bytes) -> str:
    """Return the pin of a certificate's key, as `TlsTrust.pins` has them."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = x509.load_der_x509_certificate(certificate).public_key()
    told = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"sha256//{b64encode(sha256(told).digest()).decode()}"


class DirectLine:
    """One connection, on which one request is asked and answered at a time."""

    __slots__ = ("_host", "_secure", "_socket", "_stall", "address", "answers", "is_open", "sent",
                 "tls")  # fmt: skip

    def __init__(
        self, made: socket.socket, host: str, address: str, *, tls: str | None = None
    ) -> None:
        self._socket, self._host, self._secure = made, host, tls is not None
        self._stall = 0
        self.address, self.tls = address, tls
        """Where it leads, and what it is secured with (see `Handshake.read`), None: nothing."""
        self.is_open = True
        self.answers = 0
        """Requests that were answered on it."""
        self.sent = 0
        """Bytes of the last request's body that were given to the system."""

    def close(self) -> None:
        """End it; again is safe."""
        self.is_open = False
        self._socket.close()

    def ask(
        self,
        head: bytes,
        body: memoryview | None,
        exchange: Exchange,
        room: memoryview,
        *,
        bodiless: bool,
        gathers: bool,
        stall: int,
    ) -> None:
        """Make one request and hand its reply to the exchange.

        `bodiless`: whatever the reply announces, no body follows. `gathers`: the body is handed on
        in pieces as long as there is `room`, each valid during the call only; otherwise as bytes.

        Raises:
            GoneError: nothing was answered, as on a connection that the other end had closed.
            ConnectionLost: no whole reply arrived.
            ShortRead: the body is shorter than announced, or the head longer than it may be.
        """
        self.is_open, self.sent = False, 0  # until nothing of this request stays behind
        try:
            self._bear(stall)
            self._send(head, body, exchange, Trickle(stall))
            incoming = Incoming(self._socket, self._host, exchange, room, Trickle(stall))
            again = incoming.reply(bodiless=bodiless, gathers=gathers)
        except BaseException:
            self.close()
            raise
        self.answers += 1
        self.is_open = again
        if not again:
            self.close()

    def _bear(self, stall: int) -> None:
        """Wait so many seconds at most for a single byte, either way."""
        if self._stall == stall:
            return
        if self._secure:
            self._socket.settimeout(stall)
        else:  # by the kernel: Python would ask it each time whether there is something to read
            self._socket.settimeout(None)
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                self._socket.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", stall, 0))
        self._stall = stall

    def _send(
        self, head: bytes, body: memoryview | None, exchange: Exchange, pace: Trickle
    ) -> None:
        left = [memoryview(head)]
        if body is not None:
            exchange.clock.allow(len(body))
            if self._secure and len(head) + len(body) <= JOINED_MOST:
                left = [memoryview(head + body)]
            else:
                left += [body[at : at + PIECE] for at in range(0, len(body), PIECE)]
        gone = -len(head)
        while left:
            began = time.monotonic()
            try:
                passed = self._given(left)
            except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
                return  # it may have answered before
            except (BlockingIOError, TimeoutError):
                raise ConnectionLost(f"{self._host}: {_STOOD}") from None
            except OSError as error:
                raise ConnectionLost(f"{self._host}: {error.strerror}") from None
            gone += passed
            self.sent = max(0, gone)
            _take_off(left, passed)
            if not left:
                return
            exchange.clock.demand()
            if pace.is_slow(time.monotonic() - began, passed):
                raise ConnectionLost(f"{self._host}: {_STOOD}")

    def _given(self, pieces: list[memoryview]) -> int:
        """Give the system what it takes of the first pieces; return how much that was."""
        if isinstance(self._socket, ssl.SSLSocket):
            return self._socket.send(pieces[0])
        return self._socket.sendmsg(pieces[:2])


def _take_off(pieces: list[memoryview], size: int) -> None:
    while pieces and size >= len(pieces[0]):
        size -= len(pieces.pop(0))
    if size:
        pieces[0] = pieces[0][size:]
