"""How objects are put into orders, and what becomes of those whose worker died."""

from __future__ import annotations

from collections.abc import Iterator

from hdh_migrate.model import Entry, ObjectInfo
from hdh_migrate.orders import OrderItem, PutOrder
from hdh_migrate.pipeline.queue import LOSSES_MAX, MACHINES_MAX, ORDER_OBJECTS, Deaths, Queue
from hdh_migrate.receipts import Gone, Lost


def entry(number: int, *, dataset: int = 1, size: int = 1) -> Entry:
    obj = ObjectInfo(key=f"k{number}", size=size, version="v")
    return Entry(id=number, dataset=dataset, obj=obj, parts=0, attempt=1)


def queue(*entries: Entry, order_bytes: int = 1000) -> Queue[Entry]:
    pages: Iterator[list[Entry]] = iter([list(entries)])
    return Queue(lambda: next(pages, []), order_bytes=order_bytes)


def orders(made: Queue[Entry]) -> list[list[int]]:
    found = []
    while taken := made.take():
        found.append([one.id for one in taken])
    return found


def receipt(number: int, attempt: int = 1) -> Gone:
    return Gone(id=number, attempt=attempt)


def order(*numbers: int) -> PutOrder:
    items = (
        OrderItem(id=number, attempt=1, key=f"k{number}", size=1, version="v", md5=None)
        for number in numbers
    )
    return PutOrder(dataset="d", objects=tuple(items))


def test_an_order_is_of_one_dataset_and_bounded_in_objects_and_bytes() -> None:
    datasets = queue(entry(1), entry(2), entry(3, dataset=2), entry(4))
    assert orders(datasets) == [[1, 2], [3], [4]]
    assert orders(queue(entry(1, size=600), entry(2, size=600), entry(3))) == [[1, 2], [3]]
    many = orders(queue(*map(entry, range(ORDER_OBJECTS + 1))))
    assert [len(taken) for taken in many] == [ORDER_OBJECTS, 1]


def test_what_a_worker_died_with_travels_alone_ever_after() -> None:
    made = queue(*map(entry, range(1, 4)))
    made.take()
    assert made.lost(Lost(order=order(1, 2), worker=1)) == []
    made.again(entry(4))
    made.again(entry(5))
    assert orders(made) == [[1], [2], [4, 5]]
    assert made.landed(receipt(3)) is not None  # it was under way with another worker


def test_what_another_loss_would_end_is_not_under_way_beside_what_workers_died_with() -> None:
    """A process has several orders: what was beside a deadly object three times was left out."""
    made = queue(*map(entry, range(1, 3)))
    assert [one.id for one in made.take()] == [1, 2]
    assert made.lost(Lost(order=order(1, 2), worker=1)) == []
    assert orders(made) == [[1], [2]]  # beside each other
    for number in (1, 2):
        assert made.lost(Lost(order=order(number), worker=2)) == []
    made.again(entry(3))
    assert orders(made) == [[1], [3]]  # 2 waits; what nobody died with does not
    assert [one.id for one in made.lost(Lost(order=order(1), worker=3))] == [1]
    assert orders(made) == [[2]]
    assert made.landed(receipt(2)) is not None


def test_what_three_workers_died_with_comes_back_to_be_left_out() -> None:
    made = queue(entry(1))
    for worker in range(1, LOSSES_MAX):
        assert [one.id for one in made.take()] == [1]
        assert made.lost(Lost(order=order(1), worker=worker)) == []
    assert [one.id for one in made.take()] == [1]
    assert [one.id for one in made.lost(Lost(order=order(1), worker=LOSSES_MAX))] == [1]
    assert made.take() == []


def test_machines_that_leave_say_less_of_an_object_than_processes_that_die() -> None:
    """A scheduler restarted three times set aside whatever was under way."""
    made = queue(entry(1))
    for machine in range(1, MACHINES_MAX):
        assert [one.id for one in made.take()] == [1]
        assert made.lost(Lost(order=order(1), worker=machine, machine=True)) == []
    assert [one.id for one in made.take()] == [1]
    last = Lost(order=order(1), worker=MACHINES_MAX, machine=True)
    assert [one.id for one in made.lost(last)] == [1]


def test_an_object_that_moves_on_is_blamed_for_nothing_before() -> None:
    deaths = Deaths()
    for part in range(10):
        for worker in range(1, LOSSES_MAX):
            assert not deaths.fatal(1, Lost(order=order(1), worker=10 * part + worker))
        deaths.moved_on(1)
    assert [
        deaths.fatal(1, Lost(order=order(1), worker=100 + worker)) for worker in range(LOSSES_MAX)
    ] == [False] * (LOSSES_MAX - 1) + [True]


def test_a_receipt_counts_once_and_only_for_its_attempt() -> None:
    made = queue(entry(1))
    made.take()
    assert made.landed(receipt(1, attempt=2)) is None
    assert made.landed(receipt(1)) == entry(1)
    assert made.landed(receipt(1)) is None
    assert made.lost(Lost(order=order(1), worker=1)) == []
    assert made.take() == []
