"""Carry out steps of a plan: ledger, adapters and runner put together for one process."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from hdh_migrate import __version__
from hdh_migrate.clocks import Judge
from hdh_migrate.errors import Exit, KeyUnavailable, NotAsPlanned, Refused, RunPaused
from hdh_migrate.events.run import RunEnded, RunStarted
from hdh_migrate.frozen import frozen, mutable
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Problem, Standing, Step
from hdh_migrate.pipeline.context import Context, Engines
from hdh_migrate.pipeline.fences.fencing import Fencing, TakeOver
from hdh_migrate.pipeline.pace.metering import Meter
from hdh_migrate.pipeline.runner import Runner, Wishes, summary
from hdh_migrate.results.moves import DatasetStates, RefreshPass
from hdh_migrate.session.asked import AskedRun
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy import addressed, gate
from hdh_migrate.session.policy.agreed import unagreed
from hdh_migrate.session.policy.alike import apart
from hdh_migrate.session.policy.binding import bind_recipients
from hdh_migrate.session.policy.bound_ledger import held_ledger
from hdh_migrate.session.policy.contents import record_contents, signers
from hdh_migrate.session.policy.erased import left_alone
from hdh_migrate.session.policy.fencing import fenced
from hdh_migrate.session.policy.kept_waivers import keep_waivers
from hdh_migrate.session.policy.reporters import approvers_barred
from hdh_migrate.session.policy.rotating import demand_no_rotation
from hdh_migrate.session.policy.timekeeping import judge_for
from hdh_migrate.session.verbs.backup import Backups
from hdh_migrate.session.verbs.journalling_notices import journal_notices
from hdh_migrate.session.verbs.preflight import answered, at_the_gate
from hdh_migrate.session.views.last_run import recording
from hdh_migrate.session.views.looked import finished, since_when, unread_of
from hdh_migrate.session.views.passes import demand_failures, pass_rows
from hdh_migrate.session.views.probed import missing, probe_facts
from hdh_migrate.session.views.traffic import added_up
from hdh_migrate.software import code_digest
from hdh_migrate.wiring import Services

if TYPE_CHECKING:
    from hdh_migrate.receipts import EndpointTraffic


@frozen
class Performed:
    """What steps came to."""

    code: Exit
    datasets: list[DatasetStates]
    refreshes: list[RefreshPass]
    retried: dict[str, int]
    """Failed objects that somebody asked to be tried again, by code."""
    open: bool
    """Whether findings are open."""
    behind: bool
    """Whether objects wait for a step before those that were asked for."""
    early: float | None = None
    """When the next of the batches that are not to be moved yet may be, in seconds since 1970."""


def perform(
    desk: Desk, steps: Sequence[Step], selected: Sequence[str]
) -> tuple[Exit, list[DatasetStates]]:
    """Carry out steps for batches; return the exit code and every dataset's tallies.

    Raises:
        UsageError: nothing was begun here, and these steps begin nothing.
        MigrateError: whatever ended the run early, with its exit code.
    """
    done = perform_with(desk, AskedRun(steps=tuple(steps), batches=tuple(selected)))
    return done.code, done.datasets


def perform_with(
    desk: Desk, asked: AskedRun, *, reported: bool = False, known: Sequence[Path] = ()
) -> Performed:
    """Carry out what is asked for.

    The ledger is copied where the plan says so, whatever ended the steps; one that is `reported`
    after steps that ended well is copied by who writes the report. `known` are bundles that may
    know more than the ledger does; see `demand_newest`.

    Raises:
        UsageError: no object fails with such a code.
        MigrateError: whatever ended the run early, with its exit code.
    """
    copies, selected = Backups(desk), asked.batches
    batches = desk.batches(selected)
    demand_failures(asked.again or ())
    wishes = Wishes(refresh=asked.refresh, again=asked.again, user=operator())
    last = [one.name for one in batches if not selected or one.name in selected][-1:]
    if Step.INVENTORY not in asked.steps:
        desk.read_ledger().close()  # without one there is nothing that they could work on
    words = tuple(str(step) for step in asked.steps)
    over = None if asked.taking_over is None else TakeOver(reason=asked.taking_over)

    def ended(batch: str) -> None:
        if batch not in last:  # for the last one, what is done at the end of it all is better
            if turn.fencing is not None:
                turn.fencing.renew(at_once=True)
            copies.take()

    with recording(desk, words, selected) as kept:
        with (
            copies.at_end(unless_well=reported),
            at_work(
                desk,
                words,
                selected,
                write=Step.TRANSFER in asked.steps,
                over=over,
                known=known,
                obeys=True,
                later=True,
                unread=lambda ledger: unread_of(ledger, batches, selected, refresh=asked.refresh),
                each_alone=True,
            ) as turn,
        ):
            kept.begins()
            copies.wanted = True
            verifies = Step.VERIFY in asked.steps and not asked.refresh
            idle = finished(turn.ledger, batches, selected, turn.ctx.waivers) if verifies else []
            runner = Runner(
                turn.ctx, batches, renewed=turn.renewed, ended=ended, wishes=wishes,
                refused=turn.refused,
            )  # fmt: skip
            code = runner.run(asked.steps, selected)
            for line in since_when(turn.ledger, idle):
                desk.progress.note(line)
            datasets = summary(turn.ctx)
            passes = pass_rows(turn.ledger, runner.passes)
        kept.code = copies.judged(code)
        return Performed(
            code=kept.code, datasets=datasets, refreshes=passes, retried=dict(runner.retried),
            early=runner.early, open=runner.open, behind=runner.behind,
        )  # fmt: skip


def demand_unpaused(desk: Desk) -> None:
    """Demand that nobody paused the runs of a migration; nothing is contacted for it.

    Raises:
        RunPaused: somebody did.
    """
    by = Standing.of(desk.instructions.read(), desk.clock.now()).paused
    if by is not None:
        raise RunPaused(f"runs of this migration are paused {by.who}")


@contextmanager
def at_work(
    desk: Desk,
    steps: Sequence[str],
    selected: Sequence[str],
    *,
    write: bool,
    over: TakeOver | None = None,
    newest: bool = True,
    known: Sequence[Path] = (),
    obeys: bool = False,
    later: bool = False,
    unread: Collection[str] | Callable[[SqliteLedger], Collection[str]] = (),
    each_alone: bool = False,
) -> Iterator[Turn]:
    """Open everything that steps need once nothing stands against them, and tell that they begin.

    Who writes holds the fences of the batches' buckets meanwhile; who writes in a transfer alone,
    which settles them, can have them `later`. Only who adopts works with a ledger that may not be
    the `newest`. Windows and pauses hold up who `obeys` them. The source of batches in which it
    is `unread`, as the ledger may tell, is asked for nothing: it may be gone. Where `each_alone`,
    what is wrong with the source of some batches is kept for `Turn.refused`, and stops no other.

    Raises:
        MigrateError: something does, or whatever ended the steps early.
    """
    loaded = desk.loaded
    if obeys:
        demand_unpaused(desk)
    whole = {one.name for one in desk.batches(selected) if not selected or one.name in selected}
    reads = callable(unread) or not whole <= set(unread)
    services = desk.services(write=write, reads=reads)
    self_test(services)
    if keys := services.unprotected_keys():
        desk.progress.note(
            f"no passphrase: {', '.join(keys)}; whoever copies such a key can use it"
        )
    opened = [services]
    judge = judge_for(desk.clock, opened, desk.ledger_path)
    # Before the ledger is opened: it is dated by a clock that is right.
    demand(at_the_gate(services, loaded.plan, judge))
    with held_ledger(desk, judge, newest=newest, known=known) as ledger:
        demand_no_rotation(ledger)
        for line in left_alone(ledger, list(selected) or [one.name for one in desk.batches(())]):
            desk.progress.note(line)
        signed_by = signers(ledger)
        demand(addressed.problems(ledger, loaded.plan, loaded.base))
        demand(unagreed(ledger, loaded.plan, loaded.base, judge.unchecked()))
        gone = unread(ledger) if callable(unread) else unread
        blocked = answered(desk, services, selected, judge, writes=write, unread=gone)
        refused = apart(blocked, whole - set(gone)) if each_alone else {}
        demand([*(() if refused else blocked), *unmet(desk)])
        demand(approvers_barred(loaded, ledger, signed_by))
        fences = fenced_for(desk, opened, ledger, selected, write=write, over=over, later=later)
        with fences as fencing:
            bind_recipients(ledger, loaded.plan, services.recipients)
            announce(desk, ledger, steps, selected)
            journal_notices(desk, ledger)
            with Turn(
                desk=desk,
                opened=opened,
                ledger=ledger,
                judge=judge,
                fencing=fencing,
                obeys=obeys,
                work=steps[0] if len(steps) == 1 else "run",
                refused=refused,
            ) as turn:
                yield turn


def fenced_for(
    desk: Desk,
    opened: Sequence[Services],
    ledger: SqliteLedger,
    selected: Sequence[str],
    *,
    write: bool,
    over: TakeOver | None = None,
    later: bool = False,
) -> AbstractContextManager[Fencing | None]:
    """Hold the fences for a verb that writes at the target; for another one hold nothing."""
    if not write:
        return nullcontext()
    return fenced(desk, opened, ledger, selected, over, user=operator(), later=later)


@mutable
class Turn:
    """One verb at work: what its steps share, and every service it has used.

    At its end the journal tells what was exchanged, whatever ended it.
    """

    desk: Desk
    opened: list[Services]
    """The services with each credential there was; the newest, which is in use, last."""
    ledger: SqliteLedger
    judge: Judge
    """Whose witnesses are those of the newest services."""
    fencing: Fencing | None = None
    """What is held at the target by who writes there."""
    obeys: bool = False
    """Whether windows and pauses hold it up."""
    work: str = "run"
    """What is done before a step begins, and where none does: the verb, or its only step."""
    batch: str | None = None
    """For which batch; None: for none of them alone."""
    going_back: bool = False
    """Whether it is a rollback, which nothing of the evidence holds up."""
    refused: Mapping[str, NotAsPlanned] = field(default_factory=dict)
    """Batches whose source alone keeps them from being begun, and why."""
    ctx: Context = field(init=False)
    _engines: list[Engines] = field(default_factory=list, init=False)
    _meter: Meter = field(init=False)

    def __post_init__(self) -> None:
        loaded = self.desk.loaded
        barred = approvers_barred(loaded, self.ledger, signers(self.ledger))
        if not self.going_back:
            demand(barred)
        if not barred:  # else the journal would tell a key as one that signs, for good
            identity = self.opened[-1].envelopes.identity
            for where in record_contents(self.ledger, loaded, identity):
                self.desk.progress.note(f"{where} has another content than last time: journalled")
        if not self.going_back:  # which rests on none of them
            keep_waivers(self.ledger, loaded, self.judge.unchecked)
            self.ledger.commit()
        self._meter = Meter(self.ledger, self.desk.clock, self._so_far, self.work, self.batch)
        self._begin()

    def _so_far(self) -> list[EndpointTraffic]:
        """Return what was exchanged so far, of each process with each endpoint."""
        return [
            *(one for services in self.opened for one in services.traffic(self.desk.clock)),
            *(one for engines in self._engines for one in engines.so_far()),
        ]

    def _begin(self) -> Context:
        self.ctx = self.desk.context(
            self.opened[-1], self.ledger, self.judge, self.fencing,
            obeys=self.obeys, meter=self._meter,
            shut=partial(gate.shut, self.opened[-1], self.desk.loaded.plan, self.judge),
        )  # fmt: skip
        self._engines.append(self.ctx.engines)
        return self.ctx

    def renewed(self) -> Context | None:
        """Return a context with the renewed credential, None when no credential was renewed.

        Raises:
            KeyUnavailable: a reference cannot be read now.
            Refused: the gate stays shut for the new credential.
        """
        self.ctx.engines.drop(grace=2.0)
        services = self.opened[-1]
        if not services.vault.renewed():
            return None
        again = self.desk.services(
            write=services.writer is not None,
            looks=services.looks,
            reads=services.reads,
            recipients=services.recipients,
        )
        self.opened.append(again)
        gate.admit(again, self.desk.loaded.plan, self.judge)
        return self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for engines in self._engines:
            engines.drop(grace=0.5 if self.desk.stop.is_set() else 30.0)
        self._meter.tell()
        journal_notices(self.desk, self.ledger, ends=True)
        self.ledger.event(RunEnded(traffic=added_up(self._so_far())))
        self.ledger.commit()


def self_test(services: Services) -> None:
    """Seal and open something before anything is moved.

    Raises:
        KeyUnavailable: the plan names no identity, or it opens nothing.
    """
    seal = services.plan.seal
    if seal.encrypts and seal.identity is None:
        raise KeyUnavailable(
            "seal.identity: no identity is given, so nothing could be verified or resumed",
            hint='name the private key of one recipient, such as "file:keys/steward.sec"',
        )
    services.envelopes.self_test()


def demand(problems: Sequence[Problem]) -> None:
    """Demand that nothing stands against going on.

    Raises:
        Refused: something does; all of it is named.
    """
    if problems:
        error = Refused(
            "preflight refuses to go on", blockers=[str(p) for p in problems],
            hint="this command moved nothing; what earlier ones moved is untouched",
        )  # fmt: skip
        if any(problem.auth for problem in problems):
            error.exit_code = Exit.AUTH
        raise error


def unmet(desk: Desk) -> list[Problem]:
    """Return what the plan counts on and the last probe did not find."""
    plan = desk.loaded.plan
    return missing(plan, probe_facts(desk.state_dir, plan, desk.loaded.base))


def announce(
    desk: Desk, ledger: SqliteLedger, steps: Sequence[str], selected: Sequence[str]
) -> None:
    """Tell that a command begins, with its steps and the batches that it is for; none: for all."""
    ledger.event(
        RunStarted(
            plan_digest=desk.loaded.digest,
            steps=tuple(steps),
            batches=tuple(selected),
            tool=__version__,
            code_sha256=code_digest(),
            user=operator(),
            pid=os.getpid(),
        )
    )
    ledger.commit()
