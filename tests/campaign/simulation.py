"""One life of a migration, drawn from a seed: verbs in any order, and all that goes wrong.

The real pipeline, sealing, approvals and ledger work here between a source, a target and a pointer
in memory, in one thread, with a clock that nobody waits for. The seed draws what people do, what
the world does under them, which calls fail before or after their effect, and when the process is
killed. After each process the invariants of docs/reliability.md are checked; in the end everything
heals, and what is there is compared with what a migration without trouble gives.

The same seed gives the same life: a seed that fails is a test.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hdh_migrate.errors import Exit, LedgerDamaged, MigrateError
from hdh_migrate.model import Step
from hdh_migrate.pipeline.cutover.scene import Terms
from hdh_migrate.pipeline.projections.standing import FINAL, CutoverStage
from tests.campaign.archive import SimulatedArchive
from tests.campaign.chances import Chances
from tests.campaign.clusters import SimulatedCluster
from tests.campaign.council import DAYS_30, Council
from tests.campaign.disk import under_ledgers
from tests.campaign.erasures import Erasures
from tests.campaign.exchanges import Exchanges
from tests.campaign.grants import SimulatedGrants
from tests.campaign.guards import GuardedEraser, GuardedPointer
from tests.campaign.heralds import Heralds
from tests.campaign.invariants import Invariants
from tests.campaign.judging import Judging
from tests.campaign.kinds import LifeKind
from tests.campaign.landlords import Landlord
from tests.campaign.life import Broken, Life
from tests.campaign.months import DAY, Months
from tests.campaign.onlookers import Onlookers
from tests.campaign.openers import Openers
from tests.campaign.operators import AGAIN, REFRESH, Operators
from tests.campaign.setting import BUCKET, ENDING, Setting, SimulatedHost
from tests.campaign.settling import Settling
from tests.campaign.steering import Steering
from tests.campaign.trials import GuardedProbe
from tests.campaign.troubles import Troubles
from tests.campaign.waiving import Waiving
from tests.support.script import Killed
from tests.support.world import ALL

Act = tuple[str, Callable[[], object]]
"""What a process is called in the story, and what it does."""

_ROOT = re.compile("[0-9a-f]{64}|g-[0-9a-f]{12}")
"""A manifest's root differs between two lives of one seed: keys of sealed objects are random.

