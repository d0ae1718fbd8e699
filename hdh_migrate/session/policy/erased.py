"""Datasets whose headers were erased: nobody can open them, and verbs that need headers say so."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from hdh_migrate.errors import Refused
from hdh_migrate.events.erasure import HeadersErased, HeadersErasing
from hdh_migrate.frozen import frozen
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.working_set import working_set


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


def left_alone(ledger: SqliteLedger, batches: Sequence[str]) -> list[str]:
    """Return, in words, which datasets of some batches steps leave alone, for they were erased.

    Raises:
        Refused: one is still being erased, or nothing is left that a step could work on.
    """
    known = [(name, one) for name, one in erasures(ledger).items() if one.event.batch in batches]
    under_way = [said_of(name, one) for name, one in known if one.ended is None]
    if under_way:
        raise Refused(
            under_way[0], hint="nothing was touched; other batches can be named with --batch"
        )
    if known and not any(working_set(ledger, one) for one in batches if ledger.datasets(one)):
        raise Refused(said_of(*known[0]), hint="nothing was touched; nobody can take it back")
    return [f"{said_of(name, one)}; it is left as it is" for name, one in known]


def said_of(name: str, one: DatasetErasure) -> str:
    """Return in one line that a dataset was erased, and when."""
    if one.ended is None:
        return (
            f"dataset {name} is being erased since {one.began[:10]}: the same"
            f' "hdh-migrate erase PLAN --dataset {name} --headers --execute" ends it'
        )
    return f"dataset {name} was erased on {one.ended[:10]}: its headers are gone, nobody opens it"
