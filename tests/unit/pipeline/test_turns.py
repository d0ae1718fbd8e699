"""Parts get their memory in the order in which they were handed out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import AccessDenied
from hdh_migrate.model import Role, Upload
from hdh_migrate.orders import BeginOrder, OrderItem, PartItem, PartOrder
from hdh_migrate.pipeline.workers.perform import Performer
from hdh_migrate.receipts import Begun, PartSent
from tests.support.processes import LONG
from tests.support.world import HEADER, ONE, SEGMENT, World

PARTS = 6
PART = 2 * (SEGMENT + 28)
KEY = "t/scan.c4gh"
(DATASET,) = ONE


class InOrder:
    """A target that takes the parts of an upload in order: a later one waits for those before."""

    def __init__(self, inner: Any) -> None:
        self._inner, self._next, self._came = inner, 1, threading.Condition()
        self.refuses: set[int] = set()
        """Parts that are refused once."""
        self.waiting: set[int] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def put_part(self, upload: Upload, number: int, body: memoryview, *, sha256: str) -> str:
        with self._turn_of(upload, number):
            etag: str = self._inner.put_part(upload, number, body, sha256=sha256)
        return etag

    def stream_part(
        self, upload: Upload, number: int, size: int, pull: Callable[[int], bytes]
    ) -> str:
        with self._turn_of(upload, number):
            etag: str = self._inner.stream_part(upload, number, size, pull)
        return etag

    @contextmanager
    def _turn_of(self, upload: Upload, number: int) -> Iterator[None]:
        if upload.key != KEY:  # of who tries whether it may write
            yield
            return
        with self._came:
            self.waiting.add(number)
            self._came.notify_all()
            assert self._came.wait_for(lambda: self._next == number, LONG), "all stand still"
            self.waiting.discard(number)
            if number in self.refuses:
                self.refuses.remove(number)
                raise AccessDenied("a target part: AccessDenied (HTTP 403)")
        yield
        with self._came:
            self._next += 1
            self._came.notify_all()

    def waits_for(self, parts: set[int], seconds: float) -> None:
        with self._came:
            self._came.wait_for(lambda: parts <= self.waiting, seconds)


def ordered(made: World, performer: Performer) -> list[PartOrder]:
    """Begin an upload; return the orders of its parts."""
    obj = made.source.listed(DATASET.source, "scan")
    about: dict[str, Any] = {
        "id": 1, "attempt": 1, "key": obj.key, "size": obj.size, "version": obj.version, "md5": None
    }  # fmt: skip
    told: list[Any] = []
    begin = BeginOrder(dataset="d", objects=(OrderItem(**about),))
    performer.perform(begin, told.append, lambda intent: True)
    (begun,) = told
    assert isinstance(begun, Begun)
    more = {"upload_id": begun.upload_id, "header": begun.header, "sealed": ()}
    items = (
        PartItem(**about, **more, number=number, segments=2, count=PARTS)
        for number in range(1, PARTS + 1)
    )
    return [PartOrder(dataset="d", objects=(one,)) for one in items]


@pytest.mark.parametrize("buffers", [1, 2])
@pytest.mark.parametrize("refused", [frozenset[int](), frozenset({1}), frozenset({2, 5})])
def test_a_server_that_takes_parts_in_order_gets_them_though_memory_holds_one_or_two(
    tmp_path: Path, buffers: int, refused: frozenset[int]
) -> None:
    # a part that is larger than half of the memory is streamed, a step at a time
    made = World(tmp_path, memory=buffers * -(-(PART + HEADER) // 131_072) * 131_072)
    made.source.put("src", "scan", bytes(PARTS * 2 * SEGMENT))
    target = InOrder(made.target)
    target.refuses |= refused
    made.target = target  # type: ignore[assignment]
    performer = Performer(made.toolbox(Role.MOVE))
    orders, told = ordered(made, performer), list[Any]()
    for order in orders:
        performer.expect(order)
    threads = [
        threading.Thread(
            target=performer.perform, args=(order, told.append, lambda intent: True), daemon=True
        )
        for order in orders
    ]

    # Nobody knows which of the threads that took an order goes on first: here the last ones do.
    for thread in reversed(threads):
        thread.start()
        target.waits_for({PARTS, PARTS - 1}, 0.02)
    for thread in threads:
        thread.join(LONG)

    assert [type(one) for one in told] == [PartSent] * PARTS, told
    assert sorted(one.part.number for one in told) == [*range(1, PARTS + 1)]
