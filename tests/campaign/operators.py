"""What operators do: each verb is one process, from the opening of the ledger to its close."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

from hdh_migrate.errors import Exit, MigrateError, Refused
from hdh_migrate.events.batches import BatchAmended, BatchAmending
from hdh_migrate.events.cutover import Track
from hdh_migrate.events.run import RunStarted
from hdh_migrate.fixity import canonical_json
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Listed, ObjectInfo, State, Step
from hdh_migrate.pipeline.adoption.adopting import Adopt
from hdh_migrate.pipeline.binding import Binder, Binding, bindings, keep_binding
from hdh_migrate.pipeline.context import Context, DatasetRules
from hdh_migrate.pipeline.cutover.finalize import finalize
from hdh_migrate.pipeline.cutover.rehearse import rehearse
from hdh_migrate.pipeline.cutover.rollback import roll_back
from hdh_migrate.pipeline.cutover.scene import Scene, Story
from hdh_migrate.pipeline.cutover.start import start
from hdh_migrate.pipeline.decommission.decommission import execute, forecast, observe
from hdh_migrate.pipeline.decommission.undertaking import ShownEvidence, Undertaking
from hdh_migrate.pipeline.fences.fence import fenced_out, judge, known
from hdh_migrate.pipeline.fences.fencing import Fencing, TakeOver
from hdh_migrate.pipeline.fences.post import Owner
from hdh_migrate.pipeline.inventory.amending import Amending
from hdh_migrate.pipeline.looks.look_again import Choice, LookAgain
from hdh_migrate.pipeline.looks.restoring import Restoring
from hdh_migrate.pipeline.projections.standing import CutoverStanding, standing
from hdh_migrate.pipeline.rules.selecting import decide
from hdh_migrate.pipeline.runner import NO_WISHES, Runner, Wishes
from hdh_migrate.pipeline.tags import mark_of
from hdh_migrate.pipeline.workers.work import Route
from hdh_migrate.plan.classes import what_of
from hdh_migrate.results.hosts import StaleUploads
from hdh_migrate.session.policy.bound_ledger import bind as bind_ledger
from hdh_migrate.session.policy.bundles import trusted_bundles
from hdh_migrate.session.policy.changing import is_followed
from hdh_migrate.session.policy.consents import Consents
from hdh_migrate.session.policy.erased import demand_not_erased, left_alone
from hdh_migrate.session.policy.rotating import demand_no_rotation
from hdh_migrate.session.policy.unswitched import demand_not_switched
from hdh_migrate.session.verbs.cleanup import OthersWish, StaleSweep
from hdh_migrate.session.verbs.report import remember_statement
from hdh_migrate.session.verbs.run import announce
from hdh_migrate.session.views.records import batch_root
from hdh_migrate.wiring.context import RUN_TAG as RUN_NAME
from tests.campaign.bundles import Bundles
from tests.campaign.council import Council
from tests.campaign.desks import bind, desk_of, plan_of
from tests.campaign.guards import GuardedEraser
from tests.campaign.heralds import Heralds
from tests.campaign.kinds import LifeKind
from tests.campaign.openers import Openers
from tests.campaign.setting import BUCKET, MIGRATION, USER, Setting
from tests.campaign.steering import Steering
from tests.campaign.waiving import Waiving
from tests.support.cutover import BATCH, NEW
from tests.support.script import Killed
from tests.support.world import ALL, RUN_TAG

GONE = TakeOver(reason="the other machine is gone")
REFRESH = Wishes(refresh=True, user=USER)
AGAIN = Wishes(again=(), user=USER)


class Operators:
    """Every verb that a life may draw."""

    def __init__(
        self, setting: Setting, council: Council, eraser: GuardedEraser, waiving: Waiving
    ) -> None:
        self._setting, self._council, self._eraser = setting, council, eraser
        self._waiving = waiving
        self._bundles = Bundles(setting)
        self._showing = random.Random(f"showing {setting.life.seed}")
        self.heralds: Heralds | None = None
        """Who notifies others; None: nobody is to be notified."""
        self.openers: Openers | None = None
        """Who reads back what was moved; None: nobody does."""
        self.steering: Steering | None = None
        """What people tell runs; None: nothing is told."""
        bind(setting)
        setting.affair.root = self._root  # type: ignore[method-assign]  # as a run has it
        self.level = "stored"
        """How closely the target is read again before a delete."""
        self.within_seconds = 7 * 86_400
        self.cooling_seconds = 3_600

    # --- moving --------------------------------------------------------------------------------

    def run(self, steps: Sequence[Step] = ALL, wishes: Wishes = NO_WISHES) -> Exit:
        """Go through steps; who moves holds the fence."""
        with self.opened(writes=Step.TRANSFER in steps, obeys=True) as (ledger, ctx):
            return self._run(ledger, ctx, steps, wishes)

    def take_over(self) -> Exit:
        """Run, and take the fence from whoever has it."""
        self._demand_pointer_unmoved()
        with self.opened(writes=True, over=GONE, obeys=True) as (ledger, ctx):
            return self._run(ledger, ctx, ALL, NO_WISHES)

    def _demand_pointer_unmoved(self) -> None:
        """Refuse to take over while consumers are led to the target without this ledger's doing."""
        now = self._setting.standing()
        if self._setting.pointer.value == NEW and not is_followed(now):
            raise Refused("consumers follow a batch that this ledger did not switch")

    def look(self, level: str, *, afresh: bool = False) -> Exit:
        """Look again at all that is verified; afresh also at what a killed look had read."""
        with self.opened(writes=False, obeys=True) as (ledger, ctx):
            if self._setting.fenced:
                self._demand_the_writer(ledger)
            for batch in self._batches():
                LookAgain(ctx, batch, Choice(level=level, afresh=afresh), user=USER).run()
            ledger.check_receipts()
            ledger.reconcile()
        return Exit.OK

    def restore(self) -> Exit:
        """Keep foreign objects aside and send ours again."""
        with self.opened(writes=True) as (_, ctx):
            for batch in self._batches():
                story = Restoring(ctx, batch, user=USER)
                story.restore(story.waiting(accepted=True))
        return self.run()

    def clean_up(self, seconds: float, *, others: bool = False) -> str:
        """Abort uploads that are open for longer, and that nobody goes on with.

        With `others` also those that the ledger takes for somebody else's.
        """
        found = list[StaleUploads]()
        with self.opened(writes=False) as (ledger, ctx):
            if self._setting.fenced:
                self._demand_the_writer(ledger)
            for row in ledger.datasets():
                if row.surveyed:
                    sweep = StaleSweep(ctx.judge, self._setting.target, ledger, row, ctx.routes)
                    wish = OthersWish(dataset=row.name, reason="ours", typed=row.name)
                    named = wish if others else None
                    found.append(sweep.abort(seconds, execute=True, others=named))
        ended = sum(one["aborted"] + one.get("others_aborted", 0) for one in found)
        return f"{ended} aborted"

    def adopt(self) -> Exit:
        """Let the ledger know what a lost one, or another copy of it, has moved."""
        self._demand_pointer_unmoved()
        desk, batches = desk_of(self._setting), self._batches()
        told = trusted_bundles(desk, self._shown())
        if told.found:
            demand_not_switched(desk, told, batches)
        names = {one.ledger for one in told.found}
        by_bundle = 0
        with self.opened(writes=False) as (ledger, ctx):
            for batch in batches:
                if told.found:
                    Consents(desk, ledger, ctx.judge, batch).inherit(told.terms(batch))
                tally = Adopt(
                    ctx, batch, ours=lambda name: name in names or mark_of(name) == RUN_TAG,
                    proofs=told, journals=[one.seen for one in told.found], user=USER,
                ).run()  # fmt: skip
                by_bundle += tally.by_bundle
        if told.found:
            remember_statement(desk, told.found[0].bundle.statement_sha256)
            self._setting.life.tell(f"  bundles told of {by_bundle} objects")
        return Exit.OK

    def _shown(self) -> Sequence[Path]:
        """Draw which reports somebody shows to who adopts; in earlier kinds of lives none."""
        setting, dice = self._setting, self._showing
        written = self._bundles.written
        if setting.kind is not LifeKind.ATTENDED or setting.switches or not written:
            return ()
        return dice.sample(written, dice.randint(0, min(2, len(written))))

    def _batches(self) -> list[str]:
        return [one.name for one in self._setting.world._batches()]

    def _run(
        self, ledger: SqliteLedger, ctx: Context, steps: Sequence[Step], wishes: Wishes
    ) -> Exit:
        batches = self._setting.world._batches()
        code = Runner(ctx, batches, renewed=lambda: None, wishes=wishes).run(steps, ())
        ledger.reconcile()
        return code

    # --- the plan ------------------------------------------------------------------------------

    def amend(self, excluded: Sequence[str]) -> Exit:
        """Let the plan leave other objects out than before."""
        host = self._setting.host
        dataset = replace(host.plans[-1], exclude=tuple(excluded))
        planned = {dataset.name: dataset}
        with self.opened(writes=False, during=True) as (ledger, ctx):
            if is_followed(standing(ledger.cutovers(), BATCH)):
                raise Refused(f"batch {BATCH} is cut over: what it is stays as it was approved")
            before = bindings(ledger).get(BATCH)
            if before is None:  # it is bound to nothing yet
                host.plans[-1] = dataset
                return Exit.OK
            what = what_of(json.loads(plan_of(self._setting, dataset)[1]), BATCH)
            bound = Binding(BATCH, before.revision + 1, canonical_json(what).decode())

            def by_plan(obj: ObjectInfo, route: Route, rules: DatasetRules) -> Listed:
                limits = self._setting.target.limits
                return decide(obj, route, rules.rules, limits, header=ctx.header, sealed=ctx.sealed)

            ledger.event(
                BatchAmending(
                    batch=BATCH, revision=bound.revision, was=before.digest, now=bound.digest,
                    changes=(f"leaves out {len(excluded)}",), reason="a simulation", user=USER,
                )
            )  # fmt: skip
            ledger.commit()
            with ledger.whole():
                found = Amending(
                    ledger=ledger, routes=ctx.routes,
                    rules={name: one.rules for name, one in planned.items()},
                    decide=by_plan, touched=[dataset.name], resealed=False,
                ).run(BATCH, [dataset.name], apply=True)  # fmt: skip
                ledger.event(
                    BatchAmended(
                        batch=BATCH, revision=bound.revision, digest=bound.digest, excluded={},
                        taken_back={}, recipients=ABSENT,
                        moved_before={one.dataset: one.moved_before for one in found if one.judged},
                    )
                )  # fmt: skip
                keep_binding(ledger, bound)
                host.plans.append(dataset)  # it counts once this is committed: see `settle_plan`
                ledger.commit()
            ledger.reconcile()
        return Exit.OK

    def settle_plan(self) -> None:
        """Let the plan be the one that the ledger is bound to, whatever became of an amendment."""
        host = self._setting.host
        ledger = host.world.open()
        try:
            count = revision(ledger)
        finally:
            ledger.close()
        del host.plans[count + 1 :]
        host.world.datasets = (host.plans[-1], *self._setting.beside)
        bind(self._setting)

    # --- cutover -------------------------------------------------------------------------------

    def start(self) -> str:
        """Cut the batch over, or go on with it."""
        return str(self._cut(start).stage)

    def roll_back(self) -> str:
        """Go back."""
        return str(self._cut(roll_back)["stage"])

    def finalize(self, reason: str | None, *, as_it_is: bool = False) -> str:
        """End the fallback window for good; in lives of months the fence is released with it."""

        def end(scene: Scene) -> CutoverStanding:
            now = finalize(scene, reason, as_it_is=as_it_is)
            if scene.fencing is not None and self._setting.kind.lasts:
                scene.fencing.release([BUCKET])
            return now

        return str(self._cut(end).stage)

    def rehearse(self) -> str:
        """Play the cutover on the canary, and back."""
        with self.opened(writes=False, batches=[BATCH]) as (ledger, ctx):
            found = rehearse(self._scene(ledger, ctx, Track.REHEARSAL))
        return "as it was" if all(found["same"].values()) else "something moved meanwhile"

    def report(self, proving: Collection[str] = ()) -> str:
        """Write a report, which proves the batch if all of it is verified, and these objects."""
        with self.opened(writes=False, during=True):
            pass  # whoever is the first begins the ledger
        folder = self._bundles.write()
        self._bundles.demand_whole(folder, proving)
        with self._setting.script.undisturbed():
            return self._reported()

    @property
    def reports(self) -> int:
        """How many reports were written."""
        return len(self._bundles.written)

    def _reported(self) -> str:
        ledger = self._setting.world.open()
        try:
            living = self._setting.living(ledger, BATCH)
            rows = [row for one in living for row in ledger.records(one.id)]
            if any(row["state"] not in {State.VERIFIED, State.EXCLUDED} for row in rows):
                return "not every object is verified"
            self._setting.reported.add(self._setting.affair.root(ledger))
        finally:
            ledger.close()
        return "the batch is proved"

    def _cut(self, verb: Callable[[Scene], object]):  # type: ignore[no-untyped-def]  # as the verb
        with self.opened(writes=True, batches=[BATCH]) as (ledger, ctx):
            return verb(self._scene(ledger, ctx))

    def _scene(self, ledger: SqliteLedger, ctx: Context, track: Track = Track.CUTOVER) -> Scene:
        Consents(desk_of(self._setting), ledger, ctx.judge, BATCH).settle()
        scene = self._setting.affair.scene(ledger, track)
        scene.ctx = ctx
        scene.consent = partial(self._council.consent, ledger)
        scene.waivers = ctx.waivers
        scene.fencing = self._setting.holding
        scene.attested = self._setting.conditions.attested
        scene.unfit = self._setting.conditions.unfit
        return scene

    # --- the end at the source -------------------------------------------------------------------

    def decommission(self, *, keep_going: bool = False) -> str:
        """Delete at the source what is at the target."""
        return self._undertake(lambda story: execute(story, keep_going=keep_going)["stage"])

    def forecast(self) -> str:
        """Say what a decommission would do."""
        return self._undertake(lambda story: f"{len(forecast(story)['blockers'])} blockers")

    def observe(self) -> str:
        """List what the source still shows."""
        return self._undertake(lambda story: observe(story)["stage"], reads=False)

    def _undertake(self, verb: Callable[[Undertaking], str], *, reads: bool = True) -> str:
        with self.opened(writes=False, batches=()) as (ledger, ctx):
            if reads:  # what is only observed was agreed to before
                demand_not_erased(ledger, [row.name for row in ledger.datasets(BATCH)])
            scene = self._scene(ledger, ctx)
            shared = {one.name: getattr(scene, one.name) for one in fields(Story) if one.init}
            self._eraser.level, self._eraser.within = self.level, self.within_seconds
            self._eraser.cooling = self.cooling_seconds
            return str(
                verb(
                    Undertaking(
                        **shared, eraser=self._eraser, evidence=self._lacking,
                        pointer=scene.pointer, attested=scene.attested, unfit=scene.unfit,
                        wanted=list,
                        fenced=lambda: self._against(ledger), level=self.level, reason=None,
                        within_seconds=self.within_seconds, cooling_seconds=self.cooling_seconds,
                        connections=1,
                    )
                )
            )  # fmt: skip

    def _lacking(self, root: str) -> ShownEvidence:
        proven = root in self._setting.reported
        return ShownEvidence([] if proven else ["no report proves this manifest"])

    # --- the fence -----------------------------------------------------------------------------

    @contextmanager
    def opened(
        self,
        *,
        writes: bool,
        over: TakeOver | None = None,
        during: bool = False,
        batches: Sequence[str] | None = None,
        obeys: bool = False,
    ) -> Iterator[tuple[SqliteLedger, Context]]:
        """Open the ledger for one process; who writes holds the fence meanwhile.

        Somebody's pause holds up who `obeys` it.

        Raises:
            Refused: keys are being exchanged, or a dataset of these `batches` (all of them) is
                being erased, and it may not be done `during` that.
        """
        setting, world = self._setting, self._setting.world
        setting.holding = None
        if obeys and self.steering is not None:
            self.steering.demand_free()
        ledger = world.open()
        try:
            if self.openers is not None:
                self.openers.take_in(ledger)
            if next(ledger.events(RunStarted), None) is None:
                self._begin(ledger)
            if self.heralds is not None:
                self.heralds.journal(ledger)
            if setting.kind.rekeys and not during:
                demand_no_rotation(ledger)
                left_alone(ledger, self._batches() if batches is None else batches)
            if not (setting.fenced and writes):
                yield ledger, self._context(ledger, obeys=obeys)
                if self.heralds is not None:
                    self.heralds.journal(ledger, ends=True)
                return
            fencing = self._fencing(ledger)
            before = setting.takes
            try:
                fencing.take([BUCKET], over)
            except (Killed, MigrateError):
                setting.see_taken()  # it may have been told before what failed
                raise
            setting.took(over=over is not None, before=before)
            world.epoch = fencing.epoch
            ctx = self._context(ledger, obeys=obeys)
            ctx.fence = fencing
            setting.holding = fencing
            try:
                yield ledger, ctx
            finally:
                setting.holding = None
                if not setting.script.dead:
                    fencing.leave()
        finally:
            ledger.close()

    def _root(self, ledger: SqliteLedger) -> str:
        return batch_root(desk_of(self._setting), ledger, BATCH)

    def _begin(self, ledger: SqliteLedger) -> None:
        """Name a ledger, and tell that it is worked with, as the first run of a plan does."""
        desk = desk_of(self._setting)
        ledger.set_meta(RUN_NAME, self._setting.host.run_tag)
        bind_ledger(desk, ledger)
        announce(desk, ledger, ALL, ())

    def _context(self, ledger: SqliteLedger, *, obeys: bool) -> Context:
        ctx, host = self._setting.world.context(ledger), self._setting.host
        if self._setting.kind.apart and host.copies is not None:
            ctx.packs = host.copies.keeping
        ctx.binder = Binder(plan=json.loads(self._setting.world.plan[1]), recipients=host.first)
        ctx.waivers = self._waiving.counting(ledger, ctx.judge)
        if self.steering is not None:
            ctx.course = self.steering.course(ledger, ctx, obeys=obeys)
        return ctx

    def _fencing(self, ledger: SqliteLedger) -> Fencing:
        world = self._setting.world
        return Fencing(
            ledger, lambda: world.target, self._owner(), clock=world.clock,
            retry=world._retry(world.stop), progress=world.notes, wait=world.stop.wait,
        )  # fmt: skip

    def _owner(self) -> Owner:
        host = self._setting.host
        return Owner(
            migration=MIGRATION, ledger=host.run_tag, place=str(host.world.path),
            host=host.name, pid=7, user=USER,
        )  # fmt: skip

    def _against(self, ledger: SqliteLedger) -> list[str]:
        """Say why this machine is not the one that wrote last; empty: it is."""
        if not self._setting.fenced:
            return []
        owner = self._owner()
        return self._setting.world._retry(self._setting.world.stop)(
            lambda: judge(
                self._setting.target, known(ledger), [BUCKET], migration=MIGRATION,
                ledger=owner.ledger, place=owner.place,
            )
        )  # fmt: skip

    def _demand_the_writer(self, ledger: SqliteLedger) -> None:
        if problems := self._against(ledger):
            raise fenced_out(problems)


def revision(ledger: SqliteLedger) -> int:
    """Return how often the batch was amended."""
    return sum(1 for _ in ledger.events(BatchAmended))
