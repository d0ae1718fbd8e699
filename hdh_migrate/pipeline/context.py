"""What every step of one run shares."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from hdh_migrate.clocks import Judge
from hdh_migrate.fidelity import EARLIER, Contract
from hdh_migrate.frozen import frozen, mutable
from hdh_migrate.model import (
    DatasetRow,
    Entry,
    PartPlan,
    Role,
    Stored,
    TargetLimits,
)
from hdh_migrate.model.naming import is_version
from hdh_migrate.pipeline.binding import Binder
from hdh_migrate.pipeline.cutting import part_plan
from hdh_migrate.pipeline.excused import Waivers, no_waivers
from hdh_migrate.pipeline.fences.held_fence import HeldFence, NoFence
from hdh_migrate.pipeline.pace.course import FreeCourse
from hdh_migrate.pipeline.pace.crew import Crew
from hdh_migrate.pipeline.pace.metering import Metering, Unmetered
from hdh_migrate.pipeline.pace.pace_keeping import NoPaceKept, PaceKeeper
from hdh_migrate.pipeline.pack_keeping import NoPacks, PackKeeping
from hdh_migrate.pipeline.retrying import Retrying
from hdh_migrate.pipeline.rules.placing import Placing
from hdh_migrate.pipeline.rules.ruling import Rules
from hdh_migrate.pipeline.tags import Tag
from hdh_migrate.pipeline.workers.work import Route
from hdh_migrate.ports.ledger import Ledger
from hdh_migrate.ports.run import Clock, Progress
from hdh_migrate.ports.sealing import Envelopes
from hdh_migrate.ports.stores import Apart, Source, TargetReader, TargetWriter
from hdh_migrate.ports.work import Engine

if TYPE_CHECKING:
    from hdh_migrate.orders import ItemFields
    from hdh_migrate.receipts import EndpointTraffic


@frozen
class DatasetRules:
    """What the plan says of one dataset, ready for use."""

    rules: Rules
    allow_empty: bool
    live: bool
    compare_md5: bool = True
    keep_vanished: bool = False
    """Whether it is a note, and no finding, that the source no longer has an object."""
    contract: Contract = EARLIER
    """What the plan chose for it; what counts is what its inventory was sealed with."""


IDLE_GRACE_SECONDS = 30.0
"""How long workers without work may take to end before they are killed."""


class Engines:
    """Keeps one role's engine at a time and replaces a stopped one.

    The processes of one role end before those of the other start, so that two roles need no more
    memory and CPU than one (docs/decisions/0033-movers-and-provers.md).
    """

    def __init__(self, make: Callable[[Role], Engine]) -> None:
        self._make = make
        self._role: Role | None = None
        self._engine: Engine | None = None
        self.traffic: list[EndpointTraffic] = []

    def get(self, role: Role) -> Engine:
        """Return the engine of a role, ending any other one; no order may be under way."""
        if role is not self._role:
            self.drop(grace=IDLE_GRACE_SECONDS)
        if self._engine is None:
            self._engine, self._role = self._make(role), role
        return self._engine

    def drop(self, *, grace: float) -> None:
        """End the engine, keeping what it reported of its traffic."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close(grace=grace)
            self.traffic.extend(engine.traffic())

    def so_far(self) -> list[EndpointTraffic]:
        """Return what was exchanged so far, as far as the workers reported it."""
        return [*self.traffic, *(() if self._engine is None else self._engine.traffic())]


