"""How far a large object is read back is told on the way, counts once, and is over with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.model import MIB, Tally
from hdh_migrate.pipeline.workers.checking import READ_ON
from hdh_migrate.pipeline.workers.work import Toolbox
from hdh_migrate.ports.work import Engine, Recorder
from hdh_migrate.receipts import Matched, ReadOn, Receipt
from tests.support.here import serial
from tests.support.world import HEADER, ONE, SEGMENT, SMALL, World

SIZE = 2 * READ_ON + READ_ON // 2
LARGE_PARTS = replace(SMALL, max_part=HEADER + 16 * (SEGMENT + 28))


class Overheard:
    """An engine whose receipts come one by one, so that the ledger is sampled between them."""

    def __init__(self, inner: Engine, world: World, heard: list[Receipt]) -> None:
        self._inner, self._world, self._heard = inner, world, heard
        self._left: list[Receipt] = []
        self.capacity = inner.capacity
        self.submit, self.pause = inner.submit, inner.pause
        self.close, self.traffic, self.cluster = inner.close, inner.traffic, inner.cluster

    def receipts(self, timeout: float, record: Recorder | None = None) -> Iterable[Receipt]:
        self._left += self._inner.receipts(timeout, record)
        self._world.clock.seconds += 2.0
        for one in self._left[:1]:
            self._heard.append(one)
            yield one
        del self._left[:1]


@pytest.mark.slow
def test_a_large_object_counts_while_it_is_read_back_and_only_once(tmp_path: Path) -> None:
    world = World(tmp_path, limits=LARGE_PARTS)
    world.source.put("src", "big", bytes(SIZE))
    world.source.put("src", "small", b"x")
    heard: list[Receipt] = []

    def opened(box: Toolbox) -> Engine:
        return Overheard(serial(box), world, heard)

    world.engine = opened
    seen = []
    told = world.notes.advance

    def advance(objects: int, size: int) -> None:
        told(objects, size)
        seen.append((objects, size))

    world.notes.advance = advance  # type: ignore[method-assign] # the audience is the test's own
    assert world.run() is Exit.OK

    read = [one.size for one in heard if isinstance(one, ReadOn)]
    assert len(read) == 2
    assert READ_ON <= read[0] <= read[1] - READ_ON < SIZE - READ_ON
    assert any(isinstance(one, Matched) for one in heard)
    moved = [size for objects, size in seen if size and not objects]
    assert moved[-2:] == [read[0], read[1] - read[0]]
    assert world.notes.size == 3 * (SIZE + 1)  # listed, sent, read back
    ledger = world.open()
    samples = ledger.samples("b", "verify")
    assert [one.size for one in samples] == sorted(one.size for one in samples)
    assert {0, *read} <= {one.size % (SIZE + 1) for one in samples}
    assert samples[-1].size == SIZE + 1
    assert ledger.reading("b") == Tally()
    ledger.close()


def test_what_is_being_read_is_kept_for_who_looks(tmp_path: Path) -> None:
    world = World(tmp_path)
    ledger = world.open()
    assert ledger.reading("b") == Tally()
    ledger.set_reading("b", Tally(objects=1, size=40 * MIB))
    ledger.commit()
    assert ledger.reading("b") == Tally(objects=1, size=40 * MIB)
    assert ledger.reading("c") == Tally()
    ledger.close()
    assert ONE[0].batch == "b"
