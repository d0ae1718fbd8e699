"""Which fidelity contract each dataset of a ledger was sealed with: the journal tells it."""

from __future__ import annotations

from hdh_migrate.events.inventory import FidelityChosen
from hdh_migrate.fidelity import Contract
from hdh_migrate.model import DatasetRow
from hdh_migrate.ports.ledger import Ledger


def contracts(ledger: Ledger) -> dict[str, Contract]:
    """Return the contracts by dataset; one that an earlier version sealed has none."""
    return {event.dataset: Contract.read(event.ways) for _, event in ledger.events(FidelityChosen)}


def choose(ledger: Ledger, dataset: DatasetRow, contract: Contract) -> None:
    """Tell with which contract a dataset is sealed; in the transaction of its seal."""
    ledger.event(FidelityChosen(dataset=dataset.name, ways=contract.as_ways()))
