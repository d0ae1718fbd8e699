"""Freeze what there is to move: list it page by page into the ledger, count it again, seal it.

Nothing a listing says is believed alone: keys must be in order and unique, a second listing cut
differently must agree on each object's size, version, type and MD5, and an empty one must be
allowed by the plan. What cannot be moved as planned is found here, before a byte
of its batch moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

from hdh_migrate.codes import Code, Severity
from hdh_migrate.errors import Interrupted, ListingBroken, NotAsPlanned, Refused, Stopped, Transient
from hdh_migrate.model import (
    TOTAL_MAX,
    Brief,
    DatasetRow,
    Listed,
    ObjectInfo,
    Page,
    State,
    Step,
    Untagged,
)
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.inventory.inventory_findings import (
    InventorySummary,
    record_kept_back,
    record_noted,
    record_untagged,
    record_usage,
)
from hdh_migrate.pipeline.inventory.key_order import KeyOrder
from hdh_migrate.pipeline.inventory.recounting import (
    STOPPED,
    FirstListing,
    at_once,
    going_on,
    second_digest,
    unless,
)
from hdh_migrate.pipeline.inventory.relooking import relook
from hdh_migrate.pipeline.planning import QUOTA_HINT, TAKES_ROOM, brought, crowded, over_quota
from hdh_migrate.pipeline.projections.contracts import choose
from hdh_migrate.pipeline.rules.selecting import REFUSALS, decide
from hdh_migrate.pipeline.rules.usage import Usage
from hdh_migrate.pipeline.working_set import working_set
from hdh_migrate.ports.stores import GoesOn, ListingDigest
from hdh_migrate.telemetry import counted

T = TypeVar("T")

RECOUNTS_MAX = 3
BLOCKERS_SHOWN = 50


class Inventory:
    """Performs the inventory of one batch; run again, it goes on where it was."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def run(self, batch: str) -> None:
        """List, count again and seal every dataset of the batch.

        Raises:
            Refused: some objects cannot be moved as planned; all of them are in the findings.
            ListingBroken: a listing contradicts itself or another one.
        """
        self.take(batch)
        self.demand(batch)

    def take(self, batch: str) -> list[DatasetRow]:
        """List, count again and seal what is not; return the datasets that were sealed before.

        Raises:
            ListingBroken: a listing contradicts itself or another one.
        """
        ctx, before = self._ctx, []
        for dataset in working_set(ctx.ledger, batch):
            if not dataset.sealed:
                first = FirstListing(ctx.stop)
                second = self._second(dataset, first, apart=True)
                self._list_beside(first, dataset, batch)
                self._seal(dataset, *self._recounted(dataset, batch, second))
            else:
                relook(ctx, dataset, self.decide)
                before.append(dataset)
        if not ctx.ledger.compared():  # for it reads every row
            self.collisions()
        return before

    def demand(self, batch: str) -> None:
        """Demand of an inventory that is made that everything in it can be moved as planned.

        Raises:
            NotAsPlanned: some objects cannot; all of them are in the findings.
            Refused: the target has not the room for what is listed.
        """
        self._gate(batch)
        self._demand_room(batch)

    # --- listing -----------------------------------------------------------------------------

    def _list_beside(self, first: FirstListing, dataset: DatasetRow, batch: str) -> None:
        """List a dataset, and tell the second listing how far this one is."""
        try:
            self._list(dataset, batch, first)
        except BaseException:
            first.abandon()
            raise
        first.ends()

    def _list(self, dataset: DatasetRow, batch: str, first: FirstListing) -> None:
        """List a dataset, or go on; what does not go on from an earlier page is listed anew.

        Raises:
            ListingBroken: a listing contradicts itself; nothing of it is kept.
        """
        if dataset.pages and dataset.marker is None:
            return  # every page is in the ledger; only the seal is missing
        try:
            self._list_on(dataset, batch, first)
        except ListingBroken:
            self._forget(dataset)
            if not dataset.pages:
                raise
            self._list(self._as_it_is(dataset, batch), batch, first)

    def _forget(self, dataset: DatasetRow) -> None:
        with self._ctx.ledger.whole():
            self._ctx.ledger.restart_listing(dataset.id)
            self._ctx.ledger.commit()

    def _as_it_is(self, dataset: DatasetRow, batch: str) -> DatasetRow:
        return next(row for row in self._ctx.ledger.datasets(batch) if row.id == dataset.id)

    def _list_on(self, dataset: DatasetRow, batch: str, first: FirstListing) -> None:
        ctx, pages = self._ctx, 0
        ctx.progress.step(batch, f"{Step.INVENTORY} {dataset.name}", objects=0, size=0)
        order, total = KeyOrder(dataset.last_key), ctx.ledger.tally(dataset.id, *State).size
        decided = self._deciding(dataset)
        for page in self.pages(dataset):
            if page.marker is None:
                first.ends()
            else:
                first.goes_on(pages := pages + 1)
            listed = [decided(obj) for obj in order.checked(page)]
            size = sum(one.obj.size for one in listed)
            total += size
            demand_total(dataset, total)
            if ctx.binder is not None:
                ctx.binder.begin(ctx.ledger, batch)
            ctx.ledger.add_page(dataset.id, listed, page.marker)
            ctx.progress.advance(len(listed), size)
            if ctx.stop.is_set():
                raise Interrupted(STOPPED)
            ctx.course.demand(moving=False)

    def pages(self, dataset: DatasetRow) -> Iterator[Page]:
        """List with resumption at the last whole page, for as long as the retry budget lasts."""
        place, marker = self._ctx.route(dataset).source, dataset.marker
        pages: Iterator[Page] | None = None

        def following() -> Page | None:
            nonlocal pages
            pages = pages or self._ctx.source.pages(place, marker=marker)
            try:
                return next(pages, None)
            except Transient:
                pages = None  # a generator that raised is spent
                raise

        while (page := self._retried(following)) is not None:
            marker = page.marker
            self._demand_tags(dataset)
            yield page

    def _demand_tags(self, dataset: DatasetRow) -> None:
        """Demand that a listing came with tags, where rules ask for them.

        Raises:
            Refused: it did not: no rule about tags could be kept.
        """
        rules = self._ctx.rules[dataset.name].rules
        if "tags" not in rules.asks:
            return
        match self._ctx.source.untagged(self._ctx.route(dataset).source):
            case Untagged.DENIED:
                why = "the credential may not read them (sp=t)"
            case Untagged.UNSUPPORTED:
                why = "its account has none"
            case None:
                return
        raise Refused(
            f"dataset {dataset.name}: its rules ask for index tags, and {why}",
            hint="nothing was listed; give the credential the right, or take the tags out of the"
            " rules",
        )

    def _retried(self, following: Callable[[], T]) -> T:
        try:
            return self._ctx.retry(following)
        except Stopped as error:
            raise Interrupted(STOPPED) from error

    def decide(self, dataset: DatasetRow, obj: ObjectInfo) -> Listed:
        """Return what becomes of one listed object, by the plan's rules."""
        return self._deciding(dataset)(obj)

    def _deciding(self, dataset: DatasetRow) -> Callable[[ObjectInfo], Listed]:
        """Return what decides about each object of a dataset."""
        ctx = self._ctx
        route, rules = ctx.route(dataset), ctx.rules[dataset.name].rules
        limits, header, sealed = ctx.limits, ctx.header, ctx.sealed

        def decided(obj: ObjectInfo) -> Listed:
            return decide(obj, route, rules, limits, header=header, sealed=sealed)

        return decided

    # --- second opinion and seal -------------------------------------------------------------

    def _second(
        self, dataset: DatasetRow, first: FirstListing, *, apart: bool
    ) -> Callable[[], ListingDigest]:
        """Return what gives the digest of a second listing, which may go on from now on.

        It may go `apart` if the first one is long; see `recounting.second_digest`.
        """
        ctx, place = self._ctx, self._ctx.route(dataset).source
        ways = [ctx.apart] if apart and ctx.apart is not None else []

        def digest(briefs: Iterator[Brief]) -> ListingDigest:
            # Once: what broke off here is listed again here.
            way = ways.pop() if ways else None
            apart = way and partial(way, place, first.is_unwanted)
            return second_digest(unless(ctx.stop, briefs), first, apart)

        def listed() -> ListingDigest:
            briefs = ctx.source.recount(place)
            if isinstance(briefs, GoesOn):
                return digest(going_on(briefs, self._retried))
            return self._retried(lambda: digest(ctx.source.recount(place)))

        if ctx.source.lists_at_once:
            return at_once(listed)
        first.ends()
        return listed

    def _recounted(
        self, dataset: DatasetRow, batch: str, second: Callable[[], ListingDigest]
    ) -> tuple[InventorySummary, Usage, str | None]:
        """List again until two listings agree; return what the ledger holds, and by which rules.

        Raises:
            ListingBroken: they do not, and the plan does not say that the source is live.
        """
        ctx = self._ctx
        for attempt in range(RECOUNTS_MAX):
            usage = self._usage(dataset)
            summary = InventorySummary.of(ctx.ledger, dataset, usage)
            again = second()
            if summary.digest == again:
                return summary, usage, None
            ctx.stop.wait(0.5 * attempt)
            if attempt < RECOUNTS_MAX - 1:
                self._forget(dataset)
                first = FirstListing(ctx.stop)
                second = self._second(dataset, first, apart=False)
                self._list_beside(first, self._as_it_is(dataset, batch), batch)
        counts = summary.digest[0], again[0]
        detail = (
            f"two listings differ: {counts[0]} and {counted(counts[1], 'object')}"
            if counts[0] != counts[1]
            else f"two listings of {counted(counts[0], 'object')} differ in a name, size, version,"
            " type or MD5"
        )
        if not ctx.rules[dataset.name].live:
            raise ListingBroken(
                f"dataset {dataset.name}: {detail}",
                hint="freeze the source, or set `live: true` on the dataset if it is written to;"
                " nothing of it was moved",
            )
        return summary, usage, detail

    def _usage(self, dataset: DatasetRow) -> Usage:
        rules = self._ctx.rules[dataset.name].rules
        return Usage(rules, self._ctx.route(dataset).source.prefix)

    def _seal(
        self, dataset: DatasetRow, summary: InventorySummary, usage: Usage, unstable: str | None
    ) -> None:
        ledger = self._ctx.ledger
        if not usage.kept and not self._ctx.rules[dataset.name].allow_empty:
            nothing = f"its rules leave none of its {counted(usage.objects, 'object')}"
            if not usage.objects:
                nothing = "the source lists no object"
            raise NotAsPlanned(
                f"dataset {dataset.name}: {nothing}",
                hint="if that is right, set `allow_empty: true` on the dataset",
            )
        place = self._ctx.route(dataset).source
        notes = self._retried(lambda: self._ctx.source.notes(place))
        # Portion by portion, for a transaction is held: killed, the next start records the rest.
        record_kept_back(ledger, dataset, recorded=ledger.commit)
        with ledger.whole():
            if unstable is not None:
                ledger.finding(Code.LISTING_UNSTABLE, unstable, dataset=dataset.id)
            record_noted(ledger, dataset, summary.noted)
            record_untagged(ledger, dataset, self._ctx.source.untagged(place))
            for note in notes:
                ledger.finding(note.code, note.detail, dataset=dataset.id)
            record_usage(ledger, dataset, usage)
            self._note_crowd(dataset, summary.digest[0])
            chosen = self._ctx.rules[dataset.name].contract
            choose(ledger, dataset, chosen)
            ledger.seal(dataset.id, summary.counts)
            ledger.commit()
        self._ctx.contracts[dataset.name] = chosen

    def _note_crowd(self, dataset: DatasetRow, listed: int) -> None:
        """Record a note when this dataset puts more objects into a bucket than its host advises."""
        ctx, bucket = self._ctx, self._ctx.route(dataset).target.bucket
        there = sum(
            ctx.ledger.tally(row.id, *TAKES_ROOM).objects
            for row in ctx.ledger.datasets()
            if row.sealed and ctx.route(row).target.bucket == bucket
        )
        for note in crowded(ctx.limits, {bucket: there + listed}):
            ctx.ledger.finding(Code.BUCKET_CROWDED, note, dataset=dataset.id)

    def _demand_room(self, batch: str) -> None:
        """Refuse to begin what the target's quota would end.

        Raises:
            Refused: everything inventoried so far is more than a project may hold.
        """
        ctx = self._ctx
        stored = brought([ctx.ledger], header=ctx.header, sealed=ctx.sealed)
        if what := over_quota(ctx.limits, stored):
            raise Refused(f"batch {batch}: {what}", hint=f"{QUOTA_HINT}; this run moved no byte")

    # --- gate --------------------------------------------------------------------------------

    def collisions(self) -> None:
        """Refuse what waits and shares its folded target address with another object."""
        ledger = self._ctx.ledger
        for entry, dataset in ledger.collisions():
            if ledger.refuse(entry, dataset, Code.COLLISION):
                detail = REFUSALS[Code.COLLISION]
                ledger.finding(Code.COLLISION, detail, dataset=dataset, entry=entry)
        ledger.note_compared()
        ledger.commit()

    def _gate(self, batch: str) -> None:
        names = {row.name for row in working_set(self._ctx.ledger, batch)}
        blockers, shown = 0, list[str]()
        for found in self._ctx.ledger.findings(severity=Severity.BLOCKER):
            if found["batch"] != batch or found["dataset"] not in names:
                continue
            blockers += 1
            if blockers <= BLOCKERS_SHOWN:
                shown.append(
                    f"dataset {found['dataset']}, object {found['object']}: {found['detail']}"
                    f" [{found['code']}]"
                )
        if not blockers:
            return
        if blockers > len(shown):
            shown.append(f"and {blockers - len(shown)} more")
        raise NotAsPlanned(
            f"batch {batch}: {counted(blockers, 'object')} cannot be moved as planned",
            blockers=shown,
            hint="no byte of them was moved; see the names with"
            ' "hdh-migrate ls PLAN --state refused --show-names", then exclude them in the plan'
            f' ("hdh-migrate amend PLAN --batch {batch} --reason TEXT --execute" takes that), or'
            " rename them at the source"
            ' ("hdh-migrate run PLAN --refresh" lists it again)',
        )


def demand_total(dataset: DatasetRow, total: int) -> None:
    """Demand that a dataset's bytes can be added up.

    Raises:
        ListingBroken: no store holds so much.
    """
    if total > TOTAL_MAX:
        raise ListingBroken(
            f"dataset {dataset.name}: the source lists more bytes than any store holds"
        )
