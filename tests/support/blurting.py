"""A server that says given bytes, whatever it is asked, in pieces and with pauses; then it ends."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Blurting:
    """What the next connections are told; set `says` before each request, `heard` is the last."""

    def __init__(self, server: socket.socket) -> None:
        self._server = server
        self.says = b""
        self.heard = b""
        self.piece = 65_536
        self.pause = 0.0
        self.url = f"http://127.0.0.1:{server.getsockname()[1]}"

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(20)
            heard = b""
            while b"\r\n\r\n" not in heard:
                piece = connection.recv(65_536)
                if not piece:
                    return
                heard += piece
            self.heard = heard
            for at in range(0, len(self.says), self.piece):
                connection.sendall(self.says[at : at + self.piece])
                if self.pause:
                    time.sleep(self.pause)


@contextmanager
def blurting() -> Iterator[Blurting]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = Blurting(server)
        threading.Thread(target=made.serve, daemon=True).start()
        yield made
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
