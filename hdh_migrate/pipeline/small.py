"""Small objects: each is one PUT, and many travel in one order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hdh_migrate.model import MIB, DatasetRow, Entry
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.dispatch import Dispatcher
from hdh_migrate.pipeline.ends import Ends
from hdh_migrate.pipeline.queue import Deaths, Queue
from hdh_migrate.ports import Order

CLAIM_OBJECTS = 256
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
        self._queue = Queue[Entry](self._claim, order_bytes=ORDER_BYTES, deaths=deaths)

    def next(self) -> Order | None:
        """Return the next order, None when nothing waits."""
        taken = self._queue.take()
        if not taken:
            return None
        dataset = self._datasets[taken[0].dataset]
        objects = [self._ctx.item(entry, dataset) for entry in taken]
        return {"kind": "put", "dataset": dataset.name, "objects": objects}

    def _claim(self) -> list[Entry]:
        for dataset in self._datasets:
            found = self._ctx.ledger.todo("small", dataset, CLAIM_OBJECTS)
            if found:
                return self._dispatch.claimed(found)
        return []

    def apply(self, receipt: Mapping[str, Any]) -> None:
        """Write down what came of an object, unless nobody waits for it any more."""
        entry = self._queue.landed(receipt)
        if entry is None:
            return
        if receipt["kind"] == "sent":
            self._ctx.ledger.sent(entry, receipt)
            self._dispatch.advance(1, entry.obj.size)
        elif receipt["kind"] == "returned":
            self._ctx.ledger.unclaim(entry)
        elif receipt["kind"] in {"drifted", "failed"}:
            self._ends.take(entry, receipt)
