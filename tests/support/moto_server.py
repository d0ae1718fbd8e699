"""moto's own server for the tests, run as a program: the same answers for less than half the work.

It keeps connections, as S3 does, where werkzeug's server begins a thread for every request and
waits for 10 ms after it. It does not list moto's folder twice for each request, nor try some
hundred patterns in turn. The demo's tests start moto without all this.
"""

from __future__ import annotations

import io
import traceback
from functools import cache
from http import HTTPStatus
from typing import Any, cast

from moto import backends, server
from moto.moto_server import werkzeug_app

NO_BODY = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}


class Handler(werkzeug_app.MotoRequestHandler):
    """Answers one request after the other of a connection."""

    protocol_version = "HTTP/1.1"

    def run_wsgi(self) -> None:
        """Read the whole request, have it answered, and write the whole answer at once."""
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        environ = self.make_environ()
        if environ.get("wsgi.input_terminated"):
            body = io.BufferedReader(environ["wsgi.input"]).read()
        else:
            length = int(environ.get("CONTENT_LENGTH") or 0)
            body = self.rfile.read(length)
            if len(body) < length:  # whoever sent it is gone
                self.close_connection = True
                return
        environ["wsgi.input"] = io.BytesIO(body)
        begun, app = list[Any](), cast("Any", self.server.app)
        try:
            said = app(environ, lambda *words: begun.extend(words))
            data = b"".join(said)
        except Exception:  # noqa: BLE001 - a fault of moto's
            traceback.print_exc()
            begun, data = ["500 Internal Server Error", []], b""
            self.close_connection = True
        status, headers = begun[:2]
        self._write(int(status.split()[0]), headers, data)

    def _write(self, code: int, headers: list[tuple[str, str]], data: bytes) -> None:
        self.send_response(code)
        for name, value in headers:
            self.send_header(name, value)
        bare = self.command == "HEAD" or code in NO_BODY
        if not bare and "content-length" not in {name.lower() for name, _ in headers}:
            self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self._headers_buffer += [b"\r\n", b"" if bare else data]  # type: ignore[attr-defined]
        self.flush_headers()

    def log_request(self, *_: object) -> None:
        """Say nothing of a request."""


def main() -> None:
    """Serve on a port that is free, which is said as moto says it."""
    names = dict.fromkeys(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: names
    dispatcher = werkzeug_app.DomainDispatcherApplication
    dispatcher.get_backend_for_host = cache(dispatcher.get_backend_for_host)  # type: ignore[method-assign]
    vars(server)["MotoRequestHandler"] = Handler
    server.main(["-H", "127.0.0.1", "-p", "0"])


if __name__ == "__main__":
    main()
