"""HTTP/1.1 as it is on the wire: nothing is unquoted, folded, sorted, decoded or added.

Bodies pass through piece by piece unless somebody asks for the whole of one.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from http.client import responses as reasons
from io import BufferedIOBase
from urllib.parse import parse_qsl

PIECE = 65_536
UPSTREAM_SECONDS = 120.0

_HOP_BY_HOP = ("connection", "keep-alive", "proxy-connection", "transfer-encoding", "expect", "te")


class Hangup(Exception):
    """The connection ends here, without an answer (or without the rest of it)."""


class Headers:
    """Header lines in their own order and spelling; names are compared without case."""

    def __init__(self, lines: list[tuple[str, str]]) -> None:
        self.lines = lines

    def get(self, name: str, default: str = "") -> str:
        found = (value for key, value in self.lines if key.lower() == name.lower())
        return next(found, default)

    def set(self, name: str, value: str | None) -> None:
        """Replace every line of this name by one, in place; None removes them."""
        old = [at for at, (key, _) in enumerate(self.lines) if key.lower() == name.lower()]
        at = old[0] if old else len(self.lines)
        self.lines = [line for number, line in enumerate(self.lines) if number not in old]
        if value is not None:
            self.lines.insert(at, (name, value))

    def end_to_end(self) -> Headers:
        return Headers([line for line in self.lines if line[0].lower() not in _HOP_BY_HOP])

    def as_dict(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.lines}

    def __contains__(self, name: str) -> bool:
        return any(key.lower() == name.lower() for key, _ in self.lines)


@dataclass(slots=True)
class Count:
    """Bytes so far, for somebody who watches from another thread."""

    value: int = 0


class Body:
    """Bytes on their way: `length` is what was announced, None when nothing was."""

    def __init__(self, pieces: Iterator[bytes], length: int | None) -> None:
        self.length = length
        self.passed = Count()
        self._pieces = pieces

    @classmethod
    def of(cls, data: bytes) -> Body:
        return cls(iter((data,)), len(data))

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.passed.value += len(piece)
            yield piece

    def whole(self) -> bytes:
        """Take all of it into memory; it can still be passed on, or taken again."""
        data = b"".join(self)
        self.passed.value -= len(data)  # it will pass again
        self._pieces = iter((data,))
        return data

    def drain(self) -> None:
        for _ in self:
            pass


@dataclass(slots=True)
class Request:
    """What the client asked; `target` is the raw request target, path and query unchanged."""

    method: str
    target: str
    headers: Headers
    body: Body
    continues: bool = False
    """The client waits for "100 Continue" before it sends its body."""
    peer: int = 0
    """The client's port; 0 where nobody noted it."""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    @property
    def params(self) -> dict[str, str]:
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @property
    def range(self) -> tuple[int, int] | None:
        """First and last byte of a closed `Range`, None without one."""
        text = self.headers.get("x-ms-range") or self.headers.get("range")
        first, dash, last = text.removeprefix("bytes=").partition("-")
        return (int(first), int(last)) if dash and first and last else None


@dataclass(slots=True)
class Reply:
    """What the client gets; `cut` bytes of body after the right headers, then the end."""

    status: int
    headers: Headers = field(default_factory=lambda: Headers([]))
    body: Body = field(default_factory=lambda: Body.of(b""))
    cut: int | None = None

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300

    def replace_body(self, data: bytes) -> None:
        """Put other bytes in, with a Content-Length that fits."""
        self.body = Body.of(data)
        self.headers.set("Content-Length", str(len(data)))


# --- client side -----------------------------------------------------------------------------


def read_request(rfile: BufferedIOBase, proceed: Callable[[], object]) -> Request | None:
    """Read one request's head; its body is read when somebody wants it. None at the end.

    `proceed` is called before the first byte of a body that the client holds back.
    """
    line = rfile.readline(PIECE).decode("latin-1").rstrip("\r\n")
    if not line:
        return None
    method, target, _ = line.split(" ", 2)
    headers = Headers(list(_header_lines(rfile)))
    continues = headers.get("expect").lower() == "100-continue"
    request = Request(method, target, headers, Body.of(b""), continues)

    def held_back(pieces: Iterator[bytes]) -> Iterator[bytes]:
        if request.continues:
            request.continues = False
            proceed()
        yield from pieces

    if headers.get("transfer-encoding").lower() == "chunked":
        request.body = Body(held_back(_chunks(rfile)), None)
    elif length := int(headers.get("content-length", "0")):
        request.body = Body(held_back(_exactly(rfile, length)), length)
    return request


