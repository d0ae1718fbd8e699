"""Withdrawals of approvals in the journal: files beside the ledger go back with an older copy.

Whoever judges an approval has the journal tell of them, too. But until then nobody could see that
a state folder from before one was put back, in which what was taken back counts again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from hdh_migrate.errors import KeyUnavailable, UsageError
from hdh_migrate.events.consent import CutoverApprovalWithdrawn
from hdh_migrate.events.cutover import Track
from hdh_migrate.evidence.signatures.approval_forms import read_withdrawal
from hdh_migrate.evidence.signatures.approvals import withdrawals
from hdh_migrate.evidence.signatures.dsse import SignedEnvelope
from hdh_migrate.evidence.signatures.signing import TrustedKey
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.projections.standing import standing
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.kept_approvals import kept_approvals, shelf
from hdh_migrate.session.policy.terms import terms_of, verifiers


def note_withdrawals(desk: Desk, ledger: SqliteLedger) -> None:
    """Let the journal tell of each withdrawal that is kept here, once; commits.

    One counts that is signed by a key which its batch's terms ask, or those of the plan.
    """
    kept = defaultdict[str, list[tuple[str, SignedEnvelope]]](list)
    for name, envelope in kept_approvals(shelf(desk)):
        if (said := read_withdrawal(envelope)) is not None:
            kept[said["batch"]].append((name, envelope))
    for batch, envelopes in kept.items():
        now = standing(ledger.cutovers(), batch)
        asked = [] if now.terms is None else verifiers(now.terms.approvers)
        found = withdrawals(envelopes, [*asked, *_planned(desk, batch)])
        for approval, key in sorted(found - now.withdrawn):
            ledger.event(
                CutoverApprovalWithdrawn(
                    batch=batch, track=Track.CUTOVER, approval=approval, key=key
                )
            )
    ledger.commit()


def _planned(desk: Desk, batch: str) -> Iterator[TrustedKey]:
    """Yield the keys that the plan asks for a batch; none where they cannot be read."""
    try:
        yield from verifiers(terms_of(desk.loaded, batch).approvers)
    except (KeyUnavailable, UsageError):
        return  # whoever needs them is told so
