"""The head of a reply says the same, whether it was read in one go or line by line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hdh_migrate.errors import ShortRead
from hdh_migrate.transport.exchange import Reply, _plain_reply, read_reply

STATUSES = st.sampled_from(
    [b"HTTP/1.1 200 OK", b"HTTP/1.1 100 Continue", b"HTTP/1.1 206", b"HTTP/2 503 \xe9", b"HTTP/1.1",
     b"HTTP/1.1 200OK", b"HTTP/1.1 600 No", b"ICY 200 OK: x", b"HTTP/1.1 200 a: b"]
)  # fmt: skip
FIELDS = st.sampled_from(
    [b"Content-Length: 5", b'ETag:"x"', b"x:", b"x: ", b"x:\t a b \t", b"X : y", b" folded: on",
     b"no colon", b"x: \xe9", b"x: a\x00b", b"x: a\xa0", b":x", b"x::y", b"a: 1: 2", b"x: a\x1c",
     b"x: " + b"long " * 60,
     b"Date: Thu, 26 Nov 2026 08:00:00 GMT", b""]
) | st.binary(max_size=6).map(lambda some: some.replace(b"\n", b""))  # fmt: skip
ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b""])
LINES = st.builds(lambda line, end: line + end, STATUSES | FIELDS, ENDS)
HEADS = st.lists(LINES, max_size=6) | st.builds(
    lambda status, fields, more: [status + b"\r\n", *fields, b"\r\n", *more],
    STATUSES,
    st.lists(FIELDS.map(lambda one: one + b"\r\n"), max_size=4),
    st.lists(LINES, max_size=2),
)


def _line_by_line(lines: list[bytes]) -> tuple[Reply, bool] | None:
    """Read a head in a way that never can be read at once: with an interim reply before it."""
    try:
        return read_reply([b"HTTP/1.1 100 Continue\r\n", b"\r\n", *lines])
    except ShortRead:
        return None


@given(HEADS)
def test_a_head_that_is_read_at_once_says_what_its_lines_say(lines: list[bytes]) -> None:
    if (found := _plain_reply(lines)) is not None:
        assert (found, True) == _line_by_line(lines)


def test_a_head_of_every_day_is_read_at_once() -> None:
    lines = [b"HTTP/1.1 206 Partial Content\r\n", b"Content-Length: 5\r\n", b'ETag: "0x8"\r\n',
             b"x-ms-request-id: \r\n", b"\r\n"]  # fmt: skip

    found = _plain_reply(lines)

    assert found == Reply(206, {"content-length": "5", "etag": '"0x8"', "x-ms-request-id": ""})


def test_what_follows_a_head_is_none_of_it() -> None:
    lines = [b"HTTP/1.1 200 OK\r\n", b"a: b\r\n", b"\r\n", b"trailer: x\r\n"]

    assert _plain_reply(lines) is None
    assert read_reply(lines) == (Reply(200, {"a": "b"}), True)
