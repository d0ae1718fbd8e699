"""Datasets whose headers were erased: nobody can open them, and verbs that need headers say so."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from hdh_migrate.errors import Refused
from hdh_migrate.events.erasure import HeadersErased, HeadersErasing
from hdh_migrate.frozen import frozen
from hdh_migrate.ledger import SqliteLedger


@frozen
class DatasetErasure:
    """What the journal tells of one erasure."""

    began: str
    event: HeadersErasing
    ended: str | None
    """When it was last seen what is still there; None: it was not finished."""
    remaining: dict[str, int]


def erasures(ledger: SqliteLedger) -> dict[str, DatasetErasure]:
    """Return the erasure of each dataset that has one, by its name, in their order."""
    found: dict[str, DatasetErasure] = {}
    for at, event in ledger.told(HeadersErasing, HeadersErased):
        if isinstance(event, HeadersErasing):
            found[event.dataset] = DatasetErasure(began=at, event=event, ended=None, remaining={})
        elif isinstance(event, HeadersErased):
            one = found[event.dataset]
            found[event.dataset] = DatasetErasure(
                began=one.began, event=one.event, ended=at, remaining=dict(event.remaining)
            )
    return found


def demand_not_erased(ledger: SqliteLedger, datasets: Collection[str]) -> None:
    """Demand that none of some datasets was erased.

    Raises:
        Refused: one was, or is being erased.
    """
    known = erasures(ledger)
    for name in sorted(known.keys() & set(datasets)):
        raise Refused(
            said_of(name, known[name]), hint="nothing was touched; nobody can take it back"
        )


def demand_batches_not_erased(ledger: SqliteLedger, batches: Iterable[str]) -> None:
    """Demand that no dataset of some batches was erased.

    Raises:
        Refused: one was, or is being erased.
    """
    named = set(batches)
    for name, one in erasures(ledger).items():
        if one.event.batch in named:
            raise Refused(
                said_of(name, one), hint="nothing was touched; name the other batches with --batch"
            )


def said_of(name: str, one: DatasetErasure) -> str:
    """Return in one line that a dataset was erased, and when."""
    if one.ended is None:
        return (
            f"dataset {name} is being erased since {one.began[:10]}: the same"
            f' "hdh-migrate erase PLAN --dataset {name} --headers --execute" ends it'
        )
    return f"dataset {name} was erased on {one.ended[:10]}: its headers are gone, nobody opens it"
