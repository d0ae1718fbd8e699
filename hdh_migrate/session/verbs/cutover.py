"""Carry out the verbs of a cutover: ledger, adapters, approvals and the story put together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from hdh_migrate.clocks import Judge
from hdh_migrate.errors import CommandFailed, KeyUnavailable, UsageError
from hdh_migrate.events.cutover import Track
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.cutover.finalize import finalize as finish
from hdh_migrate.pipeline.cutover.rehearse import rehearse as play
from hdh_migrate.pipeline.cutover.rollback import after_restoring, count, pointer_now, restore
from hdh_migrate.pipeline.cutover.scene import (
    Back,
    Consumer,
    Need,
    Program,
    Ran,
    Scene,
    Terms,
)
from hdh_migrate.pipeline.cutover.source_since import source_since
from hdh_migrate.pipeline.cutover.start import start as go
from hdh_migrate.pipeline.projections.facts import cutover_facts
from hdh_migrate.pipeline.projections.standing import FINAL, standing
from hdh_migrate.plan.cutover import Cutover, SmokeCommand
from hdh_migrate.plan.leaks import redacted
from hdh_migrate.plan.model import Plan
from hdh_migrate.plan.pointers import Pointer as PointerSection
from hdh_migrate.ports.switching import Pointer
from hdh_migrate.programs import LocalRun
from hdh_migrate.results.switches import ConsumerWrites, CutoverFact, Rehearsed, RolledBack
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy import gate, health
from hdh_migrate.session.policy.binding import bind_recipients
from hdh_migrate.session.policy.bound_ledger import bound_ledger, held_ledger
from hdh_migrate.session.policy.buckets import buckets_of
from hdh_migrate.session.policy.canary import demand_apart
from hdh_migrate.session.policy.consents import Consents
from hdh_migrate.session.policy.erased import left_alone
from hdh_migrate.session.policy.newest import demand_newest
from hdh_migrate.session.policy.openings import take_in
from hdh_migrate.session.policy.rotating import demand_no_rotation
from hdh_migrate.session.policy.timekeeping import judge_for, judge_over
from hdh_migrate.session.verbs import hold as holding
from hdh_migrate.session.verbs.backup import copied_after
from hdh_migrate.session.verbs.older_copy import demand_not_older
from hdh_migrate.session.verbs.run import Turn, fenced_for, self_test
from hdh_migrate.session.views.drawer import FolderDrawer
from hdh_migrate.session.views.records import batch_root
from hdh_migrate.wiring import (
    Services,
    Vault,
    open_consumer,
    open_freeze_probe,
    open_pointer,
    source_transport,
)
from hdh_migrate.wiring.chosen import is_rehearsal


def start(desk: Desk, batch: str) -> CutoverFact:
    """Cut a batch over; started again after any stop it goes on. Returns how it stands.

    Raises:
        MigrateError: whatever keeps it from going on; see `pipeline.cutover.start`.
    """
    with (
        copied_after(desk),
        _scene(desk, batch, Track.CUTOVER, write=True, binding=True) as scene,
    ):
        go(scene)
        return _fact(scene)


def rollback(desk: Desk, batch: str, *, show_names: bool = False) -> RolledBack:
    """Give the pointer its old value back and tell what consumers wrote meanwhile.

    Raises:
        Fenced: the target shows a newer ledger, which may know that the switch is final.
        LedgerBehind: so does a copy, or a report, on this machine.
        MigrateError: see `pipeline.cutover.rollback`.
    """
    plan, entry = desk.loaded.plan, entry_of(desk, batch)
    section = _pointer(plan, entry, Track.CUTOVER)
    with closing(desk.read_ledger()) as known:
        demand_newest(desk, known)  # a newer copy on this machine is named, and nobody is asked
    # The source is asked for the time, without a credential: it dates the journal, and what it
    # tells, or not, stops nothing.
    transport = source_transport(plan, desk.loaded.base)
    judge_over(desk.clock, [transport], desk.ledger_path).look()
    # From before a switch was final, or its source deleted, it would lead consumers to nothing.
    # What the target told of the time counts, too: many a source tells none.
    reached = demand_not_older(desk)
    dating = judge_over(desk.clock, [transport, *reached], desk.ledger_path)
    with copied_after(desk), bound_ledger(desk, dating) as ledger:
        vault, state = Vault.open(desk.loaded.base), desk.ledger_path.parent
        pointer = open_pointer(plan, section, vault, state)
        back = _back(desk, ledger, pointer.thing, section.value, batch)
        restore(back)
        with after_restoring(back):
            take_in(ledger, desk.ledger_path)
            services = desk.services(write=False)
            services.transports = (*services.transports, ("source", transport))
            services.take(pointer)
            judge = judge_for(desk.clock, [services], desk.ledger_path)
            judge.journal = ledger.last_at
            with Turn(
                desk=desk,
                opened=[services],
                ledger=ledger,
                judge=judge,
                work="cutover",
                batch=entry.batch,
                going_back=True,
            ) as turn:
                scene = _put_together(turn, entry, section, Track.CUTOVER)
                writes = count(scene)
                switched = bool(writes["written"])  # else nobody was led to the target
                source = source_since(scene) if switched else None
                lines = _lines(writes) if show_names else []
                seen = pointer_now(back)  # last: what was listed may have taken hours
                return {**writes, **_fact(scene), "lines": lines, "source": source,
                        "pointer_now": seen}  # fmt: skip


def _lines(writes: ConsumerWrites) -> list[str]:
    if writes["names"] is None:
        return []
    try:
        return Path(writes["names"]).read_text("utf-8", "surrogateescape").splitlines()
    except FileNotFoundError:  # of an earlier rollback, and somebody took it away since
        return [f"{writes['names']} is not there any more"]


def finalize(desk: Desk, batch: str, reason: str | None, *, as_it_is: bool = False) -> CutoverFact:
    """Give rollback up for good.

    Raises:
        MigrateError: see `pipeline.cutover.finalize`.
    """
    with (
        copied_after(desk),
        _scene(desk, batch, Track.CUTOVER, write=False, binding=True, fences=True) as scene,
    ):
        finish(scene, reason, as_it_is=as_it_is)
        assert scene.fencing is not None
        scene.fencing.release(_done_with(desk, scene))
        return _fact(scene)


def _done_with(desk: Desk, scene: Scene) -> list[str]:
    """Return the batch's buckets that no batch writes to any more: all of theirs are final."""
    plan = desk.loaded.plan
    open_ = [
        one.name
        for one in plan.ordered_batches()
        if standing(scene.ledger.cutovers(), one.name).stage not in FINAL
    ]
    busy = set(buckets_of(plan, open_)) if open_ else set()
    return [bucket for bucket in buckets_of(plan, [scene.batch]) if bucket not in busy]


