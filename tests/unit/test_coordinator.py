"""A coordinator of nodes that come, go, fall silent and wake; its clock is the test's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from hdh_migrate.engines.cluster import FROM_NODE, SILENCE_SECONDS, WORD_SECONDS, Unfit
from hdh_migrate.engines.coordinator import LEFT_SECONDS, ClusterEngine
from hdh_migrate.errors import Starved
from hdh_migrate.receipts import Lost, OrderDone, Receipt
from tests.support.carrier import IDENTITY, Fleet, unfit
from tests.support.processes import LONG
from tests.support.serial import SerialEngine
from tests.support.workshop import Workshop, order, told, wish


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    made = Fleet()
    yield made
    made.close()


def until(
    engine: ClusterEngine, done: Callable[[list[Receipt]], bool], seconds: float = LONG
) -> list[Receipt]:
    """Take receipts until they are as wished for; the test's clock stands still meanwhile."""
    found, end = list[Receipt](), time.monotonic() + seconds
    while not done(found):
        assert time.monotonic() < end, (found, engine.cluster())
        found.extend(engine.receipts(0.02))
    return found


def at_work(engine: ClusterEngine) -> list[str]:
    return sorted(one.address for one in engine.cluster() if one.state == "works")


def parts(engine: ClusterEngine) -> dict[str, float]:
    return {one.address: one.share for one in engine.cluster() if one.state == "works"}


def ended(many: int) -> Callable[[list[Receipt]], bool]:
    return lambda found: sum(isinstance(one, OrderDone | Lost) for one in found) >= many


class Stuck(SerialEngine):
    """Begins what it is given, and does not end it before it is let go."""

    def __init__(self, let_go: threading.Event) -> None:
        super().__init__(Workshop({}))
        self._let_go = let_go

    def receipts(self, timeout: float, record: Any = None) -> Any:
        return super().receipts(timeout, record) if self._let_go.is_set() else ()


@pytest.fixture
def stuck(fleet: Fleet) -> threading.Event:
    """Nodes that hold what they are given until this is set."""
    let_go = threading.Event()
    fleet.engine_of = lambda: Stuck(let_go)
    return let_go


# --- who is lost ----------------------------------------------------------------------------------


def test_a_silent_nodes_orders_come_back_in_less_than_a_minute(
    fleet: Fleet, stuck: threading.Event
) -> None:
    del stuck
    machine = fleet.add("a")
    engine = fleet.engine()
    engine.submit(order(wish(1)))
    until(engine, lambda _: at_work(engine) == ["a"])
    machine.cut = True
    fleet.ticks.pass_(SILENCE_SECONDS)
    assert not [one for one in engine.receipts(0) if isinstance(one, Lost)]
    fleet.ticks.pass_(0.1)
    assert [type(one) for one in engine.receipts(0)] == [Lost]
    assert SILENCE_SECONDS + 2 * WORD_SECONDS < 60
    engine.close(grace=0)


def test_what_a_node_says_that_was_given_up_is_not_heard(
    fleet: Fleet, stuck: threading.Event
) -> None:
    machine = fleet.add("a")
    engine = fleet.engine()
    engine.submit(order(wish(1)))
    until(engine, lambda _: at_work(engine) == ["a"])
    machine.cut = True
    fleet.ticks.pass_(SILENCE_SECONDS + 1)
    until(engine, ended(1))
    machine.cut = False  # it wakes
    stuck.set()
    for thread in fleet.lines.threads:
        thread.join(LONG)
    fleet.add("b")
    engine.submit(order(wish(2)))
    found = until(engine, ended(1))
    assert list(told(found)) == [2]
    engine.close(grace=5)


def test_a_node_that_left_gives_back_what_it_held_at_once(
    fleet: Fleet, stuck: threading.Event
) -> None:
    fleet.add("a")
    engine = fleet.engine()
    engine.submit(order(wish(1)))
    until(engine, lambda _: at_work(engine) == ["a"])
    stuck.set()
    fleet.add("b")
    assert fleet.lines.listener is not None
    fleet.machines["a"].cut = True
    fleet.lines.listener.left("a")
    assert [type(one) for one in until(engine, ended(1))] == [Lost]
    engine.close(grace=5)


def test_an_order_that_cannot_be_carried_comes_back(fleet: Fleet) -> None:
    """A client whose scheduler was killed raises: the run ended as by a fault of ours."""
    machine = fleet.add("a")
    engine = fleet.engine()
    until(engine, lambda _: at_work(engine) == ["a"])
    machine.cut = True
    engine.submit(order(wish(1)))
    assert [type(one) for one in until(engine, ended(1))] == [Lost]
    (seen,) = engine.cluster()
    assert seen.why == "it cannot be handed orders: ConnectionError"
    engine.close(grace=0)


