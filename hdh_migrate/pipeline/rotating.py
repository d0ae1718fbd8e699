"""Exchange the headers of all verified objects: portion by portion, resumable, each one proven.

A portion's story: its headers are read and made anew, and kept with the intent; the objects are
written under them; workers that can only read open each with the identity that opens from now on,
and compare the whole of it with what was read from the source; the rows change with the receipt;
and only then the earlier versions go. What is killed in between goes on with the headers that were
kept. docs/decisions/0070-keys-that-are-exchanged.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from hdh_migrate.codes import Code
from hdh_migrate.errors import (
    AuthFailed,
    HostRefused,
    Interrupted,
    Permanent,
    UnsealFailed,
)
from hdh_migrate.events.rotation import HeadersExchanged, HeadersExchanging, KeysRotated
from hdh_migrate.frozen import frozen
from hdh_migrate.model import Entry, RenewedRow, State, Tally, Verified
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.earlier_versions import UNVERIFIED, EarlierVersions, VersionPlace
from hdh_migrate.pipeline.proving import MadeAnew, Proving
from hdh_migrate.pipeline.renewing import DIFFERS, REFUSED, UNOPENED, Renewing, Stays
from hdh_migrate.pipeline.work import Route
from hdh_migrate.ports.ledger import Ledger
from hdh_migrate.receipts import Matched

STEP: Final = "rotate"
PORTION_OBJECTS: Final = 500
PORTION_BYTES: Final = 64 << 30
"""Stored bytes of a portion; that many are read back again at most after a kill."""

T = TypeVar("T")

Rewrap = Callable[[bytes], bytes]
"""Makes a header for the new recipients of one that opens; raises UnsealFailed."""


@frozen
class RotationDone:
    """What came of it: objects, those that stay as they were by why, and what remains."""

    objects: int
    left: Mapping[str, int]
    lost: int
    removed: int
    remaining: Mapping[str, int]


class RotationSoFar:
    """What the journal tells of one rotation."""

    def __init__(self, ledger: Ledger, number: int) -> None:
        self.objects = self.lost = 0
        self.last: dict[str, int] = {}
        """By batch: the last id that was gone through."""
        self.left: dict[str, set[int]] = {}
        for _, event in ledger.events(HeadersExchanged):
            if event.number == number:
                self.objects += len(event.ids)
                self.lost += len(event.lost)
                self.last[event.batch] = max(self.last.get(event.batch, 0), event.last)
                stay = self.left.setdefault(event.batch, set())
                stay.difference_update(event.ids, event.lost)
                stay.update(event.left)
        self.ended = any(event.number == number for _, event in ledger.events(KeysRotated))
        """Whether all objects were gone through once."""


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
    ) -> None:
        """Prepare.

        `apart`: headers are, so that only the tool's own files have theirs in front, and so many
        of them stay as they were (`headers_apart`); None: each object has its own in front.
        """
        self._ctx, self._number, self._rewrap = ctx, number, rewrap
        self._apart, self._shut = apart is not None, apart or 0
        self._connections = connections
        self._renewing, self._earlier = Renewing(ctx), EarlierVersions(ctx)
        self._datasets = {row.id: row for row in ctx.ledger.datasets()}
        self._reported = {(one["object"], one["code"]) for one in ctx.ledger.findings()}
        self._entries: dict[int, Entry] = {}
        """Of the portion."""
        self._left: dict[int, str] = {}

    def run(self) -> RotationDone:
        """Exchange every header, remove what went before, and tell the end.

        Raises:
            AuthFailed, HostRefused, Fenced, Interrupted, HeldUp, Transient: it ended early; the
                same command goes on.
        """
        ledger = self._ctx.ledger
        ended = RotationSoFar(ledger, self._number).ended
        for batch in dict.fromkeys(row.batch for row in self._datasets.values()):
            self._finish(batch)
            for portion in self._portions(batch, ended=ended):
                self._exchange(batch, portion)
            self._ctx.packs.copy(self._ctx, batch)
        self._earlier.sweep(
            self._datasets.values(), self._demand_going,
            place=lambda route: route.own_place if self._apart else route.target,
        )  # fmt: skip
        done = self._outcome()
        ledger.event(
            KeysRotated(
                number=self._number, objects=done.objects, left=sum(done.left.values()),
                lost=done.lost, removed=done.removed, remaining=done.remaining,
            )
        )  # fmt: skip
        ledger.commit()
        return done

    def _outcome(self) -> RotationDone:
        so_far = RotationSoFar(self._ctx.ledger, self._number)
        remaining = Counter(self._earlier.remaining)
        remaining[UNVERIFIED] = sum(
            self._ctx.ledger.tally(number, State.FAILED).objects for number in self._datasets
        )
        return RotationDone(
            objects=so_far.objects,
            left=Counter(self._left.values()) + Counter({UNOPENED: self._shut}),
            lost=so_far.lost,
            removed=self._earlier.removed,
            remaining=+remaining,
        )

    # --- portions ------------------------------------------------------------------------------

    def _finish(self, batch: str) -> None:
        """Go on with what a killed command had under way, under the headers that it kept."""
        ledger = self._ctx.ledger
        headers = ledger.exchanging()
        rows = ledger.erasable_of(batch, headers, whole=True)
        if not rows:
            return
        begun = [
            event
            for _, event in ledger.events(HeadersExchanging)
            if (event.number, event.batch) == (self._number, batch)
        ][-1]
        for row in rows:
            self._renewing.abort_leftovers(self._route(row), row)
        self._settle(batch, begun.last, rows, headers, dict.fromkeys(begun.left, UNOPENED))

    def _portions(self, batch: str, *, ended: bool) -> Iterator[list[Verified]]:
        """Yield what was left before, and then what was not gone through yet."""
        ledger, so_far = self._ctx.ledger, RotationSoFar(self._ctx.ledger, self._number)
        last = so_far.last.get(batch, 0)
        if not ended:
            total = left_of(ledger, batch, last, apart=self._apart)
            self._ctx.progress.step(batch, STEP, objects=total.objects, size=total.size)
        stay = sorted(so_far.left.get(batch, ()))
        for at in range(0, len(stay), PORTION_OBJECTS):
            yield from _cut(ledger.erasable_of(batch, stay[at : at + PORTION_OBJECTS], whole=True))
        while not ended and (rows := exchangeable(ledger, batch, last, apart=self._apart)):
            yield from _cut(rows)
            last = rows[-1].id

    def _exchange(self, batch: str, rows: Sequence[Verified]) -> None:
        self._demand_going()
        headers: dict[int, bytes] = {}
        stays: dict[int, str] = {}
        for row, found in self._each(self._header, rows):
            if isinstance(found, Stays):
                stays[row.id] = found.why
            else:
                headers[row.id] = found
        last = rows[-1].id
        if headers:
            ledger = self._ctx.ledger
            ledger.exchange(self._number, batch, last, headers, left=sorted(stays))
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
        proven = Proving(self._ctx, batch, STEP, made).run()
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
        self._ctx.packs.copy(self._ctx, batch)  # before what was goes: two places hold what is now
        for row, why in self._each(self._removal({one.id: one for one, _ in renewed}), rows):
            if isinstance(why, tuple):
                self._earlier.stays(*why)
            del row
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
        with ledger.whole():
            for one, matched in renewed:
                self._beside(one, matched)
            ledger.exchanged(
                self._number, batch, last, [_row(one, matched) for one, matched in renewed],
                left=sorted(stays), lost=lost,
            )  # fmt: skip
        for number in (*(one.id for one, _ in renewed), *lost):
            self._left.pop(number, None)
        self._left.update(stays)

    def _beside(self, one: MadeAnew, matched: Matched) -> None:
        """Tell what is kept otherwise beside the bytes, unless that was found before."""
        for code, detail in matched.beside:
            if code is not Code.METADATA_RENAMED and (one.id, code) not in self._reported:
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
            except (AuthFailed, HostRefused):
                raise
            except Permanent:
                return Stays(REFUSED)

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
            why = self._earlier.remove(place)
            return None if why is None else (place, why)

        return remove

    # --- small tools ---------------------------------------------------------------------------

    def _entry(self, row: Verified) -> Entry:
        found = self._ctx.ledger.find(row.dataset, row.key)
        assert found is not None, "it was read from the ledger"
        return found[0]

    def _route(self, row: Verified) -> Route:
        return self._ctx.route(self._datasets[row.dataset])

    def _demand_going(self) -> None:
        """Demand that nobody stops it.

        Raises:
            Interrupted, Fenced, HeldUp: somebody does; the same command goes on.
        """
        demand_going(self._ctx)


def demand_going(ctx: Context) -> None:
    """Demand that nobody stops an exchange of headers.

    Raises:
        Interrupted, Fenced, HeldUp: somebody does; the same command goes on.
    """
    if ctx.stop.is_set():
        raise Interrupted(
            "interrupted; what has its new header is in the ledger",
            hint="the same command goes on",
        )
    stopped = ctx.fenced() or ctx.course.stops()
    if stopped is not None:
        raise stopped


def exchangeable(ledger: Ledger, batch: str, after: int, *, apart: bool) -> list[Verified]:
    """Return some of what has its header in front of its body at the target, after an id."""
    if apart:
        return ledger.own_verified(batch, after, PORTION_OBJECTS)
    return ledger.erasable(batch, after, PORTION_OBJECTS, whole=True)


def left_of(ledger: Ledger, batch: str, after: int, *, apart: bool) -> Tally:
    """Return how much of that a batch has after an id."""
    if apart:
        return ledger.own_left(batch, after)
    return ledger.erasable_left(batch, after, whole=True)


def _cut(rows: Sequence[Verified]) -> Iterator[list[Verified]]:
    """Cut rows into portions that are not too large to be read back at once."""
    portion, size = list[Verified](), 0
    for row in rows:
        if portion and size + (row.stored_size or 0) > PORTION_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(row)
        size += row.stored_size or 0
    if portion:
        yield portion


def _row(one: MadeAnew, matched: Matched) -> RenewedRow:
    assert matched.stored_sha256 is not None, "all of it was read"
    return RenewedRow(
        id=one.id, attempt=one.entry.attempt, stored_size=one.stored.size,
        stored_sha256=matched.stored_sha256, etag=one.stored.etag,
        version_id=one.stored.version_id, level=matched.level, at=matched.at,
    )  # fmt: skip
