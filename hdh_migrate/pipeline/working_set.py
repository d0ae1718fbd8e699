"""The datasets of a batch that steps work on: all but those whose headers were erased.

Nobody opens what was erased, so nothing of it is listed, sent, read or mended again; its rows and
the manifest keep what they say. The other datasets of the batch go on (issue 19).
"""

from __future__ import annotations

from hdh_migrate.model import DatasetRow
from hdh_migrate.ports.ledger import Ledger


def working_set(ledger: Ledger, batch: str) -> list[DatasetRow]:
    """Return the datasets of a batch whose headers nobody erased, in the ledger's order."""
    erased = ledger.erased()
    return [row for row in ledger.datasets(batch) if row.id not in erased]
