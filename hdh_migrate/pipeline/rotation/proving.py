"""Have objects that were written anew proven, by workers that can only read.

Each opens one with the identity that opens from now on, and compares the whole of it with what was
read from the source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, replace

from hdh_migrate.errors import Transient
from hdh_migrate.frozen import frozen
from hdh_migrate.model import Entry, RenewedRow, Role, Stored, Verdict, Verified
from hdh_migrate.orders import VerifyItem, VerifyOrder
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.dating import Dating
from hdh_migrate.pipeline.dispatch import Dispatcher
from hdh_migrate.pipeline.queue import Queue
from hdh_migrate.pipeline.verify.verify import ORDER_BYTES
from hdh_migrate.receipts import Failed, Lost, Matched, ObjectReceipt, Returned
from hdh_migrate.telemetry import counted


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
        """Bytes of the object in clear."""
        return self.row.size

    def row_of(self, matched: Matched) -> RenewedRow:
        """Return what the ledger has of it, once all of it was read."""
        assert matched.stored_sha256 is not None, "all of it was read"
        return RenewedRow(
            id=self.id, attempt=self.entry.attempt, stored_size=self.stored.size,
            stored_sha256=matched.stored_sha256, etag=self.stored.etag,
            version_id=self.stored.version_id, level=matched.level, at=matched.at,
        )  # fmt: skip


class Proving:
    """Has workers that can only read open what was written anew, and compare all of it."""

    def __init__(self, ctx: Context, batch: str, step: str, made: Sequence[MadeAnew]) -> None:
        self._ctx = ctx
        self._dispatch = Dispatcher(ctx, batch, step, sampled=False)
        self._datasets = {row.id: row for row in ctx.ledger.datasets(batch)}
        self._waiting = list(made)
        self._queue = Queue[MadeAnew](self._more, order_bytes=ORDER_BYTES)
        self._proven: dict[int, Matched] = {}
        self._unread = 0
        self._dated = Dating(ctx)

    def run(self) -> dict[int, Matched]:
        """Return what matched; what is not in it was read and is not the object.

        Raises:
            Transient: one could not be read, so that nobody knows; the same command goes on.
            AuthFailed, Interrupted, Fenced: it ended early.
        """
        self._dispatch.run(Role.PROVE, self._next, self._apply, self._lost)
        if self._unread:
            raise Transient(
                f"{counted(self._unread, 'object')} with new headers could not be read back",
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
        # All of it counts with its portion; what was counted of it on the way is taken back.
        self._dispatch.advance(0, 0, of=one.id)
        match receipt:
            case Returned():
                if not self._ctx.stop.is_set():
                    self._queue.again(one)
            case Matched() if receipt.stored_sha256 is not None:
                self._proven[one.id] = self._dated.of(receipt)
            case Failed() if receipt.verdict is not Verdict.UNVERIFIABLE:
                pass
            case _:
                self._unread += 1

    def _lost(self, lost: Lost) -> None:
        self._unread += len(self._queue.lost(lost))
