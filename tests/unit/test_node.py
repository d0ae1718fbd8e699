"""A node of a cluster, whatever carries its words: whose orders it takes, and when it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from hdh_migrate import __version__
from hdh_migrate.engines.cluster import (
    FROM_NODE,
    TO_NODE,
    ClusterSession,
    FromNode,
    Joined,
    Left,
    Unfit,
)
from hdh_migrate.engines.messages import Assigned, Question
from hdh_migrate.engines.node import Node, NodeIdentity, Tools
from hdh_migrate.errors import KeyUnavailable, Starved
from hdh_migrate.model import Role
from hdh_migrate.receipts import OrderDone, Returned, Sent
from hdh_migrate.software import code_digest
from tests.support.cluster import PLAN, session
from tests.support.processes import LONG
from tests.support.serial import SerialEngine
from tests.support.workshop import Workshop, order, wish

IDENTITY = NodeIdentity(version=__version__, code_sha256=code_digest(), plan_sha256=PLAN)


class Carried:
    """What a node said, in order."""

    def __init__(self) -> None:
        self.words = list[FromNode]()
        self.numbers = list[int]()
        self.answers: Callable[[Question], None] | None = None

    def say(self, number: int, data: bytes) -> None:
        self.numbers.append(number)
        for word in FROM_NODE.decode(data):
            self.words.append(word)
            if isinstance(word, Question) and self.answers is not None:
                self.answers(word)


@pytest.fixture
def shares() -> list[float]:
    return []


@pytest.fixture
def node(shares: list[float]) -> Iterator[Node]:
    def tools(asked: ClusterSession) -> Tools:
        del asked
        return Tools(engine=SerialEngine(Workshop({})), share=shares.append)

    made = Node("here", IDENTITY, tools)
    yield made
    made.close()


def began(node: Node, asked: ClusterSession, carried: Carried) -> FromNode:
    (word,) = FROM_NODE.decode(node.begin(TO_NODE.encode(asked), carried.say))
    return word


def assigned(number: int, *objects: int, **wishes: object) -> bytes:
    items = [wish(one, **wishes) for one in objects]
    return TO_NODE.encode(Assigned(number=number, order=order(*items)))


def test_an_orders_end_is_said_after_all_that_came_of_it(node: Node) -> None:
    carried, asked = Carried(), session()
    assert began(node, asked, carried) == Joined(node="here", capacity=1)

    node.perform(asked.id, assigned(7, 1, 2))

    assert [type(one) for one in carried.words] == [Sent, Sent, OrderDone]
    assert carried.words[-1] == OrderDone(order=7)
    assert carried.numbers == [*range(len(carried.numbers))]


def test_what_must_be_recorded_waits_for_the_coordinators_answer(node: Node) -> None:
    carried, asked = Carried(), session()
    began(node, asked, carried)
    carried.answers = lambda question: (
        node.answer(asked.id, [(question.number, question.intent.id == 1)]),
        None,
    )[1]

    node.perform(asked.id, assigned(1, 1, 2, asks=True))

    said = [one.etag for one in carried.words if isinstance(one, Sent)]
    assert ['"recorded": true' in one for one in said] == [True, False]


@pytest.mark.slow
def test_a_coordinators_silence_is_a_no() -> None:
    def tools(asked: ClusterSession) -> Tools:
        del asked
        return Tools(engine=SerialEngine(Workshop({})), share=lambda _: None)

    node, carried, asked = Node("n", IDENTITY, tools, silence=1.5), Carried(), session()
    began(node, asked, carried)

    node.perform(asked.id, assigned(1, 1, asks=True))

    (said,) = [one.etag for one in carried.words if isinstance(one, Sent)]
    assert '"recorded": false' in said
    node.close()


def test_a_coordinator_that_is_gone_ends_its_session() -> None:
    ended = threading.Event()

    class Engine(SerialEngine):
        def close(self, *, grace: float) -> None:
            super().close(grace=grace)
            ended.set()

    def tools(asked: ClusterSession) -> Tools:
        del asked
        return Tools(engine=Engine(Workshop({})), share=lambda _: None)

    node, carried, asked = Node("n", IDENTITY, tools, silence=0.2), Carried(), session()
    began(node, asked, carried)

    assert ended.wait(LONG)
    assert not node.answer(asked.id, ())
    node.close()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"version": "0.0.1"}, "it runs version"),
        ({"code_sha256": "bb" * 32}, "its code is not"),
        ({"plan_sha256": "bb" * 32}, "its copy of the plan is not"),
    ],
)
def test_a_session_of_other_code_or_another_plan_is_refused(
    node: Node, changes: dict[str, str], why: str
) -> None:
    carried, asked = Carried(), session(**changes)
    answered = began(node, asked, carried)
    assert isinstance(answered, Unfit)
    assert why in answered.why
    node.perform(asked.id, assigned(1, 1))
    assert carried.words == []


def test_what_is_no_session_is_refused(node: Node) -> None:
    for data in (b"[]", b"{", assigned(1, 1), b'[["session"]]'):
        (word,) = FROM_NODE.decode(node.begin(data, Carried().say))
        assert isinstance(word, Unfit)


@pytest.mark.parametrize("error", [KeyUnavailable("env:X: not there"), Starved("no")])
def test_a_node_that_lacks_something_says_what(error: Exception) -> None:
    def tools(asked: ClusterSession) -> Tools:
        del asked
        raise error

    answered = began(Node("n", IDENTITY, tools), session(), Carried())

    assert answered == Unfit(why=str(error))


def test_another_coordinator_of_the_migration_ends_what_the_first_one_began(node: Node) -> None:
    first, second = session(coordinator="first"), session(coordinator="second")
    began(node, first, Carried())
    began(node, second, Carried())
    assert not node.answer(first.id, ())
    assert node.answer(second.id, ())


def test_sessions_of_one_coordinator_or_of_other_migrations_stay(node: Node) -> None:
    one = session(coordinator="c", role=Role.MOVE)
    for asked in (one, replace(one, id="2", role=Role.PROVE), session(run_tag="another")):
        began(node, asked, Carried())
        assert node.answer(one.id, ())


def test_a_session_that_ended_never_begins_again(node: Node) -> None:
    asked = session()
    began(node, asked, Carried())
    (left,) = FROM_NODE.decode(node.end(asked.id, 1.0))
    assert isinstance(left, Left)
    assert [one.requests for one in left.traffic] == [1]
    assert isinstance(began(node, asked, Carried()), Unfit)


def test_beginning_again_goes_on_with_the_same_session(node: Node) -> None:
    asked = session()
    carried = Carried()
    assert began(node, asked, carried) == began(node, asked, carried)
    node.perform(asked.id, assigned(1, 1))
    assert len([one for one in carried.words if isinstance(one, Sent)]) == 1


def test_a_paused_session_returns_what_is_not_begun(node: Node) -> None:
    carried, asked = Carried(), session()
    began(node, asked, carried)
    assert node.pause(asked.id)
    node.perform(asked.id, assigned(1, 1, 2))
    assert [type(one) for one in carried.words] == [Returned, Returned, OrderDone]


def test_a_share_is_taken_while_the_session_is_under_way(node: Node, shares: list[float]) -> None:
    asked = session()
    began(node, asked, Carried())
    assert node.share(asked.id, 0.25)
    node.end(asked.id, 0.0)
    assert not node.share(asked.id, 0.5)
    assert shares == [0.25]


def test_a_fault_of_ours_is_told_by_its_kind_alone(node: Node) -> None:
    carried, asked = Carried(), session()
    began(node, asked, carried)
    node.perform(asked.id, assigned(1, 1, fault="canary-of-a-name"))
    assert Unfit(why="a fault of ours: RuntimeError") in carried.words
    assert "canary" not in str(carried.words)


def test_a_machine_whose_clock_a_store_refuses_leaves_the_work_to_others(node: Node) -> None:
    carried, asked = Carried(), session()
    began(node, asked, carried)
    node.perform(asked.id, assigned(1, 1, returns="time"))
    (word,) = carried.words  # and nothing that would end the run
    assert isinstance(word, Unfit)
    assert "set that machine's clock" in word.why


def test_whoever_waits_for_an_order_is_let_go_when_the_session_ends(node: Node) -> None:
    asked = session()
    began(node, asked, Carried())
    waits = threading.Thread(target=node.perform, args=(asked.id, assigned(1, 1, hang=0.2)))
    waits.start()
    time.sleep(0.05)
    node.end(asked.id, 0.0)
    waits.join(LONG)
    assert not waits.is_alive()
