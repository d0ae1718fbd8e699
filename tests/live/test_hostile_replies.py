"""Nothing that a server says can make the transport raise anything but a storage error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Unpack

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hdh_migrate.bounded import count_of
from hdh_migrate.door import Door
from hdh_migrate.errors import ConnectionLost, ShortRead, StorageError
from hdh_migrate.fibers import Fibers
from hdh_migrate.transport import LONGEST_PAUSE_SECONDS, Reply, RequestDetails, Transport, pause
from hdh_migrate.transport.client import DEADLINE_SECONDS
from tests.support.blurting import Blurting, blurting

pytestmark = pytest.mark.live

NUMBERS = ["", "0", "7", "-1", "+1", "²", "٣", "1_0", "1e400", "inf", "nan", "0x10", " 5",
           "5" * 5000, str((1 << 63) - 1), str(1 << 63), "99999999999999999999"]  # fmt: skip
NAMES = ["Content-Length", "Retry-After", "Date", "ETag", "Transfer-Encoding", "HTTP/x", "X-Other"]


STALL = 60
"""Seconds in which nothing comes; a busy machine is slow to begin."""


@pytest.fixture(scope="module")
def server() -> Iterator[Blurting]:
    with blurting() as made:
        yield made


def ask(
    server: Blurting,
    method: str = "GET",
    *,
    deadline: float = DEADLINE_SECONDS,
    **asked: Unpack[RequestDetails],
) -> Reply:
    transport = Transport(door=Door.named(server.url, local=True), deadline=deadline)
    request = partial(transport.request, method, f"{server.url}/x", {}, stall=STALL, **asked)  # type: ignore[misc]
    alone = outcome(request)
    among = in_a_fiber(partial(request, together=True))
    assert type(alone) is type(among)
    if isinstance(alone, Reply) and isinstance(among, Reply):
        assert (alone.status, alone.headers, alone.body) == (
            among.status, among.headers, among.body,
        )  # fmt: skip
        return alone
    assert str(alone) == str(among)
    assert isinstance(alone, Exception)
    raise alone


def outcome(ask: Callable[[], Reply]) -> Reply | StorageError:
    try:
        return ask()
    except StorageError as error:
        return error


def in_a_fiber(ask: Callable[[], Reply]) -> Reply | StorageError:
    """Return what comes of a request that waits among others, as those for small objects do."""
    fibers, found = Fibers(), list[Reply | StorageError]()
    fibers.settle()
    fibers.begin(lambda: found.append(outcome(ask)))
    while not found:
        fibers.turn()
    fibers.close()
    return found[0]


header = st.tuples(
    st.sampled_from(NAMES),
    st.one_of(st.sampled_from(NUMBERS), st.text(st.characters(max_codepoint=255), max_size=30)),
)


@settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(["GET", "HEAD", "PUT"]),
    st.one_of(
        st.sampled_from(["HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found", "HTTP/1.1 503 Slow"]),
        st.text(st.characters(max_codepoint=255), max_size=20),
        st.from_regex(r"HTTP/[0-9.]{0,4} [0-9]{0,5} .{0,5}", fullmatch=True),
    ),
    st.lists(header, max_size=5),
    st.binary(max_size=60),
)
@example("GET", "HTTP/1.1 404 Not Found", [("HTTP/x", "200")], b"")
@example("GET", "HTTP/1.1 503 Slow", [("Retry-After", "²")], b"")
@example("HEAD", "HTTP/1.1 200 OK", [("Content-Length", "³")], b"")
@example("GET", "HTTP/1.1 ", [], b"")
def test_any_reply_is_a_reply_or_a_storage_error(
    server: Blurting, method: str, first: str, headers: list[tuple[str, str]], body: bytes
) -> None:
    lines = [first, *(f"{name}: {value}" for name, value in headers), "", ""]
    server.says = "\r\n".join(lines).encode("latin-1", "replace") + body
    try:
        reply = ask(server, method)
    except StorageError:
        return
    assert 100 <= reply.status < 600
    assert reply.length is None or 0 <= reply.length < 1 << 63
    assert reply.retry_after is None or 0 <= reply.retry_after <= LONGEST_PAUSE_SECONDS


@pytest.mark.parametrize(
    "line", ["HTTP/x: 200", "HTTP/1.1 200: OK", "http/1.1 200: ok", " HTTP/1.1 200 OK"]
)
def test_a_header_line_that_looks_like_a_status_is_none(server: Blurting, line: str) -> None:
    server.says = f"HTTP/1.1 404 None\r\nX-A: b\r\n{line}\r\nContent-Length: 0\r\n\r\n".encode()
    assert ask(server).status == 404


def test_an_interim_reply_is_not_the_reply(server: Blurting) -> None:
    server.says = b"HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n"
    server.says += b"HTTP/1.1 204 No Content\r\nX-Late: 1\r\n\r\n"
    reply = ask(server)
    assert (reply.status, reply.headers) == (204, {"x-late": "1"})


def test_what_follows_a_body_is_no_header_of_it(server: Blurting) -> None:
    server.says = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: a\r\n\r\n"
    server.says += b"2\r\nhi\r\n0\r\nETag: b\r\n\r\n"
    reply = ask(server)
    assert (reply.status, reply.etag, reply.body) == (200, "a", b"hi")


@pytest.mark.parametrize(
    ("status", "error", "why"),
    [
        (200, ShortRead, "the reply ended early"),
        (403, ShortRead, "the reply ended early"),
        (500, ConnectionLost, "HTTP 500, and the reply ended early"),
    ],
)
def test_a_cut_reply_of_a_server_in_trouble_is_no_lie(
    server: Blurting, status: int, error: type[StorageError], why: str
) -> None:
    """`rclone serve s3` has an object's length in a 500: five of these were a finding."""
    server.says = f"HTTP/1.1 {status} Said\r\nContent-Length: 16644\r\n\r\n".encode() + b"x" * 120
    with pytest.raises(error, match=why):
        ask(server)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n"


@pytest.mark.parametrize(
    ("head", "asked"),
    [
        pytest.param(HEAD + b"\r\n", {}, id="a body"),
        # Nothing but the time is looked at while such bytes come.
        pytest.param(HEAD + b"\r\n", {"gathered": lambda _: None}, id="a body that is gathered"),
        pytest.param(HEAD + b"X-A: ", {}, id="a head"),
    ],
)
def test_a_body_that_drips_ends_at_its_deadline(
    server: Blurting, head: bytes, asked: RequestDetails
) -> None:
    server.says = head + b"x" * 10_000
    server.piece, server.pause = 64, 0.3  # it would take 47 s, and the head comes with the first
    try:
        with pytest.raises(ConnectionLost, match="longer than its size allows"):
            ask(server, deadline=0.5 - STALL, **asked)
    finally:
        server.piece, server.pause = 65_536, 0.0


def test_headers_without_end_are_not_kept(server: Blurting) -> None:
    # Beyond our bound and within libcurl's own, which is at 300 kB.
    server.says = b"HTTP/1.1 200 OK\r\n" + (b"X-A: " + b"y" * 993 + b"\r\n") * 270 + b"\r\n"
    with pytest.raises(ShortRead, match="the headers of a reply"):
        ask(server)


@pytest.mark.parametrize("text", NUMBERS)
def test_a_number_from_outside_is_ascii_and_bounded_or_none(text: str) -> None:
    assert count_of(text) in {None, 0, 7, (1 << 63) - 1}
    assert pause(text) in {None, 0.0, 7.0, float(LONGEST_PAUSE_SECONDS)}
