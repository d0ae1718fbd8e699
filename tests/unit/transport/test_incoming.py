"""A reply says the same, however it is cut on its way; what is no whole reply is an error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hdh_migrate.errors import ConnectionLost, ShortRead, StorageError
from hdh_migrate.transport.exchange import HEADERS_MAX, Exchange, Reply
from hdh_migrate.transport.incoming import GoneError, Incoming, Trickle

ROOM = 4_096


class Pieces:
    """Stands where a socket stands: gives these pieces, and then the end."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = [piece for piece in pieces if piece]

    def recv_into(self, view: memoryview) -> int:
        if not self._pieces:
            return 0
        piece = self._pieces.pop(0)
        taken, rest = piece[: len(view)], piece[len(view) :]
        view[: len(taken)] = taken
        if rest:
            self._pieces.insert(0, rest)
        return len(taken)


def read(
    pieces: Sequence[bytes], *, bodiless: bool = False, gathers: bool = False, room: int = ROOM
) -> tuple[Reply, bytes, bool]:
    """Return the reply, what was handed on of its body, and whether the connection goes on."""
    taken = bytearray()
    exchange = Exchange(None, taken.extend, 1 << 20, 60)
    incoming = Incoming(
        cast("Any", Pieces(pieces)), "host", exchange, memoryview(bytearray(room)), Trickle(60)
    )
    again = incoming.reply(bodiless=bodiless, gathers=gathers)
    return exchange.finished(), bytes(taken), again


def cut(data: bytes, at: Sequence[int]) -> list[bytes]:
    places = sorted({place % (len(data) + 1) for place in at})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


BODY = bytes(range(256)) * 40
LENGTH = b'HTTP/1.1 200 OK\r\nContent-Length: 10240\r\nETag: "x"\r\n\r\n' + BODY
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"".join(b"%X;a=b\r\n%s\r\n" % (len(part), part) for part in (BODY[:1], BODY[1:9_000]))
    + b"4d8\r\n" + BODY[9_000:] + b"\r\n0\r\nTrailer: x\r\n\r\n"
)  # fmt: skip
CLOSED = b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n" + BODY
OLD = b"HTTP/1.0 200 OK\nContent-Length: 10240\n\n" + BODY
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nX-Early: 1\r\n\r\n" + LENGTH
REPLIES = {LENGTH: True, CHUNKED: True, CLOSED: False, OLD: False, INTERIM: True}


@given(st.sampled_from(list(REPLIES)), st.lists(st.integers(0, 20_000), max_size=20), st.booleans())
@example(LENGTH, list(range(70)), False)
@example(CHUNKED, list(range(120)), True)
@example(OLD, list(range(60)), False)
def test_whatever_the_cut_a_reply_is_the_same(whole: bytes, at: list[int], gathers: bool) -> None:
    reply, body, again = read(cut(whole, at), gathers=gathers)

    assert (reply.status, body, again) == (200, BODY, REPLIES[whole])
    assert "x-early" not in reply.headers


@given(st.sampled_from([LENGTH, CHUNKED, OLD, INTERIM]), st.integers(0, 20_000))
def test_of_what_ends_early_nothing_is_a_reply(whole: bytes, end: int) -> None:
    end %= len(whole)
    with pytest.raises((ConnectionLost, ShortRead) if end else GoneError):
        read([whole[:end]])


def test_a_body_is_gathered_as_long_as_there_is_room() -> None:
    sizes: list[int] = []
    exchange = Exchange(None, lambda piece: sizes.append(len(piece)), 1 << 20, 60)
    pieces = cut(LENGTH, range(0, len(LENGTH), 100))
    room = memoryview(bytearray(ROOM))

    Incoming(cast("Any", Pieces(pieces)), "host", exchange, room, Trickle(60)).reply(
        bodiless=False, gathers=True
    )

    head = len(LENGTH) - len(BODY)
    assert sizes == [ROOM - head, ROOM, len(BODY) - 2 * ROOM + head]


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 5\r\ncontent-length: -5\r\n",
        b"Content-Length: five\r\n",
        b"Content-Length: \r\n",
        b"Content-Length: 99999999999999999999\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: chunked\r\n",  # and a body that is not
    ],
)
def test_a_body_whose_end_cannot_be_known_is_none(lines: bytes) -> None:
    with pytest.raises(StorageError):
        read([b"HTTP/1.1 200 OK\r\n" + lines + b"\r\nhello"])


def test_the_same_length_twice_is_one() -> None:
    says = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"
    assert read([says])[1:] == (b"hello", True)


@pytest.mark.parametrize("size", [b"", b"x", b"-1", b"+1", b"0x1", b"1" * 16])
def test_a_piece_of_no_size_is_none(size: bytes) -> None:
    with pytest.raises(ConnectionLost):
        read([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b"\r\nx\r\n"])


def test_a_piece_is_as_long_as_it_says() -> None:
    with pytest.raises(ConnectionLost):
        read([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n0\r\n\r\n"])


def test_what_nobody_asked_for_is_not_the_next_reply() -> None:
    reply, body, again = read([LENGTH + b"HTTP/1.1 200 OK\r\n\r\n"])
    assert (reply.status, body, again) == (200, BODY, False)


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_some_replies_have_no_body_whatever_they_announce(status: bytes) -> None:
    reply, body, again = read([b"HTTP/1.1 " + status + b"\r\nContent-Length: 5\r\n\r\n"])
    assert (reply.length, body, again) == (5, b"", True)


def test_the_reply_to_head_has_no_body() -> None:
    reply, body, again = read([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"], bodiless=True)
    assert (reply.length, body, again) == (5, b"", True)


@pytest.mark.parametrize("word", [b"close", b"Close"])
def test_a_connection_that_is_to_end_is_not_used_again(word: bytes) -> None:
    says = b"HTTP/1.1 200 OK\r\nConnection: " + word + b"\r\nContent-Length: 0\r\n\r\n"
    assert read([says])[2] is False


def test_another_protocol_is_nothing_that_was_asked_for() -> None:
    with pytest.raises(ConnectionLost):
        read([b"HTTP/1.1 101 Switching\r\n\r\n"])


@pytest.mark.parametrize("line", [b"X-A: " + b"y" * 993 + b"\r\n", b"x" * 1_000])
def test_a_head_without_end_is_not_kept(line: bytes) -> None:
    with pytest.raises(ShortRead, match="the headers of a reply"):
        read([b"HTTP/1.1 200 OK\r\n", *[line] * 300], room=2 * HEADERS_MAX)


def test_interim_replies_without_end_are_not_kept() -> None:
    interim = b"HTTP/1.1 103 Hints\r\nX-A: " + b"y" * 900 + b"\r\n\r\n"
    with pytest.raises(ShortRead, match="the headers of a reply"):
        read([interim] * 400, room=2 * HEADERS_MAX)


def test_trailers_without_end_are_not_kept() -> None:
    with pytest.raises(ShortRead, match="the headers of a reply"):
        read(
            [
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
                *[b"x" * 99 + b"\n"] * 3_000,
            ]
        )


def test_a_line_between_pieces_has_an_end() -> None:
    with pytest.raises(ConnectionLost):
        read(
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[b"1" * 1_000] * 20],
            room=1 << 16,
        )


def test_a_pace_is_that_of_the_time_that_was_waited() -> None:
    pace = Trickle(10)

    assert not pace.is_slow(9.0, 1)
    assert pace.is_slow(2.0, 1)
    assert not pace.is_slow(9.0, 1)  # it begins anew
    assert not pace.is_slow(2.0, 10 * 512)
