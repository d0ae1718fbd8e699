"""An endpoint that takes documents, and checks their signature with the standard library alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.support.serving import AnsweringServer, serving

KEY = bytes(range(32))
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"


@dataclass(slots=True, kw_only=True)
class Hook:
    """What an endpoint got; `answers` are the statuses of the next replies, 204 after them."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0
    paths: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def types(self) -> list[str]:
        return [one["type"] for one in self.taken]


@contextmanager
def hooked() -> Iterator[Hook]:
    """Serve one on loopback."""
    hook = Hook()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            name, stamp = self.headers["webhook-id"], self.headers["webhook-timestamp"]
            told = b".".join((name.encode(), stamp.encode(), body))
            wanted = base64.b64encode(hmac.digest(KEY, told, hashlib.sha256)).decode()
            hook.asked += 1
            hook.paths.add(self.path)
            if self.headers["webhook-signature"] != f"v1,{wanted}":
                hook.wrong.append("signature")
            status = hook.answers.pop(0) if hook.answers else 204
            if status == 204:
                document = json.loads(body)
                if document["id"] != name:
                    hook.wrong.append("id")
                hook.taken.append(document)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = AnsweringServer(("127.0.0.1", 0), Answer)
    hook.port = server.server_port
    with serving(server):
        yield hook
    assert hook.wrong == []
