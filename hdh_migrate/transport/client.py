"""The client: connections for each thread, requests that are signed, judged and counted."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import field
from functools import cached_property, lru_cache
from typing import TypedDict
from urllib.parse import urlsplit

import pycurl

from hdh_migrate.clocks import Sighting, http_date
from hdh_migrate.door import Door, origin_of
from hdh_migrate.fibers import Fiber, current
from hdh_migrate.frozen import frozen
from hdh_migrate.transport import project_keys
from hdh_migrate.transport.exchange import Exchange, Reply, Slices
from hdh_migrate.transport.gathering import ROOM, Gathering, Take
from hdh_migrate.transport.handshake import Handshake
from hdh_migrate.transport.spoken import SPOKEN
from hdh_migrate.transport.together import Together
from hdh_migrate.transport.traffic import Traffic, TrafficByEndpoint
from hdh_migrate.transport.trust import TlsTrust, default_ca_file, secure, translated

CONNECT_SECONDS = 15
STALL_BYTES_PER_SECOND = 512
STALL_SECONDS = 60
DEADLINE_SECONDS = 300
"""A request may take so long, and a second more for `exchange.DEADLINE_BYTES_PER_SECOND`."""

ERROR_BODY_MAX = 65_536
UPLOAD_BUFFER = 524_288
DOWNLOAD_BUFFER = 262_144


@frozen
class SigV4:
    """What libcurl needs to sign a request; the secret never shows in a repr."""

    region: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


class RequestDetails(TypedDict, total=False):
    """What `Transport.request` takes beside method, address and headers."""

    body: memoryview | None
    pull: tuple[int, Callable[[int], bytes]] | None
    accept: Callable[[Reply], None] | None
    sink: Callable[[bytes], object] | None
    gathered: Take | None
    limit: int
    stall: int


class Transport:
    """A set of connections for each thread. Safe to share between threads, and between fibers."""

    def __init__(
        self,
        *,
        door: Door,
        sign: SigV4 | None = None,
        tls: TlsTrust | None = None,
        deadline: float = DEADLINE_SECONDS,
    ) -> None:
        """Make no connection yet; `deadline` is in seconds, see `DEADLINE_SECONDS`."""
        # libcurl and urllib3 would write every session's keys to the file that this one names.
        os.environ.pop("SSLKEYLOGFILE", None)
        self._deadline = deadline
        self._sign = sign
        self._by_botocore = sign is not None and project_keys.is_needed(sign.access_key)
        self._tls = tls or TlsTrust()
        self._ca_file = self._tls.ca_file or default_ca_file()
        self.door = door
        self._local = _OfThread()
        self._counted = TrafficByEndpoint()

    @property
    def traffic(self) -> Mapping[str, Traffic]:
        """What was exchanged so far, by endpoint."""
        return self._counted.by_endpoint

    def newest_date(self) -> Sighting | None:
        """Return the newest Date of any reply, None when no reply had one."""
        return self._counted.newest_date()

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
        gathered: Take | None = None,
        limit: int = ERROR_BODY_MAX,
        signed: bool = False,
        stall: int = STALL_SECONDS,
        together: bool = False,
    ) -> Reply:
        """Make one request and return its reply, whatever its status.

        `accept` sees the status and headers of a 2xx reply before its first byte and may raise.
        `sink` takes the body of a 2xx reply piece by piece; `gathered` does so in long pieces, each
        valid during its call only. Without one of them, and for other replies, up to `limit`
        bytes are kept (a longer 2xx body is an error). `pull` is (size, function) for a body
        that is made while it is sent. `signed`: the headers carry a signature already. `stall`:
        seconds without a byte after which the connection is dropped. `together`: other fibers of
        the thread may go on until the reply is there; whoever says so holds no lock.

        Raises:
            ConnectionLost: no whole reply arrived.
            ShortRead: the body is shorter than announced, or longer than `limit`.
            HostRefused: nothing was sent: the door is closed, the address is of the wrong kind, the
                certificate does not verify, or its key is not pinned.
        """
        self.door.demand(url)
        lines = self._local.free
        line = lines.pop() if lines else _Line()
        gathering = None if gathered is None else Gathering(gathered, line.gathers())
        if gathering is not None:
            sink = gathering.write
        exchange = Exchange(accept, sink, limit, self._deadline + stall)
        if body is not None:
            pull = (len(body), Slices(body).read)
        if not signed and self._sign is not None:
            headers = self._signed(method, url, headers, self._sign)
        try:
            take = exchange.taker(gathering)
            reply = self._perform(
                line, exchange, take, method, url, headers, pull,
                sign=not signed, stall=stall, fiber=current() if together else None,
            )  # fmt: skip
            if gathering is not None:
                gathering.end()
            return reply
        finally:
            exchange.forget()
            if gathering is not None:
                gathering.forget()
            lines.append(line)

    def _perform(
        self,
        line: _Line,
        exchange: Exchange,
        take: Callable[[bytes], int | None],
        method: str,
        url: str,
        headers: Mapping[str, str],
        pull: tuple[int, Callable[[int], bytes]] | None,
        *,
        sign: bool,
        stall: int,
        fiber: Fiber | None,
    ) -> Reply:
        endpoint = _endpoint(origin_of(url))
        self._ready(line, sign=sign)
        handle = line.handle
        self._prepare(handle, url, headers, exchange)
        kind = method, pull is not None, fiber is not None
        if line.kind != kind:
            _set_kind(handle, *kind)
            line.kind = kind
        if fiber is None:
            handle.setopt(pycurl.XFERINFOFUNCTION, exchange.progress)
        handle.setopt(pycurl.WRITEFUNCTION, take)
        if line.stall != stall:
            handle.setopt(pycurl.LOW_SPEED_TIME, stall)
            line.stall = stall
        handshake = Handshake() if self._counted.is_new(endpoint) else None
        if handshake is not None:
            handshake.watch(handle)
        if pull is not None:
            exchange.clock.allow(pull[0])
            handle.setopt(pycurl.INFILESIZE_LARGE, pull[0])
            handle.setopt(pycurl.READFUNCTION, exchange.give(pull[1]))
        asked = time.monotonic()
        line.ready = False  # until it is known that nothing of this request stays behind
        try:
            if fiber is None:
                handle.perform()
            else:
                self._local.together.perform(handle, fiber, exchange.progress)
            line.ready = handshake is None
        except pycurl.error as error:
            exchange.read_what_came()
            if exchange.failure is not None:
                raise exchange.failure from error
            raise translated(error, url, exchange.reply.status) from error
        finally:
            exchange.release()
            exchange.read_what_came()
            self._count(handle, endpoint, exchange, asked, handshake, (method, url))
        if exchange.failure is not None:
            raise exchange.failure
        return exchange.finished()

    def _ready(self, line: _Line, *, sign: bool) -> None:
        """Set on a handle what is the same for all requests, unless it is."""
        sign = sign and self._sign is not None
        if not line.ready or line.signs is not sign:
            line.handle.reset()  # its connections stay
            self._set_up(line.handle, sign=sign)
            line.ready, line.signs, line.stall, line.kind = True, sign, 0, None

    def _set_up(self, c: pycurl.Curl, *, sign: bool) -> None:
        set_option = c.setopt
        set_option(pycurl.NOSIGNAL, 1)
        set_option(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        set_option(pycurl.FOLLOWLOCATION, 0)
        set_option(pycurl.PROXY, "")
        secure(c, self._tls, self._ca_file)
        set_option(pycurl.CONNECTTIMEOUT, CONNECT_SECONDS)
        set_option(pycurl.LOW_SPEED_LIMIT, STALL_BYTES_PER_SECOND)
        set_option(pycurl.BUFFERSIZE, DOWNLOAD_BUFFER)
        set_option(pycurl.UPLOAD_BUFFERSIZE, UPLOAD_BUFFER)
        set_option(pycurl.HTTP_CONTENT_DECODING, 0)
        if sign and not self._by_botocore:
            assert self._sign is not None
            set_option(pycurl.AWS_SIGV4, f"aws:amz:{self._sign.region}:s3")
            set_option(pycurl.USERNAME, self._sign.access_key)
            set_option(pycurl.PASSWORD, self._sign.secret_key)

    def _prepare(
        self,
        c: pycurl.Curl,
        url: str,
        headers: Mapping[str, str],
        exchange: Exchange,
    ) -> None:
        """Set what is this request's alone; every one of these is set anew by each."""
        set_option = c.setopt
        set_option(pycurl.URL, url)
        lines = [
            (f"{name}: {value}" if value else f"{name};").encode()
            for name, value in headers.items()
        ]
        lines += _ALWAYS
        set_option(pycurl.HTTPHEADER, lines)
        set_option(pycurl.HEADERFUNCTION, exchange.heads.append)
        set_option(pycurl.OPENSOCKETFUNCTION, exchange.opening(self.door))
        if self.door.resolve is not None:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
            known = ",".join(self.door.resolve(parts.hostname or ""))
            set_option(pycurl.RESOLVE, [f"{parts.hostname}:{port}:{known}"])

    def _signed(
        self, method: str, url: str, headers: Mapping[str, str], sign: SigV4
    ) -> Mapping[str, str]:
        """Return headers with what signs them, as far as libcurl does not add that itself."""
        if sign.token is not None:
            headers = {**headers, "x-amz-security-token": sign.token}
        if not self._by_botocore:
            return headers
        proof = project_keys.signature(
            method, url, headers, region=sign.region, access_key=sign.access_key,
            secret_key=sign.secret_key,
        )  # fmt: skip
        return {**headers, **proof}

    def _count(
        self,
        handle: pycurl.Curl,
        endpoint: str,
        exchange: Exchange,
        asked: float,
        handshake: Handshake | None,
        what: tuple[str, str],
    ) -> None:
        reply, ask = exchange.reply, handle.getinfo
        received, sent = int(ask(pycurl.SIZE_DOWNLOAD_T)), int(ask(pycurl.SIZE_UPLOAD_T))
        date = http_date(reply.headers.get("date", ""))
        answered = reply.status > 0
        self._counted.add(
            endpoint,
            received=received,
            sent=sent,
            address=ask(pycurl.PRIMARY_IP),
            date=None
            if date is None
            else Sighting(server_time=date, asked=asked, heard=exchange.heard),
            answered=answered,
            tls=handshake.read(handle) if handshake is not None and answered else None,
        )
        if SPOKEN.listens:
            SPOKEN.add(
                *what, status=reply.status, seconds=time.monotonic() - asked,
                received=received, sent=sent,
            )  # fmt: skip


