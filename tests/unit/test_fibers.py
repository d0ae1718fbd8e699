"""Requests of one thread wait together, and are judged as if each were alone."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from hdh_migrate.door import Door
from hdh_migrate.errors import ConnectionLost, HostRefused, ShortRead
from hdh_migrate.fibers import Fibers, current, possible, rest
from hdh_migrate.transport import Transport
from tests.support.blurting import Blurting, blurting
from tests.support.processes import LONG

TOGETHER = 4
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@contextmanager
def patient(many: int) -> Iterator[str]:
    """Answer nobody before so many have asked."""
    asked = threading.Barrier(many)

    def answer(connection: socket.socket) -> None:
        with connection:
            while connection.recv(65_536):
                asked.wait()
                connection.sendall(REPLY)

    def accept(server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, args=(server,), daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def run(*tasks: Callable[[], None]) -> None:
    """Run tasks in fibers of this thread until each is through."""
    fibers, left = Fibers(), len(tasks)

    def counted(task: Callable[[], None]) -> None:
        nonlocal left
        try:
            task()
        finally:
            left -= 1

    fibers.settle()
    for task in tasks:
        fibers.begin(lambda task=task: counted(task))
    while left:
        fibers.turn()
    fibers.close()


def test_requests_of_one_thread_are_under_way_at_the_same_time() -> None:
    with patient(TOGETHER) as url:
        transport, bodies = Transport(door=Door.named(url, local=True)), list[bytes]()

        def ask() -> None:
            assert current() is not None
            for _ in range(3):
                reply = transport.request("GET", f"{url}/x", {}, together=True)
                bodies.append(reply.body)

        run(*[ask] * TOGETHER)

        assert bodies == [b"hi"] * 3 * TOGETHER
        (traffic,) = transport.traffic.values()
        assert (traffic.requests, traffic.received) == (3 * TOGETHER, 6 * TOGETHER)


def test_a_request_that_is_not_to_wait_with_others_does_not() -> None:
    with patient(1) as url:
        transport, order = Transport(door=Door.named(url, local=True)), list[str]()

        def alone() -> None:
            transport.request("GET", f"{url}/x", {})
            order.append("alone")

        run(alone, lambda: order.append("next"))

        assert order == ["alone", "next"]


def test_where_greenlet_is_not_installed_there_are_no_fibers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert possible()
    monkeypatch.setitem(sys.modules, "greenlet", None)
    assert not possible()


@pytest.fixture
def server() -> Iterator[Blurting]:
    with blurting() as made:
        yield made


def test_each_has_its_own_error_and_the_others_their_replies(server: Blurting) -> None:
    found = list[str]()
    good = Transport(door=Door.named(server.url, local=True))
    server.says = REPLY

    def ask(transport: Transport, url: str, **more: object) -> None:
        try:
            reply = transport.request("GET", url, {}, together=True, **more)  # type: ignore[arg-type]
            found.append(reply.body.decode())
        except (ConnectionLost, HostRefused, ShortRead) as error:
            found.append(type(error).__name__)

    def refuse(data: bytes | memoryview) -> None:
        raise ShortRead("the taker does not want it")

    with socket.create_server(("127.0.0.1", 0)) as nobody:
        gone = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    lost = Transport(door=Door.named(gone, local=True))
    public = Transport(door=Door.named(server.url, local=False))
    run(
        lambda: ask(good, f"{server.url}/x"),
        lambda: ask(lost, f"{gone}/x"),
        lambda: ask(good, f"{server.url}/x", gathered=refuse),
        lambda: ask(public, f"{server.url}/x"),
        lambda: ask(good, f"{server.url}/x"),
    )

    assert sorted(found) == ["ConnectionLost", "HostRefused", "ShortRead", "hi", "hi"]


@pytest.mark.slow
def test_a_body_that_drips_ends_at_its_deadline_and_holds_up_nobody(server: Blurting) -> None:
    server.says = b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n" + b"x" * 10_000
    server.piece, server.pause = 2, 0.05  # it would take four minutes
    transport = Transport(door=Door.named(server.url, local=True), deadline=0.5 - 2)
    halt, order = threading.Event(), list[str]()

    def drips() -> None:
        with pytest.raises(ConnectionLost, match="longer than its size allows"):
            transport.request("GET", f"{server.url}/x", {}, stall=2, together=True)
        order.append("dripped")

    def rests() -> None:
        rest(halt, 0.01)
        order.append("rested")

    run(drips, rests)

    assert order == ["rested", "dripped"]


ENDS = """
import gc, threading, time
from collections import namedtuple
from itertools import repeat
from hdh_migrate.fibers import Fibers

Plain = namedtuple("Plain", "a b c")  # its code sees no builtins
kept = []

def work():
    fibers = Fibers()
    fibers.settle()
    fibers.begin(lambda: None)
    kept.append(fibers)
    fibers.close()
    gc.collect()  # one reference to this thread's stack is left
    time.sleep(0.003)

for _ in range(30):
    thread = threading.Thread(target=work)
    thread.start()
    list(map(Plain, map(time.sleep, repeat(0.001, 10)), repeat(1), repeat(2)))
    thread.join()
"""


@pytest.mark.slow
def test_the_end_of_their_thread_disturbs_nobody() -> None:
    """A request of another thread failed now and then: greenlet imported something in its midst."""
    done = subprocess.run(
        [sys.executable, "-c", ENDS], capture_output=True, text=True, check=False, timeout=LONG
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_stack_is_used_again_by_the_next_task_and_given_back_at_the_end() -> None:
    from greenlet import getcurrent

    fibers, stacks = Fibers(), list[object]()
    fibers.settle()

    def one() -> None:
        assert current() is not None
        stacks.append(getcurrent())

    def waits() -> None:
        one()
        rest(threading.Event(), 0.01)
        one()

    fibers.begin(one)
    fibers.begin(waits)
    fibers.begin(one)  # beside the one that waits
    while len(stacks) < 4:
        fibers.turn()
    fibers.begin(one)
    fibers.close()

    first, second, other, third, last = stacks
    assert first is second is third
    assert other is not first
    assert last in {first, other}
    assert {stack.dead for stack in stacks} == {True}  # type: ignore[attr-defined]
