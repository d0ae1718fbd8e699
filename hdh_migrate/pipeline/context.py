"""What every step of one run shares."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from hdh_migrate.clocks import Judge
from hdh_migrate.codes import Code
from hdh_migrate.events.event import Event
from hdh_migrate.events.inventory import InventoryCounts
from hdh_migrate.events.registry import CutoverEvent, UnknownOfCutover
from hdh_migrate.model import (
    Claimed,
    DatasetRow,
    Entry,
    Listed,
    ObjectInfo,
    OpenUpload,
    PartPlan,
    PartReceipt,
    Pinned,
    Role,
    State,
    Tally,
    TargetLimits,
    Verified,
)
from hdh_migrate.pipeline.cutting import cut
from hdh_migrate.pipeline.retrying import Retrying
from hdh_migrate.pipeline.selecting import Rules, portable_metadata, portable_tags
from hdh_migrate.pipeline.work import Route
from hdh_migrate.ports import Clock, Engine, Progress, Source, TargetReader, TargetWriter

if TYPE_CHECKING:
    from hdh_migrate.orders import About
    from hdh_migrate.receipts import EndpointTraffic, Matched, Sent


class Ledger(Protocol):
    """What the steps ask of the ledger; see hdh_migrate.ledger for the promises."""

    pending: int

    def whole(self) -> AbstractContextManager[None]: ...
    def commit(self) -> None: ...
    def event(self, event: Event) -> None: ...
    def meta(self, name: str) -> str | None: ...
    def set_meta(self, name: str, value: str) -> None: ...
    def cutovers(self) -> Iterator[tuple[str, str, CutoverEvent | UnknownOfCutover]]: ...
    def reconcile(self) -> None: ...
    def datasets(self, batch: str | None = None) -> list[DatasetRow]: ...
    def tally(self, dataset: int, *states: State) -> Tally: ...
    def add_page(self, dataset: int, page: Iterable[Listed], marker: str | None) -> None: ...
    def restart_listing(self, dataset: int) -> None: ...
    def seal(self, dataset: int, told: InventoryCounts) -> None: ...
    def surveyed(self, dataset: int) -> None: ...
    def occupied(self, dataset: int, key: str) -> bool: ...
    def collisions(self) -> list[tuple[int, int]]: ...
    def refuse(self, entry: int, dataset: int, code: str) -> bool: ...
    def todo(self, kind: str, dataset: int, *more: int) -> list[Entry]: ...
    def claim(self, entry: Entry) -> None: ...
    def unclaim(self, entry: Entry) -> None: ...
    def sent(self, entry: Entry, receipt: Sent) -> bool: ...
    def drifted(self, entry: Entry, obj: ObjectInfo, parts: int) -> int: ...
    def failed(self, entry: Entry, old: State, code: str, verdict: str | None) -> None: ...
    def amend(self, entry: Entry, obj: ObjectInfo, parts: int) -> None: ...
    def retry_failed(self, dataset: int) -> int: ...
    def begun(self, upload: OpenUpload) -> None: ...
    def upload(self, entry: int) -> OpenUpload | None: ...
    def drop_upload(self, entry: int) -> None: ...
    def seals(self, entry: int, number: int, size: int, sha256: str) -> bool: ...
    def sealed(self, entry: int, number: int) -> list[tuple[int, str]]: ...
    def add_part(self, entry: int, part: PartReceipt) -> None: ...
    def drop_part(self, entry: int, number: int) -> None: ...
    def parts(self, entry: int) -> list[PartReceipt]: ...
    def note_foreign(self, upload_id: str) -> None: ...
    def is_foreign(self, upload_id: str) -> bool: ...
    def find(self, dataset: int, key: str) -> tuple[Entry, State] | None: ...
    def pinned(self, dataset: int, key: str) -> Pinned | None: ...
    def last_object(self) -> int: ...
    def failed_objects(self, dataset: int) -> list[int]: ...
    def erasable(self, batch: str, after: int, limit: int) -> list[Verified]: ...
    def erasable_of(self, batch: str, ids: Iterable[int]) -> list[Verified]: ...
    def erasable_left(self, batch: str, after: int) -> Tally: ...
    def close_finding(self, number: int) -> None: ...
    def update(
        self, dataset: int, new: Sequence[Listed], changed: Sequence[tuple[int, Listed]]
    ) -> None: ...
    def adorned(self, dataset: int) -> Iterator[dict[str, Any]]: ...
    def verified(self, entry: Entry, receipt: Matched) -> bool: ...
    def listing(self, dataset: int) -> Iterator[tuple[int, bytes, int, str, int, str | None]]: ...
    def claims(self, dataset: int) -> Iterator[Claimed]: ...
    def doubted(self, dataset: int) -> list[str]: ...
    def records(self, dataset: int) -> Iterator[dict[str, Any]]: ...
    def findings(self, *, severity: str | None = None) -> Iterator[dict[str, Any]]: ...
    def sample(self, batch: str, step: str, objects: int, size: int) -> None: ...
    def finding(
        self,
        code: Code,
        detail: str,
        *,
        dataset: int | None = None,
        entry: int | None = None,
    ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRules:
    """What the plan says of one dataset, ready for use."""

    rules: Rules
    allow_empty: bool
    live: bool
    compare_md5: bool = True


IDLE_GRACE_SECONDS = 30.0
"""How long workers without work may take to end before they are killed."""


class Engines:
    """Keeps the engine of the role at work for all its steps; a stopped one is replaced.

    The processes of one role are gone before those of the other start, so that two roles take no
    more of the machine than one (docs/decisions/0033-movers-and-provers.md).
    """

    def __init__(self, make: Callable[[Role], Engine]) -> None:
        self._make = make
        self._role: Role | None = None
        self._engine: Engine | None = None
        self.traffic: list[EndpointTraffic] = []

    def get(self, role: Role) -> Engine:
        """Return the engine of a role, in the place of any other; nothing may be under way."""
        if role is not self._role:
            self.drop(grace=IDLE_GRACE_SECONDS)
        if self._engine is None:
            self._engine, self._role = self._make(role), role
        return self._engine

    def drop(self, *, grace: float) -> None:
        """End the engine, keeping what it told of its traffic."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close(grace=grace)
            self.traffic.extend(engine.traffic())


