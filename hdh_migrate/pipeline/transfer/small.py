"""Small objects: each is one PUT, and many travel in one order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from hdh_migrate.model import MIB, SIDECAR, DatasetRow, Entry
from hdh_migrate.orders import OrderItem, PutOrder
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.dispatch import Dispatcher, unasked
from hdh_migrate.pipeline.ends import Ends
from hdh_migrate.pipeline.own_files.header_packs import HeaderPacks
from hdh_migrate.pipeline.own_files.own_files import OwnFiles
from hdh_migrate.pipeline.own_files.sidecar import Sidecars
from hdh_migrate.pipeline.queue import Deaths, Queue
from hdh_migrate.pipeline.verify.version_order import ready
from hdh_migrate.receipts import (
    Begun,
    Completed,
    Digested,
    Doubted,
    Drifted,
    Failed,
    Gone,
    Matched,
    ObjectReceipt,
    PartSent,
    Rechecked,
    Resumed,
    Returned,
    Sent,
)

CLAIM_OBJECTS = 256
ORDER_FILES = 2
"""Files of the tool's own that travel in one order: they are in it, and written down on the way."""
OWN_FILES, OWN_BYTES = 16, 16 * MIB
"""Files of the tool's own, and their bytes, from which on no other is made until one is sent: they
are held in memory."""
ORDER_BYTES = 16 * MIB


class Small:
    """The small objects of a batch on their way."""

    def __init__(
        self,
        ctx: Context,
        dispatch: Dispatcher,
        datasets: Mapping[int, DatasetRow],
        ends: Ends,
        deaths: Deaths,
    ) -> None:
        self._ctx, self._dispatch, self._datasets, self._ends = ctx, dispatch, datasets, ends
        self._own: tuple[OwnFiles, ...] = (Sidecars(ctx), HeaderPacks(ctx))
        self._bodies: dict[int, bytes] = {}
        """Of files of the tool's own that are under way, by the number of their row."""
        self._room = ORDER_FILES
        """Files of the tool's own that the order that is made now may still take."""
        self._queue = Queue[Entry](self._claim, order_bytes=ORDER_BYTES, deaths=deaths)

    def next(self) -> PutOrder | None:
        """Return the next order, None when nothing waits."""
        self._room = ORDER_FILES
        taken = self._queue.take()
        if not taken:
            return None
        dataset = self._datasets[taken[0].dataset]
        return PutOrder(
            dataset=dataset.name,
            objects=tuple(
                OrderItem(**self._ctx.about(entry, dataset), body=self._bodies.get(entry.id))
                for entry in taken
            ),
        )

    def _claim(self) -> list[Entry]:
        for dataset in self._datasets:
            kind = ready(self._ctx.route(self._datasets[dataset]), "small")
            found = self._ctx.ledger.todo(kind, dataset, CLAIM_OBJECTS)
            if found:
                ready_now = self._ready(dataset, found)
                return self._dispatch.claimed(ready_now) if ready_now else []
        return []

    def _ready(self, dataset: int, found: list[Entry]) -> list[Entry]:
        """Return what can be claimed: objects of the source, and then some files of ours."""
        if plain := [entry for entry in found if entry.obj.kind != SIDECAR]:
            return plain
        ready = []
        for entry in found[: self._room]:
            if len(self._bodies) >= OWN_FILES or sum(map(len, self._bodies.values())) >= OWN_BYTES:
                break
            fresh, body = self._made(self._datasets[dataset], entry)
            self._bodies[fresh.id] = body
            ready.append(fresh)
        self._room -= len(ready)
        return ready

    def _made(self, dataset: DatasetRow, entry: Entry) -> tuple[Entry, bytes]:
        key = entry.obj.key
        kind = next(files for files in self._own if key.startswith(files.prefix(dataset)))
        return kind.fresh(dataset, entry)

    def apply(self, receipt: ObjectReceipt) -> None:
        """Record the receipt of an object, unless its attempt is no longer current."""
        entry = self._queue.landed(receipt)
        if entry is None:
            return
        self._bodies.pop(entry.id, None)
        match receipt:
            case Sent():
                self._ctx.ledger.sent(entry, receipt)
                self._dispatch.advance(1, entry.obj.size)
            case Returned():
                self._ctx.ledger.unclaim(entry)
            case Drifted() | Failed():
                self._ends.take(entry, receipt)
            case (
                Begun() | PartSent() | Resumed() | Completed() | Gone()
                | Matched() | Doubted() | Rechecked() | Digested()
            ):  # fmt: skip
                raise unasked(receipt)
            case _:
                assert_never(receipt)
