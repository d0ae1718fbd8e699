"""What is approved of an exchange of keys: from which to which, as the plan has it."""

from __future__ import annotations

from pathlib import Path

from hdh_migrate.errors import UsageError
from hdh_migrate.evidence.signatures.approvals import ApprovalStage, Subject
from hdh_migrate.pipeline.cutover.standing import standing
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.rotation import planned_exchange
from hdh_migrate.session.verbs.approve import subject_of


def rotation_here(desk: Desk, batch: str, bundle: Path | None) -> tuple[Subject, list[str]]:
    """Return what an approval of an exchange of keys is about, and in lines what it changes.

    Raises:
        UsageError: a bundle is given, or the plan exchanges no key.
        LedgerDamaged: the rows are not as the journal tells them.
        KeyUnavailable: a key file cannot be read.
    """
    if bundle is not None:
        raise UsageError(
            "an exchange of keys is approved beside the ledger, not from a bundle",
            hint="no bundle tells of keys that are to come",
        )
    desk.batches([batch])
    ledger = desk.read_ledger()
    try:
        with ledger.snapshot():
            ledger.reconcile()
            exchange = planned_exchange(desk, ledger)
            story = standing(ledger.cutovers(), batch)
            subject = subject_of(desk, ledger, story, ApprovalStage.ROTATE, exchange.request)
    finally:
        ledger.close()
    was, now = exchange.old.fingerprint, exchange.new.fingerprint
    return subject, [f"keys: {was} is replaced by {now}, for every object of the migration"]
