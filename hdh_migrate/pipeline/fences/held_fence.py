"""What a run asks of the fences that it holds: `fences.fencing` has those of real buckets."""

from __future__ import annotations

from typing import Protocol

from hdh_migrate.errors import Fenced
from hdh_migrate.frozen import frozen


class HeldFence(Protocol):
    """Whether this ledger may write at the target."""

    @property
    def lost(self) -> Fenced | None:
        """Why nothing may be written any more; None: it may, as far as is known without asking."""

    @property
    def settled(self) -> bool:
        """Whether `settle` returns at once."""

    @property
    def epoch(self) -> int:
        """In which epoch this ledger writes; see `pipeline.fences.fence`."""

    def settle(self) -> None:
        """Return when something may be written; called before the first write of a run.

        Raises:
            Fenced: somebody else's fence stands there by now; nothing was written.
            StorageError: it cannot be learned; the same again may learn it.
        """


@frozen
class NoFence:
    """Held by who writes nothing at the target."""

    epoch: int = 0
    lost: None = None
    settled: bool = True

    def settle(self) -> None:
        """Return at once."""
