"""What is approved of an erasure: which dataset, how much of it, and in spite of what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hdh_migrate.errors import Refused, UsageError
from hdh_migrate.evidence.signatures.approval_forms import Subject
from hdh_migrate.evidence.signatures.approval_stages import ApprovalStage
from hdh_migrate.pipeline.projections.standing import standing
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.approval_subjects import subject_of
from hdh_migrate.session.policy.erasure import GRANTS, ONLY_COPY, planned_erasure
from hdh_migrate.telemetry import counted, size_text

_SPITE = {
    ONLY_COPY: "although the target may be the only copy: after this nobody has the data",
    GRANTS: "although grants are in force: their readers can still open what was granted",
}


def erasure_here(
    desk: Desk, dataset: str, although: Sequence[str], bundle: Path | None
) -> tuple[Subject, list[str]]:
    """Return what an approval of an erasure is about, and in lines what is approved.

    Raises:
        UsageError: a bundle is given, or there is no such dataset.
        Refused: it was erased already, or has no packs.
        LedgerDamaged: the rows are not as the journal tells them.
    """
    if bundle is not None:
        raise UsageError("an erasure is approved beside the ledger, not from a bundle")
    ledger = desk.read_ledger()
    try:
        with ledger.snapshot():
            ledger.reconcile()
            erasure = planned_erasure(desk, ledger, dataset, although)
            if erasure.begun:
                raise Refused(
                    f"the erasure of dataset {dataset} was begun already",
                    hint="nothing was signed; it was approved, and needs no other approval",
                )
            now = standing(ledger.cutovers(), erasure.dataset.batch)
            subject = subject_of(desk, ledger, now, ApprovalStage.ERASE, erasure.request)
    finally:
        ledger.close()
    amount = f"{counted(erasure.objects, 'object')} ({size_text(erasure.bytes)})"
    return subject, [
        f"erase: dataset {dataset}, {amount}, in {counted(erasure.packs, 'header pack')}",
        "nobody will open them again, at the target or from the second copy; nothing takes it back",
        *(_SPITE[word] for word in erasure.although),
    ]
