"""A connection's next request is its own, whatever kind the one before it was."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from itertools import product

from hdh_migrate.door import Door
from hdh_migrate.transport import Transport
from hdh_migrate.transport.gathering import ROOM
from tests.support.serving import AnsweringHandler, serving

Heard = list[tuple[str, str | None, bytes]]

KINDS: tuple[tuple[str, bytes | None], ...] = (
    ("GET", None), ("HEAD", None), ("PUT", b"some bytes"), ("PUT", b"other"), ("PUT", b""),
    ("PUT", None), ("POST", b"<xml/>"), ("DELETE", None),
)  # fmt: skip


@contextmanager
def listening() -> Iterator[tuple[str, Heard]]:
    """Answer every request with five bytes, and keep what was heard of it."""
    heard: Heard = []

    class Listener(AnsweringHandler):
        def _answer(self) -> None:
            length = self.headers.get("Content-Length")
            heard.append((self.command, length, self.rfile.read(int(length or 0))))
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(b"reply")

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 - as it calls them

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    with serving(server):
        yield f"http://127.0.0.1:{server.server_port}", heard


def test_a_request_has_nothing_of_the_one_before_it() -> None:
    with listening() as (url, heard):
        transport = Transport(door=Door.named(url, local=True))
        for method, body in [kind for pair in product(KINDS, KINDS) for kind in pair]:
            sent = None if body is None else memoryview(body)

            reply = transport.request(method, f"{url}/a", {}, body=sent)

            assert reply.body == (b"" if method == "HEAD" else b"reply")
            length = None if body is None else str(len(body))
            assert heard.pop() == (method, length, body or b"")
        assert len(transport._local.free) == 1, "all of them were of one handle"


def test_memory_for_long_replies_is_taken_by_who_gathers_one_and_once() -> None:
    with listening() as (url, _):
        transport = Transport(door=Door.named(url, local=True))
        tracemalloc.start()
        held = list[int]()
        for gathers in (False, True, True):
            body = None if gathers else memoryview(b"some bytes")
            take = bytearray().extend if gathers else None
            transport.request("GET" if gathers else "PUT", url, {}, body=body, gathered=take)
            held.append(tracemalloc.get_traced_memory()[0] // ROOM)
        tracemalloc.stop()

    assert held == [0, 1, 1]