@pytest.mark.parametrize(
    ("number", "words", "why"),
    [
        (1, b"[]", "words of it were lost"),
        (0, b"{", "it says what is not known here"),
        (0, b'[["died",{"order":7,"worker":1}]]', "it "),
        (0, unfit("no room on its disk"), "no room on its disk"),
    ],
)
def test_a_node_that_says_what_it_should_not_is_given_up(
    fleet: Fleet, stuck: threading.Event, number: int, words: bytes, why: str
) -> None:
    del stuck
    fleet.add("a")
    engine = fleet.engine()
    engine.submit(order(wish(1)))
    until(engine, lambda _: at_work(engine) == ["a"])
    assert fleet.lines.listener is not None
    fleet.lines.listener.said("node of a", number, words)
    assert [type(one) for one in until(engine, ended(1))] == [Lost]
    (seen,) = engine.cluster()
    assert seen.state == "gone"
    assert seen.why is not None
    assert seen.why.startswith(why)
    engine.close(grace=0)


def test_what_a_node_says_after_the_word_that_gave_it_up_is_not_heard(
    fleet: Fleet, stuck: threading.Event
) -> None:
    """Its order came back twice: as lost, and as done."""
    del stuck
    fleet.add("a")
    engine = fleet.engine()
    number = engine.submit(order(wish(1)))
    until(engine, lambda _: at_work(engine) == ["a"])
    assert fleet.lines.listener is not None
    words = FROM_NODE.encode(Unfit(why="no room on its disk"), OrderDone(order=number))
    fleet.lines.listener.said("node of a", 0, words)
    assert [type(one) for one in until(engine, ended(1))] == [Lost]
    engine.close(grace=0)


@pytest.mark.slow
def test_a_poison_object_is_told_apart_on_each_node_that_it_kills(fleet: Fleet) -> None:
    """So the one who drives an engine counts three deaths, wherever they were."""

    class Fragile(SerialEngine):
        def receipts(self, timeout: float, record: Any = None) -> Any:
            del timeout, record
            orders, self._orders = self._orders, []
            return [Lost(order=one.order, worker=1) for one in orders]

    fleet.engine_of = lambda: Fragile(Workshop({}))
    for address in "abc":
        fleet.add(address)
    engine = fleet.engine()
    until(engine, lambda _: at_work(engine) == ["a", "b", "c"])
    for number in range(3):
        engine.submit(order(wish(number)))
    found = until(engine, ended(3))
    assert sorted(one.worker for one in found if isinstance(one, Lost)) == [1, 2, 3]
    engine.close(grace=5)


# --- nobody is left -------------------------------------------------------------------------------


def test_without_a_node_a_run_waits_for_a_minute_and_ends_resumable(fleet: Fleet) -> None:
    engine = fleet.engine()
    engine.submit(order(wish(1)))
    fleet.ticks.pass_(60.0)
    assert list(engine.receipts(0)) == []
    fleet.ticks.pass_(0.1)
    with pytest.raises(Starved, match="no worker of the cluster takes orders") as caught:
        engine.receipts(0)
    assert caught.value.exit_code == 7
    engine.close(grace=0)


def test_a_run_says_why_those_that_are_there_take_no_orders(fleet: Fleet) -> None:
    fleet.add("a", replace(IDENTITY, plan_sha256="bb" * 32))
    fleet.add("b", replace(IDENTITY, version="0.0.1"))
    engine = fleet.engine()
    engine.submit(order(wish(1)))
    until(engine, lambda _: [one.state for one in engine.cluster()] == ["gone", "gone"])
    fleet.ticks.pass_(61.0)
    with pytest.raises(Starved) as caught:
        engine.receipts(0)
    for why in ("plan is not the coordinator's", "it runs version 0.0.1"):
        assert why in str(caught.value)
    engine.close(grace=0)


def test_a_carrier_that_is_gone_ends_the_run(fleet: Fleet) -> None:
    engine = fleet.engine()
    assert fleet.lines.listener is not None
    fleet.lines.listener.gone("the scheduler is gone")
    with pytest.raises(Starved, match="the scheduler is gone"):
        engine.receipts(0)
    engine.close(grace=0)


# --- shares ---------------------------------------------------------------------------------------


def test_a_newcomer_begins_when_those_before_it_have_taken_less(fleet: Fleet) -> None:
    first = fleet.add("a")
    engine = fleet.engine()
    until(engine, lambda _: parts(engine) == {"a": 1.0})
    first.holds_back.clear()
    second = fleet.add("b")
    engine.receipts(0.2)
    assert second.shares == []  # the first one has not said that it has less
    first.holds_back.set()
    until(engine, lambda _: parts(engine) == {"a": 0.5, "b": 0.5})
    assert (first.shares, second.shares) == ([1.0, 0.5], [0.5])
    engine.close(grace=5)