@dataclass(slots=True, kw_only=True)
class Context:
    """One run of one plan."""

    ledger: Ledger
    source: Source
    reader: TargetReader
    writer: TargetWriter | None
    limits: TargetLimits
    routes: Mapping[str, Route]
    rules: Mapping[str, DatasetRules]
    header: int
    sealed: bool
    level: str
    run_tag: str
    retry: Retrying
    clock: Clock
    judge: Judge
    progress: Progress
    stop: threading.Event
    engines: Engines

    def about(self, entry: Entry, dataset: DatasetRow) -> About:
        """Return what orders say of an entry: with what the target can keep beside the bytes.

        The source's MD5 is left out where the plan says to ignore it.
        """
        obj = entry.obj
        return {
            "id": entry.id,
            "attempt": entry.attempt,
            "key": obj.key,
            "size": obj.size,
            "version": obj.version,
            "md5": obj.md5 if self.rules[dataset.name].compare_md5 else None,
            "metadata": portable_metadata(obj, self.limits) or {},
            "tags": portable_tags(obj, self.limits) or {},
        }

    def cut(self, size: int) -> PartPlan:
        """Return how an object of so many bytes is cut for the target.

        Raises:
            Unsupported: the target cannot hold it, however it is cut.
        """
        return cut(size, self.limits, header=self.header, sealed=self.sealed)

    def route(self, dataset: DatasetRow) -> Route:
        """Return where a dataset comes from and goes to."""
        return self.routes[dataset.name]


def names(datasets: Sequence[DatasetRow]) -> dict[int, str]:
    """Return the datasets' names by id."""
    return {dataset.id: dataset.name for dataset in datasets}
