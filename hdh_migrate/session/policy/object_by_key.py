"""Which object of a dataset somebody means who gives a key."""

from __future__ import annotations

from hdh_migrate.errors import UsageError
from hdh_migrate.model import AT_TARGET, DatasetRow, Entry, State
from hdh_migrate.model.naming import key_given
from hdh_migrate.pipeline.workers.work import Route
from hdh_migrate.ports.ledger import Ledger


def dataset_row(ledger: Ledger, name: str) -> DatasetRow:
    """Return a dataset of the plan as the ledger has it.

    Raises:
        UsageError: no run has begun its batch.
    """
    found = next((row for row in ledger.datasets() if row.name == name), None)
    if found is None:
        raise UsageError(f"nothing of dataset {name} was moved: no run has begun its batch")
    return found


def object_by_key(
    ledger: Ledger, dataset: int, route: Route, key: str
) -> tuple[Entry, State] | None:
    """Return the object of a key; None: there is none.

    Where each version of a name is an object, a name alone means the last one that the target has,
    and a name with a token in square brackets, as `ls --show-names` writes it, that version.
    """
    if not route.every_version:
        return ledger.find(dataset, key)
    found = ledger.find(dataset, key_given(key))
    if found is not None:
        return found
    named = ledger.named(dataset, key)
    there = [one for one in named if one[1] in AT_TARGET]
    best = there or named
    return best[-1] if best else None
