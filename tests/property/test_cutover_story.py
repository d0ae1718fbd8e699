"""Whatever people, others and kills do around a cutover: the pointer is where the journal says.

The rules are the verbs and what happens between them; what must hold is looked at by the guards and
invariants of the campaign (tests/campaign), and here Hypothesis draws, and makes what fails small.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from hdh_migrate.errors import ConnectionLost, MigrateError
from hdh_migrate.pipeline.projections.standing import CutoverStage
from tests.campaign.council import Council
from tests.campaign.guards import GuardedEraser, GuardedPointer
from tests.campaign.invariants import Invariants
from tests.campaign.lives import quick_folder
from tests.campaign.operators import REFRESH, Operators
from tests.campaign.setting import BUCKET, OTHER, Setting
from tests.campaign.trials import GuardedProbe
from tests.campaign.waiving import Waiving
from tests.support.cutover import NEW, OLD
from tests.support.examples import many
from tests.support.script import Killed, Point
from tests.support.world import ALL

pytestmark = pytest.mark.slow

KEYS = ("k1", "k2", "k3")
POINTS = ("now", "pointer swap", "pointer read", "probe", "consent", "erase", "head", "put")
STAGES = ("cutover", "finalize", "decommission")


class Cutovers(RuleBasedStateMachine):
    """One batch, those who approve, and somebody who changes the pointer."""

    setting: Setting

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="cutovers-", dir=quick_folder()))
        self.setting = setting = Setting(self.folder, 1)
        setting.fenced, setting.clock._tick = False, 0.001
        self.council, waiving = Council(setting), Waiving(setting)
        self.pointer = GuardedPointer(setting, self.council, waiving)
        setting.affair.pointer = self.pointer
        setting.affair.probe = self.pointer.trials = trials = GuardedProbe(setting)
        eraser = GuardedEraser(setting, self.council, self.pointer)
        self.operators = Operators(setting, self.council, eraser, waiving)
        self.law = Invariants(setting, self.council, self.pointer, trials)
        for key in KEYS[:2]:
            setting.source.put("src", key, key.encode())
        self.process("run", self.operators.run)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    # --- verbs -----------------------------------------------------------------------------------

    @rule()
    def start(self) -> None:
        self.process("cutover start", self.operators.start)

    @rule()
    def roll_back(self) -> None:
        self.process("cutover rollback", self.operators.roll_back)

    @rule(reason=st.sampled_from([None, "the window is short"]))
    def finalize(self, reason: str | None) -> None:
        self.process("cutover finalize", lambda: self.operators.finalize(reason))

    @rule(going=st.booleans())
    def decommission(self, going: bool) -> None:
        self.process(
            "decommission --execute", lambda: self.operators.decommission(keep_going=going)
        )

    @rule()
    def follow(self) -> None:
        self.process("run --refresh", lambda: self.operators.run(ALL, REFRESH))

    @rule()
    def look(self) -> None:
        self.process("verify --again full", lambda: self.operators.look("full"))

    @rule(left_out=st.sets(st.sampled_from(KEYS), max_size=2))
    def amend(self, left_out: set[str]) -> None:
        self.process("amend", lambda: self.operators.amend(sorted(left_out)))

    @rule()
    def go_the_whole_way(self) -> None:
        """Do what is next, approved: so that stories reach their end."""
        act, stage = self.operators, self.setting.standing().stage
        if stage in {CutoverStage.NONE, CutoverStage.PREPARING, CutoverStage.ROLLED_BACK}:
            self.agree("cutover")
            self.process("cutover start", act.start)
        elif stage is CutoverStage.OPEN:
            self.agree("finalize")
            self.process("cutover finalize", lambda: act.finalize("now"))
        elif stage is CutoverStage.FINALIZED:
            self.setting.clock.seconds += act.cooling_seconds + 60
            self.process("report", act.report)
            self.agree("decommission")
            self.process("decommission --execute", act.decommission)

    # --- what happens ----------------------------------------------------------------------------

    @rule(stage=st.sampled_from(STAGES))
    def approve(self, stage: str) -> None:
        self.agree(stage)

    def agree(self, stage: str) -> None:
        with self.setting.script.undisturbed():  # who is to be killed is the next process
            self.council.approve(stage)

    @rule()
    def withdraw(self) -> None:
        with self.setting.script.undisturbed():
            self.council.withdraw()

    @rule(held=st.booleans())
    def hold(self, held: bool) -> None:
        self.council.hold(held=held)

    @rule(value=st.sampled_from([OLD, NEW, OTHER]))
    def somebody_sets_the_pointer(self, value: str) -> None:
        self.pointer.by_somebody(value)

    @rule()
    def people_put_it_right(self) -> None:
        self.pointer.put_right()

    @rule(seconds=st.sampled_from([60, 3_600, 8 * 86_400, 45 * 86_400]))
    def time_goes_by(self, seconds: int) -> None:
        self.setting.clock.seconds += seconds

    @rule(key=st.sampled_from(KEYS))
    def the_source_is_written(self, key: str) -> None:
        if key not in self.setting.erased:
            self.setting.source.put("src", key, key.encode() * 3)

    @rule(key=st.sampled_from(KEYS))
    def the_target_loses_one(self, key: str) -> None:
        held, name = self.setting.target._buckets[BUCKET], self.setting.name(key)
        if name in held and key not in self.setting.erased:
            self.setting.target.drop(BUCKET, name)
            self.setting.touch(key, "gone")

    @rule(method=st.sampled_from(POINTS), ahead=st.integers(1, 12), after=st.booleans())
    def the_next_one_is_killed(self, method: str, ahead: int, after: bool) -> None:
        number = self.setting.script.calls[method] + ahead
        self.setting.world.kill_at(Point(method, number, "after" if after else "before"))

    @rule(method=st.sampled_from(POINTS[1:3]), after=st.booleans())
    def a_reply_is_lost(self, method: str, after: bool) -> None:
        error = ConnectionLost("cut off")
        self.setting.script.fail(method, error, when="after" if after else "before")

    # --- one process ---------------------------------------------------------------------------

    def process(self, name: str, act: Callable[[], object]) -> None:
        setting = self.setting
        setting.began = setting.script.step
        with suppress(Killed, MigrateError):
            act()
        setting.revive()
        setting.script.heal()
        self.operators.settle_plan()
        self.law.check(name)


TestCutovers = Cutovers.TestCase
TestCutovers.settings = settings(
    max_examples=many(20),
    stateful_step_count=16,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
