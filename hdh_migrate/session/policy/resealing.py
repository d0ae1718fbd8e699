"""What must hold before every object is sealed anew, and how far that has come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from hdh_migrate.errors import Refused, UsageError
from hdh_migrate.events.cutover import Track
from hdh_migrate.events.rotation import DataKeysRotating
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.projections.standing import CutoverStage, standing
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.binding import bound_recipients
from hdh_migrate.session.policy.rotating import demand_no_rotation, last_rotation
from hdh_migrate.session.policy.rotation import DataKeyRotation, lacks_packs, unready

_STARTED = 'let it come to its end ("hdh-migrate cutover start PLAN --batch NAME")'
_BACK = '("hdh-migrate cutover rollback PLAN --batch NAME")'
UNDER_WAY: Final[Mapping[CutoverStage, str]] = {
    CutoverStage.SWITCHING: _STARTED,
    CutoverStage.SWITCHED: _STARTED,
    CutoverStage.OPEN: 'make it final ("hdh-migrate cutover finalize PLAN --batch NAME"), or go'
    f" back {_BACK}",
    CutoverStage.ROLLING_BACK: f"let it come to its end {_BACK}",
    CutoverStage.ERASING: "let the decommission come to its end"
    ' ("hdh-migrate decommission PLAN --batch NAME")',
}
"""Where a batch stands on approvals of its objects as they are, and what to do first."""


def demand_resealable(desk: Desk) -> None:
    """Demand that the plan seals, so that there is something to seal anew.

    Raises:
        Refused: it seals nothing.
    """
    if not desk.loaded.plan.seal.encrypts:
        raise Refused(
            "the plan seals nothing, so there is nothing to seal anew",
            hint="nothing was changed; seal.format says how a plan seals",
        )


def resealing_of(desk: Desk, ledger: SqliteLedger, *, again: bool) -> DataKeyRotation:
    """Return what a rotation of the data keys is: a new one, or the last that goes on.

    One that went through all objects is gone through once more, for what it left, unless another
    one is to begin (`again`).

    Raises:
        Refused: the plan does not seal so, or a recipient's key is being exchanged.
        UsageError: nothing is sealed yet.
    """
    demand_resealable(desk)
    last = last_rotation(ledger)
    if last is not None and isinstance(last[0], DataKeysRotating) and not (last[1] and again):
        return DataKeyRotation(
            number=last[0].number, recipients=last[0].recipients, begun=True, ended=last[1]
        )
    demand_no_rotation(ledger)
    bound = bound_recipients(ledger)
    if bound is None:
        raise UsageError(
            "nothing is sealed yet, so there is nothing to seal anew",
            hint='nothing was changed; "hdh-migrate status PLAN" says where each batch stands',
        )
    return DataKeyRotation(
        number=1 if last is None else last[0].number + 1, recipients=tuple(bound), begun=False,
        ended=False,
    )  # fmt: skip


def against_resealing(desk: Desk, ledger: SqliteLedger, asked: DataKeyRotation) -> Iterator[str]:
    """Say what ledger and plan have against it; nobody is asked."""
    yield from unready(desk, ledger, begun=asked.begun)
    if not asked.begun and desk.loaded.plan.seal.apart and lacks_packs(desk, ledger):
        yield (
            "header packs are not at the target as the ledger has them:"
            ' "hdh-migrate run PLAN" first'
        )
    cutovers = list(ledger.cutovers())
    for batch in dict.fromkeys(row.batch for row in ledger.datasets()):
        for track in Track:
            stage = standing(cutovers, batch, track).stage
            if stage in UNDER_WAY:
                yield (
                    f"the {track} of batch {batch} stands at {stage}, on approvals of the objects"
                    f" as they are: {UNDER_WAY[stage]} first"
                )
