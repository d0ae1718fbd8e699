"""HTTP over libcurl: one reply at a time, every deviation an error of ours.

No redirect is followed, no proxy, netrc or certificate setting of the host is honoured, TLS is
1.2 or later with verified certificates (and pinned keys, if any), every address is judged when it
is contacted, a stalled connection is dropped, bodies stream through callbacks and nothing is ever
decoded. Requests are signed with AWS Signature Version 4 when a `SigV4` is given.
Why libcurl: docs/decisions/0002-transport.md; why for everything: 0011-one-door.md.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pycurl

from hdh_migrate.bounded import whole
from hdh_migrate.clocks import Sighting, http_date
from hdh_migrate.door import Door
from hdh_migrate.errors import ConnectionLost, HostRefused, ShortRead, StorageError

CONNECT_SECONDS = 15
STALL_BYTES_PER_SECOND = 512
STALL_SECONDS = 60
SHARP_SECONDS = 5.0
"""A Date that came within this time tells the time well."""

DEADLINE_SECONDS = 300
DEADLINE_BYTES_PER_SECOND = 4_096
"""A request may take `DEADLINE_SECONDS` and a second more for so many of its bytes."""

LONGEST_PAUSE_SECONDS = 86_400
HEADERS_MAX = 262_144
"""Bytes of all headers of one exchange."""

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: forward secrecy and AEAD only; every suite of TLS 1.3 has both."""

ERROR_BODY_MAX = 65_536
UPLOAD_BUFFER = 524_288
DOWNLOAD_BUFFER = 262_144
READ_ABORT: int = pycurl.READFUNC_ABORT
SOCKET_BAD: int = pycurl.SOCKET_BAD

_STATUS = re.compile(r"HTTP/[0-9](?:\.[0-9])? ([1-5][0-9]{2})(?: .*)?", re.ASCII)
_TLS_ERRORS = frozenset(
    (pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CACERT_BADFILE, pycurl.E_SSL_ISSUER_ERROR)
)
_CA_FILES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")


