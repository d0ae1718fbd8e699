"""A server that gives tokens as Microsoft's login and the metadata service do, and remembers."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.serving import AnsweringHandler, AnsweringServer, serving


@dataclass(slots=True)
class Asked:
    """One request for a token."""

    method: str
    path: str
    headers: dict[str, str]
    fields: dict[str, str]


@dataclass(slots=True)
class TokenServer:
    """What it says next, and what it was asked."""

    url: str = ""
    status: int = 200
    says: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def body(self) -> bytes:
        if isinstance(self.says, bytes):
            return self.says
        told = {"token_type": "Bearer", "expires_in": 3599, "access_token": "a.token.of-ours"}
        return json.dumps(self.says if self.says is not None else told).encode()


@contextmanager
def token_server(identity: Path | None = None) -> Iterator[TokenServer]:
    """Serve on loopback; over TLS with a certificate and key of one file."""
    told = TokenServer()

    class Handler(AnsweringHandler):
        def answer(self) -> None:
            parts = urlsplit(self.path)
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            fields = {k: v[0] for k, v in parse_qs(sent or parts.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            told.asked.append(Asked(self.command, parts.path, headers, fields))
            body = told.body()
            self.send_response(told.status)
            for name, value in {"Content-Length": str(len(body)), **told.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    for method in ("GET", "POST"):
        setattr(Handler, f"do_{method}", Handler.answer)
    server = AnsweringServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    scheme = "http"
    if identity is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    host = "localhost" if identity is not None else "127.0.0.1"
    told.url = f"{scheme}://{host}:{server.server_address[1]}"
    with serving(server):
        yield told
