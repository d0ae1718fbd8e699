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
from dataclasses import field, replace
from typing import Final, TypeVar

from hdh_migrate.codes import Code
from hdh_migrate.errors import (
    AccessDenied,
    AuthFailed,
    HostRefused,
    Interrupted,
    Permanent,
    Transient,
    UnsealFailed,
    Unsupported,
)
from hdh_migrate.events.rotation import HeadersExchanged, HeadersExchanging, KeysRotated
from hdh_migrate.frozen import frozen
from hdh_migrate.model import DatasetRow, Entry, RenewedRow, Role, State, Stored, Verdict, Verified
from hdh_migrate.orders import VerifyItem, VerifyOrder
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.dispatch import Dispatcher
from hdh_migrate.pipeline.queue import Queue
from hdh_migrate.pipeline.renewing import DIFFERS, REFUSED, UNOPENED, Renewing, Stays
from hdh_migrate.pipeline.tags import Tag
from hdh_migrate.pipeline.verify import ORDER_BYTES
from hdh_migrate.pipeline.work import Route
from hdh_migrate.ports.ledger import Ledger
from hdh_migrate.receipts import Failed, Lost, Matched, ObjectReceipt, Returned

STEP: Final = "rotate"
PORTION_OBJECTS: Final = 500
PORTION_BYTES: Final = 64 << 30
"""Stored bytes of a portion; that many are read back again at most after a kill."""

LOCKED: Final = "locked"
KEPT: Final = "kept"
UNLISTED: Final = "unlisted"
UNVERIFIED: Final = "unverified"
REMAINING: Final[Mapping[str, str]] = {
    LOCKED: "earlier versions that a lock, or a missing right, keeps from being removed",
    KEPT: "earlier versions that the host still shows though it said that they are gone",
    UNLISTED: "datasets whose earlier versions could not be listed",
    UNVERIFIED: "objects that are not verified, of which the target may hold something",
}
"""What the old key may open after all, by why it is still there."""

T = TypeVar("T")

Rewrap = Callable[[bytes], bytes]
"""Makes a header for the new recipients of one that opens; raises UnsealFailed."""


@frozen
class MadeAnew:
    """An object as it was written anew, on its way to be proven."""

    row: Verified
    entry: Entry
    """As it was verified before."""
    header: bytes = field(repr=False)
    stored: Stored

    @property
    def id(self) -> int:
        """The object's number in the ledger."""
        return self.row.id

    @property
    def attempt(self) -> int:
        """The attempt under which it was written anew."""
        return self.entry.attempt + 1

    @property
    def dataset(self) -> int:
        """The ledger's number of the object's dataset."""
        return self.row.dataset

    @property
    def size(self) -> int:
        """Bytes in clear."""
        return self.row.size


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

    def __init__(self, ctx: Context, number: int, rewrap: Rewrap, *, connections: int) -> None:
        self._ctx, self._number, self._rewrap = ctx, number, rewrap
        self._connections = connections
        assert ctx.writer is not None, "who exchanges headers can write"
        self._writer = ctx.writer
        self._renewing = Renewing(ctx)
        self._datasets = {row.id: row for row in ctx.ledger.datasets()}
        self._reported = {(one["object"], one["code"]) for one in ctx.ledger.findings()}
        self._entries: dict[int, Entry] = {}
        """Of the portion."""
        self._left: dict[int, str] = {}
        self._still: dict[tuple[str, str, str], str] = {}
        """Why versions are still there, by bucket, key and version."""
        self._unlisted = self._removed = 0

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
        self._sweep()
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
        remaining = Counter(self._still.values())
        remaining[UNLISTED] = self._unlisted
        remaining[UNVERIFIED] = sum(
            self._ctx.ledger.tally(number, State.FAILED).objects for number in self._datasets
        )
        return RotationDone(
            objects=so_far.objects,
            left=Counter(self._left.values()),
            lost=so_far.lost,
            removed=self._removed,
            remaining={name: count for name, count in remaining.items() if count},
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
            total = ledger.erasable_left(batch, last, whole=True)
            self._ctx.progress.step(batch, STEP, objects=total.objects, size=total.size)
        stay = sorted(so_far.left.get(batch, ()))
        for at in range(0, len(stay), PORTION_OBJECTS):
            yield from _cut(ledger.erasable_of(batch, stay[at : at + PORTION_OBJECTS], whole=True))
        while not ended and (rows := ledger.erasable(batch, last, PORTION_OBJECTS, whole=True)):
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
        proven = Proving(self._ctx, batch, made).run()
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
        for row, why in self._each(self._removal({one.id: one for one, _ in renewed}), rows):
            if isinstance(why, tuple):
                self._still[why[0]] = why[1]
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
    ) -> Callable[[Verified], tuple[tuple[str, str, str], str] | None]:
        """Return what removes the version that an object had, and says why if it is still there."""

        def remove(row: Verified) -> tuple[tuple[str, str, str], str] | None:
            one = made.get(row.id)
            if one is None or row.version_id == one.stored.version_id:
                return None  # nothing is kept of what it was
            bucket, key = self._route(row).target.bucket, one.stored.key
            why = self._remove(bucket, key, row.version_id or "null")
            return None if why is None else ((bucket, key, row.version_id or "null"), why)

        return remove

    def _remove(self, bucket: str, key: str, version_id: str) -> str | None:
        """Remove one version and look whether it is gone; return why it is not."""
        retry, writer = self._ctx.retry, self._writer
        try:
            retry(lambda: writer.remove_version(bucket, key, version_id))
        except AccessDenied:
            return LOCKED
        there = retry(lambda: writer.head(bucket, key, version_id=version_id))
        return None if there is None else KEPT

    # --- what went before ----------------------------------------------------------------------

    def _sweep(self) -> None:
        """Remove earlier versions of ours that are still there, of whichever attempt."""
        for dataset in self._datasets.values():
            try:
                self._swept(dataset)
            except AccessDenied:
                self._unlisted += 1
            except Unsupported:
                pass  # a host that knows no versions keeps none

    def _swept(self, dataset: DatasetRow) -> None:
        route, ledger = self._ctx.route(dataset), self._ctx.ledger
        if not (self._writer.keeps_versions(route.target) or ledger.has_versions(dataset.id)):
            return
        for one in self._writer.versions(route.target):
            name = None if one.marker or one.latest else route.source_key(one.key)
            found = None if name is None else ledger.find(dataset.id, name)
            if found is None:
                continue
            entry, state = found
            if state is not State.VERIFIED or entry.version_id in {None, one.version_id}:
                continue
            self._demand_going()
            place = (route.target.bucket, one.key, one.version_id)
            why = None if place in self._still else self._cleared(*place)
            if why is not None:
                self._still[place] = why

    def _cleared(self, bucket: str, key: str, version_id: str) -> str | None:
        """Remove a version if it is ours; return why it is still there."""
        there = self._ctx.retry(lambda: self._writer.head(bucket, key, version_id=version_id))
        tag = None if there is None else Tag.of(there)
        if tag is None or (tag.ledger != self._ctx.run_tag and tag.ledger not in self._ctx.adopted):
            return None  # gone meanwhile; or nobody of us sealed it, and no key of ours opens it
        why = self._remove(bucket, key, version_id)
        self._removed += why is None
        return why

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
        ctx = self._ctx
        if ctx.stop.is_set():
            raise Interrupted(
                "interrupted; what has its new header is in the ledger",
                hint="the same command goes on",
            )
        stopped = ctx.fenced() or ctx.course.stops()
        if stopped is not None:
            raise stopped


