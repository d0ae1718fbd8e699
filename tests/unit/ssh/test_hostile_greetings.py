"""What anybody on the way to an SSH machine may say before its key was seen."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hdh_migrate.errors import ConnectionLost, MigrateError
from hdh_migrate.ssh.bounded_transport import GREETING_MAX, LONGEST
from hdh_migrate.ssh.connection import Login, connect
from hdh_migrate.ssh.host_keys import pins
from tests.support.examples import many

GREETING = b"SSH-2.0-OpenSSH_9.6\r\n"
PINNED = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


@contextmanager
def saying(*said: bytes, stays: bool = False) -> Iterator[Login]:
    """Give the way to somebody who says this to whoever comes, and then ends, or stays silent."""
    over = threading.Event()

    def answer() -> None:
        with suppress(OSError):
            there, _ = server.accept()
            with there:
                for some in said:
                    there.sendall(some)
                if stays:
                    over.wait(30)
                there.shutdown(socket.SHUT_WR)
                while there.recv(65_536):
                    pass  # who closes with something unread cuts what was said off, too

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        try:
            yield Login(
                host="127.0.0.1", port=server.getsockname()[1], user="us", password="p",
                pins=pins("127.0.0.1", 22, fingerprints=[PINNED], known_hosts=None),
            )  # fmt: skip
        finally:
            over.set()
            thread.join(30)


def reach(login: Login) -> None:
    connect(login, lambda _address: None).close()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ((GREETING, struct.pack(">IB", LONGEST + 12, 4)), "a length that none has"),
        ((GREETING, struct.pack(">IB", 0xFFFF_FFF4, 4)), "a length that none has"),
        ((b"x" * (GREETING_MAX + 1_000),), "a greeting without end"),
    ],
    ids=["long packet", "4 GiB", "line without end"],
)
def test_what_has_no_end_is_not_waited_for(said: tuple[bytes, ...], why: str) -> None:
    """Up to 4 GiB were kept of whoever answered in the machine's place."""
    with (
        saying(*said, b"\0" * 64, stays=True) as login,
        pytest.raises(ConnectionLost) as raised,
    ):
        reach(login)
    assert why in str(raised.value.__cause__)


@settings(max_examples=many(40), deadline=None, suppress_health_check=list(HealthCheck))
@example(struct.pack(">IBB", 4, 4, 20) + b"\xff" * 40)
@example(struct.pack(">IBB", 68, 4, 20) + b"\0" * 16 + (struct.pack(">I", 4) + b"\xff" * 4) * 20)
@given(st.binary(max_size=200))
def test_any_bytes_end_in_an_error_of_ours(said: bytes) -> None:
    """An empty packet ended the run with a traceback."""
    with saying(GREETING, said) as login, pytest.raises(MigrateError):
        reach(login)
