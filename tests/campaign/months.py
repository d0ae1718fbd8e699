"""What months bring to a migration: permits end, rules change, old backups are put back."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.campaign.chances import Chances
from tests.campaign.conditions import ATTESTED, FIT
from tests.campaign.council import Council
from tests.campaign.desks import bind
from tests.campaign.guards import GuardedPointer
from tests.campaign.setting import Setting, SimulatedHost
from tests.campaign.signers import OPERATOR
from tests.campaign.trials import GuardedProbe
from tests.campaign.waiving import LASTING, Waiving

HOUR, DAY = 3_600, 86_400

MISSING = (
    "no approval", "another's approval", "the approval has ended", "the approval is withdrawn",
    "held", ATTESTED, FIT,
)  # fmt: skip
MISSING_FOR_SWITCH = (
    "no waiver", "another's waiver", "the waiver has ended", "no statement", "writes go through",
    "approved before the source changed",
)  # fmt: skip
"""What a step may lack, in words for the story."""

GOES_THROUGH = ((False, False), (True, True))
"""Whether a source denies a write, and whether it lands all the same."""


@dataclass(slots=True)
class LedgerBackup:
    """A copy of a machine's state folder, and what was known of that machine then."""

    folder: Path
    host: SimulatedHost
    machine: SimulatedHost
    """Whose it is."""