@mutable
class Context:
    """One run of one plan."""

    ledger: Ledger
    source: Source
    reader: TargetReader
    writer: TargetWriter | None
    envelopes: Envelopes
    limits: TargetLimits
    routes: Mapping[str, Route]
    rules: Mapping[str, DatasetRules]
    header: int
    sealed: bool
    level: str
    run_tag: str
    retry: Retrying
    clock: Clock
    judge: Judge
    progress: Progress
    stop: threading.Event
    engines: Engines
    crew: Crew = field(default_factory=Crew)
    """Tells who works on other machines."""
    binder: Binder | None = None
    """Binds what begins to the plan; None: to nothing, where there is no plan."""
    waivers: Waivers = no_waivers
    """Reads the signed waivers that count now, for whichever batch."""
    fence: HeldFence = field(default_factory=NoFence)
    """Says whether this ledger may write at the target, and in which epoch."""
    course: FreeCourse = field(default_factory=FreeCourse)
    """Says whether a run may go on, and how fast."""
    due: Mapping[str, float] = field(default_factory=dict)
    """When batches are to be verified, in seconds since 1970, of those that have a day."""
    meter: Metering = field(default_factory=Unmetered)
    """Counts what is exchanged for which work."""
    adopted: Collection[str] = frozenset()
    """The names of other ledgers whose objects are ours."""
    marks: Collection[str] = frozenset()
    """How the names of this migration's ledgers begin."""
    contracts: dict[str, Contract] = field(default_factory=dict)
    """Fidelity contracts by dataset, of those whose inventory was sealed with one."""
    placings: dict[str, Placing] = field(default_factory=dict)
    """What was worked out of each dataset by `placing`."""
    paces: PaceKeeper = field(default_factory=NoPaceKept)
    """Learns how much workers work on at once."""
    packs: PackKeeping = field(default_factory=NoPacks)
    """Keeps header packs, where headers do not stand in front of their objects."""
    apart: Apart | None = None
    """Lists again in a process of its own; None: nothing does."""
    pins: Mapping[int, str] = field(default_factory=dict)
    """What of somebody else's may be replaced, as a transfer read it when it began."""

    def wrote(self, stored: Stored) -> bool:
        """Return whether this ledger, or one whose objects it took over, wrote a stored object."""
        tag = Tag.of(stored)
        return tag is not None and (tag.ledger == self.run_tag or tag.ledger in self.adopted)

    def demand_writer(self) -> None:
        """Check, without a request, that no other ledger is known to write at the target.

        Raises:
            Fenced: another ledger does.
        """
        if (lost := self.fence.lost) is not None:
            raise lost

    def about(self, entry: Entry, dataset: DatasetRow) -> ItemFields:
        """Return the description of an entry for orders: what the target can keep beside the bytes.

        The source's MD5 is left out where the plan says to ignore it.
        """
        obj = entry.obj
        beside = self.placing(dataset).of(obj)
        return {
            "id": entry.id,
            "attempt": entry.attempt,
            "key": obj.key,
            "size": obj.size,
            "version": obj.version,
            "md5": obj.md5 if self.rules[dataset.name].compare_md5 else None,
            "kind": obj.kind,
            "metadata": beside.metadata,
            "tags": beside.tags,
            "replaces": self.pins.get(entry.id),
            "after": self._after(entry) if is_version(obj.key) else None,
        }

    def _after(self, entry: Entry) -> str:
        """Return which version of the target's comes right before an entry's; empty: none."""
        before = self.ledger.before(entry.dataset, entry.obj.key)
        return "" if before is None else before.version_id or ""

    def contract(self, dataset: DatasetRow) -> Contract:
        """Return what was chosen for a dataset when its inventory was sealed."""
        return self.contracts.get(dataset.name, EARLIER)

    def placing(self, dataset: DatasetRow) -> Placing:
        """Return what says where the features of a dataset's objects go."""
        contract, found = self.contract(dataset), self.placings.get(dataset.name)
        if found is None or found.contract is not contract or found.limits is not self.limits:
            found = self.placings[dataset.name] = Placing(self.limits, contract)
        return found

    def cut(self, size: int) -> PartPlan:
        """Return how an object of so many bytes is cut for the target.

        Raises:
            Unsupported: the target cannot hold it, however it is cut.
        """
        return part_plan(size, self.limits, header=self.header, sealed=self.sealed)

    def route(self, dataset: DatasetRow) -> Route:
        """Return where a dataset comes from and goes to."""
        return self.routes[dataset.name]


def names(datasets: Sequence[DatasetRow]) -> dict[int, str]:
    """Return the datasets' names by id."""
    return {dataset.id: dataset.name for dataset in datasets}
