"""Nodes of a cluster in this process, and what carries their words: a test cuts and mends it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hdh_migrate import __version__
from hdh_migrate.engines.cluster import FROM_NODE, SILENCE_SECONDS, ClusterSession, Unfit
from hdh_migrate.engines.coordinator import ClusterEngine
from hdh_migrate.engines.link import Listener
from hdh_migrate.engines.node import Node, NodeIdentity, Tools
from hdh_migrate.ports.work import Engine
from hdh_migrate.software import code_digest
from tests.support.cluster import PLAN, session
from tests.support.serial import SerialEngine
from tests.support.workshop import Workshop

IDENTITY = NodeIdentity(version=__version__, code_sha256=code_digest(), plan_sha256=PLAN)


class Ticks:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at

    def pass_(self, seconds: float) -> None:
        self.at += seconds


class Forgotten:
    """An order that was carried in this process: nothing of it is kept."""

    def release(self) -> None: ...
    def cancel(self) -> None: ...


@dataclass
class Machine:
    """One node, and how its line is."""

    node: Node
    cut: bool = False
    """Whether nothing of it arrives, nor anything at it."""
    shares: list[float] = field(default_factory=list)
    """Which parts it was told, one after another."""
    holds_back: threading.Event = field(default_factory=threading.Event)
    """Set: what it is told of shares arrives."""


class Lines:
    """A `Carrier`: calls nodes of this process, each order in a thread of its own."""

    def __init__(self, machines: dict[str, Machine]) -> None:
        self.machines = machines
        self.session = ""
        self.listener: Listener | None = None
        self.threads = list[threading.Thread]()

    def opened(self, listener: Listener) -> Lines:
        self.listener = listener
        for address in self.machines:
            listener.there(address)
        return self

    def _at(self, address: str) -> Machine:
        machine = self.machines.get(address)
        if machine is None or machine.cut:
            raise ConnectionError(address)
        return machine

    def begin(self, address: str, data: bytes) -> object:
        machine = self._at(address)

        def say(number: int, words: bytes) -> None:
            if not machine.cut and self.listener is not None:
                self.listener.said(machine.node.name, number, words)

        return machine.node.begin(data, say)

    def answer(self, address: str, answers: Sequence[tuple[int, bool]]) -> object:
        return self._at(address).node.answer(self.session, answers)

    def share(self, address: str, part: float) -> object:
        machine = self._at(address)
        machine.holds_back.wait()
        return machine.node.share(self.session, part)

    def limit(self, address: str, rate: float | None) -> object:
        return self._at(address).node.limit(self.session, rate)

    def pause(self, address: str) -> object:
        return self._at(address).node.pause(self.session)

    def end(self, address: str, grace: float) -> object:
        return self._at(address).node.end(self.session, grace)

    def carry(self, address: str, number: int, data: bytes) -> Forgotten:
        del number
        machine = self._at(address)
        thread = threading.Thread(
            target=machine.node.perform, args=(self.session, data), daemon=True
        )
        thread.start()
        self.threads.append(thread)
        return Forgotten()

    def close(self) -> None:
        self.listener = None


@dataclass
class Fleet:
    """A coordinator with nodes of this process."""

    ticks: Ticks = field(default_factory=Ticks)
    machines: dict[str, Machine] = field(default_factory=dict)
    engine_of: Callable[[], Engine] = lambda: SerialEngine(Workshop({}))

    def __post_init__(self) -> None:
        self.lines = Lines(self.machines)

    def add(
        self,
        address: str,
        identity: NodeIdentity = IDENTITY,
        tools: Callable[[ClusterSession], Tools] | None = None,
    ) -> Machine:
        """Add a node; a coordinator that is there already is told of it."""
        shares = list[float]()

        def made(asked: ClusterSession) -> Tools:
            shares.append(asked.share)
            engine = self.engine_of()
            engine.limit(asked.rate)
            return Tools(engine=engine, share=shares.append)

        machine = Machine(Node(f"node of {address}", identity, tools or made), shares=shares)
        machine.holds_back.set()
        self.machines[address] = machine
        if self.lines.listener is not None:
            self.lines.listener.there(address)
        return machine

    def engine(
        self, *, limited: bool = True, patience: float = 60.0, silence: float = SILENCE_SECONDS
    ) -> ClusterEngine:
        asked = session()
        self.lines.session = asked.id
        return ClusterEngine(
            asked, self.lines.opened, limited=limited, patience=patience, silence=silence,
            monotonic=self.ticks,
        )  # fmt: skip

    def close(self) -> None:
        for machine in self.machines.values():
            machine.holds_back.set()
            machine.node.close()


def unfit(why: str) -> bytes:
    """Return the word with which a node ends its part."""
    return FROM_NODE.encode(Unfit(why=why))