def test_the_share_of_one_that_left_is_handed_out_when_it_must_have_noticed(fleet: Fleet) -> None:
    first = fleet.add("a")
    engine = fleet.engine()
    until(engine, lambda _: parts(engine) == {"a": 1.0})
    fleet.add("b").cut = False
    until(engine, lambda _: parts(engine) == {"a": 0.5, "b": 0.5})
    assert fleet.lines.listener is not None
    fleet.machines["b"].cut = True
    fleet.lines.listener.left("b")
    until(engine, lambda _: at_work(engine) == ["a"])
    engine.receipts(0.05)
    assert first.shares == [1.0, 0.5]
    fleet.ticks.pass_(LEFT_SECONDS)
    until(engine, lambda _: parts(engine) == {"a": 1.0})
    engine.close(grace=5)


def test_one_that_was_cut_off_may_go_on_until_it_must_have_ended_and_so_keeps_its_share(
    fleet: Fleet,
) -> None:
    first = fleet.add("a")
    engine = fleet.engine()
    until(engine, lambda _: parts(engine) == {"a": 1.0})
    fleet.add("b")
    until(engine, lambda _: parts(engine) == {"a": 0.5, "b": 0.5})
    fleet.machines["b"].cut = True
    fleet.ticks.pass_(SILENCE_SECONDS + 1)
    assert fleet.lines.listener is not None
    fleet.lines.listener.said("node of a", _said(engine, "a"), b"[]")  # it is there
    until(engine, lambda _: at_work(engine) == ["a"])
    fleet.ticks.pass_(SILENCE_SECONDS - 5)
    fleet.lines.listener.said("node of a", _said(engine, "a"), b"[]")
    engine.receipts(0.05)
    assert first.shares == [1.0, 0.5]
    fleet.ticks.pass_(5 + 2 * WORD_SECONDS)
    until(engine, lambda _: parts(engine) == {"a": 1.0})
    engine.close(grace=5)


def _said(engine: ClusterEngine, address: str) -> int:
    return engine._links[address].said


def test_where_nothing_is_limited_nobody_waits_for_a_share(fleet: Fleet) -> None:
    first = fleet.add("a")
    first.holds_back.clear()
    engine = fleet.engine(limited=False)
    fleet.add("b")
    until(engine, lambda _: at_work(engine) == ["a", "b"])
    engine.close(grace=5)


# --- what is told of them -------------------------------------------------------------------------


def test_what_came_back_is_counted_for_each_worker(fleet: Fleet) -> None:
    fleet.add("a")
    engine = fleet.engine()
    for number in range(3):
        engine.submit(order(wish(number), wish(number + 10)))
    until(engine, ended(3))
    (seen,) = engine.cluster()
    assert (seen.name, seen.orders, seen.objects, seen.size) == ("node of a", 0, 6, 6)
    assert seen.bytes_per_second > 0
    fleet.ticks.pass_(30.0)
    (seen,) = engine.cluster()
    assert seen.silent == 30.0
    engine.close(grace=5)


def test_orders_are_handed_to_who_has_most_room(fleet: Fleet, stuck: threading.Event) -> None:
    for address in "ab":
        fleet.add(address)
    engine = fleet.engine()
    until(engine, lambda _: at_work(engine) == ["a", "b"])
    for number in range(4):
        engine.submit(order(wish(number)))
    held: Mapping[str, int] = {one.address: one.orders for one in engine.cluster()}
    assert held == {"a": 2, "b": 2}
    stuck.set()
    until(engine, ended(4))
    engine.close(grace=5)


# --- how fast they may be -------------------------------------------------------------------------


def test_every_node_keeps_to_the_limit_also_one_that_comes_later(fleet: Fleet) -> None:
    limits: list[list[float | None]] = []

    def limited() -> SerialEngine:
        limits.append([])
        return SerialEngine(Workshop({}), limit=limits[-1].append)

    fleet.engine_of = limited
    fleet.add("a")
    engine = fleet.engine()
    until(engine, lambda _: at_work(engine) == ["a"])
    engine.limit(800.0)
    until(engine, lambda _: limits[0][-1] == 800.0)
    fleet.add("b")
    until(engine, lambda _: at_work(engine) == ["a", "b"])
    assert limits[1] == [800.0]
    engine.limit(None)
    until(engine, lambda _: limits[0][-1] is None and limits[1][-1] is None)
    engine.close(grace=5)
