"""One suite for every engine: whatever happens, each order comes back whole, or as lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from hdh_migrate.engines.local import LocalEngine
from hdh_migrate.ports.work import Engine
from hdh_migrate.receipts import (
    EndpointTraffic,
    Lost,
    OrderDone,
    Receipt,
    Returned,
    ReturnReason,
    SealIntent,
    Sent,
)
from tests.campaign.clusters import MachinesEngine
from tests.support.carrier import Fleet
from tests.support.cluster import Cluster
from tests.support.orders import EVERY_KIND
from tests.support.processes import LONG
from tests.support.serial import SerialEngine
from tests.support.workshop import FACTORY, ROOT, Workshop, drained, order, told, wish


def processes(_: pytest.FixtureRequest) -> Engine:
    return LocalEngine(FACTORY, {}, processes=2, connections=4, search=[ROOT])


def one_process(_: pytest.FixtureRequest) -> Engine:
    return LocalEngine(FACTORY, {}, processes=1, connections=1, search=[ROOT])


def nodes(request: pytest.FixtureRequest) -> Engine:
    cluster: Cluster = request.getfixturevalue("two_nodes")
    return cluster.engine()


def nodes_here(request: pytest.FixtureRequest) -> Engine:
    fleet = Fleet()
    request.addfinalizer(fleet.close)
    for address in "ab":
        fleet.add(address)
    return fleet.engine()


ENGINES: dict[str, Callable[[pytest.FixtureRequest], Engine]] = {
    "local": processes,
    "local, one process": one_process,
    "serial": lambda _: SerialEngine(Workshop({})),
    "machines in one thread": lambda _: MachinesEngine(lambda: Workshop({}), Random(1)),
    "a cluster in this process": nodes_here,
    "dask": nodes,
}
MORTAL = ["local", "local, one process", "dask"]
"""Engines whose workers can die without their coordinator."""


@pytest.fixture(params=ENGINES, scope="module")
def kept(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine for tests that leave it as they found it: its workers are idle, and all there."""
    made = ENGINES[request.param](request)
    yield made
    made.close(grace=5)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    made = ENGINES[request.param](request)
    yield made
    made.close(grace=5)


@pytest.fixture(params=MORTAL)
def mortal(request: pytest.FixtureRequest) -> Iterator[Engine]:
    made = ENGINES[request.param](request)
    yield made
    made.close(grace=5)


def of_kind(found: Sequence[Receipt], kind: type) -> list[Receipt]:
    return [one for one in found if isinstance(one, kind)]


# --- submit, receipts ----------------------------------------------------------------------------


def test_every_order_comes_back_with_a_receipt_for_each_object(kept: Engine) -> None:
    for number in range(20):
        kept.submit(order(wish(number), wish(number + 100)))

    found = drained(kept, 20)

    assert sorted(told(found)) == [*range(20), *range(100, 120)]
    assert len(of_kind(found, OrderDone)) == 20
    assert list(kept.receipts(0)) == []


def test_an_order_ends_after_its_receipts(kept: Engine) -> None:
    kept.submit(order(*map(wish, range(30))))
    found = drained(kept, 1)
    assert [type(one) for one in found] == [Sent] * 30 + [OrderDone]


def test_an_engine_says_how_many_orders_are_worth_handing_out(kept: Engine) -> None:
    worth = kept.capacity  # which changes as machines come and go
    assert worth >= 1
    for number in range(worth):
        kept.submit(order(wish(number)))
    assert sorted(told(drained(kept, worth))) == list(range(worth))


def test_nothing_comes_of_nothing(kept: Engine) -> None:
    assert list(kept.receipts(0)) == []


def test_every_kind_of_order_is_carried(kept: Engine) -> None:
    for one in EVERY_KIND:
        kept.submit(one)
        assert set(told(drained(kept, 1))) == {item.id for item in one.objects}


# --- record --------------------------------------------------------------------------------------