And so does the id of a grant.
"""

_BEFORE = (CutoverStage.NONE, CutoverStage.PREPARING, CutoverStage.ROLLED_BACK)


class Simulation:
    """Lives one life; `live` raises `Broken` when something is lost, altered or forgotten."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._setting = setting = Setting(folder, seed)
        self.life = setting.life
        self._council = Council(setting)
        self._waiving = Waiving(setting)
        self._pointer = GuardedPointer(setting, self._council, self._waiving)
        setting.affair.pointer = self._pointer
        setting.affair.probe = self._pointer.trials = trials = GuardedProbe(setting)
        self._eraser = GuardedEraser(setting, self._council, self._pointer)
        self._operators = Operators(setting, self._council, self._eraser, self._waiving)
        self._operators.within_seconds = setting.dice.choice((3_600, 7 * 86_400))
        self._operators.level = setting.dice.choice(("head", "stored", "full", "full"))
        setting.affair.terms = _terms(setting)
        self._chances = Chances(setting, self._council, self._pointer, self._waiving)
        months = Months(setting, self._council, self._pointer, self._waiving, trials, self._chances)
        self._months = months if setting.kind.lasts else None
        self._onlookers = Onlookers(setting, self._waiving) if self._months is not None else None
        self._troubles = Troubles(
            setting,
            self._council,
            self._pointer,
            self._chances,
            self._meanwhile,
            self._months,
            self._operators,
        )
        self._invariants = Invariants(setting, self._council, self._pointer, trials)
        self._exchanges = Exchanges(setting, self._operators)
        self._erasures = Erasures(setting, self._operators) if setting.beside else None
        granted = setting.kind is LifeKind.GRANTED
        self._grants = SimulatedGrants(setting, self._operators) if granted else None
        judged = setting.kind is LifeKind.JUDGED
        self._judging = Judging(setting) if judged else None
        attended = setting.kind is LifeKind.ATTENDED
        self._steering = self._operators.steering = Steering(setting) if attended else None
        self._openers = self._operators.openers = Openers(setting) if attended else None
        self._heralds = self._operators.heralds = Heralds(setting) if attended else None
        self._archive = SimulatedArchive(setting, self._operators) if attended else None
        clustered = setting.kind is LifeKind.CLUSTERED
        self._cluster = SimulatedCluster(setting) if clustered else None
        prepared = setting.kind is LifeKind.PREPARED
        self._landlord = Landlord(setting, self._operators) if prepared else None
        self._troubles.landlord = self._landlord
        self._stage = CutoverStage.NONE

    # --- a life --------------------------------------------------------------------------------

    def live(self) -> Life:
        """Live from the first object to the rest after the last trouble.

        Raises:
            Broken: an invariant does not hold.
        """
        with under_ledgers(self._setting.disk):
            self._live()
        return self.life

    def _live(self) -> None:
        setting, dice = self._setting, self._setting.dice
        self._chances.begin()
        for _ in range(dice.randint(2, 9) + 4 * setting.switches):
            self._change_world()
            name, act = self._drawn()
            self._troubles.plant(name)
            self._process(name, act)
        self._troubles.heal()
        if self._cluster is not None:
            self._cluster.rest()
        if self._landlord is not None:
            self._process("settling: provision", self._landlord.settle)
        Settling(
            setting, self._council, self._pointer, self._chances, self._troubles, self._operators,
            self._process, self._exchanges, self._erasures, self._grants, self._months,
            self._judging, self._steering, self._openers, self._archive,
        ).settle()  # fmt: skip

    def _change_world(self) -> None:
        setting, dice = self._setting, self._setting.dice
        if len(setting.hosts) > 1 and dice.random() < 0.3:
            setting.turn_to(dice.choice(setting.hosts))
            setting.distrust()
            setting.life.tell(f"people: they go on with machine {setting.host.name}")
        if self._may_lose() and setting.aside.random() < 0.08:
            setting.lose()
            setting.life.tell("people: every ledger is lost")
        if dice.random() < (0.25 if setting.switches else 0.6):
            self._chances.change_source()
        if dice.random() < (0.05 if setting.host.sealed else 0.3):
            self._chances.break_a_listing()
        often = 0.6 if setting.target._open else 0.2 if setting.switches else 0.35
        if dice.random() < often:
            self._chances.change_target()
        if setting.kind.rekeys and dice.random() < 0.2:
            self._chances.change_versions()
        if setting.kind.apart and dice.random() < 0.25:
            self._chances.change_copies()
        passing = setting.world.datasets[0].keeping is not None or self._grants is not None
        if passing and dice.random() < 0.2:
            self._chances.let_time_go_by()
        if self._archive is not None:
            self._archive.happen()
        if self._landlord is not None and setting.aside.random() < 0.4:
            self._landlord.happen()
        if self._steering is not None and setting.aside.random() < 0.2:
            self._steering.step_clock()
        if setting.switches:
            self._stage = setting.standing().stage
            self._chances.happen()
        if self._months is not None:
            self._months.happen()
            self._stage = setting.standing().stage

    def _may_lose(self) -> bool:
        """Say whether a ledger may be lost.

        With a switch more is lost than what was moved, and an exchange of keys that is under way
        comes to its end by its own ledger alone.
        """
        setting = self._setting
        kinds = {LifeKind.MOVED, LifeKind.REKEYED, LifeKind.ATTENDED}
        moves = setting.kind in kinds and not (setting.switches or setting.host.rotating)
        return moves and not setting.lost and setting.world.path.exists()

    # --- what is done ----------------------------------------------------------------------------

    def _drawn(self) -> Act:
        """Draw what the operator does next."""
        setting, act, dice = self._setting, self._operators, self._setting.dice
        level = dice.choice(("head", "stored", "full"))
        done: list[tuple[Act, float]] = [
            (("run", act.run), 6),
            (("run --refresh", lambda: act.run(ALL, REFRESH)), 5),
            (("inventory", lambda: act.run((Step.INVENTORY,))), 1),
            (("transfer", lambda: act.run((Step.TRANSFER,))), 2),
            (("verify", lambda: act.run((Step.VERIFY,))), 2),
            ((f"verify --again {level}", lambda: act.look(level)), 4),
            (("verify --restore", act.restore), 2),
            (("run --retry-failed", lambda: act.run(ALL, AGAIN)), 2),
        ]
        if self._grants is None:
            done.append((("amend", self._amend), 1.5))
        if setting.following:
            setting.following = False
            return done[1][0]
        if setting.fenced:
            done.append((("run --take-over", act.take_over), 1))
            done.append((("adopt", act.adopt), 0.5 + 3 * (len(setting.hosts) > 1)))
        elif setting.lost:
            done.append((("adopt", act.adopt), 4))
        if setting.kind.rekeys:
            done += self._exchanging()
        if self._erasures is not None:
            done += self._erasing(self._erasures)
        if self._grants is not None:
            done += self._granting(self._grants)
        if setting.switches:
            done += self._switching()
        if self._judging is not None:
            done.append((("judge", self._judging.judge), 40 if self._judging.waits else 0.5))
            done.append((("verify --again full", lambda: act.look("full")), 15))
        if self._steering is not None:
            done.append((("tell a run", self._steering.say), 15))
            done.append((("report", act.report), 3))
        if self._heralds is not None:
            done.append((("notify", self._heralds.notify), 8))
        if self._archive is not None:
            done.append((("rehydrate", self._archive.rehydrate), 8))
        if self._openers is not None:
            done.append((("fetch", self._openers.fetch), 12))
            done.append((("restore-view", self._openers.view), 5))
        if self._landlord is not None:
            done.append((("provision", self._landlord.provision), 30))
            done.append((("provision, asked", self._landlord.ask), 3))
        acts, weights = zip(*done, strict=True)
        found: Act = dice.choices(acts, weights)[0]
        return found

    def _exchanging(self) -> list[tuple[Act, float]]:
        """Return what is done with keys; what is under way keeps all else waiting."""
        act, going = self._exchanges, self._setting.host.rotating
        return [
            (("keys rotate", act.rotate), 30 if going else 8),
            (("reseal", act.reseal), 30 if going else 5),
        ]

    def _erasing(self, act: Erasures) -> list[tuple[Act, float]]:
        """Return what is done to erase a dataset; people agree to it most of the time."""
        dice, begun = self._setting.dice, ENDING in self._setting.host.erased
        if not begun and dice.random() < 0.5:
            act.agree()
        agreed = dice.random() < 0.9
        return [(("erase", lambda: act.erase(agreed=agreed)), 8 if begun else 6)]

    def _granting(self, act: SimulatedGrants) -> list[tuple[Act, float]]:
        """Return what is done with grants; people agree to them most of the time."""
        if self._setting.dice.random() < 0.6:
            act.agree()
        return [
            (("grant", act.grant), 10), (("grant --renew", act.renew), 4),
            (("revoke", act.revoke), 3), (("readers read", act.read), 4),
        ]  # fmt: skip

    def _switching(self) -> list[tuple[Act, float]]:
        """Return what is done around a cutover, each as often as its stage makes it likely."""
        act, dice, stage = self._operators, self._setting.dice, self._stage
        before, final = stage in _BEFORE, stage in FINAL
        self._agree(stage)
        reason = dice.choice((None, "the window is short"))
        going = dice.random() < 0.3
        is_open = stage is CutoverStage.OPEN
        return [
            (("cutover start", act.start), 2 if final else 14 if before else 8),
            (("cutover rollback", act.roll_back), 1 if final or before else 9),
            (("cutover finalize", lambda: act.finalize(reason)), 12 if is_open else 1),
            (("report", act.report), 8 if final else 1),
            (("decommission", act.forecast), 2 if final else 0.5),
            (
                ("decommission --execute", lambda: act.decommission(keep_going=going)),
                30 if final else 1,
            ),
            (("decommission --observe", act.observe), 3 if final else 0.5),
            (("rehearse", act.rehearse), 3 if before and self._months is not None else 0),
            (("cleanup", lambda: act.clean_up(DAY)), 2 if self._months is not None else 0),
        ]

    def _agree(self, stage: CutoverStage) -> None:
        """Let people approve what is next, most of the time."""
        dice = self._setting.dice
        if dice.random() < 0.5:
            self._chances.waive()
        if dice.random() < 0.2:
            return
        if stage in FINAL:
            if dice.random() < 0.5:
                self._council.approve("decommission")
                self._setting.clock.seconds += self._operators.cooling_seconds
        elif stage is CutoverStage.OPEN:
            self._council.approve("finalize", seconds=self._lasting())
        else:
            self._council.approve("cutover", seconds=self._lasting())
            if self._setting.affair.probe is None:
                self._council.approve("freeze", seconds=DAY)

    def _lasting(self) -> float:
        """Return for how many seconds an approval is to count."""
        short = self._months is not None and self._setting.dice.random() < 0.4
        return DAY if short else DAYS_30

    def _amend(self) -> Exit:
        """Leave some objects out, or none any more."""
        keys = self._setting.source_keys()
        count = self._setting.dice.randint(0, min(2, len(keys)))
        return self._operators.amend(sorted(self._setting.dice.sample(keys, count)))

    # --- processes -----------------------------------------------------------------------------

    def _process(self, name: str, act: Callable[[], object]) -> None:
        """Let one process live, and check what it left."""
        life, setting = self.life, self._setting
        life.processes += 1
        life.verbs[name] += 1
        setting.began, setting.seen = setting.script.step, None
        look = None if self._steering is None else self._steering.begins()
        if self._cluster is not None:
            self._cluster.begins()
        ended = self._ended(name, act)
        if setting.revive():  # whatever the dying process said in the end, it was killed
            life.kills += 1
        life.tell(f"{name}: {ended}")
        self._troubles.heal()
        if self._cluster is not None:
            self._cluster.ended(name)
        if self._steering is not None:
            self._steering.set_clock()
        setting.world.stop.clear()
        if name.endswith("amend"):
            self._operators.settle_plan()
        self._settle()
        self._invariants.check(name)
        if self._erasures is not None:
            self._erasures.check(name)
        if self._grants is not None:
            self._grants.check(name)
        if self._onlookers is not None:
            self._onlookers.look(name)
        if self._judging is not None:
            self._judging.look(name)
        if look is not None:
            look(name)
        if self._openers is not None:
            self._openers.look(name)
        if self._heralds is not None:
            self._heralds.look(name)

    def _settle(self) -> None:
        """Know what the machine that acted has come to, whatever became of its process."""
        if self._setting.kind.rekeys:
            self._exchanges.settle()
        if self._erasures is not None:
            self._erasures.settle()

    def _ended(self, name: str, act: Callable[[], object]) -> str:
        """Act as one process, and return what it came to."""
        try:
            ended = act()
        except Killed as kill:
            return f"killed {kill}"
        except MigrateError as error:
            disk, dead = self._setting.disk, self._setting.script.dead
            if isinstance(error, LedgerDamaged) and not (disk.failed or dead):
                raise Broken(f"{name}: the ledger contradicts itself: {error}") from error
            said = _ROOT.sub("...", str(error).partition("\n")[0])
            return f"{type(error).__name__}: {said}"
        return str(ended) if isinstance(ended, Exit | str) else "done"

    def _meanwhile(self, other: SimulatedHost) -> bool:
        """Let a copy of the ledger on another machine run in the middle of a process.

        Returns whether it took the fence over.
        """
        setting, mine, holding = self._setting, self._setting.host, self._setting.holding
        over = setting.dice.random() < 0.7
        setting.turn_to(other)
        ended: object = ""
        try:
            ended = self._meantime(over=over)
        except MigrateError as error:
            ended = type(error).__name__
        finally:
            self._settle()
            setting.turn_to(mine)
            setting.holding = holding
            # If they are, that was in the middle of what the source went on with.
            other.sealed = frozenset(one.name for one in setting.world.datasets)
        setting.life.tell(f"  {other.name} runs meanwhile{' and takes over' * over}: {ended}")
        if over or isinstance(ended, Exit):  # it wrote, and my ledger, which is open, knows nothing
            setting.harmed.update(key for key, _ in setting.bytes)
            setting.harmed.update(map(setting.key, setting.target._buckets[BUCKET]))  # packs, too
        return over and isinstance(ended, Exit)

    def _meantime(self, *, over: bool) -> Exit:
        if not self._setting.kind.rekeys or self._setting.dice.random() < 0.5:
            return self._operators.take_over() if over else self._operators.run()
        if over:
            self._exchanges.take_fence()
        return self._exchanges.rotate()


def _terms(setting: Setting) -> Terms:
    return replace(
        setting.affair.terms,
        window_seconds=setting.dice.choice((0, 60, 3_600)),
        roll_back=setting.dice.random() < 0.3,
    )
