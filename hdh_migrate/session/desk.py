"""The desk of one command: plan, state folder, clock, progress output and engines."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import field
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hdh_migrate.errors import KeyUnavailable, Refused, UsageError
from hdh_migrate.folders import STATE_DIR, demand_private, ledger_path
from hdh_migrate.frozen import frozen
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.ledger.instructions import InstructionFile
from hdh_migrate.model import TargetLimits
from hdh_migrate.plan.loader import LoadedPlan, load
from hdh_migrate.ports.run import Clock, Progress
from hdh_migrate.session.policy.unshared import demand_ours
from hdh_migrate.session.views.outlook import check
from hdh_migrate.session.views.probed import limits_of
from hdh_migrate.telemetry import SystemClock
from hdh_migrate.wiring.chosen import is_rehearsal
from hdh_migrate.wiring.sources import SOURCES, Sources, plan_of
from hdh_migrate.wiring.targets import Network

if TYPE_CHECKING:
    from hdh_migrate.clocks import Judge
    from hdh_migrate.pipeline.context import Context
    from hdh_migrate.pipeline.excused import Waived
    from hdh_migrate.pipeline.fences.fencing import Fencing
    from hdh_migrate.pipeline.pace.metering import Metering
    from hdh_migrate.pipeline.retrying import Retrying
    from hdh_migrate.pipeline.runner import BatchOrder
    from hdh_migrate.wiring import OpenEngine, Services


class _ShippedEngines(Mapping[str, "OpenEngine"]):
    """The engines of this package, imported when first asked for."""

    def __getitem__(self, kind: str) -> OpenEngine:
        from hdh_migrate.wiring.engines import ENGINES

        return ENGINES[kind]

    def __iter__(self) -> Iterator[str]:
        from hdh_migrate.wiring.engines import ENGINES

        return iter(ENGINES)

    def __len__(self) -> int:
        return len(list(iter(self)))


_NAMED: Final = 10
"""Names that are told of those that there are."""


@frozen
class Desk:
    """A plan, where its state lives, and who watches."""

    loaded: LoadedPlan
    state_dir: Path
    progress: Progress
    stop: threading.Event
    clock: Clock
    network: Network = field(default_factory=Network)
    marked: threading.Event = field(default_factory=threading.Event)
    """Whether it was said that this is a rehearsal."""
    fences_asked: threading.Event = field(default_factory=threading.Event)
    """Whether the command asked the target which ledger wrote last, and so says what it found."""

    engines: Mapping[str, OpenEngine] = field(default_factory=_ShippedEngines)
    """Who does the work, by kind."""

    sources: Sources = field(default_factory=lambda: SOURCES)
    """What there is of each kind of source."""

    @classmethod
    def open(
        cls,
        plan: Path,
        state_dir: Path | None,
        progress: Progress,
        stop: threading.Event,
        engines: Mapping[str, OpenEngine] | None = None,
        sources: Sources | None = None,
        *,
        dry: bool = False,
    ) -> Desk:
        """Read a plan and check all of it that can be checked offline.

        `engines` and `sources` are the kinds that it may name, by default ours. `dry` is for verbs
        that change nothing: files that others could replace are then a note, as in a rehearsal.

        Raises:
            PlanInvalid: with every problem at once.
            Refused: others may read or change the state directory, or change what the plan names.
        """
        sources = SOURCES if sources is None else sources
        loaded = load(plan, plan_of(sources))
        check(loaded)
        kept = state_dir or loaded.base / STATE_DIR
        for folder in (kept, kept / loaded.plan.migration):
            demand_private(folder)
        try:
            demand_ours(loaded, kept)
        except Refused as error:
            if not dry and not is_rehearsal(loaded.plan, loaded.base):
                raise
            progress.note(f"a run would be refused here: {error}")
        return cls(
            loaded=loaded,
            state_dir=kept,
            progress=progress,
            stop=stop,
            clock=SystemClock(),
            engines=_ShippedEngines() if engines is None else engines,
            sources=sources,
        )

    @property
    def ledger_path(self) -> Path:
        """Where this migration's ledger lives."""
        return ledger_path(self.state_dir, self.loaded.plan.migration)

    @property
    def instructions(self) -> InstructionFile:
        """What people tell a run of this migration from other terminals."""
        return InstructionFile(self.ledger_path)

    @property
    def limits(self) -> TargetLimits:
        """The profile's limits, with what the last probe found tighter."""
        return limits_of(self.state_dir, self.loaded.plan, self.loaded.base)

    def services(
        self, *, write: bool, looks: bool = True, reads: bool = True,
        recipients: Sequence[str] | None = None,
    ) -> Services:  # fmt: skip
        """Open the plan's adapters; see `Services.open`: nothing is contacted yet.

        The first time, a rehearsal is said to be one, before anything else is.

        Raises:
            KeyUnavailable: a key or a secret is not there; of those that are not, all are named.
            Refused: a waiver lies there that counts by the plan and not by the journal.
        """
        loaded = self.loaded
        self.demand_agreed()
        if is_rehearsal(loaded.plan, loaded.base) and not self.marked.is_set():
            self.marked.set()
            self.progress.note("rehearsal: source and target are both on this machine")
        from hdh_migrate.wiring.services import Services

        try:
            return Services.open(
                loaded.plan,
                loaded.base,
                write=write,
                looks=looks,
                reads=reads,
                network=self.network,
                limits=self.limits,
                recipients=recipients,
                sources=self.sources,
            )
        except KeyUnavailable as error:
            from hdh_migrate.session.policy.absent import told_all

            told_all(loaded, os.environ, error)
            raise

    def demand_agreed(self) -> None:
        """Refuse if a waiver would open the gate that is not valid by the journal.

        Raises:
            Refused: one would; nothing was contacted.
        """
        if self.loaded.plan.waivers is not None:
            from hdh_migrate.session.policy.agreed import demand_agreed  # brings signatures

            demand_agreed(self.loaded, self.ledger_path, self.clock)

    def context(
        self,
        services: Services,
        ledger: SqliteLedger,
        judge: Judge,
        fencing: Fencing | None = None,
        *,
        obeys: bool = False,
        meter: Metering | None = None,
        dry: bool = False,
        shut: Callable[[], Sequence[object]] = tuple,
    ) -> Context:
        """Return what the steps of one run share; its ledger is bound to the plan by now.

        It writes at the target only as `fencing` allows; without a fencing, never. Windows and
        pauses apply if it `obeys` them; `shut` returns, each hour, why the target may no longer be
        contacted. With `dry` it writes nothing into the ledger or beside it.
        """
        from hdh_migrate.pipeline.fences.held_fence import NoFence
        from hdh_migrate.pipeline.pace.course import Course
        from hdh_migrate.pipeline.pace.crew import Crew
        from hdh_migrate.pipeline.pace.metering import Unmetered
        from hdh_migrate.pipeline.pace.pace_keeping import NoPaceKept
        from hdh_migrate.session.views.crew_file import CrewFile
        from hdh_migrate.session.views.pace_file import PaceFile
        from hdh_migrate.wiring.context import context_of

        windows = self.loaded.plan.windows
        connections = self.loaded.plan.engine.connections
        return context_of(
            services,
            ledger,
            judge,
            canonical=self.loaded.canonical,
            clock=self.clock,
            progress=self.progress,
            stop=self.stop,
            engines=self.engines,
            waivers=partial(_read if dry else _kept, self.loaded, ledger, judge),
            course=Course(
                ledger,
                judge,
                self.clock,
                rates=cache(self.loaded.plan.rates),
                instructions=self.instructions,
                windows=None if windows is None else windows.windows,
                obeys=obeys,
                tells=not dry,
                shut=shut,
            ),
            crew=(
                Crew(note=self.progress.note)
                if dry
                else Crew(note=self.progress.note, keep=CrewFile(self.ledger_path, self.clock).keep)
            ),
            fence=NoFence() if fencing is None else fencing,
            meter=Unmetered() if meter is None else meter,
            paces=NoPaceKept() if dry else PaceFile(self.ledger_path, self.clock, connections),
        )

    def retrying(self) -> Retrying:
        """Return the retry policy of one verb."""
        from hdh_migrate.wiring.context import retrying

        return retrying(self.loaded.plan, self.clock, self.stop)

    def batches(self, selected: Sequence[str]) -> list[BatchOrder]:
        """Return the plan's batches in an order that respects their needs.

        Raises:
            UsageError: a selected batch is not in the plan.
        """
        from hdh_migrate.pipeline.runner import BatchOrder

        plan = self.loaded.plan
        ordered = [
            BatchOrder(
                name=batch.name,
                needs=tuple(batch.needs),
                not_before=plan.not_before(batch),
            )
            for batch in plan.ordered_batches()
        ]
        known = [batch.name for batch in ordered]
        if unknown := sorted(set(selected) - set(known)):
            raise UsageError(
                f"no batch {', '.join(unknown)} in the plan",
                hint="a batch that was begun must stay in the plan: put it back, if it is one;"
                f" {_meant(unknown, known)}",
            )
        return ordered

    def demand_datasets(self, names: Collection[str]) -> None:
        """Demand that the plan has datasets of these names.

        Raises:
            UsageError: it has not; those that it has are said.
        """
        known = [one.name for one in self.loaded.plan.datasets]
        if unknown := sorted(set(names) - set(known)):
            raise UsageError(
                f"no dataset {', '.join(unknown)} in the plan", hint=_meant(unknown, known)
            )

    def read_ledger(self) -> SqliteLedger:
        """Open the ledger for looking.

        Raises:
            UsageError: no run of this plan has begun.
        """
        if self.ledger_path.exists():
            ledger = SqliteLedger.read_only(self.ledger_path, self.clock)
            if ledger.meta("plan_digest") is not None:
                return ledger
            ledger.close()  # a probe or a provision wrote in its journal, no run did
        raise UsageError(
            "no run of this plan has begun here",
            hint=self._where_to_begin(),
        )

    def note_unbegun(self) -> None:
        """Say, of what counts from beside a ledger, that none is here: it may be another place."""
        if not self.ledger_path.exists():
            self.progress.note(
                f"no run of this plan has begun in {self.ledger_path.parent}: this counts for"
                " nobody who uses another --state-dir"
            )

    def note_others(self) -> None:
        """Say, where a ledger begins, of which other migrations there are some."""
        if others := self._others():
            self.progress.note(
                f"a new ledger begins for migration {self.loaded.plan.migration}; beside it are"
                f" those of {', '.join(others[:3])}: if the plan's `migration` was renamed, give it"
                " its old name back, or what was moved by then counts as somebody else's"
            )

    def _others(self) -> list[str]:
        """Return the names of other migrations of which there are ledgers."""
        found = sorted(path.parent.name for path in self.state_dir.glob("*/ledger.db"))
        return [name for name in found if name != self.ledger_path.parent.name]

    def _where_to_begin(self) -> str:
        """Say where a ledger was looked for, and of which names there are others."""
        others = self._others()
        found = f"; there are ledgers of {', '.join(others[:3])}" if others else ""
        return (
            'begin with "hdh-migrate run PLAN", or give the right --state-dir (this is'
            f" {self.ledger_path.parent}{found})"
        )


def _kept(loaded: LoadedPlan, ledger: SqliteLedger, judge: Judge) -> Waived:
    from hdh_migrate.session.policy.excuses import kept_excuses  # only what failed asks for it

    return kept_excuses(loaded, ledger, judge)


def _read(loaded: LoadedPlan, ledger: SqliteLedger, judge: Judge) -> Waived:
    from hdh_migrate.session.policy.excuses import excuses

    return excuses(loaded, ledger, judge.now())


def _meant(unknown: Sequence[str], known: Sequence[str]) -> str:
    """Return which names there are, and which one may be meant by another that is none."""
    import difflib

    more = f", and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    close = difflib.get_close_matches(unknown[0], known, n=1, cutoff=0.7)
    meant = f"; did you mean {close[0]}?" if close and len(known) > 1 else ""
    are = "is" if len(known) == 1 else "are"
    return f"there {are} {', '.join(known[:_NAMED])}{more}{meant}"
