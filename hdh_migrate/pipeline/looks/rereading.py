"""Read verified objects of a batch again at the target, with the workers of the engine.

It walks the objects in the order of their ids and keeps no state of its own: who asks for it says
which objects are to be read, and takes what came of them in portions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from typing import ClassVar

from hdh_migrate.frozen import frozen, mutable_row
from hdh_migrate.model import DatasetRow, Role, Verified
from hdh_migrate.orders import RecheckItem, RecheckOrder
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.dispatch import Dispatcher
from hdh_migrate.pipeline.projections.readings import merged
from hdh_migrate.pipeline.queue import Queue
from hdh_migrate.pipeline.rules.placing import Placed
from hdh_migrate.pipeline.verify.verify import ORDER_BYTES
from hdh_migrate.pipeline.workers.rechecking import BESIDE, DIFFERS, GONE, UNPROVEN, UNREAD
from hdh_migrate.receipts import Lost, ObjectReceipt, Rechecked, Returned

STEP = "recheck"
PORTION_OBJECTS = 1000
PORTION_SECONDS = 5.0


@frozen
class RereadWanted:
    """One object to read, and how closely; `first` is the first id after the object before it."""

    row: Verified
    level: str
    first: int
    attempt: ClassVar[int] = 0
    """Verified objects have no attempts: reading again fences nothing."""

    @property
    def id(self) -> int:
        """The object's number in the ledger."""
        return self.row.id

    @property
    def dataset(self) -> int:
        """The ledger's number of the object's dataset."""
        return self.row.dataset

    @property
    def size(self) -> int:
        """Bytes at the source."""
        return self.row.size


@mutable_row
class Portion:
    """Some objects that were read, none of them before the moment `at`."""

    at: str = ""
    objects: int = 0
    size: int = 0
    differing: dict[int, str] = field(default_factory=dict)
    """What is wrong, by object id."""
    taken: list[RereadWanted] = field(default_factory=list)
    _spans: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def take(self, wanted: RereadWanted, at: str, code: str | None) -> None:
        """Count one object."""
        self.at = min(self.at or at, at)
        self.objects += 1
        self.taken.append(wanted)
        self.size += wanted.row.stored_size or 0
        self._spans.setdefault(wanted.level, []).append((wanted.first, wanted.row.id))
        if code is not None:
            self.differing[wanted.row.id] = code

    @property
    def ids(self) -> list[int]:
        """The objects' numbers, in the order in which they were read."""
        return [one.id for one in self.taken]

    def parted(self, which: Callable[[int], bool]) -> tuple[Portion, Portion]:
        """Return what was read of some objects, and of all others."""
        some, others = Portion(), Portion()
        for one in self.taken:
            part = some if which(one.id) else others
            part.take(one, self.at, self.differing.get(one.id))
        return some, others

    def spans(self) -> list[tuple[int, int, str]]:
        """Return (first id, last id, level) of what was read."""
        return [
            (first, last, level)
            for level, spans in sorted(self._spans.items())
            for first, last in merged(spans)
        ]


class Rereading:
    """Reads again what it is given; reading twice does no harm, so it has no intents."""

    def __init__(
        self,
        ctx: Context,
        batch: str,
        wanted: Iterator[RereadWanted],
        keep: Callable[[Portion], None],
        *,
        moment: Callable[[], str],
        sampled: bool,
        beside: bool = False,
    ) -> None:
        """`beside`: what stands beside the bytes is compared, too."""
        self._ctx, self._keep, self._moment, self._beside = ctx, keep, moment, beside
        self._dispatch = Dispatcher(ctx, batch, STEP, sampled=sampled)
        self._datasets: Mapping[int, DatasetRow] = {
            row.id: row for row in ctx.ledger.datasets(batch)
        }
        self._wanted = wanted
        self._queue = Queue[RereadWanted](self._more, order_bytes=ORDER_BYTES)
        self._begun: dict[int, str] = {}
        """No object under way was read before this moment."""
        self._portion, self._kept_at = Portion(), ctx.clock.monotonic()

    def run(self) -> None:
        """Read everything; what was read until an error is kept before it is raised.

        Raises:
            AuthFailed, Interrupted, Transient: it ended early; who asks again goes on.
        """
        try:
            self._dispatch.run(Role.PROVE, self._next, self._apply, self._lost)
        finally:
            self._hand_over()

    def _next(self) -> RecheckOrder | None:
        taken = self._queue.take()
        if not taken:
            return None
        self._begun.update(dict.fromkeys((one.id for one in taken), self._moment()))
        return RecheckOrder(
            dataset=self._datasets[taken[0].dataset].name, objects=tuple(map(self._item, taken))
        )

    def _item(self, wanted: RereadWanted) -> RecheckItem:
        row = wanted.row
        assert row.sha256 is not None, "only what is proven is read again"
        assert row.stored_size is not None
        assert row.stored_sha256 is not None
        assert row.etag is not None
        stamp = self._stamp(row) if self._beside else None
        return RecheckItem(
            id=row.id,
            attempt=wanted.attempt,
            key=row.key,
            size=row.size,
            version=row.version,
            md5=None,
            metadata={} if stamp is None else stamp.metadata,
            tags={} if stamp is None else stamp.tags,
            beside=stamp is not None,
            stored_size=row.stored_size,
            etag=row.etag,
            version_id=row.version_id,
            sha256=row.sha256,
            stored_sha256=row.stored_sha256,
            level=wanted.level,
            header=self._ctx.ledger.header(row.id),
        )

    def _stamp(self, row: Verified) -> Placed | None:
        """Return what was sent beside an object's bytes; None: the ledger has no such object."""
        found = self._ctx.ledger.find(row.dataset, row.key)
        if found is None:
            return None
        return self._ctx.placing(self._datasets[row.dataset]).of(found[0].obj)

    def _more(self) -> Iterable[RereadWanted]:
        for following in self._wanted:
            if following.row.proven:
                return (following,)
            # Nothing could say whether it is the same.
            self._took(following, self._moment(), UNPROVEN)
        return ()

    def _lost(self, lost: Lost) -> None:
        for one in self._queue.lost(lost):
            self._took(one, self._begun[one.id], UNREAD)

    def _apply(self, receipt: ObjectReceipt) -> None:
        receipt = self._dispatch.judged(receipt)
        wanted = self._queue.landed(receipt)
        if wanted is None:
            return
        if isinstance(receipt, Returned):
            self._queue.again(wanted)
        else:
            self._took(wanted, self._begun[wanted.id], _wrong(receipt))

    def _took(self, wanted: RereadWanted, at: str, code: str | None) -> None:
        self._begun.pop(wanted.id, None)
        self._portion.take(wanted, at, code)
        self._dispatch.advance(1, wanted.row.size)
        late = self._ctx.clock.monotonic() - self._kept_at >= PORTION_SECONDS
        if late or self._portion.objects >= PORTION_OBJECTS:
            self._hand_over()

    def _hand_over(self) -> None:
        portion, self._portion = self._portion, Portion()
        self._kept_at = self._ctx.clock.monotonic()
        if portion.objects:
            self._keep(portion)


def _wrong(receipt: ObjectReceipt) -> str | None:
    """Return what a receipt says is wrong with an object, None when it was read and is the one.

    Whatever else a worker makes of an object: it was not read, so it is not believed.
    """
    if not isinstance(receipt, Rechecked):
        return UNREAD
    return receipt.wrong if receipt.wrong in {None, GONE, DIFFERS, BESIDE} else UNREAD