class Months:
    """Draws what happens between processes, and in the middle of one."""

    def __init__(
        self, setting: Setting, council: Council, pointer: GuardedPointer, waiving: Waiving,
        trials: GuardedProbe, chances: Chances,
    ) -> None:  # fmt: skip
        self._setting, self._council, self._pointer = setting, council, pointer
        self._chances = chances
        self._waiving, self._trials = waiving, trials
        self._backups: list[LedgerBackup] = []

    def happen(self) -> None:
        """Draw what happens between two processes."""
        setting, dice = self._setting, self._setting.dice
        if dice.random() < 0.6:
            setting.conditions.mend()
        if dice.random() < 0.15:
            self._chances.drop()
        what = dice.random()
        if what < 0.15:
            setting.conditions.end(dice.choice((ATTESTED, FIT)))
        elif what < 0.25:
            self.freeze_is_stated(stated=setting.affair.probe is not None)
        elif what < 0.35:
            self._sign_without_right()
        elif what < 0.45:
            self.back_up()
        elif what < 0.55:
            self.put_back()

    def happen_meanwhile(self) -> None:
        """Let time go by in the middle of a process, or something end that it rests on."""
        setting, dice = self._setting, self._setting.dice
        what = dice.random()
        if what < 0.4:
            setting.clock.seconds += dice.choice((HOUR, DAY, 8 * DAY))
            setting.life.tell("time goes by meanwhile")
        elif what < 0.7:
            setting.conditions.end(dice.choice((ATTESTED, FIT)))
        else:
            self.back_up()

    def heal(self) -> None:
        """Let everything be as it is to be."""
        self._setting.conditions.mend()
        self.freeze_is_stated(stated=False)

    def freeze_is_stated(self, *, stated: bool) -> None:
        """Let the plan ask for a signed statement, or for a write that is refused."""
        if stated == (self._setting.affair.probe is None):
            return
        self._setting.affair.probe = None if stated else self._trials
        how = "a signed statement" if stated else "a refused write"
        self._setting.life.tell(f"plan: a freeze is shown by {how}")

    def _sign_without_right(self) -> None:
        """Let who runs the plan sign for what others are to agree to."""
        self._waiving.sign(signer=OPERATOR)
        for stage in ("cutover", "finalize", "decommission"):
            self._council.approve(stage, signer=OPERATOR)

    def missing(self, stage: str) -> str:
        """Draw what a step lacks."""
        more = MISSING_FOR_SWITCH if stage == "cutover" else ()
        drawn: str = self._setting.dice.choice((*MISSING, *more))
        return drawn

    def spoil(self, stage: str, what: str) -> None:
        """Let this be missing, all else being there."""
        if what == "the waiver has ended":
            self._waiving.sign(days=1)
            self._setting.clock.seconds += 3 * DAY
        elif what == "another's waiver":
            self._waiving.sign(signer=OPERATOR)
        elif what != "no waiver":
            self._waiving.sign(days=LASTING)
        if what == "another's approval":
            self._council.approve(stage, signer=OPERATOR)
        elif what != "no approval":
            self._council.approve(stage, seconds=DAY)
        if what == "the approval has ended":
            self._setting.clock.seconds += 2 * DAY
        elif what == "the approval is withdrawn":
            self._council.withdraw_last()
        elif what == "held":
            self._council.hold(held=True)
        elif what in {ATTESTED, FIT}:
            self._setting.conditions.end(what)
        elif what == "approved before the source changed":
            self._chances.change()
        elif what == "no statement":
            self.freeze_is_stated(stated=True)
        elif what == "writes go through":
            self._trials.denied, self._trials.lands = self._setting.dice.choice(GOES_THROUGH)
            self._trials.removable = self._setting.dice.random() < 0.5

    def shut_writers_out(self) -> bool:
        """Take the writers' rights away; say whether a trial's object is at the source.

        The plan may ask for a statement from then on.
        """
        self._trials.denied, self._trials.lands = True, False
        self.freeze_is_stated(stated=self._setting.aside.random() < 0.5)
        return bool(self._trials.left())

    # --- backups ---------------------------------------------------------------------------------

    def back_up(self) -> None:
        """Copy the ledger, also while somebody works with it."""
        setting, host = self._setting, self._setting.host
        if not setting.fenced or not host.world.path.exists():
            return  # without a fence nobody can know that it was put back
        folder = setting.folder / f"backup-{len(self._backups)}"
        shutil.copytree(host.world.path.parents[1], folder)
        self._backups.append(LedgerBackup(folder, host.copied(), host))
        setting.life.tell(f"people: backup {len(self._backups) - 1} of {host.name}'s ledger")

    def _put_in_place(self, chosen: LedgerBackup, host: SimulatedHost) -> SimulatedHost:
        """Put the state folder of then in the place of what is there, or its ledger alone."""
        path = host.world.path
        if host.kept_beside and self._setting.aside.random() < 0.3:
            for old in path.parent.glob(f"{path.name}*"):
                old.unlink()
            for copy in (chosen.folder / path.parent.name).glob(f"{path.name}*"):
                shutil.copy(copy, path.parent)
            self._setting.life.tell("people: what lies beside the ledger stays as it is")
            restored = chosen.host.copied(
                said=list(host.said), opened=list(host.opened), noticed=set(host.noticed)
            )
            restored.unsure = host.unsure | host.noticed | {one.id for one in host.said}
            return restored
        shutil.rmtree(path.parents[1])
        shutil.copytree(chosen.folder, path.parents[1])
        return chosen.host.copied()

    def put_back(self) -> None:
        """Put an older copy in the ledger's place, on the same machine."""
        setting, host = self._setting, self._setting.host
        ours = [one for one in self._backups if one.machine is host]
        if not ours:
            return
        chosen = setting.dice.choice(ours)
        restored = self._put_in_place(chosen, host)
        if setting.shows_fence_of(restored):  # it was made in the middle of the last run
            restored.knows = setting.takes
        setting.hosts = [restored if one is host else one for one in setting.hosts]
        setting.turn_to(restored)
        setting.put_back = True
        restored.world.datasets = (restored.plans[-1], *setting.beside)
        bind(setting)
        setting.distrust()
        setting.life.tell(f"people: backup {self._backups.index(chosen)} is put back")
        for one in self._backups:
            if one.machine is host:
                one.machine = restored
        if self._pointer.swaps:  # nobody knows any more what this ledger left there
            setting.switched_by, setting.pointer_touched = restored, setting.script.step