def test_a_worker_goes_on_when_what_it_asked_to_be_recorded_is(kept: Engine) -> None:
    asked: list[int] = []

    def record(intents: Sequence[SealIntent]) -> list[bool]:
        asked.extend(intent.id for intent in intents)
        return [intent.id % 2 == 0 for intent in intents]

    for number in range(6):
        kept.submit(order(wish(number, asks=True)))

    found = drained(kept, 6, record=record)

    answers = {number: one["recorded"] for number, one in told(found).items()}
    assert answers == {number: number % 2 == 0 for number in range(6)}
    assert sorted(asked) == [*range(6)]
    assert {type(one) for one in found} == {Sent, OrderDone}


def test_a_worker_that_nobody_records_for_is_told_no(kept: Engine) -> None:
    kept.submit(order(wish(1, asks=True)))
    assert [one["recorded"] for one in told(drained(kept, 1)).values()] == [False]


def test_what_is_recorded_arrives_as_it_was_asked(kept: Engine) -> None:
    asked: list[SealIntent] = []

    def record(intents: Sequence[SealIntent]) -> list[bool]:
        asked.extend(intents)
        return [True] * len(intents)

    kept.submit(order(wish(7, asks=True)))
    drained(kept, 1, record=record)

    assert asked == [SealIntent(id=7, attempt=1, number=1, size=1, sha256="aa")]


# --- limit ---------------------------------------------------------------------------------------


def test_a_limit_may_come_at_any_time_and_stops_no_work(engine: Engine) -> None:
    for number, rate in enumerate((None, 1 << 20, 5.5, None)):
        engine.limit(rate)
        engine.submit(order(wish(number)))
        assert sorted(told(drained(engine, 1))) == [number]
    engine.close(grace=5)
    engine.limit(7)  # nobody is left to hear it


# --- pause, close, traffic -----------------------------------------------------------------------


def test_what_is_not_begun_comes_back_after_a_pause(engine: Engine) -> None:
    engine.pause()
    for number in range(4):
        engine.submit(order(wish(number), wish(number + 100)))

    found = drained(engine, 4)

    back = [one for one in found if isinstance(one, Returned)]
    assert sorted(one.id for one in back) == [*range(4), *range(100, 104)]
    assert {(one.reason, one.dataset, one.attempt, one.number) for one in back} == {
        (ReturnReason.STOPPED, "d", 1, None)
    }
    assert len(of_kind(found, OrderDone)) == 4


def test_an_idle_engine_can_be_closed_at_once(engine: Engine) -> None:
    engine.close(grace=5)
    assert all(isinstance(one, EndpointTraffic) for one in engine.traffic())


def test_an_engine_tells_its_workers_traffic_when_it_is_closed(engine: Engine) -> None:
    engine.submit(order(wish(1)))
    drained(engine, 1)
    engine.close(grace=LONG)
    seen = engine.traffic()
    assert {(one.side, one.requests, one.bytes_read, one.bytes_written) for one in seen} == {
        ("source", 1, 2, 3)
    }


# --- lost ----------------------------------------------------------------------------------------


def test_a_worker_that_dies_gives_its_order_back_and_is_replaced(
    mortal: Engine, tmp_path: Path
) -> None:
    poison = order(wish(1, die_once=str(tmp_path / "died")), wish(2))
    mortal.submit(poison)
    lost = of_kind(drained(mortal, 1), Lost)
    assert lost == [Lost(order=poison, worker=1)]

    mortal.submit(poison)

    assert list(told(drained(mortal, 1))) == [1, 2]


def test_workers_that_died_are_told_apart(mortal: Engine) -> None:
    for number in (1, 2):
        mortal.submit(order(wish(number, die=True)))
        assert [one.worker for one in drained(mortal, 1) if isinstance(one, Lost)] == [number]


def test_what_came_of_an_order_before_its_worker_died_is_heard_or_lost_with_it(
    mortal: Engine,
) -> None:
    poison = order(*map(wish, range(20)), wish(20, die=True))
    mortal.submit(poison)
    found = drained(mortal, 1)
    assert of_kind(found, Lost) == [Lost(order=poison, worker=1)]
    assert set(told(found)) <= set(range(20))
    assert not of_kind(found, OrderDone)
