"""What the customer attests of the target; apart, for `status` asks no more of a report's facts."""

from __future__ import annotations

from hdh_migrate.errors import PlanInvalid
from hdh_migrate.plan.attestation import load_attestation
from hdh_migrate.session.desk import Desk
from hdh_migrate.wiring.chosen import is_rehearsal


def attestation_of(desk: Desk) -> dict[str, object] | None:
    """Return what the customer attests of the target, None where nothing is or counts."""
    reference = desk.loaded.plan.target.attestation
    if reference is None or is_rehearsal(desk.loaded.plan, desk.loaded.base):
        return None  # a rehearsal is not attested, so nothing has judged the file
    try:
        loaded = load_attestation(desk.loaded.base / reference)
    except PlanInvalid:
        return None  # a signed waiver stood in for it, or it was taken away since: nothing to show
    return {
        "reference": reference,
        "sha256": loaded.sha256,
        **loaded.attestation.model_dump(mode="json"),
    }
