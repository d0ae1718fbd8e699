"""A whole migration in memory: real pipeline, real sealing, a real ledger file, fake endpoints.

A `World` can be killed at any call of a port. What stays is what would stay: the target as it is
at that moment, and the ledger's files as they are on the disk at that moment. Everything that the
dying run does on its way out is undone.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Callable, Hashable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from hdh_migrate.clocks import Judge
from hdh_migrate.errors import Exit
from hdh_migrate.events.adoption import LedgerAdopted
from hdh_migrate.fidelity import EARLIER, Contract
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Keeping, ObjectRecord, Place, Role, State, Step, TargetLimits
from hdh_migrate.pipeline.context import Context, DatasetRules, Engines
from hdh_migrate.pipeline.fences.held_fence import NoFence
from hdh_migrate.pipeline.projections.contracts import contracts
from hdh_migrate.pipeline.retrying import Retrying, SharedPause
from hdh_migrate.pipeline.rules.ruling import Rule, compile_rules
from hdh_migrate.pipeline.runner import NO_WISHES, BatchOrder, Runner, Wishes
from hdh_migrate.pipeline.workers.buffers import BufferPool
from hdh_migrate.pipeline.workers.work import Route, Toolbox
from hdh_migrate.plan.diff import changes
from hdh_migrate.ports.sealing import Envelopes
from hdh_migrate.ports.work import Engine
from hdh_migrate.sealing.plain import PlainEnvelopes
from tests.support.fakes import FakeSource, FakeTarget
from tests.support.here import serial
from tests.support.quiet import FakeClock, Notes, Waits
from tests.support.script import Killed, Point, Script
from tests.unit.sealing.helpers import ESCROW, STEWARD, envelopes

ALL = (Step.INVENTORY, Step.TRANSFER, Step.VERIFY)
RUN_TAG = "0123456789abcdef"
HEADER = 232
"""Bytes of a header for two recipients."""

SEGMENT = 65_536

SMALL = TargetLimits(
    max_parts=100,
    min_part=1,
    max_part=HEADER + 2 * (SEGMENT + 28),
    max_put=SEGMENT + 1000,
    max_object=1 << 30,
)
"""A target that takes one segment in one PUT, and parts of two segments: large is 128 KiB here."""

BIG = 5 * SEGMENT + 7
"""Three parts under `SMALL`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """One dataset of a world's plan."""

    name: str
    batch: str
    source: Place
    target: Place
    include: tuple[str | Rule, ...] = ()
    exclude: tuple[str | Rule, ...] = ()
    live: bool = False
    allow_empty: bool = False
    keep_vanished: bool = False
    contract: Contract = EARLIER
    suffix: str = ".c4gh"
    keeping: Keeping | None = None

    @property
    def route(self) -> Route:
        return Route(
            source=self.source, target=self.target, suffix=self.suffix, keeping=self.keeping
        )

    @property
    def rules(self) -> DatasetRules:
        return DatasetRules(
            rules=compile_rules(self.include, self.exclude, fold=True),
            allow_empty=self.allow_empty,
            live=self.live,
            keep_vanished=self.keep_vanished,
            contract=self.contract,
        )


ONE = (
    Dataset(
        name="d", batch="b", source=Place(bucket="src"), target=Place(bucket="dst", prefix="t/")
    ),
)


