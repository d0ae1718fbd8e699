"""Connections of our own: kept, asked again where they had ended, and held to the same trust."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from hdh_migrate.door import Addresses, Door
from hdh_migrate.errors import ConnectionLost, HostRefused, Permanent, StorageError
from hdh_migrate.transport import TlsTrust, Transport
from hdh_migrate.transport.direct import DirectLines
from tests.support.processes import LONG
from tests.support.tls import Authority, https

pytestmark = pytest.mark.live

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Scripted:
    """A server whose connections are answered from a script: one entry for each connection.

    An entry is what each request on it is answered with; after the last one it is closed.
    """

    def __init__(self, server: socket.socket, script: Sequence[Sequence[bytes]]) -> None:
        self.url = f"http://127.0.0.1:{server.getsockname()[1]}"
        self.heard: list[list[bytes]] = []
        """Requests by connection."""
        self._server, self._script = server, script

    def serve(self) -> None:
        for answers in self._script:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.heard.append([])
            with connection, suppress(OSError):
                connection.settimeout(LONG)
                for answer in answers:
                    self.heard[-1].append(self._request(connection))
                    connection.sendall(answer)

    def _request(self, connection: socket.socket) -> bytes:
        heard = b""
        while b"\r\n\r\n" not in heard:
            heard += connection.recv(65_536)
        head, _, body = heard.partition(b"\r\n\r\n")
        size = int((head.partition(b"Content-Length: ")[2] or b"0").split(b"\r\n")[0])
        while len(body) < size:
            body += connection.recv(65_536)
        return head + b"\r\n\r\n" + body


@contextmanager
def scripted(*script: Sequence[bytes]) -> Iterator[Scripted]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = Scripted(server, script)
        thread = threading.Thread(target=made.serve)
        thread.start()
        try:
            yield made
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            thread.join()


def asking(server: Scripted) -> tuple[Transport, Callable[..., str]]:
    transport = Transport(door=Door.named(server.url, local=True))

    def ask(method: str = "GET", body: bytes | None = None) -> str:
        sent = None if body is None else memoryview(body)
        return transport.request(method, f"{server.url}/x", {}, body=sent).body.decode()

    return transport, ask


def test_requests_of_one_thread_go_over_one_connection() -> None:
    with scripted([GOOD, GOOD, GOOD]) as server:
        transport, ask = asking(server)
        assert [ask(), ask("PUT", b"body"), ask()] == ["ok"] * 3
    assert [len(one) for one in server.heard] == [3]
    assert server.heard[0][1].endswith(b"Content-Length: 4\r\n\r\nbody")
    (traffic,) = transport.traffic.values()
    assert (traffic.requests, traffic.sent, traffic.received) == (3, 4, 6)
    assert traffic.addresses == {"127.0.0.1"}


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_what_an_ended_connection_did_not_answer_is_asked_on_a_new_one(method: str) -> None:
    with scripted([GOOD], [GOOD]) as server:
        _, ask = asking(server)
        assert [ask(method, b"a"), ask(method, b"b")] == ["ok", "ok"]
    assert [len(one) for one in server.heard] == [1, 1]


def test_what_a_new_connection_does_not_answer_is_not_asked_again() -> None:
    with scripted([b""], [GOOD]) as server:
        _, ask = asking(server)
        with pytest.raises(ConnectionLost, match="no answer"):
            ask()
        assert len(server.heard) == 1
        assert ask() == "ok"


def test_half_an_answer_is_not_asked_for_again() -> None:
    with scripted([GOOD, GOOD[:-1]], [GOOD]) as server:
        _, ask = asking(server)
        assert ask() == "ok"
        with pytest.raises(StorageError, match="ended early"):
            ask()
        assert len(server.heard) == 1
        assert ask() == "ok"


def test_what_follows_an_answer_is_not_the_next_one() -> None:
    with scripted([GOOD + b"HTTP/1.1 404 Not Found\r\n\r\n"], [GOOD]) as server:
        _, ask = asking(server)
        assert [ask(), ask()] == ["ok", "ok"]
    assert len(server.heard) == 2


def test_an_answer_before_the_body_was_taken_is_heard() -> None:
    says = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1)
                connection.sendall(says)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65_536):
                    pass

        thread = threading.Thread(target=refuse)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        transport = Transport(door=Door.named(url, local=True))
        reply = transport.request("PUT", f"{url}/x", {}, body=memoryview(bytes(4 << 20)))
        thread.join()
    assert (reply.status, reply.body) == (403, b"no")


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b"])
def test_a_header_is_one_line(value: str) -> None:
    with scripted([GOOD]) as server:
        transport, _ = asking(server)
        with pytest.raises(Permanent, match="ends a line"):
            transport.request("GET", f"{server.url}/x", {"x-amz-meta-a": value})
        assert server.heard == []


def test_who_says_nothing_is_waited_for_no_longer_than_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        transport = Transport(door=Door.named(url, local=True))
        with pytest.raises(ConnectionLost, match="nothing came"):
            transport.request("GET", f"{url}/x", {}, stall=1)


def test_who_takes_nothing_is_waited_for_no_longer_than_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        transport = Transport(door=Door.named(url, local=True))
        with pytest.raises(ConnectionLost, match="hardly a byte was taken"):
            transport.request("PUT", f"{url}/x", {}, body=memoryview(bytes(64 << 20)), stall=1)


def test_an_address_of_the_wrong_kind_is_not_contacted() -> None:
    with scripted([GOOD]) as server:
        door = Door(endpoint=server.url, addresses=Addresses(), admitted=True)
        with pytest.raises(HostRefused, match="no address of another host"):
            DirectLines(door, TlsTrust(), None).line(server.url)
        assert server.heard == []


# --- over TLS ------------------------------------------------------------------------------------


def lines(url: str, authority: Authority, *pins: str) -> DirectLines:
    trust = TlsTrust(ca_file=str(authority.bundle), pins=pins)
    return DirectLines(Door.named(url, local=True), trust, trust.ca_file)


def test_only_who_is_trusted_has_a_connection(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    identity = authority.issue("localhost")
    with https(identity) as heard:
        url = f"https://localhost:{heard.port}"
        wrong = authority.issue("localhost").pin
        assert lines(url, other).line(url) is None
        assert lines(url, authority, wrong).line(url) is None
        for right in (lines(url, authority),
                      lines(url, authority, wrong, identity.pin)):  # fmt: skip
            line = right.line(url)
            assert line is not None
            assert line.tls is not None
            assert line.tls.startswith("TLSv1.3 TLS_AES_256_GCM_SHA384 sha256:")
            line.close()
        assert heard.requests == []


def test_a_certificate_that_is_over_is_not_trusted(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with https(authority.issue("localhost", days=-1)) as heard:
        url = f"https://localhost:{heard.port}"
        assert lines(url, authority).line(url) is None


def test_a_certificate_of_another_name_is_not_trusted(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with https(authority.issue("elsewhere.example")) as heard:
        url = f"https://localhost:{heard.port}"
        assert lines(url, authority).line(url) is None


@pytest.mark.parametrize("size", [0, 100, 70_000, 3_000_000])
def test_bodies_pass_both_ways_over_tls(tmp_path: Path, size: int) -> None:
    authority = Authority(tmp_path)
    with https(authority.issue("localhost"), body=bytes(size)) as heard:
        url = f"https://localhost:{heard.port}"
        trust = TlsTrust(ca_file=str(authority.bundle))
        transport = Transport(door=Door.named(url, local=True), tls=trust)
        taken = bytearray()
        for _ in range(2):
            body = memoryview(bytes(size))
            transport.request("PUT", f"{url}/x", {}, body=body, limit=size)
            transport.request("GET", f"{url}/x", {}, gathered=taken.extend)
    assert len(taken) == 2 * size
    assert heard.received == 2 * size
    assert heard.connections == 1
