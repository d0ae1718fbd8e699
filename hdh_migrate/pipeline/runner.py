"""Run the steps of each batch in the plan's order; the story at its shortest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hdh_migrate.codes import Code, Severity, exit_of, gravest
from hdh_migrate.errors import AuthFailed, Exit, Refused
from hdh_migrate.events.run import BatchDone
from hdh_migrate.model import State, Step
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.excused import Again, Waived, Waivers, left, retry_asked
from hdh_migrate.pipeline.inventory import Inventory
from hdh_migrate.pipeline.refresh import Pass, Refresh
from hdh_migrate.pipeline.transfer import Transfer
from hdh_migrate.pipeline.verify import Verify
from hdh_migrate.ports.ledger import Ledger
from hdh_migrate.results.moves import DatasetStates

UNFINISHED = (State.LISTED, State.REFUSED, State.SENDING, State.SENT, State.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOrder:
    """A batch of the plan and the batches that must be verified before it."""

    name: str
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What somebody asks of a run besides its steps."""

    refresh: bool = False
    """Whether sources whose inventory is sealed are listed again."""
    again: tuple[str, ...] | None = None
    """Codes whose failed objects are tried again, and no others; none in it: all of them."""
    user: str = ""


NO_WISHES = Wishes()


class Runner:
    """Performs steps; run again after any crash, it converges to the same end."""

    def __init__(
        self,
        ctx: Context,
        batches: Sequence[BatchOrder],
        *,
        renewed: Callable[[], Context | None],
        ended: Callable[[str], None] = lambda _: None,
        wishes: Wishes = NO_WISHES,
    ) -> None:
        """Take what steps share; `ended` is told of each batch that was gone through."""
        self._ctx = ctx
        self._batches = batches
        self._renewed = renewed
        self._ended = ended
        self._wishes = wishes
        self.passes: list[Pass] = []
        """What listings of sealed inventories found, batch by batch."""
        self.retried = Counter[str]()
        """How many failed objects wait again because somebody asked for it, by code."""

    def run(self, steps: Sequence[Step], selected: Sequence[str]) -> Exit:
        """Perform `steps` for the selected batches (all when none is named), in plan order.

        Where the target has a quota, all of their inventories come before the first transfer.

        Raises:
            Refused: a batch is not among the plan's, or what it needs is not verified.
        """
        chosen = [one for one in self._batches if not selected or one.name in selected]
        # Only all inventories together show whether the target may hold everything.
        ahead = Step.INVENTORY in steps and self._ctx.limits.quota_bytes is not None
        for batch in chosen if ahead else ():
            self._perform(self._inventory, batch.name)
        for batch in chosen:
            if Step.INVENTORY in steps and not ahead:
                self._perform(self._inventory, batch.name)
            if Step.TRANSFER in steps:
                if self._held_back(batch, selected):
                    continue
                if self._wishes.again is not None:
                    self._retry(batch.name, self._wishes.again)
                self._perform(self._transfer, batch.name)
            if Step.VERIFY in steps:
                self._perform(_verify, batch.name)
            done = BatchDone(batch=batch.name, steps=tuple(str(step) for step in steps))
            self._ctx.ledger.event(done)
            self._ctx.ledger.commit()
            self._ended(batch.name)
        return self.exit_code(selected)

    def _perform(self, step: Callable[[Context, str], None], batch: str) -> None:
        """Perform one step; when a credential is refused, look once more whether it was renewed."""
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

    def _held_back(self, batch: BatchOrder, selected: Sequence[str]) -> bool:
        ledger = self._ctx.ledger
        blockers = [
            f"batch {batch.name} needs batch {need}, of which {count} objects are not verified"
            for need in batch.needs
            if (count := unfinished(self._ctx.ledger, need, self._ctx.waivers))
        ]
        if not blockers:
            return False
        if selected and not set(batch.needs) <= set(selected):
            raise Refused(
                f"batch {batch.name} cannot start yet",
                blockers=blockers,
                hint="run the batches it needs first",
            )
        ledger.finding(Code.BATCH_HELD_BACK, "; ".join(blockers))
        ledger.commit()
        for line in blockers:
            self._ctx.progress.note(line)
        return True

    def exit_code(self, selected: Sequence[str]) -> Exit:
        """Return the exit code that the open findings of the selected batches mean.

        Those that are waived mean nothing.
        """
        waived: Waived | None = None
        ends = set()
        for found in self._ctx.ledger.findings(severity=Severity.FINDING):
            if selected and found["batch"] not in selected:
                continue
            waived = waived or self._ctx.waivers()  # read only when there is something to waive
            if not waived(found):
                ends.add(exit_of(found["code"], Severity.FINDING))
        return gravest(ends)

    def _inventory(self, ctx: Context, batch: str) -> None:
        inventory = Inventory(ctx)
        before = inventory.take(batch)
        if self._wishes.refresh and before:
            self.passes.append(Refresh(ctx, batch, user=self._wishes.user).run(before))
        inventory.demand(batch)

    def _retry(self, batch: str, codes: tuple[str, ...]) -> None:
        again = Again(codes=codes, user=self._wishes.user)
        self.retried.update(retry_asked(self._ctx.ledger, batch, again))

    def _transfer(self, ctx: Context, batch: str) -> None:
        Transfer(ctx, batch, again=self._wishes.again is None).run()


def _verify(ctx: Context, batch: str) -> None:
    Verify(ctx, batch).run()


def unfinished(ledger: Ledger, batch: str, waivers: Waivers) -> int:
    """Return what a batch lacks: datasets to list, and objects to verify that no waiver lets go."""
    datasets = ledger.datasets(batch)
    unsealed = sum(not dataset.sealed for dataset in datasets)
    return unsealed + left(ledger, datasets, UNFINISHED, waivers)


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
