"""Results of the verbs about the ledger: backup, adopt."""

from __future__ import annotations

from typing_extensions import TypedDict


class LedgerCopy(TypedDict):
    """A copy of the ledger: where it is, how far its journal goes, which older copies went."""

    folder: str
    ledger: str | None
    events: int
    head: str
    bytes: int
    removed: list[str]
