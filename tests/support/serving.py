"""Servers of the standard library, answering in a thread for as long as a test needs them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseServer
from typing import Any

LOOK_SECONDS = 0.02
"""How often a server looks whether it shall end; by itself it takes half a second for that."""


class AnsweringHandler(BaseHTTPRequestHandler):
    """It keeps connections, sends each reply in one go, and logs nothing.

    A body that is sent after its head is held back until the head is acknowledged: 40 ms later.
    """

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # as much as an io.BufferedWriter keeps until it is flushed

    def log_message(self, *_: object) -> None:
        return


class AnsweringServer(ThreadingHTTPServer):
    """It says nothing of clients that hang up: a command in this process would seem to say it."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def answering_thread(server: BaseServer) -> threading.Thread:
    """Return the thread, not started yet, in which a server answers until `shutdown`."""
    return threading.Thread(target=server.serve_forever, args=(LOOK_SECONDS,), daemon=True)


@contextmanager
def serving(server: BaseServer) -> Iterator[None]:
    """Have a server answer; at the end it is shut down, its thread has ended, its port is free."""
    thread = answering_thread(server)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
