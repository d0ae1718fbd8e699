"""A pointer and a source that look, at each effect, whether anybody may have asked for it.

Both read what is committed in the ledger's file, through a connection of their own: an effect
whose intent is not there could not be accounted for after a kill at this very moment.
"""

from __future__ import annotations

import hashlib
from typing import Protocol

from hdh_migrate.clocks import seconds_of
from hdh_migrate.errors import PointerMoved
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Erased, Erasing, ObjectRecord, Place
from hdh_migrate.pipeline.projections.standing import CutoverStage, CutoverStanding, standing
from hdh_migrate.session.policy.erased import DatasetErasure, erasures
from tests.campaign.council import Council
from tests.campaign.life import Broken
from tests.campaign.setting import AT_TARGET, ENDING, NOT_SWITCHED, OTHER, Setting
from tests.campaign.waiving import Waiving
from tests.support.cutover import BATCH, NEW, OLD, FakeEraser, FakePointer
from tests.support.quiet import FIRST


def finalized_root(now: CutoverStanding) -> str:
    """Return the manifest that was made final: another one than was switched, if more was sent."""
    return str(now.root if now.finalized is None else now.finalized.root)


class Committed:
    """What the journal of the machine that acts has for good, at this moment."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def standing(self) -> tuple[CutoverStanding, str]:
        """Return how the batch stands, and its manifest root."""
        ledger = SqliteLedger.read_only(self._setting.world.path, self._setting.clock)
        try:
            return standing(ledger.cutovers(), BATCH), self._setting.affair.root(ledger)
        finally:
            ledger.close()

    def trials(self) -> set[str]:
        """Return the names of the write trials that have an intent and no receipt."""
        return {one.name for one in self.standing()[0].probes}

    def unwaived(self, waiving: Waiving) -> list[str]:
        """Return the codes of the batch's open findings that nobody waived, and told it so."""
        ledger = SqliteLedger.read_only(self._setting.world.path, self._setting.clock)
        try:
            return waiving.lacks(ledger, BATCH)
        finally:
            ledger.close()

    def erasure(self) -> tuple[DatasetErasure | None, list[ObjectRecord]]:
        """Return what is told of the erasure of the second dataset, and its rows."""
        ledger = SqliteLedger.read_only(self._setting.world.path, self._setting.clock)
        try:
            (row,) = [one for one in ledger.datasets() if one.name == ENDING]
            return erasures(ledger).get(ENDING), list(ledger.records(row.id))
        finally:
            ledger.close()

    def number(self, key: str) -> int | None:
        """Return the ledger's number of an object."""
        ledger = SqliteLedger.read_only(self._setting.world.path, self._setting.clock)
        try:
            name = self._setting.dataset_of(key).name
            (dataset,) = [row for row in ledger.datasets(BATCH) if row.name == name]
            known = ledger.pinned(dataset.id, key)
            return None if known is None else known.number
        finally:
            ledger.close()


class Trials(Protocol):
    """What is known of write trials at the source."""

    def left(self) -> set[str]:
        """Return the names of what those of the machine that acts have there."""

    def unproven(self, containers: set[str], began: int) -> set[str]:
        """Return the containers where no write was refused since a process `began`."""


class GuardedPointer(FakePointer):
    """Is switched only with an intent, an approval that was not used before, and nobody's hold."""

    def __init__(self, setting: Setting, council: Council, waiving: Waiving) -> None:
        super().__init__(setting.script)
        self.trials: Trials | None = None
        """What is known of the source's refusals; None where somebody states them instead."""
        self._steps = setting.script
        self._setting, self._council, self._waiving = setting, council, waiving
        self._committed = Committed(setting)
        self.back_at = 0
        """The step at which it last went back."""
        self.switched_at = 0
        """The step at which it last was switched."""

    def swap(self, *, expected: str, new: str) -> None:
        """Change it, if it has the expected value; what may not be is broken."""
        with self.script.call("pointer swap"):
            self.land(expected, new)

    def land(self, expected: str, new: str) -> None:
        """Let a change take effect."""
        if self.value == new:
            return
        if self.value != expected:
            raise PointerMoved("the pointer has another value")
        with self._steps.undisturbed():
            self._demand(new)
        self.value = new
        self.swaps.append((expected, new))
        self._setting.switched_by = self._setting.host
        if new == NEW:
            self.switched_at = self._steps.step
        else:
            self.back_at = self._steps.step

    def _demand(self, new: str) -> None:
        now, root = self._committed.standing()
        intent = CutoverStage.SWITCHING if new == NEW else CutoverStage.ROLLING_BACK
        if now.stage is not intent:
            raise Broken(f"the pointer is changed without an intent (the journal: {now.stage})")
        if new != NEW:
            return
        if now.root != root:
            raise Broken("the pointer is switched for another manifest than was approved")
        if not self._council.agreed("cutover", root, self.back_at):
            raise Broken("the pointer is switched and nobody approved this attempt")
        if self._council.holds():
            raise Broken("the pointer is switched while somebody holds it")
        if open_ones := self._committed.unwaived(self._waiving):
            raise Broken(f"the pointer is switched and nobody waived {', '.join(open_ones)}")
        if why := self._setting.conditions.against(self._setting.began):
            raise Broken(f"the pointer is switched, and {why}")
        self._demand_frozen(root)

    def _demand_frozen(self, root: str) -> None:
        """Demand that the source was seen to refuse writes, or that somebody stated it."""
        setting, probe = self._setting, self._setting.affair.probe
        if self.trials is not None and self.trials.left():
            raise Broken("the pointer is switched, and what a write trial left is at the source")
        if probe is None:
            if not self._council.agreed("freeze", None, self.back_at):
                raise Broken("the pointer is switched and nobody stated that writers are stopped")
            return
        if probe.landed > setting.began:
            raise Broken("the pointer is switched after a write trial that went through")
        places = {one.source.bucket for one in setting.world.datasets if one.batch == BATCH}
        erased = {one.source.bucket for one in setting.beside if one.name in setting.host.erased}
        if self.trials is not None and self.trials.unproven(places - erased, setting.began):
            raise Broken("the pointer is switched and no write was tried at the source")

    def by_somebody(self, value: str) -> None:
        """Let somebody else set it."""
        self.value = value
        self._setting.pointer_touched = self._steps.step
        self._setting.life.tell(f"pointer: somebody sets it to {value}")

    def put_right(self) -> bool:
        """Let people set it to what the journal says, or to what we left there; say if they did."""
        setting, acting = self._setting, self._setting.host
        if not setting.pointer_touched:
            return False
        self.value = self.swaps[-1][1] if self.swaps else OLD
        setting.turn_to(setting.switched_by or acting)  # another machine may know of before only
        # Who found it at its end already wrote that down, and changed nothing.
        now = setting.standing()
        setting.turn_to(acting)
        if now.stage in AT_TARGET:
            self.value = NEW
        elif now.stage in NOT_SWITCHED and not now.intended:
            self.value = OLD
        else:  # under way, from whatever was there when it began
            known = {hashlib.sha256(one.encode()).hexdigest(): one for one in (OTHER, OLD, NEW)}
            self.value = known.get(now.old_sha256 or "", self.value)
        setting.pointer_touched = 0
        setting.life.tell(f"people: the pointer is put right, to {self.value}")
        return True