def _set_kind(c: pycurl.Curl, method: str, sends: bool, waits_together: bool) -> None:
    """Set what most requests have as the one before them on the same handle."""
    c.setopt(pycurl.HTTPGET, 1)  # no body goes, and one comes, whatever was before
    c.setopt(pycurl.CUSTOMREQUEST, method)
    if method == "HEAD":
        c.setopt(pycurl.NOBODY, 1)
    if sends:
        c.setopt(pycurl.UPLOAD, 1)
    # Where fibers wait, `Together` looks at the clock of all: libcurl would ask eight times.
    c.setopt(pycurl.NOPROGRESS, waits_together)


class _Line:
    """A handle, with the connections that it keeps, and what is set on it."""

    __slots__ = ("_room", "handle", "kind", "ready", "signs", "stall")

    def __init__(self) -> None:
        self.handle = pycurl.Curl()
        self.ready = False
        """Whether it is set up, and nothing of an earlier request would show in the next."""
        self.signs = False
        self.stall = 0
        self.kind: tuple[str, bool, bool] | None = None
        """See `_set_kind`."""
        self._room = memoryview(b"")

    def gathers(self) -> memoryview:
        """Return memory for a reply that is gathered; what only sends never asks for it."""
        if not self._room:
            self._room = memoryview(bytearray(ROOM))
        return self._room


class _OfThread(threading.local):
    """What one thread has of a transport."""

    def __init__(self) -> None:
        self.free: list[_Line] = []
        """Handles that nothing is under way on: one, and with fibers one for each of them."""

    @cached_property
    def together(self) -> Together:
        """The connections of its fibers."""
        return Together()


_ALWAYS = (b"Expect:", b"Accept-Encoding: identity")


@lru_cache(maxsize=256)
def _endpoint(origin: str) -> str:
    parts = urlsplit(origin)
    return f"{parts.scheme}://{parts.netloc}"
