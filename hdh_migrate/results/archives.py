"""Results of the verb that brings archived objects back: rehydrate."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict


class ArchivedDataset(TypedDict):
    """What of a dataset is archived; `larger`: of a size for which no time is known."""

    dataset: str
    batch: str
    objects: int
    bytes: int
    larger: int


class RehydrationCost(TypedDict):
    """What it costs by a dated list, or by the plan's own prices; `amount` is None unless known."""

    amount: float | None
    known: bool
    currency: str
    per_gb: float | None
    per_10000: float | None
    as_of: str | None
    source: str


class RehydrationForecast(TypedDict):
    """What is archived, how long it takes to come back at most (None: unknown), what it costs."""

    executed: Literal[False]
    datasets: list[ArchivedDataset]
    objects: int
    bytes: int
    tier: str
    priority: str
    hours_at_most: float | None
    hours_from: str
    cost: RehydrationCost
    notes: list[str]


class Rehydrated(TypedDict):
    """What came of asking: `readable` were sent, `moot` are gone or changed, `coming` still wait.

    `archived_again`: were asked for, and are archived without being on their way.
    """

    executed: Literal[True]
    asked: int
    coming: int
    readable: int
    moot: int
    refused: dict[str, int]
    archived_again: int
    exit: int
