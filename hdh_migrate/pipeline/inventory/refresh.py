"""List the source of a batch again and bring the ledger up to it; one pass, over whole listings.

What is new or has another version waits to be moved; what is gone is settled (vanishing.py). The
verbs `inventory --refresh` and `run --refresh` and the final delta of a cutover all go through
here. Each pass is in the journal with a number and with what it found, portion by portion in
the transaction that follows from it; one that was killed is gone on with under its number.
docs/decisions/0044-refresh.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Protocol

from hdh_migrate.codes import Code
from hdh_migrate.errors import Interrupted, Refused
from hdh_migrate.events.cutover import Track
from hdh_migrate.events.refreshes import Refreshed, RefreshEnded, Refreshing
from hdh_migrate.frozen import mutable_row
from hdh_migrate.model import (
    MOVABLE,
    VANISHED,
    DatasetRow,
    Listed,
    ObjectInfo,
    Pinned,
    State,
    Tally,
    key_bytes,
)
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.inventory.index_tags import are_followed
from hdh_migrate.pipeline.inventory.inventory import Inventory, demand_total
from hdh_migrate.pipeline.inventory.inventory_findings import InventorySummary, renew_findings
from hdh_migrate.pipeline.inventory.key_order import KeyOrder
from hdh_migrate.pipeline.inventory.recounting import element
from hdh_migrate.pipeline.inventory.vanishing import Vanishing
from hdh_migrate.pipeline.projections.passes import Pass, PassDifference, amount_of, passes
from hdh_migrate.pipeline.projections.seen import SeenIds
from hdh_migrate.pipeline.projections.standing import BEFORE_SWITCH, CutoverStage, standing
from hdh_migrate.pipeline.rules.usage import Usage
from hdh_migrate.ports.ledger import Ledger

FLUSH_OBJECTS = 5_000


class Watcher(Protocol):
    """Follows a listing of a batch's source."""

    def found(self, dataset: DatasetRow, listed: Sequence[Listed]) -> None:
        """Take what is new or changed, before the ledger has it."""

    def listed(self, dataset: DatasetRow, digest: tuple[int, int]) -> None:
        """Take a whole listing's count and digest, after the ledger is up to it."""


class Nobody:
    """A watcher that ignores everything."""

    def found(self, dataset: DatasetRow, listed: Sequence[Listed]) -> None:
        """Do nothing."""

    def listed(self, dataset: DatasetRow, digest: tuple[int, int]) -> None:
        """Do nothing."""


@mutable_row
class _FoundPart:
    """What a part of a listing found, until it is written down."""

    new: list[Listed] = field(default_factory=list)
    changed: list[tuple[int, Listed]] = field(default_factory=list)
    back: list[tuple[int, Listed]] = field(default_factory=list)
    """Was left behind because it was gone."""

    def __len__(self) -> int:
        return len(self.new) + len(self.changed) + len(self.back)

    @property
    def listed(self) -> list[Listed]:
        return [*self.new, *(one for _, one in (*self.changed, *self.back))]

    @property
    def difference(self) -> PassDifference:
        new = [one for one in (*self.new, *(one for _, one in self.back)) if _counts(one)]
        return PassDifference(new=_tally(new), changed=_tally([one for _, one in self.changed]))


