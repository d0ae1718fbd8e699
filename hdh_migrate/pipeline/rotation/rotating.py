"""Write all verified objects anew for other keys: portion by portion, resumable, each one proven.

A portion's story: its headers are read and made anew, and kept with the intent; the objects are
written under them; workers that can only read open each with the identity that opens from now on,
and compare the whole of it with what was read from the source; the rows change with the receipt;
and only then the earlier versions go. What is killed in between goes on with the headers that were
kept. What is written anew, a header or all of it, is the matter of `Renewing` and its kinds.
docs/decisions/0070-keys-that-are-exchanged.md, 0074-sealed-anew.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from typing import TypeVar

from hdh_migrate.codes import Code
from hdh_migrate.errors import (
    AccessDenied,
    AuthFailed,
    HostRefused,
    Permanent,
    TargetDiffers,
    TargetFull,
    UnsealFailed,
)
from hdh_migrate.events.rotation import HeadersExchanging, KeysRotated
from hdh_migrate.frozen import frozen
from hdh_migrate.model import DatasetRow, Entry, State, Verified
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.going_on import demand_going
from hdh_migrate.pipeline.projections.portions import (
    PORTION_OBJECTS,
    RotationSoFar,
    exchangeable,
    left_of,
    portions_of,
    staying,
)
from hdh_migrate.pipeline.rotation.earlier_versions import (
    KEPT,
    UNLISTED,
    UNVERIFIED,
    EarlierVersions,
    VersionPlace,
    demand_gone,
)
from hdh_migrate.pipeline.rotation.proving import MadeAnew, Proving
from hdh_migrate.pipeline.rotation.renewing import Renewing
from hdh_migrate.pipeline.rotation.staying import DIFFERS, GIVEN_UP, REFUSED, UNOPENED, Stays
from hdh_migrate.pipeline.workers.work import Route
from hdh_migrate.receipts import Matched

T = TypeVar("T")

Rewrap = Callable[[bytes], bytes]
"""Makes a header in the place of one that opens; raises UnsealFailed."""


@frozen
class RotationDone:
    """What came of it: objects, those that stay as they were by why, and what remains."""

    objects: int
    left: Mapping[str, int]
    lost: int
    removed: int
    remaining: Mapping[str, int]


class Rotating:
    """One rotation under its number, for all batches; goes on after any stop."""

    def __init__(
        self,
        ctx: Context,
        number: int,
        rewrap: Rewrap,
        *,
        connections: int,
        apart: int | None = None,
        renewing: Renewing | None = None,
        giving_up: bool = False,
        demand_safe: Callable[[], None] = lambda: None,
        demand_free: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare.

        `apart`: headers are, so that only the tool's own files have theirs in front, and so many
        of them stay as they were (`headers_apart`); None: each object has its own in front.
        `renewing` writes objects anew, by default with their bodies as they are. `giving_up`: what
        was written is proven and kept, and nothing more is. `demand_safe` refuses before each
        portion where a failing host could leave nothing, `demand_free` before whatever is written
        or removed where somebody holds it.
        """
        self._ctx, self._number, self._rewrap = ctx, number, rewrap
        self._apart, self._shut = apart is not None, apart or 0
        self._connections, self._giving_up = connections, giving_up
        self._renewing = Renewing(ctx) if renewing is None else renewing
        self._thorough = self._renewing.thorough and not giving_up
        self._demand_safe, self._demand_free = demand_safe, demand_free
        self._earlier = EarlierVersions(ctx)
        self._datasets = {row.id: row for row in ctx.ledger.datasets()}
        self._entries: dict[int, Entry] = {}
        """Of the portion."""
        self._left: dict[int, str] = {}

    def _demand_going(self) -> None:
        """Demand that nobody stops it, or holds it.

        Raises:
            Fenced, Interrupted, HeldUp, SwitchHeld: somebody does.
        """
        demand_going(self._ctx)
        self._demand_free()

    def run(self) -> RotationDone:
        """Exchange every header, remove what went before, and tell the end.

        Raises:
            AuthFailed, HostRefused, Fenced, Interrupted, HeldUp, SwitchHeld, Transient: it ended
                early; the same command goes on.
            Refused: it is for nothing where earlier versions stay, and one does; or a bucket keeps
                no versions any more, and nothing else would be left if the host failed.
            TargetDiffers: it is through, and a header pack or its copy is not as it was verified.
        """
        ledger = self._ctx.ledger
        ended = RotationSoFar(ledger, self._number).ended
        batches = dict.fromkeys(row.batch for row in self._datasets.values())
        for batch in batches:
            self._finish(batch)
        if self._thorough:
            for batch in batches:
                self._renewing.shelter(batch)
            self._sweep()
            demand_gone(self._earlier.remaining.keys() & {KEPT, UNLISTED})
        for batch in batches:
            for portion in self._portions(batch, ended=ended):
                self._exchange(batch, portion)
        lacking = self._sheltered(batches)
        self._sweep()
        done = self._outcome()
        ledger.event(
            KeysRotated(
                number=self._number, objects=done.objects, left=sum(done.left.values()),
                lost=done.lost, removed=done.removed, remaining=done.remaining,
            )
        )  # fmt: skip
        ledger.commit()
        if lacking is not None:  # it is through, so other verbs can mend that
            raise lacking
        return done

    def _sheltered(self, batches: Iterable[str]) -> TargetDiffers | None:
        """Have what opens everything at two places; return why, if it is not."""
        lacking = None
        for batch in batches:
            try:
                self._renewing.shelter(batch)
            except TargetDiffers as error:
                if self._thorough:
                    raise
                lacking = error
        return lacking

    def _sweep(self) -> None:
        erased = self._ctx.ledger.erased()  # what was erased is left alone, as by every verb
        self._earlier.sweep(
            (row for row in self._datasets.values() if row.id not in erased), self._demand_going,
            place=lambda route: route.own_place if self._apart else route.target,
        )  # fmt: skip

    def _outcome(self) -> RotationDone:
        so_far = RotationSoFar(self._ctx.ledger, self._number)
        remaining = Counter(self._earlier.remaining)
        remaining[UNVERIFIED] = sum(map(self._unverified, self._datasets.values()))
        return RotationDone(
            objects=so_far.objects,
            left=Counter(self._left.values()) + Counter({UNOPENED: self._shut}),
            lost=so_far.lost,
            removed=self._earlier.removed,
            remaining=+remaining,
        )

    def _unverified(self, dataset: DatasetRow) -> int:
        failed = self._ctx.ledger.tally(dataset.id, State.FAILED).objects
        if self._apart:  # what an attempt left opens for nobody by itself
            return failed
        return failed + self._earlier.begun(dataset, self._demand_going)

    # --- portions ------------------------------------------------------------------------------

    def _finish(self, batch: str) -> None:
        """Go on with what a killed command had under way, under the headers that it kept."""
        ledger = self._ctx.ledger
        headers = ledger.exchanging()
        rows = ledger.erasable_of(batch, headers, whole=True)
        if not rows:
            return
        since, begun = [
            (at, event)
            for at, event in ledger.events(HeadersExchanging)
            if (event.number, event.batch) == (self._number, batch)
        ][-1]
        self._renewing.look_up(rows)
        for row in rows:
            with suppress(AccessDenied) if self._giving_up else nullcontext():
                self._renewing.abort_leftovers(self._route(row), row, since)
        stays = dict.fromkeys(begun.left, UNOPENED)
        if self._renewing.once:
            headers = self._begun_again(rows, headers, stays)
            ledger.exchange(self._number, batch, begun.last, headers, left=sorted(stays))
        self._settle(batch, begun.last, rows, headers, stays)

    def _begun_again(
        self, rows: Sequence[Verified], kept: Mapping[int, bytes], stays: dict[int, str]
    ) -> dict[int, bytes]:
        """Return the headers of what is written, and other ones for what is not."""
        headers = dict[int, bytes]()
        attempts = {row.id: self._entry(row).attempt + 1 for row in rows}

        def header(row: Verified) -> bytes:
            if self._renewing.is_written(self._route(row), row, attempts[row.id]):
                return kept[row.id]
            if self._giving_up:
                raise Stays(GIVEN_UP)
            return self._header(row)

        for row, found in self._each(header, rows):
            if isinstance(found, Stays):
                stays[row.id] = found.why
            else:
                headers[row.id] = found
        return headers

    def _portions(self, batch: str, *, ended: bool) -> Iterator[list[Verified]]:
        """Yield what was left before, and then what was not gone through yet."""
        ledger, so_far = self._ctx.ledger, RotationSoFar(self._ctx.ledger, self._number)
        last = so_far.last.get(batch, 0)
        if not ended:
            total = left_of(ledger, batch, last, apart=self._apart)
            self._ctx.progress.step(
                batch, self._renewing.step, objects=total.objects, size=total.size
            )
        for rows in staying(ledger, so_far, batch, apart=self._apart):
            yield from portions_of(rows)
        # Of one object it shows whether the host lets earlier versions go, before many follow it.
        most = 1 if self._thorough and not last else PORTION_OBJECTS
        while not ended and (rows := exchangeable(ledger, batch, last, most, apart=self._apart)):
            yield from portions_of(rows)
            last, most = rows[-1].id, PORTION_OBJECTS

    def _exchange(self, batch: str, rows: Sequence[Verified]) -> None:
        self._demand_going()
        self._demand_safe()
        headers, stays = dict[int, bytes](), dict[int, str]()
        taken = [row for row in rows if self._renewing.takes(row)]
        if self._giving_up:
            self._keep(batch, rows[-1].id, (), {row.id: GIVEN_UP for row in taken}, ())
            return
        self._renewing.look_up(taken)
        for row, found in self._each(self._header, taken):
            if isinstance(found, Stays):
                stays[row.id] = found.why
            else:
                headers[row.id] = found
        last = rows[-1].id
        if headers:
            self._ctx.ledger.exchange(self._number, batch, last, headers, left=sorted(stays))
        self._settle(batch, last, rows, headers, stays)

    def _settle(
        self,
        batch: str,
        last: int,
        rows: Sequence[Verified],
        headers: Mapping[int, bytes],
        stays: dict[int, str],
    ) -> None:
        """Write, prove, take the receipt, and let what went before go."""
        ready = [row for row in rows if row.id in headers]
        self._entries = {row.id: self._entry(row) for row in ready}
        made = []
        for row, found in self._each(lambda row: self._write(row, headers[row.id]), ready):
            if isinstance(found, Stays):
                stays[row.id] = found.why
            else:
                made.append(found)
        self._demand_going()
        proven = Proving(self._ctx, batch, self._renewing.step, made).run()
        renewed, lost = [], []
        for one in made:
            matched = proven.get(one.id)
            if matched is not None:
                renewed.append((one, matched))
            elif self._renewing.take_away(self._route(one.row), one.row, one.stored):
                stays[one.id] = DIFFERS
            else:
                lost.append(one.id)
        self._keep(batch, last, renewed, stays, lost)
        self._renewing.shelter(batch, [one.row for one, _ in renewed])
        whys = set[str]()
        for _, why in self._each(self._removal({one.id: one for one, _ in renewed}), rows):
            if isinstance(why, tuple):
                self._earlier.stays(*why)
                whys.add(why[1])
        if self._thorough:
            demand_gone(whys)
        self._ctx.progress.advance(len(rows), sum(row.size for row in rows))

    def _keep(
        self,
        batch: str,
        last: int,
        renewed: Sequence[tuple[MadeAnew, Matched]],
        stays: Mapping[int, str],
        lost: Sequence[int],
    ) -> None:
        ledger = self._ctx.ledger
        reported = ledger.told_of([one.id for one, matched in renewed if matched.beside])
        with ledger.whole():
            for one, matched in renewed:
                self._beside(one, matched, reported)
                self._renewing.keep(one.id, one.header)
            ledger.exchanged(
                self._number, batch, last, [one.row_of(matched) for one, matched in renewed],
                left=sorted(stays), lost=lost,
            )  # fmt: skip
        for number in (*(one.id for one, _ in renewed), *lost):
            self._left.pop(number, None)
        self._left.update(stays)

    def _beside(
        self, one: MadeAnew, matched: Matched, reported: Collection[tuple[int, str]]
    ) -> None:
        """Tell what is kept otherwise beside the bytes, unless that was found before."""
        for code, detail in matched.beside:
            if code is not Code.METADATA_RENAMED and (one.id, code) not in reported:
                self._ctx.ledger.finding(code, detail, dataset=one.dataset, entry=one.id)

    # --- one object ----------------------------------------------------------------------------

    def _each(
        self, act: Callable[[Verified], T], rows: Sequence[Verified]
    ) -> Iterator[tuple[Verified, T | Stays]]:
        """Act on objects side by side; what only one of them refuses leaves it as it is."""

        def one(row: Verified) -> T | Stays:
            try:
                return act(row)
            except Stays as why:
                return why
            except (AuthFailed, HostRefused, TargetFull):
                raise
            except Permanent:
                return Stays(REFUSED)

        if self._connections == 1:
            yield from [(row, one(row)) for row in rows]
            return
        with ThreadPoolExecutor(self._connections) as pool:
            yield from zip(rows, list(pool.map(one, rows)), strict=True)

    def _header(self, row: Verified) -> bytes:
        header = self._renewing.header_of(self._route(row), row)
        try:
            return self._rewrap(header)
        except UnsealFailed:
            raise Stays(UNOPENED) from None

    def _write(self, row: Verified, header: bytes) -> MadeAnew:
        entry = self._entries[row.id]
        stored = self._renewing.write(self._route(row), row, entry.attempt + 1, header)
        return MadeAnew(row=row, entry=entry, header=header, stored=stored)

    def _removal(
        self, made: Mapping[int, MadeAnew]
    ) -> Callable[[Verified], tuple[VersionPlace, str] | None]:
        """Return what removes the version that an object had, and says why if it is still there."""

        def remove(row: Verified) -> tuple[VersionPlace, str] | None:
            one = made.get(row.id)
            if one is None or row.version_id == one.stored.version_id:
                return None  # nothing is kept of what it was
            bucket, was = self._route(row).target.bucket, row.version_id or "null"
            place = VersionPlace(bucket, one.stored.key, was)
            why = self._earlier.remove(place, one.stored)
            return None if why is None else (place, why)

        return remove

    # --- small tools ---------------------------------------------------------------------------

    def _entry(self, row: Verified) -> Entry:
        found = self._ctx.ledger.find(row.dataset, row.key)
        assert found is not None, "it was read from the ledger"
        return found[0]

    def _route(self, row: Verified) -> Route:
        return self._ctx.route(self._datasets[row.dataset])
