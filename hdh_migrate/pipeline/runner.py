"""Run the steps of each batch in the plan's order: the main loop of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType

from hdh_migrate.clocks import seconds_of, text_of_seconds
from hdh_migrate.codes import Code, Severity, exit_of, gravest
from hdh_migrate.errors import AuthFailed, Exit, ListingBroken, NotAsPlanned, Refused, TooEarly
from hdh_migrate.events.run import BatchDone
from hdh_migrate.frozen import frozen
from hdh_migrate.model import State, Step
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.deadline import settle
from hdh_migrate.pipeline.excused import RetryRequest, Waived, retry_asked
from hdh_migrate.pipeline.inventory.inventory import Inventory
from hdh_migrate.pipeline.inventory.refresh import Refresh
from hdh_migrate.pipeline.needs import lack, left_after, unlisted
from hdh_migrate.pipeline.projections.passes import Pass
from hdh_migrate.pipeline.projections.standing import BEFORE_SWITCH, standing
from hdh_migrate.pipeline.transfer.transfer import Transfer
from hdh_migrate.pipeline.verify.verify import Verification
from hdh_migrate.results.moves import DatasetStates
from hdh_migrate.telemetry import counted

NOTE_MAX = 2_000
"""Characters of a note on a batch that waits."""


@frozen
class BatchOrder:
    """A batch of the plan and the batches that must be verified before it."""

    name: str
    needs: tuple[str, ...]
    not_before: float | None = None
    """When it may be moved, in seconds since 1970; None: at any time."""


@frozen
class Wishes:
    """Options of a run beyond its steps."""

    refresh: bool = False
    """Whether sources whose inventory is sealed are listed again."""
    again: tuple[str, ...] | None = None
    """Codes whose failed objects are tried again, and no others; none in it: all of them."""
    user: str = ""


NO_WISHES = Wishes()


class Runner:
    """Performs steps; run again after any crash, it converges to the same result."""

    def __init__(
        self,
        ctx: Context,
        batches: Sequence[BatchOrder],
        *,
        renewed: Callable[[], Context | None],
        ended: Callable[[str], None] = lambda _: None,
        wishes: Wishes = NO_WISHES,
        refused: Mapping[str, NotAsPlanned] = MappingProxyType({}),
    ) -> None:
        """Take what steps share; `ended` is called with each batch that was gone through.

        Batches that are `refused` are not begun: it is known before why they cannot be.
        """
        self._ctx = ctx
        self._batches = batches
        self._renewed = renewed
        self._ended = ended
        self._wishes = wishes
        self.passes: list[Pass] = []
        """What listings of sealed inventories found, batch by batch."""
        self.retried = Counter[str]()
        """How many failed objects wait again because somebody asked for it, by code."""
        self.behind = self.open = False
        """Whether objects wait for a step before these, and whether findings are open."""
        self.early: float | None = None
        """When the next of the batches that are not to be moved yet may be, seconds since 1970."""
        self._notes: dict[int, str] = {}
        self._named = False
        self._dated: dict[str, float] = {}
        """Batches that are not to be moved yet, and until when."""
        self._refused: dict[str, NotAsPlanned | ListingBroken] = dict(refused)
        """Batches whose own objects, or places, keep them from being moved, and why."""

    def run(self, steps: Sequence[Step], selected: Sequence[str]) -> Exit:
        """Perform `steps` for the selected batches (all when none is named), in plan order.

        Where the target has a quota, all of their inventories come before the first transfer. A
        batch that waits for another is not begun, be it by listing it. What is wrong with the
        objects of one batch, or a listing of it that contradicts itself, holds up that one, those
        that need it, and no other.

        Raises:
            NotAsPlanned, ListingBroken: some of them could not be moved as planned, or listed; all
                that do not need these were gone through.
            Refused: a batch needs one that is not verified and that this run leaves out, or has no
                inventory that a step could work on; nothing was listed.
            TooEarly: none of them is to be moved yet.
        """
        self._named = bool(selected)
        chosen = [one for one in self._batches if not selected or one.name in selected]
        self._demand_listed(chosen, steps, selected)
        waiting: set[str] = set()
        if Step.TRANSFER in steps:
            waiting = self._too_early(chosen)
            self._demand_needs(chosen)
            self._notes = self._noted()
        # Only all inventories together show whether the target may hold everything.
        ahead = Step.INVENTORY in steps and self._ctx.limits.quota_bytes is not None
        for batch in chosen if ahead else ():
            if batch.name in self._refused:
                continue
            with self._alone(batch.name):
                self._perform(self._inventory, batch.name)
        for batch in chosen:
            if batch.name in self._refused or self._passed_over(batch, steps):
                continue
            with self._alone(batch.name):
                self._batch(batch, [step for step in steps if not ahead or step != Step.INVENTORY])
                settle(self._ctx, batch.name)
                done = BatchDone(batch=batch.name, steps=tuple(str(step) for step in steps))
                self._ctx.ledger.event(done)
                self._ctx.ledger.commit()
                self._ended(batch.name)
        self._demand_all(len(chosen))
        self.behind = self._behind([one for one in chosen if one.name not in waiting], steps)
        code = self.exit_code(selected)
        self.open = code is not Exit.OK
        if self.open:
            return code
        return Exit.FINDINGS if self.behind else Exit.STOPPED if waiting else Exit.OK

    @contextmanager
    def _alone(self, batch: str) -> Iterator[None]:
        """Confine an error in a batch's objects or places to that batch, so that others go on."""
        try:
            yield
        except (NotAsPlanned, ListingBroken) as error:
            self._refused[batch] = error

    def _demand_all(self, chosen: int) -> None:
        """Raise at the end for all batches that could not be moved; the others were processed.

        Raises:
            NotAsPlanned, ListingBroken: some could not; one error lists all problems.
        """
        errors = list(self._refused.values())
        if len(errors) < chosen and errors:
            names = ", ".join(self._refused)
            self._ctx.progress.note(f"batch {names}: refused; the run went on with the others")
        if len(errors) == 1:
            raise errors[0]
        if errors:
            hints = dict.fromkeys(error.hint for error in errors if error.hint)
            raise NotAsPlanned(
                f"{counted(len(errors), 'batch', 'batches')} cannot be moved as planned",
                blockers=[
                    line for batch, error in self._refused.items() for line in _why(batch, error)
                ],
                hint="; ".join(hints),
            )

    def _too_early(self, chosen: Sequence[BatchOrder]) -> set[str]:
        """Return which batches are not to be moved yet, by any clock.

        Raises:
            TooEarly: all of them.
        """
        dated = {one.name: one.not_before for one in chosen if one.not_before is not None}
        if not dated:
            return set()
        now = seconds_of(self._ctx.judge.now().earliest)
        early = {name: at for name, at in dated.items() if now < at}
        self.early = min(early.values(), default=None)
        if self.early is not None and len(early) == len(chosen):
            names = ", ".join(early)
            when = text_of_seconds(self.early)
            raise TooEarly(f"batch {names}: not to be moved before {when}", until=self.early)
        self._dated = early
        return set(early)

    def _batch(self, batch: BatchOrder, steps: Sequence[Step]) -> None:
        if Step.INVENTORY in steps:
            self._perform(self._inventory, batch.name)
        elif Step.TRANSFER in steps:
            Inventory(self._ctx).demand(batch.name)
        if Step.TRANSFER in steps:
            if self._wishes.again is not None:
                self._retry(batch.name, self._wishes.again)
            self._perform(self._transfer, batch.name)
        if Step.VERIFY in steps:
            self._perform(_verify, batch.name)

    def _demand_listed(
        self, chosen: Sequence[BatchOrder], steps: Sequence[Step], selected: Sequence[str]
    ) -> None:
        """Refuse steps for batches without a finished inventory: they would do nothing or too much.

        Raises:
            Refused: a selected batch has no finished inventory, or none of them has.
        """
        if Step.INVENTORY in steps:
            return
        missing = [one.name for one in chosen if unlisted(self._ctx.ledger, one.name)]
        if missing and (selected or len(missing) == len(chosen)):
            raise Refused(
                f"batch {', '.join(missing)}: there is no finished inventory to {steps[0]}",
                hint='nothing was done; "hdh-migrate inventory PLAN" makes one, and "hdh-migrate'
                ' run PLAN" goes through every step',
            )

    def _passed_over(self, batch: BatchOrder, steps: Sequence[Step]) -> bool:
        if Step.INVENTORY not in steps and unlisted(self._ctx.ledger, batch.name):
            return True
        return Step.TRANSFER in steps and self._held_back(batch)

    def _behind(self, chosen: Sequence[BatchOrder], steps: Sequence[Step]) -> bool:
        """Report what the steps could not do for chosen batches: they are not finished."""
        lines = [left_after(self._ctx.ledger, one.name, steps[-1]) for one in chosen]
        for line in lines:
            if line is not None:
                self._ctx.progress.note(line)
        return any(lines)

    def _perform(self, step: Callable[[Context, str], None], batch: str) -> None:
        """Perform one step; if a credential is refused, reload it once, as it may be renewed."""
        while True:
            try:
                step(self._ctx, batch)
            except AuthFailed:
                renewed = self._renewed()
                if renewed is None:
                    raise
                self._ctx.progress.note("a credential was renewed; going on")
                self._ctx = renewed
            else:
                return

    def _demand_needs(self, chosen: Sequence[BatchOrder]) -> None:
        """Refuse, before anything is listed, what this run itself cannot make possible.

        Raises:
            Refused: a batch needs one that is not verified and that this run leaves out.
        """
        own = {batch.name for batch in chosen}
        waiting = {
            one.name: self._blockers(one.name, [need for need in one.needs if need not in own])
            for one in chosen
        }
        blockers = [line for lines in waiting.values() for line in lines]
        if blockers:
            names = ", ".join(name for name, lines in waiting.items() if lines)
            raise Refused(
                f"batch {names} cannot start yet",
                blockers=blockers,
                hint="this run listed and moved nothing; run the batches that are needed first, or"
                " name them with --batch as well",
            )

    def _held_back(self, batch: BatchOrder) -> bool:
        """Return whether a batch must wait, and note it: once, for as long as nothing changes."""
        blockers = self._blockers(batch.name, batch.needs)
        if (until := self._dated.get(batch.name)) is not None:
            when = text_of_seconds(until)
            blockers.insert(0, f"{_batch_of(batch.name)}is not to be moved before {when}")
        self._note(batch.name, "; ".join(blockers)[:NOTE_MAX])
        for line in blockers:
            self._ctx.progress.note(line)
        return bool(blockers)

    def _blockers(self, batch: str, needs: Sequence[str]) -> list[str]:
        lacks = ((need, lack(self._ctx.ledger, need, self._ctx.waivers)) for need in needs)
        return [f"{_needs(batch)}{need}, {what}" for need, what in lacks if what is not None]

    def _note(self, batch: str, detail: str) -> None:
        """Keep exactly one note about a waiting batch in the ledger: the current one."""
        ledger, known = self._ctx.ledger, False
        for number, noted in list(self._notes.items()):
            if noted == detail and not known:
                known = True
            elif noted.startswith(_batch_of(batch)):
                ledger.close_finding(number)
                del self._notes[number]
        if detail and not known:
            ledger.finding(Code.BATCH_HELD_BACK, detail)
        ledger.commit()

    def _noted(self) -> dict[int, str]:
        """Return what the ledger says of batches that wait, by the number of the note."""
        return {
            found["id"]: found["detail"]
            for found in self._ctx.ledger.findings(severity=Severity.NOTE)
            if found["code"] == Code.BATCH_HELD_BACK
        }

    def exit_code(self, selected: Sequence[str]) -> Exit:
        """Return the exit code that the open findings of the selected batches mean.

        Those that are waived mean nothing.
        """
        waived: Waived | None = None
        ends, erased = set(), self._ctx.ledger.erased()
        alone = {row.name for row in self._ctx.ledger.datasets() if row.id in erased}
        for found in self._ctx.ledger.findings(severity=Severity.FINDING):
            if (selected and found["batch"] not in selected) or found["dataset"] in alone:
                continue
            waived = waived or self._ctx.waivers()  # read only when there is something to waive
            if not waived(found):
                ends.add(exit_of(found["code"], Severity.FINDING))
        return gravest(ends)

    def _inventory(self, ctx: Context, batch: str) -> None:
        ctx.course.demand(moving=False)
        ctx.meter.turn_to(Step.INVENTORY, batch)
        inventory = Inventory(ctx)
        before = inventory.take(batch)
        if self._wishes.refresh and before and self._is_followed(batch):
            self.passes.append(Refresh(ctx, batch, user=self._wishes.user).run(before))
        inventory.demand(batch)

    def _is_followed(self, batch: str) -> bool:
        """Return whether a batch's source is to be listed again; if it is named, note why not."""
        stage = standing(self._ctx.ledger.cutovers(), batch).stage
        if self._named or stage in BEFORE_SWITCH:
            return True  # and where it was named and is not, the refresh says what can be done
        self._ctx.progress.note(f"batch {batch} is cut over ({stage}): its source is left alone")
        return False

    def _retry(self, batch: str, codes: tuple[str, ...]) -> None:
        again = RetryRequest(codes=codes, user=self._wishes.user)
        self.retried.update(retry_asked(self._ctx.ledger, batch, again))

    def _transfer(self, ctx: Context, batch: str) -> None:
        ctx.course.demand()
        Transfer(ctx, batch, again=self._wishes.again is None).run()


def _verify(ctx: Context, batch: str) -> None:
    ctx.course.demand()
    Verification(ctx, batch).run()
    ctx.packs.copy(ctx, batch)


def _why(batch: str, error: NotAsPlanned | ListingBroken) -> list[str]:
    """Return the lines that say why a batch was refused, and of which batch they speak."""
    named = isinstance(error, NotAsPlanned)  # by what each of its lines says itself
    return [line if named else f"batch {batch}: {line}" for line in str(error).splitlines()]


def _batch_of(batch: str) -> str:
    """Return the common beginning of all messages about why a batch waits."""
    return f"batch {batch} "


def _needs(batch: str) -> str:
    """Return the common beginning of all messages about what a batch needs."""
    return f"{_batch_of(batch)}needs batch "


def summary(ctx: Context) -> list[DatasetStates]:
    """Return objects and bytes by state for every dataset."""
    return [
        {
            "dataset": dataset.name,
            "batch": dataset.batch,
            "sealed": dataset.sealed,
            "states": {
                state.name.lower(): {"objects": tally.objects, "bytes": tally.size}
                for state in State
                if (tally := ctx.ledger.tally(dataset.id, state)).objects
            },
        }
        for dataset in ctx.ledger.datasets()
    ]