def rehearse(desk: Desk, batch: str) -> Rehearsed:
    """Play the whole cutover on the canary and back.

    Raises:
        UsageError: the plan names no canary for the batch.
        Refused: the canary is one of the plan's pointers.
        MigrateError: see `pipeline.cutover.rehearse`.
    """
    canary = _pointer(desk.loaded.plan, entry_of(desk, batch), Track.REHEARSAL)
    demand_apart(desk.loaded.plan, desk.loaded.base, canary)
    with _scene(desk, batch, Track.REHEARSAL, write=False) as scene:
        return play(scene)


def entry_of(desk: Desk, batch: str) -> Cutover:
    """Return what the plan says of a batch's cutover.

    Raises:
        UsageError: nothing, or there is no such batch.
    """
    desk.batches([batch])
    found = desk.loaded.plan.cutover(batch)
    if found is None:
        raise UsageError(
            f"the plan does not say how batch {batch} is cut over",
            hint="add it to the plan's `cutovers` (hdh-migrate docs cutover); a run that is under"
            " way goes on",
        )
    return found


# --- the scene -----------------------------------------------------------------------------------


@contextmanager
def _scene(
    desk: Desk,
    batch: str,
    track: Track,
    *,
    write: bool,
    binding: bool = False,
    fences: bool = False,
) -> Iterator[Scene]:
    """Open everything for one verb, and close it with what was exchanged with each endpoint.

    A `binding` verb rests on the terms of the cutover: they are fixed, or a change is agreed to.
    One that `fences` writes no object, and must be of the ledger that writes them all the same.
    """
    entry = entry_of(desk, batch)
    pointer = _pointer(desk.loaded.plan, entry, track)
    desk.read_ledger().close()  # a ledger is never made by a cutover
    services = desk.services(write=write or fences)
    if write:
        self_test(services)
    judge = judge_for(desk.clock, [services], desk.ledger_path)
    # Asked before anything is written, so that the journal is dated by a clock that is right; who
    # refuses because of it is the step that depends on it.
    gate.opened(services, desk.loaded.plan, judge)
    opened = [services]
    with (
        held_ledger(desk, judge) as ledger,
        fenced_for(desk, opened, ledger, [batch], write=write or fences) as fencing,
        Turn(
            desk=desk,
            opened=opened,
            ledger=ledger,
            judge=judge,
            fencing=fencing,
            work="cutover",
            batch=batch,
        ) as turn,
    ):
        if binding and write:  # a delta seals, too
            bind_recipients(ledger, desk.loaded.plan, services.recipients)
        if binding:
            demand_no_rotation(ledger)
            for line in left_alone(ledger, [batch]):
                desk.progress.note(line)
            Consents(desk, ledger, judge, batch).settle()
        yield _put_together(turn, entry, pointer, track)