class Refresh:
    """One batch whose inventory is sealed, and its source as it is now."""

    def __init__(
        self, ctx: Context, batch: str, *, user: str, watcher: Watcher | None = None
    ) -> None:
        self._ctx, self._batch, self._user = ctx, batch, user
        self._watcher = watcher or Nobody()
        self._inventory = Inventory(ctx)
        self._number, self._total = 0, PassDifference()

    def run(self, datasets: Sequence[DatasetRow]) -> Pass:
        """List these datasets of the batch once and bring the ledger up to it.

        Raises:
            Refused: the batch's pointer is switched, or a listing is empty that should not be.
            ListingBroken: a listing contradicts itself, or the source.
            Interrupted, Transient: the same command goes on.
        """
        ledger = self._ctx.ledger
        demand_followed(ledger, self._batch)
        last = passes(ledger).get(self._batch, [])
        going_on = bool(last) and last[-1].listed is None
        self._number = last[-1].number if going_on else len(last) + 1
        self._total = last[-1].found if going_on else PassDifference()
        changed = last[-1].datasets if going_on else set()
        ledger.event(Refreshing(number=self._number, batch=self._batch, user=self._user))
        ledger.commit()
        objects = size = 0
        for dataset in datasets:
            before = self._total
            listed = self._dataset(dataset)
            self._seal(dataset, moved=self._total != before or dataset.name in changed)
            self._watcher.listed(dataset, listed.digest)
            objects, size = objects + listed.digest[0], size + listed.size
        self._inventory.collisions()
        self._free(datasets)
        whole = Tally(objects=objects, size=size)
        ledger.event(RefreshEnded(number=self._number, batch=self._batch, listed=amount_of(whole)))
        ledger.commit()
        return Pass(batch=self._batch, number=self._number, listed=whole, found=self._total)

    def compare(self, datasets: Sequence[DatasetRow]) -> PassDifference:
        """List once and say what `run` would find; changes nothing, and asks about nothing."""
        self._total = PassDifference()
        for dataset in datasets:
            listed = self._dataset(dataset, apply=False)
            gone = Vanishing(self._ctx, dataset, listed.seen)
            left = gone.unmoved.tally
            self._total += PassDifference(vanished=gone.held.tally + left, left=left)
        return self._total

    # --- one listing ---------------------------------------------------------------------------

    def _dataset(self, dataset: DatasetRow, *, apply: bool = True) -> _Listing:
        ctx, inventory = self._ctx, self._inventory
        listing, order, found = (
            _Listing(SeenIds(ctx.ledger.last_object())),
            KeyOrder(None),
            _FoundPart(),
        )
        ctx.progress.step(self._batch, f"relist {dataset.name}", objects=0, size=0)
        for page in inventory.pages(dataset):
            for obj in order.checked(page):
                listing.take(obj)
                known = ctx.ledger.pinned(dataset.id, obj.key)
                if known is None:
                    found.new.append(inventory.decide(dataset, obj))
                    continue
                listing.seen.mark(known.number)
                if _came_back(known):
                    found.back.append((known.number, inventory.decide(dataset, obj)))
                elif _differs(known, obj) or self._retagged(dataset, known, obj):
                    found.changed.append((known.number, inventory.decide(dataset, obj)))
            demand_total(dataset, listing.size)
            ctx.progress.advance(len(page.objects), 0)
            if len(found) >= FLUSH_OBJECTS:
                found = self._flush(dataset, found, apply=apply)
            if ctx.stop.is_set():
                raise Interrupted("stopped while listing the source again; start again to go on")
            ctx.course.demand(moving=False)
        self._flush(dataset, found, apply=apply)
        if apply:
            gone = Vanishing(ctx, dataset, listing.seen)
            gone.demand(listing.digest[0])
            gone.settle(lambda all_of_it, left: self._gone(dataset, all_of_it, left))
        return listing

    def _retagged(self, dataset: DatasetRow, known: Pinned, obj: ObjectInfo) -> bool:
        """Say whether other index tags are to be moved: they change without a new version."""
        if known.tags == obj.tags or known.state is State.EXCLUDED:
            return False
        source = self._ctx.route(dataset).source
        return are_followed(self._ctx, dataset) and self._ctx.source.untagged(source) is None

    def _flush(self, dataset: DatasetRow, found: _FoundPart, *, apply: bool) -> _FoundPart:
        difference = found.difference
        self._total += difference
        if apply and len(found):
            # What vanished or was replaced keeps the size that a listing gave it: both count.
            growth = sum(one.obj.size for one in found.listed)
            demand_total(dataset, self._ctx.ledger.tally(dataset.id, *State).size + growth)
            self._watcher.found(dataset, found.listed)
            self._ctx.ledger.update(
                dataset.id, found.new, [*found.changed, *found.back],
                self._event(dataset, difference) if difference.any else None,
            )  # fmt: skip
        return _FoundPart()

    def _gone(self, dataset: DatasetRow, vanished: Tally, left: Tally) -> None:
        """Record what vanished, in the same transaction as its consequences."""
        difference = PassDifference(vanished=vanished, left=left)
        self._total += difference
        self._ctx.ledger.event(self._event(dataset, difference))

    def _event(self, dataset: DatasetRow, found: PassDifference) -> Refreshed:
        return Refreshed(
            number=self._number, batch=self._batch, dataset=dataset.name,
            new=amount_of(found.new), changed=amount_of(found.changed),
            vanished=amount_of(found.vanished), left=amount_of(found.left),
        )  # fmt: skip

    # --- what follows from it ------------------------------------------------------------------

    def _seal(self, dataset: DatasetRow, *, moved: bool) -> None:
        """Seal the inventory again if it grew or changed, with what there is to say of it."""
        ledger = self._ctx.ledger
        usage = Usage(self._ctx.rules[dataset.name].rules, self._ctx.route(dataset).source.prefix)
        summary = InventorySummary.of(ledger, dataset, usage)
        if summary.counts.root == dataset.root and not moved:
            return
        with ledger.whole():
            renew_findings(ledger, dataset, summary, usage)
            ledger.seal(dataset.id, summary.counts)
            ledger.commit()

    def _free(self, datasets: Sequence[DatasetRow]) -> None:
        """Reset what was refused for a colliding name, once the other object is gone."""
        ledger = self._ctx.ledger
        colliding: set[int] | None = None
        for dataset in datasets:
            if not ledger.tally(dataset.id, State.REFUSED).objects:
                continue
            if colliding is None:
                colliding = {number for number, _ in ledger.collisions()}
            for portion in ledger.ruled(dataset.id):
                freed = [
                    (one.entry.id, self._inventory.decide(dataset, one.entry.obj))
                    for one in portion
                    if one.state is State.REFUSED
                    and one.reason == Code.COLLISION
                    and one.entry.id not in colliding
                ]
                if freed:
                    ledger.update(dataset.id, [], freed)