class GuardedEraser(FakeEraser):
    """Deletes only what is finalized, approved, led away from, and at the target this moment."""

    def __init__(self, setting: Setting, council: Council, pointer: GuardedPointer) -> None:
        super().__init__(setting.world)
        self._steps = setting.script
        self._setting, self._council, self._pointer = setting, council, pointer
        self._committed = Committed(setting)
        self.level = "full"
        """How closely the target must be read again."""
        self.within = self.cooling = 0.0
        """How old a reading of the target may be, and how long a finalized batch must rest."""

    def erase(self, place: Place, key: str, version: str) -> Erased:
        """Delete one object, if it has this version; what may not be is broken."""
        there = self.source._blobs.get((place.bucket, key))
        if {
            one.name for one in self._setting.beside if one.batch == BATCH
        } & self._setting.host.erased:
            raise Broken(f"{key} is deleted, and a dataset of its batch was erased")
        if there is not None and there.info.version == version:
            self._demand(key, version)
        found = super().erase(place, key, version)
        if found.outcome is Erasing.DELETED:
            self._setting.erased.add(key)
        return found

    def _demand(self, key: str, version: str) -> None:
        setting, council, last = self._setting, self._council, self._steps.last
        with self._steps.undisturbed():
            (now, root), number = self._committed.standing(), self._committed.number(key)
        done, final = now.erasure, finalized_root(now)
        covered = number is not None and (
            number in done.reopened or done.after < number <= (done.open_until or 0)
        )
        if now.stage is not CutoverStage.ERASING or not covered:
            raise Broken(f"{key} is deleted without an intent (the journal: {now.stage})")
        if not council.agreed("finalize", final, self._pointer.switched_at, still=False):
            raise Broken(f"{key} is deleted and nobody approved the finalization")
        if not council.agreed("decommission", root, self._pointer.switched_at):
            raise Broken(f"{key} is deleted and nobody approved it for this manifest")
        if council.holds():
            raise Broken(f"{key} is deleted while somebody holds the switch")
        if why := setting.conditions.against(setting.began):
            raise Broken(f"{key} is deleted, and {why}")
        moved = setting.pointer_touched
        if self._pointer.value != NEW and moved <= last.get("pointer read", 0):
            raise Broken(f"{key} is deleted while consumers are led to somewhere else")
        name = setting.name(key)
        if setting.looked.get(name, 0) <= max(last.get("erase", 0), setting.began):
            raise Broken(f"{key} is deleted and the target was not asked for it right before")
        if self.level != "head" and not self._was_read(name, now):
            raise Broken(f"{key} is deleted and was not read again after the cooling")
        if not setting.holds(key, version) and not self._unknowable(key):
            raise Broken(f"{key} is deleted and the target does not hold it")

    def _was_read(self, name: str, now: CutoverStanding) -> bool:
        """Return whether all of an object was read after the cooling, and lately enough."""
        _, second = self._setting.read.get(name, (0, -1.0))
        cooled = seconds_of(now.times["finalized"]) - FIRST.timestamp() + self.cooling
        slack = self._setting.slack
        lately = self._setting.clock.seconds - second <= self.within + slack
        return second + slack >= cooled and lately

    def _unknowable(self, key: str) -> bool:
        """Say whether nobody could know yet that the target lost an object.

        An object that is gone or replaced shows when it is asked for, right before; one whose
        bytes were spoiled under the same ETag shows only when all of it is read.
        """
        setting, name = self._setting, self._setting.name(key)
        touched = setting.touched.get(key)
        if touched is None:
            return False
        if touched.how != "spoiled":
            return touched.step >= setting.looked.get(name, 0)
        step, second = setting.read.get(name, (0, 0.0))
        return (
            touched.step >= step and setting.clock.seconds - second <= self.within + setting.slack
        )
