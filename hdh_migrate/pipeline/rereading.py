"""Read verified objects of a batch again at the target, with the workers of the engine.

It walks the objects in the order of their ids and keeps no state of its own: who asks for it says
which objects are to be read, and takes what came of them in portions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hdh_migrate.model import DatasetRow, Verified
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.cutover.readings import merged
from hdh_migrate.pipeline.dispatch import Dispatcher
from hdh_migrate.pipeline.rechecking import UNPROVEN, UNREAD
from hdh_migrate.pipeline.verify import ORDER_BYTES, ORDER_OBJECTS
from hdh_migrate.ports import Order

STEP = "recheck"
PORTION_OBJECTS = 1000
PORTION_SECONDS = 5.0
LOSSES_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One object to read, and how closely; `first` is the first id after the object before it."""

    row: Verified
    level: str
    first: int


@dataclass(slots=True)
class Portion:
    """Some objects that were read, none of them before the moment `at`."""

    at: str = ""
    objects: int = 0
    size: int = 0
    differing: dict[int, str] = field(default_factory=dict)
    """What is wrong, by object id."""
    ids: list[int] = field(default_factory=list)
    _spans: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def take(self, wanted: Wanted, at: str, code: str | None) -> None:
        """Count one object."""
        self.at = min(self.at or at, at)
        self.objects += 1
        self.ids.append(wanted.row.id)
        self.size += wanted.row.stored_size or 0
        self._spans.setdefault(wanted.level, []).append((wanted.first, wanted.row.id))
        if code is not None:
            self.differing[wanted.row.id] = code

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
        wanted: Iterator[Wanted],
        keep: Callable[[Portion], None],
        *,
        moment: Callable[[], str],
        sampled: bool,
    ) -> None:
        self._ctx, self._keep, self._moment = ctx, keep, moment
        self._dispatch = Dispatcher(ctx, batch, STEP, sampled=sampled)
        self._datasets: Mapping[int, DatasetRow] = {
            row.id: row for row in ctx.ledger.datasets(batch)
        }
        self._wanted = wanted
        self._waiting: deque[Wanted] = deque()
        self._flying: dict[int, tuple[Wanted, str]] = {}
        self._losses: dict[int, int] = {}
        self._portion, self._kept_at = Portion(), ctx.clock.monotonic()

    def run(self) -> None:
        """Read everything; what was read until an error is kept before it is raised.

        Raises:
            AuthFailed, Interrupted, Transient: it ended early; who asks again goes on.
        """
        try:
            self._dispatch.run(self._next, self._apply)
        finally:
            self._hand_over()

    def _next(self) -> Order | None:
        if not self._peek():
            return None
        first, at = self._waiting[0], self._moment()
        taken, size = list[Wanted](), 0
        while self._peek() and len(taken) < ORDER_OBJECTS and size < ORDER_BYTES:
            one = self._waiting[0]
            if one.row.dataset != first.row.dataset or (one.row.id in self._losses and taken):
                break
            taken.append(self._waiting.popleft())
            size += one.row.size
        self._flying.update((one.row.id, (one, at)) for one in taken)
        return {
            "kind": "recheck",
            "dataset": self._datasets[first.row.dataset].name,
            "objects": [_item(one) for one in taken],
        }

    def _peek(self) -> bool:
        while not self._waiting and (following := next(self._wanted, None)) is not None:
            if following.row.proven:
                self._waiting.append(following)
            else:  # nothing could say whether it is the same
                self._flying[following.row.id] = (following, self._moment())
                self._done(following.row.id, UNPROVEN)
        return bool(self._waiting)

    def _apply(self, receipt: Mapping[str, Any]) -> None:
        if receipt["kind"] == "lost":
            self._lost(receipt["lost"])
            return
        receipt = self._dispatch.judged(receipt)
        if receipt["kind"] == "returned":
            if (flown := self._flying.pop(receipt["id"], None)) is not None:
                self._waiting.appendleft(flown[0])
        elif receipt["kind"] in {"reread", "failed"}:
            # Whatever else a worker makes of an object: it was not read, so it is not believed.
            code = receipt.get("code")
            self._done(receipt["id"], code if code is None or "target-" in code else UNREAD)

    def _done(self, number: int, code: str | None) -> None:
        flown = self._flying.pop(number, None)
        if flown is None:
            return
        wanted, at = flown
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

    def _lost(self, order: Mapping[str, Any]) -> None:
        for one in order["objects"]:
            losses = self._losses[one["id"]] = self._losses.get(one["id"], 0) + 1
            if losses >= LOSSES_MAX:
                self._done(one["id"], UNREAD)
            elif (flown := self._flying.pop(one["id"], None)) is not None:
                self._waiting.append(flown[0])


def _item(wanted: Wanted) -> dict[str, Any]:
    row = wanted.row
    return {
        "id": row.id,
        "attempt": 0,  # verified objects have no attempts: reading again fences nothing
        "key": row.key,
        "size": row.size,
        "version": row.version,
        "sha256": row.sha256,
        "stored_size": row.stored_size,
        "stored_sha256": row.stored_sha256,
        "etag": row.etag,
        "version_id": row.version_id,
        "level": wanted.level,
    }
