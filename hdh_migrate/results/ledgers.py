"""Results of the verbs about the ledger: backup, check, adopt."""

from __future__ import annotations

from typing_extensions import TypedDict

from hdh_migrate.results.moves import DatasetStates


class LedgerCopy(TypedDict):
    """A copy of the ledger: where it is, how far its journal goes, which older copies went."""

    folder: str
    ledger: str | None
    events: int
    head: str
    bytes: int
    removed: list[str]


class AdoptedBatch(TypedDict):
    """What came of the objects of a batch under whose keys the target holds something.

    `by_bundle` are those of `adopted` that were compared with a bundle's digests, the others with
    the source; `joined` are those that only a bundle knows: the source has them no more.
    """

    batch: str
    adopted: int
    by_bundle: int
    unproved: int
    foreign: int
    joined: int


class Adopted(TypedDict):
    """What was adopted of each batch, where every dataset stands, and what comes next."""

    exit: int
    plan_digest: str
    datasets: list[DatasetStates]
    batches: list[AdoptedBatch]
    next: list[str]


class LedgerChecked(TypedDict):
    """A ledger that was checked as a whole, and how far its journal goes."""

    ledger: str | None
    events: int
    head: str
    objects: int
    bytes: int