class _Listing:
    """What one listing of a dataset came to."""

    def __init__(self, seen: SeenIds) -> None:
        self.seen, self.size, self.digest = seen, 0, (0, 0)

    def take(self, obj: ObjectInfo) -> None:
        """Count one object."""
        count, digest = self.digest
        digest += element(key_bytes(obj.key), obj.size, obj.version, obj.kind, obj.md5 or "")
        self.digest, self.size = (count + 1, digest), self.size + obj.size


def demand_followed(ledger: Ledger, batch: str) -> None:
    """Demand that a batch's source is still the one that is followed.

    Raises:
        Refused: its pointer is switched, so what consumers write at the target counts.
    """
    stage = standing(ledger.cutovers(), batch, Track.CUTOVER).stage
    if stage in BEFORE_SWITCH:
        return
    raise Refused(
        f"batch {batch} is cut over ({stage}): its source is not followed any more",
        hint="nothing was listed; leave the batch out (--batch names the others), or go back first"
        f' with "hdh-migrate cutover rollback PLAN --batch {batch}"'
        if stage
        in {
            CutoverStage.SWITCHING,
            CutoverStage.SWITCHED,
            CutoverStage.OPEN,
            CutoverStage.ROLLING_BACK,
        }
        else "nothing was listed; leave the batch out: --batch names the others, and without it"
        " what is cut over is left alone",
    )


# --- small tools ---------------------------------------------------------------------------------


def _differs(known: Pinned, obj: ObjectInfo) -> bool:
    """Return whether the source lists an object otherwise than it was pinned.

    A rule leaves an object out by its name, whatever it became; that it is a folder's marker is
    what a listing said.
    """
    brief = known.brief
    if known.state is State.EXCLUDED:
        return brief.kind == "directory" != obj.kind
    if (brief.size, brief.version, brief.md5) != (obj.size, obj.version, obj.md5):
        return True
    # What was moved stays moved when the source archives it: a tier is no part of the content.
    return brief.kind not in {*MOVABLE, obj.kind}


def _came_back(known: Pinned) -> bool:
    return known.state is State.EXCLUDED and known.reason == VANISHED


def _counts(one: Listed) -> bool:
    return one.state is not State.EXCLUDED


def _tally(listed: Sequence[Listed]) -> Tally:
    return Tally(objects=len(listed), size=sum(one.obj.size for one in listed))
