"""A large object is read back by several threads: in order, within bounds, each byte once."""

from __future__ import annotations

import hashlib
import itertools
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache

import pytest

from hdh_migrate.errors import ConnectionLost, ShortRead, UnsealFailed
from hdh_migrate.model import MIB, Span, Stored
from hdh_migrate.pipeline.workers.buffers import BufferPool
from hdh_migrate.pipeline.workers.helping import CROWD, Helpers, all_of
from hdh_migrate.pipeline.workers.reading_back import AHEAD, RESUME_AFTER, STRETCH, ReadingBack
from hdh_migrate.ports.stores import Write
from tests.support.fakes import FakeTarget

SIZE = 9 * STRETCH + 12_345
BODY = os.urandom(MIB)
STORED = Stored(key="k", size=SIZE, etag="e")


@cache
def digest_of_all() -> str:
    """Return the digest of `SIZE` bytes, which are `BODY` over and over."""
    whole, rest = divmod(SIZE, MIB)
    digest = hashlib.sha256()
    for _ in range(whole):
        digest.update(BODY)
    digest.update(BODY[:rest])
    return digest.hexdigest()


class Big(FakeTarget):
    """A target of one object that counts what is asked of it at once, and fails when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.spans: list[Span | None] = []
        self.at_once = self.most = 0
        self.fail_at: set[int] = set()
        self.error: Exception = ConnectionLost("cut")
        self._counting = threading.Lock()

    def read(self, bucket: str, stored: Stored, span: Span | None, write: Write) -> Stored:
        del bucket
        start, length = (0, SIZE) if span is None else (span.start, span.length)
        with self._counting:
            self.spans.append(span)
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            failing = [at for at in self.fail_at if start <= at < start + length]
            self.fail_at.difference_update(failing)
        try:
            end = min(failing, default=start + length)
            for at in range(start, end, MIB):
                first = at % MIB
                piece = BODY[first:] + BODY[:first]
                write(piece[: min(MIB, end - at)])
            if failing:
                raise self.error
            return stored
        finally:
            with self._counting:
                self.at_once -= 1


@pytest.fixture
def target() -> Big:
    return Big()


@contextmanager
def reading(
    target: Big, *, connections: int, orders: int = 1, budget: int = 1 << 30
) -> Iterator[ReadingBack]:
    helpers, pool = Helpers(connections), BufferPool(budget)
    with ExitStack() as busy:
        for _ in range(orders):
            busy.enter_context(helpers.order())
        yield ReadingBack(target, helpers, pool)
    assert helpers._lent == 0
    rooms = [pool.spare(STRETCH) for _ in range(AHEAD)]
    assert None not in rooms or budget < AHEAD * STRETCH  # every one was given back


def test_helpers_fetch_ahead_and_the_bytes_come_in_order(target: Big) -> None:
    digest = hashlib.sha256()
    with reading(target, connections=4) as whole:
        whole.read("b", STORED, digest.update)
    assert digest.hexdigest() == digest_of_all()
    spans = sorted((span.start, span.end) for span in target.spans if span is not None)
    assert spans[0][0] == 0
    assert spans[-1][1] == SIZE
    assert all(one[1] == other[0] for one, other in itertools.pairwise(spans))
    assert target.most <= 4


@pytest.mark.parametrize(("connections", "orders"), [(1, 1), (8, CROWD + 1)])
def test_where_all_are_busy_nobody_helps(target: Big, connections: int, orders: int) -> None:
    digest = hashlib.sha256()
    with reading(target, connections=connections, orders=orders) as whole:
        whole.read("b", STORED, digest.update)
    assert digest.hexdigest() == digest_of_all()
    assert target.most == 1
    assert len(target.spans) == 2  # of 64 MiB at the most


def test_without_memory_it_is_read_all_the_same(target: Big) -> None:
    digest = hashlib.sha256()
    with reading(target, connections=4, budget=STRETCH // 2) as whole:
        whole.read("b", STORED, digest.update)
    assert digest.hexdigest() == digest_of_all()


def test_a_cut_after_progress_goes_on_from_there_in_one_reply(target: Big) -> None:
    target.fail_at = {RESUME_AFTER + MIB}
    digest = hashlib.sha256()
    with reading(target, connections=4) as whole:
        whole.read("b", STORED, digest.update)
    assert digest.hexdigest() == digest_of_all()
    last = target.spans[-1]
    assert last is not None
    assert last.end == SIZE
    assert last.length > MIB


def test_who_serves_no_stretches_is_read_in_one_reply_next_time(target: Big) -> None:
    target.fail_at, target.error = {0}, ShortRead("another range")
    digest = hashlib.sha256()
    with reading(target, connections=4) as whole:
        with pytest.raises(ShortRead):
            whole.read("b", STORED, digest.update)
        digest = hashlib.sha256()
        target.spans.clear()
        whole.read("b", STORED, digest.update)
    assert digest.hexdigest() == digest_of_all()
    assert target.spans == [None]


def test_bytes_that_do_not_open_end_it_and_nothing_stays_lent(target: Big) -> None:
    def refuse(data: bytes | memoryview) -> None:
        del data
        raise UnsealFailed("no")

    with reading(target, connections=4) as whole, pytest.raises(UnsealFailed):
        whole.read("b", STORED, refuse)
    assert target.at_once == 0


def test_bytes_go_to_all_takers_and_no_error_is_lost() -> None:
    helpers, data = Helpers(4), memoryview(BODY)
    one, other = hashlib.sha256(), hashlib.sha256()
    for _ in range(3):
        all_of(helpers, data, one.update, other.update)
    assert one.hexdigest() == other.hexdigest() == hashlib.sha256(BODY * 3).hexdigest()

    def refuse(_: object) -> None:
        raise ValueError("in another thread")

    with pytest.raises(ValueError, match="in another thread"):
        all_of(helpers, data, refuse, one.update)
    with pytest.raises(ValueError, match="in another thread"):
        all_of(helpers, data, one.update, refuse)


def test_no_more_requests_are_lent_than_connections_are_left() -> None:
    helpers, go = Helpers(3), threading.Event()
    with helpers.order():
        lent = [helpers.fetch(go.wait) for _ in range(4)]
        assert [one is None for one in lent] == [False, False, True, True]
        go.set()
        assert all(one.result(10) for one in lent if one is not None)
        assert helpers.fetch(lambda: 7).result(10) == 7  # type: ignore[union-attr]
