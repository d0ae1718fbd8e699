"""What a report tells of datasets whose headers were erased."""

from __future__ import annotations

from hdh_migrate.evidence.verifier.members import StatedErasure
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.session.policy.erased import erasures


def erasure_facts(ledger: SqliteLedger) -> list[StatedErasure]:
    """Return every erasure, the first one first, as the statement tells it."""
    return [
        {
            "dataset": name, "batch": one.event.batch, "began": one.began, "ended": one.ended,
            "objects": one.event.objects, "bytes": one.event.bytes, "packs": one.event.packs,
            "root": one.event.root, "versions": one.event.versions, "copies": one.event.copies,
            "headers": one.event.headers, "although": list(one.event.although),
            "approvals": list(one.event.approvals), "remaining": dict(one.remaining),
        }
        for name, one in erasures(ledger).items()
    ]  # fmt: skip