class Proving:
    """Has workers that can only read open what was written anew, and compare all of it."""

    def __init__(self, ctx: Context, batch: str, made: Sequence[MadeAnew]) -> None:
        self._ctx = ctx
        self._dispatch = Dispatcher(ctx, batch, STEP, sampled=False)
        self._datasets = {row.id: row for row in ctx.ledger.datasets(batch)}
        self._waiting = list(made)
        self._queue = Queue[MadeAnew](self._more, order_bytes=ORDER_BYTES)
        self._proven: dict[int, Matched] = {}
        self._unread = 0

    def run(self) -> dict[int, Matched]:
        """Return what matched; what is not in it was read and is not the object.

        Raises:
            Transient: one could not be read, so that nobody knows; the same command goes on.
            AuthFailed, Interrupted, Fenced: it ended early.
        """
        self._dispatch.run(Role.PROVE, self._next, self._apply, self._lost)
        if self._unread:
            raise Transient(
                f"{self._unread} objects with new headers could not be read back",
                hint="nothing is lost: their earlier versions were not touched; the same command"
                " goes on",
            )
        return self._proven

    def _more(self) -> list[MadeAnew]:
        waiting, self._waiting = self._waiting, []
        return waiting

    def _next(self) -> VerifyOrder | None:
        taken = self._queue.take()
        if not taken:
            return None
        name = self._datasets[taken[0].dataset].name
        return VerifyOrder(dataset=name, objects=tuple(map(self._item, taken)))

    def _item(self, one: MadeAnew) -> VerifyItem:
        about = self._ctx.about(
            replace(one.entry, attempt=one.attempt), self._datasets[one.dataset]
        )
        about["md5"] = None
        return VerifyItem(
            **about,
            stored_size=one.stored.size, etag=one.stored.etag, version_id=one.stored.version_id,
            sha256=one.row.sha256, sealed_sha256=None, header=one.header, alone=True,
        )  # fmt: skip

    def _apply(self, receipt: ObjectReceipt) -> None:
        receipt = self._dispatch.judged(receipt)
        one = self._queue.landed(receipt)
        if one is None:
            return
        match receipt:
            case Returned():
                if not self._ctx.stop.is_set():
                    self._queue.again(one)
            case Matched() if receipt.stored_sha256 is not None:
                self._proven[one.id] = receipt
            case Failed() if receipt.verdict is not Verdict.UNVERIFIABLE:
                pass
            case _:
                self._unread += 1

    def _lost(self, lost: Lost) -> None:
        self._unread += len(self._queue.lost(lost))


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
