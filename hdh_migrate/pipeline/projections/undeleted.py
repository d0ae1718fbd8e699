"""Whether a batch may be deleted at the source, so that nothing of it can be sent again."""

from __future__ import annotations

from hdh_migrate.errors import Refused
from hdh_migrate.events.cutover import Track
from hdh_migrate.pipeline.projections.erasure_progress import ErasureProgress
from hdh_migrate.pipeline.projections.standing import standing
from hdh_migrate.ports.ledger import Ledger

PUT_BACK = (
    "Make what was verified the current version at the target again, or put it back from a copy;"
    ' "verify PLAN --again" then says if it is right'
)
"""What can be done about an object that the target lost and the source deleted."""


def demand_undeleted(ledger: Ledger, batch: str) -> None:
    """Demand that nothing of a batch may have been deleted at the source.

    Raises:
        Refused: something may: what the target has lost could not be sent again.
    """
    if deletions(ledger, batch):
        raise Refused(
            f"batch {batch} is being deleted at the source, or was, so nothing of it can be sent"
            " again",
            hint=f"nothing was touched. {PUT_BACK}",
        )


def deletions(ledger: Ledger, batch: str) -> list[ErasureProgress]:
    """Return how far a batch is deleted at the source, for each track on which that has begun."""
    found = (standing(ledger.cutovers(), batch, track).erasure for track in Track)
    return [one for one in found if one.begun]