class World:
    """A plan, its endpoints and its state; `run` is one process from start to end."""

    def __init__(
        self,
        folder: Path,
        datasets: Sequence[Dataset] = ONE,
        *,
        needs: dict[str, tuple[str, ...]] | None = None,
        limits: TargetLimits = SMALL,
        level: str = "full",
        sealed: bool = True,
        memory: int = 64 << 20,
        budget: float = 600.0,
        script: Script | None = None,
    ) -> None:
        self.script = script or Script()
        self.source = FakeSource(self.script)
        buckets = {dataset.target.bucket for dataset in datasets}
        self.target = FakeTarget(*buckets, limits=limits, script=self.script)
        self.clock = FakeClock(self.script)
        self.notes = Notes()
        self.stop: threading.Event = Waits(self.clock)
        self.engine: Callable[[Toolbox], Engine] = serial
        self.renewals: list[Callable[[], None]] = []
        self.cut: Callable[[Path, Path], None] = lambda folder, image: None
        """What a kill does, besides, to the image that it leaves of the ledger's folder."""
        self.datasets = datasets
        self.plan = ("digest", b"{}")
        """Digest and canonical form of the plan that ledgers are bound to."""
        self.rebinds = False
        """Whether a ledger is bound to the plan as it is now, whatever it was bound to."""
        self.reread = self.checked = False
        self.waived: set[str] = set()
        """Codes whose findings have a signed waiver."""
        self.epoch = 0
        self.run_tag = RUN_TAG
        """The ledger's name; another one for a ledger that was made anew."""
        self._adopted: frozenset[str] = frozenset()
        self._needs = needs or {}
        self._level, self._memory, self._budget = level, memory, budget
        self.envelopes: Envelopes = envelopes(STEWARD, ESCROW) if sealed else PlainEnvelopes()
        self._sealed = sealed
        self.path = folder / "state" / "m" / "ledger.db"
        self._saved = folder / "saved"

    def twin(self, folder: Path, copied: dict[int, Any] | None = None) -> Self:
        """Return a world that is as this one is between two processes, in a folder of its own.

        `copied` is what `copy.deepcopy` remembers: whoever holds this world is copied with it.
        """
        assert not self.script.dead, "a world that is being killed"
        copied = {} if copied is None else copied
        copied |= {id(one): one for one in (self.envelopes, self.datasets, self.target.limits)}
        copied[id(self.target._lock)] = threading.RLock()
        made = type(self).__new__(type(self))
        copied[id(self)] = made
        vars(made).update(deepcopy(vars(self), copied))
        made.path, made._saved = folder / "state" / "m" / "ledger.db", folder / "saved"
        shutil.copytree(self.path.parents[1], made.path.parents[1])
        return made

    # --- one process -----------------------------------------------------------------------------

    def run(self, steps: Sequence[Step] = ALL, *selected: str, wishes: Wishes = NO_WISHES) -> Exit:
        """Run the plan once, with a ledger that is opened for it and closed after it."""
        ledger = self.open()

        def renewed() -> Context | None:
            if not self.renewals:
                return None
            self.renewals.pop(0)()
            return self.context(ledger)

        try:
            runner = Runner(self.context(ledger), self._batches(), renewed=renewed, wishes=wishes)
            code = runner.run(steps, selected)
            ledger.reconcile()
            return code
        finally:
            ledger.close()
            if self.script.dead:
                self._put_back()

    def kill_at(self, point: Point) -> None:
        """Let the next run die at this moment."""

        def die() -> None:
            if self._saved.exists():
                shutil.rmtree(self._saved)
            shutil.copytree(self.path.parent, self._saved)
            self.cut(self.path.parent, self._saved)
            self.script.dead = True
            raise Killed(str(point))

        self.script.at(point.method, point.number, point.when, die)

    def watch(self, more: Callable[[], Hashable] = lambda: None) -> None:
        """Let moments at which a kill leaves the same behind be one; `more` is what a test changes.

        Everything of a kill is in the ledger's folder and in what calls did at source and target.
        """
        self.script.watch(lambda: (self._image(), more()))

    def _image(self) -> bytes:
        """Return a digest of what a kill leaves in the ledger's folder.

        The index of what was not moved into the database is built anew by whoever opens it.
        """
        found = hashlib.sha256()
        for path in sorted(self.path.parent.rglob("*")):
            if path.is_file() and not path.name.endswith("-shm"):
                found.update(f"{path.relative_to(self.path.parent)}\0".encode())
                found.update(hashlib.sha256(path.read_bytes()).digest())
        return found.digest()

    def _put_back(self) -> None:
        shutil.rmtree(self.path.parent)
        self._saved.rename(self.path.parent)
        self.script.dead = False

    def open(self) -> SqliteLedger:
        """Open the ledger as a run does."""
        ledger = SqliteLedger.open(self.path, self.clock)
        rows = [(dataset.name, dataset.batch) for dataset in self.datasets]
        try:
            may_change = (lambda _was, _now: True) if self.rebinds else _never
            ledger.start(*self.plan, rows, diff=changes, may_change=may_change)
            ledger.commit()
        except BaseException:
            ledger.close()
            raise
        return ledger

    def toolbox(self, role: Role) -> Toolbox:
        """Return what performs orders of a role: it has the sides that `wiring.reach` gives it."""
        moves, halt = role is Role.MOVE, Waits(self.clock)
        return Toolbox(
            source=self.source if moves or self.reread else None,
            reader=None if moves else self.target,
            writer=self.target if moves else None,
            envelopes=self.envelopes,
            routes={dataset.name: dataset.route for dataset in self.datasets},
            run_tag=self.run_tag,
            adopted=self._adopted,
            level=self._level,
            reread=self.reread,
            checked=self.checked,
            retry=self._retry(halt),
            pool=BufferPool(self._memory),
            clock=self.clock,
            halt=halt,
            epoch=self.epoch,
        )

    def context(self, ledger: SqliteLedger) -> Context:
        """Return what steps need, to perform one of them alone."""
        self._adopted = frozenset(told.ledger for _, told in ledger.events(LedgerAdopted))
        return Context(
            ledger=ledger,
            source=self.source,
            reader=self.target,
            writer=self.target,
            envelopes=self.envelopes,
            limits=self.target.limits,
            routes={dataset.name: dataset.route for dataset in self.datasets},
            rules={dataset.name: dataset.rules for dataset in self.datasets},
            header=self.envelopes.header_size,
            sealed=self._sealed,
            level=self._level,
            run_tag=self.run_tag,
            adopted=self._adopted,
            fence=NoFence(epoch=self.epoch),
            marks=frozenset({RUN_TAG}),
            contracts=contracts(ledger),
            retry=self._retry(self.stop),
            clock=self.clock,
            judge=Judge(self.clock, journal=ledger.last_at),
            progress=self.notes,
            stop=self.stop,
            engines=Engines(lambda role: self.engine(self.toolbox(role))),
            waivers=lambda: lambda found: found["code"] in self.waived,
        )

    def _retry(self, halt: threading.Event) -> Retrying:
        return Retrying(
            budget=self._budget, pause=SharedPause(self.clock.monotonic, halt), halt=halt
        )

    def _batches(self) -> list[BatchOrder]:
        names = dict.fromkeys(dataset.batch for dataset in self.datasets)
        return [BatchOrder(name=name, needs=self._needs.get(name, ())) for name in names]

    # --- what came of it -------------------------------------------------------------------------

    def records(self) -> dict[str, ObjectRecord]:
        """Return every object's record by `dataset/key`."""
        ledger = self.open()
        try:
            return {
                f"{row.name}/{record['key']}": record
                for row in ledger.datasets()
                for record in ledger.records(row.id)
            }
        finally:
            ledger.close()

    def findings(self) -> list[tuple[str, str | None]]:
        """Return (code, key) of every open finding."""
        ledger = self.open()
        try:
            return [(found["code"], found["key"]) for found in ledger.findings()]
        finally:
            ledger.close()

    def states(self) -> dict[str, State]:
        return {name: record["state"] for name, record in self.records().items()}

    def opened(self, dataset: Dataset, key: str) -> bytes:
        """Return the plaintext of what the target holds for an object."""
        stored = self.target.data(dataset.target.bucket, dataset.route.target_key(key))
        size = len(self.source.data(dataset.source.bucket, key))
        out = bytearray()
        unsealer = self.envelopes.unsealer(size=size, write=out.extend)
        unsealer.write(stored)
        unsealer.close()
        return bytes(out)

    def attempt(self, dataset: Dataset, key: str) -> str:
        """Return the attempt tag that the target holds for an object."""
        found = self.target.head(dataset.target.bucket, dataset.route.target_key(key))
        assert found is not None
        return found.metadata["hdh-attempt"]


def _never(was: object, now: object) -> bool:
    del was, now
    return False
