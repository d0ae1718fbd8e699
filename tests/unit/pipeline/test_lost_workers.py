"""A worker that dies gives its orders back; what kills three of them is left out, and told."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from hdh_migrate.engines.messages import NAMES
from hdh_migrate.errors import Exit
from hdh_migrate.model import State
from hdh_migrate.orders import Order
from hdh_migrate.pipeline.workers.work import Toolbox
from hdh_migrate.ports.work import Recorder
from hdh_migrate.receipts import Lost, Receipt
from tests.support.here import Bench
from tests.support.serial import SerialEngine
from tests.support.world import BIG, World

BAD = "k3"


class Reaper:
    """Says which orders a worker dies with: the next ones of a kind for one object."""

    def __init__(self, kind: str, deaths: int, *, late: bool = False, capacity: int = 1) -> None:
        self.kind, self.deaths = kind, deaths
        self.late, self.capacity = late, capacity
        self.bad, self.least = BAD, 1
        self.seen: list[list[str]] = []

    def takes(self, orders: list[Order]) -> bool:
        """Say whether the worker dies that holds these orders."""
        held = [[one.key for one in order.objects] for order in orders]
        kinds = [
            NAMES[type(order)] for order, keys in zip(orders, held, strict=True) if self.bad in keys
        ]
        if not self.deaths or kinds.count(self.kind) < self.least:
            return False
        self.seen.append([key for keys in held for key in keys])
        self.deaths -= 1
        return True

    def engine(self, box: Toolbox) -> SerialEngine:
        return Mortal(Bench(box), self)


class Mortal(SerialEngine):
    """An engine of one worker, which may die with all it holds: before it began, or `late`."""

    def __init__(self, bench: Bench, reaper: Reaper) -> None:
        super().__init__(bench)
        self._reaper = reaper
        self.capacity = reaper.capacity

    def receipts(self, timeout: float, record: Recorder | None = None) -> Iterable[Receipt]:
        orders = [one.order for one in self._orders]
        if not self._reaper.takes(orders):
            return super().receipts(timeout, record)
        if self._reaper.late:
            super().receipts(timeout, record)  # nobody hears of it
        self._orders.clear()
        return [Lost(order=order, worker=self._reaper.deaths) for order in orders]


def world(folder: Path, size: int, reaper: Reaper) -> World:
    made = World(folder)
    made.engine = reaper.engine
    for number in range(8):
        made.source.put("src", f"k{number}", bytes([number]) * size)
    return made


KINDS = [
    ("put", 100), ("begin", BIG), ("part", BIG), ("complete", BIG), ("verify", 100), ("verify", BIG)
]  # fmt: skip


@pytest.mark.parametrize(("kind", "size"), KINDS)
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("deaths", [1, 2])
@pytest.mark.slow
def test_an_object_whose_worker_died_is_moved_by_another(
    tmp_path: Path, kind: str, size: int, late: bool, deaths: int
) -> None:
    """Any death in a transfer ended the run with a KeyError."""
    made = world(tmp_path, size, Reaper(kind, deaths, late=late))

    assert made.run() is Exit.OK

    assert made.findings() == []
    assert set(made.states().values()) == {State.VERIFIED}
    assert made.target.uploads() == []


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "size"), KINDS)
def test_what_three_workers_died_with_is_left_out_and_tried_again_by_the_next_run(
    tmp_path: Path, kind: str, size: int
) -> None:
    reaper = Reaper(kind, 3)
    made = world(tmp_path, size, reaper)

    ended = made.run()

    code = "verify-worker-lost" if kind == "verify" else "worker-lost"
    assert ended is (Exit.VERIFICATION_FAILED if kind == "verify" else Exit.FINDINGS)
    assert made.findings() == [(code, BAD)]
    states = made.states()
    assert states.pop(f"d/{BAD}") is State.FAILED
    assert set(states.values()) == {State.VERIFIED}
    assert reaper.seen[1:] == [[BAD], [BAD]]  # with no other, which would be blamed

    assert made.run() is Exit.OK
    assert set(made.states().values()) == {State.VERIFIED}
    assert made.target.uploads() == []


def test_a_worker_that_died_with_many_parts_of_one_object_died_once(tmp_path: Path) -> None:
    reaper = Reaper("part", 1, capacity=4)
    reaper.bad, reaper.least = "k0", 3
    made = world(tmp_path, BIG, reaper)

    assert made.run() is Exit.OK

    assert reaper.deaths == 0
    assert made.findings() == []