def _put_together(
    turn: Turn,
    entry: Cutover,
    pointer: PointerSection,
    track: Track,
) -> Scene:
    desk, ctx, ledger, services = turn.desk, turn.ctx, turn.ledger, turn.opened[-1]
    plan, batch, vault = desk.loaded.plan, entry.batch, services.vault
    return Scene(
        ctx=ctx,
        batch=batch,
        track=track,
        pointer=services.take(open_pointer(plan, pointer, vault, desk.ledger_path.parent)),
        value=pointer.value,
        probe=services.take(open_freeze_probe(plan, vault, services.sources)),
        terms=_terms(entry),
        needs=_needs(plan, batch),
        user=operator(),
        root=lambda: batch_root(desk, ledger, batch),
        consent=Consents(desk, ledger, ctx.judge, entry.batch),
        held=lambda: holding.holder(desk),
        waivers=ctx.waivers,
        attested=lambda: [str(one) for one in gate.opened(services, plan, ctx.judge)],
        unfit=partial(health.unfit, services, plan, buckets_of(plan, [batch]), ctx.judge),
        consumer=partial(_consumer, desk, services, entry, ctx.judge),
        lacking=partial(_lacking, plan, entry, vault),
        programs=[_program(desk, vault, one, pointer.value) for one in entry.smoke.commands],
        drawer=drawer_of(desk),
        shown=redacted,
        rehearsing=is_rehearsal(desk.loaded.plan, desk.loaded.base),
        fencing=turn.fencing,
    )


def _back(desk: Desk, ledger: SqliteLedger, pointer: Pointer, value: str, batch: str) -> Back:
    return Back(
        ledger=ledger,
        batch=batch,
        track=Track.CUTOVER,
        user=operator(),
        retry=desk.retrying(),
        pointer=pointer,
        value=value,
        drawer=drawer_of(desk),
        shown=redacted,
    )


def _pointer(plan: Plan, entry: Cutover, track: Track) -> PointerSection:
    found = plan.pointer(entry.batch) if track is Track.CUTOVER else entry.canary
    if found is None:
        raise UsageError(
            f"the plan names no canary for batch {entry.batch}",
            hint="give its entry in `cutovers` a `canary`: a pointer that no consumer follows",
        )
    return found


def _terms(entry: Cutover) -> Terms:
    return Terms(
        relist_seconds=entry.relist_seconds,
        rounds=entry.rounds,
        smoke_objects=entry.smoke.objects,
        window_seconds=entry.window_seconds,
        roll_back=entry.smoke.on_failure == "rollback",
    )


def _needs(plan: Plan, batch: str) -> tuple[Need, ...]:
    needs = next(found.needs for found in plan.batches if found.name == batch)
    return tuple(Need(batch=need, cut_over=plan.cutover(need) is not None) for need in needs)


def _consumer(desk: Desk, services: Services, entry: Cutover, judge: Judge) -> Consumer:
    loaded = desk.loaded
    consumer, place = open_consumer(loaded.plan, entry.smoke, services.vault, services.network)
    gate.admit_target(place, loaded.plan, loaded.base, judge)
    return services.take(consumer)


def _lacking(plan: Plan, entry: Cutover, vault: Vault) -> list[str]:
    """Return why the smoke tests could not be made, before anything is switched."""
    lines = []
    try:
        open_consumer(plan, entry.smoke, vault)[0].thing.envelopes.self_test()
    except KeyUnavailable as error:
        lines.append(f"smoke tests: {error}")
    for command in entry.smoke.commands:
        try:
            for ref in command.environment.values():
                vault.reveal(ref)
        except KeyUnavailable as error:
            lines.append(f"smoke test {command.name}: {error}")
    return lines


def _program(desk: Desk, vault: Vault, section: SmokeCommand, value: str) -> Program:
    def run() -> Ran:
        try:
            environment = {name: vault.reveal(ref) for name, ref in section.environment.items()}
            runner = LocalRun(desk.loaded.base, environment, seconds=section.timeout_seconds)
            ended = runner(section.run, {"HDH_POINTER": value})
        except (CommandFailed, KeyUnavailable) as error:
            return Ran(ok=False, detail=str(error))
        # What it printed may name objects, so it goes where names may stand.
        drawer, name = drawer_of(desk), f"smoke-{section.name}.log"
        with drawer.open(name) as file:
            file.write((ended.output + ended.errors).decode("utf-8", "surrogateescape"))
        if ended.status == 0:
            return Ran(ok=True, detail="status 0")
        how = "took too long" if ended.status is None else f"status {ended.status}"
        return Ran(ok=False, detail=f"{how}; its output stands in {drawer.path(name)}")

    return Program(name=section.name, run=run)


def drawer_of(desk: Desk) -> FolderDrawer:
    """Return where a cutover keeps lists of names and values."""
    return FolderDrawer(desk.ledger_path.with_name("cutover"))


def _fact(scene: Scene) -> CutoverFact:
    return next(
        story
        for story in cutover_facts(scene.ctx.ledger)
        if (story["batch"], story["track"]) == (scene.batch, scene.track)
    )
