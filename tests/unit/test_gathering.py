"""A reply's short pieces become long ones: all of its bytes, in order, in memory used again."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hdh_migrate.door import Door
from hdh_migrate.errors import ConnectionLost, ShortRead
from hdh_migrate.transport import Reply, Transport
from hdh_migrate.transport.exchange import Exchange
from hdh_migrate.transport.gathering import ROOM, Gathering, Take
from tests.support.blurting import Blurting, blurting

ROOM_HERE = 16


def gathered(pieces: list[bytes]) -> list[bytes]:
    given_on: list[bytes] = []
    gathering = Gathering(
        lambda data: given_on.append(bytes(data)), memoryview(bytearray(ROOM_HERE))
    )
    for piece in pieces:
        gathering.write(piece)
    gathering.end()
    return given_on


@given(st.lists(st.binary(max_size=50), max_size=20))
@example([bytes(16), b"a"])
@example([b"a" * 15, b"bc"])
@example([b"a", bytes(40)])
def test_whatever_the_cut_all_bytes_come_in_order(pieces: list[bytes]) -> None:
    assert b"".join(gathered(pieces)) == b"".join(pieces)


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_every_piece_but_the_last_fills_the_room(pieces: list[bytes]) -> None:
    long = gathered(pieces)

    assert all(len(one) == ROOM_HERE for one, _ in pairwise(long))
    assert all(long)


def test_what_was_handed_on_is_valid_during_the_call_only() -> None:
    kept: list[bytes | memoryview] = []
    gathering = Gathering(kept.append, memoryview(bytearray(4)))

    gathering.write(b"abcdefgh")
    gathering.end()

    assert [bytes(one) for one in kept] == [b"efgh", b"efgh"]  # as `ports.Write` says


# --- as libcurl hands them over -------------------------------------------------------------------

HEAD = [b"HTTP/1.1 200 OK\r\n", b"\r\n"]


def handed(pieces: list[bytes], take: Take, heads: list[bytes]) -> tuple[Exchange, list[object]]:
    """Give pieces to what libcurl calls; return what the exchange knows, and each answer."""
    gathering = Gathering(take, memoryview(bytearray(ROOM_HERE)))
    exchange = Exchange(None, gathering.write, 1_000, 60)
    exchange.heads.extend(heads)
    taker = exchange.taker(gathering)
    answers: list[object] = [taker(piece) for piece in pieces]
    gathering.end()
    return exchange, answers


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=20))
@example([b"a"] * 17)
@example([b"a", bytes(15), b"b"])
def test_pieces_that_are_only_copied_come_in_order_like_all_others(pieces: list[bytes]) -> None:
    taken = bytearray()

    exchange, answers = handed(pieces, taken.extend, HEAD)

    assert taken == b"".join(pieces)
    assert exchange.failure is None
    assert all(answer in {None, len(piece)} for answer, piece in zip(answers, pieces, strict=True))


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=20))
def test_nothing_of_a_refusal_is_copied(pieces: list[bytes]) -> None:
    taken = bytearray()

    exchange, _ = handed(pieces, taken.extend, [b"HTTP/1.1 404 Not Found\r\n", b"\r\n"])

    assert (taken, exchange.finished().body) == (b"", b"".join(pieces))


def test_what_takes_long_pieces_may_refuse_one_in_between() -> None:
    def refuse(data: bytes | memoryview) -> None:
        raise ShortRead(f"not {len(data)} bytes")

    exchange, answers = handed([bytes(10), bytes(6), b"a"], refuse, HEAD)

    assert answers == [10, None, -1]
    assert isinstance(exchange.failure, ShortRead)


def test_who_took_a_body_is_let_go_of() -> None:
    gathering = Gathering(bytearray().extend, memoryview(bytearray(ROOM_HERE)))
    gathering.write(b"a")
    gathering.forget()

    with pytest.raises(AssertionError, match="nobody waits"):
        gathering.end()


# --- of a real reply ------------------------------------------------------------------------------

BODY = bytes(range(256)) * (2 * ROOM // 256) + b"the end"


@pytest.fixture
def server() -> Iterator[Blurting]:
    with blurting() as made:
        yield made


def ask(server: Blurting, taken: bytearray, *, says: bytes, status: str = "200 OK") -> Reply:
    server.says = f"HTTP/1.1 {status}\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + says
    transport = Transport(door=Door.named(server.url, local=True))
    return transport.request("GET", f"{server.url}/x", {}, gathered=taken.extend, stall=2)


def test_a_reply_is_handed_on_to_its_last_byte(server: Blurting) -> None:
    taken = bytearray()

    reply = ask(server, taken, says=BODY)

    assert (taken, reply.body) == (BODY, b"")


def test_of_a_cut_reply_nothing_is_handed_on_that_the_error_would_not_discard(
    server: Blurting,
) -> None:
    taken = bytearray()

    with pytest.raises((ConnectionLost, ShortRead)):
        ask(server, taken, says=BODY[: ROOM + 9])

    assert BODY.startswith(taken)


def test_the_body_of_a_refusal_is_kept_and_not_handed_on(server: Blurting) -> None:
    taken = bytearray()

    reply = ask(server, taken, says=BODY, status="404 Not Found")

    assert (reply.status, bytes(taken)) == (404, b"")
    assert BODY.startswith(reply.body)


def test_what_the_taker_raises_at_the_very_end_is_raised(server: Blurting) -> None:
    def refuse(data: bytes | memoryview) -> None:
        if bytes(data).endswith(b"the end"):
            raise ShortRead("the taker does not want it")

    server.says = f"HTTP/1.1 200 OK\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + BODY
    transport = Transport(door=Door.named(server.url, local=True))

    with pytest.raises(ShortRead, match="does not want it"):
        transport.request("GET", f"{server.url}/x", {}, gathered=refuse, stall=2)


@pytest.mark.slow
def test_a_body_of_which_pieces_are_only_copied_ends_at_its_deadline_too(server: Blurting) -> None:
    server.says = b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n" + b"x" * 10_000
    server.piece, server.pause = 2, 0.05  # it would take four minutes
    transport = Transport(door=Door.named(server.url, local=True), deadline=0.5 - 2)
    try:
        with pytest.raises(ConnectionLost, match="longer than its size allows"):
            transport.request("GET", f"{server.url}/x", {}, gathered=bytearray().extend, stall=2)
    finally:
        server.piece, server.pause = 65_536, 0.0
