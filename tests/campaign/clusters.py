"""Machines that work for a run: some die, some are given up and go on all the same.

The engine hands orders to machines of this thread, each a call stack of its own. One that stops in
the middle of an order is lost to its coordinator, which gives the order to another one. A machine
that was only cut off goes on later: while the other one has the same object, when the run is over
or killed, or in the middle of the next one. Nobody hears what it says then.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from greenlet import getcurrent, greenlet

from hdh_migrate.codes import Code
from hdh_migrate.engines.messages import Assigned, Question
from hdh_migrate.engines.wire import FROM_WORKER, TO_WORKER
from hdh_migrate.orders import (
    BeginOrder,
    CompleteOrder,
    Order,
    PartOrder,
    PutOrder,
    ResumeOrder,
    VerifyOrder,
)
from hdh_migrate.pipeline.pace.level import Level
from hdh_migrate.pipeline.queue import LOSSES_MAX, MACHINES_MAX
from hdh_migrate.pipeline.workers.buffers import BufferPool
from hdh_migrate.pipeline.workers.helping import Helpers
from hdh_migrate.pipeline.workers.work import Toolbox
from hdh_migrate.ports.work import Engine, Recorder, Service
from hdh_migrate.receipts import (
    Aside,
    EndpointTraffic,
    Lost,
    ObjectReceipt,
    OrderDone,
    PartSent,
    Receipt,
    SealIntent,
)
from tests.campaign.life import Broken
from tests.campaign.setting import Setting
from tests.support.here import Bench
from tests.support.quiet import Waits
from tests.support.script import Point, When
from tests.support.serial import carried

MACHINES = 3
MEMORY = 64 << 20
STOPS: Mapping[type[Order], Sequence[str]] = {
    PutOrder: ("read source", "put", "put", "head"),
    BeginOrder: ("head", "begin"),
    PartOrder: ("read source", "put_part", "put_part"),
    ResumeOrder: ("parts",),
    CompleteOrder: ("head", "complete", "complete"),
    VerifyOrder: ("head", "read"),
}
"""Calls around which a machine stops that has such an order."""

MOVES = (PutOrder, BeginOrder, PartOrder, ResumeOrder, CompleteOrder)

GOES_ON = ("now", "now", "head", "put", "put_part", "complete", "read", "read source", "page")
"""Calls of others before which one that was given up goes on."""


@dataclass(slots=True)
class Work:
    """An order in a machine's hands."""

    assigned: Assigned
    service: Service
    said: list[Receipt]
    heard: bool = True
    """Whether its coordinator still waits for it."""
    stack: greenlet | None = None

    def go_on(self) -> bool:
        """Work until it is done or stops; return whether it is done."""
        assert self.stack is not None
        self.stack.parent = getcurrent()
        self.stack.switch()
        return bool(self.stack.dead)


class MachinesEngine:
    """Hands each order to a machine of its own; they come back in any order, or not at all."""

    capacity = MACHINES

    def __init__(
        self,
        machine: Callable[[], Service],
        dice: random.Random,
        works: Callable[[Work], Sequence[Receipt]] | None = None,
        look: Callable[[Order], None] = lambda _: None,
    ) -> None:
        """`works` lets a machine work and returns what is heard; by default to the end.

        `look` is shown each order that is handed out.
        """
        self._machine, self._dice, self._look = machine, dice, look
        self._works = works or _to_the_end
        self._numbers = itertools.count(1)
        self._machines = list[Service]()
        self._paused = False
        self.waiting = list[Work]()
        """Orders that no machine has begun."""

    def submit(self, order: Order) -> int:
        """Give it to a machine, which begins when receipts are asked for."""
        self._look(order)
        number = next(self._numbers)
        service = self._machine()
        self._machines.append(service)
        assigned = carried(Assigned(number=number, order=order), TO_WORKER)
        self.waiting.append(Work(assigned, service, []))
        return number

    def receipts(self, timeout: float, record: Recorder | None = None) -> Iterable[Receipt]:
        """Let one of the machines work."""
        del timeout
        if not self.waiting:
            return ()
        work = self.waiting.pop(self._dice.randrange(len(self.waiting)))
        if self._paused:
            work.service.halt.set()
        begin(work, record)
        return self._works(work)

    def limit(self, rate: float | None) -> None:
        """No machine is slow here."""
        del rate

    def pause(self) -> None:
        """Let what is not begun be returned."""
        self._paused = True

    def cluster(self) -> None:
        """Nobody asks who is there."""

    def traffic(self) -> Sequence[EndpointTraffic]:
        """Return what each machine exchanged."""
        return [one for service in self._machines[:1] for one in service.traffic()]

    def close(self, *, grace: float) -> None:
        """What nobody began is lost."""
        del grace


def begin(work: Work, record: Recorder | None) -> None:
    """Put an order into a stack of its own; what it says is heard as long as somebody waits."""

    def emit(receipt: ObjectReceipt | Aside) -> None:
        work.said.append(carried(receipt, FROM_WORKER))

    def recorded(intent: SealIntent) -> bool:
        asked = carried(Question(number=1, intent=intent), FROM_WORKER)
        return work.heard and record is not None and record([asked.intent])[0]

    def perform() -> None:
        work.service.perform(work.assigned.order, emit, recorded)

    work.stack = greenlet(perform)


def _to_the_end(work: Work) -> Sequence[Receipt]:
    assert work.go_on(), "nothing stops it"
    return [*work.said, OrderDone(order=work.assigned.number)]