@dataclass(frozen=True, slots=True, kw_only=True)
class SigV4:
    """What libcurl needs to sign a request; the secret never shows in a repr."""

    region: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Who is trusted: a file of certification authorities instead of the system's, pinned keys.

    A pin is `sha256//` and the base64 of the SHA-256 of a public key (SPKI); with any, the
    server's own key must be one of them, whoever signed its certificate.
    """

    ca_file: str | None = None
    pins: tuple[str, ...] = ()


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
        """The ETag without its quotes, empty when there is none."""
        return self.headers.get("etag", "").strip('"')

    @property
    def retry_after(self) -> float | None:
        """Seconds the server asks us to wait, at most a day; the date form is ignored."""
        return pause(self.headers.get("retry-after", ""))


@dataclass(slots=True)
class Traffic:
    """Requests and body bytes exchanged with one endpoint, its addresses, and its newest Date."""

    requests: int = 0
    received: int = 0
    sent: int = 0
    addresses: set[str] = field(default_factory=set)
    date: Sighting | None = None

    def heard(self, date: Sighting) -> None:
        """Keep a Date; one of a reply that took long says little, and never replaces a better."""
        if self.date is None or date.heard - date.asked <= max(
            self.date.heard - self.date.asked, SHARP_SECONDS
        ):
            self.date = date


class Transport:
    """A set of connections, one handle for each thread. Safe to share between threads."""

    def __init__(
        self,
        *,
        door: Door,
        sign: SigV4 | None = None,
        tls: Tls | None = None,
        deadline: float = DEADLINE_SECONDS,
    ) -> None:
        """Make no connection yet; `deadline` is in seconds, see `DEADLINE_SECONDS`."""
        # libcurl and urllib3 would write every session's keys to the file that this one names.
        os.environ.pop("SSLKEYLOGFILE", None)
        self._deadline = deadline
        self._sign = sign
        self._tls = tls or Tls()
        self._ca_file = self._tls.ca_file or default_ca_file()
        self.door = door
        self._local = threading.local()
        self._lock = threading.Lock()
        self.traffic: dict[str, Traffic] = {}

    def newest_date(self) -> Sighting | None:
        """Return the newest Date of any reply, None when no reply had one."""
        with self._lock:
            seen = [one.date for one in self.traffic.values() if one.date is not None]
        return max(seen, key=lambda one: one.heard, default=None)

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        body: memoryview | None = None,
        pull: tuple[int, Callable[[int], bytes]] | None = None,
        accept: Callable[[Reply], None] | None = None,
        sink: Callable[[bytes], object] | None = None,
        limit: int = ERROR_BODY_MAX,
        signed: bool = False,
        stall: int = STALL_SECONDS,
    ) -> Reply:
        """Make one request and return its reply, whatever its status.

        `accept` sees the status and headers of a 2xx reply before its first byte and may raise.
        `sink` takes the body of a 2xx reply; without it, and for other replies, up to `limit`
        bytes are kept (a longer 2xx body is an error). `pull` is (size, function) for a body
        that is made while it is sent. `signed`: the headers carry a signature already. `stall`:
        seconds without a byte after which the connection is dropped.

        Raises:
            ConnectionLost: no whole reply arrived.
            ShortRead: the body is shorter than announced, or longer than `limit`.
            HostRefused: nothing was sent: the door is closed, the address is of the wrong kind, the
                certificate does not verify, or its key is not pinned.
        """
        self.door.demand(url)
        call = _Call(accept, sink, limit, self._deadline + stall)
        handle = self._handle()
        self._prepare(handle, method, url, headers, call, sign=not signed)
        handle.setopt(pycurl.LOW_SPEED_TIME, stall)
        asked = time.monotonic()
        if body is not None:
            pull = (len(body), _Slices(body).read)
        if pull is not None:
            call.clock.allow(pull[0])
            handle.setopt(pycurl.UPLOAD, 1)
            handle.setopt(pycurl.INFILESIZE_LARGE, pull[0])
            handle.setopt(pycurl.READFUNCTION, call.guard(pull[1]))
        try:
            handle.perform()
        except pycurl.error as error:
            if call.failure is not None:
                raise call.failure from error
            raise _translated(error, url) from error
        finally:
            call.release()
            self._count(handle, url, call, asked)
        if call.failure is not None:
            raise call.failure
        return call.finished()

    def _handle(self) -> pycurl.Curl:
        handle = getattr(self._local, "handle", None)
        if handle is None:
            handle = self._local.handle = pycurl.Curl()
        handle.reset()
        return handle

    def _prepare(
        self,
        c: pycurl.Curl,
        method: str,
        url: str,
        headers: Mapping[str, str],
        call: _Call,
        *,
        sign: bool,
    ) -> None:
        set_option = c.setopt
        set_option(pycurl.URL, url)
        set_option(pycurl.CUSTOMREQUEST, method)
        if method == "HEAD":
            set_option(pycurl.NOBODY, 1)
        set_option(pycurl.NOSIGNAL, 1)
        set_option(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        set_option(pycurl.FOLLOWLOCATION, 0)
        set_option(pycurl.PROXY, "")
        self._secure(c, url, call)
        set_option(pycurl.CONNECTTIMEOUT, CONNECT_SECONDS)
        set_option(pycurl.LOW_SPEED_LIMIT, STALL_BYTES_PER_SECOND)
        set_option(pycurl.BUFFERSIZE, DOWNLOAD_BUFFER)
        set_option(pycurl.UPLOAD_BUFFERSIZE, UPLOAD_BUFFER)
        set_option(pycurl.HTTP_CONTENT_DECODING, 0)
        lines = [f"{name}: {value}" if value else f"{name};" for name, value in headers.items()]
        lines += ["Expect:", "Accept-Encoding: identity"]
        if self._sign is not None and sign:
            set_option(pycurl.AWS_SIGV4, f"aws:amz:{self._sign.region}:s3")
            set_option(pycurl.USERNAME, self._sign.access_key)
            set_option(pycurl.PASSWORD, self._sign.secret_key)
            if self._sign.token is not None:
                lines.append(f"x-amz-security-token: {self._sign.token}")
        set_option(pycurl.HTTPHEADER, [line.encode() for line in lines])
        set_option(pycurl.HEADERFUNCTION, call.header)
        set_option(pycurl.WRITEFUNCTION, call.write)

    def _secure(self, c: pycurl.Curl, url: str, call: _Call) -> None:
        c.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
        c.setopt(pycurl.SSL_CIPHER_LIST, CIPHERS)
        c.unsetopt(pycurl.CAPATH)  # the file alone: a directory built into libcurl is no choice
        if self._ca_file is not None:
            c.setopt(pycurl.CAINFO, self._ca_file)
        if self._tls.pins:
            c.setopt(pycurl.PINNEDPUBLICKEY, ";".join(self._tls.pins))
        c.setopt(pycurl.OPENSOCKETFUNCTION, call.opening(self.door))
        if self.door.resolve is not None:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
            known = ",".join(self.door.resolve(parts.hostname or ""))
            c.setopt(pycurl.RESOLVE, [f"{parts.hostname}:{port}:{known}"])

    def _count(self, handle: pycurl.Curl, url: str, call: _Call, asked: float) -> None:
        parts = urlsplit(url)
        endpoint = f"{parts.scheme}://{parts.netloc}"
        received = int(handle.getinfo(pycurl.SIZE_DOWNLOAD_T))
        sent = int(handle.getinfo(pycurl.SIZE_UPLOAD_T))
        address = handle.getinfo(pycurl.PRIMARY_IP)
        told = http_date(call.reply.headers.get("date", ""))
        with self._lock:
            traffic = self.traffic.setdefault(endpoint, Traffic())
            traffic.requests += 1
            traffic.received += received
            traffic.sent += sent
            if address:
                traffic.addresses.add(address)
            if told is not None:
                traffic.heard(Sighting(told=told, asked=asked, heard=call.heard))


class _Call:
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
        self.clock = _Deadline(seconds)
        self._sockets: list[socket.socket] = []

    def opening(self, door: Door) -> Callable[[int, tuple[Any, ...]], socket.socket | int]:
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
            self.clock.allow(self.reply.length or self._limit)
        elif ":" in line:
            name, value = line.split(":", 1)
            self.heard = time.monotonic()
            self.reply.headers[name.strip().lower()] = value.strip()

    def write(self, data: bytes) -> int:
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
        self._begin()
        self.reply.body = b"".join(self._kept)
        return self.reply

    def _begin(self) -> None:
        if not self._accepted:
            self._accepted = True
            if self._accept is not None and 200 <= self.reply.status < 300:
                self._accept(self.reply)


class _Deadline:
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


class _Slices:
    """Hands a buffer to libcurl piece by piece."""

    def __init__(self, body: memoryview) -> None:
        self._body = body
        self._at = 0

    def read(self, size: int) -> bytes:
        piece = bytes(self._body[self._at : self._at + size])
        self._at += len(piece)
        return piece


def _translated(error: pycurl.error, url: str) -> StorageError:
    code, text = error.args[0], error.args[1]
    host = urlsplit(url).netloc
    if code in _TLS_ERRORS:
        return HostRefused(
            f"{host}: the server's certificate does not verify",
            hint="nothing was sent; check the endpoint, the clock and the CA bundle",
        )
    if code == pycurl.E_SSL_PINNEDPUBKEYNOTMATCH:
        return HostRefused(
            f"{host}: the server's key is none of the pinned ones",
            hint="nothing was sent; ask the host whether it renewed its key before you pin another",
        )
    if code == pycurl.E_PARTIAL_FILE:
        return ShortRead(f"{host}: the reply ended early")
    return ConnectionLost(f"{host}: {text or 'connection failed'} (libcurl {code})")


def pause(text: str) -> float | None:
    """Return the seconds of a Retry-After header, at most a day; None if it is no such number."""
    found = whole(text, 10**20)
    return None if found is None else float(min(found, LONGEST_PAUSE_SECONDS))


def default_ca_file() -> str | None:
    """Return the system's bundle of certification authorities, or certifi's."""
    # Not `cafile`: that one listens to SSL_CERT_FILE of the environment.
    paths = ssl.get_default_verify_paths()
    for candidate in (paths.openssl_cafile, *_CA_FILES):
        if candidate and Path(candidate).is_file():
            return candidate
    import certifi

    return certifi.where()
