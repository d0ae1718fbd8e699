"""One thread performs all brief items: as many at once as the level lets, none of them lost."""

from __future__ import annotations

import threading

import pytest

from hdh_migrate.fibers import rest
from hdh_migrate.pipeline.pace.level import Level
from hdh_migrate.pipeline.workers.brief import BriefItems
from hdh_migrate.pipeline.workers.buffers import BufferPool
from tests.support.processes import LONG

ORDERS, ITEMS, AT_ONCE = 5, 40, 4


def test_every_item_of_every_order_is_performed_once_and_no_more_at_once_than_may_be() -> None:
    halt = threading.Event()
    brief = BriefItems(Level(AT_ONCE), halt)
    under_way, most, threads, done = [0], [0], set[int](), list[tuple[int, int]]()

    def one(order: int, number: int) -> None:
        under_way[0] += 1
        most[0] = max(most[0], under_way[0])
        rest(halt, 0.001 * (number % 3))
        threads.add(threading.get_ident())
        under_way[0] -= 1
        done.append((order, number))

    def perform(order: int) -> None:
        brief.perform([lambda number=number: one(order, number) for number in range(ITEMS)])
        assert sum(of == order for of, _ in done) == ITEMS

    callers = [threading.Thread(target=perform, args=(order,)) for order in range(ORDERS)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(LONG)

    assert sorted(done) == [(order, n) for order in range(ORDERS) for n in range(ITEMS)]
    assert most[0] == AT_ONCE
    assert len(threads) == 1


def test_what_an_item_raises_is_raised_to_who_performs_its_order_and_to_nobody_else() -> None:
    halt = threading.Event()
    brief = BriefItems(Level(2), halt)
    begun = list[int]()

    def fails() -> None:
        rest(halt, 0.01)
        raise ZeroDivisionError("a fault of ours")

    def goes_well(number: int) -> None:
        rest(halt, 0.1)
        begun.append(number)

    with pytest.raises(ZeroDivisionError, match="a fault of ours"):
        brief.perform([fails, lambda: goes_well(1), lambda: goes_well(2)])
    brief.perform([lambda: goes_well(3)])

    assert begun == [1, 3]


def test_items_that_hold_all_memory_wait_for_no_more_than_each_other() -> None:
    halt, pool = threading.Event(), BufferPool(3 << 17)
    brief = BriefItems(Level(8), halt)
    done = list[int]()

    def one(number: int) -> None:
        with pool.buffer(1 << 17) as room:
            room[0] = number
            rest(halt, 0.005)
            assert room[0] == number
        done.append(number)

    brief.perform([lambda number=number: one(number) for number in range(20)])

    assert sorted(done) == list(range(20))


def test_who_waits_for_a_place_that_another_thread_has_gets_it() -> None:
    halt, level = threading.Event(), Level(1)
    brief, done = BriefItems(level, halt), threading.Event()
    level.enter(halt)
    caller = threading.Thread(target=brief.perform, args=([done.set],))
    caller.start()
    assert not done.wait(0.05)

    level.leave()

    assert done.wait(LONG)
    caller.join(LONG)


def test_from_a_halt_on_nobody_rests_or_waits_for_a_place() -> None:
    halt = threading.Event()
    brief, stopped = BriefItems(Level(1), halt), list[bool]()

    def one() -> None:
        stopped.append(rest(halt, 10 * LONG))

    caller = threading.Thread(target=brief.perform, args=([one, one, one],))
    caller.start()
    halt.set()
    caller.join(LONG)

    assert stopped == [True, True, True]