class SimulatedCluster:
    """The machines of one life."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._dice = random.Random(f"machines {setting.life.seed}")
        self._workers = itertools.count(1)
        self._engines = list[MachinesEngine]()
        self._cut_off = list[Work]()
        """What machines go on with that were given up."""
        self._dead = list[Work]()
        """What machines died with: kept, so that none of it ever goes on."""
        self._losses = Counter[tuple[int, bool]]()
        """In this process, by object and whether whole machines were lost, since it moved on."""
        self._left_out: dict[str, set[int | None]] = {setting.host.name: set()}
        """Objects that a machine's ledger left out for this before the process under way."""
        self._well = 1.0
        """How likely a machine works to the end."""
        self.calm = False
        """Whether nothing happens to machines any more."""
        setting.world.engine = self._engine

    def _engine(self, box: Toolbox) -> Engine:
        world = self._setting.world

        def machine() -> Service:
            halt = Waits(self._setting.clock)
            own = replace(
                box, halt=halt, retry=world._retry(halt), pool=BufferPool(MEMORY),
                helpers=Helpers(), at_once=Level(),
            )  # fmt: skip
            return Bench(own)

        if box.writer is not None:
            self._losses.clear()  # each run counts anew
        made = MachinesEngine(machine, self._dice, self._works, self._demand_allowed)
        self._engines.append(made)
        return made

    # --- while a process lives -------------------------------------------------------------------

    def begins(self) -> None:
        """Let who was cut off go on somewhere in the process that begins."""
        self._losses.clear()
        self._well = self._dice.choice((0.1, 0.5, 0.8, 1.0))
        self._plan_to_go_on()

    def _plan_to_go_on(self) -> None:
        script, method = self._setting.script, self._dice.choice(GOES_ON)
        point = Point(method, script.calls[method] + self._dice.randint(1, 6), "before")
        if self._cut_off and point not in script._acts:
            script._acts[point] = self._go_on

    def _works(self, work: Work) -> Sequence[Receipt]:
        """Let a machine work, and perhaps stop in the middle."""
        stop = None if self.calm or self._dice.random() < self._well else self._plan_a_stop(work)
        try:
            done = work.go_on()
        finally:
            if stop is not None:
                self._setting.script._acts.pop(stop, None)
        if done:
            self._moved_on(work.said)
            return [*work.said, OrderDone(order=work.assigned.number)]
        work.heard = False
        cut_off = self._dice.random() < 0.6
        (self._cut_off if cut_off else self._dead).append(work)
        how = "is cut off" if cut_off else "dies"
        self._setting.life.faults[f"a machine {how}"] += 1
        self._setting.life.tell(f"  a machine {how} at {stop}")
        self._plan_to_go_on()
        heard = work.said[: self._dice.randint(0, len(work.said))]
        self._moved_on(heard)
        machine = cut_off and self._dice.random() < 0.5
        if isinstance(work.assigned.order, MOVES):  # whoever reads counts his own
            self._losses.update((one.id, machine) for one in work.assigned.order.objects)
        return [
            *heard,
            Lost(order=work.assigned.order, worker=next(self._workers), machine=machine),
        ]

    def _moved_on(self, heard: Sequence[Receipt]) -> None:
        for one in heard:
            if isinstance(one, PartSent):
                for machine in (False, True):
                    self._losses.pop((one.id, machine), None)

    def _demand_allowed(self, order: Order) -> None:
        """Demand that nobody is given what too many were lost with."""
        for one in order.objects if isinstance(order, MOVES) else ():
            if self._is_given_up(one.id):
                raise Broken(f"object {one.id} is given out, and too many were lost with it")

    def _is_given_up(self, number: int) -> bool:
        processes, machines = (self._losses[number, machine] for machine in (False, True))
        return processes >= LOSSES_MAX or machines >= MACHINES_MAX

    def _plan_a_stop(self, work: Work) -> Point | None:
        methods = STOPS.get(type(work.assigned.order), ("head", "read source"))
        script, method = self._setting.script, self._dice.choice(methods)
        when: When = self._dice.choice(("before", "after"))
        point = Point(method, script.calls[method] + self._dice.choice((1, 1, 2)), when)
        if point in script._acts:
            return None

        def leave() -> None:
            if getcurrent() is work.stack:
                work.stack.parent.switch()

        script._acts[point] = leave
        return point

    # --- what goes on ----------------------------------------------------------------------------

    def ended(self, name: str) -> None:
        """Know that the process is over, killed or not: machines may go on without it.

        Raises:
            Broken: an object is left out, and too few were lost with it.
        """
        self._demand_reason(name)
        for engine in self._engines:
            for work in engine.waiting:
                if self._dice.random() < 0.3 and not self.calm:
                    work.heard = False
                    begin(work, None)
                    self._cut_off.append(work)
        self._engines.clear()
        if self._dice.random() < 0.5:
            self._go_on()

    def _demand_reason(self, name: str) -> None:
        known = {one["object"] for one in self._setting.findings(Code.WORKER_LOST)}
        before = self._left_out.get(self._setting.host.name, known)  # a copy has what it was of
        for number in known - before:
            if number is None or not self._is_given_up(number):
                raise Broken(f"{name}: object {number} is left out, and too few were lost with it")
        self._left_out[self._setting.host.name] = known

    def rest(self) -> None:
        """Let all of them come to their end."""
        self.calm = True
        self._go_on()

    def _go_on(self) -> None:
        works, self._cut_off = self._cut_off, []
        for work in works:
            with self._setting.script.undisturbed():
                assert work.go_on(), "nothing stops it any more"
            said = ", ".join(type(one).__name__ for one in work.said) or "nothing"
            order = type(work.assigned.order).__name__
            self._setting.life.tell(f"  a machine that was given up ends {order}: {said}")
