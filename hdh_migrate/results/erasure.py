"""Results of erasing what opens a dataset."""

from __future__ import annotations

from typing_extensions import TypedDict


class ErasureForecast(TypedDict):
    """What would be erased, and what stands against it."""

    dataset: str
    batch: str
    objects: int
    """That nobody could open any more."""
    bytes: int
    packs: int
    copies: int
    """Files at the place of the second copy."""
    request: str
    """What an approval of it is bound to."""
    although: list[str]
    begun: bool
    ended: bool
    """Whether it came to its end; the same command looks again at what is still there."""
    blockers: list[str]


class DatasetErased(TypedDict):
    """What was erased, and what remains."""

    dataset: str
    batch: str
    objects: int
    bytes: int
    packs: int
    versions: int
    """Of them at the target, with earlier ones and markers."""
    copies: int
    headers: int
    """In the ledger."""
    approvals: list[str]
    """Fingerprints of the keys that approved it."""
    remaining: dict[str, int]
    """What both places still show, by why."""
    remains: list[str]
    """In words: what is still there, and what nobody here can see."""
