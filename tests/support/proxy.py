"""A proxy between us and a real server that passes everything on unchanged, except for its rules.

The path, the query and the `Host` header go upstream as they came, so signatures stay valid.
Every request is noted with its status and its body bytes. What rules can do is in `lies`.
"""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

from tests.support import wire
from tests.support.serving import answering_thread
from tests.support.wire import Count, Hangup, Reply, Request

Action = Callable[[Request, "Upstream"], Reply]
Match = Callable[[Request], bool]
Resign = Callable[[Request], None]


@dataclass(slots=True, kw_only=True)
class Seen:
    """One request as it was, and what became of it; status 0 means it got no answer (yet)."""

    method: str
    path: str
    query: str
    params: dict[str, str]
    headers: dict[str, str]
    upload: Count = field(repr=False)
    download: Count = field(default_factory=Count, repr=False)
    status: int = 0
    touched: bool = False

    @property
    def received(self) -> int:
        """Body bytes that the client has sent so far."""
        return self.upload.value

    @property
    def sent(self) -> int:
        """Body bytes that the client was sent so far."""
        return self.download.value


@dataclass(slots=True)
class Traffic:
    """Requests, body bytes that clients sent, body bytes that they were sent."""

    requests: int = 0
    received: int = 0
    sent: int = 0


@dataclass(slots=True)
class Rule:
    """Lies to the requests that match, `left` more times (None: for ever)."""

    match: Match
    action: Action
    left: int | None
    used: int = 0

    def takes(self, request: Request) -> bool:
        if self.left == 0 or not self.match(request):
            return False
        self.left = None if self.left is None else self.left - 1
        self.used += 1
        return True


@dataclass(slots=True)
class Upstream:
    """The real server, as actions see it."""

    address: tuple[str, int]
    resign: Resign | None
    closing: threading.Event

    def forward(self, request: Request) -> Reply:
        return wire.forward(request, self.address)

    def whole(self, request: Request) -> bytes:
        """Fetch the whole object that a ranged request is about."""
        for name in ("Range", "x-ms-range", "If-Range"):
            request.headers.set(name, None)
        if self.resign is not None:
            self.resign(request)
        reply = self.forward(request)
        if reply.status != 200:
            raise AssertionError(
                f"without its range the request got {reply.status}: "
                "does this proxy need `resign`, because the range was signed?"
            )
        return reply.body.whole()

    def pause(self, seconds: float) -> None:
        self.closing.wait(seconds)


class Proxy:
    """Listens on a free loopback port until it is closed; use it as a context manager."""

    def __init__(self, upstream: str, *, resign: Resign | None = None) -> None:
        parts = urlsplit(upstream)
        assert parts.hostname is not None
        assert parts.port is not None
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._seen: list[Seen] = []
        self._failures: list[BaseException] = []
        self._closing = threading.Event()
        self._upstream = Upstream((parts.hostname, parts.port), resign, self._closing)
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}{parts.path}"
        self._thread = answering_thread(self._server)
        self._thread.start()

    def rule(
        self, *, action: Action, match: Match = lambda _: True, times: int | None = None
    ) -> Rule:
        """Have `action` answer the requests that match; the oldest live rule wins."""
        rule = Rule(match, action, times)
        with self._lock:
            self._rules.append(rule)
        return rule

    def clear(self) -> None:
        """Be honest from now on."""
        with self._lock:
            self._rules.clear()

    @property
    def requests(self) -> list[Seen]:
        """Every request so far, in the order of arrival."""
        with self._lock:
            return list(self._seen)

    @property
    def traffic(self) -> dict[str, Traffic]:
        """Requests and body bytes by method."""
        totals: dict[str, Traffic] = {}
        for seen in self.requests:
            total = totals.setdefault(seen.method, Traffic())
            total.requests += 1
            total.received += seen.received
            total.sent += seen.sent
        return totals

    def forget(self) -> None:
        """Empty the log, so that a test counts only what comes now."""
        with self._lock:
            self._seen.clear()

    @property
    def clients(self) -> set[object]:
        """The addresses that have a connection now."""
        return self._server.clients

    def left_alone(self, seconds: float, *, besides: set[object]) -> None:
        """Wait until all that the other clients sent was answered and they are gone.

        What a killed client had asked for is still passed on for a while.
        """
        ends = time.monotonic() + seconds
        with socket.socket() as last:
            last.connect(self._server.server_address)
            while last.getsockname() not in self.clients:  # all before it were let in, too
                assert time.monotonic() < ends, "this proxy lets nobody in"
                time.sleep(0.01)
        while self.clients - besides:
            assert time.monotonic() < ends, "a client of this proxy stays"
            time.sleep(0.01)

    def close(self) -> None:
        """Drop every connection, end every thread, and raise what went wrong in a rule."""
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.drop_connections()
        self._server.server_close()
        if self._failures:
            raise self._failures[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What the connections ask for.

    def note(self, request: Request) -> Seen:
        seen = Seen(
            method=request.method,
            path=request.path,
            query=request.query,
            params=request.params,
            headers=request.headers.as_dict(),
            upload=request.body.passed,
        )
        with self._lock:
            self._seen.append(seen)
        return seen

    def answer(self, request: Request, seen: Seen) -> Reply:
        with self._lock:
            rule = next((rule for rule in self._rules if rule.takes(request)), None)
        seen.touched = rule is not None
        return rule.action(request, self._upstream) if rule else self._upstream.forward(request)

    def failed(self, error: BaseException) -> None:
        with self._lock:
            self._failures.append(error)


class _Server(socketserver.ThreadingTCPServer):
    """One thread for each client connection; all of them end with the server."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self._clients: dict[socket.socket, object] = {}
        self._connections_lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._connections_lock:
            self._clients[request] = client_address
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._connections_lock:
            self._clients.pop(request, None)
        super().shutdown_request(request)

    @property
    def clients(self) -> set[object]:
        with self._connections_lock:
            return set(self._clients.values())

    def drop_connections(self) -> None:
        with self._connections_lock:
            for connection in self._clients:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        raise AssertionError("connections handle their own errors")


class _Connection(socketserver.StreamRequestHandler):
    """Requests of one client, one after the other."""

    server: _Server
    disable_nagle_algorithm = True

    def handle(self) -> None:
        try:
            while self._exchange():
                pass
        except (Hangup, ConnectionError):
            pass  # a rule wanted it, or one of the two sides went away
        except Exception as error:  # noqa: BLE001 - whatever a rule raises fails its test
            self.server.proxy.failed(error)

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()

    def _exchange(self) -> bool:
        request = wire.read_request(self.rfile, self._proceed)
        if request is None:
            return False
        request.peer = self.client_address[1]
        proxy = self.server.proxy
        seen = proxy.note(request)
        body = request.body  # an action may put another in its place
        reply = proxy.answer(request, seen)
        # A client that is still waiting for "100 Continue" will not send its body now.
        close = request.continues or request.headers.get("connection").lower() == "close"
        if not request.continues:
            body.drain()
        seen.status = reply.status
        return wire.send_reply(
            reply, request.method, self.connection, close=close, sent=seen.download
        )

    def _proceed(self) -> None:
        self.connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
