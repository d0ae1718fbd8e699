"""One text at a port of this machine, for few clients at once; none slows whoever serves it."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, TypeAlias

from hdh_migrate.session.views.exposition import CONTENT_TYPE

HERE: Final = "127.0.0.1"

ANSWER_SECONDS: Final = 10.0
"""How long a client may take, from when it is let in to its last byte."""

CLIENTS_MAX: Final = 8
"""So many of them are answered at once."""

_Asking: TypeAlias = socket.socket | tuple[bytes, socket.socket]
"""As the standard library has it."""


class LoopbackServer(ThreadingHTTPServer):
    """Serves one text at `/metrics`, to this machine alone, to so many at once and no longer."""

    daemon_threads = True

    def __init__(
        self, port: int, *, clients: int = CLIENTS_MAX, seconds: float = ANSWER_SECONDS
    ) -> None:
        """Listen; `clients` are answered at once, each within so many `seconds`.

        Raises:
            OSError: somebody else has the port.
        """
        self.text = b""
        self._clients, self._seconds = clients, seconds
        self._served: dict[socket.socket, float] = {}
        """Those who are being answered, and since when."""
        self._lock = threading.Lock()
        super().__init__((HERE, port), _Answer)

    def take(self, text: bytes) -> None:
        """Serve this from now on."""
        self.text = text

    def verify_request(self, request: _Asking, client_address: object) -> bool:
        """Return whether somebody is answered: of too many the last ones are let go of."""
        del client_address
        assert isinstance(request, socket.socket), "this is a server of streams"
        with self._lock:
            if len(self._served) >= self._clients:
                return False
            self._served[request] = time.monotonic()
            return True

    def service_actions(self) -> None:
        """Let go of whoever takes too long, however little it asks at a time."""
        now = time.monotonic()
        with self._lock:
            for request, since in self._served.items():
                if now - since > self._seconds:
                    with suppress(OSError):
                        request.shutdown(socket.SHUT_RDWR)

    def shutdown_request(self, request: _Asking) -> None:
        """Be done with somebody."""
        assert isinstance(request, socket.socket), "this is a server of streams"
        with self._lock:
            self._served.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, *_: object) -> None:
        """A client that goes away is none of the run's business."""


class _Answer(BaseHTTPRequestHandler):
    timeout = ANSWER_SECONDS
    server: LoopbackServer

    def send_response(self, code: int, message: str | None = None) -> None:
        """Begin a reply that does not say by which software it is made."""
        self.send_response_only(code, message)
        self.send_header("Date", self.date_time_string())

    def do_GET(self) -> None:
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        if host not in {HERE, "localhost"}:  # a page in a browser here, by a name of its own
            self.send_error(HTTPStatus.FORBIDDEN)
            return
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        text = self.server.text
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Keep quiet: stderr belongs to the run."""