def send_reply(reply: Reply, method: str, sock: socket.socket, *, close: bool, sent: Count) -> bool:
    """Send a reply; return whether the connection can go on. `sent` counts its body bytes."""
    bodiless = method == "HEAD" or reply.status in (204, 304)
    headers = reply.headers.end_to_end()
    chunked = not bodiless and "content-length" not in headers
    if chunked:
        headers.set("Transfer-Encoding", "chunked")
    if close:
        headers.set("Connection", "close")
    _send_head(sock, f"HTTP/1.1 {reply.status} {reasons.get(reply.status, 'Status')}", headers)
    if bodiless:
        return not close
    for piece in reply.body:
        part = piece if reply.cut is None else piece[: reply.cut - sent.value]
        sent.value += len(part)  # before it is sent: who has read it all finds it counted
        sock.sendall(_framed(part, chunked))
        if len(part) < len(piece):
            raise Hangup
    if chunked:
        sock.sendall(b"0\r\n\r\n")
    elif sent.value != int(headers.get("content-length", "0")):
        raise Hangup  # the upstream cut it short, so do we
    return not close


# --- upstream side ---------------------------------------------------------------------------


def forward(request: Request, address: tuple[str, int]) -> Reply:
    """Send the request on, over a connection of its own, and return the reply's head."""
    with socket.create_connection(address, timeout=UPSTREAM_SECONDS) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        headers = request.headers.end_to_end()
        chunked = request.body.length is None
        if chunked:
            headers.set("Transfer-Encoding", "chunked")
        headers.set("Connection", "close")
        try:
            _send_head(sock, f"{request.method} {request.target} HTTP/1.1", headers)
            for piece in request.body:
                sock.sendall(_framed(piece, chunked))
            if chunked:
                sock.sendall(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass  # it may have answered before it hung up
        response = HTTPResponse(sock, method=request.method)
        try:
            response.begin()
        except (HTTPException, OSError) as error:
            raise Hangup from error
    pieces = iter(lambda: response.read(PIECE), b"")
    lines = list(response.headers.items())
    return Reply(response.status, Headers(lines), Body(_closing(pieces, response), response.length))


def _closing(pieces: Iterator[bytes], response: HTTPResponse) -> Iterator[bytes]:
    try:
        yield from pieces
    except (HTTPException, OSError) as error:
        raise Hangup from error
    finally:
        response.close()


# --- framing ---------------------------------------------------------------------------------


def _send_head(sock: socket.socket, first: str, headers: Headers) -> None:
    lines = [first, *(f"{name}: {value}" for name, value in headers.lines), "", ""]
    sock.sendall("\r\n".join(lines).encode("latin-1"))


def _header_lines(rfile: BufferedIOBase) -> Iterator[tuple[str, str]]:
    while line := rfile.readline(PIECE).decode("latin-1").rstrip("\r\n"):
        name, _, value = line.partition(":")
        yield name, value.strip()


def _exactly(rfile: BufferedIOBase, length: int) -> Iterator[bytes]:
    while length > 0:
        piece = rfile.read(min(PIECE, length))
        if not piece:
            raise Hangup
        length -= len(piece)
        yield piece


def _chunks(rfile: BufferedIOBase) -> Iterator[bytes]:
    while size := int(rfile.readline(PIECE).split(b";")[0] or b"0", 16):
        yield from _exactly(rfile, size)
        rfile.readline(PIECE)
    while rfile.readline(PIECE).strip():
        pass  # trailers


def _framed(piece: bytes, chunked: bool) -> bytes:
    return b"%x\r\n%s\r\n" % (len(piece), piece) if chunked and piece else piece
