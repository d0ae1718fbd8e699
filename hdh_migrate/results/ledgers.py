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


class AdoptionAhead(TypedDict):
    """What adopting a batch would read back at most: all that lies at its places at the target.

    `by_bundle` of these objects a bundle tells of; each of the others is read at the source, too.
    """

    batch: str
    objects: int
    bytes: int
    """As they are stored."""
    by_bundle: int


class AdoptForecast(TypedDict):
    """What an adoption would take; one listing of each place was asked for."""

    batches: list[AdoptionAhead]


class LedgerChecked(TypedDict):
    """A ledger that was checked as a whole, and how far its journal goes."""

    ledger: str | None
    events: int
    head: str
    objects: int
    bytes: int
