"""What an SFTP server may say, byte by byte: nothing that was not asked for is believed."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdh_migrate.errors import (
    AccessDenied,
    ConnectionLost,
    Missing,
    ShortRead,
    StorageError,
    Unsupported,
)
from hdh_migrate.sources.sftp_packets import Ask, Fields, ReplyKind, text
from hdh_migrate.sources.sftp_session import AHEAD, DEADLINE_SECONDS, READ, Session
from hdh_migrate.transport import exchange
from tests.support.examples import many
from tests.support.quiet import FakeClock

Answer = Callable[[int, int, bytes], bytes]
"""Answers a request: its kind, its number, its body."""

FILE = struct.pack(">IQIII", 1 | 4 | 8, 5, 0o100644, 7, 1_700_000_000)


def packet(kind: int, number: int, body: bytes) -> bytes:
    return struct.pack(">IBI", len(body) + 5, kind, number) + body


def status(number: int, code: int) -> bytes:
    return packet(ReplyKind.STATUS, number, struct.pack(">I", code) + text(b"why") + text(b"en"))


class Channel:
    """A channel of paramiko's behind which somebody answers."""

    closed = False

    def __init__(self, answer: Answer, greeting: bytes) -> None:
        self._answer, self._greeting = answer, greeting
        self._in, self._out = b"", b""
        self.waiting = self.most = 0

    def settimeout(self, seconds: float) -> None:
        del seconds

    def invoke_subsystem(self, name: str) -> None:
        assert name == "sftp"

    def sendall(self, data: bytes) -> None:
        self._in += bytes(data)
        while len(self._in) >= 4:
            size = int.from_bytes(self._in[:4], "big")
            kind, number = self._in[4], int.from_bytes(self._in[5:9], "big")
            body, self._in = self._in[9 : 4 + size], self._in[4 + size :]
            if kind == Ask.INIT:
                self._out += self._greeting
                continue
            self.waiting += 1
            self.most = max(self.most, self.waiting)
            self._out += self._answer(kind, number, body)

    def recv(self, size: int) -> bytes:
        piece, self._out = self._out[: min(size, 10_000)], self._out[min(size, 10_000) :]
        return piece


class Transport:
    def __init__(self, channel: Channel) -> None:
        self.channel, self.closed = channel, False

    def open_session(self, **_: Any) -> Channel:
        return self.channel

    def is_active(self) -> bool:
        return not self.closed

    def close(self) -> None:
        self.closed = True


GREETING = struct.pack(">IBI", 5, ReplyKind.VERSION, 3)


def session(answer: Answer, greeting: bytes = GREETING) -> Session:
    return Session(Transport(Channel(answer, greeting)), "here")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "greeting",
    [
        struct.pack(">IBI", 5, ReplyKind.VERSION, 4),
        struct.pack(">IBI", 5, ReplyKind.VERSION, 2),
        b"SSH-2.0-not sftp at all\r\n",
        struct.pack(">IBI", 5, ReplyKind.STATUS, 3),
    ],
)
def test_who_speaks_something_else_is_not_spoken_to(greeting: bytes) -> None:
    with pytest.raises(Unsupported):
        session(lambda *_: b"", greeting)


def test_extensions_of_a_greeting_are_passed_over() -> None:
    more = text(b"posix-rename@openssh.com") + text(b"1")
    greeting = struct.pack(">IBI", 5 + len(more), ReplyKind.VERSION, 3) + more
    made = session(lambda _, number, __: packet(ReplyKind.ATTRS, number, FILE), greeting)
    assert made.lstat(b"/a").size == 5


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda _, n, __: status(n, 2), Missing),
        (lambda _, n, __: status(n, 3), AccessDenied),
        (lambda _, n, __: status(n, 4), ShortRead),
        (lambda _, n, __: status(n, 99), ShortRead),
        (lambda _, n, __: status(n, 6), ConnectionLost),
        (lambda _, n, __: status(n, 8), Unsupported),
        (lambda _, n, __: packet(ReplyKind.ATTRS, n + 1, FILE), ShortRead),
        (lambda _, n, __: packet(ReplyKind.HANDLE, n, text(b"h")), ShortRead),
        (lambda _, n, __: packet(ReplyKind.ATTRS, n, b""), ShortRead),
        (lambda _, n, __: packet(ReplyKind.ATTRS, n, FILE[:-1]), ShortRead),
        (lambda _, n, __: packet(ReplyKind.ATTRS, n, struct.pack(">I", 0)), ShortRead),
        (lambda _, n, __: packet(ReplyKind.ATTRS, n, struct.pack(">I", 0x10)), ShortRead),
        (lambda _, n, __: packet(ReplyKind.ATTRS, n, struct.pack(">IQ", 1, 5)), ShortRead),
        (
            lambda _, n, __: packet(ReplyKind.ATTRS, n, FILE[:4] + b"\xff" * 8 + FILE[12:]),
            ShortRead,
        ),
        (lambda _, n, __: struct.pack(">IBI", 1 << 31, ReplyKind.ATTRS, n), ShortRead),
        (lambda _, n, __: struct.pack(">IBI", 4, ReplyKind.ATTRS, n), ShortRead),
        (lambda *_: b"", ConnectionLost),
    ],
)
def test_what_does_not_answer_the_question_is_an_error_of_ours(
    answer: Answer, error: type[Exception]
) -> None:
    with pytest.raises(error) as raised:
        session(answer).lstat(b"/secret-name")
    assert "secret-name" not in str(raised.value)


