"""A bandwidth holds over all nodes of a cluster within 5 %, while they come, go and are cut off.

Each node sends whenever its line lets it, as greedily as can be; the clock is the test's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from hdh_migrate.engines.cluster import SILENCE_SECONDS, ClusterSession
from hdh_migrate.engines.coordinator import ClusterEngine
from hdh_migrate.engines.node import Tools
from hdh_migrate.pipeline.pace.lanes import SharedLane, shared_file
from tests.support.carrier import Fleet
from tests.support.serial import SerialEngine
from tests.support.workshop import Workshop
from tests.unit.test_coordinator import at_work, until

RATE = 1_000_000
CHUNK = 50_000
STEP = 0.1
WINDOW = 5.0


@dataclass
class Sender:
    """A node's line, and what passed on it."""

    lane: SharedLane
    ends: float | None = None
    """When it stops sending; None: not yet."""

    _place: float | None = None

    def send(self, now: float) -> int:
        """Send as soon as the line is free, until the next step; return the bytes."""
        sent, end = 0, now + STEP if self.ends is None else min(now + STEP, self.ends)
        while now < end:
            if self._place is None:
                self._place = self.lane.admit(CHUNK, now)
            now += max(0.0, self.lane.line().left(self._place, now))
            if now > end:
                break
            sent, self._place = sent + CHUNK, None
        return sent


@dataclass
class Crowd:
    """Nodes that send whatever they may, driven by a coordinator."""

    fleet: Fleet = field(default_factory=Fleet)
    senders: dict[str, Sender] = field(default_factory=dict)
    files: list[int] = field(default_factory=list)
    passed: list[tuple[float, int]] = field(default_factory=list)

    def join(self, engine: ClusterEngine, address: str) -> None:
        there = at_work(engine)
        file = shared_file()
        self.files.append(file)
        lane = SharedLane(file)
        lane.limit(RATE, self.fleet.ticks())

        def share(part: float) -> None:
            lane.give(part, self.fleet.ticks())

        def tools(asked: ClusterSession) -> Tools:
            share(asked.share)
            self.senders[address] = Sender(lane)
            return Tools(engine=SerialEngine(Workshop({})), share=share)

        self.fleet.add(address, tools=tools)
        until(engine, lambda _: at_work(engine) == sorted([*there, address]))

    def go(self, engine: ClusterEngine, seconds: float) -> None:
        """Let time pass; who is there is heard of."""
        end = self.fleet.ticks() + seconds
        while (now := self.fleet.ticks()) < end:
            self.passed.append((now, sum(one.send(now) for one in self.senders.values())))
            self.fleet.ticks.pass_(STEP)
            for address in at_work(engine):
                if not self.fleet.machines[address].cut:
                    engine._links[address].heard = now
            engine.receipts(0)
            self._settle(engine)

    def _settle(self, engine: ClusterEngine) -> None:
        """Let what was told of shares arrive and be confirmed."""
        wanted = engine._shares
        until(engine, lambda _: all(one.asked is None for one in wanted._held.values()))

    def rates(self, since: float) -> list[float]:
        """Return the part of the rate that passed in each window since then."""
        found, ends = list[float](), self.passed[-1][0]
        start = since
        while start + WINDOW <= ends:
            sent = sum(size for at, size in self.passed if start <= at < start + WINDOW)
            found.append(sent / WINDOW / RATE)
            start += 1.0
        return found


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    made = Crowd()
    yield made
    made.fleet.close()
    for file in made.files:
        os.close(file)


@pytest.mark.slow
def test_the_whole_line_is_used_and_no_more_while_nodes_come(crowd: Crowd) -> None:
    engine = crowd.fleet.engine()
    for address in "abcd":
        crowd.join(engine, address)
        crowd.go(engine, 12.0)
    found = crowd.rates(crowd.passed[0][0] + 1)
    assert min(found) >= 0.95
    assert max(found) <= 1.05
    engine.close(grace=0)


def test_a_node_that_is_killed_leaves_its_part_unused_for_a_moment(crowd: Crowd) -> None:
    engine = crowd.fleet.engine()
    for address in "ab":
        crowd.join(engine, address)
    crowd.go(engine, 6.0)
    crowd.senders["b"].ends = crowd.fleet.ticks()
    crowd.fleet.machines["b"].cut = True
    assert crowd.fleet.lines.listener is not None
    crowd.fleet.lines.listener.left("b")
    crowd.go(engine, 30.0)
    assert max(crowd.rates(crowd.passed[0][0])) <= 1.05
    assert min(crowd.rates(crowd.fleet.ticks() - 15)) >= 0.95
    engine.close(grace=0)


@pytest.mark.slow
def test_a_node_that_is_cut_off_and_sends_on_is_counted_until_it_has_ended(crowd: Crowd) -> None:
    engine = crowd.fleet.engine()
    for address in "ab":
        crowd.join(engine, address)
    crowd.go(engine, 6.0)
    crowd.fleet.machines["b"].cut = True
    # At the worst it heard of us right before it was given up.
    crowd.senders["b"].ends = crowd.fleet.ticks() + 2 * SILENCE_SECONDS
    crowd.go(engine, SILENCE_SECONDS + 1)
    assert at_work(engine) == ["a"]
    crowd.join(engine, "c")
    crowd.go(engine, SILENCE_SECONDS + 30)
    assert max(crowd.rates(crowd.passed[0][0])) <= 1.05
    assert min(crowd.rates(crowd.fleet.ticks() - 15)) >= 0.95
    engine.close(grace=0)