def data(number: int, body: bytes, length: int | None = None) -> bytes:
    return packet(
        ReplyKind.DATA, number, struct.pack(">I", len(body) if length is None else length) + body
    )


CONTENT = bytes(range(256)) * 1024 * 16  # 4 MiB


def asked(body: bytes) -> tuple[int, int]:
    fields = Fields(body)
    fields.text()
    return fields.long(), fields.number()


def bytes_of(number: int, body: bytes, most: int = READ) -> bytes:
    start, length = asked(body)
    found = CONTENT[start : start + min(length, most)]
    return data(number, found) if found else status(number, 1)


def test_reads_overlap_as_many_as_are_allowed_and_no_more() -> None:
    made = session(lambda _, number, body: bytes_of(number, body))
    channel = made._channel
    got = bytearray()
    for piece in made.read(b"h", 3, len(CONTENT) - 3):
        channel.waiting -= 1
        got += piece
    assert bytes(got) == CONTENT[3:]
    assert channel.most == AHEAD
    assert made.is_sound


@pytest.mark.parametrize("most", [1000, 10_000, READ - 1])
def test_short_replies_are_completed_in_order(most: int) -> None:
    made = session(lambda _, number, body: bytes_of(number, body, most))
    assert b"".join(made.read(b"h", 5, 300_000)) == CONTENT[5:300_005]
    assert made.is_sound


def test_replies_in_another_order_are_put_in_order() -> None:
    held: list[bytes] = []

    def answer(_: int, number: int, body: bytes) -> bytes:
        held.insert(0, bytes_of(number, body))
        if len(held) < 8:
            return b""
        told = b"".join(held)
        held.clear()
        return told

    made = session(answer)
    assert b"".join(made.read(b"h", 0, 8 * READ)) == CONTENT[: 8 * READ]


def test_a_file_that_ends_gives_what_it_has() -> None:
    made = session(lambda _, number, body: bytes_of(number, body))
    assert b"".join(made.read(b"h", len(CONTENT) - 10, 100_000)) == CONTENT[-10:]
    assert made.is_sound


@pytest.mark.parametrize(
    "answer",
    [
        lambda _, n, __: data(n, b"x" * (READ + 1)),
        lambda _, n, __: data(n, b""),
        lambda _, n, __: data(n, b"abc", length=2),
        lambda _, n, __: data(n, b"abc", length=4),
        lambda _, n, __: packet(ReplyKind.DATA, n, b""),
    ],
)
def test_bytes_that_were_not_asked_for_are_not_taken(answer: Answer) -> None:
    made = session(answer)
    with pytest.raises(ShortRead):
        list(made.read(b"h", 0, READ))


def folder(pieces: list[bytes]) -> Answer:
    left = list(pieces)

    def answer(kind: int, number: int, body: bytes) -> bytes:
        del body
        if kind == Ask.OPENDIR:
            return packet(ReplyKind.HANDLE, number, text(b"h"))
        if kind == Ask.CLOSE:
            return status(number, 0)
        return packet(ReplyKind.NAME, number, left.pop(0)) if left else status(number, 1)

    return answer


def named(*names: bytes) -> bytes:
    found = b"".join(text(name) + text(b"-rw-r--r-- long") + FILE for name in names)
    return struct.pack(">I", len(names)) + found


def test_a_directory_is_told_piece_by_piece() -> None:
    made = session(folder([named(b"a", b"b"), named(b"\xff\n")]))
    assert [[name for name, _ in piece] for piece in made.names(b"/")] == [
        [b"a", b"b"],
        [b"\xff\n"],
    ]
    assert made.is_sound


@pytest.mark.slow
def test_a_large_directory_may_take_the_time_that_its_names_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exchange, "time", clock := FakeClock(tick=0.0))

    def listed(piece: bytes) -> int:
        answer = folder([piece] * 2 * int(DEADLINE_SECONDS))

        def slow(kind: int, number: int, body: bytes) -> bytes:
            clock.seconds += 1.0
            return answer(kind, number, body)

        return sum(1 for _ in session(slow).names(b"/"))

    assert listed(named(*[b"name"] * 100)) == 2 * DEADLINE_SECONDS
    with pytest.raises(ConnectionLost, match="longer than its size allows"):
        listed(named(b"name"))


@pytest.mark.parametrize(
    "piece", [named(), named(b"a")[:-1], struct.pack(">I", 0xFFFF_FFFF) + named(b"a")[4:]]
)
def test_a_directory_that_contradicts_itself_is_not_believed(piece: bytes) -> None:
    with pytest.raises(ShortRead):
        list(session(folder([piece])).names(b"/"))


@settings(max_examples=many(200))
@given(st.lists(st.binary(max_size=64), max_size=8), st.booleans())
def test_whatever_a_server_says_is_an_answer_or_an_error_of_ours(
    said: list[bytes], framed: bool
) -> None:
    left = list(said)

    def answer(_: int, number: int, __: bytes) -> bytes:
        body = left.pop(0) if left else b""
        if not framed:
            return body
        kind = [
            ReplyKind.STATUS,
            ReplyKind.HANDLE,
            ReplyKind.DATA,
            ReplyKind.NAME,
            ReplyKind.ATTRS,
        ][len(body) % 5]
        return packet(kind, number, body)

    made = session(answer)
    for act in (
        lambda: made.lstat(b"a"),
        lambda: list(made.names(b"a")),
        lambda: list(made.read(b"h", 0, 100)),
        lambda: made.realpath(b"a"),
    ):
        try:
            act()
        except StorageError:
            return
